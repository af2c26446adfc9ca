# SPDX-License-Identifier: Apache-2.0
"""The door: certificates, framing, limits, and what a hostile or slow peer
may not do to the others.
"""
import json
import os
import resource
import signal
import socket
import ssl
import stat

import pytest

from berthlib import PATIENCE_S, Berthd, Client, RpcError, wait_for

LINE_MAX = 32 << 20
CONNECTIONS_MAX = 1024
BATCH_MAX = 1000
DEPTH_MAX = 64


@pytest.fixture(scope="module")
def strict(certs, default_uri):
    """A berthd that checks a revocation list."""
    daemon = Berthd(certs, default_uri, {"tls.crl": certs["crl.pem"]}).start()
    yield daemon
    daemon.stop()


def refused(daemon, client, version=None):
    """TLS 1.3 tells a refused client only when it reads."""
    try:
        connected = daemon.tls(client, version)
        connected.send({"jsonrpc": "2.0", "id": 1, "method": "Ping"})
        return connected.line() == b""
    except (ssl.SSLError, ConnectionError):
        return True


# --- certificates -----------------------------------------------------------

@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2,
                                     ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize("client", [None, "stranger", "expired", "revoked"])
def test_untrusted_clients_are_refused(strict, client, version):
    assert refused(strict, client, version)
    strict.tls().call("Ping")


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2,
                                     ssl.TLSVersion.TLSv1_3])
def test_trusted_clients_are_served(strict, version):
    client = strict.tls(version=version)
    assert client.sock.version() == version.name.replace("v1_", "v1.")
    client.call("Ping")


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_old_tls_is_refused(strict):
    context = strict.certs.context()
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    with pytest.raises((ssl.SSLError, ConnectionError)):
        strict.tls(context=context)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2,
                                     ssl.TLSVersion.TLSv1_3])
def test_saved_session_is_verified_again(berthd, version):
    context = berthd.certs.context(version=version)
    first = berthd.tls(context=context)
    first.call("Ping")
    saved = first.sock.session
    first.close()
    again = berthd.tls(context=context, session=saved)
    assert again.sock.session_reused is False
    again.call("Ping")


def test_reload_takes_new_certificates_and_drops_nobody(new_berthd):
    daemon = new_berthd().start()
    old = daemon.tls()
    before = old.sock.getpeercert()["serialNumber"]
    daemon.settings.update({"tls.cert": daemon.certs["second.pem"],
                            "tls.key": daemon.certs["second.key"]})
    daemon.write_conf()
    daemon.process.send_signal(signal.SIGHUP)
    wait_for(lambda: daemon.tls().sock.getpeercert()["serialNumber"] != before,
             "the new certificate")
    old.call("Ping")


def test_reload_of_bad_certificates_keeps_the_old_ones(new_berthd):
    daemon = new_berthd().start()
    old = daemon.tls()
    daemon.settings["tls.cert"] = "/nonexistent/cert.pem"
    daemon.write_conf()
    daemon.process.send_signal(signal.SIGHUP)
    wait_for(lambda: "/nonexistent/cert.pem" in daemon.log_text(),
             "the log to name the file")
    old.call("Ping")
    daemon.tls().call("Ping")


def test_plain_text_on_the_tls_port(berthd):
    with socket.create_connection(("127.0.0.1", berthd.port)) as sock:
        sock.sendall(b'{"jsonrpc":"2.0","id":1,"method":"Ping"}\n')
        sock.settimeout(PATIENCE_S)
        data = b""
        try:
            while chunk := sock.recv(4096):
                data += chunk
        except ConnectionError:
            pass
        assert b"result" not in data
    berthd.tls().call("Ping")


def test_unix_socket_mode(berthd):
    mode = os.stat(berthd.socket).st_mode
    assert stat.S_ISSOCK(mode) and stat.S_IMODE(mode) == 0o660


# --- JSON-RPC ----------------------------------------------------------------

@pytest.fixture(params=["unix", "tls"])
def peer(berthd, request):
    with getattr(berthd, request.param)() as connected:
        connected.call("Ping")
        yield connected


@pytest.mark.parametrize("request_id", [1, 0, -5, 2.5, "x", "", None, True,
                                        [1, 2], {"a": 1}, 1 << 62])
def test_ids_of_any_type(peer, request_id):
    peer.send({"jsonrpc": "2.0", "id": request_id, "method": "Ping"})
    assert peer.receive()["id"] == request_id


def test_notification_is_not_answered(peer):
    peer.send({"jsonrpc": "2.0", "method": "Ping"})
    peer.send({"jsonrpc": "2.0", "method": "NoSuchVerb"})
    peer.call("Ping")


BAD_LINES = [
    (b"nonsense", -32700, "PARSE"),
    (b'{"jsonrpc":"2.0","id":1,"method":"Ping"', -32700, "PARSE"),
    (b'{"jsonrpc":"2.0","id":1,"id":2,"method":"Ping"}', -32700, "PARSE"),
    (b'{"jsonrpc":"2.0","id":1,"method":"Ping"} 7', -32700, "PARSE"),
    (b'{"jsonrpc":"2.0","id":1,"method":"\xff\xfe"}', -32700, "PARSE"),
    (b'{"jsonrpc":"2.0","id":1,"method":"Ping","params":[1e999]}', -32700,
     "PARSE"),
    (b'{"jsonrpc":"2.0","id":1,"method":"Ping","params":['
     b'123456789012345678901234567890]}', -32700, "PARSE"),
    (b"[]", -32600, "INVALID_REQUEST"),
    (b"7", -32600, "INVALID_REQUEST"),
    (b'"Ping"', -32600, "INVALID_REQUEST"),
    (b"null", -32600, "INVALID_REQUEST"),
    (b"{}", -32600, "INVALID_REQUEST"),
    (b'{"jsonrpc":"1.0","id":1,"method":"Ping"}', -32600, "INVALID_REQUEST"),
    (b'{"jsonrpc":"2.0","id":1,"method":7}', -32600, "INVALID_REQUEST"),
    (b'{"jsonrpc":"2.0","id":1,"method":"Ping","params":7}', -32600,
     "INVALID_REQUEST"),
    (b'{"jsonrpc":"2.0","id":1,"method":"NoSuchVerb"}', -32601, "NO_METHOD"),
    (b'{"jsonrpc":"2.0","id":1,"method":"GetVm"}', -32602, "INVALID"),
    (b'{"jsonrpc":"2.0","id":1,"method":"GetVm","params":{"vm":7}}', -32602,
     "INVALID"),
    (b'{"jsonrpc":"2.0","id":1,"method":"GetVm","params":{"vm":"a","x":1}}',
     -32602, "INVALID"),
]


@pytest.mark.parametrize("line,code,kind", BAD_LINES,
                         ids=[str(i) for i in range(len(BAD_LINES))])
def test_bad_requests_keep_the_connection(peer, line, code, kind):
    peer.send(line + b"\n")
    error = peer.receive()["error"]
    assert error["code"] == code, error
    assert error["data"]["kind"] == kind
    assert error["message"]
    peer.call("Ping")


def test_unknown_parameters_are_named(peer):
    with pytest.raises(RpcError) as error:
        peer.call("ListVms", no_such_thing=1)
    assert error.value.data["param"] == "no_such_thing"
    with pytest.raises(RpcError) as error:
        peer.call("CreateVm", name="x", memory="many")
    assert error.value.data["param"] == "memory"
    assert error.value.data["value"] and error.value.data["expected"]


def test_positional_parameters(peer):
    answer = peer.raw("GetVm", ["no-such-vm"])
    assert answer["error"]["data"]["kind"] == "NOT_FOUND"


def test_empty_lines_and_crlf(peer):
    peer.send(b'{"jsonrpc":"2.0","id":"crlf","method":"Ping"}\r\n')
    assert peer.receive()["id"] == "crlf"


def test_batch(peer):
    peer.send([{"jsonrpc": "2.0", "id": 1, "method": "Ping"},
               {"jsonrpc": "2.0", "method": "Ping"},
               {"jsonrpc": "2.0", "id": 2, "method": "NoSuchVerb"},
               7,
               {"jsonrpc": "2.0", "id": 3, "method": "ListVms"}])
    answers = {answer["id"]: answer for answer in peer.receive()}
    assert set(answers) == {1, 2, 3, None}
    assert "result" in answers[1] and "result" in answers[3]
    assert answers[2]["error"]["code"] == -32601
    assert answers[None]["error"]["code"] == -32600
    peer.call("Ping")


def test_batch_of_notifications_is_not_answered(peer):
    peer.send([{"jsonrpc": "2.0", "method": "Ping"}] * 3)
    peer.call("Ping")


# --- limits ------------------------------------------------------------------

def test_largest_batch(peer):
    batch = [{"jsonrpc": "2.0", "id": i, "method": "Ping"}
             for i in range(BATCH_MAX)]
    peer.send(batch)
    assert {a["id"] for a in peer.receive()} == set(range(BATCH_MAX))
    batch.append({"jsonrpc": "2.0", "id": -1, "method": "Ping"})
    peer.send(batch)
    assert peer.receive()["error"]["data"]["kind"] == "LIMIT"
    peer.call("Ping")


def test_nesting(peer):
    for depth in (DEPTH_MAX * 2, 10000):
        peer.send(b'{"jsonrpc":"2.0","id":1,"method":"Ping","params":'
                  + b"[" * depth + b"]" * depth + b"}\n")
        assert peer.receive()["error"]["data"]["kind"] == "LIMIT"
    peer.call("Ping")


def test_big_text_is_parsed_and_memory_bounded(peer):
    padding = "x" * (1 << 20)
    peer.send({"jsonrpc": "2.0", "id": 1, "method": "GetVm",
               "params": {"vm": padding}})
    assert peer.receive()["error"]["code"] == -32602
    peer.send(b'{"jsonrpc":"2.0","id":1,"method":"Ping","params":['
              + b"{}," * 700000 + b"{}]}\n")
    assert peer.receive()["error"]["data"]["kind"] == "LIMIT"
    peer.call("Ping")


def test_line_too_long(berthd):
    client = berthd.unix()
    chunk = b"x" * (1 << 20)
    client.send(b'{"jsonrpc":"')
    try:
        for _ in range(LINE_MAX // len(chunk) + 2):
            client.send(chunk)
    except ConnectionError:
        pass
    line = client.line()
    if line:  # framing is lost: one error, then the end
        assert json.loads(line)["error"]["data"]["kind"] == "LIMIT"
        assert client.closed()
    berthd.unix().call("Ping")


@pytest.mark.parametrize("text", [b"GET / HTTP/1.1\r\n\r\n", b"nonsense\n"])
def test_another_protocol_is_told_what_is_spoken(berthd, text):
    client = berthd.tls()
    client.send(text)
    assert client.receive()["error"]["code"] == -32700
    assert client.closed()


def test_byte_at_a_time(berthd):
    client, other = berthd.tls(), berthd.tls()
    for byte in b'{"jsonrpc":"2.0","id":9,"method":"Ping"}\n':
        client.send(bytes([byte]))
        other.call("Ping")
    assert client.receive()["id"] == 9


def test_pipelined_requests_are_all_answered(peer):
    count = 2000
    peer.sock.settimeout(PATIENCE_S)
    sent = 0
    answered = set()
    while len(answered) < count:
        while sent < count and sent - len(answered) < 100:
            peer.send({"jsonrpc": "2.0", "id": sent, "method": "Ping"})
            sent += 1
        answered.add(peer.receive()["id"])
    assert answered == set(range(count))


def test_slow_reader_harms_nobody(berthd):
    """A peer that asks and never reads is held back, then ended."""
    slow, other = berthd.unix(), berthd.unix()
    slow.sock.settimeout(0.2)
    request = b'{"jsonrpc":"2.0","id":1,"method":"GetConfig"}\n' * 200
    sent = 0
    try:
        while sent < 256 << 20:
            sent += slow.sock.send(request)
    except (TimeoutError, ConnectionError):
        pass
    assert sent < 256 << 20
    other.call("Ping")
    with open(f"/proc/{berthd.process.pid}/statm") as statm:
        resident = int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    assert resident < 512 << 20


def test_many_connections(berthd):
    clients = [berthd.tls() for _ in range(200)]
    for client in clients:
        client.send({"jsonrpc": "2.0", "id": 1, "method": "Ping"})
    for client in clients:
        assert client.receive()["id"] == 1
    for client in clients:
        client.close()


def test_more_connections_than_the_limit(new_berthd):
    """The last ones are turned away; the local admin still gets in."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 4096), hard))
    daemon = new_berthd().start()
    socks = []
    try:
        for _ in range(CONNECTIONS_MAX + 6):
            socks.append(socket.create_connection(("127.0.0.1", daemon.port)))
        for sock in socks[CONNECTIONS_MAX:]:
            assert Client(sock).closed()
        daemon.unix().call("Ping")
    finally:
        for sock in socks:
            sock.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    wait_for(lambda: served(daemon), "room for a new connection")


def served(daemon):
    try:
        return bool(daemon.tls().call("Ping"))
    except (ssl.SSLError, ConnectionError):
        return False


def test_peer_that_goes_away_in_the_middle(berthd, vm):
    for text in (b'{"jsonrpc', b'{"jsonrpc":"2.0","id":1,"method":"GetVm",'
                 b'"params":{"vm":"' + vm.name.encode() + b'"}}\n'):
        gone = berthd.tls()
        gone.send(text)
        gone.close()
    berthd.tls().call("Ping")


def test_handshake_that_never_ends_harms_nobody(berthd):
    silent = [socket.create_connection(("127.0.0.1", berthd.port))
              for _ in range(20)]
    berthd.tls().call("Ping")
    for sock in silent:
        sock.close()


def test_admin_verbs_only_over_the_unix_socket(berthd):
    assert "result" in berthd.unix().raw("GetConfig")
    with pytest.raises(RpcError) as error:
        berthd.tls().call("GetConfig")
    assert error.value.kind in ("DENIED", "NO_METHOD")
