# SPDX-License-Identifier: Apache-2.0
"""berthctl chaos: berthd dies at crash points and nothing is WRONG; and chaos
itself leaves nothing, however it ends.
"""
import json
import os
import signal
import subprocess

import berthlib
from berthlib import BUILD, LOGS, wait_for

CTL = os.path.join(BUILD, "berthctl")
LONGEST_S = 800  # two minutes where nobody else is
# Steps of an engine's verbs alone.
ENGINE = {"attach_nic", "detach_nic", "update_nic", "attach_memory",
          "detach_memory", "set_metadata", "set_live_vcpus", "set_ticket",
          "start_transient", "freeze", "thaw"}


def processes():
    """Command lines of what a chaos started; this is our own /proc."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/cmdline", errors="replace") as line:
                text = line.read()
        except OSError:
            continue
        if "/berth-chaos." in text:
            found.append(text)
    return found


def chaos(*options, name="chaos"):
    """Run it; exit code, cells, and what it said."""
    log = os.path.join(LOGS, f"{name}.log")
    with open(log, "w") as said:
        done = subprocess.run([CTL, "-o", "json", "chaos", *options],
                              stdin=subprocess.DEVNULL, stderr=said,
                              stdout=subprocess.PIPE, text=True,
                              timeout=LONGEST_S)
    assert processes() == []
    with open(log) as said:
        return done.returncode, json.loads(done.stdout), said.read()


def wrong(cells):
    return "\n".join(f"{c['verb']} at {c['point']}: {c['why']}\n{c['log']}"
                     for c in cells if c["verdict"] == "WRONG")


if berthlib.EMBED:
    def test_one_verb():
        code, cells, said = chaos("--verbs", "plug", "--points",
                                  "attach_disk.*.[ab]*", "--jobs", "1", name="one")
        assert wrong(cells) == ""
        assert code == 0, said
        verdicts = {c["point"]: c["verdict"] for c in cells}
        assert verdicts["attach_disk.journal.before:1"] == "rolled back"
        assert verdicts["attach_disk.commit.after:1"] == "same"

    def test_chaos_matrix():
        """Every crash point of every verb that chaos knows, and those are
        every crash point that there is."""
        code, cells, said = chaos("--jobs", "2", name="matrix")
        assert wrong(cells) == ""
        assert code == 0, said
        every = subprocess.run(
            [os.path.join(BUILD, "berthd"), "--dump-crash-points"],
            capture_output=True, text=True, check=True).stdout.split()
        passed = {c["point"].rsplit(":", 1)[0] for c in cells}
        # Only the last step of a plan replies, and only one that others
        # follow is undone.
        missing = {p for p in every
                   if ".undo." not in p and ".reply." not in p
                   and p.split(".")[0] not in ENGINE} - passed
        assert missing == set()

    def test_nothing_tried_proves_nothing():
        code, cells, _ = chaos("--verbs", "start", "--points", "no.such.point")
        assert (code, cells) == (1, [])

    def ended_by(signum):
        with subprocess.Popen([CTL, "chaos", "--verbs", "plug"],
                              stdin=subprocess.DEVNULL,
                              stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL) as child:
            wait_for(lambda: any("qemu-system" in p for p in processes()),
                     "a QEMU")
            child.send_signal(signum)
            code = child.wait(berthlib.PATIENCE_S)
        wait_for(lambda: processes() == [], "the end of what it started")
        return code

    def test_an_interrupt_leaves_nothing():
        assert ended_by(signal.SIGINT) == 1

    def test_a_kill_leaves_nothing():
        assert ended_by(signal.SIGKILL) == -signal.SIGKILL
