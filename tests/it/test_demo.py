# SPDX-License-Identifier: Apache-2.0
"""make demo, as a newcomer runs it: it ends well and leaves nothing, also
when it is interrupted.
"""
import glob
import os
import shutil
import signal
import subprocess

import pytest

from berthlib import BUILD, PATIENCE_S, SAN, WORK

DEMO = os.path.join(os.path.dirname(__file__), "../demo/demo.sh")
LIMIT_S = 90 * (3 if SAN else 1)


def start(*prefix, demo=DEMO, build=BUILD, **env):
    """The demo without its build (the tests' build is there already)."""
    return subprocess.Popen(
        [*prefix, demo], env=dict(os.environ, BUILD=build, MAKE="true", **env),
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True, start_new_session=True)


# Somebody on this machine may be running the demo by hand.
OTHERS = glob.glob("/var/tmp/berth-demo.*")


def nothing_is_left():
    assert set(glob.glob("/var/tmp/berth-demo.*")) <= set(OTHERS)
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


def tree_for_everybody():
    """What the demo needs, where another user can read it: the checkout may
    lie in a directory that only its owner can enter."""
    tree = os.path.join(WORK, "tree")
    top = os.path.join(os.path.dirname(__file__), "../..")
    for part in ("tests/demo", "tests/lib", "packaging"):
        shutil.copytree(os.path.join(top, part), os.path.join(tree, part))
    os.mkdir(os.path.join(tree, "build"))
    for name in ("berthd", "berthctl"):
        shutil.copy(os.path.join(BUILD, name), os.path.join(tree, "build"))
    return tree


def test_demo_without_root():
    tree = tree_for_everybody()
    ends_well(start("setpriv", "--reuid=65534", "--regid=65534",
                    "--clear-groups", HOME="/nonexistent",
                    demo=os.path.join(tree, "tests/demo/demo.sh"),
                    build=os.path.join(tree, "build")))


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
