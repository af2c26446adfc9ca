# SPDX-License-Identifier: Apache-2.0
"""The examples of hooks/examples, and scripts that do what VDSM's do by the
same calls: both are run as they are, with the grants that they need.
"""
import http.server
import json
import os
import subprocess
import threading
from xml.etree import ElementTree

import pytest

from berthlib import Berthd, RpcError, device_xml
from test_hooks import Scripts

EXAMPLES = os.path.join(os.path.dirname(__file__), "../../hooks/examples")
QEMU_NS = "http://libvirt.org/schemas/domain/qemu/1.0"


@pytest.fixture(scope="module")
def house(certs, default_uri):
    daemon = Berthd(certs, default_uri)
    scripts = Scripts(daemon)
    daemon.settings["hook adds.may"] = "add_device, source"
    daemon.settings["hook cdrom.may"] = "add_device, source"
    daemon.settings["hook line.may"] = "qemu_commandline"
    daemon.settings["hook log.may"] = "add_device, source"
    daemon.settings["hook 50_lvm.may"] = "source"
    daemon.start()
    yield daemon, scripts
    daemon.stop()


@pytest.fixture
def berthd(house):
    yield house[0]


@pytest.fixture
def scripts(house):
    house[1].clear()
    yield house[1]
    house[1].clear()


def example(name, **replaced):
    """The text of hooks/examples/NAME, with other paths for a test."""
    with open(os.path.join(EXAMPLES, name)) as script:
        text = script.read()
    for old, new in replaced.items():
        assert old in text
        text = text.replace(old, new)
    return text


def live(vm):
    return ElementTree.fromstring(vm.xml())


# --- the examples ---------------------------------------------------------------

def test_every_example_has_a_page():
    for name in os.listdir(EXAMPLES):
        files = os.listdir(os.path.join(EXAMPLES, name))
        assert "README.md" in files and len(files) > 1, name


def test_discard(berthd, scripts, new_vm):
    for point in ("before_vm_start", "before_disk_hotplug"):
        scripts.put(point, "50_discard", example("discard/50_discard"))
    cold = berthd.disk(discard="ignore")
    vm = new_vm(disks=[cold])
    vm("StartVm", paused=True)
    hot = berthd.disk(discard="ignore")
    vm("AddDisk", **hot)
    for disk in (cold, hot):
        element = device_xml(vm.xml(), f"ua-{disk['disk_id']}")
        assert element.find("driver").get("discard") == "unmap"
        kept = device_xml(vm.xml("config"), f"ua-{disk['disk_id']}")
        assert kept.find("driver").get("discard") == "ignore"


@pytest.mark.parametrize("hours, passes", [
    ("from=00:00\nuntil=24:00", True), ("from=09:00\nuntil=09:00", False),
    (None, False)])
def test_window(berthd, scripts, vm, hours, passes):
    settings = os.path.join(scripts.dir, "window.conf")
    scripts.put("before_disk_hotplug", "10_window", example(
        "window/10_window", **{"/etc/berth/window.conf": settings}))
    if hours:
        with open(settings, "w") as conf:
            conf.write(hours + "\n")
    if passes:
        assert vm("AddDisk", **berthd.disk())["state"] == "done"
        return
    with pytest.raises(RpcError) as error:
        vm("AddDisk", **berthd.disk())
    assert error.value.kind == "HOOK_FAILED"
    assert ("only" if hours else "cannot be read") in error.value.message


class Sink(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        self.server.got.append(json.loads(body))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_):
        pass


def test_notify(berthd, scripts, vm):
    queue = os.path.join(scripts.dir, "queue/notify")
    scripts.put("after_disk_hotplug", "90_notify", example(
        "notify/90_notify", **{"/var/spool/berth/notify.queue": queue}))
    receipts = [vm("AddDisk", **berthd.disk()) for _ in range(2)]
    sender = os.path.join(EXAMPLES, "notify/berth-notify")
    gone = subprocess.run([sender, queue, "http://127.0.0.1:1/"],
                          capture_output=True, text=True)
    assert gone.returncode == 1 and "2 lines wait" in gone.stderr
    with http.server.HTTPServer(("127.0.0.1", 0), Sink) as server:
        server.got = []
        threading.Thread(target=server.serve_forever).start()
        subprocess.run([sender, queue,
                        f"http://127.0.0.1:{server.server_port}/"],
                       check=True)
        server.shutdown()
        assert [(e["point"], e["op_id"]) for e in server.got] == [
            ("after_disk_hotplug", r["op_id"]) for r in receipts]
    assert os.path.getsize(queue) == 0


def test_serial(berthd, scripts, new_vm):
    for point in ("before_vm_start", "before_disk_hotplug"):
        scripts.put(point, "50_serial", example("serial/50_serial"))
    long, short = berthd.disk(), berthd.disk(serial="abc")
    vm = new_vm(disks=[long])
    vm("StartVm", paused=True)
    vm("AddDisk", **short)
    serials = [device_xml(vm.xml(), f"ua-{d['disk_id']}").findtext("serial")
               for d in (long, short)]
    assert serials == ["S1-" + long["disk_id"][:33], "S1-abc"]


def test_lvm(berthd, scripts, new_vm):
    """Its decision and its grant; there is no LVM in a test's machine."""
    tool = os.path.join(scripts.dir, "lvm")
    calls = os.path.join(scripts.dir, "calls")
    with open(tool, "w") as stub:
        stub.write(f'#!/bin/sh\necho "$@" >>{calls}\n[ "$1" != lvs ]\n')
    os.chmod(tool, 0o755)
    settings = os.path.join(scripts.dir, "lvm.json")
    with open(settings, "w") as conf:
        json.dump({"directory": berthd.images, "group": "vg0", "lvm": tool},
                  conf)
    scripts.put("before_disk_hotplug", "50_lvm", example(
        "lvm/50_lvm", **{"/etc/berth/local-lvm.json": settings}))
    disk = berthd.disk()
    vm = new_vm(disks=[disk])
    name = os.path.splitext(os.path.basename(disk["source"]["path"]))[0]
    trial = vm("TestHook", point="before_disk_hotplug",
               disk=disk["disk_id"])
    assert trial["accepted"], trial["why"]
    changes = {c["what"].split("/", 1)[-1]: c["needs"]
               for c in trial["scripts"][0]["changes"]}
    assert changes["source@dev"] == ["source"]
    made = ElementTree.fromstring(trial["payload"])
    assert made.get("type") == "block"
    assert made.find("source").get("dev") == f"/dev/vg0/{name}"
    with open(calls) as text:
        assert text.read().splitlines() == [
            f"lvs vg0/{name}",
            f"lvcreate -y -W y -n {name} -L 1048576b vg0"]


# --- by the calls that VDSM's scripts make ------------------------------------------

def test_options_of_the_guest(scripts, new_vm):
    """Disks by bus and device, as one that sets discard on some does."""
    scripts.python("before_vm_start", "unmap", """
import hooking
dom = hooking.read_domxml()
for disk in dom.getElementsByTagName('disk'):
    bus = disk.getElementsByTagName('target')[0].getAttribute('bus')
    if disk.getAttribute('device') in ('disk', 'lun') and bus in ('scsi', 'ide'):
        disk.getElementsByTagName('driver')[0].setAttribute('discard', 'unmap')
hooking.write_domxml(dom)
""")
    vm = new_vm(start=True)
    assert vm.get()["state"] == "paused"


def test_check_of_images(berthd, scripts, new_vm):
    """qemu-img by execCmd, units, exit_hook: a broken image stops the start."""
    scripts.python("before_vm_start", "check", """
import hooking
from vdsm.common.units import GiB
dom = hooking.read_domxml()
for disk in dom.getElementsByTagName('disk'):
    driver = disk.getElementsByTagName('driver')[0]
    if driver.getAttribute('type') != 'qcow2':
        continue
    path = disk.getElementsByTagName('source')[0].getAttribute('file')
    rc, out, err = hooking.execCmd(['qemu-img', 'check', '-f', 'qcow2', path],
                                   sudo=False, raw=True)
    if rc != 0:
        hooking.exit_hook('%s is damaged (below %d GiB): %s'
                          % (path, 1, err.decode()))
""")
    disk = berthd.disk(format="qcow2")
    vm = new_vm(disks=[disk])
    vm("StartVm", paused=True)
    vm("DestroyVm")
    with open(disk["source"]["path"], "r+b") as image:
        image.seek(196608)  # the second-level tables
        image.write(os.urandom(65536))
        image.seek(65536)
        image.write(os.urandom(4096))
    with pytest.raises(RpcError) as error:
        vm("StartVm", paused=True)
    assert error.value.kind == "HOOK_FAILED"
    assert "is damaged" in error.value.message


def test_scratch_disk(berthd, scripts, new_vm):
    """Three scripts: an image is made and its disk added, removed with the
    VM; migration would be refused."""
    scripts.python("before_vm_start", "adds", f"""
import os
import hooking
dom = hooking.read_domxml()
devices = dom.getElementsByTagName('devices')[0]
path = os.path.join('{berthd.images}', os.environ['vmId'] + '.scratch')
with open(path, 'w') as image:
    os.ftruncate(image.fileno(), 1 << 20)
os.chmod(path, 0o666)
disk = dom.createElement('disk')
disk.setAttribute('device', 'disk')
disk.setAttribute('type', 'file')
for tag, attributes in (('source', {{'file': path}}),
                        ('driver', {{'name': 'qemu', 'type': 'raw'}}),
                        ('target', {{'dev': 'vdz', 'bus': 'virtio'}})):
    child = dom.createElement(tag)
    for key, value in attributes.items():
        child.setAttribute(key, value)
    disk.appendChild(child)
devices.appendChild(disk)
hooking.write_domxml(dom)
""")
    scripts.python("after_vm_destroy", "removes", """
import hooking, os
for source in hooking.read_domxml().getElementsByTagName('source'):
    path = source.getAttribute('file')
    if path.endswith('.scratch'):
        os.unlink(path)
""")
    scripts.python("before_vm_migrate_source", "stays",
                   "import hooking\nhooking.exit_hook('it stays here')")
    vm = new_vm()
    vm("StartVm", paused=True)
    path = os.path.join(berthd.images, vm.get()["vm_id"] + ".scratch")
    assert path in vm.xml() and path not in vm.xml("config")
    vm("DestroyVm")
    assert not os.path.exists(path)
    assert "NEVER RUN" in berthd.ctl("hook", "ls").stdout


def test_cdrom_from_the_network(scripts, new_vm):
    """A network source is judged with its grants; this host has no server."""
    scripts.python("before_vm_start", "cdrom", """
import urllib.parse
from xml.dom import minidom
import hooking
url = urllib.parse.urlparse('http://192.0.2.1:80/boot.iso')
dom = hooking.read_domxml()
cdrom = minidom.parseString('''<disk type="network" device="cdrom">
<source protocol="%s" name="%s"><host name="%s" port="%d"/></source>
<target dev="sdy" bus="sata"/><readonly/></disk>'''
    % (url.scheme, url.path, url.hostname, url.port)).firstChild
dom.getElementsByTagName('devices')[0].appendChild(cdrom)
hooking.write_domxml(dom)
""")
    vm = new_vm()
    trial = vm("TestHook", point="before_vm_start")
    assert trial["accepted"], trial["why"]
    (change,) = trial["scripts"][0]["changes"]
    assert change["needs"] == ["add_device", "source"]


def test_line_of_qemu(scripts, new_vm):
    scripts.python("before_vm_start", "line", f"""
import json, os
import hooking
dom = hooking.read_domxml()
domain = dom.getElementsByTagName('domain')[0]
domain.setAttribute('xmlns:qemu', '{QEMU_NS}')
line = dom.createElement('qemu:commandline')
for value in json.loads('["-name", "debug-threads=on"]'):
    arg = dom.createElement('qemu:arg')
    arg.setAttribute('value', value)
    line.appendChild(arg)
domain.appendChild(line)
hooking.write_domxml(dom)
""")
    vm = new_vm()
    vm("StartVm", paused=True)
    values = [arg.get("value")
              for arg in live(vm).iter(f"{{{QEMU_NS}}}arg")]
    assert values == ["-name", "debug-threads=on"]


def test_boot_order_of_a_host_device(scripts, berthd):
    """It changes an attribute of a device that the VM has already."""
    scripts.python("before_vm_start", "boot", """
from vdsm.hook import hooking
dom = hooking.read_domxml()
for hostdev in dom.getElementsByTagName('hostdev'):
    if hostdev.getAttribute('rawio') == 'yes':
        boot = dom.createElement('boot')
        boot.setAttribute('order', '1')
        hostdev.appendChild(boot)
hooking.write_domxml(dom)
""")
    trial = berthd.unix().call(
        "TestHook", point="before_vm_start", payload=(
            "<domain><devices><hostdev mode='subsystem' type='scsi' "
            "rawio='yes'><source><adapter name='scsi_host0'/></source>"
            "</hostdev></devices></domain>"))
    assert trial["accepted"], trial["why"]
    assert trial["scripts"][0]["changes"][0]["needs"] == []
    assert '<boot order="1"/>' in trial["payload"]


def test_log_of_a_console(scripts, new_vm, berthd):
    scripts.python("before_vm_start", "log", f"""
import os
from vdsm.hook import hooking
dom = hooking.read_domxml()
serial = dom.createElement('serial')
serial.setAttribute('type', 'file')
source = dom.createElement('source')
source.setAttribute('path', '{berthd.images}/' + os.environ['vmId'] + '.log')
serial.appendChild(source)
dom.getElementsByTagName('devices')[0].appendChild(serial)
hooking.write_domxml(dom)
""")
    vm = new_vm()
    vm("StartVm", paused=True)
    paths = [s.get("path") for s in live(vm).iterfind("devices/serial/source")]
    assert f"{berthd.images}/{vm.get()['vm_id']}.log" in paths
