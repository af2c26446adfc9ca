# SPDX-License-Identifier: Apache-2.0
"""What berthd stands on is damaged: the record, its disk, certificates, the
log. It says so, refuses what it could not record before anything is done,
answers questions all the same, and heals where that is possible.
"""
import contextlib
import errno
import fcntl
import itertools
import json
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import threading
import uuid

import pytest

from berthlib import (MIB, SAN, SLOW, RpcError, device_xml, unique, wait_for)

ROOT = os.path.join(os.path.dirname(__file__), "../..")


def answers(daemon):
    """A client of a berthd that may have no TLS listener."""
    wait_for(lambda: daemon.alive() and os.path.exists(daemon.socket),
             "the socket")
    return daemon.unix()


def make_vm(daemon, client, **disk):
    """A paused VM with one disk: its name and the disk."""
    name = unique("dmg")
    client.call("CreateVm", name=name, memory=64 * MIB, vcpus=1)
    client.call("StartVm", vm=name, paused=True)
    disk = daemon.disk(**disk)
    client.call("AddDisk", vm=name, **disk)
    return name, disk


def refused(client, kind, words, verb, **params):
    with pytest.raises(RpcError) as error:
        client.call(verb, **params)
    assert error.value.kind == kind, error.value
    assert words in error.value.message, error.value
    return error.value


def nothing_changes(daemon, client, name, words):
    """Each way to change a VM is refused, and leaves no trace."""
    before = [client.call("GetVmXml", vm=name, which=which)["xml"]
              for which in ("live", "config")]
    image = os.path.join(daemon.images, unique("never") + ".raw")
    new = {"source": {"type": "file", "path": image, "format": "raw"},
           "size": MIB}
    old = daemon.disk()
    disk = client.call("ListDisks", vm=name)["disks"][0]["disk_id"]
    for verb, params in (
            ("AddDisk", new), ("AddDisk", old), ("HotPlugDisk", {"disk": old}),
            ("HotUnplugDisk", {"disk": disk}), ("RemoveDisk", {"disk": disk}),
            ("UpdateVmDisk", {"disk": disk, "set": {"cache": "none"}}),
            ("ResizeDisk", {"disk": disk, "size": 2 * MIB}),
            ("UpdateVm", {"memory": 128 * MIB}), ("DestroyVm", {}),
            ("ResumeVm", {}), ("DeleteVm", {})):
        refused(client, "READ_ONLY", words, verb, vm=name, **params)
    refused(client, "READ_ONLY", words, "CreateVm", name=unique("never"),
            memory=64 * MIB)
    assert not os.path.exists(image)
    assert before == [client.call("GetVmXml", vm=name, which=which)["xml"]
                      for which in ("live", "config")]


def findings(report):
    return {f["check"]: f for f in report["findings"] if f["level"] != "ok"}


# --- the database, at the start ------------------------------------------------

def spoil(path):
    with open(path, "r+b") as db:
        db.seek(4096)
        db.write(b"\xa5" * 16384)


def make_newer(path):
    with contextlib.closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA user_version = 4711")


def make_foreign(path):
    os.remove(path)
    with contextlib.closing(sqlite3.connect(path)) as db:
        db.execute("CREATE TABLE songs (title TEXT)")


@pytest.mark.parametrize("damage, words", [
    (spoil, "damaged"), (make_newer, "newer berthd"),
    (make_foreign, "another program")])
def test_a_database_that_cannot_be_used(new_berthd, damage, words):
    daemon = new_berthd().start()
    client = daemon.unix()
    name, disk = make_vm(daemon, client)
    op_id = client.call("ListOperations")["operations"][0]["op_id"]
    listed = client.call("ListDisks", vm=name)["disks"]
    daemon.stop()
    database = os.path.join(daemon.settings["state.dir"], "berth.db")
    shutil.copy(database, daemon.dir)
    damage(database)

    daemon.start()
    assert "berthd is READ ONLY" in daemon.log_text()
    client = daemon.tls()
    # Questions are answered by libvirt …
    assert client.call("GetVm", vm=name)["state"] == "paused"
    assert name in [vm["name"] for vm in client.call("ListVms")["vms"]]
    assert [d["address"] for d in client.call("ListDisks", vm=name)["disks"]] \
        == [d["address"] for d in listed]
    stats = client.call("GetHostStats")["berth"]
    assert not stats["database"]["healthy"]
    assert words in stats["database"]["why"]
    assert stats["operations"] is None
    # … history is not guessed, and nothing is changed.
    refused(client, "READ_ONLY", words, "GetOperation", op_id=op_id)
    refused(client, "READ_ONLY", words, "GetEvents")
    assert client.call("Subscribe")["next"] is None
    nothing_changes(daemon, client, name, words)
    found = findings(client.call("Doctor"))["database"]
    assert found["level"] == "error" and words in found["what"]
    assert found["fix"]
    page = daemon.ctl("host", "status", check=0).stdout
    assert "READ ONLY" in page

    daemon.stop()
    shutil.copy(os.path.join(daemon.dir, "berth.db"), database)
    daemon.start()
    client = daemon.unix()
    assert client.call("GetOperation", op_id=op_id)["state"] == "done"
    assert client.call("ListDisks", vm=name)["disks"] == listed
    client.call("HotUnplugDisk", vm=name, disk=disk["disk_id"])
    client.call("DestroyVm", vm=name)


def test_events_go_on_without_a_record(new_berthd):
    daemon = new_berthd().start()
    name, _ = make_vm(daemon, daemon.unix())
    daemon.stop()
    spoil(os.path.join(daemon.settings["state.dir"], "berth.db"))
    daemon.start()
    client = daemon.unix()
    client.call("Subscribe")
    client.call("GetVmStats", vm=name)  # libvirt has its QEMU again
    os.kill(daemon.qemu_pid(name), signal.SIGKILL)
    event = client.event(lambda e: e["type"] == "vm.state")
    assert event["seq"] is None and event["vm"]
    wait_for(lambda: client.call("GetVm", vm=name)["state"] == "shut_off",
             "the VM to be off")


def test_a_second_berthd_names_the_first(new_berthd):
    first = new_berthd().start()
    second = new_berthd(settings={
        "state.dir": first.settings["state.dir"]}).spawn()
    assert second.process.wait(30 * SLOW) == 1
    assert f"process {first.process.pid}" in second.log_text()
    second.process = None
    first.unix().call("Ping")


# --- its disk ------------------------------------------------------------------

@pytest.fixture
def tight(new_berthd):
    """A berthd whose state directory is a file system of 8 MiB."""
    daemon = new_berthd(settings={"ops.unplug_wait_ms": "300"})
    state = daemon.settings["state.dir"]
    os.makedirs(state, mode=0o700)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m,mode=0700",
                    "tmpfs", state], check=True)
    yield daemon
    daemon.stop()
    subprocess.run(["umount", "-l", state], check=True)


def fill(daemon):
    path = os.path.join(daemon.settings["state.dir"], "filler")
    with open(path, "ab", buffering=0) as filler:
        try:
            while True:
                filler.write(b"\0" * 4096)
        except OSError as error:
            assert error.errno == errno.ENOSPC


def free(daemon):
    os.remove(os.path.join(daemon.settings["state.dir"], "filler"))


def heal(client):
    wait_for(lambda: client.call("GetHostStats")["berth"]["database"]["healthy"],
             "the database to be well again")


def test_a_full_disk_refuses_before_any_effect_and_heals(tight):
    client = tight.start().unix()
    name, disk = make_vm(tight, client)
    fill(tight)
    # The first change meets the end of the disk, the others are told of it.
    refused(client, "READ_ONLY", "full", "HotUnplugDisk", vm=name,
            disk=disk["disk_id"])
    nothing_changes(tight, client, name, "full")
    found = findings(client.call("Doctor"))
    assert {"database", "reserve", "space"} <= set(found), found
    assert all(f["fix"] for f in found.values())
    assert client.call("ListOperations", state="open")["operations"] == []
    free(tight)
    heal(client)
    client.call("HotUnplugDisk", vm=name, disk=disk["disk_id"])
    assert not {"database", "reserve"} & set(findings(client.call("Doctor")))
    client.call("DestroyVm", vm=name)


def test_the_end_of_what_runs_still_fits(tight):
    client, worker = tight.start().unix(), tight.unix()
    name, _ = make_vm(tight, client)
    other, _ = make_vm(tight, client)
    op_id = str(uuid.uuid4())
    pid = tight.qemu_pid(name)
    os.kill(pid, signal.SIGSTOP)  # its next call does not end …
    try:
        worker.send({"jsonrpc": "2.0", "id": 7, "method": "ResumeVm",
                     "params": {"vm": name, "op_id": op_id}})
        wait_for(lambda: [op for op in client.call("ListOperations")
                          ["operations"] if op["op_id"] == op_id],
                 "the operation to begin")
        fill(tight)  # … until the disk is full
        refused(client, "READ_ONLY", "full", "ResumeVm", vm=other)
    finally:
        os.kill(pid, signal.SIGCONT)
    assert worker.receive()["result"]["state"] == "done"
    assert client.call("GetOperation", op_id=op_id)["state"] == "done"
    assert not client.call("GetHostStats")["berth"]["database"]["healthy"]
    tight.stop()
    fill(tight)  # what the write-ahead log gave back
    client = tight.start().unix()  # a start on a full disk …
    refused(client, "READ_ONLY", "", "SuspendVm", vm=name)
    free(tight)
    heal(client)  # … comes to its record when it can
    assert client.call("GetOperation", op_id=op_id)["state"] == "done"
    for vm in (name, other):
        client.call("DestroyVm", vm=vm)


def test_what_waits_goes_on_when_there_is_room(tight):
    client = tight.start().unix()
    name, disk = make_vm(tight, client, interface="virtio")
    pending = client.call("HotUnplugDisk", vm=name, disk=disk["disk_id"])
    assert pending["state"] == "pending"
    fill(tight)
    refused(client, "READ_ONLY", "full", "ResumeVm", vm=name)
    os.kill(tight.qemu_pid(name), signal.SIGKILL)
    wait_for(lambda: client.call("GetVm", vm=name)["state"] == "shut_off",
             "the VM to be off")
    free(tight)
    wait_for(lambda: client.call("GetOperation", op_id=pending["op_id"])
             ["state"] == "done", "the unplug to end by itself")
    assert not client.call("ListDisks", vm=name)["disks"][0]["plugged"]


def test_operations_meet_a_disk_that_fills(tight):
    """Four clients plug and unplug while the disk fills and empties."""
    boss = tight.start().unix()
    vms = [make_vm(tight, boss) for _ in range(4)]
    outcomes, stop = [], threading.Event()

    def work(name, disk):
        client = tight.unix()
        for turn in itertools.count():
            verb = ("HotUnplugDisk", "HotPlugDisk")[turn % 2]
            op_id = str(uuid.uuid4())
            try:
                answer = client.call(verb, vm=name, disk=disk["disk_id"],
                                     op_id=op_id)
                outcomes.append((op_id, answer["state"]))
            except RpcError as error:
                outcomes.append((op_id, error.kind))
            if stop.is_set():
                return

    workers = [threading.Thread(target=work, args=vm) for vm in vms]
    for worker in workers:
        worker.start()
    for _ in range(3):
        count = len(outcomes)
        wait_for(lambda: len(outcomes) > count + 8, "operations")
        fill(tight)
        wait_for(lambda: "READ_ONLY" in [o for _, o in outcomes[-3:]],
                 "a refusal")
        free(tight)
        heal(boss)
    stop.set()
    for worker in workers:
        worker.join()
    # An unplug whose end could not be written is pending: it ends below.
    # BUSY: what came before on its VM is not settled yet.
    assert {o for _, o in outcomes} <= {"done", "pending", "READ_ONLY",
                                        "BUSY"}, outcomes
    wait_for(lambda: not boss.call("ListOperations", state="open")
             ["operations"], "every operation to be over")
    for op_id, outcome in outcomes:
        if outcome == "done":
            assert boss.call("GetOperation", op_id=op_id)["state"] == "done"
    for name, disk in vms:
        listed = boss.call("ListDisks", vm=name)["disks"][0]
        live = device_xml(boss.call("GetVmXml", vm=name, which="live")["xml"],
                          f"ua-{disk['disk_id']}")
        assert listed["plugged"] == (live is not None)
        boss.call("DestroyVm", vm=name)


def test_a_file_system_that_turned_read_only(tight):
    state = tight.settings["state.dir"]
    client = tight.start().unix()
    name, disk = make_vm(tight, client)
    listed = client.call("ListDisks", vm=name)["disks"]

    def remount(how):
        subprocess.run(["mount", "-o", f"remount,{how}", state], check=True)

    tight.stop()
    remount("ro")
    tight.start()
    client = tight.unix()
    assert client.call("GetVm", vm=name)["state"] == "paused"
    nothing_changes(tight, client, name, "Read-only file system")
    found = findings(client.call("Doctor"))
    assert "database" in found and "state" in found
    outside = json.loads(tight.ctl("doctor", "-o", "json", check=1).stdout)
    assert "mount" in findings(outside)["state"]["fix"]
    remount("rw")
    heal(client)
    assert client.call("ListDisks", vm=name)["disks"] == listed
    client.call("HotUnplugDisk", vm=name, disk=disk["disk_id"])
    client.call("DestroyVm", vm=name)


def test_a_disk_that_fails_to_write(new_berthd):
    daemon = new_berthd()
    switch = os.path.join(daemon.dir, "fault")
    daemon.env = {
        "LD_PRELOAD": os.path.realpath(os.path.join(ROOT,
                                                    "build/tests/fault.so")),
        "FAULT_DIR": daemon.settings["state.dir"], "FAULT_SWITCH": switch}
    client = daemon.start().unix()
    name, disk = make_vm(daemon, client)
    with open(switch, "w") as fault:
        fault.write(str(errno.EIO))
    refused(client, "READ_ONLY", "", "HotUnplugDisk", vm=name,
            disk=disk["disk_id"])
    nothing_changes(daemon, client, name, "")
    assert client.call("GetVm", vm=name)["state"] == "paused"
    os.remove(switch)
    heal(client)
    client.call("HotUnplugDisk", vm=name, disk=disk["disk_id"])
    client.call("DestroyVm", vm=name)


if SAN:  # its library wants to be loaded first, before ours
    del test_a_disk_that_fails_to_write


def test_a_database_that_another_program_holds(new_berthd):
    daemon = new_berthd().start()
    client = daemon.unix()
    name, disk = make_vm(daemon, client)
    other = sqlite3.connect(os.path.join(daemon.settings["state.dir"],
                                         "berth.db"), isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    refused(client, "READ_ONLY", "locked", "HotUnplugDisk", vm=name,
            disk=disk["disk_id"])
    assert client.call("GetVm", vm=name)["state"] == "paused"
    other.close()
    heal(client)
    client.call("HotUnplugDisk", vm=name, disk=disk["disk_id"])
    client.call("DestroyVm", vm=name)


# --- certificates ---------------------------------------------------------------

def test_certificates_that_cannot_be_used_close_one_door(new_berthd):
    daemon = new_berthd()
    cert = os.path.join(daemon.dir, "cert.pem")
    daemon.settings["tls.cert"] = cert
    with open(cert, "w") as text:
        text.write("no certificate\n")
    client = answers(daemon.spawn())
    assert client.call("Ping")
    with pytest.raises(OSError):
        socket.create_connection(("127.0.0.1", daemon.port)).close()
    assert "NO TLS LISTENER" in daemon.log_text()
    assert cert in client.call("GetHostStats")["berth"]["certificate"]["error"]
    assert "DAMAGED" in daemon.ctl("host", "status", check=0).stdout
    found = findings(client.call("Doctor"))["certificate"]
    assert found["level"] == "error" and cert in found["what"]

    shutil.copy(daemon.certs["server.pem"], cert)
    assert "SIGHUP" in findings(client.call("Doctor"))["certificate"]["fix"]
    daemon.process.send_signal(signal.SIGHUP)
    wait_for(lambda: "listening on TLS" in daemon.log_text(), "the listener")
    daemon.tls().call("Ping")
    assert "certificate" not in findings(client.call("Doctor"))


# --- the log --------------------------------------------------------------------

def busy(daemon, client):
    """Work that is worth some hundred lines of the log."""
    for _ in range(300):
        client.call("Ping")
    name, _ = make_vm(daemon, client)
    client.call("DestroyVm", vm=name)
    for _ in range(1000):
        client.call("GetCapabilities")


def end(daemon):
    process, daemon.process = daemon.process, None
    process.send_signal(signal.SIGTERM)
    assert process.wait(15 * SLOW) == 0


def test_a_log_that_nobody_reads(new_berthd):
    reader, writer = os.pipe()
    fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 4096)
    daemon = new_berthd().spawn(stderr=writer)
    client = answers(daemon)
    busy(daemon, client)
    log = client.call("GetHostStats")["berth"]["log"]
    assert log["lost_lines"] > 100 and not log["healthy"], log
    assert "lost" in findings(client.call("Doctor"))["log"]["what"]
    os.set_blocking(reader, False)
    while True:
        with contextlib.suppress(BlockingIOError):
            if os.read(reader, 1 << 20):
                continue
        break
    client.call("GetCapabilities")
    wait_for(lambda: b"lines of the log were lost" in os.read(reader, 1 << 20),
             "the log to say what is missing")
    os.close(reader)  # nobody is left: no SIGPIPE either
    busy(daemon, client)
    end(daemon)
    os.close(writer)


@pytest.mark.parametrize("redirect, words", [("2>&-", "closed"),
                                             ("2>/dev/full", "No space")])
def test_a_log_that_goes_nowhere(new_berthd, redirect, words):
    daemon = new_berthd()
    daemon.write_conf()
    build = os.environ["BERTH_BUILD"]
    daemon.log_start = 0
    with open(daemon.log, "wb"):
        pass
    daemon.process = subprocess.Popen(
        ["sh", "-c", f'exec "$0" -c "$1" {redirect}', f"{build}/berthd",
         daemon.conf], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    client = answers(daemon)
    busy(daemon, client)
    found = findings(client.call("Doctor"))
    assert words in found["log"]["what"] and "database" not in found
    assert "NOT WRITTEN" in daemon.ctl("host", "status", check=0).stdout
    # No other file has got the descriptor, and the lines.
    target = os.readlink(f"/proc/{daemon.process.pid}/fd/2")
    assert target in ("/dev/null", "/dev/full")
    end(daemon)


# --- the doctor -----------------------------------------------------------------

def test_the_doctor_of_a_host_that_is_well(new_berthd):
    daemon = new_berthd().start()
    live = json.loads(daemon.ctl("doctor", "-o", "json", check=0).stdout)
    # There is no /dev/kvm in these namespaces.
    assert set(findings(live)) <= {"kvm"}, findings(live)
    assert live["healthy"] and live["errors"] == 0
    assert len(live["findings"]) >= 18
    daemon.stop()
    done = daemon.ctl("doctor", "--config", daemon.conf, "-o", "json", check=0)
    outside = json.loads(done.stdout)
    assert set(findings(outside)) <= {"kvm"}, findings(outside)
    assert "from outside" in done.stderr
    text = daemon.ctl("doctor", "--config", daemon.conf, check=0).stdout
    assert text.startswith("ok       settings") and "0 errors" in text


def test_the_doctor_finds_settings_that_cannot_be_read(new_berthd):
    daemon = new_berthd().start()
    with open(daemon.conf, "a") as conf:
        conf.write("[noise]\nlevel = loud\n")
    found = json.loads(daemon.ctl("doctor", "-o", "json", check=1).stdout)
    assert "noise" in findings(found)["settings"]["what"]
    daemon.stop()
    found = json.loads(daemon.ctl("doctor", "--config", daemon.conf, "-o",
                                  "json", check=1).stdout)
    assert "noise" in findings(found)["settings"]["what"]


def test_the_doctor_beside_a_berthd_that_does_not_answer(new_berthd):
    daemon = new_berthd().start()
    daemon.unix().call("Ping")
    os.remove(daemon.socket)
    done = daemon.ctl("doctor", "--config", daemon.conf, "-o", "json")
    found = findings(json.loads(done.stdout))
    assert f"process {daemon.process.pid}" in found["lock"]["what"]
    assert found["lock"]["fix"]


def test_the_doctor_of_libvirt(new_berthd, libvirtd):
    daemon = new_berthd(uri=libvirtd.URI).start()
    client = daemon.unix()
    assert "libvirt" not in findings(client.call("Doctor"))
    libvirtd.kill()
    try:
        found = wait_for(
            lambda: findings(client.call("Doctor")).get("libvirt"),
            "the doctor to see that libvirt is gone")
        assert "systemctl start libvirtd" in found["fix"]
    finally:
        libvirtd.start()
    wait_for(lambda: "libvirt" not in findings(client.call("Doctor")),
             "libvirt to be back")


# --- work that hangs, and events ------------------------------------------------

def test_a_lane_that_is_stuck_is_named(new_berthd):
    daemon = new_berthd(settings={"ops.stuck_ms": "500"}).start()
    watcher, worker, other = daemon.unix(), daemon.unix(), daemon.unix()
    name, disk = make_vm(daemon, worker)
    second, _ = make_vm(daemon, other)
    watcher.call("Subscribe", types=["lane."])
    pid = daemon.qemu_pid(name)
    op_id = str(uuid.uuid4())
    os.kill(pid, signal.SIGSTOP)
    try:
        worker.send({"jsonrpc": "2.0", "id": 7, "method": "HotUnplugDisk",
                     "params": {"vm": name, "disk": disk["disk_id"],
                                "op_id": op_id}})
        event = watcher.event(lambda e: e["type"] == "lane.stuck" and
                              e["op_id"] == op_id)
        assert event["vm"]
        assert event["data"]["verb"] == "HotUnplugDisk"
        assert event["data"]["peer"] == "uid:0"
        assert "is stuck: HotUnplugDisk of uid:0" in daemon.log_text()
        lane = next(lane for lane in other.call("ListOperations")["lanes"]
                    if lane["op_id"] == op_id)
        assert lane["stuck"] and lane["since"]
        assert "HotUnplugDisk" in daemon.ctl("op", "ls", check=0).stdout
        assert f"STUCK: {name}, HotUnplugDisk of uid:0" in \
            daemon.ctl("host", "status", check=0).stdout
        assert "HotUnplugDisk" in \
            findings(other.call("Doctor"))["lanes"]["what"]
        other.call("SuspendVm", vm=second)  # nobody else waits
    finally:
        os.kill(pid, signal.SIGCONT)
    assert worker.receive()["result"]["state"] == "done"
    watcher.event(lambda e: e["type"] == "lane.free" and e["op_id"] == op_id)
    for vm in (name, second):
        other.call("DestroyVm", vm=vm)


def test_a_slow_subscriber_is_told_what_it_missed(new_berthd):
    daemon = new_berthd(settings={"log.level": "info"}).start()
    worker, slow = daemon.unix(), daemon.unix()
    slow.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    slow.call("Subscribe")
    name, _ = make_vm(daemon, worker)
    wait_for(lambda: [worker.call(verb, vm=name)
                      for verb in ("ResumeVm", "SuspendVm")] and
             "does not read its events fast enough" in daemon.log_text(),
             "events to be dropped", every=0)
    dropped = slow.event(lambda e: e["type"] == "events.dropped")
    missed = dropped["data"]
    assert dropped["seq"] is None and missed["from"] <= missed["to"]
    page = slow.call("GetEvents", since=missed["from"] - 1,
                     limit=missed["to"] - missed["from"] + 1)
    assert page["events"][0]["seq"] == missed["from"]
    assert page["events"][-1]["seq"] == missed["to"]
    worker.call("SuspendVm", vm=name) if \
        worker.call("GetVm", vm=name)["state"] == "running" else None
    worker.call("DestroyVm", vm=name)
    last = slow.event(lambda e: e["type"] == "op.done" and
                      e["data"]["op_id"] and e["seq"] > missed["to"])
    assert last
