# SPDX-License-Identifier: Apache-2.0
"""The whole trip: a VM, a cold disk, two hot ones over TLS, and the same
addresses after everything that happens to a VM and to berthd.
"""
import uuid
from xml.etree import ElementTree

import pytest

from berthlib import MIB, Berthd, RpcError, controllers, device_xml, unique


@pytest.fixture
def trip(new_berthd):
    """(berthd, TLS client, VM's name, [disk objects]): one cold, two hot."""
    daemon = new_berthd().start()
    client = daemon.tls()
    name = unique("trip")
    disks = [daemon.disk() for _ in range(3)]
    client.call("CreateVm", name=name, memory=64 * MIB, vcpus=1)
    client.call("AddDisk", vm=name, **disks[0])
    client.call("StartVm", vm=name, paused=True)
    for disk in disks[1:]:
        client.call("AddDisk", vm=name, **disk)
    yield daemon, client, name, disks
    daemon.tls().call("DestroyVm", vm=name)


def addresses(client, name):
    listed = client.call("ListDisks", vm=name)["disks"]
    return {disk["disk_id"]: disk["address"] for disk in listed}


def live_and_config(client, name):
    return [client.call("GetVmXml", vm=name, which=which)["xml"]
            for which in ("live", "config")]


def test_disks_have_the_planned_places(trip):
    _, client, name, disks = trip
    listed = client.call("ListDisks", vm=name)["disks"]
    assert {d["disk_id"] for d in listed} == {d["disk_id"] for d in disks}
    for unit, disk in enumerate(disks):
        seen = next(d for d in listed if d["disk_id"] == disk["disk_id"])
        assert seen["address"] == {"type": "drive", "controller": 0, "bus": 0,
                                   "target": 0, "unit": unit}
        assert seen["state"] == "plugged" and seen["plugged"] is True
        assert seen["interface"] == "virtio_scsi"
        assert seen["serial"] == disk["disk_id"]
        for xml in live_and_config(client, name):
            element = device_xml(xml, f"ua-{disk['disk_id']}")
            assert element.find("address").get("unit") == str(unit)
            assert element.find("source").get("file") == \
                disk["source"]["path"]


def test_no_controller_that_nobody_planned(trip):
    daemon, client, name, _ = trip
    before = [controllers(xml) for xml in live_and_config(client, name)]
    assert sum(("model", "virtio-scsi") in c for c in before[0]) == 1
    for _ in range(3):
        client.call("AddDisk", vm=name, **daemon.disk())
    assert [controllers(xml) for xml in live_and_config(client, name)] == before


def test_receipt_of_a_hot_plug(trip):
    daemon, client, name, _ = trip
    disk = daemon.disk()
    op_id = str(uuid.uuid4())
    receipt = client.call("AddDisk", vm=name, op_id=op_id, **disk)
    assert receipt["op_id"] == op_id
    assert receipt["state"] == "done" and receipt["changed"] is True
    assert receipt["device"] == "ua-" + disk["disk_id"]
    assert receipt["disk_id"] == disk["disk_id"]
    assert receipt["address"]["unit"] == 3
    assert receipt["warnings"] == []
    assert all(ms >= 0 for ms in receipt["timings_ms"].values())


def test_topology_shows_ports_and_disks(trip):
    _, client, name, disks = trip
    topology = client.call("GetTopology", vm=name)
    assert topology["name"] == name and topology["state"] == "paused"
    assert topology["ports"]["free"] == 8
    seen = []

    def walk(nodes):
        for node in nodes:
            seen.append(node.get("alias"))
            walk(node.get("children", []))

    walk(topology["tree"])
    for disk in disks:
        assert f"ua-{disk['disk_id']}" in seen


def test_topology_as_a_picture(trip, tmp_path):
    daemon, _, name, disks = trip
    path = str(tmp_path / "vm.svg")
    daemon.ctl("vm", "topology", name, "--svg", path, check=0)
    words = "".join(ElementTree.parse(path).getroot().itertext())
    assert name in words and "virtio-scsi 0" in words
    for disk in disks:
        assert f"ua-{disk['disk_id']}" in words
    again = daemon.ctl("vm", "topology", name, "--svg", "-", check=0)
    assert again.stdout.startswith("<svg")
    daemon.ctl("vm", "topology", "no-such-vm", "--svg", path, check=3)


def test_replug_gives_the_same_address(trip):
    daemon, client, name, disks = trip
    before = addresses(client, name)
    gone = disks[1]["disk_id"]
    receipt = client.call("HotUnplugDisk", vm=name, disk=gone)
    assert receipt["state"] == "done", receipt
    disk = client.call("GetDisk", vm=name, disk=gone)
    assert disk["state"] == "unplugged"
    assert disk["address"] == before[gone]
    for xml in live_and_config(client, name):
        assert device_xml(xml, f"ua-{gone}") is None
    # A new disk does not get the place that is kept.
    other = daemon.disk()
    receipt = client.call("AddDisk", vm=name, **other)
    assert receipt["address"]["unit"] == 3
    receipt = client.call("HotPlugDisk", vm=name, disk=gone)
    assert receipt["address"] == before[gone]
    assert {**before, other["disk_id"]: addresses(
        client, name)[other["disk_id"]]} == addresses(client, name)


def test_removed_disk_gives_its_address_free(trip):
    daemon, client, name, disks = trip
    gone = disks[1]["disk_id"]
    client.call("HotUnplugDisk", vm=name, disk=gone)
    client.call("RemoveDisk", vm=name, disk=gone)
    assert gone not in addresses(client, name)
    assert client.call("AddDisk", vm=name,
                       **daemon.disk())["address"]["unit"] == 1


def test_stop_and_start_keep_addresses(trip):
    _, client, name, _ = trip
    before = addresses(client, name)
    live = controllers(live_and_config(client, name)[0])
    client.call("DestroyVm", vm=name)
    assert addresses(client, name) == before
    client.call("StartVm", vm=name, paused=True)
    assert addresses(client, name) == before
    assert controllers(live_and_config(client, name)[0]) == live


def test_restart_of_berthd_keeps_addresses(trip):
    daemon, client, name, disks = trip
    client.call("HotUnplugDisk", vm=name, disk=disks[2]["disk_id"])
    before = addresses(client, name)
    daemon.restart()
    client = daemon.tls()
    assert client.call("GetVm", vm=name)["state"] == "paused"
    assert addresses(client, name) == before
    receipt = client.call("HotPlugDisk", vm=name, disk=disks[2]["disk_id"])
    assert receipt["address"] == before[disks[2]["disk_id"]]


def test_first_disk_brings_its_controller(client, berthd, new_vm):
    vm = new_vm(start=True, virtio_scsi=False)
    free = vm("GetTopology")["ports"]["free"]
    assert "virtio-scsi" not in vm.xml()
    vm("UpdateVm", virtio_scsi=True)
    disk = berthd.disk()
    vm("AddDisk", **disk)
    for xml in (vm.xml(), vm.xml("config")):
        assert xml.count("model='virtio-scsi'") == 1
        assert device_xml(xml, f"ua-{disk['disk_id']}") is not None
    assert vm("GetTopology")["ports"]["free"] == free - 1
    address = vm("GetDisk", disk=disk["disk_id"])["address"]
    controller = vm.get()["controllers"][0]["address"]
    vm("DestroyVm")
    vm("StartVm", paused=True)
    assert vm("GetDisk", disk=disk["disk_id"])["address"] == address
    assert vm.get()["controllers"][0]["address"] == controller


def test_virtio_scsi_may_not_be_turned_off_under_a_disk(berthd, vm):
    disk = berthd.disk()
    vm("AddDisk", **disk)
    with pytest.raises(RpcError) as error:
        vm("UpdateVm", virtio_scsi=False)
    assert disk["disk_id"] in str(error.value)


def test_several_disks_in_one_call(berthd, new_vm):
    """They get their units in order."""
    vm = new_vm()
    disks = [berthd.disk(disk_id=str(uuid.uuid4())) for _ in range(20)]
    vm("AddDisk", disks=disks)
    seen = vm.disks()
    assert [seen[d["disk_id"]]["address"]["unit"] for d in disks] == \
        list(range(20))
    vm("StartVm", paused=True)
    assert all(d["state"] == "plugged" for d in vm.disks().values())


def test_virtio_disk_takes_a_spare_port(berthd, vm):
    ports = vm("GetTopology")["ports"]
    disk = berthd.disk(interface="virtio")
    receipt = vm("AddDisk", **disk)
    assert receipt["address"]["type"] == "pci"
    assert vm("GetTopology")["ports"]["free"] == ports["free"] - 1
    before = vm("GetDisk", disk=disk["disk_id"])["address"]
    vm("DestroyVm")
    vm("StartVm", paused=True)
    assert vm("GetDisk", disk=disk["disk_id"])["address"] == before


def test_no_free_root_port(berthd, new_vm):
    vm = new_vm(start=True, spare_root_ports=1)
    vm("AddDisk", **berthd.disk(interface="virtio"))
    before = vm.xml(), vm.xml("config")
    with pytest.raises(RpcError) as error:
        vm("AddDisk", **berthd.disk(interface="virtio"))
    assert error.value.kind == "NO_FREE_PORT"
    assert "virtio_scsi" in error.value.message
    assert (vm.xml(), vm.xml("config")) == before
    vm("AddDisk", **berthd.disk())


def test_two_daemons_do_not_share_a_state_directory(certs, new_berthd):
    first = new_berthd().start()
    second = Berthd(certs, None, {"state.dir": first.settings["state.dir"]})
    process = second.spawn().process
    assert process.wait(30) == 1
    assert "berth.lock" in second.log_text() or "another" in second.log_text()
