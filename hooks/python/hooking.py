# SPDX-License-Identifier: Apache-2.0
"""What a hook script in Python needs of berthd: the payload, the log, an end.

A script finds this module on its path; hooks/README.md has the contract. The
names are those that scripts written for VDSM call. What not every script needs
is imported where it is: a script runs while a VM waits for it.
"""
import os
import sys

_DOMXML = "_hook_domxml"
_JSON = "_hook_json"
_FLAGS = "_hook_launchflags"


def _path(variable):
    path = os.environ.get(variable)
    if not path:
        exit_hook("%s is not set: this point has no such payload" % variable)
    return path


def read_domxml():
    """The XML of the point as a minidom document."""
    from xml.dom import minidom
    with open(_path(_DOMXML), "rb") as source:
        return minidom.parseString(source.read())


def write_domxml(domxml):
    """Make a minidom document the payload of the next script."""
    with open(_path(_DOMXML), "wb") as target:
        target.write(domxml.toxml(encoding="utf-8"))


def read_json():
    """The JSON of the point as Python objects."""
    import json
    with open(_path(_JSON), encoding="utf-8") as source:
        return json.load(source)


def write_json(data):
    """Make Python objects the payload of the next script."""
    import json
    with open(_path(_JSON), "w", encoding="utf-8") as target:
        json.dump(data, target)


def log(message):
    """A line for berthd's log."""
    sys.stderr.write(str(message) + "\n")
    sys.stderr.flush()


def exit_hook(message, return_code=2):
    """End the script: 1 failed, others go on; 2 failed, no other runs."""
    if message is not None:
        log(message)
    sys.exit(return_code)


def tobool(value):
    """True for True, 1, "1", "true", "yes" and "on", in any case."""
    if isinstance(value, str):
        text = value.strip().lower()
        if text in ("true", "yes", "on"):
            return True
        try:
            return int(text) != 0
        except ValueError:
            return False
    return bool(value)


def execCmd(command, sudo=False, cwd=None, data=None, raw=False, env=None,
            **_ignored):
    """Run a program: (exit code, its stdout, its stderr).

    Outputs are lists of lines as bytes, or bytes with raw. The arguments are
    a list; no shell is involved. sudo is left out where it would do nothing.
    """
    import subprocess
    argv = [str(word) for word in command]
    if sudo and os.geteuid() != 0:
        argv = ["sudo", "-n"] + argv
    if isinstance(data, str):
        data = data.encode()
    done = subprocess.run(
        argv, cwd=cwd, env=env, input=data,
        stdin=None if data is not None else subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
    if raw:
        return done.returncode, done.stdout, done.stderr
    return (done.returncode, done.stdout.splitlines(),
            done.stderr.splitlines())


def load_vm_launch_flags_from_file(vm_id=None):
    """The flags with which the VM is about to start, a number."""
    with open(_path(_FLAGS), encoding="ascii") as source:
        return int(source.read())


def dump_vm_launch_flags_to_file(vm_id, flags):
    """Start the VM with these flags (before_vm_start): 1 is paused."""
    with open(_path(_FLAGS), "w", encoding="ascii") as target:
        target.write("%d\n" % int(flags))
