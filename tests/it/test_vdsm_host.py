# SPDX-License-Identifier: Apache-2.0
"""The host under VDSM's names, on a real libvirt with real QEMUs: what an
engine asks for before a host is up, statistics, and a QEMU that is stopped.
"""
import os
import signal
import subprocess
from xml.etree import ElementTree

import berthlib
import pytest
from berthlib import RpcError, wait_for

LATE_S = 60 * berthlib.SLOW


@pytest.fixture(scope="module")
def berthd(certs, default_uri):
    daemon = berthlib.Berthd(certs, default_uri,
                             {"stats.interval_ms": "500"}).start()
    yield daemon
    daemon.stop()


def all_stats(client):
    return {vm["vmId"]: vm for vm in client.call("Host.getAllVmStats")}


def fresh(client, vm_id):
    """Its statistics once they have been read."""
    def read():
        vm = all_stats(client).get(vm_id)
        return vm if vm and vm["ageMs"] is not None else None
    return wait_for(read, "statistics of a VM")


# --- the host ----------------------------------------------------------------

def capabilities(client):
    def ask():
        try:
            return client.call("Host.getCapabilities")
        except RpcError as error:
            assert error.code == 99, error
            return None
    return wait_for(ask, "libvirt to tell what it can do")


def test_capabilities_come_from_this_host(client):
    caps = capabilities(client)
    assert caps["cpuThreads"] == str(os.cpu_count())
    assert "model_qemu64" in caps["cpuFlags"].split(",")
    machines = subprocess.run(
        ["qemu-system-x86_64", "-machine", "help"], check=True,
        capture_output=True, text=True).stdout
    for name in ("pc-q35-4.1", "pc-i440fx-2.12"):
        assert (name in machines) == (name in caps["emulatedMachines"])
    assert ("pc-q35-7.2" in machines) == \
        ("pc-q35-rhel9.6.0" in caps["emulatedMachines"])
    assert isinstance(caps["HBAInventory"]["FC"], list)
    assert isinstance(caps["HBAInventory"]["iSCSI"], list)
    assert caps["rngSources"][0] == "random"
    assert caps["packages2"]["kernel"]["version"] == \
        os.uname().release.split("-")[0]
    assert set(caps["nics"]) == {
        n for n in os.listdir("/sys/class/net")
        if os.path.exists(f"/sys/class/net/{n}/device")}
    assert int(caps["memSize"]) > 100


def test_stats_and_hardware(client):
    stats = client.call("Host.getStats")
    assert 0 <= float(stats["cpuIdle"]) <= 100
    total = sum(float(stats[k]) for k in ("cpuUser", "cpuSys", "cpuIdle"))
    assert 95 <= total <= 105
    assert stats["memFree"] > 0 and isinstance(stats["vmCount"], int)
    assert stats["ageMs"] < LATE_S * 1000
    assert len(stats["generationID"]) == 36
    hardware = client.call("Host.getHardwareInfo")
    assert set(hardware) >= {"systemManufacturer", "systemUUID"}
    assert isinstance(client.call("Host.getDeviceList"), list)


def test_devices_of_the_host(libvirtd, new_berthd):
    client = new_berthd(uri=libvirtd.URI).start().unix()
    devices = client.call("Host.hostdevListByCaps")
    assert devices["computer"]["params"]["capability"] == "system"
    for name, device in client.call("Host.hostdevListByCaps",
                                    caps=["pci"]).items():
        assert device["params"]["capability"] == "pci"
        assert device["params"]["is_assignable"] in ("true", "false")
        assert name in devices


if berthlib.EMBED:
    def test_a_driver_without_devices_says_so(client):
        with pytest.raises(RpcError) as error:
            client.call("Host.hostdevListByCaps")
        assert error.value.code == 44


# --- VMs ---------------------------------------------------------------------

def test_statistics_of_a_vm(berthd, client, new_vm):
    vm = new_vm(start=True)
    disk = berthd.disk()
    vm("AddDisk", **disk)
    vm_id = vm.get()["vm_id"]
    stats = wait_for(
        lambda: fresh(client, vm_id)["disks"].get("sda", {}).get(
            "apparentsize", "0") != "0" and fresh(client, vm_id),
        "the disk in the statistics")
    assert stats["status"] == "Paused" and stats["vcpuCount"] == 1
    assert stats["balloonInfo"]["balloon_max"] == str(64 * 1024)
    assert stats["disks"]["sda"]["apparentsize"] == str(berthlib.MIB)
    assert int(stats["disks"]["sda"]["truesize"]) <= berthlib.MIB
    assert client.call("VM.getStats", vmID=vm_id)[0]["hash"] == stats["hash"]
    listed = {v["vmId"]: v["status"] for v in client.call("Host.getVMList")}
    assert listed[vm_id] == "Paused"
    vm("ResumeVm")
    assert client.call("VM.getStats", vmID=vm_id)[0]["status"] == "Up"


def test_hash_tells_when_to_read_the_xml(berthd, client, new_vm):
    vm = new_vm(start=True)
    vm_id = vm.get()["vm_id"]
    seen = []

    def changed():
        now = client.call("VM.getStats", vmID=vm_id)[0]["hash"]
        return now not in seen[-1:] and now

    for change in (lambda: None,
                   lambda: vm("AddDisk", **disk),
                   lambda: vm("HotUnplugDisk", disk=disk["disk_id"])):
        disk = berthd.disk() if not seen else disk
        change()
        seen.append(wait_for(changed, "another hash"))
        xml = client.call("Host.dumpxmls", vmList=[vm_id])[vm_id]
        aliases = [a.get("name") for a in
                   ElementTree.fromstring(xml).iterfind("devices/disk/alias")]
        assert (f"ua-{disk['disk_id']}" in aliases) == (len(seen) == 2)


def test_one_that_stands_still_holds_up_no_other(berthd, client, new_vm):
    """Others stay fresh, its own are marked stale, and ping is answered."""
    still, good = new_vm(start=True), new_vm(start=True)
    still_id, good_id = still.get()["vm_id"], good.get()["vm_id"]
    fresh(client, still_id)
    pid = berthd.qemu_pid(still.name)
    os.kill(pid, signal.SIGSTOP)
    try:
        stale = wait_for(lambda: (lambda vm: vm["stale"] and vm)(
            all_stats(client)[still_id]), "it to be stale", LATE_S)
        assert stale["monitorResponse"] == "-1"
        assert client.call("Host.ping2") is True
        for _ in range(2):  # round after round
            before = all_stats(client)[good_id]["ageMs"]
            wait_for(lambda b=before: (lambda vm: not vm["stale"] and
                                       vm["ageMs"] < max(b, 100))(
                all_stats(client)[good_id]), "the other to be read", LATE_S)
        assert all_stats(client)[still_id]["ageMs"] > \
            all_stats(client)[good_id]["ageMs"]
        assert client.call("Host.getStats")["vmCount"] >= 2
    finally:
        os.kill(pid, signal.SIGCONT)
    wait_for(lambda: not all_stats(client)[still_id]["stale"],
             "it to be fresh again", LATE_S)


def test_stop_while_one_stands_still(new_berthd):
    """A question that libvirt does not answer is no reason to fail."""
    daemon = new_berthd(settings={"stats.interval_ms": "500"}).start()
    client = daemon.unix()
    client.call("CreateVm", name="still", memory=64 * berthlib.MIB, vcpus=1)
    client.call("StartVm", vm="still", paused=True)
    vm_id = client.call("GetVm", vm="still")["vm_id"]
    fresh(client, vm_id)
    pid = daemon.qemu_pid("still")
    os.kill(pid, signal.SIGSTOP)
    try:
        wait_for(lambda: all_stats(client)[vm_id]["stale"], "it to be stale",
                 LATE_S)
        daemon.stop()  # and the status is 0
        assert "does not end" in daemon.log_text()
    finally:
        os.kill(pid, signal.SIGKILL)


def test_one_that_is_gone(client, new_vm):
    vm = new_vm(start=True)
    vm_id = vm.get()["vm_id"]
    fresh(client, vm_id)
    vm("DestroyVm")
    wait_for(lambda: vm_id not in all_stats(client), "it to be gone")
    assert vm_id not in [v["vmId"] for v in client.call("Host.getVMList")]
    assert client.call("Host.dumpxmls", vmList=[
        "99999999-2222-4333-8444-000000000001"]) == {}
    with pytest.raises(RpcError) as error:
        client.call("VM.getStats", vmID="99999999-2222-4333-8444-000000000001")
    assert error.value.code == 1


# --- an engine's VM, from its creation to its end ----------------------------

ENGINE_VM = "aaaaaaaa-0000-4000-8000-000000000077"
ENGINE_XML = f"""<domain type="kvm"><name>of-an-engine</name>
<uuid>{ENGINE_VM}</uuid><memory unit="KiB">65536</memory><vcpu>1</vcpu>
<metadata xmlns:ovirt-vm="http://ovirt.org/vm/1.0"><ovirt-vm:vm/></metadata>
<os><type arch="x86_64" machine="pc-q35-rhel9.6.0">hvm</type></os>
<devices><controller type="usb" model="none"/></devices></domain>"""


def test_an_engines_vm_until_it_is_forgotten(new_berthd):
    """A machine type of another distribution; WaitForLaunch, Up, Down."""
    client = new_berthd(settings={
        "stats.interval_ms": "500", "vdsm.allow_tcg": "yes"}).start().unix()
    assert capabilities(client)["kvmEnabled"] is True
    if "pc-q35-rhel9.6.0" not in capabilities(client)["emulatedMachines"]:
        return  # a QEMU that has neither this nor pc-q35-7.2
    made = client.call("VM.create", vmID=ENGINE_VM,
                       vmParams={"vmId": ENGINE_VM, "xml": ENGINE_XML})
    assert made["status"] == "WaitForLaunch"
    seen = set()

    def status():
        vm = all_stats(client)[ENGINE_VM]  # never missing
        seen.add(vm["status"])
        return vm["status"]

    wait_for(lambda: status() == "Up", "it to be up")
    assert seen <= {"WaitForLaunch", "Up", "Paused"}
    assert client.call("Host.getStats")["vmCount"] == 1
    client.call("VM.shutdown", vmID=ENGINE_VM, force=True)
    wait_for(lambda: status() == "Down", "it to be down")
    down = client.call("VM.getStats", vmID=ENGINE_VM)[0]
    assert down["exitCode"] == 0 and isinstance(down["exitReason"], int)
    assert client.call("VM.destroy", vmID=ENGINE_VM) is True
    assert ENGINE_VM not in all_stats(client)
    with pytest.raises(RpcError) as error:
        client.call("VM.getStats", vmID=ENGINE_VM)
    assert error.value.code == 1
