# SPDX-License-Identifier: Apache-2.0
"""Domains that virsh or virt-manager made: any verb adopts them, with the
addresses that they have.
"""
import os
import uuid

import pytest

from berthlib import (MIB, Berthd, controllers, device_xml, make_image,
                      unique, wait_for)
from test_errors import fails

FOREIGN = """
<domain type='qemu'>
  <name>{name}</name>
  <memory unit='MiB'>64</memory>
  <vcpu>1</vcpu>
  <metadata><other:app xmlns:other="http://example.org/other">
    <other:kept/></other:app></metadata>
  <os><type arch='x86_64' machine='{machine}'>hvm</type></os>
  <features><acpi/></features>
  <devices>
    <disk type='file' device='disk'>
      <driver name='qemu' type='raw' cache='none' discard='unmap'/>
      <source file='{image}'/>
      <target dev='{dev}' bus='{bus}'/>{serial}
    </disk>
    <disk type='file' device='cdrom'>
      <target dev='sda' bus='sata'/><readonly/>
    </disk>
    {scsi}{ports}
    <controller type='virtio-serial'/>
    <channel type='unix'>
      <target type='virtio' name='org.qemu.guest_agent.0'/>
    </channel>
    <input type='tablet' bus='usb'/>
    <graphics type='vnc' port='-1'/>
    <video><model type='vga'/></video>
    <memballoon model='virtio'/>
    <rng model='virtio'><backend model='random'>/dev/urandom</backend></rng>
  </devices>
</domain>"""


# virt-manager's: spare ports, and a controller where a disk is on SCSI.
PORTS = ("<controller type='pci' model='pcie-root'/>"
         + "<controller type='pci' model='pcie-root-port'/>" * 14)
SCSI = "<controller type='scsi' model='virtio-scsi'/>"


def write_foreign(path, image, bus, name, serial=None):
    text = f"<serial>{serial}</serial>" if serial else ""
    with open(path, "w") as xml:
        xml.write(FOREIGN.format(
            name=name, machine="q35", bus=bus, image=image, serial=text,
            dev="vda" if bus == "virtio" else "sdb", ports=PORTS,
            scsi=SCSI if bus == "scsi" else ""))
    return path


@pytest.fixture(scope="module")
def system(certs, libvirtd):
    daemon = Berthd(certs, libvirtd.URI).start()
    yield daemon
    daemon.stop()


@pytest.fixture(params=["scsi", "virtio", "sata"])
def foreign(request, system, libvirtd):
    """(berthd, call, name) of a domain as virt-manager makes them."""
    name, serial = unique("foreign"), str(uuid.uuid4())
    path = write_foreign(os.path.join(system.dir, f"{name}.xml"),
                         system.image(), request.param, name,
                         serial if request.param == "scsi" else None)
    libvirtd.virsh("define", path)
    libvirtd.virsh("start", name, "--paused")
    client = system.unix()

    def call(verb, **params):
        return client.call(verb, vm=name, **params)

    call.serial = serial
    yield system, call, name
    libvirtd.virsh("destroy", name, check=False)
    libvirtd.virsh("undefine", name, check=False)


def test_foreign_domain_is_adopted(foreign, libvirtd):
    daemon, call, name = foreign
    wait_for(lambda: name in [v["name"] for v in daemon.unix().call(
        "ListVms")["vms"]], "the domain to be seen")
    before = libvirtd.virsh("dumpxml", name).stdout
    disks = call("ListDisks")["disks"]
    assert len(disks) == 2
    disk = next(d for d in disks if d["kind"] == "image")
    if disk["interface"] == "virtio_scsi":
        assert disk["disk_id"] == call.serial
    assert controllers(libvirtd.virsh("dumpxml", name).stdout) == \
        controllers(before)
    new = daemon.disk()
    receipt = call("AddDisk", **new)
    assert receipt["state"] == "done"
    after = call("ListDisks")["disks"]
    assert next(d for d in after if d["disk_id"] == disk["disk_id"])[
        "address"] == disk["address"]
    live, config = (libvirtd.virsh("dumpxml", name, *more).stdout
                    for more in ([], ["--inactive"]))
    for xml in (live, config):
        assert device_xml(xml, f"ua-{new['disk_id']}") is not None
        assert "org.qemu.guest_agent.0" in xml and "other:kept" in xml


def test_adopted_disk_is_unplugged_and_plugged_again(foreign, libvirtd):
    daemon, call, name = foreign
    disk = next(d for d in call("ListDisks")["disks"] if d["kind"] == "image")
    if disk["interface"] == "sata":
        fails("UNSUPPORTED", call, "HotUnplugDisk", disk=disk["target"])
        return
    if disk["interface"] == "virtio":
        receipt = call("HotUnplugDisk", disk=disk["target"], deadline_ms=1000)
        assert receipt["state"] == "pending"
        return
    call("HotUnplugDisk", disk=disk["target"])
    source_file = disk["source"]["path"]
    assert f"file='{source_file}'" not in \
        libvirtd.virsh("dumpxml", name).stdout
    assert f"file='{source_file}'" not in \
        libvirtd.virsh("dumpxml", name, "--inactive").stdout
    disk_id = next(d for d in call("ListDisks")["disks"]
                   if d["kind"] == "image")["disk_id"]
    receipt = call("HotPlugDisk", disk=disk_id)
    assert receipt["address"] == disk["address"]
    assert source_file in libvirtd.virsh("dumpxml", name).stdout


def test_transient_domain(system, libvirtd):
    name = unique("transient")
    path = os.path.join(system.dir, f"{name}.xml")
    image = os.path.join(system.images, f"{name}.raw")
    make_image(image, MIB)
    write_foreign(path, image, "scsi", name)
    libvirtd.virsh("create", path, "--paused")
    client = system.unix()
    assert client.call("GetVm", vm=name)["persistent"] is False
    receipt = client.call("AddDisk", vm=name, **system.disk())
    assert receipt["state"] == "done" and receipt["warnings"]
    libvirtd.virsh("destroy", name)
    wait_for(lambda: name not in [v["name"] for v in
                                  client.call("ListVms")["vms"]],
             "the domain to be gone")
