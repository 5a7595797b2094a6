"""What a prober does on real sockets, beyond the verdict table: what it never sends, and what it never leaves behind."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from types import SimpleNamespace

import pytest
from pydantic import SecretStr

from tests.sip.probing import BUDGETS, CALLED, CALLER, target
from voipkit.errors import ConfigurationError, InvalidNumber, MissingExtra
from voipkit.sandbox.sip_scenarios import SCENARIOS, Call, Reply
from voipkit.sip import Budgets, Prober, Target, Trace, drain, forget_rejections, run
from voipkit.sip.compose import Composer
from voipkit.sip.message import parse


@pytest.fixture(autouse=True)
def _fresh():
    forget_rejections()


async def operate(where, operation, *arguments, budgets=BUDGETS, trace=None, **options):
    async with Prober(where, budgets=budgets, trace=trace) as prober:
        return await getattr(prober, operation)(*arguments, **options)


# --- what is never sent -----------------------------------------------------------------------------------------------


UNSOUND = ["+1555\r\nX-Evil: 1", "+1555\x00", "+15550001234\n", "a b"]


@pytest.mark.parametrize(
    ("field", "bad"),
    [(field, bad) for field in ("called", "caller", "credentials") for bad in UNSOUND] + [("called", "911")],
)
def test_nothing_is_sent_for_an_unsound_number(peer, field, bad):
    async def go():
        async with Prober(target(peer), budgets=BUDGETS) as prober:
            if field == "credentials":
                await prober.credentials(bad, allow_outbound_call=True)
            elif field == "called":
                await prober.outbound(bad, CALLER, allow_outbound_call=True)
            else:
                await prober.outbound(CALLED, bad, allow_outbound_call=True)

    with pytest.raises((InvalidNumber, ConfigurationError)) as caught:
        run(go())
    assert "X-Evil" not in str(caught.value)
    assert peer.journal.bytes_in == 0


def test_no_call_without_permission(peer):
    found = run(operate(target(peer), "outbound", CALLED))
    assert (found.verdict, found.status) == ("outbound.not_allowed", "unknown")
    run(operate(target(peer), "credentials", CALLED))
    assert "INVITE" not in peer.journal.methods


def test_a_registration_is_only_looked_at(peer):
    run(operate(target(peer), "credentials"))
    assert peer.journal.methods == ["REGISTER", "REGISTER"]
    assert not peer.registrar.bindings.get(peer.account.username)


def test_requests_are_as_small_as_promised():
    """RFC 3261 section 18.1.1: below 1,300 bytes on UDP; an OPTIONS below 400, so that it amplifies nothing."""
    long = Target("a" * 40 + ".example.com", username="u" * 40, from_user="+15550001234", password=SecretStr("p"))
    composer = Composer.begin(long, "udp", ("198.51.100.100", 65535))
    proof = ("Proxy-Authorization", "Digest " + "x" * 520)  # SHA-512-256 with a nonce of 100 characters takes 500
    assert len(composer.invite(CALLED, CALLER, 2, "ordinary", (proof,)).encode()) < 1300
    short = Composer.begin(Target("sip.example.com", username="alice"), "udp", ("198.51.100.100", 65535))
    assert len(short.options().encode()) < 400


# --- what is never left behind ----------------------------------------------------------------------------------------


def test_a_result_does_not_wait_for_the_guard_and_the_guard_hangs_up(peer, caplog):
    peer.scenario = replace(SCENARIOS["late-answer"], call=Call((Reply(200, 0.8),)))
    began = time.monotonic()
    with caplog.at_level(logging.INFO, "voipkit.sip"):
        found = run(
            operate(
                target(peer),
                "outbound",
                CALLED,
                allow_outbound_call=True,
                budgets=Budgets(first_provisional=0.3, linger=1.5),
            )
        )
        took = time.monotonic() - began
        assert drain(10.0)
    assert found.verdict == "outbound.silent"
    assert took < 1.5
    assert peer.journal.methods[-2:] == ["ACK", "BYE"]
    assert "answered after its report" in caplog.text
    assert found.call_id in caplog.text
    assert peer.account.password not in caplog.text


def test_leaving_by_an_exception_hangs_up(peer):
    peer.scenario = "rings"
    patient = Budgets(ring=8.0, linger=3.0)

    async def go():
        async with Prober(target(peer), budgets=patient) as prober, asyncio.timeout(0.3):
            await prober.outbound(CALLED, hold=8.0, allow_outbound_call=True)

    began = time.monotonic()
    with pytest.raises(TimeoutError):
        run(go())
    assert drain(10.0)
    assert "CANCEL" in peer.journal.methods
    assert time.monotonic() - began < 2.5


def test_a_call_is_ended_though_the_far_end_was_gone_for_a_moment():
    """A carrier's server restarts while it rings: ICMP says that nobody is there, and then somebody is."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as first:
        first.bind(("127.0.0.1", 0))
        first.settimeout(3)
        port = first.getsockname()[1]
        quick = Budgets(linger=3.0)
        with ThreadPoolExecutor(1) as pool:
            probing = pool.submit(run, operate(lab(port), "outbound", CALLED, allow_outbound_call=True, budgets=quick))
            data, source = first.recvfrom(65535)
            ringing = data.replace(b"INVITE sip:+15550001234@trunk.test SIP/2.0", b"SIP/2.0 180 Ringing")
            first.sendto(ringing, source)
            first.close()
            time.sleep(0.7)  # CANCEL, and once more: both meet a closed port
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as second:
                second.bind(("127.0.0.1", port))
                second.settimeout(3)
                second.sendto(ringing.replace(b"180 Ringing", b"200 OK"), source)
                methods = {parse(second.recv(65535)).method for _ in range(3)}
                assert methods >= {"ACK", "BYE"}
            assert probing.result(10).billable_risk
    assert drain(10.0)


def test_no_socket_and_no_task_is_left(peer):
    async def go():
        before = asyncio.all_tasks()
        for name in ("udp", "tcp", "tls"):
            where = target(peer, name)
            async with Prober(where, budgets=BUDGETS) as prober:
                await prober.options()
                await prober.credentials()
        await asyncio.sleep(0)
        return asyncio.all_tasks() - before

    assert run(go()) == set()
    assert peer.settle(3.0) == ()


# --- a far end that means harm ----------------------------------------------------------------------------------------


class Udp:
    """A far end of a few lines, in a thread."""

    def __init__(self, serve):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.socket.settimeout(0.1)
        self.port = self.socket.getsockname()[1]
        self.seen = []
        self._serve, self._end = serve, threading.Event()
        self._thread = threading.Thread(target=self._loop)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._end.set()
        self._thread.join(5)
        self.socket.close()

    def _loop(self):
        while not self._end.is_set():
            with contextlib.suppress(TimeoutError, OSError):
                data, source = self.socket.recvfrom(65535)
                self.seen.append(parse(data))
                self._serve(self, parse(data), source)

    def reply(self, request, source, status, *extra, sock=None):
        kept = [f"{n}: {v}" for n, v in request.headers if n in ("Via", "From", "To", "Call-ID", "CSeq")]
        data = "\r\n".join([f"SIP/2.0 {status} X", *kept, *extra, "Content-Length: 0", "", ""]).encode()
        (sock or self.socket).sendto(data, source)


def lab(port, **changes):
    return Target(
        "127.0.0.1",
        port,
        "udp",
        domain="trunk.test",
        username="alice",
        password=SecretStr("pw"),
        allow_private=True,
        **changes,
    )


def test_an_answer_from_another_address_is_not_heard():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as elsewhere:
        elsewhere.bind(("127.0.0.1", 0))
        with Udp(lambda far, request, source: far.reply(request, source, 200, sock=elsewhere)) as far:
            found = run(operate(lab(far.port), "options", budgets=Budgets(options=0.5)))
    assert found.verdict == "reachability.silent"


def test_a_stream_of_provisional_answers_ends():
    def serve(far, request, source):
        if request.method == "INVITE":
            for _ in range(300):
                far.reply(request, source, 183)
        elif request.method == "CANCEL":
            far.reply(request, source, 200)
            far.reply(far.seen[0], source, 487)

    with Udp(serve) as far:
        began = time.monotonic()
        found = run(
            operate(lab(far.port), "outbound", CALLED, allow_outbound_call=True, hold=4.0, budgets=Budgets(linger=2.0))
        )
        assert drain(10.0)
    assert time.monotonic() - began < 4.0
    assert len(found.codes) <= 21
    assert [request.method for request in far.seen].count("CANCEL") >= 1


def test_addresses_that_the_far_end_names_are_written_and_never_used():
    """Contact, Record-Route, Via's received and a 3xx all name a trap."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as trap:
        trap.bind(("127.0.0.1", 0))
        trap.setblocking(False)
        there = f"<sip:x@127.0.0.1:{trap.getsockname()[1]};lr;maddr=127.0.0.1>"
        answers = iter([("200", f"Contact: {there}", f"Record-Route: {there}"), ("302", f"Contact: {there}")])

        def serve(far, request, source):
            if request.method == "INVITE":
                far.reply(request, source, *next(answers))
            elif request.method == "BYE":
                far.reply(request, source, 200)

        with Udp(serve) as far:
            where = lab(far.port)
            answered = run(operate(where, "outbound", CALLED, allow_outbound_call=True, budgets=Budgets(linger=0.5)))
            moved = run(operate(where, "outbound", CALLED, allow_outbound_call=True, budgets=Budgets(linger=0.5)))
            assert drain(5.0)
        with pytest.raises(BlockingIOError):
            trap.recv(1)
    assert (answered.verdict, answered.billable_risk) == ("outbound.answered", True)
    assert moved.verdict == "outbound.redirected"
    assert "127.0.0.1" in moved.message
    methods = [request.method for request in far.seen]
    assert methods == ["INVITE", "ACK", "BYE", "INVITE", "ACK"]
    assert far.seen[2].uri.startswith("sip:x@127.0.0.1"), "written into the request, sent on the old flow"


def test_a_basic_challenge_gets_no_password():
    with Udp(lambda far, request, source: far.reply(request, source, 401, 'WWW-Authenticate: Basic realm="x"')) as far:
        found = run(operate(lab(far.port), "credentials"))
    assert found.verdict == "credentials.unsupported_challenge"
    assert not any(request.first("authorization") for request in far.seen)


def test_one_answer_whatever_is_asked():
    """A far end that asks for ever, calling nothing stale, gets one answer; the next probe gets none at all."""
    nonces = iter(range(100))

    def serve(far, request, source):
        far.reply(request, source, 401, f'WWW-Authenticate: Digest realm="r", nonce="{next(nonces)}", qop="auth"')

    with Udp(serve) as far:
        first = run(operate(lab(far.port), "credentials"))
        second = run(operate(lab(far.port), "credentials"))
        third = run(operate(lab(far.port), "outbound", CALLED, allow_outbound_call=True))
    assert (first.verdict, second.verdict, third.verdict) == (
        "credentials.rejected",
        "credentials.held_back",
        "outbound.held_back",
    )
    assert len([request for request in far.seen if request.first("authorization")]) == 1
    assert len(far.seen) == 2


def test_an_address_that_is_not_public_is_refused_without_a_byte(peer):
    for host in ("127.0.0.1", "::1"):
        where = Target(host, peer.port("udp"), "udp", username="a", password=SecretStr("b"))
        for operation, arguments in (("connect", ()), ("options", ()), ("credentials", ()), ("outbound", (CALLED,))):
            options = {"allow_outbound_call": True} if operation == "outbound" else {}
            assert run(operate(where, operation, *arguments, **options)).verdict == "address.denied"
    assert peer.journal.bytes_in == 0


def test_an_unreadable_ca_file_and_a_missing_certifi_are_said(peer, tmp_path, monkeypatch):
    (tmp_path / "ca.pem").write_text("no certificate")
    for ca_file in (tmp_path / "ca.pem", tmp_path / "absent.pem"):
        with pytest.raises(ConfigurationError, match="ca_file"):
            run(operate(target(peer, "tls", ca_file=str(ca_file)), "connect"))
    replaced = tmp_path / "ca.pem"
    replaced.write_text(peer.ca_file.read_text())
    assert run(operate(target(peer, "tls", ca_file=str(replaced)), "connect")).verdict == "tls.open"
    monkeypatch.setitem(sys.modules, "certifi", None)
    with pytest.raises(MissingExtra, match=r"pip install 'voipkit\[sip\]'"):
        run(operate(target(peer, "tls", ca_file=None), "connect"))


def test_a_machine_without_ipv6_says_that_the_trunk_cannot_be_reached(monkeypatch):
    def without_ipv6(*_: object) -> socket.socket:
        raise OSError(97, "Address family not supported by protocol")

    monkeypatch.setattr("voipkit.sip.transport.socket", SimpleNamespace(**{**vars(socket), "socket": without_ipv6}))
    found = run(operate(Target("::1", 5060, "tcp", allow_private=True), "connect"))
    assert (found.verdict, "not supported" in found.message) == ("transport.unreachable", True)


# --- secrets ----------------------------------------------------------------------------------------------------------


def test_the_password_is_nowhere(peer, caplog):
    caplog.set_level(logging.DEBUG)
    trace = Trace()
    for scenario in ("normal", "three-challenges", "only-garbage"):
        peer.scenario = scenario
        found = run(operate(target(peer), "credentials", trace=trace))
        assert peer.account.password not in repr(found)
    everything = trace.ladder() + "".join(entry.text for entry in trace.entries) + caplog.text
    assert peer.account.password not in everything
    assert "response=" not in everything


# --- the synchronous front --------------------------------------------------------------------------------------------


def test_run_works_where_a_loop_runs_and_not_inside_itself(peer):
    async def outer():
        return run(operate(target(peer), "options"))

    assert asyncio.run(outer()).verdict == "reachability.answered"
    with pytest.raises(ConfigurationError, match="inside itself"):
        run(outer())


def test_run_passes_errors_on():
    async def wrong():
        raise InvalidNumber("x")

    with pytest.raises(InvalidNumber):
        run(wrong())


def test_a_probe_uses_no_more_than_its_whole_budget(peer):
    peer.scenario = "silent"

    async def go():
        async with Prober(target(peer), budgets=Budgets(options=0.4, register=0.4, whole=0.5, linger=0.5)) as prober:
            return [
                (await prober.options()).verdict,
                (await prober.credentials()).verdict,
                (await prober.options()).verdict,
            ]

    began = time.monotonic()
    assert run(go()) == ["reachability.silent", "credentials.silent", "probe.out_of_time"]
    assert time.monotonic() - began < 1.5
