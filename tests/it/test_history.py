# SPDX-License-Identifier: Apache-2.0
"""A random history of one VM's disks on a real QEMU: what was given an address
keeps it, whatever happens, and nobody else gets it.
"""
import os
import random
import uuid
from xml.etree import ElementTree

import berthlib
from berthlib import MIB, RpcError, unique, wait_for

SEEDS = (1, 2)
STEPS = 60
DISKS = 6


def text_of(address):
    return tuple(sorted((k, v) for k, v in address.items()))


class History:
    """The VM, and what must be true of it by what was answered."""

    def __init__(self, daemon, seed):
        self.daemon = daemon
        self.random = random.Random(seed)
        self.name = unique("history")
        self.ids = [str(uuid.UUID(int=self.random.getrandbits(128), version=4))
                    for _ in range(DISKS)]
        self.places = {}  # of the recorded disks
        self.client = daemon.unix()
        self.call("CreateVm", name=self.name, memory=64 * MIB,
                  spare_root_ports=4)
        self.call("StartVm", vm=self.name, paused=True)

    def call(self, verb, **params):
        return self.client.call(verb, **params)

    def on(self, verb, disk=None, **params):
        """None: refused, which is fair."""
        if disk:
            params["disk"] = disk
        try:
            return self.call(verb, vm=self.name, **params)
        except RpcError as error:
            assert error.kind in ("NO_FREE_PORT", "BUSY", "EXISTS",
                                  "BAD_STATE", "NOT_FOUND",
                                  "INVALID"), error
            return None

    def add(self, disk):
        if disk in self.places:
            return
        fields = {"interface": self.random.choice(
            ["virtio_scsi"] * 3 + ["virtio"]),
            "plugged": self.random.random() < 0.8}
        if fields["interface"] == "virtio_scsi" and self.random.random() < 0.3:
            fields["address"] = {"controller": self.random.randrange(2)}
        path = os.path.join(self.daemon.images, f"{self.name}-{disk}.raw")
        self.on("AddDisk", disk_id=disk, size=MIB,
                source={"type": "file", "path": path, "format": "raw"},
                **fields)

    def plug(self, disk):
        self.on("HotPlugDisk", disk)

    def unplug(self, disk):
        self.on("HotUnplugDisk", disk, deadline_ms=300)

    def remove(self, disk):
        self.on("RemoveDisk", disk, delete=True)

    def stop_or_start(self, _):
        if self.call("GetVm", vm=self.name)["state"] == "shut_off":
            self.call("StartVm", vm=self.name, paused=True)
        else:
            self.call("DestroyVm", vm=self.name)
            # A pending unplug has ended with it.
            wait_for(lambda: not self.call("ListOperations", vm=self.name,
                                           state="pending")["operations"],
                     "what was pending to end")

    def reset(self, _):
        self.on("RebootVm", reset=True)

    def restart(self, _):
        self.daemon.restart()
        self.client = self.daemon.unix()

    def forget(self, _):
        """The record is lost: the VM is adopted with what it has."""
        self.daemon.stop()
        state = self.daemon.settings["state.dir"]
        for name in os.listdir(state):
            os.unlink(os.path.join(state, name))
        self.daemon.start()
        self.client = self.daemon.unix()
        self.on("HotPlugDisk", self.ids[0])  # adopts it
        self.places = {disk: place for disk, place in self.places.items()
                       if disk in self.rows()}

    def controllers(self, _):
        count = 1 + self.random.randrange(2)
        self.on("UpdateVm", controllers=[{"index": i} for i in range(count)])

    def rows(self):
        listed = self.call("ListDisks", vm=self.name)["disks"]
        return {disk["disk_id"]: disk for disk in listed}

    def check(self):
        rows = self.rows()
        for disk, row in rows.items():
            place = text_of(row["address"])
            assert self.places.setdefault(disk, place) == place, \
                f"{disk} drifted"
        self.places = {disk: self.places[disk] for disk in rows}
        assert len(set(self.places.values())) == len(self.places)
        views = ["config"]
        if self.call("GetVm", vm=self.name)["state"] != "shut_off":
            views.append("live")
        for which in views:
            self.check_view(rows, self.call("GetVmXml", vm=self.name,
                                            which=which)["xml"])

    def check_view(self, rows, text):
        devices = ElementTree.fromstring(text).find("devices")
        scsi = {c.get("index") for c in devices.iterfind("controller")
                if c.get("type") == "scsi"}
        taken = {}
        for node in devices:
            address = node.find("address")
            if address is None:
                continue
            key = (address.get("type"), *sorted(
                (k, int(v, 0)) for k, v in address.attrib.items()
                if k not in ("type", "multifunction")))
            if address.get("type") == "drive":
                key = (node.find("target").get("bus"), *key)
            assert key not in taken, f"{key}: two devices"
            taken[key] = node
        for node in devices.iterfind("disk"):
            disk = node.find("alias").get("name")[3:]
            address = node.find("address")
            assert disk in rows
            for part, value in rows[disk]["address"].items():
                if part != "type":
                    assert int(address.get(part), 0) == value, disk
            if node.find("target").get("bus") == "scsi":
                assert address.get("controller") in scsi

    HAPPENINGS = (["add"] * 6 + ["plug"] * 4 + ["unplug"] * 5 + ["remove"] * 3
                  + ["stop_or_start", "reset", "controllers", "restart",
                     "forget"])

    def run(self):
        for step in range(STEPS):
            what = self.random.choice(self.HAPPENINGS)
            disk = self.random.choice(self.ids)
            try:
                getattr(self, what)(disk)
                self.check()
            except AssertionError as failed:
                raise AssertionError(f"step {step}, {what} {disk}") from failed


def history(new_berthd, seed):
    daemon = new_berthd().start()
    one = History(daemon, seed)
    try:
        one.run()
    finally:
        if daemon.process:
            with daemon.unix() as client:
                for verb in ("DestroyVm", "DeleteVm"):
                    client.call(verb, vm=one.name)


if berthlib.EMBED:
    def test_random_history(new_berthd):
        for seed in SEEDS:
            history(new_berthd, seed)
