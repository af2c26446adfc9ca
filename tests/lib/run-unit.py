# SPDX-License-Identifier: Apache-2.0
"""Run cmocka programs, some at a time, and count their cases.

Each program gets a folder of its own as TMPDIR, a deadline, and one line of
report; the output of one that failed is shown whole. The sums go to --count
as "PASSED FAILED SKIPPED".
"""
import argparse
import concurrent.futures
import os
import re
import shlex
import signal
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
SANITIZERS = {
    "ASAN_OPTIONS": "abort_on_error=0:detect_leaks=1:strict_string_checks=1",
    "UBSAN_OPTIONS": "print_stacktrace=1",
    "TSAN_OPTIONS": f"suppressions={HERE}/tsan.supp:halt_on_error=1",
}


def count(word, text):
    """Sum over the groups of one program, e.g. '[  PASSED  ] 3 test(s)'."""
    return sum(int(n) for n in
               re.findall(r"\[ *%s *\] (\d+) test\(s\)" % word, text))


def finish(process, timeout):
    """Output and exit status; the whole group is ended at the deadline."""
    try:
        return process.communicate(timeout=timeout)[0], process.returncode
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        text = process.communicate()[0]
        return text + f"\nended after {timeout} s\n", -signal.SIGKILL


def run(program, wrap, timeout):
    started = time.monotonic()
    if not os.path.exists(program):
        return program, 0, 1, 0, 0, "it was not built"
    with tempfile.TemporaryDirectory(prefix="berth-unit-") as folder:
        env = {**SANITIZERS, **os.environ, "TMPDIR": folder}
        process = subprocess.Popen(
            wrap + [program], env=env, text=True, errors="replace",
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, start_new_session=True)
        text, status = finish(process, timeout)
    passed, failed = count("PASSED", text), count("FAILED", text)
    skipped = count("SKIPPED", text)
    if status != 0 and failed == 0:
        failed = 1  # it crashed, leaked or hung outside any case
    if passed + failed + skipped == 0:
        failed = 1
        text += "\nno case was run\n"
    return program, passed, failed, skipped, time.monotonic() - started, text


def report(result):
    program, passed, failed, skipped, seconds, text = result
    name = os.path.basename(program)
    print(f"{'FAIL' if failed else 'ok'} {name}: {passed} passed, "
          f"{failed} failed, {skipped} skipped, {seconds:.1f} s", flush=True)
    if failed:
        print(text, flush=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--timeout", type=float, default=60)
    parser.add_argument("--wrap", type=shlex.split, default=[])
    parser.add_argument("--count")
    parser.add_argument("programs", nargs="*")
    args = parser.parse_args()

    sums = [0, 0, 0]
    with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
        tasks = [pool.submit(run, p, args.wrap, args.timeout)
                 for p in args.programs]
        for task in concurrent.futures.as_completed(tasks):
            result = task.result()
            report(result)
            sums = [a + b for a, b in zip(sums, result[1:4])]
    if args.count:
        os.makedirs(os.path.dirname(args.count), exist_ok=True)
        with open(args.count, "w", encoding="ascii") as file:
            print(*sums, file=file)
    print(f"unit: {sums[0]} passed, {sums[1]} failed, {sums[2]} skipped")
    return 1 if sums[1] else 0


if __name__ == "__main__":
    sys.exit(main())
