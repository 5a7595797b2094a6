"""A UDP relay that loses datagrams, always the same ones for the same seed: netem needs a kernel module that is not there."""

from __future__ import annotations

import contextlib
import random
import selectors
import socket
import threading
from dataclasses import dataclass, field


@dataclass
class Relay:
    """A running relay.

    Attributes:
        address: Where clients send to.
        passed: What was passed on: "out" for a client's datagram or "in" for an answer, and the datagram.
        lost: The datagrams that were lost.
    """

    address: tuple[str, int]
    passed: list[tuple[str, bytes]] = field(default_factory=list)
    lost: list[bytes] = field(default_factory=list)


@contextlib.contextmanager
def lossy_relay(to, *, loss=0.2, seed=1):
    """Relay between clients and the address ``to``."""
    stopping = threading.Event()
    front = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    front.bind(("127.0.0.1", 0))
    relay = Relay(front.getsockname())
    thread = threading.Thread(target=_relay, args=(relay, front, to, loss, random.Random(seed), stopping), daemon=True)
    thread.start()
    try:
        yield relay
    finally:
        stopping.set()
        thread.join(5)
        front.close()


def _relay(relay, front, to, loss, chance, stopping):
    """Give every client a socket of its own towards the far end, so that answers find their way back."""
    behind = {}
    with selectors.DefaultSelector() as ready, contextlib.ExitStack() as stack:
        ready.register(front, selectors.EVENT_READ, None)
        while not stopping.is_set():
            for key, _ in ready.select(0.05):
                try:
                    data, source = key.fileobj.recvfrom(65535)
                except OSError:
                    continue  # ICMP: the far end is gone
                if chance.random() < loss:
                    relay.lost.append(data)
                    continue
                relay.passed.append(("out" if key.data is None else "in", data))
                if key.data is None:
                    if source not in behind:
                        made = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
                        made.connect(to)
                        ready.register(made, selectors.EVENT_READ, source)
                        behind[source] = made
                    with contextlib.suppress(OSError):
                        behind[source].send(data)
                else:
                    front.sendto(data, key.data)
