# SPDX-License-Identifier: Apache-2.0
"""berthctl: what it prints, what it returns, and that every error helps."""
import json
import os
import subprocess
import uuid

import pytest

from berthlib import BUILD, MIB, unique, wait_for

OK, FAILED, USAGE, NOT_FOUND, PENDING, DENIED, BUSY, UNREACHABLE = range(8)


@pytest.fixture(params=[False, True], ids=["unix", "tls"])
def ctl(berthd, request):
    def run(*args, check=OK, **env):
        return berthd.ctl(*args, tls=request.param, check=check, **env)
    return run


def test_the_whole_trip(ctl, berthd, client):
    """What the demo does, by the same commands."""
    name = unique("ctl")
    image = os.path.join(berthd.images, f"{name}.qcow2")
    ctl("vm", "create", name, "--memory", "64M", "--vcpus", "1")
    ctl("disk", "add", name, image, "--size", "1G", "--format", "qcow2",
        "--serial", "system")
    ctl("vm", "start", name, "--paused")
    out = ctl("disk", "add", name, berthd.image(), "--serial", "data").stdout
    assert out.strip()
    listed = ctl("disk", "ls", name).stdout
    assert "0:0:0:0" in listed and "0:0:0:1" in listed
    topology = ctl("vm", "topology", name).stdout
    assert "virtio-scsi" in topology and "free" in topology
    ctl("disk", "unplug", name, "data")
    assert "unplugged" in ctl("disk", "ls", name).stdout
    ctl("disk", "plug", name, "data")
    seen = json.loads(ctl("-o", "json", "disk", "show", name, "data").stdout)
    assert seen["state"] == "plugged" and seen["address"]["unit"] == 1
    ctl("vm", "destroy", name)
    ctl("vm", "delete", name)
    ctl("vm", "show", name, check=NOT_FOUND)


def test_output_formats(ctl, vm):
    table = ctl("vm", "ls").stdout
    assert "NAME" in table.splitlines()[0] and vm.name in table
    names = ctl("-o", "name", "vm", "ls").stdout.split()
    assert vm.name in names
    everything = json.loads(ctl("vm", "ls", "-o", "json").stdout)
    assert vm.name in json.dumps(everything)


def test_call(ctl, vm):
    bare = json.loads(ctl("call", "GetVm",
                          json.dumps({"vm": vm.name})).stdout)
    assert bare["name"] == vm.name
    done = ctl("call", "GetVm", '{"vm": "no-such-vm"}', check=NOT_FOUND)
    assert done.stdout == ""
    assert json.loads(done.stderr)["data"]["kind"] == "NOT_FOUND"


def test_exit_codes(ctl, berthd, vm):
    assert ctl("vm", "show", "no-such-vm", check=NOT_FOUND).stderr
    assert ctl("vm", "fly", check=USAGE).stderr
    assert ctl("vm", "create", check=USAGE).stderr
    assert ctl("vm", "create", "x", "--memory", "lots", check=USAGE).stderr
    assert ctl("disk", "add", vm.name, "/etc/passwd", check=FAILED).stderr
    disk = berthd.disk(interface="virtio")
    vm("AddDisk", **disk)
    done = ctl("disk", "unplug", vm.name, disk["disk_id"], "--deadline", "1s",
               check=PENDING)
    assert "pending" in done.stdout + done.stderr
    ctl("disk", "plug", vm.name, disk["disk_id"], check=BUSY)


def test_denied(berthd):
    done = berthd.ctl("host", "config", tls=True)
    assert done.returncode == DENIED, done


def test_unreachable(berthd, certs):
    done = subprocess.run(
        [os.path.join(BUILD, "berthctl"), "--socket", "/nonexistent/sock",
         "vm", "ls"], capture_output=True, text=True)
    assert done.returncode == UNREACHABLE
    assert "/nonexistent/sock" in done.stderr
    done = subprocess.run(
        [os.path.join(BUILD, "berthctl"), "--connect",
         f"localhost:{berthd.port}", "--ca", certs["other-ca.pem"],
         "--cert", certs["client.pem"], "--key", certs["client.key"],
         "vm", "ls"], capture_output=True, text=True)
    assert done.returncode == UNREACHABLE
    assert "certificate" in done.stderr


def test_socket_from_the_environment(berthd):
    done = subprocess.run([os.path.join(BUILD, "berthctl"), "host", "ping"],
                          env=dict(os.environ, BERTH_SOCKET=berthd.socket),
                          capture_output=True, text=True)
    assert done.returncode == OK, done


def test_host_status(ctl, vm):
    page = ctl("host", "status").stdout
    for word in ("libvirt", "QEMU", "VMs", "disks", "ports"):
        assert word.lower() in page.lower(), (word, page)
    assert "days" in page


def test_dry_run_and_op_id(ctl, berthd, vm):
    image = berthd.image()
    out = ctl("disk", "add", vm.name, image, "--dry-run").stdout
    assert "attach" in out
    assert vm.disks() == {}
    op_id = str(uuid.uuid4())
    first = ctl("disk", "add", vm.name, image, "--op-id", op_id).stdout
    assert first == ctl("disk", "add", vm.name, image, "--op-id",
                        op_id).stdout
    assert op_id in ctl("op", "ls").stdout + ctl("op", "show", op_id).stdout


def test_update_and_resize(ctl, berthd, vm):
    disk = berthd.disk()
    vm("AddDisk", **disk)
    out = ctl("disk", "update", vm.name, disk["disk_id"],
              "iotune.total_iops_sec=50", "cache=writeback", "io=threads").stdout
    assert "live" in out and "next" in out
    ctl("disk", "resize", vm.name, disk["disk_id"], "4M")
    assert os.path.getsize(disk["source"]["path"]) == 4 * MIB


def test_events(berthd, ctl, vm):
    vm("AddDisk", **berthd.disk())
    wait_for(lambda: "disk.plugged" in ctl("event", "ls").stdout,
             "the event to be listed")


def test_config_and_log_level(berthd):
    assert "virtio_scsi" in berthd.ctl("host", "config", check=OK).stdout
    berthd.ctl("host", "log-level", "debug", check=OK)
    berthd.ctl("host", "reload", check=OK)


def test_help_everywhere(berthd):
    for words in (["--help"], ["vm", "--help"], ["disk", "add", "--help"]):
        done = berthd.ctl(*words, check=OK)
        assert done.stdout.startswith("usage:") and not done.stderr


def test_names_that_look_like_options(ctl):
    ctl("vm", "show", "--", "--no-such", check=NOT_FOUND)
