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
MINUTES_8 = 480


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
                              timeout=MINUTES_8)
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
