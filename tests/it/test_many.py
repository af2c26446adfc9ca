# SPDX-License-Identifier: Apache-2.0
"""A thousand disks on one VM, half of them hot-plugged in one operation; and
what becomes of a batch that cannot be done.
"""
import fcntl
import os
import re
import struct
import time
import uuid
from xml.etree import ElementTree

import pytest

import berthlib
from berthlib import MIB, RpcError, unique, wait_for

MANY = 1000
COLD = 500


def disks_of(berthd, count):
    """Disk objects; their images are sparse."""
    made = []
    for _ in range(count):
        path = os.path.join(berthd.images, unique("many") + ".raw")
        with open(path, "wb") as image:
            image.truncate(MIB)
        made.append({"disk_id": str(uuid.uuid4()), "source":
                     {"type": "file", "path": path, "format": "raw"}})
    return made


def plugged(text):
    """{disk_id: (target, unit)} of a domain's XML."""
    found = {}
    for node in ElementTree.fromstring(text).iterfind("devices/disk"):
        address = node.find("address")
        found[node.find("alias").get("name")[3:]] = (
            int(address.get("target")), int(address.get("unit")))
    return found


if berthlib.EMBED:
    def test_a_thousand_disks(berthd, new_vm):
        disks = disks_of(berthd, MANY)
        vm = new_vm(start=True, disks=disks[:COLD])
        vm.client.sock.settimeout(300)
        started = time.monotonic()
        receipt = vm("AddDisk", disks=disks[COLD:])
        print(f"{MANY - COLD} disks in {time.monotonic() - started:.1f} s")
        assert receipt["state"] == "done"
        assert any("not all at once" in text for text in receipt["warnings"])
        assert [disk["state"] for disk in receipt["disks"]] == \
            ["done"] * (MANY - COLD)
        assert {disk["disk_id"] for disk in receipt["disks"]} == \
            {disk["disk_id"] for disk in disks[COLD:]}
        # Windows sees no unit above 254: target after target is filled.
        places = {(i // 255, i % 255) for i in range(MANY)}
        for which in ("live", "config"):
            seen = plugged(vm.xml(which))
            assert set(seen) == {disk["disk_id"] for disk in disks}
            assert set(seen.values()) == places
        victim = disks[-1]["disk_id"]
        assert vm("HotUnplugDisk", disk=victim)["state"] == "done"
        assert vm("HotPlugDisk", disk=victim)["state"] == "done"
        assert plugged(vm.xml())[victim] == seen[victim]


if berthlib.EMBED:
    def test_more_than_qemu_may_open(new_berthd):
        """Seen before the first is plugged, not at the one too many."""
        daemon = new_berthd()
        path = os.path.join(daemon.root, "etc/qemu.conf")
        with open(path) as conf:
            text = re.sub("max_files = .*", "max_files = 60", conf.read())
        with open(path, "w") as conf:
            conf.write(text)
        daemon.start()
        with daemon.unix() as client:
            def call(verb, **params):
                return client.call(verb, vm="small", **params)

            client.call("CreateVm", name="small", memory=64 * MIB)
            call("StartVm", paused=True)
            before = call("GetVmXml")["xml"]
            with pytest.raises(RpcError) as refused:
                call("AddDisk", disks=disks_of(daemon, 50))
            assert refused.value.kind == "NO_FREE_FILES"
            assert "max_files" in refused.value.message
            assert call("GetVmXml")["xml"] == before
            assert not call("ListDisks")["disks"]
            fits = call("AddDisk", disks=disks_of(daemon, 4))
            assert fits["state"] == "done"
            call("DestroyVm")


F_OFD_SETLK = 37  # Linux; the fcntl module of Python 3.11 lacks it


def locked(berthd):
    """A disk that passes every check and fails to open: another process has
    locked its image as a QEMU does (byte 100 + n: it has the permission n,
    200 + n: nobody else may; 1 is to write)."""
    disk = disks_of(berthd, 1)[0]
    image = open(disk["source"]["path"], "r+b")
    for start in (101, 201):
        fcntl.fcntl(image, F_OFD_SETLK, struct.pack(
            "hhqqi4x", fcntl.F_WRLCK, os.SEEK_SET, start, 1, 0))
    return disk, image


def test_the_first_failure_undoes_the_earlier_ones(berthd, vm):
    good, (bad, image) = disks_of(berthd, 4), locked(berthd)
    before = vm.xml(), vm.xml("config")
    op_id = str(uuid.uuid4())
    with image, pytest.raises(RpcError) as failed:
        vm("AddDisk", disks=[*good[:3], bad, good[3]], op_id=op_id)
    assert "disks[3]" in failed.value.message
    assert (vm.xml(), vm.xml("config")) == before and not vm.disks()
    receipt = vm.client.call("GetOperation", op_id=op_id)["receipt"]
    assert receipt["rolled_back"] is True
    assert [disk["state"] for disk in receipt["disks"]] == \
        ["rolled_back"] * 3 + ["failed", "not_begun"]
    assert vm("AddDisk", disks=[*good, bad])["state"] == "done"


def test_a_disk_whose_guest_is_silent_is_named(berthd, new_vm):
    """A PCI disk does not go without its guest: the operation stays pending,
    and ends with the VM."""
    vm = new_vm(start=True)
    pci, (bad, image) = disks_of(berthd, 1)[0], locked(berthd)
    op_id = str(uuid.uuid4())
    with image, pytest.raises(RpcError):
        vm("AddDisk", disks=[{**pci, "interface": "virtio"}, bad],
           op_id=op_id)
    operation = vm.client.call("GetOperation", op_id=op_id)
    assert operation["state"] == "pending"
    assert [disk["state"] for disk in operation["receipt"]["disks"]] == \
        ["rollback_pending", "failed"]
    vm("DestroyVm")
    done = wait_for(lambda: (lambda op: op["state"] == "failed" and op)(
        vm.client.call("GetOperation", op_id=op_id)), "the end of the rollback")
    assert done["receipt"]["disks"][0]["state"] == "rolled_back"
