# SPDX-License-Identifier: Apache-2.0
"""Two who want the same at once, and VMs that hang: who is first does it, the
other hears the same or a typed refusal, and nobody else is delayed.
"""
import os
import signal
import threading
import time
import uuid

import pytest

from berthlib import MIB, RpcError, unique, wait_for

ROUNDS = 10


def at_once(*jobs):
    """What each returned, or the kind of its refusal; all begin together."""
    barrier = threading.Barrier(len(jobs))
    results = [None] * len(jobs)

    def run(i, job):
        barrier.wait()
        try:
            results[i] = job()
        except RpcError as error:
            results[i] = error.kind

    threads = [threading.Thread(target=run, args=pair)
               for pair in enumerate(jobs)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


@pytest.fixture
def peers(berthd):
    """Two peers, and a second connection of the first."""
    return berthd.unix(), berthd.tls(), berthd.unix()


def test_two_peers_plug_the_same_disk(berthd, vm, peers):
    disk = berthd.disk(plugged=False)
    vm("AddDisk", **disk)
    for verb in ("HotPlugDisk", "HotUnplugDisk") * ROUNDS:
        receipts = at_once(*(lambda c=c: c.call(verb, vm=vm.name,
                                                disk=disk["disk_id"])
                             for c in peers[:2]))
        assert sorted(r["changed"] for r in receipts) == [False, True]
        assert receipts[0]["op_id"] != receipts[1]["op_id"]
        assert receipts[0]["address"] == receipts[1]["address"]


def test_one_peer_plugs_it_twice(berthd, vm, peers):
    """They join, or the second finds it done."""
    disk = berthd.disk(plugged=False)
    vm("AddDisk", **disk)
    for verb in ("HotPlugDisk", "HotUnplugDisk") * ROUNDS:
        one, two = at_once(*(lambda c=c: c.call(verb, vm=vm.name,
                                                disk=disk["disk_id"])
                             for c in peers[::2]))
        if one["op_id"] == two["op_id"]:
            assert one == two and one["changed"]
        else:
            assert sorted([one["changed"], two["changed"]]) == [False, True]


def test_plug_and_unplug_at_once(berthd, vm, peers):
    """One after the other, in whichever order."""
    disk = berthd.disk()
    vm("AddDisk", **disk)
    for _ in range(ROUNDS):
        plug, unplug = at_once(
            *(lambda c=c, v=v: c.call(v, vm=vm.name, disk=disk["disk_id"])
              for c, v in zip(peers, ("HotPlugDisk", "HotUnplugDisk"))))
        assert unplug["changed"] is True
        state = vm.disks()[disk["disk_id"]]["state"]
        assert state == ("plugged" if plug["changed"] else "unplugged")
        vm("HotPlugDisk", disk=disk["disk_id"])


def test_two_add_under_one_name(berthd, vm, peers):
    for _ in range(ROUNDS):
        one, two = berthd.disk(), berthd.disk()
        two["disk_id"] = one["disk_id"]
        results = at_once(*(lambda c=c, d=d: c.call("AddDisk", vm=vm.name, **d)
                            for c, d in zip(peers, (one, two))))
        assert sorted(type(r).__name__ for r in results) == ["dict", "str"]
        assert "EXISTS" in results
        winner = (one, two)[results.index("EXISTS") ^ 1]
        assert vm.disks()[one["disk_id"]]["source"]["path"] == \
            winner["source"]["path"]
        vm("HotUnplugDisk", disk=one["disk_id"])
        vm("RemoveDisk", disk=one["disk_id"])


def test_two_vms_want_the_same_image(berthd, new_vm, peers):
    vms = [new_vm(start=True) for _ in range(2)]
    for _ in range(ROUNDS):
        source = berthd.disk()["source"]
        results = at_once(*(lambda c=c, v=v: c.call("AddDisk", vm=v.name,
                                                    source=source)
                            for c, v in zip(peers, vms)))
        assert "BUSY" in results, results
        winner = results.index("BUSY") ^ 1
        assert results[winner]["state"] == "done"
        assert vms[winner ^ 1].disks() == {}
        for verb in ("HotUnplugDisk", "RemoveDisk"):
            vms[winner](verb, disk=results[winner]["disk_id"])


def test_two_make_the_same_vm(berthd, peers):
    name = unique("twin")
    results = at_once(*(lambda c=c: c.call("CreateVm", name=name,
                                           memory=64 * MIB)
                        for c in peers[:2]))
    assert sorted(type(r).__name__ for r in results) == ["dict", "str"]
    assert "EXISTS" in results
    peers[0].call("DeleteVm", vm=name)


def test_what_is_gone_is_answered_again(berthd, vm):
    """A receipt outlives what its operation removed."""
    disk = berthd.disk(plugged=False)
    vm("AddDisk", **disk)
    removed, deleted = str(uuid.uuid4()), str(uuid.uuid4())
    first = vm("RemoveDisk", disk=disk["disk_id"], op_id=removed)
    assert vm("RemoveDisk", disk=disk["disk_id"], op_id=removed) == first
    vm("DestroyVm")
    first = vm("DeleteVm", op_id=deleted)
    assert first["changed"] is True
    assert vm("DeleteVm", op_id=deleted) == first
    with pytest.raises(RpcError) as error:
        vm("DestroyVm", op_id=deleted)
    assert error.value.kind == "OP_ID_CONFLICT"


# --- a VM that hangs ---------------------------------------------------------

class Hung:
    """A VM whose QEMU is stopped while a plug is under way."""

    def __init__(self, daemon, vm):
        self.pid = daemon.qemu_pid(vm)
        self.client = daemon.unix()
        os.kill(self.pid, signal.SIGSTOP)
        self.disk = daemon.disk()
        self.client.send({"jsonrpc": "2.0", "id": "hung", "method": "AddDisk",
                          "params": {"vm": vm, **self.disk}})
        admin = daemon.unix()
        wait_for(lambda: any(op["state"] == "running" for op in
                             admin.call("ListOperations", vm=vm,
                                        state="open")["operations"]),
                 "the plug to run")

    def end(self):
        """The plug goes on; its receipt."""
        os.kill(self.pid, signal.SIGCONT)
        return self.client.receive()["result"]


@pytest.fixture
def hang(berthd):
    made = []

    def make(vm):
        made.append(Hung(berthd, vm))
        return made[-1]

    yield make
    for hung in made:
        os.kill(hung.pid, signal.SIGCONT)


def test_cancelled_in_the_queue(berthd, vm, hang):
    """Before its turn: nothing is done, and all who wait hear it at once."""
    hung, op_id = hang(vm.name), str(uuid.uuid4())
    asker, again = berthd.tls(), berthd.tls()
    for client in (asker, again):
        client.send({"jsonrpc": "2.0", "id": 1, "method": "DestroyVm",
                     "params": {"vm": vm.name, "op_id": op_id}})
    admin = berthd.unix()
    wait_for(lambda: admin.call("ListOperations", vm=vm.name,
                                state="planned")["operations"],
             "the operation to wait for its turn")
    shown = berthd.ctl("op", "ls", "--vm", vm.name, check=0).stdout
    assert op_id in shown and "planned" in shown and "running" in shown
    done = berthd.ctl("op", "cancel", op_id, check=0)
    assert "nothing was done" in done.stdout, done.stdout
    for client in (asker, again):
        assert client.receive()["error"]["data"]["kind"] == "CANCELLED"
    with pytest.raises(RpcError) as error:
        admin.call("CancelOperation", op_id=op_id)
    assert error.value.kind == "BAD_STATE"
    assert hung.end()["state"] == "done"
    assert vm.get()["state"] == "paused"
    assert admin.call("GetOperation", op_id=op_id)["state"] == "cancelled"
    with pytest.raises(RpcError) as error:  # it stays cancelled
        asker.call("DestroyVm", vm=vm.name, op_id=op_id)
    assert error.value.kind == "CANCELLED"


def test_cancelled_in_the_middle(berthd, vm, hang):
    """Before its next effect: what was done is undone."""
    hung, admin = hang(vm.name), berthd.unix()
    op = admin.call("ListOperations", vm=vm.name, state="open")["operations"][0]
    assert admin.call("CancelOperation", op_id=op["op_id"])["cancelled"] is True
    os.kill(hung.pid, signal.SIGCONT)
    answer = hung.client.receive()
    assert answer["error"]["data"]["kind"] == "CANCELLED", answer
    assert vm.disks() == {}
    assert f"<alias name='ua-{hung.disk['disk_id']}'" not in vm.xml()


def test_joined_over_a_lost_connection(berthd, vm, hang):
    """Who comes back asks again, and hears what became of it."""
    hung, admin = hang(vm.name), berthd.unix()
    lost = berthd.tls()
    call = {"jsonrpc": "2.0", "id": 1, "method": "ResumeVm",
            "params": {"vm": vm.name}}
    lost.send(call)
    lost.call("Ping")
    lost.close()
    again = berthd.tls()
    again.send(call)
    again.call("Ping")
    planned = admin.call("ListOperations", vm=vm.name, state="planned")
    assert len(planned["operations"]) == 1
    hung.end()
    receipt = again.receive()["result"]
    assert receipt["op_id"] == planned["operations"][0]["op_id"]
    assert receipt["changed"] is True
    vm("SuspendVm")


def test_hung_vms_take_nobody_s_worker(new_berthd):
    """As many as there are workers: the next VM is served all the same."""
    daemon = new_berthd(settings={"ops.workers": 2}).start()
    admin = daemon.unix()
    names = [unique("worker") for _ in range(3)]
    for name in names:
        admin.call("CreateVm", name=name, memory=64 * MIB, vcpus=1)
        admin.call("StartVm", vm=name, paused=True)
    hung = [Hung(daemon, name) for name in names[:2]]
    try:
        began = time.monotonic()
        receipt = admin.call("AddDisk", vm=names[2], **daemon.disk())
        assert receipt["state"] == "done"
        assert time.monotonic() - began < 20
        assert admin.call("GetVm", vm=names[0])["state"] == "paused"
        lanes = admin.call("ListOperations")["lanes"]
        assert any(lane["blocked"] for lane in lanes)
    finally:
        for one in hung:
            os.kill(one.pid, signal.SIGCONT)
    for one in hung:
        assert one.client.receive()["result"]["state"] == "done"
    for name in names:
        admin.call("DestroyVm", vm=name)
