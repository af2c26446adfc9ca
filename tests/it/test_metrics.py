# SPDX-License-Identifier: Apache-2.0
"""GET /metrics: its form, what it tells of VMs, and who it does not wait for.
"""
import os
import re
import signal
import urllib.error
import urllib.request

import pytest

from berthlib import PATIENCE_S, Berthd, free_port, wait_for

LINE = re.compile(r'([a-z_]+)(?:\{([a-z_]+="(?:[^"\\\n]|\\.)*"'
                  r'(?:,[a-z_]+="(?:[^"\\\n]|\\.)*")*)\})? (-?[0-9.e+-]+)')


@pytest.fixture(scope="module")
def berthd(certs, default_uri):
    daemon = Berthd(certs, default_uri, {"stats.interval_ms": "500"}).start()
    yield daemon
    daemon.stop()


def page(daemon, path="/metrics", data=None):
    url = f"http://{daemon.settings['metrics.listen']}{path}"
    with urllib.request.urlopen(url, data, PATIENCE_S) as answer:
        kind = answer.headers["Content-Type"]
        assert kind.startswith("text/plain; version=0.0.4"), kind
        return answer.read().decode()


def figures(daemon):
    """{(name, labels): value}; every line is one of the format, all samples
    of a metric stand together below its type."""
    found, metric, seen = {}, None, set()
    for line in page(daemon).splitlines():
        if line.startswith("# HELP "):
            continue
        if line.startswith("# TYPE "):
            metric, kind = line.split(" ")[2:]
            assert metric not in seen and kind in ("counter", "gauge")
            assert metric.endswith("_total") == (kind == "counter"), line
            seen.add(metric)
            continue
        match = LINE.fullmatch(line)
        assert match and match.group(1) == metric, line
        assert match.group(1, 2) not in found, line
        found[match.group(1, 2)] = float(match.group(3))
    return found


def of_vm(daemon, vm, name):
    return [value for (metric, labels), value in figures(daemon).items()
            if metric == name and f'domain="{vm.name}"' in (labels or "")]


def test_what_berthd_tells_of_itself(berthd):
    found = figures(berthd)
    assert found["libvirt_up", None] == 1
    assert found["berth_tls_up", None] == 1
    assert found["berth_certificate_days_left", None] > 0
    assert found["berth_database_healthy", None] == 1
    assert found["berth_operations", 'state="running"'] == 0


def test_a_vm_and_its_disks(berthd, new_vm):
    vm = new_vm(start=True)
    vm("AddDisk", **berthd.disk(size=None))
    assert of_vm(berthd, vm, "libvirt_domain_info_vstate") == [3]
    assert of_vm(berthd, vm, "berth_domain_ports_free")[0] > 0
    wait_for(lambda: of_vm(berthd, vm,
                           "libvirt_domain_block_stats_read_bytes_total"),
             "figures of the disk", every=0.2)
    assert of_vm(berthd, vm, "libvirt_domain_info_virtual_cpus") == [1]
    assert of_vm(berthd, vm, "libvirt_domain_info_maximum_memory_bytes") == \
        [64 << 20]
    assert of_vm(berthd, vm, "berth_domain_sample_age_seconds")[0] >= 0


def test_it_waits_for_no_vm(berthd, new_vm):
    vm = new_vm(start=True)
    pid = berthd.qemu_pid(vm.name)
    os.kill(pid, signal.SIGSTOP)
    try:
        client = berthd.unix()
        for disk in (berthd.disk(), berthd.disk()):
            client.send({"jsonrpc": "2.0", "id": 1, "method": "AddDisk",
                         "params": {"vm": vm.name, **disk}})
        wait_for(lambda: figures(berthd)["berth_lanes_running", None] > 0,
                 "the lane to be busy")
        assert of_vm(berthd, vm, "libvirt_domain_info_vstate") == [3]
    finally:
        os.kill(pid, signal.SIGCONT)
    client.receive()
    client.receive()


@pytest.mark.parametrize("path, data, code", [
    ("/", None, 404), ("/metrics/x", None, 404), ("/metrics", b"x", 501)])
def test_nothing_else_is_there(berthd, path, data, code):
    with pytest.raises(urllib.error.HTTPError) as error:
        page(berthd, path, data)
    assert error.value.code == code


def test_an_address_in_use_is_no_reason_to_fail(berthd, new_berthd):
    other = new_berthd(settings={
        "metrics.listen": berthd.settings["metrics.listen"]}).start()
    assert "there are no metrics" in other.log_text()
    other.unix().call("Ping")
    other.stop()
    other.settings["metrics.listen"] = f"127.0.0.1:{free_port()}"
    other.start()
    assert figures(other)["libvirt_up", None] == 1
