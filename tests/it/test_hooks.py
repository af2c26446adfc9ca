# SPDX-License-Identifier: Apache-2.0
"""Hook scripts around real operations on a real QEMU: order and payload of
the points, every way to misbehave, one that hangs beside nine other VMs, what
a start keeps, and berthd dying while a script runs.
"""
import json
import os
import signal
import subprocess
import threading
import urllib.request
from xml.etree import ElementTree

import pytest

from berthlib import (MIB, PATIENCE_S, Berthd, RpcError, device_xml,
                      free_port, unique, wait_for)

DISK_POINTS = ["before_disk_hotplug", "after_disk_hotplug",
               "before_disk_hotunplug", "after_disk_hotunplug"]
NOTE = """#!/bin/sh
seen=$(grep -oE "<(disk|domain) " "$_hook_domxml" | head -1 | tr -d '< ')
name=$(grep -oE "<name>[^<]*" "$_hook_domxml" | head -1 | cut -d'>' -f2)
alias=$(grep -oE "ua-[0-9a-f-]{36}" "$_hook_domxml" | head -1)
echo "$hook_point ${vmId:-none} ${seen:-nothing} ${name:--} ${alias:--}" \\
    >>%s/note
"""


class Scripts:
    """The hook scripts of one berthd, in three directories."""

    def __init__(self, daemon):
        # Short, since a line of settings is; in the file's own /run.
        self.dir = f"/run/{daemon.name}-hooks"
        self.work = f"/run/{daemon.name}-hookwork"
        os.makedirs(self.dir)
        daemon.settings["hooks.dirs"] = \
            f"{self.dir}/packaged {self.dir}/vdsm {self.dir}/admin"
        daemon.settings["hooks.work_dir"] = self.work

    def put(self, point, name, text, where="admin", mode=0o755):
        path = os.path.join(self.dir, where, point, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", errors="surrogateescape") as script:
            script.write(text)
        os.chmod(path, mode)
        return path

    def sh(self, point, name, body, **where):
        return self.put(point, name, f"#!/bin/sh\n{body}\n", **where)

    def python(self, point, name, body, **where):
        return self.put(point, name, f"#!/usr/bin/python3\n{body}\n", **where)

    def note(self, *points):
        for point in points:
            self.put(point, "zz_note", NOTE % self.dir)

    def notes(self):
        """[[point, vm, payload, name, alias]] since the last call."""
        path = os.path.join(self.dir, "note")
        if not os.path.exists(path):
            return []
        os.rename(path, path + ".read")
        with open(path + ".read") as text:
            return [line.split() for line in text]

    def clear(self):
        subprocess.run(["rm", "-rf", *(os.path.join(self.dir, name)
                                       for name in os.listdir(self.dir))],
                       check=True)


@pytest.fixture(scope="module")
def house(certs, default_uri):
    """(berthd, its scripts): one for the file, each test with its own VMs."""
    daemon = Berthd(certs, default_uri)
    scripts = Scripts(daemon)
    daemon.settings["hook granted.may"] = \
        "qemu_commandline, add_device, source, privilege"
    daemon.settings["metrics.listen"] = f"127.0.0.1:{free_port()}"
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
    assert os.listdir(house[1].work) == [] if os.path.exists(
        house[1].work) else True


def plug(berthd, vm):
    """A disk plugged into vm; (its object, the receipt)."""
    disk = berthd.disk()
    return disk, vm("AddDisk", **disk)


def refused(berthd, vm):
    """The error of a plug, which must have left nothing."""
    disk = berthd.disk()
    with pytest.raises(RpcError) as error:
        vm("AddDisk", **disk)
    alias = f"ua-{disk['disk_id']}"
    assert device_xml(vm.xml(), alias) is None
    assert device_xml(vm.xml("config"), alias) is None
    assert disk["disk_id"] not in vm.disks()
    return error.value


# --- order and payload ---------------------------------------------------------

def test_points_around_a_disk(berthd, scripts, vm):
    scripts.note(*DISK_POINTS, "before_disk_add", "after_disk_add",
                 "before_disk_remove", "after_disk_remove",
                 "before_disk_update", "after_disk_update")
    uuid = vm.get()["vm_id"]
    disk, receipt = plug(berthd, vm)
    alias = f"ua-{disk['disk_id']}"
    assert [h["point"] for h in receipt["hooks"]] == ["before_disk_hotplug"]
    vm("UpdateVmDisk", disk=disk["disk_id"],
       set={"iotune": {"total_iops_sec": 500}})
    vm("HotUnplugDisk", disk=disk["disk_id"])
    vm("RemoveDisk", disk=disk["disk_id"])
    assert scripts.notes() == [
        [point, uuid, "disk", "-", alias]
        for point in ("before_disk_add", "before_disk_hotplug",
                      "after_disk_hotplug", "after_disk_add",
                      "before_disk_update", "after_disk_update",
                      "before_disk_hotunplug", "after_disk_hotunplug",
                      "before_disk_remove", "after_disk_remove")]


def test_points_around_a_vm(scripts, new_vm):
    scripts.note("before_vm_start", "after_vm_start", "before_vm_pause",
                 "after_vm_pause", "before_vm_cont", "after_vm_cont",
                 "before_vm_destroy", "after_vm_destroy")
    vm = new_vm()
    uuid = vm.get()["vm_id"]
    for verb in ("StartVm", "SuspendVm", "ResumeVm", "DestroyVm"):
        vm(verb)
    assert scripts.notes() == [
        [point, uuid, payload, vm.name if payload == "domain" else "-", "-"]
        for point, payload in (
            ("before_vm_start", "domain"), ("after_vm_start", "domain"),
            ("before_vm_pause", "domain"), ("after_vm_pause", "domain"),
            ("before_vm_cont", "domain"), ("after_vm_cont", "domain"),
            ("before_vm_destroy", "nothing"),
            ("after_vm_destroy", "domain"))]


def test_vm_that_dies_by_itself(berthd, scripts, vm):
    scripts.note("before_vm_destroy", "after_vm_destroy")
    uuid = vm.get()["vm_id"]
    os.kill(berthd.qemu_pid(vm.name), signal.SIGKILL)
    wait_for(lambda: os.path.exists(os.path.join(scripts.dir, "note")),
             "the scripts of after_vm_destroy")
    wait_for(lambda: vm.get()["state"] == "shut_off", "the VM to be off")
    assert scripts.notes() == [
        ["after_vm_destroy", uuid, "domain", vm.name, "-"]]


def test_failed_plug_is_told(berthd, scripts, vm):
    scripts.note("before_disk_hotplug", "after_disk_hotplug",
                 "after_disk_hotplug_fail", "after_disk_add_fail")
    # Not what the header says: QEMU refuses it.
    scripts.sh("before_disk_hotplug", "granted",
               "sed -i 's|type=.raw.|type=\"vmdk\"|' \"$_hook_domxml\"")
    assert refused(berthd, vm).kind == "HYPERVISOR_FAILED"
    assert [line[0] for line in scripts.notes()] == [
        "before_disk_hotplug", "after_disk_hotplug_fail",
        "after_disk_add_fail"]


def test_order_over_directories(berthd, scripts, vm):
    for where, name in (("packaged", "20_b"), ("vdsm", "10_a"),
                        ("packaged", "30_c"), ("packaged", "40_off")):
        scripts.sh("before_disk_hotplug", name,
                   f"echo {where} {name} >>{scripts.dir}/note", where=where)
    scripts.sh("before_disk_hotplug", "30_c",
               f"echo admin 30_c >>{scripts.dir}/note")
    scripts.put("before_disk_hotplug", "40_off", "", mode=0o644)
    plug(berthd, vm)
    assert scripts.notes() == [["vdsm", "10_a"], ["packaged", "20_b"],
                               ["admin", "30_c"]]
    out = berthd.ctl("hook", "ls", check=0).stdout
    rows = [line.split() for line in out.splitlines()[1:]]
    assert [row[2].split("/")[-3:] for row in rows] == [
        ["vdsm", "before_disk_hotplug", "10_a"],
        ["packaged", "before_disk_hotplug", "20_b"],
        ["admin", "before_disk_hotplug", "30_c"]]
    assert [row[4:7] for row in rows] == [["1", "0", "ok,"]] * 3
    with urllib.request.urlopen(
            f"http://{berthd.settings['metrics.listen']}/metrics") as page:
        assert (f'berth_hook_runs_total{{point="before_disk_hotplug",script="'
                f'{scripts.dir}/vdsm/before_disk_hotplug/10_a"}} 1'
                ) in page.read().decode()


# --- what a start keeps ----------------------------------------------------------

ADD_SOUND = """
sed -i 's|<devices>|<devices><sound model="ich6"/>|' "$_hook_domxml"
"""


def test_start_serves_this_start_only(scripts, new_vm):
    vm = new_vm()
    before = vm.xml("config")
    scripts.sh("before_vm_start", "granted", ADD_SOUND)
    receipt = vm("StartVm", paused=True)
    change = receipt["hooks"][0]["scripts"][0]["changes"][0]
    assert change["needs"] == ["add_device"]
    assert "ich6" in vm.xml() and vm.xml("config") == before
    scripts.clear()
    vm("DestroyVm")
    assert vm.xml("config") == before and vm.get()["persistent"]
    vm("StartVm", paused=True)
    assert "ich6" not in vm.xml()


# Refused by libvirt's reader, by its check, before and after QEMU is run.
@pytest.mark.parametrize("change", [
    "s|<emulator>.*</emulator>|<emulator>/nope</emulator>|",
    "s|machine='[^']*'|machine='nope'|",
    "s|<devices>|<devices><disk type='file'><source file='/nope'/>"
    "<target dev='vdz'/></disk>|",
    "s|<devices>|<devices><filesystem type='mount'><source dir='/nope'/>"
    "<target dir='x'/></filesystem>|",
    "s|<domain |<domain xmlns:q='http://libvirt.org/schemas/domain/qemu/1.0' |"
    ";s|</domain>|<q:commandline><q:arg value='-nope'/></q:commandline>"
    "</domain>|",
])
def test_changed_start_that_fails_leaves_the_definition(scripts, new_vm,
                                                        change):
    vm = new_vm()
    before = vm.xml("config")
    scripts.sh("before_vm_start", "granted",
               f'sed -i "{change}" "$_hook_domxml"')
    with pytest.raises(RpcError) as error:
        vm("StartVm", paused=True)
    assert error.value.data["step"] == "start"
    assert vm.xml("config") == before
    scripts.clear()
    vm("StartVm", paused=True)
    assert "nope" not in vm.xml()


def test_launch_flags(scripts, new_vm):
    vm = new_vm()
    scripts.python("before_vm_start", "flags", """
import os
import hooking
flags = hooking.load_vm_launch_flags_from_file(os.environ['vmId'])
hooking.dump_vm_launch_flags_to_file(os.environ['vmId'], flags | 1)
""")
    vm("StartVm")
    assert vm.get()["state"] == "paused"


def test_launch_flags_that_are_not_passed_on(scripts, new_vm):
    vm = new_vm()
    scripts.sh("before_vm_start", "flags", 'echo 2 >"$_hook_launchflags"')
    with pytest.raises(RpcError) as error:
        vm("StartVm")
    assert error.value.kind == "HOOK_FAILED"
    assert vm.get()["state"] == "shut_off"


# --- misbehaving ------------------------------------------------------------------

# (name of the script, its text, mode, kind of the error, part of its message)
BAD = {
    "hang": ("a", "#!/bin/sh\ntrap '' TERM\nwhile :; do sleep 9; done", 0o755,
             "HOOK_FAILED", "had not ended"),
    "child": ("a", "#!/bin/sh\nsetsid sh -c 'trap \"\" TERM; sleep 1000' &\n"
              "sleep 1000", 0o755, "HOOK_FAILED", "all it had started"),
    "flood": ("a", "#!/bin/sh\nhead -c 50000000 /dev/zero\n"
              "head -c 50000000 /dev/zero >&2\nexit 1", 0o755, "HOOK_FAILED",
              "exit code 1"),
    "huge XML": ("a", "#!/bin/sh\nhead -c 100000000 /dev/zero | tr '\\0' ' ' "
                 ">>\"$_hook_domxml\"", 0o755, "HOOK_FAILED", "at most"),
    "bad XML": ("a", "#!/bin/sh\necho '<disk' >\"$_hook_domxml\"", 0o755,
                "HOOK_FAILED", "Not well-formed"),
    "rawio": ("a", "#!/bin/sh\nsed -i 's|<disk |<disk rawio=\"yes\" |' "
              "\"$_hook_domxml\"", 0o755, "HOOK_FAILED",
              "[hook a] may = privilege"),
    "address": ("granted", "#!/bin/sh\nsed -i 's|unit=.[0-9]*.|unit=\"77\"|' "
                "\"$_hook_domxml\"", 0o755, "HOOK_FAILED",
                "no grant allows that"),
    "alias": ("granted", "#!/bin/sh\nsed -i 's|ua-|ua-x|' \"$_hook_domxml\"",
              0o755, "HOOK_FAILED", "no grant allows that"),
    "kills itself": ("a", "#!/bin/sh\nkill -9 $$", 0o755, "HOOK_FAILED",
                     "signal 9"),
    "exec format": ("a", "\x7fELF nothing of the kind", 0o755, "HOOK_UNSAFE",
                    "Exec format error"),
    "no shebang": ("a", "exit 0\n", 0o755, "HOOK_UNSAFE", "no #! line"),
    "unreadable": ("a", "#!/bin/sh\nexit 0", 0o755, "HOOK_UNSAFE",
                   "cannot be looked at"),
    "setuid": ("a", "#!/bin/sh\nexit 0", 0o4755, "HOOK_UNSAFE", "setuid"),
    "others write": ("a", "#!/bin/sh\nexit 0", 0o757, "HOOK_UNSAFE",
                     "others than its owner"),
    "newline": ("a\nb", "#!/bin/sh\nexit 0", 0o755, "HOOK_UNSAFE",
                "control characters"),
}


@pytest.mark.parametrize("what", BAD)
def test_misbehaving(berthd, scripts, vm, what):
    name, text, mode, kind, part = BAD[what]
    path = scripts.put("before_disk_hotplug", name, text, mode=mode)
    if what in ("hang", "child"):
        berthd.settings["hooks.script_timeout_ms"] = "300"
        berthd.write_conf()
        berthd.unix().call("ReloadConfig")
    if what == "unreadable":  # root reads all; a link that leads nowhere
        os.unlink(path)
        os.symlink("/nonexistent/policy", path)
    error = refused(berthd, vm)
    if what in ("hang", "child"):
        del berthd.settings["hooks.script_timeout_ms"]
        berthd.write_conf()
        berthd.unix().call("ReloadConfig")
    assert error.kind == kind and part in error.message
    assert len(error.message) < 1024
    scripts.clear()
    disk, _ = plug(berthd, vm)
    assert vm.disks()[disk["disk_id"]]["address"]["unit"] == 0


def test_failure_after_the_fact_changes_nothing(berthd, scripts, vm):
    for name, text in (("1", "#!/bin/sh\nexit 2"), ("2", "no shebang"),
                       ("3", "#!/bin/sh\nkill -9 $$")):
        scripts.put("after_disk_hotplug", name, text)
    disk, receipt = plug(berthd, vm)
    assert receipt["state"] == "done"
    assert vm.disks()[disk["disk_id"]]["state"] == "plugged"


def test_one_hung_hook_delays_its_vm_only(berthd, scripts, new_vm):
    """Ten VMs; the script hangs on one of them until it is let go."""
    vms = [new_vm(start=True) for _ in range(10)]
    victim = vms[3].get()["vm_id"]
    here, go = (os.path.join(scripts.dir, name) for name in ("here", "go"))
    scripts.sh("before_disk_hotplug", "10_hang",
               f'[ "$vmId" = {victim} ] || exit 0\ntouch {here}\n'
               f"while [ ! -e {go} ]; do sleep 0.02; done")
    disk = berthd.disk()
    late = []

    def hang():
        with berthd.unix() as client:
            late.append(client.call("AddDisk", vm=vms[3].name, **disk))

    thread = threading.Thread(target=hang)
    thread.start()
    try:
        wait_for(lambda: os.path.exists(here), "the script to hang")
        for vm in vms[:3] + vms[4:]:
            plug(berthd, vm)
        # Questions about the tenth are answered too.
        assert vms[3].get()["state"] == "paused"
        assert not late
    finally:
        with open(go, "w"):
            pass
        thread.join()
    assert late[0]["state"] == "done"


# --- berthd's own life --------------------------------------------------------------

def processes_below(path):
    """Pids of processes whose working directory is below path."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            if os.readlink(f"/proc/{pid}/cwd").startswith(path):
                found.append(int(pid))
        except OSError:
            continue
    return found


def test_death_in_a_script(new_berthd):
    """What the script started dies with berthd; the plug never was."""
    daemon = new_berthd()
    scripts = Scripts(daemon)
    daemon.start()
    client = daemon.unix()
    mort = unique("mort")
    client.call("CreateVm", name=mort, memory=64 * MIB)
    client.call("StartVm", vm=mort, paused=True)
    here = os.path.join(scripts.dir, "here")
    scripts.sh("before_disk_hotplug", "a",
               f"setsid sleep 1000 &\ntouch {here}\nsleep 1000")
    scripts.note("after_disk_hotplug_fail")
    disk = daemon.disk()
    client.send({"jsonrpc": "2.0", "id": 1, "method": "AddDisk",
                 "params": {"vm": mort, **disk}})
    wait_for(lambda: os.path.exists(here), "the script to run")
    assert processes_below(scripts.work)
    daemon.kill()
    daemon.clients.clear()
    wait_for(lambda: not processes_below(scripts.work),
             "what the script started to be gone")
    daemon.start()
    client = daemon.unix()
    wait_for(lambda: client.call("GetVm", vm=mort)["settled"],
             "the VM to settle")
    assert client.call("ListDisks", vm=mort)["disks"] == []
    assert os.listdir(scripts.work) == []
    assert [line[0] for line in scripts.notes()] == \
        ["after_disk_hotplug_fail"]
    scripts.clear()
    assert client.call("AddDisk", vm=mort, **disk)["state"] == "done"
    client.call("DestroyVm", vm=mort)


# Where berthd dies in an unplug; which points run before, and which after it
# is started again. A step that recovery begins again asks its scripts again;
# one that is done is told of once.
DEATHS = {
    "detach_disk.hook.before": ([], ["before_disk_hotunplug",
                                     "after_disk_hotunplug"]),
    "detach_disk.hook.after": (["before_disk_hotunplug"],
                               ["before_disk_hotunplug",
                                "after_disk_hotunplug"]),
    "detach_disk.call.after": (["before_disk_hotunplug"],
                               ["after_disk_hotunplug"]),
    "define.journal.after": (["before_disk_hotunplug"], []),
    "define.call.after": (["before_disk_hotunplug", "after_disk_hotunplug"],
                          []),
}


@pytest.mark.parametrize("point", DEATHS)
def test_death_around_scripts(new_berthd, point):
    before, after = DEATHS[point]
    daemon = new_berthd()
    scripts = Scripts(daemon)
    os.makedirs(daemon.settings["state.dir"])
    with open(os.path.join(daemon.settings["state.dir"], "scratch"), "w"):
        pass
    daemon.start()
    client = daemon.unix()
    mort = unique("mort")
    client.call("CreateVm", name=mort, memory=64 * MIB)
    client.call("StartVm", vm=mort, paused=True)
    disk = daemon.disk()
    client.call("AddDisk", vm=mort, **disk)
    daemon.stop()
    scripts.note("before_disk_hotunplug", "after_disk_hotunplug",
                 "after_disk_hotunplug_fail")
    daemon.options = ["--crash-at", point]
    daemon.start()
    client = daemon.unix()
    client.send({"jsonrpc": "2.0", "id": 1, "method": "HotUnplugDisk",
                 "params": {"vm": mort, "disk": disk["disk_id"]}})
    daemon.process.wait(PATIENCE_S)
    daemon.process = None
    daemon.clients.clear()
    assert [line[0] for line in scripts.notes()] == before
    daemon.options = []
    daemon.start()
    client = daemon.unix()
    wait_for(lambda: client.call("GetVm", vm=mort)["settled"],
             "the VM to settle")
    assert [line[0] for line in scripts.notes()] == after
    (seen,) = client.call("ListDisks", vm=mort)["disks"]
    assert seen["state"] == "unplugged"
    client.call("DestroyVm", vm=mort)


def test_start_and_stop_of_berthd(new_berthd):
    daemon = new_berthd()
    scripts = Scripts(daemon)
    scripts.note("before_vdsm_start", "after_vdsm_stop")
    daemon.start()
    assert [line[0] for line in scripts.notes()] == ["before_vdsm_start"]
    daemon.stop()
    assert [line[0] for line in scripts.notes()] == ["after_vdsm_stop"]


def test_grants_are_checked_when_read(new_berthd):
    daemon = new_berthd(settings={"hook 50_x.may": "source, everything"})
    daemon.write_conf()
    done = subprocess.run(
        [os.path.join(os.environ["BERTH_BUILD"], "berthd"), "-c", daemon.conf,
         "--check-conf"], capture_output=True, text=True)
    assert done.returncode == 1
    assert "hook 50_x.may" in done.stderr and "everything" in done.stderr


# --- questions under VDSM's names ----------------------------------------------------

def test_answers_that_scripts_rewrite(berthd, scripts, vm):
    client = berthd.unix()
    uuid = vm.get()["vm_id"]
    wait_for(lambda: "result" in client.raw("Host.getStats"), "statistics")
    scripts.python("after_get_stats", "color", """
import hooking
stats = hooking.read_json()
stats['color'] = 'red'
hooking.write_json(stats)
""")
    scripts.python("after_get_vm_stats", "color", """
import hooking
stats = hooking.read_json()
stats[0]['color'] = 'blue'
hooking.write_json(stats)
""")
    wait_for(lambda: client.call("Host.getStats").get("color") == "red",
             "a rewritten answer")
    assert client.call("VM.getStats", vmID=uuid)[0]["color"] == "blue"
    sums = client.call("Host.getCapabilities")["hooks"]
    path = os.path.join(scripts.dir, "admin/after_get_stats/color")
    wanted = subprocess.run(["sha256sum", path], capture_output=True,
                            text=True, check=True).stdout.split()[0]
    assert sums["after_get_stats"]["color"]["checksum"] == wanted


def test_questions_that_scripts_refuse(berthd, scripts, vm):
    client = berthd.unix()
    uuid = vm.get()["vm_id"]
    scripts.sh("before_get_vm_stats", "no", "echo not now >&2; exit 2")
    scripts.sh("before_get_caps", "no", "echo not now >&2; exit 2")
    refused = wait_for(lambda: client.raw("VM.getStats", {"vmID": uuid}).get(
        "error"), "the script to be seen")
    assert refused["code"] == 78 and "not now" in refused["message"]
    error = client.raw("Host.getCapabilities")["error"]
    assert error["code"] == 1500 and "not now" in error["message"]
    scripts.clear()
    wait_for(lambda: "result" in client.raw("VM.getStats", {"vmID": uuid}),
             "the answer from memory again")


# --- tools -----------------------------------------------------------------------------

def test_trial_by_berthctl(berthd, scripts, vm, tmp_path):
    disk, _ = plug(berthd, vm)
    scripts.sh("before_disk_hotplug", "50_discard",
               "sed -i 's|discard=.unmap.|discard=\"ignore\"|' "
               "\"$_hook_domxml\"")
    done = berthd.ctl("hook", "test", "before_disk_hotplug", "--vm", vm.name,
                      "--disk", disk["disk_id"], check=0)
    assert "driver@discard: unmap -> ignore" in done.stdout
    assert "this would go on" in done.stdout
    xml = tmp_path / "disk.xml"
    xml.write_text("<disk><driver discard='unmap'/></disk>\n")
    scripts.sh("before_disk_hotplug", "60_raw",
               "sed -i 's|<disk|<disk rawio=\"yes\"|' \"$_hook_domxml\"")
    done = berthd.ctl("hook", "test", "before_disk_hotplug", "--file", xml)
    assert done.returncode == 1
    assert "disk@rawio: (none) -> yes   needs privilege" in done.stdout
    assert "[hook 60_raw] may = privilege" in done.stdout
    answer = json.loads(berthd.ctl(
        "-o", "json", "hook", "test", "before_disk_hotplug", "--file",
        xml).stdout)
    assert ElementTree.fromstring(answer["payload"]).get("rawio") == "yes"
    assert "rawio" not in vm.xml()


def test_privileges_are_audited(berthd, scripts, vm):
    scripts.sh("before_disk_hotplug", "granted",
               "sed -i 's|<disk |<disk rawio=\"yes\" |' \"$_hook_domxml\"")
    disk = berthd.disk()
    with pytest.raises(RpcError) as error:
        vm("AddDisk", **disk)
    assert "device='lun'" in error.value.message  # libvirt had it to judge
    rows = vm.client.call("GetAudit", disk=disk["disk_id"])["rows"]
    row = next(r for r in rows if r["subject"] == "hook granted")
    assert row["what"] == "grant" and "yes" in str(row["after"])
