"""What the image is tried against: an emulator of S3, SQS and DynamoDB behind HTTPS, under a name that only DNS knows,
with a certificate of an authority that only this trial knows. All of it ends with the trial.

A service that becomes ready there has resolved a name by DNS, found certificates where the image has them, and spoken TLS:
what a static program on an empty root folder could fail at.
"""

import socket
import socketserver
import ssl
import struct
import subprocess
import sys
import threading

from .commands import ROOT, TARGET, Stop, run

HOST = "fleet.annexa.test"
# A loopback address of its own: port 53 of 127.0.0.1 may be taken.
NAME_SERVER = "127.0.0.53"
OTHER_NAME_SERVER = "127.77.77.53"
# Queues, buckets and table are those of the template.
TEMPLATE = ("--template", ROOT / "infra/storage.yaml", "--name", "annexa")


class Dns(socketserver.BaseRequestHandler):
    """Answers with 127.0.0.1 for HOST, and that there is none for anything else."""

    def handle(self):
        question, sock = self.request
        labels, at = [], 12
        while question[at]:
            labels.append(question[at + 1 : at + 1 + question[at]].decode())
            at += 1 + question[at]
        kind = struct.unpack(">H", question[at + 1 : at + 3])[0]
        body = question[12 : at + 5]
        is_known = ".".join(labels).lower() == HOST
        has_answer = is_known and kind == 1
        flags = 0x8580 if is_known else 0x8583
        answer = b"\xc0\x0c" + struct.pack(">HHIH", 1, 1, 60, 4) + socket.inet_aton("127.0.0.1") if has_answer else b""
        sock.sendto(question[:2] + struct.pack(">HHHHH", flags, 1, int(has_answer), 0, 0) + body + answer, self.client_address)


class Tls(socketserver.BaseRequestHandler):
    """Takes TLS off and hands on what comes to the emulator."""

    def handle(self):
        try:
            front = self.server.tls.wrap_socket(self.request, server_side=True)
        except (ssl.SSLError, OSError):
            # Whoever does not trust the certificate hangs up here.
            return
        with front, socket.create_connection(self.server.behind) as back:
            answers = threading.Thread(target=pump, args=(back, front), daemon=True)
            answers.start()
            pump(front, back)
            answers.join()


def pump(source, target):
    """Copies until one side is done."""
    try:
        while data := source.recv(65_536):
            target.sendall(data)
    except (OSError, ValueError):
        pass
    for side in (source, target):
        try:
            side.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass


class Threads(socketserver.ThreadingMixIn, socketserver.TCPServer):
    """A thread a connection."""

    daemon_threads = True
    request_queue_size = 128


class Place:
    """The emulator with what is before it; as a context."""

    def __init__(self, folder):
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.servers, self.emulator = [], None

    def __enter__(self):
        try:
            self.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def start(self):
        emulator = ROOT / "localstack/emulator.py"
        run(sys.executable, emulator, "--install")
        python = TARGET / "emulator/bin/python"
        self.emulator = subprocess.Popen([python, emulator], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        address = self.emulator.stdout.readline().strip()
        if not address:
            raise Stop("the emulator did not start; its own words stand above")
        lines = run(python, ROOT / "localstack/stack.py", "--endpoint-url", address, *TEMPLATE).splitlines()
        self.env = dict(line.split("=", 1) for line in lines)
        self.make_certificates()
        self.serve_names()
        behind = ("127.0.0.1", int(address.rpartition(":")[2]))
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(self.folder / "server.pem", self.folder / "server.key")
        server = self.serving(Threads(("127.0.0.1", 0), Tls))
        server.tls, server.behind = tls, behind
        self.plain = address
        self.env["AWS_ENDPOINT_URL"] = f"https://{HOST}:{server.server_address[1]}"

    def serving(self, server):
        self.servers.append(server)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        return server

    def serve_names(self):
        for address in (NAME_SERVER, OTHER_NAME_SERVER):
            try:
                self.serving(socketserver.ThreadingUDPServer((address, 53), Dns))
            except OSError:
                continue
            self.resolv_conf = self.folder / "resolv.conf"
            self.resolv_conf.write_text(f"nameserver {address}\n")
            return
        raise Stop(f"port 53 of {NAME_SERVER} and of {OTHER_NAME_SERVER} cannot be had: run this as root")

    def make_certificates(self):
        """An authority and a certificate of it for HOST."""
        options = dict(cwd=self.folder)
        key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
        (self.folder / "server.ext").write_text(f"subjectAltName=DNS:{HOST}\n")
        run(
            *("openssl", "req", "-x509", *key, "-keyout", "ca.key", "-out", "ca.pem", "-days", "2", "-subj", "/CN=Annexa trial"),
            *("-addext", "keyUsage=critical,keyCertSign"),
            **options,
        )
        run("openssl", "req", *key, "-keyout", "server.key", "-out", "server.csr", "-subj", f"/CN={HOST}", **options)
        run(
            *("openssl", "x509", "-req", "-in", "server.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial"),
            *("-days", "2", "-extfile", "server.ext", "-out", "server.pem"),
            **options,
        )

    def __exit__(self, *_):
        for server in self.servers:
            server.shutdown()
            server.server_close()
        if self.emulator:
            self.emulator.stdin.close()
            self.emulator.wait()


def free_port():
    """A port of the loopback that nobody has now."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]
