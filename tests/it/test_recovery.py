# SPDX-License-Identifier: Apache-2.0
"""berthd dies in the middle of an operation and is started again: the final
state is that of an undisturbed run or that before it, and the receipt says
which. berthctl chaos tries every point; these are the ones that tell most.
"""
import os
import subprocess
import uuid

import pytest

from berthlib import MIB, PATIENCE_S, RpcError, device_xml, wait_for

OPEN = ("planned", "running", "pending", "unknown")


@pytest.fixture(scope="module")
def scratch(certs, default_uri):
    """A berthd whose state may be crashed, with a paused VM."""
    from berthlib import Berthd
    daemon = Berthd(certs, default_uri)
    os.makedirs(daemon.settings["state.dir"])
    with open(os.path.join(daemon.settings["state.dir"], "scratch"), "w"):
        pass
    daemon.start()
    client = daemon.unix()
    client.call("CreateVm", name="vm", memory=64 * MIB)
    client.call("StartVm", vm="vm", paused=True)
    client.call("CreateVm", name="bare", memory=64 * MIB, virtio_scsi=False)
    client.call("StartVm", vm="bare", paused=True)
    client.call("UpdateVm", vm="bare", virtio_scsi=True)
    yield daemon
    daemon.stop()


def state_of(client, daemon, vm):
    """Everything that an operation could leave behind."""
    disks = client.call("ListDisks", vm=vm)["disks"]
    seen = client.call("GetVm", vm=vm)
    xml = {which: client.call("GetVmXml", vm=vm, which=which)["xml"]
           for which in ("live", "config")}
    return {
        "disks": sorted((d["disk_id"], d["state"], str(d["address"]))
                        for d in disks),
        "live": sorted(d["disk_id"] for d in disks if device_xml(
            xml["live"], f"ua-{d['disk_id']}") is not None),
        "config": sorted(d["disk_id"] for d in disks if device_xml(
            xml["config"], f"ua-{d['disk_id']}") is not None),
        "controllers": [x.count("virtio-scsi") for x in xml.values()],
        "images": sorted(os.listdir(daemon.images)),
        "state": seen["state"],
    }


def crash(daemon, point, verb, params):
    """Call verb on a berthd that dies at point; its op_id. None when the
    operation never came there."""
    op_id = str(uuid.uuid4())
    daemon.stop()
    daemon.options = ["--crash-at", point]
    daemon.start()
    client = daemon.unix()
    daemon.options = []
    lost = False
    try:
        client.call(verb, op_id=op_id, **params)
    except (ConnectionError, AssertionError, OSError):
        lost = True
    if lost or "inside" in point:  # there the call may end just before
        try:
            daemon.process.wait(PATIENCE_S if lost else 1)
        except subprocess.TimeoutExpired:
            pass
    if daemon.process.poll() is None:
        return None
    daemon.process = None
    daemon.clients.clear()
    daemon.start()
    return op_id


def settled(client, op_id):
    """The operation's record once it is over; None if it never began."""
    def over():
        try:
            record = client.call("GetOperation", op_id=op_id)
        except RpcError as error:
            if error.kind == "NOT_FOUND":
                return {"state": "never"}
            raise
        return record if record["state"] not in OPEN else None
    return wait_for(over, f"the end of {op_id}", PATIENCE_S)


def check(daemon, vm, point, verb, params, op_id, before, after):
    client = daemon.unix()
    record = settled(client, op_id)
    seen = state_of(client, daemon, vm)
    if record["state"] == "done":
        assert seen == after, f"{verb} at {point}: done, but {seen}"
        again = client.call(verb, op_id=op_id, **params)
        assert again["op_id"] == op_id and again["state"] == "done"
        return True
    assert record["state"] in ("failed", "cancelled", "never"), record
    assert seen == before, f"{verb} at {point}: {record['state']}, but {seen}"
    return False


ADD = [f"{step}.{at}" for step in ("create_image", "attach_disk", "define")
       for at in ("journal.before", "journal.after", "call.before",
                  "call.inside:1", "call.after", "verify.after",
                  "commit.before", "commit.after")] + [
    "define.reply.before", "define.reply.after"]


@pytest.mark.parametrize("vm", ["vm", "bare"])
def test_add_disk(scratch, vm):
    disk_id = str(uuid.uuid4())
    path = os.path.join(scratch.images, f"{disk_id[:8]}.raw")
    disk = {"disk_id": disk_id, "size": MIB,
            "source": {"type": "file", "path": path, "format": "raw"}}
    points = list(ADD)
    if vm == "bare":
        points += ["attach_controller.call.before",
                   "attach_controller.call.inside:1",
                   "attach_controller.call.after",
                   "attach_controller.commit.before",
                   "attach_controller.commit.after"]
    client = scratch.unix()
    before = state_of(client, scratch, vm)
    client.call("AddDisk", vm=vm, **disk)
    after = state_of(client, scratch, vm)

    def undo():
        back = scratch.unix()
        try:
            back.call("HotUnplugDisk", vm=vm, disk=disk_id)
            back.call("RemoveDisk", vm=vm, disk=disk_id, delete=True)
        except RpcError as error:
            assert error.kind == "NOT_FOUND"
    undo()
    if vm == "bare":  # its controller stays now: the plain case again
        before = state_of(scratch.unix(), scratch, vm)
    outcomes = {True: 0, False: 0}
    for point in points:
        if "controller" in point:
            continue
        op_id = crash(scratch, point, "AddDisk", dict(vm=vm, **disk))
        if op_id is None:
            assert "inside" in point, f"{point} was not passed"
            undo()
            continue
        outcomes[check(scratch, vm, point, "AddDisk", dict(vm=vm, **disk),
                       op_id, before, after)] += 1
        undo()
        assert state_of(scratch.unix(), scratch, vm) == before, point
    assert outcomes[True] and outcomes[False], outcomes


@pytest.fixture
def plugged(scratch):
    client = scratch.unix()
    disk = scratch.disk()
    client.call("AddDisk", vm="vm", **disk)
    yield disk["disk_id"]
    client = scratch.unix()
    client.call("HotUnplugDisk", vm="vm", disk=disk["disk_id"])
    client.call("RemoveDisk", vm="vm", disk=disk["disk_id"], delete=True)


def test_unplug_and_plug(scratch, plugged):
    client = scratch.unix()
    params = {"vm": "vm", "disk": plugged}
    there = state_of(client, scratch, "vm")
    client.call("HotUnplugDisk", **params)
    gone = state_of(client, scratch, "vm")
    for verb, step, before, after in (
            ("HotPlugDisk", "attach_disk", gone, there),
            ("HotUnplugDisk", "detach_disk", there, gone)):
        other = "HotUnplugDisk" if verb == "HotPlugDisk" else "HotPlugDisk"
        for kind in (step, "define"):
            for at in ("journal.after", "call.before", "call.inside:2",
                       "call.after", "commit.before", "commit.after"):
                point = f"{kind}.{at}"
                scratch.unix().call(other, **params)
                assert state_of(scratch.unix(), scratch, "vm") == before
                op_id = crash(scratch, point, verb, params)
                if op_id is None:
                    assert "inside" in point
                    continue
                check(scratch, "vm", point, verb, params, op_id, before,
                      after)


def test_only_on_a_scratch_directory(scratch, new_berthd):
    daemon = new_berthd()
    daemon.options = ["--crash-at", "define.call.before"]
    daemon.spawn()
    assert daemon.process.wait(PATIENCE_S) == 1
    assert "scratch" in daemon.log_text()
    daemon.process = None
