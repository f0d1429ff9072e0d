"""`real_cml.py CML ...`: the real CML, led to the tests' GitHub and to nothing else.

It speaks TLS only. So it gets a proxy that takes the TLS off, with a certificate made on the spot.
"""

import contextlib
import os
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

HERE = "127.0.0.1"


def certificate(folder: Path) -> tuple[Path, Path]:
    key, made = folder / "key.pem", folder / "certificate.pem"
    command = ["openssl", "req", "-x509", "-nodes", "-newkey", "rsa:2048", "-days", "2"]
    names = ["-subj", f"/CN={HERE}", "-addext", f"subjectAltName=IP:{HERE},DNS:localhost"]
    files = ["-keyout", str(key), "-out", str(made)]
    subprocess.run([*command, *names, *files], check=True, capture_output=True)
    return made, key


def serve(listening: socket.socket, tls: ssl.SSLContext) -> None:
    while True:
        connection, _ = listening.accept()
        threading.Thread(target=connect, args=(connection, tls), daemon=True).start()


def connect(connection: socket.socket, tls: ssl.SSLContext) -> None:
    """Answer one CONNECT."""
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        if not (byte := connection.recv(1)):
            return
        head += byte
    host, _, port = head.split()[1].decode().partition(":")
    if host != HERE:
        connection.sendall(b"HTTP/1.1 502 Bad Gateway\r\n\r\n")
        connection.close()
        return
    connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
    inside = tls.wrap_socket(connection, server_side=True)
    outside = socket.create_connection((host, int(port)))
    threading.Thread(target=pump, args=(outside, inside), daemon=True).start()
    pump(inside, outside)


def pump(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(1 << 16):
            target.sendall(data)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_RDWR)


def main() -> int:
    with tempfile.TemporaryDirectory() as folder, socket.create_server((HERE, 0)) as listening:
        made, key = certificate(Path(folder))
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(made, key)
        threading.Thread(target=serve, args=(listening, tls), daemon=True).start()
        proxy = f"http://{HERE}:{listening.getsockname()[1]}"
        variables = {name: said for name, said in os.environ.items() if "proxy" not in name.lower()}
        variables |= {"https_proxy": proxy, "NODE_EXTRA_CA_CERTS": str(made)}
        return subprocess.run(sys.argv[1:], env=variables).returncode


if __name__ == "__main__":
    sys.exit(main())
