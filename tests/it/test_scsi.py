# SPDX-License-Identifier: Apache-2.0
"""Controllers of a VM, and CD-ROMs on virtio-scsi, in a real libvirt and QEMU.
"""
from xml.etree import ElementTree

import pytest

from berthlib import RpcError, device_xml, hctl


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
