# SPDX-License-Identifier: Apache-2.0
"""An engine's own documents on a real QEMU: domains created, disks plugged
and unplugged as it sends them. What this machine does not have (its storage,
its machine types, KVM) is rewritten by REWRITES, and nothing else is.
"""
import json
import os
import re
import uuid
from xml.etree import ElementTree

import pytest

import berthlib
from berthlib import MIB, Berthd, RpcError, make_image, pci, wait_for
from target import IQN, Target

HERE = os.path.dirname(os.path.abspath(__file__))
VM = "aaaaaaaa-0000-0000-0000-000000000001"
CHANNELS = "/var/lib/libvirt/qemu/channels"
OVIRT = "{http://ovirt.org/vm/1.0}"


def read_samples():
    path = os.path.join(HERE, "../golden/engine/samples.jsonl")
    with open(path) as file:
        return {s["case"]: s for s in map(json.loads, file)}


SAMPLES = read_samples()
RUNS = [name for name in SAMPLES if name.startswith("run/")]
PLUGS = [name for name in SAMPLES if name.startswith("plug/")]


# --- the one table -----------------------------------------------------------

def image(house, match):
    """An image file for a volume; a block device becomes a file."""
    fmt = match["format"]
    name = f"{os.path.basename(match['path'])}.{fmt}"
    path = os.path.join(house.daemon.images, name)
    if not os.path.exists(path):
        make_image(path, 4 * MIB, fmt)
        os.chmod(path, 0o666)  # an engine's storage lets QEMU in by itself
    text = match[0].replace(match["path"], path)
    return text.replace('type="block"', 'type="file"').replace(
        "<source dev=", "<source file=")


def lun(house, match):
    """A LUN of the tests' own target."""
    text = match[0].replace('type="block"', 'type="network"')
    return text.replace(
        'dev="/dev/mapper/360014051">',
        f'protocol="iscsi" name="{IQN}{house.lun.name}/1"><host '
        f'name="127.0.0.1" port="{house.lun.target.port}"/>')


def firmware(_, match):
    """Newer releases have the larger build alone."""
    path = match[0]
    larger = path.replace("_CODE", "_CODE_4M").replace("_VARS", "_VARS_4M")
    return path if os.path.exists(path) else larger


REWRITES = [
    (r'<disk [^>]*>(?:(?!</disk>).)*?<source (?:file|dev)='
     r'"(?P<path>/rhev/[^"]*)">.*?<driver [^>]*type="(?P<format>\w+)"',
     image),
    (r'<disk [^>]*>(?:(?!</disk>).)*?<source dev="/dev/mapper/360014051">',
     lun),
    (r'<domain type="kvm"', '<domain type="qemu"'),
    (r"<model>Cascadelake-Server</model>", "<model>qemu64</model>"),
    (r"pc-q35-rhel8.6.0", "q35"),
    (r"pc-i440fx-rhel7.6.0", "pc"),
    (r"/usr/share/OVMF/[\w.]+fd", firmware),
]


def rewritten(house, case):
    xml = SAMPLES[case]["xml"]
    for pattern, by in REWRITES:
        if callable(by):
            xml = re.sub(pattern, lambda m, by=by: by(house, m), xml)
        else:
            xml = re.sub(pattern, by, xml)
    return xml


# --- the house ---------------------------------------------------------------

class House:
    """A berthd, the LUN, and one VM of the engine's at a time."""

    def __init__(self, daemon, lun_):
        self.ended = 0  # starts that were over before
        self.daemon = daemon
        self.lun = lun_
        self.client = daemon.unix()

    def call(self, verb, **params):
        return self.client.call(verb, vmID=VM, **params)

    def fails(self, code, verb, **params):
        with pytest.raises(RpcError) as caught:
            self.call(verb, **params)
        assert caught.value.code == code, caught.value
        return caught.value.message

    def create(self, case=None, xml=None):
        xml = xml or rewritten(self, case)
        self.ended = len(self.ends())
        answer = self.call("VM.create", vmParams={"vmId": VM, "xml": xml})
        assert answer["status"] == "WaitForLaunch"
        assert int(answer["statusTime"]) > 1 << 31
        wait_for(self.running, "the VM to run")
        return self

    def ends(self):
        return [line for line in self.daemon.log_text().splitlines()
                if "FINISH VM.create" in line]

    def running(self):
        ends = self.ends()[self.ended:]
        assert not ends or "state=ok" in ends[0], ends
        return ends

    def image(self, name=None):
        path = self.daemon.image(name)
        os.chmod(path, 0o666)
        return path

    def plug(self, case):
        answer = self.call("VM.hotplugDisk",
                           params={"vmId": VM, "xml": rewritten(self, case)})
        assert answer == {}

    def unplug(self, alias):
        return self.call("VM.hotunplugDisk", params={
            "vmId": VM, "xml": "<hotunplug><devices><disk><alias "
                               f'name="{alias}"/></disk></devices>'
                               "</hotunplug>"})

    def xml(self):
        text = self.client.call("GetVmXml", vm=VM, which="live")["xml"]
        return ElementTree.fromstring(text)

    def disks(self):
        """Live disks by alias: their elements."""
        return {disk.find("alias").get("name"): disk
                for disk in self.xml().iter("disk")}

    def entries(self):
        """The engine's entries of disks: target → {member: text}."""
        vm = self.xml().find(f"metadata/{OVIRT}vm")
        return {entry.get("name"): {child.tag.replace(OVIRT, ""): child.text
                                    for child in entry}
                for entry in vm.findall(f"{OVIRT}device")
                if entry.get("devtype") == "disk"}

    def end(self):
        states = [vm["vm_id"] for vm in self.client.call("ListVms")["vms"]]
        if VM in states:
            assert self.call("VM.destroy") is True


@pytest.fixture(scope="module")
def target():
    server = Target()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def daemon(certs, default_uri):
    os.makedirs(CHANNELS, exist_ok=True)
    os.makedirs("/var/lib/libvirt/qemu/nvram", exist_ok=True)
    made = Berthd(certs, default_uri,
                  {"vdsm.unplug_wait_ms": "500"}).start()
    yield made
    made.stop()


@pytest.fixture(scope="module")
def lun_of_all(target):
    """One for all tests: their VM has the same disks."""
    return target.lun("engine")


@pytest.fixture
def house(daemon, lun_of_all):
    made = House(daemon, lun_of_all)
    yield made
    made.end()


# --- addresses ---------------------------------------------------------------

def address(element):
    """As attributes, numbers; None without one."""
    node = element.find("address")
    if node is None:
        return None
    return {key: value if key == "type" else int(value, 0)
            for key, value in node.attrib.items()}


def same_address(sent, seen):
    assert seen["type"] == sent["type"]
    for key, value in sent.items():
        assert seen[key] == value, (sent, seen)


def check_disks(sent, seen):
    """Each disk of a document is in the running VM, where it was to be."""
    for disk in sent.iter("disk"):
        alias = disk.find("alias").get("name")
        live = seen[alias]
        wanted = address(disk)
        assert live.get("device") == disk.get("device")
        assert live.find("target").get("bus") == disk.find("target").get("bus")
        if wanted:
            same_address(wanted, address(live))
        else:
            assert address(live)["type"] in ("pci", "drive")


def check_controllers(sent, seen):
    """Indexes, iothreads and queues are as sent; each has a PCI address."""
    def of(xml):
        return {c.get("index"): (c.get("model"),
                                 dict(c.find("driver").attrib)
                                 if c.find("driver") is not None else {})
                for c in xml.iter("controller") if c.get("type") == "scsi"}

    assert of(seen) == of(sent)
    for controller in seen.iter("controller"):
        if controller.get("type") == "scsi":
            assert address(controller)["type"] == "pci"


# --- the twenty documents ----------------------------------------------------

# QEMU's own initiator opens the LUN here: no kernel can filter it.
UNFILTERABLE = ["run/lun-scsi-sgio_FILTERED-rsv_True-4.8"]


@pytest.mark.parametrize("case", [c for c in RUNS if c not in UNFILTERABLE])
def test_domain(house, case):
    house.create(case)
    sent = ElementTree.fromstring(SAMPLES[case]["xml"])
    live = house.xml()
    check_disks(sent, house.disks())
    check_controllers(sent, live)
    metadata = live.find(f"metadata/{OVIRT}vm")
    assert metadata.find(f"{OVIRT}clusterVersion").text in ("4.7", "4.8")
    disks = [d for d in sent.iter("disk") if d.get("device") != "cdrom"]
    assert set(house.entries()) == {d.find("target").get("dev")
                                    for d in disks}
    recorded = {d["alias"]: d for d in
                house.client.call("ListDisks", vm=VM)["disks"]}
    for alias, disk in house.disks().items():
        same_address(recorded[alias]["address"], address(disk))
    assert house.call("VM.destroy") is True
    house.fails(1, "VM.destroy")


def test_filter_that_nobody_could_be(house):
    case, = UNFILTERABLE
    message = house.fails(9, "VM.create", vmParams={
        "vmId": VM, "xml": rewritten(house, case)})
    assert "no kernel of this host" in message
    assert not house.client.call("ListVms")["vms"]


# What the VM is before the plug: a domain, and disks that are unplugged.
BASES = {
    "plug/first": ("run/image-file-raw", ["1"]),
    "plug/lun-sgio_UNFILTERED-rsv_True": ("run/image-file-raw", ["1"]),
    "plug/image-all-options": ("run/image-file-raw", ["1"]),
    "plug/gap": ("run/addr-kept", []),
    "plug/iothreads2-plugged2": ("run/addr-kept", []),
    "plug/VirtIO-iothreads0": ("run/image-VirtIO", []),
    # Its controller 1 is not there: it is hot-added.
    "plug/VirtIO_SCSI-iothreads2": ("run/image-VirtIO", []),
}


def alias_of(number):
    return f"ua-11111111-0000-0000-0000-00000000000{number}"


@pytest.mark.parametrize("case", PLUGS)
def test_plug(house, case):
    base, gone = BASES[case]
    house.create(base)
    for number in gone:
        house.unplug(alias_of(number))
    before = set(house.disks())
    house.plug(case)
    sent = ElementTree.fromstring(SAMPLES[case]["xml"])
    alias = sent.find(".//alias").get("name")
    live = house.disks()
    assert set(live) == before | {alias}
    check_disks(sent, live)
    entry = house.entries()[live[alias].find("target").get("dev")]
    wanted = sent.find(f".//{OVIRT}device")
    for child in wanted:
        assert entry[child.tag.replace(OVIRT, "")] == child.text
    if "VirtIO-" in case:
        leave_by_reset(house, alias)
    else:
        assert house.unplug(alias) == {}
    assert set(house.disks()) == before
    assert live[alias].find("target").get("dev") not in house.entries()


def leave_by_reset(house, alias):
    """The guest is silent: an error after the wait, the unplug stays pending,
    a repeated call joins it, and the late end drops the metadata."""
    assert "completes by itself" in house.fails(
        46, "VM.hotunplugDisk", params={
            "vmId": VM, "xml": "<x><devices><disk><alias "
                               f'name="{alias}"/></disk></devices></x>'})
    assert alias in house.disks()
    with pytest.raises(RpcError) as again:
        house.unplug(alias)
    assert again.value.code == 46
    assert house.call("VM.reset") is True
    wait_for(lambda: not house.client.call(
        "ListOperations", vm=VM, state="pending")["operations"],
        "the unplugs to end")


# --- what no sample has ------------------------------------------------------

EXTRAS = ('<disk snapshot="no" type="file" device="disk">'
          '<target dev="sda" bus="scsi" rotation_rate="7200"/>'
          '<source file="{path}"/>'
          '<driver name="qemu" type="raw" cache="none" io="threads" '
          'detect_zeroes="on" copy_on_read="off" discard="unmap"/>'
          '<blockio logical_block_size="512" physical_block_size="4096"/>'
          '<vendor>BERTH</vendor><product>EXTRA</product>'
          '<wwn>5000c50015ea71aa</wwn><serial>S1</serial><shareable/>'
          '<alias name="{alias}"/><iotune><read_iops_sec>70</read_iops_sec>'
          '<read_iops_sec_max>90</read_iops_sec_max></iotune></disk>')


def test_nothing_is_lost_in_hot_plug(house):
    house.create("run/addr-kept")
    alias = f"ua-{uuid.uuid4()}"
    disk = EXTRAS.format(path=house.image(), alias=alias)
    house.call("VM.hotplugDisk", params={
        "vmId": VM, "xml": f"<hotplug><devices>{disk}</devices></hotplug>"})
    live = house.disks()[alias]
    assert live.find("target").get("rotation_rate") == "7200"
    assert live.find("target").get("dev") != "sda"  # which is another's
    assert live.find("blockio").attrib == {"logical_block_size": "512",
                                           "physical_block_size": "4096"}
    for name, text in (("vendor", "BERTH"), ("product", "EXTRA"),
                       ("wwn", "5000c50015ea71aa"), ("serial", "S1")):
        assert live.find(name).text == text
    assert live.find("shareable") is not None
    assert live.find("driver").get("detect_zeroes") == "on"
    assert live.find("iotune/read_iops_sec_max").text == "90"
    assert live.find("source/seclabel").get("relabel") == "no"
    same_address({"type": "drive", "controller": 0, "bus": 0, "target": 0,
                  "unit": 0}, address(live))


def test_places_survive_an_edit(house):
    """The engine makes the controllers anew, in another order and without
    addresses: index, iothread and PCI address stay together."""
    def controllers():
        return {c.get("index"): (c.find("driver").get("iothread"),
                                 pci(address(c)))
                for c in house.xml().iter("controller")
                if c.get("type") == "scsi"}

    def addresses():
        return {a: address(d) for a, d in house.disks().items()}

    xml = rewritten(house, "run/iothreads2-mixed")
    house.create(xml=xml)
    before = controllers(), addresses()
    assert house.call("VM.destroy") is True
    swapped = re.sub(
        r'(index=")([01])("><driver iothread=")([12])',
        lambda m: m[1] + m[2] + m[3] + ("2" if m[4] == "1" else "1"), xml)
    assert swapped != xml
    house.create(xml=swapped)
    assert (controllers(), addresses()) == before
    house.daemon.restart()
    house.client = house.daemon.unix()
    assert house.call("VM.destroy") is True
    house.create(xml=swapped)
    assert (controllers(), addresses()) == before


def test_duplicate_addresses_are_settled(house):
    xml = rewritten(house, "run/addr-kept").replace('unit="2"', 'unit="5"')
    house.create(xml=xml)
    units = sorted(address(d)["unit"] for d in house.disks().values())
    assert units == [0, 5]
    assert "gets another" in house.daemon.log_text()


def test_a_start_that_fails(house):
    """The answer came before; the end is told, and kept until destroyed."""
    xml = rewritten(house, "run/image-file-raw").replace(
        "<model>qemu64</model>", "<model>no-such-model</model>")
    answer = house.call("VM.create", vmParams={"vmId": VM, "xml": xml})
    assert answer["status"] == "WaitForLaunch"
    wait_for(lambda: "FINISH VM.create state=HYPERVISOR_FAILED"
             in house.daemon.log_text(), "the start to fail")
    assert house.call("VM.destroy") is True
    house.fails(1, "VM.destroy")


NIC = ('<hotplug><devices><interface type="user"><mac '
       'address="56:6f:00:00:00:01"/><model type="virtio"/><alias '
       'name="ua-44444444-0000-0000-0000-000000000001"/></interface>'
       '</devices><metadata xmlns:ovirt-vm="http://ovirt.org/vm/1.0">'
       '<ovirt-vm:vm><ovirt-vm:device devtype="interface" '
       'mac_address="56:6f:00:00:00:01"><ovirt-vm:network>blue'
       '</ovirt-vm:network></ovirt-vm:device></ovirt-vm:vm></metadata>'
       '</hotplug>')


def test_nic(house):
    house.create("run/image-file-raw")
    answer = house.call("VM.hotplugNic", params={"vmId": VM, "xml": NIC})
    device, = answer["devices"]
    assert device == {"macAddr": "56:6f:00:00:00:01",
                      "alias": "ua-44444444-0000-0000-0000-000000000001"}
    assert "56:6f:00:00:00:01" in answer["xml"]
    nic = house.xml().find("devices/interface")
    assert address(nic)["type"] == "pci"
    house.call("VM.updateDevice", params={
        "deviceType": "interface", "alias": device["alias"],
        "linkActive": False})
    assert house.xml().find("devices/interface/link").get("state") == "down"
    out = NIC.replace("hotplug>", "hotunplug>")
    house.fails(50, "VM.hotunplugNic", params={"vmId": VM, "xml": out})
    house.call("VM.reset")
    wait_for(lambda: house.xml().find("devices/interface") is None,
             "the NIC to leave")
    wait_for(lambda: not house.client.call(
        "ListOperations", vm=VM, state="pending")["operations"],
        "the unplug to end")
    vm = house.xml().find(f"metadata/{OVIRT}vm")
    assert not [e for e in vm.findall(f"{OVIRT}device")
                if e.get("devtype") == "interface"]


def test_media(house):
    house.create("run/cdrom-q35")
    iso = house.image("a.iso")

    def medium():
        drive, = [d for d in house.disks().values()
                  if d.get("device") == "cdrom"]
        source = drive.find("source")
        return None if source is None else source.get("file")

    spec = {"iface": "sata", "index": "2"}
    assert house.call("VM.changeCD", driveSpec={**spec, "path": iso}) == {}
    assert medium() == iso
    assert house.call("VM.changeCD", driveSpec={**spec, "path": ""}) == {}
    assert medium() is None
    house.fails(41, "VM.changeCD", driveSpec={**spec, "path": "/etc/passwd"})


def test_limits_and_sizes(house):
    house.create("run/qos-split")
    tune, = house.call("VM.getIoTune")
    assert tune["ioTune"]["read_iops_sec"] == 10000
    assert house.call("VM.updateVmPolicy", params={"ioTune": [{
        "imageID": "11111111-0000-0000-0000-000000000001",
        "maximum": {"total_iops_sec": "500"}}]}) is True
    tune, = house.call("VM.getIoTune")
    assert tune["ioTune"]["total_iops_sec"] == 500
    assert tune["ioTune"]["read_iops_sec"] == 0
    policy, = house.call("VM.getIoTunePolicy")
    assert policy["maximum"] == {"total_iops_sec": 500}
    os.truncate(tune["path"], 9 * MIB)
    assert house.call("VM.diskSizeExtend", newSize="1", driveSpecs={
        "imageID": "11111111-0000-0000-0000-000000000001"}) == str(9 * MIB)


def test_vcpus(house):
    house.create("run/image-file-raw")
    assert house.call("VM.setNumberOfCpus", numberOfCpus=3) == {}
    assert house.xml().find("vcpu").get("current") == "3"
    house.fails(60, "VM.setNumberOfCpus", numberOfCpus=99)
    house.fails(76, "VM.freeze")


MEMORY = ('<maxMemory slots="4" unit="MiB">2048</maxMemory>',
          '<numa><cell id="0" cpus="0-15" memory="1048576"/></numa>')


def test_memory(house):
    xml = rewritten(house, "run/image-file-raw")
    xml = xml.replace("<memory>", MEMORY[0] + "<memory>")
    house.create(xml=xml.replace("</cpu>", MEMORY[1] + "</cpu>"))
    dimm = ('<hotplug><devices><memory model="dimm"><target><size unit="MiB">'
            '256</size><node>0</node></target><alias name="ua-dimm"/></memory>'
            '</devices></hotplug>')
    assert house.call("VM.hotplugMemory",
                      params={"vmId": VM, "xml": dimm}) == {}
    assert house.xml().find("devices/memory/alias").get("name") == "ua-dimm"
    house.fails(85, "VM.hotunplugMemory", params={"vmId": VM, "xml": dimm})


if berthlib.EMBED:
    def test_pending_unplug_survives_a_restart(house):
        house.create("run/image-VirtIO")
        with pytest.raises(RpcError) as caught:
            house.unplug(alias_of("1"))
        assert caught.value.code == 46
        house.daemon.restart()
        house.client = house.daemon.unix()
        assert house.call("VM.reset") is True
        wait_for(lambda: alias_of("1") not in house.disks(),
                 "the disk to leave")
        wait_for(lambda: not house.entries(), "its entry to go")
