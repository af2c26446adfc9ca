# SPDX-License-Identifier: Apache-2.0
"""Roles over real TLS and the unix socket: who has none, who has some, for
everything or for some objects, and a reload under open connections.
"""
import hashlib
import json
import os
import ssl
import subprocess
import sys

import pytest

from berthlib import (MIB, PATIENCE_S, Certs, RpcError, unique,
                      wait_for)

CLIENTS = ["engine=engine-1", "watch=watcher,DNS:Watch.example",
           "web=web team,URI:spiffe://x/web", "anon=nobody", "print=printed",
           "disk=disker"]


def fingerprint(path):
    with open(path) as pem:
        return hashlib.sha256(ssl.PEM_cert_to_DER_cert(pem.read())).hexdigest()


@pytest.fixture(scope="module")
def people(tmp_path_factory):
    return Certs(str(tmp_path_factory.mktemp("certs")), CLIENTS)


@pytest.fixture
def house(new_berthd, people):
    """A berthd whose peers have roles; DISK is one disk's id."""
    daemon = new_berthd()
    daemon.certs = people
    daemon.settings.update({
        "tls.cert": people["server.pem"], "tls.key": people["server.key"],
        "tls.ca": people["ca.pem"], "access.tls_default_role": "",
        "peer engine.match": "cn:engine-1",
        "peer engine.roles": "DataCenterAdmin",
        "peer watch.match": "dns:watch.EXAMPLE",
        "peer watch.roles": "Monitor",
        "peer web.match": "uri:spiffe://x/web",
        "peer web.roles": "Operator@vm:web-*",
        "peer web-cn.match": "cn:web%20team",
        "peer web-cn.roles": "HostReader",
        "role HostReader.groups": "HOST_READ",
        "peer print.match": "sha256:" + fingerprint(people["print.pem"]),
        "peer print.roles": "Operator",
        "peer group.match": "gid:4321",
        "peer group.roles": "Monitor",
        "peer user.match": "uid:nobody",
        "peer user.roles": "Operator@vm:web-*",
    })
    daemon.settings["listen.socket_mode"] = "0666"
    return daemon.start()


def create(client, name):
    return client.call("CreateVm", name=name, memory=64 * MIB, vcpus=1)["vm_id"]


def denied(call, group):
    with pytest.raises(RpcError) as caught:
        call()
    assert caught.value.kind == "DENIED", caught.value
    assert group in caught.value.message, caught.value
    return caught.value


def ask_as(daemon, uid, gid, groups, *requests):
    """What a process with these ids is answered on the unix socket."""
    script = (
        "import os, socket, sys\n"
        f"os.setgroups({groups!r}); os.setgid({gid}); os.setuid({uid})\n"
        "s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1])\n"
        "f = s.makefile('rw')\n"
        "for line in sys.argv[2:]:\n"
        "    f.write(line + '\\n'); f.flush(); print(f.readline(), end='')\n")
    lines = [json.dumps({"jsonrpc": "2.0", "id": 1, "method": method,
                         "params": params}) for method, params in requests]
    done = subprocess.run([sys.executable, "-c", script, daemon.socket, *lines],
                          capture_output=True, text=True, timeout=PATIENCE_S)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_who_has_no_role_may_ping(house):
    anon = house.tls("anon")
    assert anon.call("Ping")
    assert anon.call("Host.ping2") is True
    for verb, params in (("ListVms", {}), ("GetVm", {"vm": "x"}),
                         ("Subscribe", {}), ("GetHostStats", {}),
                         ("AddDisk", {"vm": "x"}), ("CreateVm", {}),
                         ("Host.echo", {"message": 1})):
        answer = anon.raw(verb, params)
        assert "error" in answer, answer
        assert "cn:nobody" in answer["error"]["message"], answer
    native = denied(lambda: anon.call("StartVm", vm="x"), "VM_OPERATE")
    assert native.code == -32004
    assert "SuperUser, DataCenterAdmin, Operator" in native.message
    assert anon.raw("Host.echo", {"message": 1})["error"]["code"] == 100
    assert "DENIED" in house.log_text()


def test_each_certificate_has_its_roles(house):
    engine, watch, printed = (house.tls(who)
                              for who in ("engine", "watch", "print"))
    vm = create(engine, unique("vm"))
    assert watch.call("GetVm", vm=vm) and watch.call("GetCapabilities")
    denied(lambda: watch.call("StartVm", vm=vm), "VM_OPERATE")
    denied(lambda: watch.call("AddDisk", vm=vm, **house.disk()), "DISK_ATTACH")
    denied(lambda: printed.call("DeleteVm", vm=vm), "VM_CREATE")
    path = os.path.join(house.images, "new.raw")
    new = {"source": {"type": "file", "path": path, "format": "raw"},
           "size": MIB}
    denied(lambda: printed.call("AddDisk", vm=vm, **new), "DISK_CREATE")
    assert not os.path.exists(path)
    plan = printed.call("AddDisk", vm=vm, dry_run=True, **new)
    assert plan["privileges"] == [{"group": "DISK_CREATE", "granted": False}]
    printed.call("AddDisk", vm=vm, **house.disk())
    # Not even the engine administers the host, and not from afar.
    denied(lambda: engine.call("ReloadConfig"), "")
    engine.call("DeleteVm", vm=vm)


def test_a_role_for_some_vms(house):
    engine, web = house.tls("engine"), house.tls("web")
    web_vm = create(engine, unique("web-"))
    other = create(engine, unique("db-"))
    seen = [vm["vm_id"] for vm in web.call("ListVms")["vms"]]
    assert web_vm in seen and other not in seen
    assert web.call("GetCapabilities")  # by its CN's role
    denied(lambda: web.call("GetVm", vm=other), "VM_READ")
    denied(lambda: web.call("GetVmXml", vm=other), "VM_READ")
    denied(lambda: web.call("SetLogLevel", level="info"), "")
    web.call("Subscribe")
    for vm in (other, web_vm):
        engine.call("AddDisk", vm=vm, **house.disk())
    denied(lambda: web.call("AddDisk", vm=other, **house.disk()),
           "DISK_ATTACH")
    event = web.event(lambda e: e["type"] == "op.done")
    assert event["vm"] == web_vm
    vms = {e["vm"] for e in web.call("GetEvents")["events"]}
    assert web_vm in vms and other not in vms
    ops = web.call("ListOperations")["operations"]
    assert {op["vm"] for op in ops} == {web_vm}
    assert {d["vm"] for d in web.call("ListDisks")["disks"]} == {web_vm}
    web.call("AddDisk", vm=web_vm, **house.disk())
    denied(lambda: web.call("CreateVm", name="web-9", memory=64 * MIB,
                            vcpus=1), "VM_CREATE")


def test_unix_peers(house):
    engine = house.tls("engine")
    vm = create(engine, unique("web-"))
    other = create(engine, unique("db-"))
    asks = [("Ping", {}), ("ListVms", {}), ("StartVm", {"vm": other}),
            ("GetVm", {"vm": vm}), ("GetConfig", {})]
    answers = ask_as(house, 12345, 12345, [], *asks)
    assert ["error" in a for a in answers] == [False, True, True, True, True]
    assert "uid:12345" in answers[1]["error"]["message"]
    # A supplementary group counts; another user's role does not.
    answers = ask_as(house, 12345, 12345, [77, 4321], *asks)
    assert ["error" in a for a in answers] == [False, False, True, False, True]
    answers = ask_as(house, 65534, 12345, [], *asks)
    assert ["error" in a for a in answers] == [False, False, True, False, True]
    assert [v["vm_id"] for v in answers[1]["result"]["vms"]] == [vm]
    assert house.unix().call("GetConfig")


def test_a_reload_counts_for_open_connections(house):
    web, watch, anon = (house.tls(who) for who in ("web", "watch", "anon"))
    root = house.unix()
    vm = create(root, unique("web-"))
    web.call("Subscribe")
    assert web.call("GetVm", vm=vm) and watch.call("ListVms")
    denied(lambda: anon.call("ListVms"), "VM_READ")
    house.settings["peer web.roles"] = ""
    house.settings["peer watch.roles"] = "Operator"
    house.settings["access.tls_default_role"] = "Monitor"
    house.write_conf()
    changed = root.call("ReloadConfig")["changed"]
    assert set(changed) == {"peer web.roles", "peer watch.roles",
                            "access.tls_default_role"}
    denied(lambda: web.call("GetVm", vm=vm), "VM_READ")
    assert anon.call("ListVms")
    watch.call("AddDisk", vm=vm, **house.disk())
    # What it subscribed to when it might is not told any more.
    web.call("Ping")
    assert not web.events
    # A rule that cannot be read changes nothing.
    house.settings["peer watch.roles"] = "Operater"
    house.write_conf()
    with pytest.raises(RpcError) as caught:
        root.call("ReloadConfig")
    assert "Operater" in caught.value.message
    assert "peer watch" in caught.value.message
    assert watch.call("ListVms")


def test_a_rule_that_cannot_be_read_stops_the_start(new_berthd):
    daemon = new_berthd(settings={"peer x.match": "engine-1",
                                  "peer x.roles": "Monitor"})
    daemon.write_conf()
    done = subprocess.run([os.path.join(os.environ["BERTH_BUILD"], "berthd"),
                           "-c", daemon.conf, "--check-conf"],
                          capture_output=True, text=True, timeout=PATIENCE_S)
    assert done.returncode != 0
    assert "[peer x]" in done.stdout + done.stderr
    assert "engine-1" in done.stdout + done.stderr


def test_a_door_that_opens_for_nobody_is_told(new_berthd):
    daemon = new_berthd(settings={"access.tls_default_role": ""}).start()
    wait_for(lambda: "no certificate has a role" in daemon.log_text(),
             "the warning")
    report = daemon.unix().call("Doctor")
    found = [f for f in report["findings"] if f["check"] == "roles"]
    assert found[0]["level"] == "warning" and found[0]["fix"]
