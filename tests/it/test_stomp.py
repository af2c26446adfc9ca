# SPDX-License-Identifier: Apache-2.0
"""STOMP on the TLS port: what VDSM's clients send and survive, whom answers
go to, limits, and what a slow or hostile client may not do to the others.
"""
import itertools
import json
import os
import re
import resource
import signal
import socket
import ssl
import time

import pytest

from berthlib import PATIENCE_S, SAN, wait_for
from stomplib import (EVENTS, REQUESTS, RESPONSES, Closed, Engine, Frame,
                      Records, VdsmClient, frame, shown, vdsm_client)

README = os.path.join(os.path.dirname(__file__), "../../protocol/README.md")
UPDATE = os.environ.get("BERTH_GOLDEN_UPDATE")
MIB = 1 << 20


def ping(number):
    return {"jsonrpc": "2.0", "id": number, "method": "Host.ping2"}


# --- transcripts --------------------------------------------------------------

def transcripts():
    """(name, lines) of every conversation on the page."""
    with open(README, encoding="utf-8") as page:
        text = page.read()
    found = re.findall(r"<!-- transcript: (.*?) -->\n```\n(.*?)```\n", text,
                       re.S)
    return [(name, block.splitlines()) for name, block in found]


def converse(daemon, lines):
    """The conversation as it goes now: what C says as it stands there, what
    S says as it comes, a record each."""
    said = []
    with Records(daemon) as link:
        for line in lines:
            if line.startswith("C: "):
                said.append(line)
                link.send(line[3:].replace("|", "\n").replace("^", "\0")
                          .encode())
            else:
                try:
                    said.append("S: " + shown(link.record()))
                except Closed:
                    said.append("S ends the connection")
    return said


@pytest.mark.parametrize("name", [name for name, _ in transcripts()])
def test_the_page_says_what_is_said(berthd, name):
    lines = dict(transcripts())[name]
    said = converse(berthd, lines)
    if UPDATE:
        with open(README, encoding="utf-8") as page:
            text = page.read()
        text = text.replace("\n".join(lines), "\n".join(said))
        with open(README, "w", encoding="utf-8") as page:
            page.write(text)
    else:
        assert said == lines


# --- the engine's client -------------------------------------------------------

@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2,
                                     ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize("order", itertools.permutations(range(3)))
def test_the_engine_starts_in_any_order(berthd, order, version):
    with Engine(berthd, order, version) as engine:
        assert engine.connected.headers == {"version": "1.2",
                                            "heart-beat": "15000,0"}
        answer = engine.call("Host.ping2")
        assert answer == {"jsonrpc": "2.0", "id": "1", "result": True}


def test_a_request_may_come_before_connect(berthd):
    body = json.dumps(ping(1)).encode()
    with Records(berthd) as link:
        link.send(Engine.REPLIES +
                  frame("SEND", body, destination=REQUESTS,
                        reply_to=RESPONSES, content_length=len(body)) +
                  Engine.CONNECT)
        assert Frame(link.record()).json()["result"] is True
        assert Frame(link.record()).command == "CONNECTED"


def test_every_frame_is_a_record_of_its_own(berthd):
    """A burst is not coalesced, and not faster than the engine takes it in."""
    count = 50
    with Engine(berthd) as engine:
        start = time.monotonic()
        ids = [engine.ask("Host.ping2") for _ in range(count)]
        assert [engine.message()["id"] for _ in range(count)] == ids
        assert time.monotonic() - start > (count - 1) * 0.0015


def test_others_are_not_paced_and_not_coalesced(berthd):
    count = 200
    with Records(berthd) as link:
        link.send(Engine.REPLIES)
        body = json.dumps(ping(1)).encode()
        link.send(count * frame("SEND", body, destination=REQUESTS,
                                reply_to=RESPONSES, content_length=len(body)))
        for _ in range(count):
            assert Frame(link.record()).json()["result"] is True


def test_large_answers_begin_with_their_head(berthd):
    """The next records hold nothing but the rest of the body."""
    text = "\u00e4" * (2 * MIB)
    with Engine(berthd) as engine:
        assert engine.call("Host.echo", {"message": text})["result"] == text


def test_beats_shrink_to_a_floor(berthd):
    with Records(berthd) as link:
        for asked, given in ((15000, 15000), (8438, 8438), (2, 5000)):
            link.send(frame("CONNECT", accept_version="1.2",
                            heart_beat=f"0,{asked}", host="null"))
            assert Frame(link.record()).headers["heart-beat"] == f"{given},0"


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_an_engine_is_left_by_a_reset(new_berthd, end):
    """It does not notice a FIN. What was asked before is answered first."""
    daemon = new_berthd().start()
    count = 40
    with Engine(daemon) as engine:
        engine.send(b"".join(
            frame("SEND", json.dumps(ping(n)), destination=REQUESTS,
                  reply_to=RESPONSES) for n in range(count)))
        assert engine.message()["id"] == 0  # the others wait, paced
        if end == "kill":
            for n in range(1, count):
                assert engine.message()["id"] == n
            daemon.kill()
        else:
            daemon.stop()
            for n in range(1, count):
                assert engine.message()["id"] == n
        with pytest.raises(Closed) as closed:
            engine.frame()
        assert closed.value.reset


# --- vdsm-client ---------------------------------------------------------------

def test_vdsm_client(berthd):
    with vdsm_client(berthd) as client:
        assert client.result("Host.ping2") is True
        assert client.result("Host.echo", {"message": "hello"}) == "hello"
        answer = client.call("Nope.nope")
        assert answer["error"]["code"] == -32601
        assert "Nope.nope" in answer["error"]["message"]
        assert "data" not in answer["error"]
        client.send(frame("DISCONNECT", receipt="bye"))
        got = client.frame()
        assert (got.command, got.headers["receipt-id"]) == ("RECEIPT", "bye")
        with pytest.raises(Closed):
            client.frame()


def test_what_is_odd_is_let_pass(berthd):
    with Records(berthd) as link:
        link.send(b"\n\r\nSTOMP\r\naccept-version:1.0,1.1,1.2\r\n"
                  b"host:[::1]:54321\r\n\r\n\0\n\n")
        assert Frame(link.record()).command == "CONNECTED"
        link.send(b"SUBSCRIBE\ndestination:q\nid:1\nodd\\t:\\\n\n\0")
        body = json.dumps(ping(1)).encode()
        link.send(frame("SEND", body, destination=REQUESTS, reply_to="q"))
        assert Frame(link.record()).json()["result"] is True


def test_native_verbs_over_stomp(berthd):
    with vdsm_client(berthd) as client:
        assert "version" in client.result("Ping")
        error = client.call("GetVm", {"vm": "nobody"})["error"]
        assert error["data"]["kind"] == "NOT_FOUND"


# --- requests ------------------------------------------------------------------

def test_batches(berthd):
    with vdsm_client(berthd) as client:
        client.post(ping(1))
        assert client.answer() == {"jsonrpc": "2.0", "id": 1, "result": True}
        client.post([ping("one")])
        assert client.answer()["id"] == "one"
        client.post([ping(n) for n in range(500)])
        assert [got["id"] for got in client.answer()] == list(range(500))
        client.post([ping(1), {"jsonrpc": "2.0", "method": "Host.ping2"}])
        assert [got["id"] for got in client.answer()] == [1]


@pytest.mark.parametrize("body, code, number", [
    (b"", -32700, None), (b"{", -32700, None), ([], -32600, None),
    (7, -32600, None),
    ({"id": 5, "method": "Host.ping2"}, -32600, 5),
    ({"jsonrpc": "2.0", "id": [1]}, -32600, [1]),
    ({"jsonrpc": "2.0", "id": "x", "method": "Host.ping2", "params": None},
     -32600, "x"),
    ([{"jsonrpc": "1.0", "id": {"a": 1}, "method": "Host.ping2"}], -32600,
     {"a": 1}),
    (ping(2) | {"method": "Host.echo"}, -32602, 2),
])
def test_what_is_wrong_is_answered_once(berthd, body, code, number):
    with vdsm_client(berthd) as client:
        client.post(body)
        client.post(ping("after"))
        answer = client.answer()
        assert answer["id"] == number
        assert answer["error"]["code"] == code
        assert set(answer["error"]) == {"code", "message"}
        assert client.answer()["id"] == "after"


def test_notifications_run_and_are_not_answered(berthd):
    with vdsm_client(berthd) as client:
        client.post({"jsonrpc": "2.0", "method": "CreateVm",
                     "params": {"name": "noted", "memory": 64 * MIB,
                                "vcpus": 1}})
        client.post([{"jsonrpc": "2.0", "method": "Host.ping2"}] * 3)
        client.post({"jsonrpc": "2.0", "method": "Nope.nope"})
        wait_for(lambda: "error" not in client.call("GetVm", {"vm": "noted"}),
                 "the VM to be there")
        client.result("DeleteVm", {"vm": "noted"})


def test_a_flow_id_stands_in_the_log(berthd):
    with Engine(berthd) as engine:
        engine.call("ListOperations", flow="flow-7f")
        engine.call("ListOperations", flow="x" * 500 + "\u00e4")
        engine.call("ListOperations", flow="a\\nb")
    text = berthd.log_text()
    assert re.search(r"START ListOperations .* flow=flow-7f ", text)
    assert re.search(r"FINISH ListOperations state=ok ms=", text)
    assert f"flow={100 * 'x'} " in text
    assert "flow=a?b " in text


# --- whom answers go to ----------------------------------------------------------

def test_equal_ids_of_two_clients(berthd):
    with Engine(berthd) as one, Engine(berthd) as two:
        for _ in range(20):
            one.ask("Host.echo", {"message": "one"}, id="same")
            two.ask("Host.echo", {"message": "two"}, id="same")
        for _ in range(20):
            assert one.message()["result"] == "one"
            assert two.message()["result"] == "two"


def test_nobody_reads_what_others_ask(berthd):
    topics = [REQUESTS, RESPONSES, EVENTS, "jms", "jms.topic"]
    with vdsm_client(berthd) as spy, Engine(berthd) as engine:
        for i, topic in enumerate(topics):
            spy.send(frame("SUBSCRIBE", destination=topic, id=str(i)))
        spy.result("Host.ping2")
        engine.call("Host.echo", {"message": "secret"})
        spy.send(frame("SEND", b'{"forged": 1}', destination=EVENTS))
        assert spy.frame().command == "ERROR"
        spy.result("Host.ping2")  # nothing else came before it
        engine.call("Host.ping2")
        assert not engine.events


# --- events ------------------------------------------------------------------------

def test_events_in_vdsms_form(berthd, new_vm):
    """The status of a VM, and what happens to its disks."""
    with Engine(berthd) as engine:
        engine.call("Host.ping2")
        vm = new_vm(start=True)
        uuid = vm.get()["vm_id"]
        status = f"|virt|VM_status|{uuid}"
        first = engine.event(lambda e: e["method"] == status)
        assert set(first) == {"jsonrpc", "method", "params"}
        vm("ResumeVm")
        up = engine.event(lambda e: e["method"] == status and
                          e["params"][uuid]["status"] == "Up")
        disk = berthd.disk()
        vm("AddDisk", **disk)
        plugged = engine.event(
            lambda e: e["method"] == f"|berth|disk_plugged|{uuid}")
        assert plugged["params"]["device"] == f"ua-{disk['disk_id']}"
        vm("DestroyVm")
        down = engine.event(lambda e: e["method"] == status and
                            e["params"][uuid]["status"] == "Down")
        assert down["params"][uuid]["exitCode"] == 0
        assert down["params"][uuid]["exitReason"] == 6
        times = [e["params"]["notify_time"] for e in (first, up, plugged, down)]
        assert times == sorted(times) and times[0] > 2 ** 31 - 1


def test_events_only_where_they_were_asked_for(berthd, new_vm):
    with Engine(berthd) as engine, vdsm_client(berthd) as client:
        engine.send(frame("UNSUBSCRIBE", id="ev"))
        engine.call("Host.ping2")
        new_vm(start=True)
        engine.call("Host.ping2")
        client.result("Host.ping2")
        assert not engine.events


# --- heart-beats -------------------------------------------------------------------

def test_beats_are_sent(berthd):
    with vdsm_client(berthd, beat="0,1000") as client:
        assert client.sock.recv(1) == b"\n"
        client.result("Host.ping2")


def test_who_promised_beats_and_is_silent_is_cut(berthd):
    start = time.monotonic()
    with vdsm_client(berthd, beat="1000,0") as client:
        with pytest.raises(Closed):
            client.frame()
    assert time.monotonic() - start > 1.9  # twice what was promised


def test_any_byte_is_a_sign_of_life(berthd):
    start = time.monotonic()
    with vdsm_client(berthd, beat="1000,1000") as client:
        while time.monotonic() - start < 3:
            assert client.sock.recv(1) == b"\n"
            client.send(b"\n")
        client.result("Host.ping2")


# --- limits, and who is slow ---------------------------------------------------------

@pytest.mark.parametrize("data, part", [
    (b"SEND\n" + b"a:1\n" * 65 + b"\n\0", "64 headers"),
    (b"SEND\na:" + b"x" * (16 << 10), "16384 bytes"),
    (b"SEND\ncontent-length:33554433\n\n", "33554432 bytes"),
    (b"SEND\ncontent-length:1\n\nab\0", "content-length"),
    (b"SENT\n\n\0", "SENT"), (b"SEND\nnothing\n\n\0", "NAME:VALUE"),
], ids=["headers", "head", "body", "length", "command", "header"])
def test_lost_framing_ends_the_connection(berthd, data, part):
    with Records(berthd) as link:
        link.send(data)
        got = Frame(link.record())
        assert got.command == "ERROR"
        assert part in got.headers["message"].replace("\\c", ":")
        assert part in got.body.decode()
        with pytest.raises(Closed):
            link.record()


def test_a_slow_client_is_served_and_holds_up_nobody(berthd):
    """Byte by byte: with each of them somebody else is answered."""
    body = json.dumps(ping(1)).encode()
    data = (frame("CONNECT", accept_version="1.2") + Engine.REPLIES +
            frame("SEND", body, destination=REQUESTS, reply_to=RESPONSES))
    with Records(berthd) as slow, vdsm_client(berthd) as other:
        for i in range(len(data)):
            slow.send(data[i:i + 1])
            other.result("Host.ping2")
        assert Frame(slow.record()).command == "CONNECTED"
        assert Frame(slow.record()).json()["result"] is True


def test_big_echoes(berthd):
    with vdsm_client(berthd) as client:
        for size in (1, 16):
            text = "x" * (size * MIB)
            assert client.result("Host.echo", {"message": text}) == text


@pytest.fixture
def descriptors():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 8192), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_500_connections_of_which_50_never_read(new_berthd, descriptors):
    daemon = new_berthd().start()
    ask = json.dumps([1] * 1000).encode()  # its answer has 100 KiB
    deaf = [vdsm_client(daemon, window=4096) for _ in range(50)]
    others = [vdsm_client(daemon) for _ in range(450)]
    for client in deaf:
        for _ in range(16):
            client.post(ask)
    for client in others:
        client.post([ping("last")])
    for client in others:
        assert client.answer()["id"] == "last"
    with open(f"/proc/{daemon.process.pid}/status") as status:
        rss = int(re.search(r"VmRSS:\s+(\d+)", status.read()).group(1))
    assert SAN or rss < 400 * 1024
    # In the end those who take nothing are cut off, and told about.
    wait_for(lambda: daemon.log_text().count("does not read") >= len(deaf),
             "the deaf to be disconnected")
    others[0].result("Host.ping2")
    for client in deaf + others:
        client.close()


def test_plain_tcp_on_loopback_only(new_berthd):
    from berthlib import free_port
    port = free_port()
    daemon = new_berthd(settings={"listen.plain": f"127.0.0.1:{port}"}).start()
    assert "listening WITHOUT TLS" in daemon.log_text()
    sock = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S)
    with VdsmClient(sock) as client:
        assert client.result("Host.ping2") is True
        assert client.result("Host.echo", {"message": "x"}) == "x"
    daemon.stop()
    daemon.settings["access.tls_default_role"] = ""
    daemon.start()
    sock = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S)
    with VdsmClient(sock) as client:
        assert client.result("Host.ping2") is True
        answer = client.call("Host.echo", {"message": "x"})
        assert answer["error"]["code"] == 100
    daemon.stop()
    daemon.settings["listen.plain"] = f"0.0.0.0:{port}"
    daemon.spawn()
    assert daemon.process.wait(PATIENCE_S) != 0
    daemon.process = None
    assert "loopback" in daemon.log_text()


# --- who waits for whom ----------------------------------------------------------------

def test_ping_passes_whatever_waits(berthd, new_vm):
    """Verbs of many VMs wait for QEMUs that do not answer."""
    machines = [new_vm(start=True) for _ in range(4)]
    pids = [berthd.qemu_pid(vm.name) for vm in machines]
    disks = [berthd.disk() for _ in range(12 * len(machines))]
    with Engine(berthd) as busy, Engine(berthd) as other:
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        try:
            waiting = [busy.ask("AddDisk", {"vm": vm.name, **disk}) for
                       vm, disk in zip(itertools.cycle(machines), disks)]
            questions = [busy.ask(verb) for verb in
                         ("Host.ping2", "Host.getStats", "Host.getVMList",
                          "Host.getAllVmStats", "Host.getCapabilities")]
            assert [busy.message()["id"] for _ in questions] == questions
            assert other.call("Host.ping2")["result"] is True
        finally:
            for pid in pids:
                os.kill(pid, signal.SIGCONT)
        answers = {busy.message()["id"] for _ in waiting}
        assert answers == set(waiting)
