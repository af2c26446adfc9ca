# SPDX-License-Identifier: Apache-2.0
"""A userland iSCSI target (tgtd) in the namespace of the test's file, and
portals that do not serve.
"""
import itertools
import os
import socket
import subprocess
import threading

from berthlib import LOGS, MIB, PATIENCE_S, WORK, free_port, wait_for

IQN = "iqn.2026-01.org.example:"


class Target:
    """One tgtd; targets and LUNs are made with tgtadm."""

    def __init__(self):
        self.port = free_port()
        self.log = os.path.join(LOGS, "tgtd.log")
        self.dir = os.path.join(WORK, "luns")
        self.tids = itertools.count(1)
        os.makedirs(self.dir, exist_ok=True)
        # Where it listens for tgtadm; /var/run is /run, and that is private.
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                ["tgtd", "-f", "--iscsi", f"portal=127.0.0.1:{self.port}"],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        wait_for(self.answers, "tgtd to answer")

    def answers(self):
        assert self.process.poll() is None, "tgtd ended"
        return self.adm("show", "target", check=False).returncode == 0

    def adm(self, op, mode, *args, check=True):
        done = subprocess.run(
            ["tgtadm", "--lld", "iscsi", "--op", op, "--mode", mode,
             *map(str, args)], stdin=subprocess.DEVNULL, capture_output=True,
            text=True, timeout=PATIENCE_S)
        assert not check or done.returncode == 0, \
            f"tgtadm {op} {mode} {args}: {done.stderr}"
        return done

    def lun(self, name, size=16 * MIB, lun=1):
        """A target of its own with one LUN; its Lun."""
        tid = next(self.tids)
        path = os.path.join(self.dir, name)
        with open(path, "wb") as file:
            file.truncate(size)
        self.adm("new", "target", "--tid", tid, "-T", IQN + name)
        made = Lun(self, tid, lun, name, path)
        made.add()
        self.adm("bind", "target", "--tid", tid, "-I", "ALL")
        return made

    def stop(self):
        self.process.kill()
        self.process.wait()


class Lun:
    """A LUN of a Target."""

    def __init__(self, target, tid, number, name, path):
        self.target = target
        self.tid = tid
        self.number = number
        self.name = name
        self.path = path
        self.user = None  # whom it lets in; None: everybody

    def add(self):
        self.target.adm("new", "logicalunit", "--tid", self.tid, "--lun",
                        self.number, "-b", self.path)

    def remove(self):
        self.target.adm("delete", "logicalunit", "--tid", self.tid, "--lun",
                        self.number)

    def set(self, **params):
        """What it tells of itself: scsi_id, scsi_sn, vendor_id …"""
        text = ",".join(f"{k}={v}" for k, v in params.items())
        self.target.adm("update", "logicalunit", "--tid", self.tid, "--lun",
                        self.number, "--params", text)

    def grow(self, size):
        """tgtd reads the size when it opens the file."""
        with open(self.path, "r+b") as file:
            file.truncate(size)
        self.remove()
        self.add()

    def chap(self, user, password):
        self.user = user
        self.target.adm("new", "account", "--user", user, "--password",
                        password)
        self.target.adm("bind", "account", "--tid", self.tid, "--user", user)

    def source(self, **fields):
        return {"type": "iscsi", "host": "127.0.0.1",
                "port": self.target.port, "iqn": IQN + self.name,
                "lun": self.number, **fields}

    def sessions(self):
        """Initiators that are logged in now, by name."""
        shown = self.target.adm("show", "target").stdout
        part = shown.split(f"Target {self.tid}: ")[1].split("\nTarget ")[0]
        return [line.split("Initiator: ")[1].split(" alias")[0]
                for line in part.splitlines() if "Initiator: " in line]


class Mute:
    """A portal that takes connections and never says a word; between a Lun
    and its clients it can also pass everything on, until it is told not to.
    """

    def __init__(self, towards=None):
        self.socket = socket.socket()
        self.socket.bind(("127.0.0.1", 0))
        self.socket.listen(64)
        self.port = self.socket.getsockname()[1]
        self.towards = towards
        self.mute = towards is None
        self.open = []
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def serve(self):
        while True:
            try:
                client, _ = self.socket.accept()
            except OSError:
                return
            self.open.append(client)
            if self.mute:
                continue
            server = socket.create_connection(("127.0.0.1", self.towards))
            self.open.append(server)
            for a, b in ((client, server), (server, client)):
                threading.Thread(target=self.pump, args=(a, b),
                                 daemon=True).start()

    def pump(self, source, to):
        try:
            while data := source.recv(65536):
                if not self.mute:
                    to.sendall(data)
            if not self.mute:
                to.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def close(self):
        self.socket.close()
        for each in self.open:
            each.close()
