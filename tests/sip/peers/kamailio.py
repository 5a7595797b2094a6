"""kamailio as the carrier: two instances, as one instance knows one digest algorithm only."""

from __future__ import annotations

import contextlib
import socket
from dataclasses import dataclass
from pathlib import Path

from tests.sip.peers.client import Client
from tests.sip.peers.processes import free_port, need, running
from voipkit.sandbox.sip_certificates import issue

ALICE, BOB, MALLORY = ("alice", "wonderland-7f3a"), ("bob", "builder-19c2"), ("mallory", "locked-55d1")
LOAD_PASSWORD = "load-4d7e"  # of load0, load1, ...: as many customers as a benchmark wants
CALLER = "+15550100"  # +15550100 to +15550109 may stand in From, and +14155550100 to +14155550109
DID = "+15550200"  # goes to the listener's port, and so does E164_DID, which can be a phone number
E164_DID = "+14155550102"
DEAD = "+15550999"  # goes to a port where nobody is: 408 after 1 s
PSTN = "+16665550123"  # +1666... goes to sipp
NOBODY = "+15550777"  # 404

OPTIONS = (
    b"OPTIONS sip:trunk.test SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1;branch=z9hG4bKready;rport\r\nMax-Forwards: 7\r\n"
    b"From: <sip:ready@trunk.test>;tag=1\r\nTo: <sip:trunk.test>\r\nCall-ID: ready\r\nCSeq: 1 OPTIONS\r\n"
    b"Content-Length: 0\r\n\r\n"
)


@dataclass(frozen=True)
class Kamailio:
    """A running instance.

    Attributes:
        algorithm: Its digest algorithm.
        ports: Its ports by transport.
        ca_file: What a TLS client must trust.
        pstn: Port to which it sends +1666... by UDP, where a test may put sipp.
        pstn_in: Port whose calls it lets in without a password.
        listener: Port to which it sends the calls to `DID`.
    """

    algorithm: str
    ports: dict[str, int]
    ca_file: str
    pstn: int
    pstn_in: int
    listener: int

    def address(self, transport="udp"):
        return "127.0.0.1", self.ports[transport]

    def bindings(self, user=ALICE):
        """Return the bindings that an account has, asked with a client that is not voipkit's."""
        with Client(self.address(), user=user[0], password=user[1]) as client:
            assert client.register() == [401, 200]
            return client.last.all("Contact")


@contextlib.contextmanager
def kamailio(folder: Path, algorithm="MD5"):
    """Run an instance in a folder of its own."""
    binary = need("kamailio")
    folder.mkdir(parents=True, exist_ok=True)
    certificates = issue(folder, ["trunk.test", "127.0.0.1"])
    port, tls = free_port("udp", "tcp"), free_port("tcp")
    pstn, pstn_in, listener, dead = (free_port("udp", "tcp") for _ in range(4))
    tls_config = folder / "tls.cfg"
    tls_config.write_text(
        f"[server:default]\nmethod = TLSv1.2+\nverify_certificate = no\nrequire_certificate = no\n"
        f"private_key = {certificates.key}\ncertificate = {certificates.certificate}\n"
    )
    config = (Path(__file__).parent / "kamailio.cfg").read_text()
    values = {
        "TLS_CONFIG": tls_config,
        "ALGORITHM": algorithm,
        "PSTN_PORT": pstn,
        "PSTN_IN_PORT": pstn_in,
        "LISTENER_PORT": listener,
        "DEAD_PORT": dead,
    }
    for name, value in values.items():
        config = config.replace(f"@{name}@", str(value))
    (folder / "kamailio.cfg").write_text(config)
    command = [
        binary, "-f", str(folder / "kamailio.cfg"), "-DD", "-E", "-m", "64", "-M", "4",
        "-P", str(folder / "pid"), "-Y", str(folder), "-w", str(folder),
        "-l", f"udp:127.0.0.1:{port}", "-l", f"tcp:127.0.0.1:{port}", "-l", f"tls:127.0.0.1:{tls}",
    ]  # fmt: skip
    with running(command, lambda: _answers(port), log=folder / "log"):
        yield Kamailio(
            algorithm, {"udp": port, "tcp": port, "tls": tls}, str(certificates.ca_file), pstn, pstn_in, listener
        )


def _answers(port):
    """Say whether our kamailio, and no other SIP server, answers at a port."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.settimeout(0.2)
        udp.connect(("127.0.0.1", port))
        try:
            udp.send(OPTIONS)
            return b"Server: testcarrier" in udp.recv(4096)
        except OSError:
            return False
