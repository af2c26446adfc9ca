# SPDX-License-Identifier: Apache-2.0
"""A real Linux guest: it sees a plugged disk where the plan said, with the
serial that the plan said, and sees it go.
"""
import os
import signal
import subprocess
import uuid

import pytest

from berthlib import MIB, RpcError, hctl, unique, wait_for


def place(address):
    """The guest's own host number is 0: one controller."""
    return "0:" + hctl(address)


def test_guest_sees_disks_come_and_go(new_guest, berthd):
    guest = new_guest()
    assert guest.disks() == {}
    disks = [berthd.disk() for _ in range(3)]
    places = {}
    for disk in disks:
        receipt = guest.vm("AddDisk", **disk)
        places[place(receipt["address"])] = disk["disk_id"]
    guest.sees(lambda seen: seen == places, f"see {places}")
    gone = disks[1]["disk_id"]
    receipt = guest.vm("HotUnplugDisk", disk=gone)
    assert receipt["state"] == "done" and receipt["warnings"]
    guest.sees(lambda seen: gone not in seen.values(), "lose the disk")
    guest.vm("HotPlugDisk", disk=gone)
    guest.sees(lambda seen: seen == places, "see the disk at its old place")


def test_virtio_blk_guest_answers(new_guest, berthd):
    guest = new_guest()
    disk = berthd.disk(interface="virtio", serial="blk-serial")
    receipt = guest.vm("AddDisk", **disk)
    assert receipt["address"]["type"] == "pci"
    guest.sees(lambda seen: "blk-serial" in seen.values(), "see the disk")
    receipt = guest.vm("HotUnplugDisk", disk=disk["disk_id"])
    assert receipt["state"] == "done", receipt
    guest.sees(lambda seen: seen == {}, "lose the disk")
    again = guest.vm("HotPlugDisk", disk=disk["disk_id"])
    assert again["state"] == "done"
    guest.sees(lambda seen: "blk-serial" in seen.values(), "see it again")


def test_unplug_of_a_suspended_guest_ends_later(new_guest, berthd):
    """Pending while the guest cannot answer; the late event completes it."""
    guest = new_guest()
    client = guest.vm.client
    disk = berthd.disk(interface="virtio", serial="late")
    guest.vm("AddDisk", **disk)
    guest.sees(lambda seen: "late" in seen.values(), "see the disk")
    guest.vm("SuspendVm")
    receipt = guest.vm("HotUnplugDisk", disk=disk["disk_id"], deadline_ms=1000)
    assert receipt["state"] == "pending"
    client.call("Subscribe", vm=guest.vm.name)
    guest.vm("ResumeVm")
    event = client.event(lambda e: e["type"] == "disk.unplugged")
    assert disk["disk_id"] in event["device"]
    wait_for(lambda: client.call("GetOperation", op_id=receipt["op_id"])
             ["state"] == "done", "the operation to be done")
    assert guest.vm.disks()[disk["disk_id"]]["state"] == "unplugged"
    for which in ("live", "config"):
        assert (f"<alias name='ua-{disk['disk_id']}'"
                not in guest.vm.xml(which))


def test_controller_and_disk_into_a_running_guest(new_guest, berthd):
    guest = new_guest(virtio_scsi=False)
    guest.vm("UpdateVm", virtio_scsi=True)
    disk = berthd.disk()
    receipt = guest.vm("AddDisk", **disk)
    wanted = {place(receipt["address"]): disk["disk_id"]}
    guest.sees(lambda seen: seen == wanted, f"see {wanted}")


def test_shutdown(new_guest):
    guest = new_guest()
    receipt = guest.vm("ShutdownVm")
    assert receipt["changed"] is True
    wait_for(lambda: guest.vm.get()["state"] == "shut_off",
             "the guest to turn itself off")


def test_full_storage_pauses_and_says_why(new_guest, berthd):
    """The file system below a disk is full: the VM pauses, says which disk,
    and goes on once there is room."""
    small = os.path.join(berthd.images, unique("small"))
    os.mkdir(small)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m,mode=755", "tmpfs",
                    small], check=True)
    try:
        guest = new_guest("berth.fill=filled")
        client = guest.vm.client
        client.call("Subscribe", vm=guest.vm.name)
        path = os.path.join(small, "disk.raw")
        with open(path, "wb") as image:
            image.truncate(64 * MIB)
        disk = berthd.disk(serial="filled", cache="writethrough",
                           error_policy="enospace")
        disk["source"]["path"] = path
        guest.vm("AddDisk", **disk)
        event = client.event(lambda e: e["type"] == "vm.paused")
        assert disk["disk_id"] in event["device"]
        assert "ENOSPC" in event["data"].values()
        because = wait_for(lambda: guest.vm.get().get("paused_because"),
                           "the VM to say why it is paused")
        assert because == {"reason": "ENOSPC", "disk": disk["disk_id"]}
        subprocess.run(["mount", "-o", "remount,size=128m", small], check=True)
        guest.vm("ResumeVm")
        seen = guest.vm.get()
        assert seen["state"] == "running"
        assert "paused_because" not in seen
    finally:
        guest.vm("DestroyVm")
        subprocess.run(["umount", small], check=True)


def test_qemu_killed_under_a_guest(new_guest, berthd):
    guest = new_guest()
    disk = berthd.disk()
    guest.vm("AddDisk", **disk)
    os.kill(berthd.qemu_pid(guest.vm.name), signal.SIGKILL)
    wait_for(lambda: guest.vm.get()["state"] == "shut_off", "the VM to be off")
    guest.vm("StartVm")
    guest.sees(lambda seen: disk["disk_id"] in seen.values(),
               "see its disk after the start")


def test_a_guest_locks_the_tray(new_guest, berthd):
    """It is told, and force is the way out; for a drive that was there at the
    start, and for one that came later, whose tray libvirt does not know."""
    def cdrom():
        return {"disk_id": str(uuid.uuid4()), "kind": "cdrom",
                "interface": "virtio_scsi",
                "source": {"type": "file", "path": berthd.image()}}

    drives = [cdrom(), cdrom()]
    guest = new_guest("berth.hold=sr0,sr1", disks=drives[:1])
    guest.vm("AddDisk", **drives[1])
    for name, drive in zip(("sr0", "sr1"), drives):
        guest.said(f"GUEST holds {name}")
        with pytest.raises(RpcError) as refused:
            guest.vm("ChangeCd", disk=drive["disk_id"], source=None)
        assert refused.value.kind == "TRAY_LOCKED", refused.value
        assert refused.value.data["class"] == "retry_after_guest_action"
        assert "use force" in refused.value.message
        assert "source" in guest.vm.disks()[drive["disk_id"]]
        receipt = guest.vm("ChangeCd", disk=drive["disk_id"], source=None,
                           force=True)
        assert receipt["state"] == "done" and receipt["changed"]
        assert guest.vm.disks()[drive["disk_id"]]["source"] is None
