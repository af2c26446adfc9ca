# SPDX-License-Identifier: Apache-2.0
"""Controllers of a VM, and CD-ROM drives, in a real libvirt and QEMU.
"""
import os
import uuid
from xml.etree import ElementTree

import pytest

from berthlib import RpcError, device_xml, hctl, wait_for


def drivers(text):
    """{index: attributes of <driver>} of the virtio-scsi controllers."""
    found = {}
    for node in ElementTree.fromstring(text).iterfind("devices/controller"):
        if node.get("model") == "virtio-scsi":
            driver = node.find("driver")
            found[int(node.get("index"))] = \
                {} if driver is None else dict(driver.attrib)
    return found


def threads(text):
    root = ElementTree.fromstring(text)
    count = int(root.findtext("iothreads") or 0)
    named = [int(node.get("id"))
             for node in root.iterfind("iothreadids/iothread")]
    return sorted(named) or list(range(1, count + 1))


TUNED = {"queues": 2, "iothread": 1, "max_sectors": 2048, "cmd_per_lun": 64}
AS_XML = {key: str(value) for key, value in TUNED.items()}


def test_create_with_tuned_controllers(new_vm, berthd):
    vm = new_vm(start=True, iothreads=1,
                controllers=[{"index": 0}, {"index": 1, **TUNED}])
    for which in ("live", "config"):
        assert drivers(vm.xml(which)) == {0: {}, 1: AS_XML}
    receipt = vm("AddDisk", **berthd.disk(address={"controller": 1}))
    assert receipt["address"]["controller"] == 1
    assert vm("AddDisk", **berthd.disk())["address"]["controller"] == 0


def test_hot_add_a_controller_on_an_iothread(vm, berthd):
    before = threads(vm.xml())
    receipt = vm("UpdateVm", controllers=[{"index": 0}, {"index": 1, **TUNED}])
    assert receipt["state"] == "done" and receipt["changed"]
    for which in ("live", "config"):
        assert drivers(vm.xml(which)) == {0: {}, 1: AS_XML}, which
        assert threads(vm.xml(which)) == [1]
    assert before == []
    again = vm("UpdateVm", controllers=vm.get()["controllers"])
    assert again["changed"] is False
    disk = berthd.disk(address={"controller": 1})
    assert hctl(vm("AddDisk", **disk)["address"]) == "0:0:0"
    vm("DestroyVm")
    vm("StartVm", paused=True)
    assert drivers(vm.xml()) == {0: {}, 1: AS_XML}
    assert vm.disks()[disk["disk_id"]]["address"]["controller"] == 1


def test_an_empty_controller_goes_at_the_next_start(vm, berthd):
    vm("UpdateVm", controllers=[{"index": 0}, {"index": 1}])
    disk = berthd.disk(address={"controller": 1})
    vm("AddDisk", **disk)
    with pytest.raises(RpcError) as refused:
        vm("UpdateVm", controllers=[{"index": 0}])
    assert refused.value.kind == "BAD_STATE"
    assert disk["disk_id"] in refused.value.message
    vm("HotUnplugDisk", disk=disk["disk_id"])
    vm("RemoveDisk", disk=disk["disk_id"])
    receipt = vm("UpdateVm", controllers=[{"index": 0}])
    assert "until it stops" in receipt["warnings"][0]
    assert sorted(drivers(vm.xml("live"))) == [0, 1]
    assert sorted(drivers(vm.xml("config"))) == [0]
    vm("DestroyVm")
    vm("StartVm", paused=True)
    assert sorted(drivers(vm.xml("live"))) == [0]


def cdrom(path, **fields):
    return {"disk_id": str(uuid.uuid4()), "kind": "cdrom", "interface":
            "virtio_scsi", "source": path and {"type": "file", "path": path},
            **fields}


def medium(text, disk):
    source = device_xml(text, f"ua-{disk}").find("source")
    return None if source is None else source.get("file")


def test_a_cdrom_on_virtio_scsi(vm, berthd):
    """Nobody has locked the tray: plug, change, eject, insert, unplug. libvirt
    does not open the tray of a drive that came while the VM ran."""
    first, second = berthd.image(), berthd.image()
    drive = cdrom(first)
    disk = drive["disk_id"]
    address = vm("AddDisk", **drive)["address"]
    for path in (second, None, first, None):
        receipt = vm("ChangeCd", disk=disk,
                     source=path and {"type": "file", "path": path})
        assert receipt["changed"], path
        for which in ("live", "config"):
            assert medium(vm.xml(which), disk) == path
    vm("ChangeCd", disk=disk, source={"type": "file", "path": second})
    assert vm("HotUnplugDisk", disk=disk)["state"] == "done"
    assert vm("HotPlugDisk", disk=disk)["address"] == address
    assert medium(vm.xml(), disk) == second
    vm("HotUnplugDisk", disk=disk)
    vm("RemoveDisk", disk=disk)


def test_an_empty_drive_waits_for_the_vm_to_be_off(vm):
    with pytest.raises(RpcError) as refused:
        vm("AddDisk", **cdrom(None))
    assert refused.value.kind == "UNSUPPORTED"
    assert "give it a medium" in refused.value.message
    vm("DestroyVm")
    drive = cdrom(None)
    vm("AddDisk", **drive)
    vm("StartVm", paused=True)
    assert vm.disks()[drive["disk_id"]]["state"] == "plugged"


def test_a_sata_drive_goes_at_the_next_start(new_vm, berthd):
    drive = cdrom(berthd.image(), interface="sata")
    disk = drive["disk_id"]
    vm = new_vm(start=True, disks=[drive])
    for changed in (True, False):
        receipt = vm("HotUnplugDisk", disk=disk)
        assert receipt["changed"] is changed
        assert receipt["effect"] == "next_start"
        assert "next start" in receipt["warnings"][0]
    assert device_xml(vm.xml(), f"ua-{disk}") is not None
    assert device_xml(vm.xml("config"), f"ua-{disk}") is None
    assert vm.disks()[disk]["state"] == "plugged"
    vm("DestroyVm")
    wait_for(lambda: vm.disks()[disk]["state"] == "unplugged",
             "its row to follow")
    vm("StartVm", paused=True)
    assert device_xml(vm.xml(), f"ua-{disk}") is None
    vm("RemoveDisk", disk=disk)


def unplug_pending(vm, disk):
    receipt = vm("HotUnplugDisk", disk=disk, deadline_ms=1000)
    assert receipt["state"] == "pending", receipt
    assert "needs a reset" in receipt["warnings"][-1]
    assert vm.disks()[disk]["state"] == "unplug_pending"
    return receipt["op_id"]


def test_a_pending_unplug_keeps_address_and_source(new_vm, berthd):
    vm, other = new_vm(start=True), new_vm(start=True)
    disk = berthd.disk(interface="virtio")
    address = vm("AddDisk", **disk)["address"]
    op_id = unplug_pending(vm, disk["disk_id"])
    shown = berthd.ctl("op", "show", op_id)
    assert "pending" in shown.stdout
    with pytest.raises(RpcError) as refused:
        vm("AddDisk", **berthd.disk(interface="virtio", address=address))
    assert refused.value.kind == "EXISTS"
    same = berthd.disk(source=disk["source"])
    with pytest.raises(RpcError) as refused:
        other("AddDisk", **same)
    assert refused.value.kind == "BUSY" and vm.name in refused.value.message
    code = berthd.ctl("disk", "unplug", vm.name, disk["disk_id"], "--deadline",
                      "1s").returncode
    assert code == 4
    vm("DestroyVm")
    wait_for(lambda: vm.client.call("GetOperation", op_id=op_id)["state"] ==
             "done", "the end of the VM to end it")
    assert other("AddDisk", **same)["state"] == "done"


def test_a_guest_that_never_booted_needs_a_reset(vm, berthd):
    """It never saw the request; the reset does it, and ends the operation."""
    vm("ResumeVm")
    disk = berthd.disk(interface="virtio")
    vm("AddDisk", **disk)
    op_id = unplug_pending(vm, disk["disk_id"])
    vm.client.call("Subscribe", vm=vm.name)
    vm("RebootVm", reset=True)
    vm.client.event(lambda e: e["type"] == "disk.unplugged"
                    and disk["disk_id"] in e["device"])
    done = wait_for(lambda: (lambda op: op["state"] == "done" and op)(
        vm.client.call("GetOperation", op_id=op_id)), "the operation to end")
    assert "live_xml" in done["receipt"]["verified_by"]
    for which in ("live", "config"):
        assert device_xml(vm.xml(which), f"ua-{disk['disk_id']}") is None


def test_a_source_that_stays_open_is_not_released(vm, berthd):
    """Two names of one file: QEMU has it open as long as one is plugged."""
    first, second = (berthd.disk(shareable=True) for _ in range(2))
    os.unlink(second["source"]["path"])
    os.link(first["source"]["path"], second["source"]["path"])
    for disk in (first, second):
        vm("AddDisk", **disk)
    receipt = vm("HotUnplugDisk", disk=first["disk_id"])
    assert receipt["state"] == "pending"
    assert receipt["verified_by"] == ["live_xml"]
    assert receipt["still_open"] == first["source"]["path"]
    vm("HotUnplugDisk", disk=second["disk_id"])
    done = wait_for(lambda: (lambda op: op["state"] == "done" and op)(
        vm.client.call("GetOperation", op_id=receipt["op_id"])),
        "the operation to end")
    assert done["receipt"]["verified_by"] == ["live_xml", "descriptors"]
    assert "still_open" not in done["receipt"]
