# SPDX-License-Identifier: Apache-2.0
"""What the integration tests share: berthd as a process, its clients, its
certificates' paths, and berthctl. Nothing here waits for a time: every wait
is for a condition, with a limit that only a fault reaches.
"""
import contextlib
import itertools
import json
import os
import select
import shutil
import signal
import socket
import ssl
import subprocess
import time
import uuid
from xml.etree import ElementTree

BUILD = os.environ["BERTH_BUILD"]
WORK = os.environ["BERTH_IT_WORK"]
LOGS = os.environ["BERTH_IT_LOGS"]
CAPS = os.environ["BERTH_IT_CAPS"]
SAN = os.environ.get("BERTH_IT_SAN", "")
# The embedded driver forks from a process with many threads: the sanitizers'
# allocators do not survive that (a child waits for a lock for ever), and
# ThreadSanitizer cannot see through what it links in.
EMBED = not SAN
SLOW = 5 if SAN else 1
PATIENCE_S = 30 * SLOW
GIB = 1 << 30
MIB = 1 << 20

_names = itertools.count(1)


def unique(prefix):
    return f"{prefix}{next(_names)}"


def wait_for(condition, what, seconds=PATIENCE_S, every=0.02):
    """The first true value of condition()."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < end, f"waited {seconds} s for {what}"
        time.sleep(every)


class RpcError(Exception):
    """An error object that berthd answered."""

    def __init__(self, error):
        self.code = error["code"]
        self.message = error["message"]
        self.data = error.get("data", {})
        self.kind = self.data.get("kind")
        super().__init__(f"{self.kind} {self.code}: {self.message} {self.data}")


class Client:
    """JSON-RPC, a line each, over a connected socket."""

    def __init__(self, sock):
        self.sock = sock
        self.buffer = b""
        self.events = []
        self.ids = itertools.count(1)
        sock.settimeout(PATIENCE_S)

    def send(self, data):
        if not isinstance(data, (bytes, bytearray)):
            data = json.dumps(data).encode() + b"\n"
        self.sock.sendall(data)

    def line(self):
        """The next line as bytes; b"" when the peer has closed."""
        while b"\n" not in self.buffer:
            try:
                data = self.sock.recv(1 << 16)
            except (ConnectionError, ssl.SSLError):
                data = b""
            if not data:
                return b""
            self.buffer += data
        line, self.buffer = self.buffer.split(b"\n", 1)
        return line

    def receive(self):
        """The next answer; events on the way are kept."""
        while True:
            line = self.line()
            assert line, "berthd closed the connection"
            value = json.loads(line)
            if isinstance(value, dict) and value.get("method") == "event":
                self.events.append(value["params"])
            else:
                return value

    def raw(self, method, params=None, **fields):
        request = {"jsonrpc": "2.0", "id": next(self.ids), "method": method}
        if params is not None:
            request["params"] = params
        request.update(fields)
        self.send(request)
        answer = self.receive()
        assert answer["id"] == request["id"], answer
        return answer

    def call(self, method, **params):
        answer = self.raw(method, params)
        if "error" in answer:
            raise RpcError(answer["error"])
        return answer["result"]

    def event(self, wanted, seconds=PATIENCE_S):
        """The first event, kept or to come, for which wanted(event)."""
        end = time.monotonic() + seconds
        while True:
            for i, event in enumerate(self.events):
                if wanted(event):
                    return self.events.pop(i)
            self.events.clear()
            assert time.monotonic() < end, "no such event came"
            line = self.line()
            assert line, "berthd closed the connection"
            self.events.append(json.loads(line)["params"])

    def closed(self):
        """Whether the peer ends the connection (not only stays silent)."""
        return self.line() == b""

    def close(self):
        self.sock.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Certs:
    """Certificates as tests/lib/make-certs made them."""

    def __init__(self, directory, names=("second", "expired", "revoked",
                                         "stranger")):
        self.dir = directory
        script = os.path.join(os.path.dirname(__file__), "../lib/make-certs")
        subprocess.run([script, directory, *names], check=True)

    def __getitem__(self, name):
        return os.path.join(self.dir, name)

    def context(self, client="client", version=None):
        context = ssl.create_default_context(cafile=self["ca.pem"])
        if client:
            context.load_cert_chain(self[f"{client}.pem"],
                                    self[f"{client}.key"])
        if version:
            context.minimum_version = context.maximum_version = version
        return context


def free_port():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


class Berthd:
    """One berthd with a directory, settings and a hypervisor of its own."""

    def __init__(self, certs, uri=None, settings=None, name=None):
        self.name = name or unique("berthd")
        self.dir = os.path.join(WORK, self.name)
        self.images = os.path.join(self.dir, "images")
        self.socket = os.path.join("/run", f"{self.name}.sock")
        self.certs = certs
        self.port = free_port()
        self.root = os.path.join(self.dir, "root")
        self.uri = uri or f"qemu:///embed?root={self.root}"
        self.conf = os.path.join(self.dir, "berth.conf")
        self.log = os.path.join(LOGS, f"{self.name}.log")
        self.process = None
        self.options = []  # further ones of berthd
        self.env = {}  # more for its environment
        self.clients = []
        self.settings = {
            "listen.tls": f"127.0.0.1:{self.port}",
            "listen.socket": self.socket, "listen.socket_group": "root",
            "tls.cert": certs["server.pem"], "tls.key": certs["server.key"],
            "tls.ca": certs["ca.pem"], "hypervisor local.uri": self.uri,
            # make-certs' client, and whoever else a test brings.
            "access.tls_default_role": "DataCenterAdmin",
            "paths.images": self.images, "log.level": "debug",
            "state.dir": os.path.join(self.dir, "state"),
            "metrics.listen": f"127.0.0.1:{free_port()}",
        }
        self.settings.update(settings or {})
        os.makedirs(self.images)
        os.chmod(self.dir, 0o755)
        if uri is None:
            seed_root(self.root)

    def write_conf(self):
        sections = {}
        for key, value in self.settings.items():
            section, name = key.rsplit(".", 1)
            sections.setdefault(section, []).append(f"{name} = {value}\n")
        with open(self.conf, "w") as conf:
            for section, lines in sections.items():
                conf.write(f"[{section}]\n" + "".join(lines))

    def spawn(self, stderr=None):
        """Start the process without waiting for it to listen; stderr: not to
        the log but to that."""
        self.write_conf()
        self.log_start = (os.path.getsize(self.log)
                          if os.path.exists(self.log) else 0)
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                [os.path.join(BUILD, "berthd"), "-c", self.conf,
                 *self.options],
                stdin=subprocess.DEVNULL, stdout=log,
                stderr=log if stderr is None else stderr,
                env=dict(os.environ, **self.env))
        return self

    def start(self):
        self.spawn()
        if self.settings["listen.tls"]:
            wanted = f"listening on TLS 127.0.0.1:{self.port}"
            wait_for(lambda: self.alive() and wanted in self.log_text(),
                     f"{self.name} to say '{wanted}'")
        wait_for(lambda: self.alive() and os.path.exists(self.socket),
                 f"the socket of {self.name}")
        wait_for(lambda: self.alive() and "berthd is ready" in self.log_text(),
                 f"{self.name} to be ready")
        return self

    def alive(self):
        assert self.process.poll() is None, \
            f"berthd ended with {self.process.returncode}:\n{self.log_text()}"
        return True

    def log_text(self):
        with open(self.log, errors="replace") as log:
            log.seek(self.log_start)
            return log.read()

    def stop(self, seconds=15 * SLOW):
        """SIGTERM; a berthd that does not end well in time is a fault."""
        for client in self.clients:
            client.close()
        self.clients.clear()
        if self.process is None:
            return
        process, self.process = self.process, None
        process.send_signal(signal.SIGTERM)
        try:
            code = process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise AssertionError(f"berthd did not stop in {seconds} s") from None
        text = self.log_text()
        assert code == 0, f"berthd ended with {code}:\n{text[-4000:]}"
        assert "runtime error:" not in text and "Sanitizer" not in text, \
            text[-8000:]

    def restart(self):
        self.stop()
        return self.start()

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.process = None

    def keep(self, client):
        self.clients.append(client)
        return client

    def unix(self):
        sock = socket.socket(socket.AF_UNIX)
        sock.connect(self.socket)
        return self.keep(Client(sock))

    def tls(self, client="client", version=None, context=None, session=None):
        context = context or self.certs.context(client, version)
        sock = socket.create_connection(("127.0.0.1", self.port),
                                        timeout=PATIENCE_S)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            wrapped = context.wrap_socket(sock, server_hostname="localhost",
                                          session=session)
        except BaseException:
            sock.close()
            raise
        return self.keep(Client(wrapped))

    def ctl(self, *args, tls=False, check=None, **env):
        """Run berthctl; the finished process, its output as text."""
        where = ["--socket", self.socket]
        if tls:
            where = ["--connect", f"localhost:{self.port}",
                     "--ca", self.certs["ca.pem"],
                     "--cert", self.certs["client.pem"],
                     "--key", self.certs["client.key"]]
        done = subprocess.run(
            [os.path.join(BUILD, "berthctl"), *where, *map(str, args)],
            stdin=subprocess.DEVNULL, capture_output=True, text=True,
            timeout=PATIENCE_S, env=dict(os.environ, **env))
        if check is not None:
            assert done.returncode == check, \
                f"{args}: {done.returncode}\n{done.stdout}{done.stderr}"
        return done

    def image(self, name=None, size=MIB, fmt="raw"):
        """An image file in the allowed directory; its path."""
        path = os.path.join(self.images, name or unique("disk") + "." + fmt)
        make_image(path, size, fmt)
        return path

    def disk(self, **fields):
        """A disk object with a new image."""
        fmt = fields.pop("format", "raw")
        disk = {"disk_id": str(uuid.uuid4()),
                "source": {"type": "file", "path": self.image(fmt=fmt),
                           "format": fmt}}
        disk.update(fields)
        return disk

    @contextlib.contextmanager
    def no_define(self, vm):
        """libvirt cannot write the VM's definition: it writes NAME.xml.new,
        and a folder of that name is in its way."""
        folder = os.path.join(self.root, "etc/qemu") if "embed" in self.uri \
            else "/etc/libvirt/qemu"
        path = os.path.join(folder, f"{vm}.xml.new")
        os.mkdir(path)
        try:
            yield
        finally:
            os.rmdir(path)

    def qemu_pid(self, vm):
        """The pid of a VM's QEMU, by libvirt's pidfile."""
        run = os.path.join(self.root, "run/qemu") if "embed" in self.uri \
            else "/run/libvirt/qemu"
        with open(os.path.join(run, f"{vm}.pid")) as pidfile:
            return int(pidfile.read())


def make_image(path, size, fmt="raw", *options):
    subprocess.run(["qemu-img", "create", "-q", "-f", fmt, *options, path,
                    str(size)], check=True)


def seed_root(root):
    """An embed root that knows QEMU's capabilities and leaves no cgroups."""
    os.makedirs(os.path.join(root, "etc"))
    os.makedirs(os.path.join(root, "cache/qemu"))
    shutil.copytree(CAPS, os.path.join(root, "cache/qemu/capabilities"))
    shutil.copy("/etc/libvirt/qemu.conf", os.path.join(root, "etc/qemu.conf"))


class Libvirtd:
    """A private libvirtd: qemu:///system of this file's namespace."""

    URI = "qemu:///system"

    def __init__(self):
        self.log = os.path.join(LOGS, "libvirtd.log")
        self.process = None
        cache = "/var/cache/libvirt/qemu/capabilities"
        if not os.path.isdir(cache):
            shutil.copytree(CAPS, cache)

    def start(self):
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                ["libvirtd"], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        wait_for(self.answers, "libvirtd to answer")
        return self

    def answers(self):
        assert self.process.poll() is None, "libvirtd ended"
        return self.virsh("version", check=False).returncode == 0

    def virsh(self, *args, check=True):
        done = subprocess.run(["virsh", "-q", "-c", self.URI, *args],
                              stdin=subprocess.DEVNULL, capture_output=True,
                              text=True, timeout=PATIENCE_S)
        assert not check or done.returncode == 0, f"{args}: {done.stderr}"
        return done

    def kill(self):
        self.process.kill()
        self.process.wait()

    def stop(self):
        self.process.terminate()
        self.process.wait(PATIENCE_S)


def readable(sock, seconds):
    return bool(select.select([sock], [], [], seconds)[0])


def hctl(address):
    """The drive address as the guest's kernel names it."""
    return "{bus}:{target}:{unit}".format(**address)


def pci(address):
    return "{domain:04x}:{bus:02x}:{slot:02x}.{function:x}".format(**address)


def device_xml(text, alias):
    """The element of a device in a domain's XML, by alias; None if absent."""
    for device in ElementTree.fromstring(text).find("devices"):
        found = device.find("alias")
        if found is not None and found.get("name") == alias:
            return device
    return None


def controllers(text):
    """The attributes of every controller in a domain's XML, sorted."""
    found = ElementTree.fromstring(text).iterfind("devices/controller")
    return sorted(sorted(c.attrib.items()) for c in found)
