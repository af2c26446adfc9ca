# SPDX-License-Identifier: Apache-2.0
"""Direct LUNs on a real iSCSI target (tgtd)."""
import uuid

import pytest

from berthlib import MIB, RpcError, unique, wait_for
from target import Mute, Target


@pytest.fixture(scope="module")
def target():
    target = Target()
    yield target
    target.stop()


@pytest.fixture
def lun(target):
    return target.lun(unique("lun"))


def disk(lun, **fields):
    return {"disk_id": str(uuid.uuid4()), "kind": "lun",
            "source": lun.source(), **fields}


def test_the_trip_of_a_lun(vm, lun):
    wish = disk(lun)
    receipt = vm("AddDisk", **wish)
    print(receipt)
    shown = vm("GetDisk", disk=wish["disk_id"])
    print(shown)
    assert 0
