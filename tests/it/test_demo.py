# SPDX-License-Identifier: Apache-2.0
"""make demo, as a newcomer runs it: it ends well and leaves nothing, also
when it is interrupted.
"""
import glob
import os
import signal
import subprocess

import pytest

from berthlib import BUILD, PATIENCE_S, SAN

DEMO = os.path.join(os.path.dirname(__file__), "../demo/demo.sh")
LIMIT_S = 90 * (3 if SAN else 1)


def start(*prefix, **env):
    """The demo without its build (the tests' build is there already)."""
    return subprocess.Popen(
        [*prefix, DEMO], env=dict(os.environ, BUILD=BUILD, MAKE="true", **env),
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True, start_new_session=True)


def nothing_is_left():
    assert glob.glob("/var/tmp/berth-demo.*") == []
    for name in glob.glob("/proc/[0-9]*/cmdline"):
        try:
            with open(name) as cmdline:
                assert "berth-demo" not in cmdline.read()
        except OSError:
            pass  # it ended meanwhile


@pytest.fixture(autouse=True)
def clean():
    nothing_is_left()
    yield
    nothing_is_left()


def ends_well(demo):
    output, _ = demo.communicate(timeout=LIMIT_S)
    assert demo.returncode == 0, output
    assert output.count("same address as before") == 2
    assert "$ berthctl disk plug" in output
    return output


def test_demo():
    ends_well(start())


def test_demo_without_root():
    ends_well(start("setpriv", "--reuid=65534", "--regid=65534",
                    "--clear-groups", HOME="/nonexistent"))


def test_demo_on_libvirtd(libvirtd):
    ends_well(start(URI=libvirtd.URI))
    assert libvirtd.virsh("list", "--all", "--name").stdout.strip() == ""


@pytest.mark.parametrize("line", ["$ berthctl vm create",
                                  "$ berthctl disk unplug",
                                  "$ berthctl vm destroy"])
def test_interrupted_demo(line):
    demo = start()
    for text in demo.stdout:
        if text.startswith(line):
            break
    os.killpg(demo.pid, signal.SIGINT)
    demo.communicate(timeout=PATIENCE_S)
    assert demo.returncode == 130
