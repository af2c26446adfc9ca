# SPDX-License-Identifier: Apache-2.0
"""Many at once: serial per VM, parallel across VMs, bounded everywhere."""
import os
import signal
import threading
import uuid

import pytest

from berthlib import MIB, unique, wait_for

LANE_MAX = 64
SESSION_MAX = 256


def in_threads(jobs):
    """Run all at once; the exceptions of those that failed."""
    failures = []

    def guarded(job):
        try:
            job()
        except Exception as error:  # told by the caller
            failures.append(error)

    threads = [threading.Thread(target=guarded, args=(job,)) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return failures


def test_many_clients_plug_at_once(berthd, new_vm):
    vms = [new_vm(start=True) for _ in range(3)]
    disks = {vm.name: [berthd.disk() for _ in range(12)] for vm in vms}

    def plug(name, mine):
        with berthd.tls() as client:
            for disk in mine:
                receipt = client.call("AddDisk", vm=name, **disk)
                assert receipt["state"] == "done"

    assert in_threads([lambda n=name, d=mine[i::4]: plug(n, d)
                       for name, mine in disks.items()
                       for i in range(4)]) == []
    for vm in vms:
        seen = vm.disks()
        assert sorted(d["address"]["unit"] for d in seen.values()) == \
            list(range(12))
        assert {d["state"] for d in seen.values()} == {"plugged"}


def test_same_request_by_many(berthd, vm):
    """One of them does it, all are told so; the disk is there once."""
    disk = berthd.disk()
    changed = []

    def plug():
        with berthd.unix() as client:
            changed.append(client.call("AddDisk", vm=vm.name,
                                       **disk)["changed"])

    assert in_threads([plug] * 6) == []
    assert len(vm.disks()) == 1
    assert True in changed


def test_same_op_id_by_many(berthd, vm):
    """A repeated op_id is never a second effect."""
    disk, op_id = berthd.disk(), str(uuid.uuid4())
    receipts = []

    def plug():
        with berthd.unix() as client:
            receipts.append(client.call("AddDisk", vm=vm.name, op_id=op_id,
                                        **disk))

    assert in_threads([plug] * 6) == []
    assert len(receipts) == 6
    assert all(receipt == receipts[0] for receipt in receipts)


def test_vms_come_and_go_at_once(berthd):
    def live():
        name = unique("brief")
        with berthd.tls() as client:
            client.call("CreateVm", name=name, memory=64 * MIB, vcpus=1)
            client.call("StartVm", vm=name, paused=True)
            client.call("AddDisk", vm=name, **berthd.disk())
            client.call("DestroyVm", vm=name)
            client.call("DeleteVm", vm=name)

    assert in_threads([live] * 6) == []


@pytest.fixture
def stuck(berthd, vm):
    """A VM's QEMU does not answer and a plug is under way; call to end it."""
    pid = berthd.qemu_pid(vm.name)
    os.kill(pid, signal.SIGSTOP)
    client = berthd.unix()
    client.send({"jsonrpc": "2.0", "id": "stuck", "method": "AddDisk",
                 "params": {"vm": vm.name, **berthd.disk()}})
    wait_for(lambda: berthd.unix().call("ListOperations", vm=vm.name,
                                        state="open")["operations"],
             "the plug to run")
    yield lambda: os.kill(pid, signal.SIGCONT)
    os.kill(pid, signal.SIGCONT)
    assert client.receive()["id"] == "stuck"


def suspend(vm, i):
    """With an op_id of its own: equal requests would join one operation."""
    return {"jsonrpc": "2.0", "id": i, "method": "SuspendVm",
            "params": {"vm": vm.name, "op_id": str(uuid.uuid4())}}


def test_queue_of_a_vm_is_bounded(berthd, vm, stuck):
    """Who comes too late is told so at once; others are not delayed."""
    many = LANE_MAX + 20
    client = berthd.unix()
    for i in range(many):
        client.send(suspend(vm, i))
    refused = [client.receive() for _ in range(many - LANE_MAX)]
    assert {a["error"]["data"]["kind"] for a in refused} == {"BUSY"}
    assert refused[0]["error"]["data"]["class"] == "retry_after"
    assert refused[0]["error"]["data"]["queue_depth"] == LANE_MAX
    assert refused[0]["error"]["data"]["retry_after_ms"] > 0
    assert vm.get()["state"] == "paused"


def test_requests_of_a_connection_are_bounded(berthd, vm, stuck):
    client = berthd.unix()
    client.send([suspend(vm, i) for i in range(SESSION_MAX + 10)])
    client.call("Ping")  # the batch has been taken
    stuck()
    answers = client.receive()
    assert len(answers) == SESSION_MAX + 10
    assert sum("result" in answer for answer in answers) == LANE_MAX


def test_deadline_passes_in_the_queue(berthd, vm, stuck):
    """It is answered when it comes, not when the queue moves."""
    late = berthd.tls()
    late.send({"jsonrpc": "2.0", "id": 1, "method": "DestroyVm",
               "params": {"vm": vm.name, "deadline_ms": 20}})
    assert late.receive()["error"]["data"]["kind"] == "TIMEOUT"
    stuck()
    assert vm("ResumeVm")["state"] == "done"
    vm("SuspendVm")


def test_stop_with_an_operation_under_way(new_berthd):
    """SIGTERM lets it end, and it is recorded."""
    daemon = new_berthd().start()
    client = daemon.unix()
    name = unique("stop")
    client.call("CreateVm", name=name, memory=64 * MIB, vcpus=1)
    op_id = str(uuid.uuid4())
    client.send({"jsonrpc": "2.0", "id": 1, "method": "StartVm",
                 "params": {"vm": name, "paused": True, "op_id": op_id}})
    wait_for(lambda: daemon.unix().call("ListOperations", vm=name)
             ["operations"][0]["op_id"] == op_id, "the start to run")
    daemon.process.send_signal(signal.SIGTERM)
    assert client.receive()["result"]["state"] == "done"
    daemon.process.wait(30)
    daemon.start()
    client = daemon.unix()
    assert client.call("GetOperation", op_id=op_id)["state"] == "done"
    assert client.call("GetVm", vm=name)["state"] == "paused"
    client.call("DestroyVm", vm=name)
