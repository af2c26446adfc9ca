# SPDX-License-Identifier: Apache-2.0
"""libvirtd is not there, goes away, is killed in the middle of operations, or
waits for a QEMU that hangs: questions are answered, nothing is guessed, and
what was begun is settled when libvirtd is back.
"""
import glob
import json
import os
import random
import signal
import socket
import threading
import time
import uuid

import pytest

from berthlib import (EMBED, MIB, PATIENCE_S, Berthd, RpcError, device_xml,
                      unique, wait_for)
from test_errors import fails

OPEN = ("planned", "running", "pending", "unknown")


@pytest.fixture(scope="module")
def daemon(certs, libvirtd):
    made = Berthd(certs, libvirtd.URI).start()
    yield made
    made.stop()


@pytest.fixture
def client(daemon, libvirtd):
    if libvirtd.process.poll() is not None:
        libvirtd.start()
    with daemon.unix() as connected:
        until_connected(connected)
        yield connected


@pytest.fixture
def make_vm(daemon, client):
    """Paused VMs by name; ended after the test."""
    made = []

    def make():
        name = unique("away")
        client.call("CreateVm", name=name, memory=64 * MIB)
        client.call("StartVm", vm=name, paused=True)
        made.append(name)
        return name

    yield make
    for name in made:
        persist(client, "DestroyVm", vm=name)
        persist(client, "DeleteVm", vm=name)


def persist(client, verb, **params):
    """Call until it is neither RECOVERING nor UNREACHABLE."""
    def once():
        try:
            return client.call(verb, **params)
        except RpcError as error:
            assert error.kind in ("RECOVERING", "UNREACHABLE"), error
            assert error.data["retry_after_ms"] > 0
            return None
    return wait_for(once, verb)


def link(client):
    return client.call("ListHypervisors")["hypervisors"][0]


def until_connected(client, connected=True):
    return wait_for(lambda: link(client)["connected"] == connected
                    and link(client), f"connected: {connected}")


def until_settled(client, vm):
    return wait_for(lambda: (seen := client.call("GetVm", vm=vm))["settled"]
                    and seen, f"{vm} to be settled")


class Monitor:
    """QEMU's monitor itself; only while libvirtd does not run."""

    def __init__(self, vm):
        path, = glob.glob(f"/var/lib/libvirt/qemu/domain-*-{vm}/monitor.sock")
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(PATIENCE_S)
        self.sock.connect(path)
        self.file = self.sock.makefile("rw")
        self.file.readline()
        self.ask("qmp_capabilities")

    def ask(self, command, **arguments):
        self.file.write(json.dumps({"execute": command,
                                    "arguments": arguments}) + "\n")
        self.file.flush()
        while True:
            answer = json.loads(self.file.readline())
            if "event" not in answer:
                return answer["return"]

    def close(self):
        self.file.close()
        self.sock.close()


# --- not there ---------------------------------------------------------------

def test_start_without_libvirtd(new_berthd, libvirtd):
    libvirtd.kill()
    daemon = new_berthd(uri=libvirtd.URI).start()
    client = daemon.unix()
    assert client.call("ListVms")["vms"] == []
    seen = link(client)
    assert seen["connected"] is False
    assert "libvirt-sock" in seen["last_error"]
    assert seen["next_try_ms"] >= 0 and seen["since"]
    error = fails("UNREACHABLE", client.call, "CreateVm", name="vm",
                  memory=64 * MIB)
    assert error.data["class"] == "retry_after"
    assert error.data["retry_after_ms"] > 0
    fails("UNREACHABLE", client.call, "StartVm", vm="vm")
    assert client.call("ListOperations")["operations"] == []
    status = daemon.ctl("host", "status", check=0).stdout
    assert "NOT CONNECTED since" in status and "libvirt-sock" in status
    client.call("Subscribe")
    libvirtd.start()
    client.event(lambda e: e["type"] == "hypervisor.back")
    assert until_connected(client)["last_error"] is None
    persist(client, "CreateVm", name="vm", memory=64 * MIB)
    client.call("DeleteVm", vm="vm")


def test_start_with_a_mute_libvirtd(new_berthd, libvirtd):
    """It takes the connection and says nothing: berthd does not wait."""
    os.kill(libvirtd.process.pid, signal.SIGSTOP)
    try:
        daemon = new_berthd(uri=libvirtd.URI).start()
        client = daemon.unix()
        assert link(client)["connected"] is False
        assert client.call("ListVms")["vms"] == []
        fails("UNREACHABLE", client.call, "StartVm", vm="vm")
        daemon.stop()
        client = daemon.start().unix()
    finally:
        os.kill(libvirtd.process.pid, signal.SIGCONT)
    until_connected(client)
    persist(client, "CreateVm", name="mute", memory=64 * MIB)
    client.call("DeleteVm", vm="mute")


def test_libvirtd_goes_mute(daemon, client, libvirtd, make_vm):
    """Keepalive notices: what was under way ends as not known, and settles."""
    vm, disk, op_id = make_vm(), daemon.disk(), str(uuid.uuid4())
    client.call("AddDisk", vm=vm, **disk)
    os.kill(libvirtd.process.pid, signal.SIGSTOP)
    try:
        error = fails("UNREACHABLE", client.call, "HotUnplugDisk", vm=vm,
                      disk=disk["disk_id"], op_id=op_id)
        assert "not known" in error.message
        until_connected(client, False)
        assert client.call("GetVm", vm=vm)["settled"] is False
    finally:
        os.kill(libvirtd.process.pid, signal.SIGCONT)
    until_connected(client)
    assert outcome(client, op_id) == "done"
    until_settled(client, vm)
    seen = client.call("GetDisk", disk=disk["disk_id"])
    assert seen["state"] == "unplugged"


def test_libvirtd_stopped_and_started(daemon, client, libvirtd, make_vm):
    vm = make_vm()
    disk = daemon.disk()
    client.call("AddDisk", vm=vm, **disk)
    client.call("Subscribe")
    libvirtd.stop()
    client.event(lambda e: e["type"] == "hypervisor.lost")
    until_connected(client, False)
    seen = client.call("GetVm", vm=vm)
    assert seen["state"] == "paused" and seen["settled"] is False
    first = seen["age_ms"]
    assert [d["state"] for d in seen["disks"]] == ["plugged"]
    assert client.call("GetTopology", vm=vm)["tree"]
    assert client.call("ListDisks", vm=vm)["disks"]
    stats = client.call("GetHostStats")["berth"]
    assert stats["libvirt"]["connected"] is False
    assert stats["libvirt"]["last_error"]
    for verb in ("HotUnplugDisk", "RemoveDisk"):
        fails("UNREACHABLE", client.call, verb, vm=vm, disk=disk["disk_id"])
    fails("UNREACHABLE", client.call, "GetVmXml", vm=vm)
    # berthd is started again while libvirtd is away: the record answers.
    daemon.restart()
    with daemon.unix() as other:
        seen = other.call("GetVm", vm=vm)
        assert seen["state"] == "unknown" and seen["settled"] is False
        assert seen["age_ms"] >= first
        assert [d["disk_id"] for d in seen["disks"]] == [disk["disk_id"]]
        assert other.call("GetTopology", vm=vm)["state"] == "unknown"
        fails("UNREACHABLE", other.call, "HotUnplugDisk", vm=vm,
              disk=disk["disk_id"])
        libvirtd.start()
        until_connected(other)
        seen = until_settled(other, vm)
        assert seen["state"] == "paused" and seen["memory"] == 64 * MIB
        receipt = other.call("HotUnplugDisk", vm=vm, disk=disk["disk_id"])
        assert receipt["state"] == "done"
    client.sock.close()
    client.sock = daemon.unix().sock
    client.buffer = b""


# --- what it shows first ------------------------------------------------------

def test_a_stale_view_is_not_recorded(daemon, client, libvirtd, make_vm):
    """A disk goes while libvirtd is down. libvirtd, back, lists it until it
    has asked QEMU; it is held there by a monitor that somebody else has."""
    vm = make_vm()
    disks = [daemon.disk() for _ in range(2)]
    for disk in disks:
        client.call("AddDisk", vm=vm, **disk)
    gone, kept = (disk["disk_id"] for disk in disks)
    since = client.call("GetEvents", since=0, limit=1000)["next"]
    libvirtd.kill()
    until_connected(client, False)
    monitor = Monitor(vm)
    monitor.ask("device_del", id=f"ua-{gone}")
    wait_for(lambda: f"ua-{gone}" not in [d["name"] for d in monitor.ask(
        "qom-list", path="/machine/peripheral")], "the device to go")
    libvirtd.start()
    until_connected(client)
    stale = libvirtd.virsh("dumpxml", vm).stdout
    assert device_xml(stale, f"ua-{gone}") is not None, "libvirt is not stale"
    error = fails("RECOVERING", client.call, "HotPlugDisk", vm=vm, disk=gone)
    assert "QEMU" in error.message and error.data["retry_after_ms"] > 0
    assert client.call("GetVm", vm=vm)["settled"] is False
    events = client.call("GetEvents", since=since)["events"]
    assert not [e for e in events if e["device"] == f"ua-{gone}"]
    monitor.close()
    until_settled(client, vm)
    states = {d["disk_id"]: d["state"]
              for d in client.call("ListDisks", vm=vm)["disks"]}
    assert states == {gone: "unplugged", kept: "plugged"}
    events = client.call("GetEvents", since=since)["events"]
    assert [(e["type"], e["origin"]) for e in events
            if e["device"] == f"ua-{gone}"] == [("disk.unplugged",
                                                 "reconcile")]
    assert [e["seq"] for e in events] == list(
        range(since + 1, since + 1 + len(events)))
    receipt = client.call("HotPlugDisk", vm=vm, disk=gone)
    assert receipt["state"] == "done" and receipt["changed"] is True


def test_a_vm_is_ended_while_libvirtd_is_down(daemon, client, libvirtd,
                                              make_vm):
    vm = make_vm()
    pid = daemon.qemu_pid(vm)
    client.call("Subscribe")
    libvirtd.kill()
    until_connected(client, False)
    os.kill(pid, signal.SIGKILL)
    libvirtd.start()
    client.event(lambda e: e["type"] == "vm.state"
                 and e["data"]["state"] == "shut_off")
    assert until_settled(client, vm)["state"] == "shut_off"
    assert client.call("StartVm", vm=vm, paused=True)["changed"] is True


# --- a QEMU that hangs ----------------------------------------------------------

def hangs(client, stuck, other, pid, daemon):
    """stuck's QEMU is stopped: other works, stuck recovers afterwards."""
    until_settled(client, other)
    receipt = client.call("AddDisk", vm=other, **daemon.disk())
    assert receipt["state"] == "done"
    seen = client.call("GetVm", vm=stuck)
    assert seen["state"] == "paused" and seen["settled"] is False
    fails("RECOVERING", client.call, "AddDisk", vm=stuck, **daemon.disk())
    os.kill(pid, signal.SIGCONT)
    until_settled(client, stuck)
    receipt = client.call("AddDisk", vm=stuck, **daemon.disk())
    assert receipt["state"] == "done"


def test_a_qemu_hangs_while_libvirtd_restarts(daemon, client, libvirtd,
                                              make_vm):
    stuck, other = make_vm(), make_vm()
    pid = daemon.qemu_pid(stuck)
    os.kill(pid, signal.SIGSTOP)
    try:
        libvirtd.kill()
        until_connected(client, False)
        libvirtd.start()
        until_connected(client)
        hangs(client, stuck, other, pid, daemon)
    finally:
        os.kill(pid, signal.SIGCONT)


def test_a_qemu_hangs_while_berthd_restarts(daemon, client, make_vm):
    """libvirtd has nothing to ask it: berthd is ready at once, and knows."""
    stuck, other = make_vm(), make_vm()
    pid = daemon.qemu_pid(stuck)
    os.kill(pid, signal.SIGSTOP)
    try:
        daemon.restart()
        with daemon.unix() as asking:
            assert until_settled(asking, other)["state"] == "paused"
            assert until_settled(asking, stuck)["state"] == "paused"
            receipt = asking.call("AddDisk", vm=other, **daemon.disk())
            assert receipt["state"] == "done"
    finally:
        os.kill(pid, signal.SIGCONT)
    client.sock.close()
    client.sock = daemon.unix().sock
    client.buffer = b""


def embedded_driver_restarts(new_berthd):
    daemon = new_berthd(uri=None).start()
    client = daemon.unix()
    names = ["stuck", "other"]
    for name in names:
        client.call("CreateVm", name=name, memory=64 * MIB)
        client.call("StartVm", vm=name, paused=True)
    pid = daemon.qemu_pid("stuck")
    os.kill(pid, signal.SIGSTOP)
    try:
        daemon.restart()
        client = daemon.unix()
        hangs(client, "stuck", "other", pid, daemon)
    finally:
        os.kill(pid, signal.SIGCONT)
    for name in names:
        client.call("DestroyVm", vm=name)


if EMBED:
    test_a_qemu_hangs_while_the_embedded_driver_restarts = \
        embedded_driver_restarts


# --- in the middle of operations --------------------------------------------------

VMS, DISKS, OPERATIONS, KILLS = 3, 4, 102, 4


class Engine(threading.Thread):
    """A client with one VM: it plugs, unplugs and changes disks, one
    operation after the other, whatever it is answered."""

    def __init__(self, daemon, vm, disks, progress, seed):
        super().__init__()
        self.client = daemon.unix()
        self.vm, self.disks, self.progress = vm, disks, progress
        self.random = random.Random(seed)
        self.done = []  # (op_id, verb, disk, value), in order
        self.answers, self.faults = {}, []

    def run(self):
        for number in range(OPERATIONS // VMS):
            self.operation(number + 1)
            self.progress.release()

    def operation(self, number):
        op_id, disk = str(uuid.uuid4()), self.random.choice(self.disks)
        verb = self.random.choice(["HotPlugDisk", "HotUnplugDisk",
                                   "UpdateVmDisk"])
        params = {}
        if verb == "UpdateVmDisk":
            params["set"] = {"iotune": {"total_iops_sec": number * 100}}
        self.done.append((op_id, verb, disk, number * 100))
        try:
            self.answers[op_id] = self.client.call(
                verb, vm=self.vm, disk=disk, op_id=op_id, **params)["state"]
        except RpcError as error:
            self.answers[op_id] = error.kind
            if error.kind not in ("UNREACHABLE", "RECOVERING"):
                self.faults.append(error)
            time.sleep(error.data.get("retry_after_ms", 100) / 1000)


def outcome(client, op_id):
    """done, failed, cancelled, or never: it was refused before it began."""
    def over():
        try:
            record = client.call("GetOperation", op_id=op_id)
        except RpcError as error:
            assert error.kind == "NOT_FOUND", error
            return "never"
        return record["state"] not in OPEN and record["state"]
    return wait_for(over, f"the end of {op_id}")


def expected(engine, client):
    """What the engine's disks are, going by what became of its operations."""
    model = {disk: (True, 0) for disk in engine.disks}
    for op_id, verb, disk, value in engine.done:
        state, said = outcome(client, op_id), engine.answers[op_id]
        assert state in ("done", "failed", "cancelled", "never"), state
        assert (said == "done") <= (state == "done"), (op_id, said, state)
        assert state != "never" or said != "done"
        if state != "done":
            continue
        plugged, limit = model[disk]
        if verb == "UpdateVmDisk":
            model[disk] = (plugged, value)
        else:
            model[disk] = (verb == "HotPlugDisk", limit)
    return model


def in_qemu(libvirtd, vm):
    """(devices, storage nodes of disks) that QEMU itself has."""
    def ask(**command):
        reply = libvirtd.virsh("qemu-monitor-command", vm,
                               json.dumps(command)).stdout
        return json.loads(reply)["return"]

    names = [d["name"] for d in ask(execute="qom-list", arguments={
        "path": "/machine/peripheral"})]
    nodes = [n["node-name"] for n in ask(execute="query-named-block-nodes")]
    return ({n for n in names if len(n) == 39},
            [n for n in nodes if n.endswith("-storage")])


def check_vm(engine, client, libvirtd):
    """berth, both definitions and QEMU itself say the same."""
    model = expected(engine, client)
    vm = engine.vm
    until_settled(client, vm)
    plugged = {f"ua-{disk}" for disk, (is_in, _) in model.items() if is_in}
    listed = {d["disk_id"]: d for d in client.call("ListDisks",
                                                   vm=vm)["disks"]}
    assert {d: s["state"] == "plugged" for d, s in listed.items()} == \
        {d: is_in for d, (is_in, _) in model.items()}
    for disk, (_, limit) in model.items():
        tune = listed[disk].get("iotune") or {}
        assert tune.get("total_iops_sec", 0) == limit
    for more in ([], ["--inactive"]):
        xml = libvirtd.virsh("dumpxml", vm, *more).stdout
        for disk in model:
            has = device_xml(xml, f"ua-{disk}") is not None
            assert has == (f"ua-{disk}" in plugged), (disk, more)
    devices, nodes = in_qemu(libvirtd, vm)
    assert devices == plugged
    assert len(nodes) == len(plugged)


def test_killed_in_the_middle_of_a_hundred_operations(daemon, client,
                                                      libvirtd, make_vm):
    progress, engines = threading.Semaphore(0), []
    for seed in range(VMS):
        vm, disks = make_vm(), [daemon.disk() for _ in range(DISKS)]
        for disk in disks:
            client.call("AddDisk", vm=vm, **disk)
        engines.append(Engine(daemon, vm, [d["disk_id"] for d in disks],
                              progress, seed))
    for engine in engines:
        engine.start()
    for _ in range(KILLS):
        for _ in range(OPERATIONS // (KILLS + 2)):
            assert progress.acquire(timeout=PATIENCE_S)
        libvirtd.kill()
        libvirtd.start()
    for engine in engines:
        engine.join(PATIENCE_S)
        assert not engine.is_alive() and engine.faults == []
    until_connected(client)
    for engine in engines:
        check_vm(engine, client, libvirtd)
    left = client.call("ListOperations", state="open")["operations"]
    assert left == []
    answers = [a for e in engines for a in e.answers.values()]
    assert "UNREACHABLE" in answers and answers.count("done") > 20, answers
