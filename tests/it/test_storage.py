# SPDX-License-Identifier: Apache-2.0
"""What only a libvirtd has: secrets for sources that ask who one is, and the
volumes of storage pools. The embedded driver has neither.
"""
import base64
import os
import uuid

import pytest

import berthlib
from berthlib import MIB, RpcError, device_xml, unique, wait_for
from target import Target
from test_lun import disk, refused


@pytest.fixture(scope="module")
def default_uri(libvirtd):
    return libvirtd.URI


@pytest.fixture(scope="module")
def target():
    target = Target()
    yield target
    target.stop()


@pytest.fixture
def new_secret(libvirtd):
    """Makes secrets: new_secret(value, usage, private=False); its UUID."""
    made = []

    def make(value, usage, private=False):
        name = str(uuid.uuid4())
        path = os.path.join(berthlib.WORK, f"{name}.xml")
        with open(path, "w") as xml:
            hide = "yes" if private else "no"
            xml.write(f"<secret ephemeral='no' private='{hide}'><uuid>{name}"
                      f"</uuid><usage type='iscsi'><target>{usage}</target>"
                      "</usage></secret>")
        libvirtd.virsh("secret-define", path)
        made.append(name)
        value = base64.b64encode(value.encode()).decode()
        libvirtd.virsh("secret-set-value", name, "--base64", value)
        return name

    yield make
    for name in made:
        libvirtd.virsh("secret-undefine", name)


@pytest.fixture
def guarded(target):
    """A LUN behind CHAP."""
    lun = target.lun(unique("guarded"))
    lun.chap(unique("user"), "a long enough password")
    return lun


def with_secret(lun, secret):
    return lun.source(user=lun.user, secret=secret)


def test_a_lun_behind_chap(vm, guarded, new_secret):
    usage = unique("usage")
    name = new_secret("a long enough password", usage)
    refused(lambda: vm("AddDisk", **disk(guarded)), "SOURCE_BAD", "the login")
    for secret in (usage, name):
        wish = disk(guarded, source=with_secret(guarded, secret))
        receipt = vm("AddDisk", **wish)
        assert receipt["state"] == "done"
        assert len(guarded.sessions()) == 1
        element = device_xml(vm.xml(), f"ua-{wish['disk_id']}")
        auth = element.find("source/auth")
        assert auth.get("username") == guarded.user
        assert vm("GetDisk", disk=wish["disk_id"])["source"]["secret"] == secret
        vm("HotUnplugDisk", disk=wish["disk_id"])
        vm("HotPlugDisk", disk=wish["disk_id"])
        vm("HotUnplugDisk", disk=wish["disk_id"])
        vm("RemoveDisk", disk=wish["disk_id"])
        wait_for(lambda: guarded.sessions() == [], "QEMU to log out")


def test_secrets_that_do_not_do(vm, guarded, new_secret):
    def add(secret):
        return lambda: vm("AddDisk", **disk(
            guarded, source=with_secret(guarded, secret)))

    wrong = new_secret("another password altogether", unique("usage"))
    refused(add(wrong), "SOURCE_BAD", "the login")
    refused(add(str(uuid.uuid4())), "NOT_FOUND", "source.secret")
    refused(add("nobody's usage"), "NOT_FOUND", "nobody's usage")
    hidden = new_secret("a long enough password", unique("usage"), True)
    error = refused(add(hidden), "HYPERVISOR_FAILED", hidden)
    assert "private" in error.message
    assert vm.disks() == {} and guarded.sessions() == []


def test_an_rbd_image_wants_its_secret(vm):
    source = {"type": "rbd", "pool": "p", "image": "i", "user": "u",
              "secret": "not there"}
    refused(lambda: vm("AddDisk", source=source, plugged=True),
            "NOT_FOUND", "not there")
    assert vm.disks() == {}


if berthlib.EMBED:
    def test_the_embedded_driver_has_neither(certs, guarded):
        daemon = berthlib.Berthd(certs).start()
        client = daemon.unix()
        client.call("CreateVm", name="bare", memory=64 * MIB, vcpus=1)
        sources = {
            "secrets": with_secret(guarded, "any"),
            "storage pools": {"type": "volume", "pool": "p", "volume": "v"},
        }
        for what, source in sources.items():
            refused(lambda: client.call("AddDisk", vm="bare", kind="image",
                                        source=source),
                    "UNSUPPORTED", "not supported by kvm", what)
        daemon.stop()


# --- what others have defined ------------------------------------------------

FOREIGN = """
<domain type='qemu' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>
  <name>{name}</name>
  <memory unit='MiB'>64</memory>
  <os><type machine='q35'>hvm</type></os>
  <devices>
    <controller type='scsi' model='virtio-scsi'/>
    {devices}
  </devices>
  {end}
</domain>"""
LUN = """<disk type='network' device='lun' rawio='yes'>
  <driver name='qemu' type='raw'/>
  <source protocol='iscsi' name='{iqn}/{lun}'>
    <host name='{host}' port='{port}'/></source>
  <target dev='sda' bus='scsi'/></disk>"""
COMMANDLINE = ("<qemu:commandline><qemu:arg value='-name'/>"
               "<qemu:arg value='other'/></qemu:commandline>")


@pytest.fixture
def define(libvirtd):
    """Defines a VM behind berthd's back: define(devices=, end=); its name."""
    made = []

    def make(devices="", end=""):
        name = unique("foreign")
        path = os.path.join(berthlib.WORK, f"{name}.xml")
        with open(path, "w") as xml:
            xml.write(FOREIGN.format(name=name, devices=devices, end=end))
        libvirtd.virsh("define", path)
        made.append(name)
        return name

    yield make
    for name in made:
        libvirtd.virsh("destroy", name, check=False)
        libvirtd.virsh("undefine", name, check=False)


@pytest.fixture
def guarded_house(certs, libvirtd):
    """A berthd to whom certificates are operators."""
    daemon = berthlib.Berthd(certs, libvirtd.URI, {
        "access.tls_default_role": "Operator"}).start()
    yield daemon
    daemon.stop()


@pytest.mark.parametrize("what", ["lun", "commandline"])
def test_a_strangers_privileges_are_not_granted(guarded_house, define, target,
                                                what):
    """What a definition has comes into force with a start: the first one
    grants it, by who may."""
    lun = target.lun(unique("lun"))
    parts = {"lun": {"devices": LUN.format(**lun.source())},
             "commandline": {"end": COMMANDLINE}}
    name = define(**parts[what])
    root, operator = guarded_house.unix(), guarded_house.tls()
    refused(lambda: operator.call("StartVm", vm=name, paused=True), "DENIED",
            "CONFIGURE_SCSI_GENERIC_IO")
    assert root.call("GetVm", vm=name)["state"] == "shut_off"
    root.call("StartVm", vm=name, paused=True)
    root.call("DestroyVm", vm=name)
    operator.call("StartVm", vm=name, paused=True)
    operator.call("DestroyVm", vm=name)
    rows = root.call("GetAudit", what="grant")["rows"]
    mine = [row for row in rows if row["vm_name"] == name]
    assert len(mine) == 1 and mine[0]["result"] == "done"
    subject = "qemu:commandline" if what == "commandline" else "rawio"
    assert subject in mine[0]["subject"]


def test_a_strangers_lun_tells_what_is_in_force(guarded_house, define, target,
                                                libvirtd):
    lun = target.lun(unique("lun"))
    name = define(devices=LUN.format(**lun.source()))
    libvirtd.virsh("start", "--paused", name)
    client = guarded_house.unix()
    shown = wait_for(lambda: [
        d for d in client.call("ListDisks", vm=name)["disks"]
        if d.get("effective", {}).get("sgio") == "unfiltered"],
        "the LUN to be known")[0]
    assert shown["rawio"] is True and "granted" not in shown
    # Nobody has asked libvirt's LUN who it is; a verb of ours adopts the VM.
    client.call("HotUnplugDisk", vm=name, disk=shown["target"])
    client.call("HotPlugDisk", vm=name, disk=shown["target"])
    again = client.call("GetDisk", vm=name, disk=shown["target"])
    assert again["lun"]["vendor"] == "IET"
    assert again["granted"]["by"] == "uid:0"
    assert again["effective"]["rawio"] is True


# --- pools ------------------------------------------------------------------


@pytest.fixture(scope="module")
def pool(libvirtd):
    """A running pool of files: (its name, its folder)."""
    name, folder = "store", os.path.join(berthlib.WORK, "store")
    os.makedirs(folder)
    os.chmod(folder, 0o755)
    libvirtd.virsh("pool-define-as", name, "dir", "--target", folder)
    libvirtd.virsh("pool-start", name)
    yield name, folder
    libvirtd.virsh("pool-destroy", name)


@pytest.mark.parametrize("fmt", ["raw", "qcow2"])
def test_the_life_of_a_volume(vm, pool, libvirtd, fmt):
    name, folder = pool
    volume = unique("volume")
    source = {"type": "volume", "pool": name, "volume": volume, "format": fmt}
    receipt = vm("AddDisk", source=source, size=4 * MIB)
    disk_id = receipt["disk_id"]
    assert os.path.exists(os.path.join(folder, volume))
    for which in ("live", "config"):
        element = device_xml(vm.xml(which), f"ua-{disk_id}")
        assert element.get("type") == "volume"
        assert element.find("source").get("volume") == volume
        assert element.find("driver").get("type") == fmt
    vm("ResizeDisk", disk=disk_id, size=8 * MIB)
    vm("HotUnplugDisk", disk=disk_id)
    vm("ResizeDisk", disk=disk_id, size=16 * MIB)
    refused(lambda: vm("ResizeDisk", disk=disk_id, size=MIB), "INVALID")
    info = libvirtd.virsh("vol-info", "--pool", name, "--bytes", volume)
    assert str(16 * MIB) in info.stdout
    vm("HotPlugDisk", disk=disk_id)
    refused(lambda: vm("AddDisk", source=source), "EXISTS", disk_id)
    vm("HotUnplugDisk", disk=disk_id)
    vm("RemoveDisk", disk=disk_id, delete=True)
    assert not os.path.exists(os.path.join(folder, volume))


def test_volumes_that_are_refused(vm, pool, libvirtd, berthd):
    name, folder = pool
    there = unique("volume")
    libvirtd.virsh("vol-create-as", name, there, "1M", "--format", "qcow2")
    source = {"type": "volume", "pool": name, "volume": there}
    refused(lambda: vm("AddDisk", source={**source, "volume": "none"}),
            "NOT_FOUND", "volume:store/none")
    refused(lambda: vm("AddDisk", source={**source, "pool": "none"}),
            "NOT_FOUND")
    raw = unique("volume")
    libvirtd.virsh("vol-create-as", name, raw, "1M", "--format", "raw")
    refused(lambda: vm("AddDisk", source={**source, "volume": raw,
                                          "format": "qcow2"}),
            "SOURCE_BAD", "source.format")
    # What a volume names below it is held to [paths] as a file's is.
    secret = os.path.join(berthlib.WORK, "outside.raw")
    berthlib.make_image(secret, MIB)
    berthlib.make_image(os.path.join(folder, "on-top"), MIB, "qcow2", "-b",
                        secret, "-F", "raw")
    libvirtd.virsh("pool-refresh", name)
    refused(lambda: vm("AddDisk", source={**source, "volume": "on-top",
                                          "format": "qcow2"}),
            "SOURCE_DENIED", "outside.raw")
    stopped = os.path.join(berthlib.WORK, "stopped")
    os.makedirs(stopped, exist_ok=True)
    libvirtd.virsh("pool-define-as", "stopped", "dir", "--target", stopped)
    refused(lambda: vm("AddDisk", source={**source, "pool": "stopped"}),
            "BAD_STATE", "pool-start")
    assert vm.disks() == {}


def test_a_failed_plug_takes_its_volume_away(vm, pool):
    """The volume is made, the disk cannot be plugged: nothing stays."""
    name, folder = pool
    volume = unique("volume")
    with pytest.raises(RpcError) as caught:
        vm("AddDisk", size=MIB, interface="virtio", iothread=9, source={
            "type": "volume", "pool": name, "volume": volume})
    assert "iothread" in caught.value.message, caught.value
    failed = vm.client.call("ListOperations", vm=vm.name)["operations"][0]
    assert failed["receipt"]["rolled_back"] is True
    assert vm.disks() == {}
    assert not os.path.exists(os.path.join(folder, volume))


def test_a_medium_from_a_pool(new_vm, pool, libvirtd):
    name, _ = pool
    for volume in ("one.iso", "two.iso"):
        libvirtd.virsh("vol-create-as", name, volume, "1M", "--format", "raw")
    vm = new_vm(disks=[{"kind": "cdrom", "source": {
        "type": "volume", "pool": name, "volume": "one.iso"}}])
    vm("StartVm", paused=True)
    drive = vm("ListDisks")["disks"][0]["disk_id"]
    vm("ChangeCd", disk=drive, source={"type": "volume", "pool": name,
                                       "volume": "two.iso"})
    assert vm("GetDisk", disk=drive)["source"]["volume"] == "two.iso"
    vm("ChangeCd", disk=drive, source=None)
    assert vm("GetDisk", disk=drive)["source"] is None
