# SPDX-License-Identifier: Apache-2.0
"""VMware hosts by proxy, against esxsim (tests/esxsim): the same verbs, their
receipts, and what goes wrong between here and there. What the simulator counts
proves that nothing which changes something is sent twice.
"""
import http.client
import json
import os
import signal
import subprocess
import threading

import pytest

import berthlib
from berthlib import MIB, RpcError, free_port, unique, wait_for

ESXSIM = os.path.join(os.path.dirname(berthlib.BUILD.split("/build")[0] +
                                      "/build/x"), "tests/esxsim")
CHANGES = {"ReconfigVM_Task", "PowerOnVM_Task", "PowerOffVM_Task",
           "SuspendVM_Task", "ResetVM_Task", "DeleteVirtualDisk_Task"}


class Sim:
    """One simulator: its service, its control door, its certificates."""

    def __init__(self, kind="esx", *options, password="pass"):
        self.kind = kind
        self.dir = os.path.join(berthlib.WORK, unique("sim"))
        os.makedirs(self.dir)
        self.port, self.control = free_port(), free_port()
        self.log = open(os.path.join(berthlib.LOGS,
                                     f"{os.path.basename(self.dir)}.log"),
                        "wb")
        self.process = subprocess.Popen(
            [ESXSIM, "-kind", kind, "-listen", f"127.0.0.1:{self.port}",
             "-control", f"127.0.0.1:{self.control}", "-certs", self.dir,
             *options], stdout=subprocess.PIPE, stderr=self.log,
            stdin=subprocess.DEVNULL, env=dict(os.environ, TMPDIR=self.dir))
        for line in self.process.stdout:
            if line.startswith(b"ready"):
                break
        self.ca = os.path.join(self.dir, "ca.pem")
        self.credentials = os.path.join(self.dir, "credentials")
        with open(self.credentials, "w") as file:
            file.write(f"user=root\npassword={password}\n")
        os.chmod(self.credentials, 0o600)

    def door(self, method, path, body=None):
        conn = http.client.HTTPConnection("127.0.0.1", self.control)
        conn.request(method, path, json.dumps(body) if body else None)
        answer = conn.getresponse()
        text = answer.read()
        conn.close()
        assert answer.status < 300, text
        return json.loads(text) if text.strip() else None

    def rule(self, **rule):
        self.door("POST", "/rules", rule)

    def calls(self, method=None):
        """Those that were carried out or refused, by name."""
        names = [call["method"] for call in self.door("GET", "/calls") or []]
        return [n for n in names if not method or n == method]

    def changes(self):
        """What was carried out; one that meets the end of its session is
        refused, and sent again."""
        return [call["method"] for call in self.door("GET", "/calls") or []
                if call["method"] in CHANGES and
                call.get("fault") != "NotAuthenticated"]

    def forget(self):
        self.door("DELETE", "/rules")
        self.door("DELETE", "/calls")

    def settings(self, name, query="?no_verify=1", path="", **more):
        """Of a berthd that proxies it. libvirt's driver verifies by the
        system's store alone."""
        section = f"hypervisor {name}"
        given = {"uri": f"{self.kind}://127.0.0.1:{self.port}/{path}{query}",
                 "credentials": self.credentials, "ca_file": self.ca}
        given.update(more)
        return {f"{section}.{key}": value for key, value in given.items()}

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.terminate()
        self.process.wait(10)
        self.process.stdout.close()
        self.log.close()


@pytest.fixture(scope="module", autouse=True)
def address():
    """With none but 127.0.0.1, libvirt's driver resolves nothing."""
    subprocess.run(["ip", "address", "add", "192.0.2.1/32", "dev", "lo"],
                   check=True)


@pytest.fixture(scope="module")
def sim(address):
    made = Sim()
    yield made
    made.stop()


@pytest.fixture
def new_sim():
    made = []

    def make(*args, **options):
        made.append(Sim(*args, **options))
        return made[-1]

    yield make
    for one in made:
        one.stop()


@pytest.fixture(scope="module")
def proxy(certs, default_uri, sim):
    daemon = berthlib.Berthd(certs, default_uri, sim.settings("esx1")).start()
    yield daemon
    daemon.stop()


@pytest.fixture
def client(proxy, sim):
    sim.forget()
    yield proxy.unix()
    sim.forget()


VM = "ha-host_VM0"
OTHER = "ha-host_VM1"


def disk_path(name):
    return f"[LocalDS_0] {VM}/{unique(name)}.vmdk"


def disk_of(client, path, vm=VM):
    for disk in client.call("ListDisks", vm=vm, hypervisor="esx1")["disks"]:
        if disk["source"].get("path") == path:
            return disk
    return None


def add(client, size=MIB, vm=VM, **more):
    path = disk_path("d")
    receipt = client.call("AddDisk", vm=vm, hypervisor="esx1", size=size,
                          source={"path": path}, **more)
    return path, receipt


# --- inventory and disks -----------------------------------------------------

def test_machines_are_listed_and_found_by_name(client):
    vms = {v["name"]: v for v in
           client.call("ListVms", hypervisor="esx1")["vms"]}
    assert set(vms) == {VM, OTHER}
    assert vms[VM]["state"] == "running"
    assert vms[VM]["hypervisor"] == "esx1"
    # Once listed, its VM is enough to find the host.
    assert client.call("ListDisks", vm=vms[VM]["vm_id"])["disks"]


def test_a_disk_is_added_unplugged_plugged_resized_removed(client, sim):
    path, receipt = add(client)
    assert receipt["state"] == "done" and receipt["changed"]
    place = receipt["address"]
    assert disk_of(client, path)["plugged"]
    gone = client.call("HotUnplugDisk", vm=VM, hypervisor="esx1", disk=path)
    assert gone["warnings"] and not disk_of(client, path)["plugged"]
    # Nobody else gets its place.
    other, taken = add(client)
    assert taken["address"] != place
    back = client.call("HotPlugDisk", vm=VM, hypervisor="esx1",
                       disk=receipt["disk_id"])
    assert back["address"] == place
    grown = client.call("ResizeDisk", vm=VM, hypervisor="esx1", disk=path,
                        size=4 * MIB)
    assert grown["size"] == 4 * MIB
    assert disk_of(client, path)["size"] == 4 * MIB
    for each in (path, other):
        client.call("RemoveDisk", vm=VM, hypervisor="esx1", disk=each,
                    delete=True)
        assert disk_of(client, each) is None
    assert len(sim.changes()) == 7


def test_repeating_changes_nothing(client, sim):
    path, receipt = add(client)
    again = client.call("HotPlugDisk", vm=VM, hypervisor="esx1", disk=path)
    assert again["changed"] is False
    replayed = client.call("AddDisk", vm=VM, hypervisor="esx1", size=MIB,
                           source={"path": disk_path("r")},
                           op_id="5f0e37a0-9c3f-4b0e-9a5d-0d6f6c1c7a01")
    same = client.call("AddDisk", vm=VM, hypervisor="esx1", size=MIB,
                       source=disk_of(client, None) or
                       {"path": f"[LocalDS_0] {VM}/r2.vmdk"},
                       dry_run=True)
    assert same["dry_run"] and replayed["state"] == "done"
    assert sim.changes() == ["ReconfigVM_Task"] * 2
    for each in (path, replayed["disk_id"]):
        client.call("RemoveDisk", vm=VM, hypervisor="esx1", disk=each,
                    delete=True)
    assert receipt["state"] == "done"


def test_a_controller_comes_with_its_disk(client):
    path, receipt = add(client, scsi_model="lsisas1068")
    assert receipt["address"]["controller"] == 1
    assert disk_of(client, path)["scsi_model"] == "lsisas1068"
    client.call("RemoveDisk", vm=VM, hypervisor="esx1", disk=path, delete=True)


def test_unit_seven_is_left_out(client):
    paths = [add(client)[0] for _ in range(8)]
    units = {disk_of(client, p)["address"]["unit"] for p in paths}
    assert 7 not in units and max(units) >= 8
    with pytest.raises(RpcError) as info:
        add(client, address={"controller": 0, "unit": 7})
    assert info.value.kind == "INVALID"
    for path in paths:
        client.call("RemoveDisk", vm=VM, hypervisor="esx1", disk=path,
                    delete=True)


@pytest.mark.parametrize("mapping", ["physical", "virtual"])
def test_a_lun_is_mapped(client, mapping):
    lun = {"physical": "naa.60000000000000000e00000000010001",
           "virtual": "naa.60000000000000000e00000000010002"}[mapping]
    receipt = client.call("AddDisk", vm=VM, hypervisor="esx1", kind="lun",
                          source={"device": lun, "mapping": mapping})
    disk = client.call("GetDisk", vm=VM, hypervisor="esx1",
                       disk=receipt["disk_id"])
    assert disk["kind"] == "lun" and disk["source"]["mapping"] == mapping
    client.call("HotUnplugDisk", vm=VM, hypervisor="esx1",
                disk=disk["disk_id"])
    client.call("HotPlugDisk", vm=VM, hypervisor="esx1", disk=disk["disk_id"])
    client.call("RemoveDisk", vm=VM, hypervisor="esx1", disk=disk["disk_id"],
                delete=True)


def test_a_medium_is_changed_and_ejected(client):
    iso = f"[LocalDS_0] {VM}/a.iso"
    assert client.call("ChangeCd", vm=VM, hypervisor="esx1",
                       path=iso)["changed"]
    assert not client.call("ChangeCd", vm=VM, hypervisor="esx1",
                           path=iso)["changed"]
    assert client.call("ChangeCd", vm=VM, hypervisor="esx1")["changed"]


@pytest.mark.parametrize("fields, kind", [
    ({"source": {"path": "plain.vmdk"}}, "INVALID"),
    ({"source": {"path": "[LocalDS_0] ../up/a.vmdk"}}, "INVALID"),
    ({"source": {"path": "[LocalDS_0] a.vmdk"}}, "INVALID"),
    ({"source": {"path": "[LocalDS_0]  a/b.vmdk"}}, "INVALID"),
    ({"source": {"path": "[LocalDS_0] a/b.raw"}}, "INVALID"),
    ({"kind": "lun", "source": {"device": "naa.none"}}, "SOURCE_BAD"),
    ({"size": MIB, "address": {"controller": 4}}, "INVALID"),
    ({"size": MIB, "sgio": "unfiltered"}, "UNSUPPORTED"),
    ({"size": MIB, "plugged": False}, "INVALID"),
])
def test_bad_disks_are_refused_before_any_call(client, sim, fields, kind):
    with pytest.raises(RpcError) as info:
        client.call("AddDisk", vm=VM, hypervisor="esx1", **fields)
    assert info.value.kind == kind
    assert sim.changes() == []


def test_a_disk_does_not_shrink(client, sim):
    path, _ = add(client, size=4 * MIB)
    with pytest.raises(RpcError) as info:
        client.call("ResizeDisk", vm=VM, hypervisor="esx1", disk=path,
                    size=2 * MIB)
    assert info.value.kind == "INVALID" and "shrink" in info.value.message
    client.call("RemoveDisk", vm=VM, hypervisor="esx1", disk=path, delete=True)


# --- machines -----------------------------------------------------------------

def test_power(client, sim):
    state = lambda: client.call("GetVm", vm=OTHER, hypervisor="esx1")["state"]
    assert client.call("SuspendVm", vm=OTHER, hypervisor="esx1")["changed"]
    assert state() == "paused"
    client.call("ResumeVm", vm=OTHER, hypervisor="esx1")
    client.call("DestroyVm", vm=OTHER, hypervisor="esx1")
    assert state() == "shut_off"
    assert not client.call("DestroyVm", vm=OTHER, hypervisor="esx1")["changed"]
    with pytest.raises(RpcError) as info:
        client.call("RebootVm", vm=OTHER, hypervisor="esx1")
    assert info.value.kind == "BAD_STATE"
    client.call("StartVm", vm=OTHER, hypervisor="esx1")
    with pytest.raises(RpcError) as info:
        client.call("ShutdownVm", vm=OTHER, hypervisor="esx1")
    assert "tools" in info.value.message
    client.call("RebootVm", vm=OTHER, hypervisor="esx1", reset=True)
    assert sim.changes().count("PowerOnVM_Task") == 2


def test_settings_of_a_machine(client):
    client.call("DestroyVm", vm=OTHER, hypervisor="esx1")
    client.call("UpdateVm", vm=OTHER, hypervisor="esx1", memory=64 * MIB)
    client.call("UpdateVm", vm=OTHER, hypervisor="esx1", vcpus=2)
    client.call("SetAutostart", vm=OTHER, hypervisor="esx1", autostart=True)
    vm = client.call("GetVm", vm=OTHER, hypervisor="esx1")
    assert (vm["memory"], vm["vcpus"], vm["autostart"]) == (64 * MIB, 2, True)
    with pytest.raises(RpcError) as info:
        client.call("UpdateVm", vm=OTHER, hypervisor="esx1", memory=65 * MIB)
    assert info.value.kind == "INVALID" and "4 MiB" in info.value.message
    for shares in (-1, -2, -3, 500):
        client.call("SetScheduler", vm=OTHER, hypervisor="esx1",
                    shares=shares, reservation=100)
        got = client.call("GetScheduler", vm=OTHER, hypervisor="esx1")
        assert got["shares"] == shares and got["reservation"] == 100
    with pytest.raises(RpcError):
        client.call("SetScheduler", vm=OTHER, hypervisor="esx1", shares=-4)
    client.call("StartVm", vm=OTHER, hypervisor="esx1")


def test_snapshots(client):
    at = {"vm": OTHER, "hypervisor": "esx1"}
    client.call("CreateSnapshot", **at, name="s1", description="before")
    assert [s["name"] for s in
            client.call("ListSnapshots", **at)["snapshots"]] == ["s1"]
    client.call("RevertSnapshot", **at, name="s1")
    client.call("DeleteSnapshot", **at, name="s1")
    assert client.call("ListSnapshots", **at)["snapshots"] == []
    with pytest.raises(RpcError) as info:
        client.call("RevertSnapshot", **at, name="s1")
    assert info.value.kind == "NOT_FOUND"


def test_storage(client):
    pools = client.call("ListPools", hypervisor="esx1")["pools"]
    assert [p["name"] for p in pools] == ["LocalDS_0"]
    name = f"{VM}/{unique('v')}.vmdk"
    at = {"hypervisor": "esx1", "pool": "LocalDS_0"}
    client.call("CreateVolume", **at, name=name, size=MIB)
    names = [v["name"] for v in client.call("ListVolumes", **at)["volumes"]]
    assert name in names
    client.call("DeleteVolume", **at, name=name)
    with pytest.raises(RpcError):
        client.call("CreateVolume", **at, name="../a.vmdk", size=MIB)


def test_xml_vmx_and_define(client):
    xml = client.call("GetVmXml", vm=OTHER, hypervisor="esx1")["xml"]
    vmx = client.call("ConvertVmx", hypervisor="esx1", to="vmx",
                      text=xml)["text"]
    assert f'displayName = "{OTHER}"' in vmx
    back = client.call("ConvertVmx", hypervisor="esx1", text=vmx)["text"]
    assert f"<name>{OTHER}</name>" in back
    new = """<domain type='vmware'><name>fresh</name>
        <memory unit='MiB'>64</memory><vcpu>1</vcpu>
        <os><type arch='x86_64'>hvm</type></os><devices>
        <disk type='file' device='disk'>
        <source file='[LocalDS_0] fresh/fresh.vmdk'/>
        <target dev='sda' bus='scsi'/></disk>
        <controller type='scsi' index='0' model='%s'/></devices></domain>"""
    with pytest.raises(RpcError) as info:
        client.call("CreateVm", hypervisor="esx1", xml=new % "virtio-scsi")
    assert "vmpvscsi" in info.value.message
    client.call("CreateVm", hypervisor="esx1", xml=new % "vmpvscsi")
    names = [v["name"] for v in
             client.call("ListVms", hypervisor="esx1")["vms"]]
    assert "fresh" in names
    client.call("DeleteVm", vm="fresh", hypervisor="esx1")


def test_guest_and_figures(client):
    guest = client.call("GetGuestInfo", vm=VM, hypervisor="esx1")
    assert guest["tools"] and guest["hostname"]
    assert guest["interfaces"][0]["addresses"]
    stats = client.call("GetVmStats", vm=VM, hypervisor="esx1")["vms"]
    assert stats[0]["name"] == VM and "cpu_mhz" in stats[0]
    caps = client.call("GetCapabilities", hypervisor="esx1")
    assert "disks" in caps["capabilities"] and "sgio" in caps["unsupported"]


def test_hosts_are_told_and_tried(client):
    told = client.call("TestHypervisor", name="esx1")
    assert told["product"].startswith("VMware ESXi") and told["works"]
    assert told["libvirt"]["type"] == "ESX"
    assert [m["what"] for m in told["missing"]] == ["MigrateVm"]
    listed = {h["name"]: h for h in
              client.call("ListHypervisors")["hypervisors"]}
    assert listed["esx1"]["connected"] and listed["local"]["connected"]
    with pytest.raises(RpcError) as info:
        client.call("ListVms", hypervisor="nobody")
    assert info.value.kind == "NOT_FOUND" and "esx1" in info.value.message


# --- failures -----------------------------------------------------------------

def test_a_lost_answer_is_settled_by_reading(client, sim):
    sim.rule(method="ReconfigVM_Task", times=1, do="drop-reply")
    path, receipt = add(client)
    assert receipt["state"] == "done" and disk_of(client, path)["plugged"]
    assert sim.changes() == ["ReconfigVM_Task"]
    sim.rule(method="ReconfigVM_Task", times=1, do="drop")
    with pytest.raises(RpcError) as info:
        client.call("RemoveDisk", vm=VM, hypervisor="esx1", disk=path)
    assert "did not take effect" in info.value.message
    assert disk_of(client, path)["plugged"]
    client.call("RemoveDisk", vm=VM, hypervisor="esx1", disk=path, delete=True)


def test_a_lost_answer_to_power_is_not_sent_again(client, sim):
    sim.rule(method="PowerOffVM_Task", times=1, do="drop-reply")
    assert client.call("DestroyVm", vm=OTHER,
                       hypervisor="esx1")["state"] == "done"
    assert sim.changes() == ["PowerOffVM_Task"]
    client.call("StartVm", vm=OTHER, hypervisor="esx1")


@pytest.mark.parametrize("rule, kind", [
    ({"do": "garbage"}, "HYPERVISOR_FAILED"),
    ({"do": "status", "status": 301}, "HYPERVISOR_FAILED"),
    ({"do": "status", "status": 503}, "UNREACHABLE"),
    ({"do": "truncate", "bytes": 50}, None),
    ({"do": "drop"}, None),
    ({"do": "fault", "fault": "NoPermission", "text": "no"}, "DENIED"),
])
def test_a_reading_that_fails_changes_nothing(client, sim, rule, kind):
    client.call("ListVms", hypervisor="esx1")
    sim.rule(method="RetrievePropertiesEx", **rule)
    with pytest.raises(RpcError) as info:
        add(client)
    assert kind in (None, info.value.kind)
    assert sim.changes() == []


@pytest.mark.parametrize("fault, kind", [
    ("FileNotFound", "SOURCE_BAD"), ("NoDiskSpace", "SOURCE_BAD"),
    ("ConcurrentAccess", "BUSY"), ("InvalidPowerState", "BAD_STATE"),
    ("GenericVmConfigFault", "HYPERVISOR_FAILED")])
def test_a_task_that_fails_is_told_by_its_fault(client, sim, fault, kind):
    sim.rule(method="ReconfigVM_Task", times=1, do="task-fault", fault=fault)
    with pytest.raises(RpcError) as info:
        add(client)
    assert info.value.kind == kind and fault in info.value.message
    assert sim.changes() == ["ReconfigVM_Task"]


def test_a_task_that_vanishes_is_settled_by_reading(client, sim):
    sim.rule(method="ReconfigVM_Task", times=1, do="task-vanish")
    try:
        path, receipt = add(client, deadline_ms=4000)
        state = receipt["state"]
    except RpcError as error:
        state, path = error.kind, None
    assert state in ("done", "pending", "HYPERVISOR_FAILED", "CANCELLED")
    assert sim.changes() == ["ReconfigVM_Task"]


def test_a_session_that_ended_is_opened_again(client, sim):
    client.call("ListVms", hypervisor="esx1")
    sim.door("POST", "/expire", {})
    path, receipt = add(client)
    assert receipt["state"] == "done"
    for method in ("RetrievePropertiesEx", "CreatePropertyCollector",
                   "WaitForUpdatesEx"):
        sim.rule(method=method, times=1, do="expire")
        client.call("HotUnplugDisk", vm=VM, hypervisor="esx1", disk=path)
        client.call("HotPlugDisk", vm=VM, hypervisor="esx1", disk=path)
    client.call("RemoveDisk", vm=VM, hypervisor="esx1", disk=path, delete=True)


def test_somebody_else_changes_it_meanwhile(client, sim):
    sim.rule(method="ReconfigVM_Task", times=1, do="task-fault",
             fault="ConcurrentAccess")
    with pytest.raises(RpcError) as info:
        add(client)
    assert info.value.data["class"] == "retry_after"


def ask(default=-1, ms=0):
    rule = {"method": "ReconfigVM_Task", "times": 1, "do": "task-ask",
            "ask": {"text": "moved or copied?",
                    "choices": ["Cancel", "Moved", "Copied"],
                    "default": default, "refuse": "0"}}
    if ms:
        rule["ms"] = ms
    return rule


@pytest.mark.parametrize("ms", [0, 700])
def test_a_question_is_pending_until_it_is_answered(client, proxy, sim, ms):
    sim.rule(**ask(ms=ms))
    events = proxy.unix()
    events.call("Subscribe", types=["question"])
    path, receipt = add(client)
    assert receipt["state"] == "pending"
    labels = [c["label"] for c in receipt["question"]["choices"]]
    assert labels == ["Cancel", "Moved", "Copied"]
    event = events.event(lambda e: e["type"] == "question")
    assert event["data"]["text"] == "moved or copied?"
    assert event["op_id"] == receipt["op_id"]
    with pytest.raises(RpcError) as info:
        client.call("AnswerQuestion", op_id=receipt["op_id"], answer="Maybe")
    assert "Moved" in info.value.message
    end = client.call("AnswerQuestion", op_id=receipt["op_id"],
                      answer="Moved")
    wait_for(lambda: client.call(
        "GetOperation", op_id=receipt["op_id"])["state"] == "done",
        "the end of the task")
    assert end["state"] in ("done", "pending")
    assert disk_of(client, path)["plugged"]
    client.call("RemoveDisk", vm=VM, hypervisor="esx1", disk=path, delete=True)


def test_a_question_that_is_refused_ends_the_operation(client, sim):
    sim.rule(**ask())
    path, receipt = add(client)
    with pytest.raises(RpcError):
        client.call("AnswerQuestion", op_id=receipt["op_id"], answer="Cancel")
    assert client.call("GetOperation",
                       op_id=receipt["op_id"])["state"] == "failed"
    assert disk_of(client, path) is None


def test_a_question_that_nobody_answers_is_cancelled(client, sim):
    sim.rule(**ask())
    path, receipt = add(client, deadline_ms=1500)
    wait_for(lambda: client.call("GetOperation", op_id=receipt["op_id"])
             ["state"] == "cancelled", "the deadline")
    assert "CancelTask" in sim.calls()
    assert disk_of(client, path) is None


def test_an_operation_that_asks_can_be_cancelled(client, sim):
    sim.rule(**ask())
    _, receipt = add(client)
    client.call("CancelOperation", op_id=receipt["op_id"])
    wait_for(lambda: client.call("GetOperation", op_id=receipt["op_id"])
             ["state"] == "cancelled", "its cancel")


def test_a_default_is_taken_where_the_uri_says_so(new_berthd, new_sim):
    own = new_sim()
    daemon = new_berthd(settings=own.settings(
        "esx1", "?no_verify=1&auto_answer=1")).start()
    own.rule(**ask(default=1))
    path, receipt = add(daemon.unix())
    assert receipt["state"] == "done" and own.calls("AnswerVM")


def test_a_restart_goes_on_with_what_waits(new_berthd, new_sim):
    own = new_sim()
    daemon = new_berthd(settings=own.settings("esx1")).start()
    own.rule(**ask())
    path, receipt = add(daemon.unix())
    assert receipt["state"] == "pending"
    daemon.restart()
    client = daemon.unix()

    def answered():
        try:
            client.call("AnswerQuestion", op_id=receipt["op_id"], answer="1")
        except RpcError as error:
            return error.kind not in ("NOT_FOUND", "BAD_STATE")
        return True

    wait_for(answered, "the question after a restart")
    wait_for(lambda: client.call("GetOperation", op_id=receipt["op_id"])
             ["state"] == "done", "the end")
    assert own.changes() == ["ReconfigVM_Task"]


# --- who is not there ---------------------------------------------------------

def test_a_wrong_password_is_told(new_berthd, new_sim):
    own = new_sim(password="wrong")
    client = new_berthd(settings=own.settings("esx1")).start().unix()
    with pytest.raises(RpcError) as info:
        client.call("ListVms", hypervisor="esx1")
    assert info.value.kind == "DENIED" and "password" in info.value.message
    told = client.call("TestHypervisor", name="esx1")
    assert [m["kind"] for m in told["missing"]] == ["DENIED", "DENIED"]


@pytest.mark.parametrize("options, query, more, kind", [
    ([], "", {"ca_file": ""}, "TLS_UNTRUSTED"),
    (["-cert-name", "other.example"], "", {}, "TLS_UNTRUSTED"),
    (["-cert-name", "expired:127.0.0.1"], "", {}, "TLS_UNTRUSTED"),
    ([], "", {"fingerprint": "00" * 32}, "TLS_UNTRUSTED"),
    ([], "", {}, None),
])
def test_certificates_count(new_berthd, new_sim, options, query, more, kind):
    own = new_sim("esx", *options)
    client = new_berthd(settings=own.settings("esx1", query,
                                              **more)).start().unix()
    if kind:
        with pytest.raises(RpcError) as info:
            client.call("ListVms", hypervisor="esx1")
        assert info.value.kind == kind
    else:
        assert client.call("ListVms", hypervisor="esx1")["vms"]
    # libvirt's driver looks at the system's store alone, and says so.
    with pytest.raises(RpcError) as info:
        client.call("ListPools", hypervisor="esx1")
    assert info.value.kind == "TLS_UNTRUSTED"
    assert "update-ca-certificates" in info.value.message


def test_a_fingerprint_is_enough(new_berthd, new_sim):
    own = new_sim()
    pem = subprocess.run(
        ["openssl", "s_client", "-connect", f"127.0.0.1:{own.port}"],
        input=b"", capture_output=True, check=False).stdout
    text = subprocess.run(
        ["openssl", "x509", "-noout", "-fingerprint", "-sha256"], input=pem,
        capture_output=True, check=True).stdout.decode().split("=")[1].strip()
    client = new_berthd(settings=own.settings(
        "esx1", "", ca_file="", fingerprint=text)).start().unix()
    assert client.call("ListVms", hypervisor="esx1")["vms"]


@pytest.mark.parametrize("uri, kind", [
    ("esx+ssh://host/", "UNSUPPORTED"),
    ("esx://host/?transport=ftp", "INVALID"),
    ("esx://host/?no_verify=2", "INVALID"),
    ("esx://host/?auto_answer=x", "INVALID"),
    ("esx://host/?proxy=foo://x", "INVALID"),
    ("esx://host/?nonsense=1", "INVALID"),
    ("esx://user:secret@host/", "INVALID"),
    ("vpx://host/", "INVALID"),
    ("esx://host/path", "INVALID"),
    ("qemu:///system", "INVALID"),
])
def test_a_bad_uri_is_refused(client, sim, uri, kind):
    with pytest.raises(RpcError) as info:
        client.call("AddHypervisor", name=unique("bad"), uri=uri,
                    credentials=sim.credentials)
    assert info.value.kind == kind
    assert "secret" not in info.value.message


def test_a_host_is_added_for_good(new_berthd, sim):
    daemon = new_berthd().start()
    client = daemon.unix()
    uri = f"esx://127.0.0.1:{sim.port}/?no_verify=1"
    open_file = os.path.join(sim.dir, "open")
    with open(open_file, "w") as file:
        file.write("user=root\npassword=pass\n")
    os.chmod(open_file, 0o644)
    with pytest.raises(RpcError) as info:
        client.call("AddHypervisor", name="new", uri=uri,
                    credentials=open_file)
    assert info.value.kind == "DENIED"
    made = client.call("AddHypervisor", name="new", uri=uri,
                       credentials=sim.credentials)
    assert made["file"].endswith("hypervisor-new.conf")
    assert client.call("ListVms", hypervisor="new")["vms"]
    with pytest.raises(RpcError) as info:
        client.call("AddHypervisor", name="new", uri=uri,
                    credentials=sim.credentials)
    assert info.value.kind == "EXISTS"
    daemon.restart()
    assert daemon.unix().call("ListVms", hypervisor="new")["vms"]
    assert "pass" not in daemon.log_text().replace("password", "")


def test_mute_hosts_delay_nobody(new_berthd, new_sim):
    live, mute = new_sim(), new_sim()
    settings = {}
    for i in range(7):
        settings.update(live.settings(f"live{i}"))
    for i in range(3):
        settings.update(mute.settings(f"mute{i}", call_ms=20000))
    daemon = new_berthd(settings=settings).start()
    mute.process.send_signal(signal.SIGSTOP)
    hanging = []

    def hang(i):
        try:
            daemon.unix().call("ListVms", hypervisor=f"mute{i}")
        except (RpcError, OSError) as error:
            hanging.append(error)

    threads = [threading.Thread(target=hang, args=(i,)) for i in range(3)]
    for thread in threads:
        thread.start()
    client = daemon.unix()
    for i in range(7):
        assert client.call("ListVms", hypervisor=f"live{i}")["vms"]
        assert client.call("ListPools", hypervisor=f"live{i}")["pools"]
    assert not hanging  # the three still hang
    mute.process.send_signal(signal.SIGCONT)
    for thread in threads:
        thread.join()


def test_a_child_that_crashes_takes_nobody_along(client, proxy):
    client.call("ListPools", hypervisor="esx1")
    esx = lambda: [h for h in client.call("ListHypervisors")["hypervisors"]
                   if h["name"] == "esx1"][0]["process"]
    before = esx()
    # A sanitizer would take the first for a fault of ours.
    os.kill(before["pid"],
            signal.SIGSEGV if berthlib.EMBED else signal.SIGKILL)
    wait_for(lambda: not os.path.exists(f"/proc/{before['pid']}") or
             open(f"/proc/{before['pid']}/stat").read().split()[2] == "Z",
             "the end of the child")

    def served():
        try:
            return client.call("ListPools", hypervisor="esx1")["pools"]
        except RpcError as error:
            assert error.kind == "UNREACHABLE"
            return None

    wait_for(served, "a new child")
    assert esx()["starts"] == before["starts"] + 1
    client.call("Ping")


def test_a_mute_server_is_given_up_at_its_deadline(new_berthd, new_sim):
    own = new_sim()
    daemon = new_berthd(settings=own.settings("esx1", call_ms=1500)).start()
    client = daemon.unix()
    client.call("ListPools", hypervisor="esx1")
    own.process.send_signal(signal.SIGSTOP)
    for verb in ("ListPools", "ListVms"):
        with pytest.raises(RpcError) as info:
            client.call(verb, hypervisor="esx1")
        assert info.value.kind in ("TIMEOUT", "UNREACHABLE")
    own.process.send_signal(signal.SIGCONT)
    assert wait_for(lambda: client.call("ListVms", hypervisor="esx1"),
                    "its answer")


# --- vCenter ------------------------------------------------------------------

def test_a_vcenter_migrates(new_berthd, new_sim):
    center = new_sim("vpx")
    settings = center.settings("h0", path="DC0/DC0_C0/DC0_C0_H0")
    settings.update(center.settings("h1", path="DC0/DC0_C0/DC0_C0_H1"))
    client = new_berthd(settings=settings).start().unix()
    vm = client.call("ListVms", hypervisor="h0")["vms"][0]
    there = lambda h: vm["name"] in [
        v["name"] for v in client.call("ListVms", hypervisor=h)["vms"]]
    assert not there("h1")
    client.call("MigrateVm", vm=vm["name"], hypervisor="h0", to="h1")
    assert there("h1") and not there("h0")
    told = client.call("TestHypervisor", name="h0")
    assert told["vcenter"] and told["missing"] == []


@pytest.mark.parametrize("path, part", [
    ("DC0/DC0_C0", "cluster"), ("DC9/x", "DC9"), ("DC0/nobody", "nobody")])
def test_a_wrong_path_is_told(new_berthd, new_sim, path, part):
    center = new_sim("vpx")
    client = new_berthd(settings=center.settings(
        "h0", path=path)).start().unix()
    with pytest.raises(RpcError) as info:
        client.call("ListVms", hypervisor="h0")
    assert part in info.value.message


def test_a_gsx_server_is_served(new_berthd, new_sim):
    own = new_sim("gsx")
    client = new_berthd(settings=own.settings("g")).start().unix()
    assert client.call("ListVms", hypervisor="g")["vms"]
    assert client.call("ListPools", hypervisor="g")["pools"]


# --- events ---------------------------------------------------------------------

def test_what_others_do_is_an_event(new_berthd, new_sim):
    """Another berthd stops the machine; this one watches."""
    own = new_sim()
    watching = new_berthd(settings=own.settings("esx1")).start()
    acting = new_berthd(settings=own.settings("esx1")).start()
    client = watching.unix()
    wait_for(lambda: [h["connected"] for h in
                      client.call("ListHypervisors")["hypervisors"]
                      if h["name"] == "esx1"][0], "its connection")
    wait_for(lambda: own.calls("WaitForUpdatesEx"), "the watch")
    events = watching.unix()
    events.call("Subscribe", types=["vm.state"])
    acting.unix().call("DestroyVm", vm=OTHER, hypervisor="esx1")
    event = events.event(lambda e: e["type"] == "vm.state")
    assert event["data"]["state"] == "shut_off"
    assert event["data"]["name"] == OTHER
    assert event["origin"] == "hypervisor"


# --- portability ---------------------------------------------------------------

def test_what_a_move_would_lose(proxy, client):
    path, receipt = add(client, disk_mode="independent_persistent")
    told = client.call("GetPortability", vm=VM, hypervisor="esx1", to="local")
    lost = {d["disk_id"]: {f["field"] for f in d["lost"]}
            for d in told["disks"]}
    assert lost[receipt["disk_id"]] >= {"disk_mode", "source"}
    assert told["portable"] is False
    name = unique("port")
    client.call("CreateVm", name=name, memory=64 * MIB, vcpus=1, virt="qemu")
    image = proxy.image()
    client.call("AddDisk", vm=name, source={"type": "file", "path": image,
                                            "format": "raw"},
                serial="abc", iotune={"total_iops_sec": 100})
    told = client.call("GetPortability", vm=name, to="esx1")
    fields = {f["field"] for f in told["disks"][0]["lost"]}
    assert fields >= {"serial", "iotune", "source"}
    with pytest.raises(RpcError):
        client.call("GetPortability", vm=name, to="nobody")
    client.call("DeleteVm", vm=name)
    client.call("RemoveDisk", vm=VM, hypervisor="esx1", disk=path, delete=True)


# --- berthctl -----------------------------------------------------------------

def test_berthctl_for_hosts_by_proxy(proxy, client, sim):
    assert "esx1" in proxy.ctl("host", "ls", check=0).stdout
    assert "VMware ESXi" in proxy.ctl("host", "test", "esx1", check=0).stdout
    listed = proxy.ctl("vm", "ls", "--hypervisor", "esx1", "-o", "json",
                       check=0).stdout
    assert {v["name"] for v in json.loads(listed)["vms"]} >= {VM, OTHER}
    sim.rule(**ask())
    path, receipt = add(client)
    assert receipt["state"] == "pending"
    proxy.ctl("op", "answer", receipt["op_id"], "Copied", check=0)
    wait_for(lambda: client.call("GetOperation", op_id=receipt["op_id"])
             ["state"] == "done", "the end")
    client.call("RemoveDisk", vm=VM, hypervisor="esx1", disk=path, delete=True)
