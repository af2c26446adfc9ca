# SPDX-License-Identifier: Apache-2.0
"""Fixtures: certificates, a berthd shared by a file, a libvirtd of its own,
VMs; and the report that tests/it/run reads, a JSON line per test.
"""
import json
import os
import re
import shutil

import pytest

import berthlib
from berthlib import (MIB, PATIENCE_S, Berthd, Certs, Libvirtd, unique,
                      wait_for)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item):
    report = (yield).get_result()
    times = item.stash.setdefault(SECONDS, {})
    times[report.when] = report.duration
    worst = item.stash.get(WORST, report)
    if not worst.failed and (report.failed or not worst.skipped):
        worst = report
    item.stash[WORST] = worst
    if report.when == "teardown":
        publish(item, item.stash[WORST], sum(times.values()))


SECONDS = pytest.StashKey()
WORST = pytest.StashKey()
BOOT_S = 4 * PATIENCE_S  # of the guest: without KVM, on a busy machine


def publish(item, report, seconds):
    if "BERTH_IT_FD" not in os.environ:
        return
    text = ""
    if report.skipped:
        text = report.longrepr[2]
    elif report.failed:
        text = report.longreprtext
    line = {"outcome": report.outcome, "name": item.nodeid,
            "seconds": seconds, "text": text}
    os.write(int(os.environ["BERTH_IT_FD"]), json.dumps(line).encode() + b"\n")


@pytest.fixture(scope="session")
def certs():
    return Certs(os.path.join(berthlib.WORK, "certs"))


@pytest.fixture(scope="session")
def libvirtd():
    server = Libvirtd().start()
    yield server
    if server.process.poll() is None:
        server.stop()


@pytest.fixture(scope="module")
def default_uri(request):
    """The embedded driver; a libvirtd where a sanitizer needs one."""
    if berthlib.EMBED:
        return None
    return request.getfixturevalue("libvirtd").URI


@pytest.fixture(scope="module")
def berthd(certs, default_uri):
    """One berthd for a whole file; tests use VMs of their own."""
    daemon = Berthd(certs, default_uri).start()
    yield daemon
    daemon.stop()


@pytest.fixture
def new_berthd(certs, default_uri):
    """Makes further ones: new_berthd(uri=…, settings={…}); not started."""
    made = []

    def make(uri=default_uri, settings=None):
        made.append(Berthd(certs, uri, settings))
        return made[-1]

    yield make
    for daemon in made:
        daemon.stop()


@pytest.fixture
def client(berthd):
    with berthd.unix() as connected:
        yield connected


class Vm:
    """A VM made by berthd: its name, and calls that name it."""

    def __init__(self, client, name):
        self.client = client
        self.name = name

    def __call__(self, verb, **params):
        return self.client.call(verb, vm=self.name, **params)

    def get(self):
        return self("GetVm")

    def disks(self):
        return {disk["disk_id"]: disk for disk in self("ListDisks")["disks"]}

    def xml(self, which="live"):
        return self("GetVmXml", which=which)["xml"]


@pytest.fixture
def new_vm(client):
    """Makes VMs: new_vm(start=True, **fields of CreateVm); ended after."""
    made = []

    def make(start=False, through=client, **fields):
        vm = Vm(through, unique("vm"))
        fields = {"memory": 64 * MIB, "vcpus": 1, **fields}
        through.call("CreateVm", name=vm.name, **fields)
        made.append(vm.name)
        if start:
            vm("StartVm", paused=True)
        return vm

    yield make
    for name in made:
        for verb in ("DestroyVm", "DeleteVm"):
            try:
                client.call(verb, vm=name)
            except berthlib.RpcError as error:
                assert error.kind in ("NOT_FOUND", "BAD_STATE"), error


@pytest.fixture
def vm(new_vm):
    """A paused VM with the virtio-scsi flag."""
    return new_vm(start=True)


@pytest.fixture(scope="session")
def guest_image():
    """(vmlinuz, initramfs) of the test's guest."""
    files = [os.path.join(os.environ["BERTH_IT_GUEST"], name)
             for name in ("vmlinuz", "initramfs")]
    for path in files:
        if not os.path.exists(path):
            pytest.skip("no guest kernel: tests/lib/guest/build could not "
                        "fetch one")
    return files


class Guest:
    """A VM that runs the guest of tests/lib/guest; its console is a log."""

    def __init__(self, berthd, vm, log):
        self.berthd = berthd
        self.vm = vm
        self.log = log

    def lines(self):
        with open(self.log, errors="replace") as log:
            return log.read().replace("\r", "").splitlines()

    def said(self, text, seconds=PATIENCE_S):
        wait_for(lambda: any(text in line for line in self.lines()),
                 f"the guest to say '{text}'", seconds, 0.1)

    def disks(self):
        """What the guest saw last: {H:C:T:L or vdX: serial}."""
        seen = [line for line in self.lines() if "GUEST disks" in line]
        if not seen:
            return {}
        scsi = re.findall(r"(\d+:\d+:\d+:\d+)=\w+/(\S*)", seen[-1])
        virtio = re.findall(r" (vd\w+)/(\S*)", seen[-1])
        return dict(scsi + virtio)

    def sees(self, condition, what):
        return wait_for(lambda: condition(self.disks()), f"the guest to {what}",
                        PATIENCE_S, 0.1)


@pytest.fixture
def new_guest(berthd, new_vm, guest_image):
    def boot(cmdline="", **fields):
        # libvirt gives the files to QEMU's user: these are copies.
        kernel, initrd = (shutil.copy(path, berthd.images)
                          for path in guest_image)
        log = os.path.join(berthd.images, unique("console") + ".log")
        vm = new_vm(memory=192 * MIB, kernel=kernel, initrd=initrd,
                    cmdline=f"console=ttyS0 quiet panic=1 {cmdline}".strip(),
                    serial_log=log, **fields)
        vm("StartVm")
        guest = Guest(berthd, vm, log)
        wait_for(lambda: os.path.exists(log), "the console's log")
        guest.said("GUEST disks", BOOT_S)
        return guest

    return boot
