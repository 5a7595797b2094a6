"""The listening witness on real sockets: open while it is armed, and only for the armed call."""

from __future__ import annotations

import socket
import time

import pytest

from tests.sip.test_serving import CALLED, CALLER, invite
from voipkit.errors import ConfigurationError
from voipkit.protocols import ArmedWitness, InboundWitness
from voipkit.sip import ListenerWitness, run
from voipkit.sip.message import parse


def is_open(port):
    with socket.socket() as trying:
        trying.settimeout(1)
        return trying.connect_ex(("127.0.0.1", port)) == 0


def dial(port, data, *, tcp=False, answers=2, source="127.0.0.1"):
    """Send one message; return the status codes that come back."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM if tcp else socket.SOCK_DGRAM) as caller:
        caller.bind((source, 0))
        caller.settimeout(1.0)
        caller.connect(("127.0.0.1", port))
        caller.send(data)
        found = []
        try:
            while len(found) < answers:
                got = caller.recv(65535)
                if not got:
                    break
                found += [parse(part + b"\r\n\r\n").status for part in got.split(b"\r\n\r\n") if part]
            if found:
                caller.send(invite(method="ACK"))
        except (TimeoutError, ConnectionError):
            pass
        return found


@pytest.mark.parametrize("tcp", [False, True])
def test_it_sees_the_armed_call_and_closes(tcp):
    witness: InboundWitness = ListenerWitness()
    assert witness.needs_call
    with witness.arm(CALLED, CALLER, hold=0.2, refusal=603, window=5.0) as armed:
        one: ArmedWitness = armed
        port = witness.port
        assert witness.address == ("127.0.0.1", port)
        assert dial(port, invite(), tcp=tcp) == [180, 603]
        sighting = one.wait(1.0)
    assert (sighting.called, sighting.caller, sighting.refusal, sighting.answered) == (CALLED, CALLER, 603, False)
    assert sighting.held == pytest.approx(0.2, abs=0.15)
    assert witness.address is None
    assert not is_open(port)


def test_a_wait_is_bounded_and_honest():
    with ListenerWitness().arm(CALLED, window=5.0) as armed:
        began = time.monotonic()
        assert armed.wait(0.2) is None
        assert armed.wait(-1.0) is None
        assert time.monotonic() - began < 1.0


def test_who_is_not_allowed_is_neither_heard_nor_connected():
    witness = ListenerWitness(sources=("127.0.0.9/32",))
    with witness.arm(CALLED, window=5.0) as armed:
        assert dial(witness.port, invite()) == []
        assert dial(witness.port, invite(), tcp=True) == []
        assert armed.wait(0.0) is None
        assert dial(witness.port, invite(), answers=1, source="127.0.0.9") == [180]


def test_two_numbers_share_the_port_and_one_leaving_keeps_it_open():
    witness = ListenerWitness()
    with witness.arm(CALLED, None, hold=0.0, window=5.0) as first:
        port = witness.port
        with witness.arm("+15550009999", None, hold=0.0, window=5.0) as second:
            assert witness.port == port
            assert dial(port, invite(called="+15550009999")) == [180, 486]
            assert second.wait(1.0).called == "+15550009999"
            assert first.wait(0.0) is None
        assert is_open(port)
        assert dial(port, invite(called="+15550009999")) == []
    assert not is_open(port)


def test_garbage_over_tcp_ends_the_connection():
    witness = ListenerWitness()
    with witness.arm(CALLED, window=5.0), socket.create_connection(("127.0.0.1", witness.port), timeout=2) as stream:
        stream.sendall(b"x" * 70_000)
        with pytest.raises(ConnectionError):
            while stream.recv(1):
                pass
            raise ConnectionResetError


def test_what_cannot_be_listened_on_is_said():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        witness = ListenerWitness(port=taken.getsockname()[1])
        for _ in range(2):
            with pytest.raises(ConfigurationError, match="cannot listen"), witness.arm(CALLED):
                pass
    with pytest.raises(ConfigurationError, match="address"):
        ListenerWitness("localhost")
    with pytest.raises(ConfigurationError, match="refuses"), ListenerWitness().arm(CALLED, refusal=200):
        pass


@pytest.mark.parametrize("port", [-1, 65536, 99999])
def test_a_port_that_is_none_is_said(port):
    with pytest.raises(ConfigurationError, match="port"):
        ListenerWitness("127.0.0.1", port)


def test_it_is_armed_from_outside_the_background_loop():
    async def inside():
        with ListenerWitness().arm(CALLED):
            pass

    with pytest.raises(ConfigurationError, match="inside"):
        run(inside())
