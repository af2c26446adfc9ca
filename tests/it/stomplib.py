# SPDX-License-Identifier: Apache-2.0
"""Clients that speak STOMP as VDSM's own do, written from what is known of
them: one that sees TLS records, the engine's, and vdsm-client's.
"""
import itertools
import json
import socket
import ssl
import struct
import time
import uuid

from berthlib import PATIENCE_S

REQUESTS = "jms.topic.vdsm_requests"
RESPONSES = "jms.topic.vdsm_responses"
EVENTS = "jms.queue.events"


def frame(command, body=b"", **headers):
    """Bytes of a frame; _ in a header's name stands for -."""
    if isinstance(body, str):
        body = body.encode()
    lines = [command] + [f"{name.replace('_', '-')}:{value}"
                         for name, value in headers.items()]
    return "\n".join(lines).encode() + b"\n\n" + body + b"\0"


def shown(data):
    """Bytes as the pages show them: | is LF, ^ is NUL."""
    return data.decode().replace("\n", "|").replace("\0", "^")


class Closed(Exception):
    """The server ended the connection; reset: by RST."""

    def __init__(self, reset):
        super().__init__("reset" if reset else "end of stream")
        self.reset = reset


class Frame:
    """A frame as its client saw it."""

    def __init__(self, data):
        head, _, self.body = data[:-1].partition(b"\n\n")
        assert data[-1:] == b"\0", data[-40:]
        assert b"\r" not in head, head
        assert len(head) + 2 < 1024, len(head)
        self.data = data
        self.head = head.decode()
        self.command, *lines = self.head.split("\n")
        self.headers = dict(line.split(":", 1) for line in lines)
        if self.body:
            assert int(self.headers["content-length"]) == len(self.body)

    def json(self):
        return json.loads(self.body)

    def __repr__(self):
        return shown(self.data)


class Records:
    """A TLS connection of which every record is seen by itself."""

    def __init__(self, daemon, client="client", version=None):
        self.sock = socket.create_connection(("127.0.0.1", daemon.port),
                                             timeout=PATIENCE_S)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.raw = b""
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = daemon.certs.context(client, version).wrap_bio(
            self.incoming, self.outgoing, server_hostname="localhost")
        while True:
            try:
                self.tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                self.flush()
                self.incoming.write(self.next_raw())
        self.flush()

    def flush(self):
        self.sock.sendall(self.outgoing.read())

    def send(self, data):
        self.tls.write(data)
        self.flush()

    def more(self):
        try:
            data = self.sock.recv(1 << 16)
        except ConnectionResetError:
            raise Closed(True) from None
        if not data:
            raise Closed(False)
        self.raw += data

    def next_raw(self):
        """The next TLS record, encrypted."""
        while len(self.raw) < 5:
            self.more()
        size = 5 + struct.unpack(">H", self.raw[3:5])[0]
        while len(self.raw) < size:
            self.more()
        record, self.raw = self.raw[:size], self.raw[size:]
        return record

    def record(self):
        """What stands in the next record."""
        while True:
            self.incoming.write(self.next_raw())
            try:
                data = self.tls.read(1 << 16)
            except ssl.SSLWantReadError:
                continue  # nothing of the application's
            assert not self.tls.pending()
            if not data:
                raise Closed(False)
            return data

    def close(self):
        self.sock.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Engine(Records):
    """Reads as the engine's client does: a record at a time, of which each
    begins a frame, with the head and the beginning of the body in it."""

    CONNECT = frame("CONNECT", accept_version="1.2", heart_beat="0,15000",
                    host="null")
    EVENTS = frame("SUBSCRIBE", destination=EVENTS, ack="auto", id="ev")
    REPLIES = frame("SUBSCRIBE", destination=RESPONSES, ack="auto", id="re")

    def __init__(self, daemon, order=(0, 1, 2), version=ssl.TLSVersion.TLSv1_2):
        super().__init__(daemon, version=version)
        self.ids = itertools.count(1)
        self.events = []
        first = [self.CONNECT, self.EVENTS, self.REPLIES]
        for i in order:
            self.send(first[i])
        self.connected = self.frame()
        assert self.connected.command == "CONNECTED", self.connected

    def frame(self):
        data = self.record()
        while data == b"\n":  # a heart-beat
            data = self.record()
        head, blank, body = data.partition(b"\n\n")
        assert blank and body and len(head) < 1024, data[:2000]
        length = [int(line[15:]) for line in head.split(b"\n")
                  if line.startswith(b"content-length:")]
        whole = len(head) + 2 + (length[0] if length else 0) + 1
        while len(data) < whole:
            data += self.record()
        assert len(data) == whole, "two frames in one record"
        return Frame(data)

    def ask(self, method, params=None, flow=None, **more):
        """Send a request; its id."""
        body = {"jsonrpc": "2.0", "method": method,
                "params": params or {}, "id": str(next(self.ids))}
        body.update(more)
        headers = {"ovirtCorrelationId": flow} if flow else {}
        text = json.dumps(body).encode()
        self.send(frame("SEND", text, destination=REQUESTS,
                        reply_to=RESPONSES, **headers,
                        content_length=len(text)))
        return body["id"]

    def message(self, destination=RESPONSES):
        """The next message to there; events on the way are kept."""
        while True:
            got = self.frame()
            assert got.command == "MESSAGE", got
            if got.headers["destination"] == destination:
                return got.json()
            assert got.headers["destination"] == EVENTS
            self.events.append(got.json())

    def call(self, method, params=None, **more):
        """The whole answer."""
        asked = self.ask(method, params, **more)
        answer = self.message()
        assert answer["id"] == asked, answer
        return answer

    def event(self, wanted, seconds=PATIENCE_S):
        """The first event, kept or to come, for which wanted(event)."""
        end = time.monotonic() + seconds
        while True:
            for i, event in enumerate(self.events):
                if wanted(event):
                    return self.events.pop(i)
            self.events.clear()
            assert time.monotonic() < end, "no such event came"
            self.events.append(self.message(EVENTS))


class VdsmClient:
    """Speaks as vdsm-client does: CONNECT and SUBSCRIBE at once, each call a
    batch of one, its answer an object."""

    def __init__(self, sock, beat="0,24000"):
        self.sock = sock
        self.sock.settimeout(PATIENCE_S)
        self.buffer = b""
        self.queue, self.sub = str(uuid.uuid4()), str(uuid.uuid4())
        self.ids = itertools.count(1)
        self.send(frame("CONNECT", accept_version="1.2", heart_beat=beat) +
                  frame("SUBSCRIBE", destination=self.queue, ack="auto",
                        id=self.sub))
        assert self.frame().command == "CONNECTED"

    def send(self, data):
        self.sock.sendall(data)

    def more(self):
        try:
            data = self.sock.recv(1 << 16)
        except (ConnectionResetError, ssl.SSLError):
            raise Closed(True) from None
        if not data:
            raise Closed(False)
        self.buffer += data

    def frame(self):
        """The next frame; heart-beats before it are skipped."""
        while True:
            self.buffer = self.buffer.lstrip(b"\n")
            head, blank, _ = self.buffer.partition(b"\n\n")
            if blank:
                break
            self.more()
        length = [int(line[15:]) for line in head.split(b"\n")
                  if line.startswith(b"content-length:")]
        whole = len(head) + 2 + (length[0] if length else 0) + 1
        while len(self.buffer) < whole:
            self.more()
        data, self.buffer = self.buffer[:whole], self.buffer[whole:]
        return Frame(data)

    def post(self, body, **headers):
        """Send a body as it is."""
        if not isinstance(body, bytes):
            body = json.dumps(body).encode()
        self.send(frame("SEND", body, destination=REQUESTS,
                        content_type="application/json",
                        reply_to=self.queue, **headers,
                        content_length=len(body)))

    def answer(self):
        got = self.frame()
        assert got.command == "MESSAGE", got
        assert got.headers["subscription"] == self.sub
        return got.json()

    def call(self, method, params=None):
        """The whole answer."""
        request = {"jsonrpc": "2.0", "method": method,
                   "params": params or {}, "id": str(next(self.ids))}
        self.post([request])
        answer = self.answer()
        assert answer["id"] == request["id"], answer
        return answer

    def result(self, method, params=None):
        answer = self.call(method, params)
        assert "error" not in answer, answer
        return answer["result"]

    def close(self):
        self.sock.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def vdsm_client(daemon, window=None, **more):
    """One over TLS; window: bytes that its kernel takes unread."""
    context = daemon.certs.context()
    sock = socket.socket()
    if window:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, window)
        # The other side's kernel holds some segments back: small ones.
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, 1000)
    sock.settimeout(PATIENCE_S)
    sock.connect(("127.0.0.1", daemon.port))
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return VdsmClient(context.wrap_socket(sock, server_hostname="localhost"),
                      **more)
