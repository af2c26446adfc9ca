# SPDX-License-Identifier: Apache-2.0
"""Direct LUNs on a real iSCSI target (tgtd): who they are, who has them, what
is asked of them, what a guest sees, and portals that do not serve.
"""
import os
import socket
import subprocess
import uuid

import pytest

from berthlib import (MIB, PATIENCE_S, RpcError, device_xml, free_port,
                      make_image, unique, wait_for)
from target import Mute, Target

RAWIO = 0x20000  # CAP_SYS_RAWIO, as a bit of CapEff
GROUP = "CONFIGURE_SCSI_GENERIC_IO"


@pytest.fixture(scope="module")
def target():
    target = Target()
    yield target
    target.stop()


@pytest.fixture
def lun(target):
    return target.lun(unique("lun"))


@pytest.fixture
def portal(lun):
    """A portal before the LUN's own that can fall silent."""
    portal = Mute(lun.target.port)
    yield portal
    portal.close()


def disk(lun, **fields):
    wish = {"disk_id": str(uuid.uuid4()), "kind": "lun",
            "source": lun.source()}
    wish.update(fields)
    return wish


def refused(call, kind, *parts):
    """The call fails so; its message mentions the parts. The error."""
    with pytest.raises(RpcError) as caught:
        call()
    error = caught.value
    assert error.kind == kind, error
    for part in parts:
        assert part in error.message, error
    return error


def cap_eff(berthd, vm):
    with open(f"/proc/{berthd.qemu_pid(vm.name)}/status") as status:
        lines = dict(line.split(":", 1) for line in status)
    return int(lines["CapEff"], 16)


def source_of(vm, wish, which="live"):
    element = device_xml(vm.xml(which), f"ua-{wish['disk_id']}")
    return None if element is None else element.find("source")


def test_the_trip_of_a_lun(vm, lun):
    wish = disk(lun)
    receipt = vm("AddDisk", **wish)
    assert receipt["state"] == "done" and receipt["warnings"] == []
    assert receipt["effective"]["sgio"] == "unfiltered"
    assert receipt["effective"]["reservations"] is True
    # QEMU is logged in, and we are not any more.
    assert lun.sessions() == [f"iqn.2008-11.org.linux-kvm:{vm.get()['vm_id']}"]
    for which in ("live", "config"):
        element = device_xml(vm.xml(which), f"ua-{wish['disk_id']}")
        assert element.get("device") == "lun"
        assert element.get("sgio") is None and element.get("rawio") is None
        assert element.find("source/reservations") is None
        assert element.find("driver").get("type") == "raw"
    shown = vm("GetDisk", disk=wish["disk_id"])
    assert shown["lun"]["vendor"] == "IET"
    assert shown["lun"]["product"] == "VIRTUAL-DISK"
    assert shown["lun"]["capacity"] == 16 * MIB
    assert shown["lun"]["id"].startswith("3")
    assert shown["granted"]["by"] == "uid:0"
    # What is returned can be sent back, and changes nothing.
    assert vm.client.call("AddDisk", **shown)["changed"] is False
    receipt = vm("HotUnplugDisk", disk=wish["disk_id"])
    assert receipt["state"] == "done"
    wait_for(lambda: lun.sessions() == [], "QEMU to log out")
    again = vm("HotPlugDisk", disk=wish["disk_id"])
    assert again["address"] == shown["address"]
    assert vm("HotPlugDisk", disk=wish["disk_id"])["changed"] is False
    vm("HotUnplugDisk", disk=wish["disk_id"])
    unplugged = vm("GetDisk", disk=wish["disk_id"])
    assert unplugged["effective"]["sgio"] == "none"
    vm("RemoveDisk", disk=wish["disk_id"])
    assert vm.disks() == {}


def test_resize_reads_the_capacity(vm, lun):
    wish = disk(lun)
    vm("AddDisk", **wish)
    name = wish["disk_id"]
    refused(lambda: vm("ResizeDisk", disk=name, size=32 * MIB), "INVALID",
            "no size for a LUN")
    assert vm("ResizeDisk", disk=name)["changed"] is False
    vm("HotUnplugDisk", disk=name)
    wait_for(lambda: lun.sessions() == [], "QEMU to log out")
    lun.grow(32 * MIB)
    receipt = vm("ResizeDisk", disk=name)
    assert receipt["changed"] is True and receipt["size"] == 32 * MIB
    assert vm("GetDisk", disk=name)["lun"]["capacity"] == 32 * MIB
    vm("HotPlugDisk", disk=name)


def test_resize_tells_a_running_vm(vm, lun, target):
    wish = disk(lun)
    vm("AddDisk", **wish)
    # tgtd reads the size anew only for a LUN that nobody uses; a second one
    # of the file stands for storage that grows under its users.
    with open(lun.path, "r+b") as file:
        file.truncate(48 * MIB)
    target.adm("update", "logicalunit", "--tid", lun.tid, "--lun", lun.number,
               "--params", "online=0")
    target.adm("update", "logicalunit", "--tid", lun.tid, "--lun", lun.number,
               "--params", f"path={lun.path},online=1")
    receipt = vm("ResizeDisk", disk=wish["disk_id"])
    assert receipt["size"] == 48 * MIB, receipt


def test_another_lun_behind_the_same_name(new_vm, target):
    lun = target.lun(unique("lun"))
    vm = new_vm()
    wish = disk(lun)
    vm("AddDisk", **wish)
    vm("StartVm", paused=True)
    vm("DestroyVm")
    before = vm("GetDisk", disk=wish["disk_id"])["lun"]["id"]
    wait_for(lambda: lun.sessions() == [], "QEMU to log out")
    target.adm("delete", "target", "--tid", lun.tid, "--force")
    other = target.lun(lun.name)  # the same IQN and number
    assert other.tid != lun.tid
    error = refused(lambda: vm("StartVm", paused=True), "LUN_IDENTITY_CHANGED",
                    wish["disk_id"], before)
    assert error.data["class"] == "fix_host"
    assert vm.get()["state"] == "shut_off"
    vm("HotUnplugDisk", disk=wish["disk_id"])
    vm("StartVm", paused=True)
    refused(lambda: vm("HotPlugDisk", disk=wish["disk_id"]),
            "LUN_IDENTITY_CHANGED", before)
    assert source_of(vm, wish) is None
    assert other.sessions() == []
    # Meant so: as the message says.
    vm("RemoveDisk", disk=wish["disk_id"])
    vm("AddDisk", **wish)
    assert vm("GetDisk", disk=wish["disk_id"])["lun"]["id"] != before


def test_a_mute_portal_costs_no_vm_anything(new_berthd, target):
    daemon = new_berthd(settings={"scsi.trial_ms": "400"}).start()
    mute = Mute()
    client = daemon.unix()
    client.call("CreateVm", name="mute", memory=64 * MIB, vcpus=1)
    client.call("StartVm", vm="mute", paused=True)
    source = {"type": "iscsi", "host": "127.0.0.1", "port": mute.port,
              "iqn": "iqn.2026-01.org.example:mute", "lun": 1}
    for kind in ("lun", "image"):
        error = refused(
            lambda: client.call("AddDisk", vm="mute", kind=kind,
                                source=source),
            "SOURCE_BAD", "the login was not answered in time")
        assert "would stand still" in error.message
    assert client.call("ListDisks", vm="mute")["disks"] == []
    # The monitor answers: QEMU never met the portal.
    assert client.call("GetVmStats", vm="mute")
    client.call("DestroyVm", vm="mute")
    mute.close()


def test_a_portal_falls_silent_after_the_disk_was_added(new_berthd, lun,
                                                        portal):
    daemon = new_berthd(settings={"scsi.trial_ms": "400"}).start()
    client = daemon.unix()
    client.call("CreateVm", name="silent", memory=64 * MIB, vcpus=1)
    wish = disk(lun, source={**lun.source(), "port": portal.port},
                plugged=False)
    client.call("AddDisk", vm="silent", **wish)
    client.call("StartVm", vm="silent", paused=True)
    portal.mute = True
    refused(lambda: client.call("HotPlugDisk", vm="silent",
                                disk=wish["disk_id"]),
            "SOURCE_BAD", "was not answered in time")
    assert client.call("GetVmStats", vm="silent")
    portal.mute = False
    client.call("HotPlugDisk", vm="silent", disk=wish["disk_id"])
    client.call("DestroyVm", vm="silent")
    portal.mute = True
    refused(lambda: client.call("StartVm", vm="silent", paused=True),
            "SOURCE_BAD", wish["disk_id"], "was not answered in time")
    assert client.call("GetVm", vm="silent")["state"] == "shut_off"


def test_portals_that_refuse(vm, lun):
    nobody = {**lun.source(), "port": free_port()}
    refused(lambda: vm("AddDisk", kind="lun", source=nobody), "SOURCE_BAD",
            "the connection failed")
    refused(lambda: vm("AddDisk", kind="lun", source=lun.source(lun=77)),
            "SOURCE_BAD", "LUN 77")
    refused(lambda: vm("AddDisk", kind="lun", source=lun.source(
        iqn="iqn.2026-01.org.example:nowhere")), "SOURCE_BAD", "the login")
    assert vm.disks() == {}


def test_hosts_that_are_not_allowed(new_berthd, lun):
    daemon = new_berthd(settings={"paths.hosts": "192.0.2.*"}).start()
    client = daemon.unix()
    name = unique("strict")
    client.call("CreateVm", name=name, memory=64 * MIB, vcpus=1)
    for source in (lun.source(), {"type": "nbd", "host": "127.0.0.1"},
                   {"type": "rbd", "pool": "p", "image": "i",
                    "hosts": [{"host": "192.0.2.1"}, {"host": "elsewhere"}]}):
        refused(lambda: client.call("AddDisk", vm=name, source=source),
                "SOURCE_DENIED", "[paths] hosts allows 192.0.2.*")
    assert lun.sessions() == []


def test_one_vm_has_a_lun(new_vm, lun):
    first, second = new_vm(start=True), new_vm(start=True)
    wish = disk(lun)
    first("AddDisk", **wish)
    refused(lambda: second("AddDisk", **disk(lun)), "LUN_IN_USE", first.name)
    # By another name of the same portal it is the same LUN.
    other = disk(lun, source=lun.source(host="localhost"))
    refused(lambda: second("AddDisk", **other), "LUN_IN_USE", first.name)
    refused(lambda: first("AddDisk", **other), "EXISTS", wish["disk_id"])
    first("HotUnplugDisk", disk=wish["disk_id"])
    second("AddDisk", **other)
    refused(lambda: first("HotPlugDisk", disk=wish["disk_id"]), "LUN_IN_USE",
            second.name)


def test_a_start_plugs_too(new_vm, lun):
    first, second = new_vm(), new_vm()
    for vm in (first, second):
        vm("AddDisk", **disk(lun))
    first("StartVm", paused=True)
    refused(lambda: second("StartVm", paused=True), "LUN_IN_USE", first.name)
    first("DestroyVm")
    second("StartVm", paused=True)


def test_vms_that_share_a_lun(new_vm, lun):
    first, second = new_vm(start=True), new_vm(start=True)
    first("AddDisk", **disk(lun, shareable=True))
    refused(lambda: second("AddDisk", **disk(lun)), "LUN_IN_USE", first.name)
    second("AddDisk", **disk(lun, shareable=True))
    wait_for(lambda: len(lun.sessions()) == 2, "both VMs to be logged in")


def test_filtered_cannot_be_had_on_iscsi(vm, lun):
    error = refused(lambda: vm("AddDisk", **disk(lun, sgio="filtered")),
                    "SGIO_UNSUPPORTED", "filtered cannot be had")
    assert error.data["class"] == "fix_input"
    assert vm.disks() == {} and lun.sessions() == []
    # What cannot be otherwise may be asked for.
    receipt = vm("AddDisk", **disk(lun, sgio="unfiltered"))
    assert receipt["effective"]["sgio"] == "unfiltered"


def test_reservations_on_iscsi_need_nothing(vm, lun):
    wish = disk(lun, reservations=True)
    receipt = vm("AddDisk", **wish)
    assert "reservations: there is nothing to do" in receipt["warnings"][0]
    assert receipt["effective"]["reservations"] is True
    assert source_of(vm, wish).find("reservations") is None
    shown = vm("GetDisk", disk=wish["disk_id"])
    assert shown["reservations"] is True
    assert shown["emitted"]["reservations"] is False


def test_what_a_lun_may_not_have(vm, lun):
    for field, value in (("serial", "x"), ("discard", "unmap"),
                         ("io", "native"), ("size", MIB),
                         ("read_only", True), ("interface", "virtio"),
                         ("cache", "writeback"), ("error_policy", "ignore")):
        error = refused(lambda: vm("AddDisk", **disk(lun, **{field: value})),
                        "INVALID")
        assert error.data["param"] == field
    refused(lambda: vm("AddDisk", kind="image", sgio="unfiltered",
                       source={"type": "file", "path": "/x"}), "INVALID",
            "only kind lun")
    assert vm.disks() == {}


def test_rawio_at_the_start(new_vm, berthd, lun):
    vm = new_vm()
    wish = disk(lun, rawio=True)
    receipt = vm("AddDisk", **wish)
    assert "whole QEMU process" in receipt["warnings"][0]
    element = device_xml(vm.xml("config"), f"ua-{wish['disk_id']}")
    assert element.get("rawio") == "yes"
    vm("StartVm", paused=True)
    assert cap_eff(berthd, vm) & RAWIO
    wait_for(lambda: vm("GetDisk", disk=wish["disk_id"])["effective"]["rawio"],
             "rawio to be told as in force")
    # QEMU has it now: a second disk gets it at once.
    target = lun.target.lun(unique("lun"))
    receipt = vm("AddDisk", **disk(target, rawio=True))
    assert receipt["effective"]["rawio"] is True


def test_rawio_on_a_running_vm(vm, berthd, lun):
    wish = disk(lun, rawio=True)
    refused(lambda: vm("AddDisk", **wish), "SGIO_UNSUPPORTED",
            "runs without CAP_SYS_RAWIO", "allow_pending")
    assert vm.disks() == {} and lun.sessions() == []
    receipt = vm("AddDisk", allow_pending=True, **wish)
    assert "no effect before the VM's next start" in receipt["warnings"][0]
    assert receipt["effective"]["rawio"] is False
    # libvirt took it; it is not so.
    element = device_xml(vm.xml("live"), f"ua-{wish['disk_id']}")
    assert element.get("rawio") == "yes"
    assert not cap_eff(berthd, vm) & RAWIO
    vm("HotUnplugDisk", disk=wish["disk_id"])
    refused(lambda: vm("HotPlugDisk", disk=wish["disk_id"]),
            "SGIO_UNSUPPORTED", "allow_pending")
    vm("HotPlugDisk", disk=wish["disk_id"], allow_pending=True)
    vm("DestroyVm")
    vm("StartVm", paused=True)
    assert cap_eff(berthd, vm) & RAWIO
    wait_for(lambda: vm("GetDisk", disk=wish["disk_id"])["effective"]["rawio"],
             "rawio to be told as in force")


def test_a_change_waits_for_the_next_start(vm, berthd, lun):
    wish = disk(lun)
    vm("AddDisk", **wish)
    change = {"disk": wish["disk_id"], "set": {"rawio": True}}
    refused(lambda: vm("UpdateVmDisk", **change), "SGIO_UNSUPPORTED",
            "allow_pending")
    answer = vm("UpdateVmDisk", allow_pending=True, **change)
    assert answer["fields"]["rawio"]["effect"] == "next_start"
    shown = vm("GetDisk", disk=wish["disk_id"])
    assert shown["rawio"] is True and shown["effective"]["rawio"] is False
    vm("DestroyVm")
    vm("StartVm", paused=True)
    assert cap_eff(berthd, vm) & RAWIO
    vm("DestroyVm")
    # Released while it is off: nobody has to wait for anything.
    answer = vm("UpdateVmDisk", disk=wish["disk_id"], set={"rawio": False})
    assert answer["fields"]["rawio"]["effect"] == "next_start"
    element = device_xml(vm.xml("config"), f"ua-{wish['disk_id']}")
    assert element.get("rawio") is None
    vm("StartVm", paused=True)
    assert not cap_eff(berthd, vm) & RAWIO


def test_who_may_not_may_not(new_berthd, lun):
    """An operator plugs what was granted, and grants nothing."""
    daemon = new_berthd(settings={"access.tls_default_role": "Operator"})
    daemon.start()
    root, operator = daemon.unix(), daemon.tls()
    root.call("CreateVm", name="mine", memory=64 * MIB, vcpus=1)
    root.call("CreateVm", name="yours", memory=64 * MIB, vcpus=1)
    wish = disk(lun)
    plan = root.call("AddDisk", vm="mine", dry_run=True, **wish)
    assert {"group": GROUP, "granted": True} in plan["privileges"]
    plan = operator.call("AddDisk", vm="mine", dry_run=True, **wish)
    assert {"group": GROUP, "granted": False} in plan["privileges"]
    error = refused(lambda: operator.call("AddDisk", vm="mine", **wish),
                    "DENIED", GROUP, wish["disk_id"])
    assert error.data["class"] == "never"
    assert root.call("ListDisks", vm="mine")["disks"] == []
    assert lun.sessions() == []
    root.call("AddDisk", vm="mine", **wish)
    # A recorded grant is plugged and started by whoever may attach disks.
    operator.call("HotUnplugDisk", vm="mine", disk=wish["disk_id"])
    operator.call("HotPlugDisk", vm="mine", disk=wish["disk_id"])
    operator.call("StartVm", vm="mine", paused=True)
    operator.call("DestroyVm", vm="mine")
    for change in ({"rawio": True}, {"sgio": "unfiltered"},
                   {"reservations": True}):
        refused(lambda: operator.call("UpdateVmDisk", vm="mine",
                                      disk=wish["disk_id"], set=change),
                "DENIED", GROUP)
    # Elsewhere it is a new grant.
    refused(lambda: operator.call("AddDisk", vm="yours", **disk(lun)),
            "DENIED", GROUP)
    refused(lambda: operator.call("CreateVm", name="third", memory=64 * MIB,
                                  vcpus=1, disks=[disk(lun)]), "DENIED")
    operator.call("HotUnplugDisk", vm="mine", disk=wish["disk_id"])
    operator.call("RemoveDisk", vm="mine", disk=wish["disk_id"])


def test_luns_of_a_new_vm(new_vm, target):
    luns = [target.lun(unique("lun")) for _ in range(3)]
    wishes = [disk(lun) for lun in luns]
    vm = new_vm(start=True, disks=wishes)
    assert all(len(lun.sessions()) == 1 for lun in luns)
    shown = vm.disks()
    for wish in wishes:
        assert shown[wish["disk_id"]]["lun"]["capacity"] == 16 * MIB
        assert shown[wish["disk_id"]]["granted"]["by"] == "uid:0"


def test_a_batch_of_luns(vm, target):
    luns = [target.lun(unique("lun")) for _ in range(4)]
    receipt = vm("AddDisk", disks=[disk(lun) for lun in luns])
    assert [d["effective"]["sgio"] for d in receipt["disks"]] == \
        ["unfiltered"] * 4
    assert all(len(lun.sessions()) == 1 for lun in luns)
    more = [disk(target.lun(unique("lun"))), disk(luns[0])]
    refused(lambda: vm("AddDisk", disks=more), "EXISTS", "disks[1]")
    assert len(vm.disks()) == 4


def test_an_image_on_iscsi(vm, lun):
    wish = disk(lun, kind="image", serial="an-image")
    receipt = vm("AddDisk", **wish)
    assert "effective" not in receipt
    element = device_xml(vm.xml(), f"ua-{wish['disk_id']}")
    assert element.get("device") == "disk"
    assert element.find("serial").text == "an-image"
    assert len(lun.sessions()) == 1


def test_an_image_on_nbd(vm, berthd):
    path = os.path.join(berthd.images, unique("nbd"))
    make_image(path, MIB)
    port = free_port()
    server = subprocess.Popen(
        ["qemu-nbd", "-t", "-f", "raw", "-x", "store", "-b", "127.0.0.1",
         "-p", str(port), path])
    try:
        wait_for(lambda: listens(port), "qemu-nbd to listen")
        source = {"type": "nbd", "host": "127.0.0.1", "port": port,
                  "export": "store"}
        name = vm("AddDisk", source=source)["disk_id"]
        assert vm.disks()[name]["source"] == {**source, "format": "raw"}
        vm("HotUnplugDisk", disk=name)
        vm("HotPlugDisk", disk=name)
        vm("HotUnplugDisk", disk=name)
        refused(lambda: vm("AddDisk", source=source, size=MIB), "INVALID",
                "no size")
    finally:
        server.kill()
        server.wait(PATIENCE_S)
    refused(lambda: vm("HotPlugDisk", disk=name), "SOURCE_BAD",
            "no NBD server answers")


def test_a_mute_nbd_server(new_berthd):
    daemon = new_berthd(settings={"scsi.trial_ms": "300"}).start()
    client, mute = daemon.unix(), Mute()
    source = {"type": "nbd", "host": "127.0.0.1", "port": mute.port}
    client.call("CreateVm", name="mute-nbd", memory=64 * MIB, vcpus=1)
    client.call("StartVm", vm="mute-nbd", paused=True)
    refused(lambda: client.call("AddDisk", vm="mute-nbd", source=source),
            "SOURCE_BAD", "it said nothing in time")
    assert client.call("GetVmStats", vm="mute-nbd")
    client.call("DestroyVm", vm="mute-nbd")
    mute.close()


def listens(port):
    with socket.socket() as sock:
        return sock.connect_ex(("127.0.0.1", port)) == 0


def test_what_libvirt_accepts_is_told(client):
    seen = wait_for(lambda: (s := client.call("GetCapabilities")["scsi"]) and
                    s["rawio"] != "unknown" and s, "libvirt to be asked")
    assert seen == {"sgio_filtered": "accepted", "sgio_unfiltered": "refused",
                    "rawio": "accepted", "reservations": "accepted"}


def test_berthctl_and_luns(vm, berthd, lun):
    url = "iscsi://127.0.0.1:{port}/{iqn}/{lun}".format(**lun.source())
    berthd.ctl("disk", "add", vm.name, url, "--lun", check=0)
    listed = berthd.ctl("disk", "ls", vm.name, check=0).stdout
    assert url in listed and "unfiltered reservations" in listed
    shown = vm("ListDisks")["disks"][0]
    berthd.ctl("disk", "resize", vm.name, shown["disk_id"], check=0)
    failed = berthd.ctl("disk", "add", vm.name, url + "x", "--lun")
    assert failed.returncode != 0 and "iscsi://HOST" in failed.stderr


def test_a_guest_has_the_lun_itself(new_guest, target):
    """It reads the LUN's own INQUIRY, and a persistent reservation passes."""
    lun = target.lun(unique("lun"))
    lun.set(vendor_id="BERTH", product_id="OF-THE-TARGET")
    guest = new_guest("berth.reserve=OF-THE-TARGET")
    wish = disk(lun)
    receipt = guest.vm("AddDisk", **wish)
    assert receipt["effective"]["reservations"] is True
    where = "{bus}:{target}:{unit}".format(**receipt["address"])
    guest.said(f"GUEST inquiry 0:{where} BERTH OF-THE-TARGET")
    guest.said("GUEST reserved sd")
    # The same as an image: QEMU answers for it, and knows no reservations.
    guest.vm("HotUnplugDisk", disk=wish["disk_id"])
    guest.vm("RemoveDisk", disk=wish["disk_id"])
    guest.vm("AddDisk", **disk(lun, kind="image"))
    guest.said("QEMU QEMU HARDDISK")


def test_privileges_leave_a_trace(new_berthd, lun):
    daemon = new_berthd(settings={"access.tls_default_role": "Operator"})
    daemon.start()
    root, operator = daemon.unix(), daemon.tls()
    root.call("CreateVm", name="traced", memory=64 * MIB, vcpus=1)
    wish = disk(lun)
    refused(lambda: operator.call("AddDisk", vm="traced", **wish), "DENIED")
    root.call("AddDisk", vm="traced", flow_id="flow-1", **wish)
    name = wish["disk_id"]
    identity = root.call("GetDisk", disk=name)["lun"]["id"]
    root.call("UpdateVmDisk", vm="traced", disk=name, set={"rawio": True})
    operator.call("StartVm", vm="traced", paused=True)  # granted already
    refused(lambda: root.call(
        "AddDisk", vm="traced", **disk(lun, rawio=True)), "EXISTS")
    root.call("DestroyVm", vm="traced")
    root.call("UpdateVmDisk", vm="traced", disk=name, set={"rawio": False})
    operator.call("RemoveDisk", vm="traced", disk=name)
    rows = [row for row in root.call("GetAudit", disk=name)["rows"]
            if row["what"] != "denial"]
    assert [(row["what"], row["verb"], row["result"]) for row in rows] == [
        ("grant", "AddDisk", "done"), ("grant", "UpdateVmDisk", "done"),
        ("release", "UpdateVmDisk", "done"), ("release", "RemoveDisk", "done")]
    assert all(row["lun"] == identity and row["vm_name"] == "traced"
               for row in rows)
    assert rows[0]["peer"] == "uid:0" and rows[0]["flow_id"] == "flow-1"
    assert rows[0]["before"] is None and "iSCSI" in rows[0]["subject"]
    assert rows[1]["before"]["rawio"] is False
    assert rows[1]["after"]["rawio"] is True
    assert rows[3]["peer"] != "uid:0" and rows[3]["after"] is None
    denials = root.call("GetAudit", what="denial")["rows"]
    assert any(row["subject"] == GROUP for row in denials)
    assert root.call("VerifyAudit")["whole"] is True
