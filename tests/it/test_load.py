# SPDX-License-Identifier: Apache-2.0
"""Thousands of operations from clients that go and come back, ask twice and
race: what is there in the end is what a sequential model says, an address is
one disk's as long as it exists, and each receipt tells what happened.

Each client has disks of its own, for which it knows every answer before it
asks, and asks of disks that all share, for which the event log is the witness.
"""
import collections
import os
import random
import socket
import struct
import threading
import time
import uuid

import pytest

from berthlib import MIB, SLOW, Berthd, RpcError, device_xml, unique

SEED = int(os.environ.get("BERTH_IT_SEED", "20"))
REFUSALS = {"NOT_FOUND", "BAD_STATE", "EXISTS", "BUSY"}

# What a call makes of a disk in each state: (state after it, changed or the
# kind of the refusal). States: None, "unplugged", "plugged".
RULES = {
    "add": {None: ("plugged", True), "unplugged": ("plugged", True),
            "plugged": ("plugged", False)},
    "record": {None: ("unplugged", True), "unplugged": ("unplugged", False),
               "plugged": ("plugged", False)},
    "HotPlugDisk": {None: (None, "NOT_FOUND"),
                    "unplugged": ("plugged", True),
                    "plugged": ("plugged", False)},
    "HotUnplugDisk": {None: (None, "NOT_FOUND"),
                      "unplugged": ("unplugged", False),
                      "plugged": ("unplugged", True)},
    "RemoveDisk": {None: (None, "NOT_FOUND"), "unplugged": (None, True),
                   "plugged": ("plugged", "BAD_STATE")},
}
EVENTS = {"disk.added": "unplugged", "disk.plugged": "plugged",
          "disk.unplugged": "unplugged", "disk.removed": None}


class Disk:
    """A disk as its owner knows it."""

    def __init__(self, daemon, vm):
        self.vm = vm
        self.id = str(uuid.uuid4())
        self.source = {"type": "file", "path": daemon.image(),
                       "format": "raw"}
        self.state = None
        self.unit = None

    def call(self, action):
        """The verb and parameters of an action."""
        if action not in ("add", "record"):
            return action, {"vm": self.vm, "disk": self.id}
        return "AddDisk", {"vm": self.vm, "disk_id": self.id,
                           "source": self.source,
                           "plugged": action == "add"}


class Ledger:
    """What all clients learned together."""

    def __init__(self):
        self.lock = threading.Lock()
        self.units = {}     # (vm, unit) → disk_id, of disks that exist
        self.answers = {}   # op_id → receipt, or kind of the refusal
        self.counts = collections.Counter()
        self.failures = []

    def keep(self, op_id, outcome):
        with self.lock:
            before = self.answers.setdefault(op_id, outcome)
        assert before == outcome, f"{op_id}: {before} and then {outcome}"

    def claim(self, disk, unit):
        with self.lock:
            owner = self.units.setdefault((disk.vm, unit), disk.id)
        assert owner == disk.id, f"{disk.vm}:{unit} is {owner}'s, not " \
                                 f"{disk.id}'s"

    def release(self, disk):
        with self.lock:
            self.units.pop((disk.vm, disk.unit), None)


def kind_of(answer):
    """The receipt, or the kind of the refusal."""
    if "result" in answer:
        return answer["result"]
    return answer["error"]["data"]["kind"]


class Player(threading.Thread):
    """One client: asks, goes away, asks again."""

    def __init__(self, daemon, ledger, number, disks, shared, rounds):
        super().__init__(name=f"player {number}")
        self.daemon_process = daemon
        self.ledger = ledger
        self.random = random.Random(SEED * 1000 + number)
        self.connect = daemon.tls if number % 2 else daemon.unix
        self.client = self.connect()
        self.disks = disks
        self.shared = shared
        self.rounds = rounds

    def run(self):
        try:
            for _ in range(self.rounds):
                self.play()
        except Exception as error:
            self.ledger.failures.append((self.name, error))

    # --- asking --------------------------------------------------------------

    def leave(self):
        """Close the connection: politely, or by a reset."""
        sock = self.client.sock
        if self.random.random() < 0.3 and sock.family != socket.AF_UNIX:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                            struct.pack("ii", 1, 0))
        self.client.close()
        self.daemon_process.clients.remove(self.client)
        self.client = self.connect()

    def send(self, verb, params):
        request = {"jsonrpc": "2.0", "id": next(self.client.ids),
                   "method": verb, "params": params}
        self.client.send(request)
        return request["id"]

    def until_taken(self):
        """Answers come in any order, but requests are read in theirs."""
        ident = self.send("Ping", {})
        while self.client.receive()["id"] != ident:
            pass

    def ask(self, verb, params):
        """An answer; one that is BUSY for lack of room is asked again."""
        while True:
            self.send(verb, params)
            answer = self.client.receive()
            data = answer.get("error", {}).get("data", {})
            if "queue_depth" not in data:
                return kind_of(answer)
            self.ledger.counts["back-pressure"] += 1
            time.sleep(data["retry_after_ms"] / 1000)

    def ask_plain(self, verb, params):
        return [self.ask(verb, params)]

    def ask_twice(self, verb, params):
        """Both at once: the same operation, or one after the other."""
        first, second = (self.send(verb, params) for _ in range(2))
        answers = {a["id"]: a for a in (self.client.receive(),
                                        self.client.receive())}
        return [kind_of(answers[first]), kind_of(answers[second])]

    def ask_and_leave(self, verb, params):
        """Taken for sure, its answer not heard; then asked again."""
        self.send(verb, params)
        self.until_taken()
        self.leave()
        return [None, self.ask(verb, params)]

    def ask_and_vanish(self, verb, params):
        """Perhaps never taken; only with an op_id it can be asked again."""
        if "op_id" not in params:
            return self.ask_and_leave(verb, params)
        self.send(verb, params)
        if self.random.random() < 0.3:
            self.client.send(b'{"jsonrpc":"2.0","id":0,"meth')
        self.leave()
        return [self.ask(verb, params)]

    # --- a round -------------------------------------------------------------

    def play(self):
        ask = self.random.choices(
            [self.ask_plain, self.ask_twice, self.ask_and_leave,
             self.ask_and_vanish], [70, 12, 9, 9])[0]
        action = self.random.choice(list(RULES))
        op_id = str(uuid.uuid4()) if self.random.random() < 0.7 else None
        mine = self.random.random() < 0.85
        disk = self.random.choice(self.disks if mine else self.shared)
        verb, params = disk.call(action)
        if op_id:
            params["op_id"] = op_id
        if mine and action == "RemoveDisk":
            self.ledger.release(disk)
        answers = ask(verb, params)
        with self.ledger.lock:
            self.ledger.counts[ask.__name__] += 1
        self.check(disk, action, op_id, answers, mine)

    def check(self, disk, action, op_id, answers, mine):
        for answer in answers:
            if isinstance(answer, dict):
                self.ledger.keep(answer["op_id"], answer)
                assert op_id in (None, answer["op_id"])
                assert answer["state"] == "done", answer
            elif answer:
                assert answer in REFUSALS, answer
            if op_id and isinstance(answer, str) and mine:
                self.ledger.keep(op_id, answer)
        if mine:
            self.check_model(disk, action, op_id, answers)

    def check_model(self, disk, action, op_id, answers):
        after, first = RULES[action][disk.state]
        again = first if op_id else RULES[action][after][1]
        told = [a["changed"] if isinstance(a, dict) else a for a in answers]
        assert told[0] in (None, first) and \
            all(t in (first, again) for t in told[1:]), \
            f"{action} of a disk that is {disk.state}: {answers}"
        disk.state = after
        for answer in answers:
            if isinstance(answer, dict) and action != "RemoveDisk":
                unit = answer["address"]["unit"]
                assert disk.unit in (None, unit), (disk.unit, answer)
                disk.unit = unit
        if after is None:
            disk.unit = None
        elif disk.unit is not None:
            self.ledger.claim(disk, disk.unit)


# --- in the end --------------------------------------------------------------

def check_receipts(client, ledger):
    for op_id, outcome in ledger.answers.items():
        if isinstance(outcome, dict):
            stored = client.call("GetOperation", op_id=op_id)
            assert stored["state"] == "done"
            assert stored["receipt"] == outcome
            continue
        with pytest.raises(RpcError) as error:
            client.call("GetOperation", op_id=op_id)
        assert error.value.kind == "NOT_FOUND", outcome


def all_events(client):
    since, events = 0, []
    while True:
        page = client.call("GetEvents", since=since, limit=10000)
        assert page["dropped"] is None
        if not page["events"]:
            return events
        events += page["events"]
        since = page["next"]


def replay_events(events, ledger, disk):
    """The disk's state by its events; each is one that was told as done."""
    changing = {"disk.added": "unplugged", "disk.plugged": "unplugged",
                "disk.unplugged": "plugged", "disk.removed": "unplugged"}
    state, address = None, None
    for event in events:
        if event["device"] != f"ua-{disk.id}" or event["type"] not in EVENTS:
            continue
        needed = None if event["type"] == "disk.added" else \
            changing[event["type"]]
        assert state == needed, (state, event)
        state = EVENTS[event["type"]]
        receipt = ledger.answers.get(event["op_id"])
        # One that nobody heard of: its client had gone, and had no op_id.
        assert receipt is None or receipt["changed"], event
        where = (event["data"] or {}).get("address")
        assert None in (address, where) or where == address, event
        address = None if state is None else where or address
    return state


def check_end(client, ledger, vms, disks, shared):
    events = all_events(client)
    for disk in disks + shared:
        state = replay_events(events, ledger, disk)
        if disk in shared:
            disk.state = state
        assert state == disk.state, disk.id
    for vm in vms:
        wanted = {d.id: d for d in disks + shared
                  if d.vm == vm and d.state}
        seen = {d["disk_id"]: d for d in
                client.call("ListDisks", vm=vm)["disks"]}
        assert {i: d["state"] for i, d in seen.items()} == \
            {i: d.state for i, d in wanted.items()}
        units = [d["address"]["unit"] for d in seen.values()]
        assert len(set(units)) == len(units)
        for disk_id, disk in wanted.items():
            unit = seen[disk_id]["address"]["unit"]
            assert disk.unit in (None, unit)
        for which in ("live", "config"):
            xml = client.call("GetVmXml", vm=vm, which=which)["xml"]
            for disk_id, disk in wanted.items():
                there = device_xml(xml, f"ua-{disk_id}") is not None
                assert there == (disk.state == "plugged"), (which, disk_id)
            assert xml.count("<disk ") == sum(
                d.state == "plugged" for d in wanted.values())


def play(daemon, nclients, rounds, nvms, own):
    """All clients at once; what they learned, and what is to be there."""
    ledger, admin = Ledger(), daemon.unix()
    vms = [unique("load") for _ in range(nvms)]
    for vm in vms:
        admin.call("CreateVm", name=vm, memory=64 * MIB, vcpus=1)
        admin.call("StartVm", vm=vm, paused=True)
    shared = [Disk(daemon, vm) for vm in vms]
    disks, players = [], []
    for n in range(nclients):
        mine = [Disk(daemon, vms[(n + i) % nvms]) for i in range(own)]
        disks += mine
        players.append(Player(daemon, ledger, n, mine, shared, rounds))
    for player in players:
        player.start()
    for player in players:
        player.join()
    assert not ledger.failures, \
        f"seed {SEED}, {len(ledger.failures)} failed, first: " \
        f"{ledger.failures[0]!r}"
    print(dict(ledger.counts))
    check_end(admin, ledger, vms, disks, shared)
    check_receipts(admin, ledger)
    return admin, ledger, vms, disks, shared


def test_ten_thousand_operations(certs):
    daemon = Berthd(certs, "fake:", {"log.level": "info",
                                     "ops.events_max": 1000000})
    daemon.start()
    try:
        play(daemon, 20, 500 // SLOW, nvms=5, own=3)
    finally:
        daemon.stop()


def test_on_real_vms(berthd):
    """A smaller one, and all of it is there after a restart."""
    told = play(berthd, 8, 38, nvms=2, own=2)
    berthd.restart()
    admin, ledger, vms, disks, shared = told
    admin = berthd.unix()
    check_end(admin, ledger, vms, disks, shared)
    for vm in vms:
        admin.call("DestroyVm", vm=vm)
        admin.call("DeleteVm", vm=vm)
