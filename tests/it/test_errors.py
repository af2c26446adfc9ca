# SPDX-License-Identifier: Apache-2.0
"""What goes wrong: each mistake and each accident is a typed error that says
what, why and what to do, and leaves VM, record and files as they were.
"""
import fcntl
import os
import signal
import struct
import uuid

import pytest

from berthlib import (MIB, PATIENCE_S, Berthd, RpcError, device_xml,
                      make_image, unique, wait_for)


def fails(kind, call, /, *args, **params):
    """The error of a call that must fail with this kind."""
    with pytest.raises(RpcError) as error:
        call(*args, **params)
    assert error.value.kind == kind, error.value
    return error.value


@pytest.fixture
def unchanged(vm):
    """Whatever the test tries, the VM stays as it is."""
    before = vm.xml(), vm.xml("config"), vm.disks()
    yield
    assert (vm.xml(), vm.xml("config"), vm.disks()) == before


# --- names -------------------------------------------------------------------

@pytest.mark.parametrize("verb", ["GetVm", "StartVm", "DestroyVm", "DeleteVm",
                                  "ListDisks", "GetTopology", "GetVmStats"])
def test_no_such_vm(client, verb):
    error = fails("NOT_FOUND", client.call, verb, vm="no-such-vm")
    assert "no-such-vm" in error.message
    assert error.data["class"] == "fix_input"


def test_no_such_disk(vm, unchanged):
    for verb in ("HotPlugDisk", "HotUnplugDisk", "RemoveDisk", "GetDisk"):
        error = fails("NOT_FOUND", vm, verb, disk=str(uuid.uuid4()))
        assert vm.name in error.message


def test_vm_of_that_name_exists(client, vm):
    fails("EXISTS", client.call, "CreateVm", name=vm.name, memory=128 * MIB,
          vcpus=2)


# --- sources -----------------------------------------------------------------

def test_same_source_twice(berthd, vm):
    disk = berthd.disk()
    vm("AddDisk", **disk)
    before = vm.xml()
    error = fails("EXISTS", vm, "AddDisk", source=disk["source"])
    assert disk["disk_id"] in error.message
    assert vm.xml() == before


def test_source_in_use_by_another_vm(berthd, new_vm):
    one, two = new_vm(start=True), new_vm(start=True)
    disk = berthd.disk()
    one("AddDisk", **disk)
    error = fails("BUSY", two, "AddDisk", source=disk["source"])
    assert one.name in error.message
    assert two.disks() == {}


def test_plugging_twice_changes_nothing(berthd, vm):
    disk = berthd.disk()
    assert vm("AddDisk", **disk)["changed"] is True
    before = vm.xml()
    again = vm("HotPlugDisk", disk=disk["disk_id"])
    assert again["state"] == "done" and again["changed"] is False
    again = vm("AddDisk", **disk)
    assert again["changed"] is False
    assert vm.xml() == before
    vm("HotUnplugDisk", disk=disk["disk_id"])
    assert vm("HotUnplugDisk", disk=disk["disk_id"])["changed"] is False


def source(path, fmt="raw"):
    return {"type": "file", "path": path, "format": fmt}


def test_source_missing(berthd, vm, unchanged):
    path = os.path.join(berthd.images, "missing.raw")
    error = fails("SOURCE_BAD", vm, "AddDisk", source=source(path))
    assert path in error.message


def test_source_outside_the_allowed_directories(berthd, vm, unchanged):
    path = os.path.join(berthd.dir, "outside.raw")
    if not os.path.exists(path):
        make_image(path, MIB)
    for tried in (path, "/etc/passwd",
                  os.path.join(berthd.images, "../outside.raw")):
        error = fails("SOURCE_DENIED", vm, "AddDisk", source=source(tried))
        assert "images" in error.message
        assert error.data["class"] == "fix_host"


def test_link_out_of_the_allowed_directories(berthd, vm, unchanged):
    outside = os.path.join(berthd.dir, unique("secret") + ".raw")
    make_image(outside, MIB)
    link = os.path.join(berthd.images, unique("link") + ".raw")
    os.symlink(outside, link)
    fails("SOURCE_DENIED", vm, "AddDisk", source=source(link))
    folder = os.path.join(berthd.images, unique("folder"))
    os.symlink(berthd.dir, folder)
    fails("SOURCE_DENIED", vm, "AddDisk",
          source=source(os.path.join(folder, os.path.basename(outside))))


def test_image_is_not_created_outside(berthd, vm, unchanged):
    path = os.path.join(berthd.dir, "new.raw")
    fails("SOURCE_DENIED", vm, "AddDisk", source=source(path), size=MIB)
    assert not os.path.exists(path)


def test_wrong_format_said(berthd, vm, unchanged):
    error = fails("SOURCE_BAD", vm, "AddDisk",
                  source=source(berthd.image(fmt="raw"), "qcow2"))
    assert error.data["param"] == "source.format"
    assert "raw" in error.data["expected"]


def test_backing_file_outside(berthd, vm, unchanged):
    """A guest must not read what its image only names."""
    backing = os.path.join(berthd.dir, unique("backing") + ".raw")
    make_image(backing, MIB)
    path = os.path.join(berthd.images, unique("overlay") + ".qcow2")
    make_image(path, MIB, "qcow2", "-b", backing, "-F", "raw")
    error = fails("SOURCE_DENIED", vm, "AddDisk", source=source(path, "qcow2"))
    assert backing in error.message


def test_directories_and_pipes_are_no_sources(berthd, vm, unchanged):
    fifo = os.path.join(berthd.images, unique("fifo"))
    os.mkfifo(fifo)
    fails("SOURCE_BAD", vm, "AddDisk", source=source(fifo))
    folder = os.path.join(berthd.images, unique("folder"))
    os.mkdir(folder)
    fails("SOURCE_BAD", vm, "AddDisk", source=source(folder))


@pytest.mark.parametrize("fields,param", [
    ({"interface": "nvme"}, "interface"),
    ({"kind": "floppy"}, "kind"),
    ({"serial": "a" * 40}, "serial"),
    ({"serial": "<x/>"}, "serial"),
    ({"size": 100}, "size"),
    ({"size": -512}, "size"),
    ({"boot_order": 0}, "boot_order"),
    ({"disk_id": "7"}, "disk_id"),
    ({"source": {"type": "file", "path": "relative"}}, "source.path"),
    ({"source": {"type": "file", "path": "/a\nb"}}, "source.path"),
    ({"source": {"type": "file"}}, "source.path"),
    ({"cache": "fast"}, "cache"),
    ({"iotune": {"total_iops_sec": -1}}, "iotune.total_iops_sec"),
    ({"address": {"type": "drive", "controller": 0, "bus": 0, "target": 256,
                  "unit": 0}}, "address.target"),
    ({"address": {"type": "drive", "controller": 0, "bus": 0, "target": 0,
                  "unit": 16384}}, "address.unit"),
])
def test_fields_out_of_range(berthd, vm, unchanged, fields, param):
    disk = {"source": source(berthd.image()), **fields}
    error = fails("INVALID", vm, "AddDisk", **disk)
    assert error.data["param"] == param, error.data
    assert error.data["expected"]


def test_markup_in_names_stays_text(berthd, vm):
    """No string of a caller becomes markup."""
    path = os.path.join(berthd.images, "a'\"&<b>.raw")
    make_image(path, MIB)
    disk = str(uuid.uuid4())
    vm("AddDisk", disk_id=disk, source=source(path))
    element = device_xml(vm.xml(), f"ua-{disk}")
    assert element.find("source").get("file") == path


def test_wished_address_that_is_taken(berthd, vm):
    address = vm("AddDisk", **berthd.disk())["address"]
    before = vm.xml()
    error = fails("EXISTS", vm, "AddDisk", address=address, **berthd.disk())
    assert error.message.startswith("address:")
    assert vm.xml() == before


def test_image_in_use_by_a_locker(berthd, vm, unchanged):
    """QEMU refuses at the plug: libvirt's words, everything undone."""
    path = berthd.image(fmt="qcow2")
    before = os.stat(path)
    with open(path, "r+b") as held:
        # QEMU's image locking: shared bytes from 200, a writer's at 201.
        lock = struct.pack("hhqqi4x", fcntl.F_WRLCK, 0, 100, 200, 0)
        fcntl.fcntl(held, 37, lock)  # F_OFD_SETLK
        error = fails("HYPERVISOR_FAILED", vm, "AddDisk",
                      source=source(path, "qcow2"))
    assert error.data["libvirt"]["message"]
    assert error.data["step"]
    assert os.path.exists(path) and os.stat(path).st_size == before.st_size


# --- accidents ---------------------------------------------------------------

@pytest.fixture(scope="module")
def system(certs, libvirtd):
    """A berthd on a libvirtd that the tests use behind its back."""
    daemon = Berthd(certs, libvirtd.URI).start()
    yield daemon
    daemon.stop()


@pytest.fixture
def system_vm(system):
    """(berthd, client, call with the VM's name, name) of a paused VM."""
    client = system.unix()
    name = unique("sys")
    client.call("CreateVm", name=name, memory=64 * MIB, vcpus=1)
    client.call("StartVm", vm=name, paused=True)

    def call(verb, **params):
        return client.call(verb, vm=name, **params)

    yield system, client, call, name
    for verb in ("DestroyVm", "DeleteVm"):
        try:
            client.call(verb, vm=name)
        except RpcError as error:
            assert error.kind == "NOT_FOUND"


def test_backing_file_inside(system_vm):
    """Not on the embedded driver: libvirt 9.0 loses a few bytes of each chain,
    which a leak checker would take for ours."""
    daemon, _, call, _ = system_vm
    path = os.path.join(daemon.images, unique("overlay") + ".qcow2")
    make_image(path, MIB, "qcow2", "-b", daemon.image(), "-F", "raw")
    assert call("AddDisk", source=source(path, "qcow2"))["state"] == "done"


def test_vm_destroyed_behind_our_back(system_vm, libvirtd):
    daemon, client, call, name = system_vm
    client.call("Subscribe")
    libvirtd.virsh("destroy", name)
    client.event(lambda e: e["type"] == "vm.state"
                 and e["data"]["state"] == "shut_off")
    assert call("GetVm")["state"] == "shut_off"
    receipt = call("AddDisk", **daemon.disk())
    assert receipt["state"] == "done"
    assert call("StartVm", paused=True)["changed"] is True


def test_vm_undefined_behind_our_back(system_vm, libvirtd):
    daemon, _, call, name = system_vm
    call("DestroyVm")
    libvirtd.virsh("undefine", name)
    fails("NOT_FOUND", call, "AddDisk", **daemon.disk())
    fails("NOT_FOUND", call, "GetVm")


def test_disk_detached_behind_our_back(system_vm, libvirtd):
    daemon, client, call, name = system_vm
    disk = daemon.disk()
    address = call("AddDisk", **disk)["address"]
    client.call("Subscribe")
    libvirtd.virsh("detach-device-alias", name, f"ua-{disk['disk_id']}",
                   "--live", "--config")
    client.event(lambda e: e["type"] == "disk.unplugged")
    wait_for(lambda: call("GetDisk", disk=disk["disk_id"])["state"]
             == "unplugged", "the disk to be seen as unplugged")
    receipt = call("HotPlugDisk", disk=disk["disk_id"])
    assert receipt["changed"] is True and receipt["address"] == address


def test_qemu_killed_after_a_plug(system_vm):
    daemon, client, call, name = system_vm
    disk = daemon.disk()
    call("AddDisk", **disk)
    client.call("Subscribe")
    os.kill(daemon.qemu_pid(name), signal.SIGKILL)
    client.event(lambda e: e["type"] == "vm.state"
                 and e["data"]["state"] in ("shut_off", "crashed"))
    assert call("GetVm")["state"] == "shut_off"
    call("StartVm", paused=True)
    assert call("GetDisk", disk=disk["disk_id"])["state"] == "plugged"


def test_qemu_killed_during_a_plug(system_vm):
    """QEMU is stopped, so that the plug is under way when it dies."""
    daemon, client, call, name = system_vm
    pid = daemon.qemu_pid(name)
    disk = daemon.disk()
    os.kill(pid, signal.SIGSTOP)
    client.send({"jsonrpc": "2.0", "id": "plug", "method": "AddDisk",
                 "params": {"vm": name, **disk}})
    other = daemon.unix()
    wait_for(lambda: [op for op in
                      other.call("ListOperations")["operations"]
                      if op["verb"] == "AddDisk" and op["state"] == "running"],
             "the plug to run")
    os.kill(pid, signal.SIGKILL)
    answer = client.receive()
    assert answer["id"] == "plug"
    # libvirt says which of the two it noticed first.
    assert answer["error"]["data"]["kind"] in ("HYPERVISOR_FAILED",
                                               "BAD_STATE")
    wait_for(lambda: call("GetVm")["state"] == "shut_off", "the VM to be off")
    call("StartVm", paused=True)
    if disk["disk_id"] not in [d["disk_id"] for d in
                               call("ListDisks")["disks"]]:
        call("AddDisk", **disk)
    else:
        call("HotPlugDisk", disk=disk["disk_id"])
    assert call("GetDisk", disk=disk["disk_id"])["state"] == "plugged"


def test_stopped_qemu_delays_nobody_else(system_vm):
    daemon, client, call, name = system_vm
    other = unique("other")
    client.call("CreateVm", name=other, memory=64 * MIB, vcpus=1)
    client.call("StartVm", vm=other, paused=True)
    pid = daemon.qemu_pid(name)
    os.kill(pid, signal.SIGSTOP)
    try:
        stuck = daemon.unix()
        stuck.send({"jsonrpc": "2.0", "id": 1, "method": "AddDisk",
                    "params": {"vm": name, **daemon.disk()}})
        assert client.call("AddDisk", vm=other,
                           **daemon.disk())["state"] == "done"
        assert call("GetVm")["state"] == "paused"
        assert len(client.call("ListVms")["vms"]) >= 2
    finally:
        os.kill(pid, signal.SIGCONT)
    assert stuck.receive()["result"]["state"] == "done"
    client.call("DestroyVm", vm=other)
    client.call("DeleteVm", vm=other)


def test_libvirtd_lost_and_back(system_vm, libvirtd):
    daemon, client, call, name = system_vm
    disk = daemon.disk()
    call("AddDisk", **disk)
    libvirtd.kill()
    error = fails("UNREACHABLE", call, "AddDisk", **daemon.disk())
    assert error.data["class"] == "retry_after"
    client.call("Ping")
    libvirtd.start()

    def plugged():
        try:
            return call("AddDisk", **daemon.disk())["state"] == "done"
        except RpcError as failure:
            assert failure.kind in ("UNREACHABLE", "RECOVERING"), failure
            return False

    wait_for(plugged, "berthd to use the new libvirtd")
    assert call("GetDisk", disk=disk["disk_id"])["state"] == "plugged"
    client.call("Subscribe")
    call("ResumeVm")
    client.event(lambda e: e["type"] == "vm.state"
                 and e["data"]["state"] == "running")


def test_settings_that_are_wrong(new_berthd):
    for key, value, words in (("log.level", "loud", "level"),
                              ("ops.workers", "0", "workers"),
                              ("nonsense.key", "1", "nonsense")):
        daemon = new_berthd(settings={key: value}).spawn()
        assert daemon.process.wait(30) != 0
        assert words in daemon.log_text()
        daemon.process = None
