"""dnsmasq as the name server: SRV, NAPTR, names that are not, and names that lead where nobody should go."""

from __future__ import annotations

import contextlib
import os
import socket
import struct

from tests.sip.peers.processes import free_port, need, running


@contextlib.contextmanager
def dnsmasq(folder, *, hosts=(), services=(), naptr=(), aliases=()):
    """Serve the zone ``test`` on loopback and give the ``address:port`` of the server.

    Args:
        folder: Where its log goes.
        hosts: Name and address.
        services: SRV: name, target, port, priority, weight; a name alone says that there is no such service.
        naptr: NAPTR: name, order, preference, service, replacement.
        aliases: CNAME: name and target.
    """
    binary = need("dnsmasq")
    folder.mkdir(parents=True, exist_ok=True)
    port = free_port("udp", "tcp")
    # Without --local, a type that a name does not have would be REFUSED, not "no data".
    command = [
        binary, "-k", "-p", str(port), "--listen-address=127.0.0.1", "--bind-interfaces", "--no-resolv", "--no-hosts",
        "--conf-file=/dev/null", "--pid-file=", "--local=/test/", "--log-facility=-",
        *(f"--host-record={name},{address}" for name, address in hosts),
        *(f"--srv-host={','.join(map(str, record))}" for record in services),
        *(f"--naptr-record={name},{order},{preference},s,{service},,{target}" for name, order, preference, service, target in naptr),
        *(f"--cname={name},{target}" for name, target in aliases),
    ]  # fmt: skip
    if os.geteuid() == 0:
        command.append("--user=root")
    with running(command, lambda: _answers(port), log=folder / "dnsmasq.log"):
        yield f"127.0.0.1:{port}"


def _answers(port):
    """Ask for ready.test; any answer will do."""
    query = struct.pack(">HHHHHH", 7, 0x0100, 1, 0, 0, 0) + b"\x05ready\x04test\x00" + struct.pack(">HH", 1, 1)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.settimeout(0.2)
        udp.connect(("127.0.0.1", port))
        try:
            udp.send(query)
            return udp.recv(512)[:2] == query[:2]
        except OSError:
            return False
