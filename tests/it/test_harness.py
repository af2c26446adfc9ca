# SPDX-License-Identifier: Apache-2.0
"""The harness itself: the namespace, the private libvirtd, the certificates."""
import os
import socket
import ssl
import threading

DOMAIN = """<domain type='qemu'><name>plain</name><memory>65536</memory>
<os><type arch='x86_64' machine='q35'>hvm</type></os></domain>"""


def test_namespace_is_private():
    with open("/proc/1/comm") as name:
        assert name.read() == "nsinit\n"
    assert not os.path.exists("/dev/kvm")
    assert [name for _, name in socket.if_nameindex()] == ["lo"]


def test_private_libvirtd(libvirtd, tmp_path):
    path = tmp_path / "plain.xml"
    path.write_text(DOMAIN)
    libvirtd.virsh("define", str(path))
    libvirtd.virsh("start", "plain", "--paused")
    assert libvirtd.virsh("domstate", "plain").stdout.strip() == "paused"
    libvirtd.virsh("destroy", "plain")
    libvirtd.virsh("undefine", "plain")


def test_certificates(certs):
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(certs["server.pem"], certs["server.key"])
    server.load_verify_locations(certs["ca.pem"])
    server.load_verify_locations(certs["crl.pem"])
    server.verify_flags |= ssl.VERIFY_CRL_CHECK_LEAF
    server.verify_mode = ssl.CERT_REQUIRED
    seen = {name: handshake(server, certs.context(name))
            for name in ("client", "expired", "revoked", "stranger", None)}
    assert seen.pop("client") == "ok"
    assert "ok" not in seen.values(), seen


def handshake(server, context):
    ours, theirs = socket.socketpair()
    result = []

    def serve():
        try:
            with server.wrap_socket(theirs, server_side=True) as conn:
                conn.sendall(b"x")
            result.append("ok")
        except ssl.SSLError as error:
            result.append(str(error))

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        with context.wrap_socket(ours, server_hostname="localhost") as conn:
            conn.recv(1)
    except (ssl.SSLError, ConnectionError):
        pass
    thread.join()
    return result[0]
