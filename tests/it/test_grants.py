# SPDX-License-Identifier: Apache-2.0
"""SCSI generic I/O granted on purpose: who may, who may not, what goes with
DISK_ATTACH once it is granted, and what the audit says of each. The LUN is
real, on iSCSI: nothing is filtered there, so each is a privilege.
"""
import os
import uuid

import pytest

from berthlib import MIB, Certs, RpcError, unique, wait_for
from target import Target


@pytest.fixture(scope="module")
def target():
    server = Target()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def people(tmp_path_factory):
    return Certs(str(tmp_path_factory.mktemp("certs")),
                 ["op=operator", "disk=disker"])


DISK = str(uuid.uuid4())


@pytest.fixture
def house(new_berthd, people):
    """engine-1 administers, operator operates, disker has one disk."""
    daemon = new_berthd()
    daemon.certs = people
    daemon.settings.update({
        "tls.cert": people["server.pem"], "tls.key": people["server.key"],
        "tls.ca": people["ca.pem"], "access.tls_default_role": "",
        "peer engine.match": "cn:engine-1",
        "peer engine.roles": "DataCenterAdmin",
        "peer op.match": "cn:operator", "peer op.roles": "Operator",
        "peer disk.match": "cn:disker",
        "peer disk.roles": f"Operator, DataCenterAdmin@disk:{DISK}",
    })
    return daemon.start()


def lun_of(target):
    lun = target.lun(unique("grant"))
    return {"kind": "lun", "source": lun.source()}


def grants(daemon):
    return [row for row in daemon.unix().call("GetAudit")["rows"]
            if row["what"] in ("grant", "release")]


def denied(call):
    with pytest.raises(RpcError) as caught:
        call()
    assert caught.value.kind == "DENIED", caught.value
    assert "CONFIGURE_SCSI_GENERIC_IO" in caught.value.message


def test_who_may_grant(house, target):
    engine, operator, disker = (house.tls(who)
                                for who in ("client", "op", "disk"))
    vm = engine.call("CreateVm", name=unique("vm"), memory=64 * MIB,
                     vcpus=1)["vm_id"]
    lun = lun_of(target)
    before = house.unix().call("ListDisks", vm=vm)["disks"]
    denied(lambda: operator.call("AddDisk", vm=vm, **lun))
    denied(lambda: disker.call("AddDisk", vm=vm, **lun))
    assert house.unix().call("ListDisks", vm=vm)["disks"] == before
    assert not grants(house)
    # A denial's row is not waited for by who is denied.
    root = house.unix()
    wait_for(lambda: {(row["peer"], row["subject"]) for row in root.call(
        "GetAudit", what="denial", vm=vm)["rows"]} ==
        {("cn:operator", "CONFIGURE_SCSI_GENERIC_IO"),
         ("cn:disker", "CONFIGURE_SCSI_GENERIC_IO")}, "the denials' rows")
    # Who may not is told by a dry run what it would need.
    plan = operator.call("AddDisk", vm=vm, dry_run=True, **lun)
    assert {"group": "CONFIGURE_SCSI_GENERIC_IO",
            "granted": False} in plan["privileges"]
    # A role for that disk is enough.
    disker.call("AddDisk", vm=vm, disk_id=DISK, flow_id="f-9", **lun)
    row, = grants(house)
    assert (row["what"], row["result"]) == ("grant", "done")
    assert (row["peer"], row["verb"]) == ("cn:disker", "AddDisk")
    assert (row["vm"], row["disk"], row["flow_id"]) == (vm, DISK, "f-9")
    assert row["lun"] and row["op_id"]
    assert row["before"] is None and row["after"]["source"]
    # What is granted is plugged by who operates the VM.
    operator.call("StartVm", vm=vm, paused=True)
    operator.call("HotUnplugDisk", vm=vm, disk=DISK)
    operator.call("HotPlugDisk", vm=vm, disk=DISK)
    assert len(grants(house)) == 1
    operator.call("HotUnplugDisk", vm=vm, disk=DISK)
    denied(lambda: operator.call("UpdateVmDisk", vm=vm, disk=DISK,
                                 set={"rawio": True}))
    operator.call("RemoveDisk", vm=vm, disk=DISK)
    row = grants(house)[-1]
    assert (row["what"], row["result"]) == ("release", "done")
    assert row["peer"] == "cn:operator" and row["after"] is None
    operator.call("DestroyVm", vm=vm)
    assert house.unix().call("VerifyAudit")["whole"]


def test_a_grant_that_fails_and_one_that_goes_with_its_vm(house, target):
    engine = house.tls("client")
    vm = engine.call("CreateVm", name=unique("vm"), memory=64 * MIB,
                     vcpus=1)["vm_id"]
    engine.call("StartVm", vm=vm, paused=True)
    with pytest.raises(RpcError):
        engine.call("AddDisk", vm=vm, disks=[
            {**lun_of(target), "serial": "one"},
            {"source": {"type": "file", "path": house.image(),
                        "format": "qcow2"}}])
    assert all(row["result"] != "done" for row in grants(house))
    engine.call("AddDisk", vm=vm, **lun_of(target))
    engine.call("DestroyVm", vm=vm)
    engine.call("DeleteVm", vm=vm)
    row = grants(house)[-1]
    assert (row["what"], row["verb"]) == ("release", "DeleteVm")
    assert row["result"] == "done"


def test_what_moves_with_the_domain_is_no_grant(house, target):
    """Another host: the domain as it is, and no record of ours."""
    engine = house.tls("client")
    name = unique("vm")
    vm = engine.call("CreateVm", name=name, memory=64 * MIB,
                     vcpus=1)["vm_id"]
    engine.call("AddDisk", vm=vm, **house.disk(serial="first"))
    spare = house.disk(serial="spare")
    engine.call("AddDisk", vm=vm, **spare)
    there = engine.call("GetDisk", vm=vm, disk="spare")["address"]
    engine.call("AddDisk", vm=vm, disk_id=DISK, **lun_of(target))
    engine.call("StartVm", vm=vm, paused=True)
    engine.call("HotUnplugDisk", vm=vm, disk="spare")
    engine.call("HotUnplugDisk", vm=vm, disk=DISK)
    for which in ("live", "config"):
        xml = engine.call("GetVmXml", vm=vm, which=which)["xml"]
        assert "urn:berth:vm:1" in xml and spare["disk_id"] in xml, which
    house.stop()
    os.rename(os.path.join(house.dir, "state"),
              os.path.join(house.dir, "elsewhere"))
    house.start()
    operator, engine = house.tls("op"), house.tls("client")
    # Where it was, and with the address that it had.
    plugged = operator.call("HotPlugDisk", vm=name, disk=spare["disk_id"])
    assert plugged["address"] == there
    # What was privileged there is not here, until somebody who may says so.
    denied(lambda: operator.call("HotPlugDisk", vm=name, disk=DISK))
    assert not grants(house)
    engine.call("HotPlugDisk", vm=name, disk=DISK)
    row, = grants(house)
    assert (row["what"], row["peer"]) == ("grant", "cn:engine-1")
    assert row["disk"] == DISK
    operator.call("HotUnplugDisk", vm=name, disk=DISK)
    operator.call("HotPlugDisk", vm=name, disk=DISK)
    engine.call("DestroyVm", vm=name)
