# SPDX-License-Identifier: Apache-2.0
"""The audit of a running berthd: what is written down, who may read it, and
that its verification finds what was done to it from outside, with berthd
running and stopped.
"""
import json
import os
import re
import sqlite3

import pytest

from berthlib import MIB, RpcError, unique, wait_for


@pytest.fixture
def house(new_berthd):
    return new_berthd(settings={
        "access.tls_default_role": "",
        "peer engine.match": "cn:engine-1",
        "peer engine.roles": "Monitor",
        "paths.devices": "/dev/disk/by-id/*",
    }).start()


def rows(client, **params):
    return client.call("GetAudit", **params)["rows"]


def head(daemon):
    """The newest end of the audit that the log tells."""
    return re.findall(r"AUDIT head=(\d+:[0-9a-f]{64})", daemon.log_text())[-1]


def deny(daemon):
    with pytest.raises(RpcError) as caught:
        daemon.tls().call("CreateVm", name=unique("vm"), memory=64 * MIB,
                          vcpus=1, flow_id="flow-7")
    assert caught.value.kind == "DENIED"
    root = daemon.unix()
    return wait_for(lambda: rows(root, what="denial"), "the denial's row")[-1]


def test_policy_and_denials_are_written_down(house):
    root = house.unix()
    policy = {row["subject"]: row for row in rows(root, what="policy")}
    assert policy["peer engine.roles"]["after"] == "Monitor"
    assert policy["paths.devices"]["before"] is None
    denial = deny(house)
    assert denial["peer"] == "cn:engine-1"
    assert denial["verb"] == "CreateVm"
    assert denial["subject"] == "VM_CREATE"
    assert denial["result"] == "denied"
    # Who changed what, from what to what.
    house.settings["peer engine.roles"] = "DataCenterAdmin"
    del house.settings["paths.devices"]
    house.write_conf()
    root.call("ReloadConfig", flow_id="flow-8")
    changed = wait_for(lambda: rows(root, since=denial["seq"]), "the change")
    changed = {row["subject"]: row for row in changed}
    row = changed["peer engine.roles"]
    assert (row["before"], row["after"]) == ("Monitor", "DataCenterAdmin")
    assert (row["peer"], row["verb"]) == ("uid:0", "ReloadConfig")
    assert row["flow_id"] == "flow-8"
    assert changed["paths.devices"]["after"] is None
    # What changes while it does not run is told at the start.
    house.settings["peer engine.roles"] = "Operator"
    house.stop()
    house.start()
    last = rows(house.unix(), what="policy")[-1]
    assert (last["before"], last["after"]) == ("DataCenterAdmin", "Operator")
    assert last["peer"] == "berthd"
    report = house.unix().call("VerifyAudit")
    assert report["whole"] and report["rows"] == last["seq"]


def test_who_may_read_it(house):
    denied = [lambda: house.tls().call("GetAudit"),
              lambda: house.tls().call("VerifyAudit")]
    for call in denied:
        with pytest.raises(RpcError) as caught:
            call()
        assert "AUDIT_READ" in caught.value.message


def test_a_flood_of_denials_is_few_rows(house):
    client = house.tls()
    before = len(rows(house.unix()))
    for _ in range(500):
        assert "error" in client.raw("DeleteVm", {"vm": "x"})
    house.stop()
    house.start()
    new = rows(house.unix())[before:]
    assert [row["what"] for row in new] == ["denial", "denial"]
    assert "499 times more" in new[1]["why"]


def test_verify_while_it_runs(house):
    root = house.unix()
    deny(house)
    noted = head(house)
    done = house.ctl("audit", "verify", check=0)
    assert done.stdout.startswith("whole:") and noted in done.stdout
    assert root.call("VerifyAudit", noted=noted)["whole"]
    deny_row = rows(root, what="denial")[-1]
    listed = house.ctl("audit", "ls", "--what", "denial", check=0)
    assert "VM_CREATE" in listed.stdout and "cn:engine-1" in listed.stdout
    listed = house.ctl("-o", "json", "audit", "ls", "--peer", "cn:engine-1",
                       check=0)
    assert json.loads(listed.stdout)["rows"][-1] == deny_row
    wrong = noted.split(":")[0] + ":" + "0" * 64
    done = house.ctl("audit", "verify", "--noted", wrong, check=1)
    assert "another hash" in done.stdout and "NOT WHOLE" in done.stdout
    with pytest.raises(RpcError) as caught:
        root.call("VerifyAudit", noted="1:xyz")
    assert caught.value.kind == "INVALID"


@pytest.mark.parametrize("sql, part", [
    ("DELETE FROM audit WHERE seq = 2", "row 2 is missing"),
    ("UPDATE audit SET peer = 'cn:other' WHERE seq = 2", "row 2 was changed"),
    ("UPDATE audit SET seq = -seq WHERE seq IN (1, 2);"
     "UPDATE audit SET seq = 3 + seq WHERE seq < 0", "row 1 was changed"),
    ("DELETE FROM audit WHERE seq = (SELECT max(seq) FROM audit)",
     "the last of them is not there"),
])
def test_what_was_done_to_it_is_found(house, sql, part):
    deny(house)
    noted = head(house)
    house.stop()
    with sqlite3.connect(os.path.join(house.dir, "state/berth.db")) as db:
        db.executescript(sql)
    db.close()
    # By a berthd that is run for it …
    done = house.ctl("audit", "verify", "--config", house.conf, "--noted",
                     noted, check=1)
    assert part in done.stdout and "does not answer" in done.stderr
    # … and by the one that is started on it, which does not cover it up.
    house.start()
    deny(house)
    done = house.ctl("audit", "verify", check=1)
    assert "NOT WHOLE" in done.stdout, done.stdout
    assert house.unix().call("VerifyAudit", noted=noted)["faults"]


def test_it_outlives_a_kill(house):
    deny(house)
    noted = head(house)
    house.kill()
    done = house.ctl("audit", "verify", "--config", house.conf, "--noted",
                     noted, check=0)
    assert done.stdout.startswith("whole:")
    house.start()
    assert house.unix().call("VerifyAudit", noted=noted)["whole"]
