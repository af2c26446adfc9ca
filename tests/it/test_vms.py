# SPDX-License-Identifier: Apache-2.0
"""VMs: their life, changes, operations, events, and domains that somebody
else made.
"""
import os
import uuid

import pytest

from berthlib import GIB, MIB, RpcError, device_xml, unique, wait_for
from test_errors import fails, source


# --- life --------------------------------------------------------------------

def test_life_of_a_vm(client, new_vm):
    vm = new_vm()
    assert vm.get()["state"] == "shut_off"
    assert vm("StartVm")["changed"] is True
    assert vm.get()["state"] == "running"
    assert vm("StartVm")["changed"] is False
    assert vm("SuspendVm")["changed"] is True
    assert vm.get()["state"] == "paused"
    assert vm("SuspendVm")["changed"] is False
    assert vm("ResumeVm")["changed"] is True
    assert vm("RebootVm", reset=True)["changed"] is True
    fails("BAD_STATE", vm, "DeleteVm")
    assert vm("DestroyVm")["changed"] is True
    assert vm("DestroyVm")["changed"] is False
    for verb in ("ResumeVm", "SuspendVm", "RebootVm"):
        fails("BAD_STATE", vm, verb)
    assert vm("DeleteVm")["state"] == "done"
    fails("NOT_FOUND", vm, "GetVm")
    assert vm.name not in [v["name"] for v in client.call("ListVms")["vms"]]


def test_names_ids_and_prefixes(client, vm):
    vm_id = vm.get()["vm_id"]
    for ref in (vm.name, vm_id, vm_id.upper(), vm_id[:12]):
        assert client.call("GetVm", vm=ref)["name"] == vm.name


def test_create_again_is_no_error(client, new_vm):
    vm_id = str(uuid.uuid4())
    vm = new_vm(vm_id=vm_id)
    again = client.call("CreateVm", vm_id=vm_id, name=vm.name, memory=64 * MIB,
                        vcpus=1)
    assert again["changed"] is False


def test_every_field_of_a_vm(berthd, new_vm):
    nic = {"mac": "52:54:00:12:34:56", "model": "virtio"}
    vm = new_vm(start=True, vcpus=2, iothreads=1, spare_root_ports=3,
                guest_os="linux", graphics="vnc", nics=[nic], disks=[
                    berthd.disk(), berthd.disk(interface="virtio"),
                    {"kind": "cdrom", "interface": "sata", "source": None}])
    seen = vm.get()
    assert seen["vcpus"] == 2 and seen["memory"] == 64 * MIB
    assert seen["virtio_scsi"] is True and seen["iothreads"] == 1
    assert seen["guest_os"] == "linux" and seen["graphics"] == "vnc"
    assert seen["nics"][0]["mac"] == nic["mac"]
    assert seen["ports"]["free"] == 3
    assert len(seen["disks"]) == 3
    assert {d["state"] for d in seen["disks"]} == {"plugged"}


def test_update_vm(vm):
    receipt = vm("UpdateVm", memory=128 * MIB, vcpus=2)
    assert receipt["warnings"]
    vm("DestroyVm")
    vm("StartVm", paused=True)
    seen = vm.get()
    assert seen["memory"] == 128 * MIB and seen["vcpus"] == 2
    assert vm("UpdateVm", memory=128 * MIB)["changed"] is False


def test_statistics(berthd, vm):
    vm("AddDisk", **berthd.disk())
    stats = vm("GetVmStats")["stats"]
    assert len(stats) == 1
    assert stats[0]["cpu"]["time"] >= 0 and len(stats[0]["block"]) == 1


def test_host_verbs(client):
    assert client.call("GetCapabilities")
    assert client.call("GetHostStats")
    names = [h["name"] for h in
             client.call("ListHypervisors")["hypervisors"]]
    assert names == ["local"]


# --- machines ----------------------------------------------------------------

def test_i440fx_with_ide_cdrom(berthd, new_vm):
    iso = berthd.image("medium.iso")
    vm = new_vm(start=True, machine="pc", disks=[
        {"kind": "cdrom", "interface": "ide",
         "source": {"type": "file", "path": iso}}])
    cdrom = vm("ListDisks")["disks"][0]
    assert cdrom["interface"] == "ide" and cdrom["read_only"] is True
    disk = berthd.disk()
    vm("AddDisk", **disk)
    assert vm.disks()[disk["disk_id"]]["state"] == "plugged"
    with pytest.raises(RpcError):
        vm("AddDisk", **berthd.disk(interface="ide"))


# --- disks -------------------------------------------------------------------

def test_image_is_created(berthd, vm):
    path = os.path.join(berthd.images, unique("made") + ".qcow2")
    vm("AddDisk", source=source(path, "qcow2"), size=GIB)
    with open(path, "rb") as image:
        assert image.read(4) == b"QFI\xfb"
    disk = vm("ListDisks")["disks"][0]
    assert disk["size"] == GIB
    vm("HotUnplugDisk", disk=disk["disk_id"])
    vm("RemoveDisk", disk=disk["disk_id"], delete=True)
    assert not os.path.exists(path)


def test_recorded_only(berthd, vm):
    disk = berthd.disk(plugged=False)
    vm("AddDisk", **disk)
    assert vm.disks()[disk["disk_id"]]["state"] == "unplugged"
    assert device_xml(vm.xml(), f"ua-{disk['disk_id']}") is None
    vm("HotPlugDisk", disk=disk["disk_id"])
    assert vm.disks()[disk["disk_id"]]["state"] == "plugged"


def test_remove_needs_an_unplug_first(berthd, vm):
    disk = berthd.disk()
    vm("AddDisk", **disk)
    fails("BAD_STATE", vm, "RemoveDisk", disk=disk["disk_id"])
    vm("DestroyVm")
    vm("RemoveDisk", disk=disk["disk_id"])
    assert vm.disks() == {}
    assert os.path.exists(disk["source"]["path"])


def test_resize(berthd, vm):
    disk = berthd.disk()
    vm("AddDisk", **disk)
    vm("ResizeDisk", disk=disk["disk_id"], size=4 * MIB)
    assert os.path.getsize(disk["source"]["path"]) == 4 * MIB
    fails("INVALID", vm, "ResizeDisk", disk=disk["disk_id"], size=MIB)
    vm("DestroyVm")
    vm("ResizeDisk", disk=disk["disk_id"], size=8 * MIB)
    assert os.path.getsize(disk["source"]["path"]) == 8 * MIB
    assert vm("ResizeDisk", disk=disk["disk_id"],
              size=8 * MIB)["changed"] is False


def test_change_cd(berthd, new_vm):
    vm = new_vm(start=True, disks=[{"kind": "cdrom", "interface": "sata",
                                    "source": None}])
    cdrom = vm("ListDisks")["disks"][0]["disk_id"]
    iso = berthd.image(unique("medium") + ".iso")
    medium = {"type": "file", "path": iso}
    assert vm("ChangeCd", disk=cdrom, source=medium)["changed"] is True
    for xml in (vm.xml(), vm.xml("config")):
        assert device_xml(xml, f"ua-{cdrom}").find("source").get("file") == iso
    assert vm("ChangeCd", disk=cdrom, source=medium)["changed"] is False
    assert vm("ChangeCd", disk=cdrom, source=None)["changed"] is True
    for xml in (vm.xml(), vm.xml("config")):
        assert device_xml(xml, f"ua-{cdrom}").find("source[@file]") is None
    fails("SOURCE_DENIED", vm, "ChangeCd", disk=cdrom,
          source={"type": "file", "path": "/etc/passwd"})


def test_update_disk_says_what_happens_when(berthd, vm):
    disk = berthd.disk()
    vm("AddDisk", **disk)
    receipt = vm("UpdateVmDisk", disk=disk["disk_id"], set={
        "iotune": {"total_iops_sec": 100}, "read_only": True,
        "boot_order": 2, "serial": "changed", "cache": "writeback",
        "io": "threads", "discard": "ignore", "error_policy": "report",
        "shareable": False, "kind": "cdrom"})
    effects = {name: answer["effect"]
               for name, answer in receipt["fields"].items()}
    assert effects["iotune"] == "live"
    assert effects["kind"] == "impossible" and receipt["fields"]["kind"]["why"]
    for name in ("read_only", "boot_order", "serial", "cache", "discard",
                 "error_policy"):
        assert effects[name] == "next_start", name
    alias = f"ua-{disk['disk_id']}"
    live, config = (device_xml(vm.xml(which), alias)
                    for which in ("live", "config"))
    assert live.findtext("iotune/total_iops_sec") == "100"
    assert live.find("readonly") is None
    assert live.findtext("serial") == disk["disk_id"]
    assert config.findtext("iotune/total_iops_sec") == "100"
    assert config.find("readonly") is not None
    assert config.findtext("serial") == "changed"
    assert config.find("boot").get("order") == "2"
    assert config.find("driver").get("cache") == "writeback"
    vm("DestroyVm")
    vm("StartVm", paused=True)
    assert device_xml(vm.xml(), alias).findtext("serial") == "changed"


def test_change_of_the_interface(berthd, vm):
    disk = berthd.disk()
    vm("AddDisk", **disk)
    receipt = vm("UpdateVmDisk", disk=disk["disk_id"],
                 set={"interface": "virtio"})
    assert receipt["fields"]["interface"]["effect"] == "next_start"
    alias = f"ua-{disk['disk_id']}"
    assert device_xml(vm.xml(), alias).find("target").get("bus") == "scsi"
    vm("DestroyVm")
    vm("StartVm", paused=True)
    element = device_xml(vm.xml(), alias)
    assert element.find("target").get("bus") == "virtio"
    assert element.find("address").get("type") == "pci"


def test_virtio_unplug_of_a_silent_guest_is_pending(berthd, vm):
    """libvirt's own tool says "detached successfully" here."""
    disk = berthd.disk(interface="virtio")
    vm("AddDisk", **disk)
    receipt = vm("HotUnplugDisk", disk=disk["disk_id"], deadline_ms=2000)
    assert receipt["state"] == "pending"
    assert vm.disks()[disk["disk_id"]]["state"] == "unplug_pending"
    operation = vm.client.call("GetOperation", op_id=receipt["op_id"])
    assert operation["state"] == "pending"
    again = vm("HotUnplugDisk", disk=disk["disk_id"], deadline_ms=2000)
    assert again["state"] == "pending"
    fails("BUSY", vm, "HotPlugDisk", disk=disk["disk_id"])
    vm("DestroyVm")
    wait_for(lambda: vm.client.call("GetOperation", op_id=receipt["op_id"])
             ["state"] == "done", "the end of QEMU to end the unplug")
    assert vm.disks()[disk["disk_id"]]["state"] == "unplugged"
    assert device_xml(vm.xml("config"), f"ua-{disk['disk_id']}") is None


def test_a_rollback_waits_for_the_guest(berthd, vm):
    """A PCI disk that was plugged cannot be taken out of a paused VM."""
    disk, op_id = berthd.disk(interface="virtio"), str(uuid.uuid4())
    with berthd.no_define(vm.name):
        error = fails("HYPERVISOR_FAILED", vm, "AddDisk", op_id=op_id, **disk)
    assert f"ua-{disk['disk_id']}" in error.message
    assert vm.disks()[disk["disk_id"]]["state"] == "rollback_pending"
    operation = vm.client.call("GetOperation", op_id=op_id)
    assert operation["state"] == "pending"
    fails("BUSY", vm, "HotUnplugDisk", disk=disk["disk_id"])
    vm("RebootVm", reset=True)  # QEMU lets it go then
    ended = wait_for(lambda: (op := vm.client.call("GetOperation", op_id=op_id))
                     ["state"] == "failed" and op, "the end of the rollback")
    assert ended["receipt"]["rolled_back"] is True
    assert disk["disk_id"] not in vm.disks()
    assert disk["disk_id"] not in vm.xml()
    assert vm("AddDisk", **disk)["state"] == "done"


# --- operations ---------------------------------------------------------------

def test_replay_and_conflict(berthd, vm):
    disk, op_id = berthd.disk(), str(uuid.uuid4())
    first = vm("AddDisk", op_id=op_id, **disk)
    assert vm("AddDisk", op_id=op_id, **disk) == first
    fails("OP_ID_CONFLICT", vm, "AddDisk", op_id=op_id, **berthd.disk())
    fails("OP_ID_CONFLICT", vm, "DestroyVm", op_id=op_id)
    seen = vm.client.call("GetOperation", op_id=op_id)
    assert seen["state"] == "done" and seen["verb"] == "AddDisk"
    assert seen["receipt"] == first


def test_replay_over_a_restart(new_berthd):
    daemon = new_berthd().start()
    name, op_id = unique("again"), str(uuid.uuid4())
    params = {"name": name, "memory": 64 * MIB, "vcpus": 1, "op_id": op_id}
    first = daemon.unix().call("CreateVm", **params)
    daemon.restart()
    client = daemon.unix()
    assert client.call("CreateVm", **params) == first
    assert client.call("GetOperation", op_id=op_id)["state"] == "done"


def test_dry_run_changes_nothing(berthd, vm):
    before = vm.xml(), vm.xml("config"), vm.disks()
    disk = berthd.disk()
    plan = vm("AddDisk", dry_run=True, **disk)
    assert [step["step"] for step in plan["steps"]] == ["attach_disk",
                                                        "define"]
    assert "xml" in plan["steps"][0]
    path = os.path.join(berthd.images, "dry.qcow2")
    vm("AddDisk", dry_run=True, source=source(path, "qcow2"), size=GIB)
    assert not os.path.exists(path)
    vm("DestroyVm", dry_run=True)
    assert (vm.xml(), vm.xml("config"), vm.disks()) == before
    # What the plan promised is what happens.
    assert vm("AddDisk", **disk)["address"] == plan["address"]


def test_operations_are_listed(vm):
    flow = unique("flow")
    vm("SuspendVm", flow_id=flow)
    listed = vm.client.call("ListOperations", vm=vm.name)["operations"]
    assert flow in [op.get("flow_id") for op in listed]


def test_cancel_of_what_is_over(vm):
    op_id = str(uuid.uuid4())
    vm("SuspendVm", op_id=op_id)
    with pytest.raises(RpcError):
        vm.client.call("CancelOperation", op_id=op_id)


# --- events --------------------------------------------------------------------

def test_events_reach_subscribers_in_order(berthd, vm):
    watcher = berthd.tls()
    watcher.call("Subscribe", vm=vm.name)
    disk = berthd.disk()
    flow = unique("flow")
    receipt = vm("AddDisk", flow_id=flow, **disk)
    plugged = watcher.event(lambda e: e["type"] == "disk.plugged")
    assert plugged["op_id"] == receipt["op_id"]
    assert plugged["flow_id"] == flow
    assert plugged["vm"] == vm.get()["vm_id"]
    vm("DestroyVm")
    state = watcher.event(lambda e: e["type"] == "vm.state"
                          and e["data"]["state"] == "shut_off")
    assert state["seq"] > plugged["seq"]
    assert state["time"].endswith("Z")


def test_subscription_by_type_and_vm(berthd, new_vm):
    one, two = new_vm(start=True), new_vm(start=True)
    watcher = berthd.unix()
    watcher.call("Subscribe", types=["disk."], vm=one.name)
    two("AddDisk", **berthd.disk())
    one("DestroyVm")
    one("StartVm", paused=True)
    disk = berthd.disk()
    one("AddDisk", **disk)
    event = watcher.event(lambda e: True)
    assert event["type"].startswith("disk.")
    assert event["vm"] == one.get()["vm_id"]
    assert disk["disk_id"] in (event["device"] or "")


def test_get_events_since(berthd, vm):
    client = vm.client
    start = client.call("GetEvents", limit=1)
    since = start["next"]
    while start["events"]:
        start = client.call("GetEvents", since=since, limit=1000)
        since = start["next"]
    vm("AddDisk", **berthd.disk())
    wait_for(lambda: any(e["type"] == "disk.plugged" for e in client.call(
        "GetEvents", since=since)["events"]), "the event to be stored")
    seen = client.call("GetEvents", since=since)
    numbers = [event["seq"] for event in seen["events"]]
    assert numbers == sorted(numbers) and len(set(numbers)) == len(numbers)
    assert all(number > since for number in numbers)
    assert not seen["dropped"]


def test_sequence_goes_on_over_a_restart(new_berthd):
    daemon = new_berthd().start()
    client = daemon.unix()
    client.call("CreateVm", name="seq1", memory=64 * MIB, vcpus=1)
    last = wait_for(lambda: client.call("GetEvents")["events"], "an event")[-1]
    daemon.restart()
    client = daemon.unix()
    client.call("CreateVm", name="seq2", memory=64 * MIB, vcpus=1)
    wait_for(lambda: client.call("GetEvents", since=last["seq"])["events"],
             "events after the restart")
    numbers = [e["seq"] for e in client.call("GetEvents")["events"]]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
