"""The verdict table, row by row, from the scripted peer; and what every row has in common: nothing is left behind."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
import time
from dataclasses import dataclass, field, replace
from pathlib import Path

import psutil
import pytest
from pydantic import SecretStr

from tests.sip.peers.processes import free_port
from tests.sip.probing import BUDGETS, CALLED, UNRELIABLE, call, probe, target
from voipkit.sandbox.sip_peer import SipPeer
from voipkit.sandbox.sip_registrar import SipAccount
from voipkit.sandbox.sip_scenarios import SCENARIOS
from voipkit.sip import VERDICTS, Budgets, Prober, Trace, drain, forget_rejections, run

TRANSPORTS = ("udp", "tcp", "tls")


@pytest.fixture(autouse=True)
def _fresh_memory():
    forget_rejections()


@dataclass(frozen=True)
class Row:
    """One scenario, one question, and what must come of it."""

    scenario: str
    verdict: str
    ask: str = "options"
    code: int | None = None
    methods: tuple[str, ...] | None = None
    changes: dict = field(default_factory=dict)

    def __str__(self):
        return f"{self.ask}-{self.scenario}-{self.verdict}"


def row(scenario, verdict, ask="options", code=None, methods=None, **changes):
    return Row(scenario, verdict, ask, code, methods, changes)


WRONG = SecretStr("not-the-password")
ONCE = ("REGISTER", "REGISTER")
ROWS = [
    # --- reachability
    row("normal", "reachability.answered", code=200, methods=("OPTIONS",)),
    *(row(f"options-{code}", "reachability.answered", code=code) for code in (401, 403, 404, 405, 481, 486, 501)),
    *(row(f"options-{code}", "reachability.out_of_service", code=code) for code in (500, 503)),
    row("options-redirect", "reachability.redirected", code=302, methods=("OPTIONS",)),
    row("options-silent", "reachability.silent"),
    row("silent", "reachability.silent"),
    row("only-garbage", "answer.malformed"),
    row("flood", "answer.flood"),
    *(
        row(name, "reachability.answered", code=200)
        for name in ("garbage", "truncated", "no-cseq", "wrong-branch", "huge-header", "negative-length")
        + ("folded", "latin-1", "lf-only", "compact", "no-reason", "control-characters")
    ),
    row("three-copies", "reachability.answered", code=200),
    # --- credentials
    *(
        row(name, "credentials.valid", "credentials", 200, ONCE)
        for name in (
            "normal",
            "register-407",
            "sha-256",
            "sha-512-256",
            "md5-sess",
            "no-algorithm",
            "no-qop",
            "auth-int-too",
        )
        + ("three-challenges", "joined-challenges", "weak-first", "odd-realm", "three-copies", "options-silent")
        + ("folded", "latin-1", "lf-only", "compact", "no-reason", "wrong-branch", "no-cseq", "huge-header")
    ),
    row("interval-too-brief", "credentials.valid", "credentials", 423, ONCE),
    row("stale-nonce", "credentials.valid", "credentials", 200, 3 * ("REGISTER",)),
    row("stale-for-ever", "credentials.stale_again", "credentials", 401, 3 * ("REGISTER",)),
    row("normal", "credentials.rejected", "credentials", 401, ONCE, password=WRONG),
    row("register-407", "credentials.rejected", "credentials", 407, ONCE, password=WRONG),
    row("wrong-403", "credentials.rejected", "credentials", 403, ONCE, password=WRONG),
    row("normal", "credentials.rejected", "credentials", 401, ONCE, username="nobody"),
    row("identity-refused", "credentials.rejected", "credentials", 403, ONCE),
    row("basic-only", "credentials.unsupported_challenge", "credentials", 401, ("REGISTER",)),
    row("unknown-algorithm", "credentials.unsupported_challenge", "credentials", 401, ("REGISTER",)),
    *(
        row(f"no-registrar-{code}", "credentials.no_registrar", "credentials", code, ("REGISTER",))
        for code in (400, 403, 404, 405, 501, 603)
    ),
    row("ip-authenticated", "credentials.unproven", "credentials", 200, ("REGISTER",)),
    row("register-503", "credentials.trouble", "credentials", 503, ("REGISTER",)),
    row("register-silent", "credentials.silent", "credentials"),
    row("normal", "credentials.none_given", "credentials", None, (), password=None),
    row("second-realm", "credentials.two_challenges", "credentials", 407, ONCE),
    # --- credentials, by the call path where there is no registrar
    *(
        row(f"no-registrar-{code}", "credentials.accepted_by_call", "credentials+call")
        for code in (400, 403, 404, 405, 501, 603)
    ),
    row("no-registrar-404", "credentials.rejected", "credentials+call", 407, password=WRONG),
    row("ip-authenticated", "credentials.unproven", "credentials+call", 200),
    # --- outbound
    row("normal", "outbound.authorized", "call"),
    row("rings", "outbound.authorized", "call", 487),
    row("progress", "outbound.authorized", "call", 487),
    row("ip-authenticated", "outbound.authorized", "call"),
    row("call-487-untold", "outbound.authorized", "call", 487),
    *(row(f"at-once-{code}", "outbound.authorized", "call", code) for code in (480, 486, 488, 600, 603, 606)),
    row("call-403", "outbound.refused", "call", 403),
    row("caller-id-refused", "outbound.refused", "call", 403),
    row("destination-barred", "outbound.refused", "call", 403),
    row("not-listed-403", "outbound.refused", "call", 403),
    row("call-402", "outbound.no_credit", "call", 402),
    *(row(f"call-{code}", "outbound.number_unknown", "call", code) for code in (404, 484, 604)),
    *(row(f"call-{code}", "outbound.downstream", "call", code) for code in (408, 504)),
    row("dead-next-hop", "outbound.downstream", "call", 408),
    *(row(f"call-{code}", "outbound.loop", "call", code) for code in (482, 483)),
    *(row(f"call-{code}", "outbound.trouble", "call", code) for code in (500, 502, 503)),
    row("redirect", "outbound.redirected", "call", 302),
    row("challenged-again", "outbound.odd", "call", 407),
    row("normal", "outbound.credentials_rejected", "call", 407, password=WRONG),
    row("normal", "outbound.credentials_needed", "call", 407, password=None),
    row("invite-unknown-algorithm", "outbound.unsupported_challenge", "call", 407),
    row("trying-only", "outbound.only_trying", "call"),
    row("not-listed", "outbound.silent", "call", None),
    row("instant-answer", "outbound.answered", "call", 200),
    row("late-200", "outbound.answered", "call", 200),
    row("late-200-forked", "outbound.answered", "call", 200),
    row("cancel-481", "outbound.answered", "call", 200),
    row("cancel-silent", "outbound.authorized", "call", 487),
    row("rings-and-rings", "outbound.authorized", "call"),
    row("three-copies", "outbound.authorized", "call"),
    row("normal", "outbound.not_allowed", "forbidden call", None, ()),
]


def ask(where, question, **options):
    match question:
        case "call":
            return call(where, **options)
        case "credentials+call":
            return probe(where, "credentials", CALLED, allow_outbound_call=True, **options)
        case "forbidden call":
            return probe(where, "outbound", CALLED, **options)
        case _:
            return probe(where, question, **options)


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_the_verdict_table(peer, row):
    peer.scenario = row.scenario
    found = ask(target(peer, **row.changes), row.ask)
    assert (found.verdict, found.status) == (row.verdict, VERDICTS[row.verdict].status)
    if row.code is not None:
        assert found.sip_code == row.code
    if row.methods is not None:
        assert peer.journal.methods == list(row.methods)
    answered = row.verdict == "outbound.answered"
    assert found.billable_risk is answered
    # The `peer` fixture judges the rest: no call, no binding, no connection, no broken rule, no stray datagram.


# --- The same on every transport -------------------------------------------------------------------------------------


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize(
    ("scenario", "question", "verdict"),
    [
        ("normal", "options", "reachability.answered"),
        ("sha-256", "credentials", "credentials.valid"),
        ("rings", "call", "outbound.authorized"),
        ("late-200-forked", "call", "outbound.answered"),
        ("at-once-486", "call", "outbound.authorized"),
        ("huge-header", "credentials", "credentials.valid"),
        ("three-copies", "call", "outbound.authorized"),
    ],
)
def test_every_transport(peer, transport, scenario, question, verdict):
    peer.scenario = scenario
    found = ask(target(peer, transport), question)
    assert found.verdict == verdict
    assert found.peer == f"{transport}:127.0.0.1:{peer.port(transport)}"
    assert {seen.transport for seen in peer.journal.seen} == {transport}, "nothing falls back to another"


@contextlib.contextmanager
def tcp_server(serve):
    """Run a TCP server that is no SIP server."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(5)
        listening.settimeout(5)

        def run():
            with contextlib.suppress(OSError), listening.accept()[0] as made:
                made.settimeout(5)
                serve(made)

        thread = threading.Thread(target=run)
        thread.start()
        yield listening.getsockname()[1]
        thread.join(6)


def closes_at_once(made):
    made.recv(10)


def says_nothing(made):
    while made.recv(4096):
        pass


def speaks_nonsense(made):
    made.recv(4096)
    made.sendall(b"SSH-2.0-OpenSSH_9.2\r\n" + b"x" * 70_000 + b"\r\n\r\n")
    says_nothing(made)


class TestTransport:
    def test_udp_has_nothing_to_open(self, peer):
        assert probe(target(peer), "connect").verdict == "transport.connectionless"

    def test_tcp_opens(self, peer):
        assert probe(target(peer, "tcp"), "connect").verdict == "transport.open"

    def test_tls_opens_with_a_good_certificate(self, peer):
        found = probe(target(peer, "tls"), "connect")
        assert found.verdict == "tls.open"
        assert "TLSv1.3" in found.message

    @pytest.mark.parametrize("transport", ["udp", "tcp"])
    def test_a_closed_port_is_refused_at_once(self, peer, transport):
        found = probe(target(peer, transport, port=free_port("udp", "tcp")), "options")
        assert found.verdict == "transport.refused"
        assert found.elapsed < BUDGETS.options / 2

    def test_a_host_that_drops_connections(self, peer):
        """A full backlog drops SYNs, as a firewall does."""
        with contextlib.ExitStack() as open_sockets:
            listening = open_sockets.enter_context(socket.socket())
            listening.bind(("127.0.0.1", 0))
            listening.listen(0)
            for _ in range(4):
                filling = open_sockets.enter_context(socket.socket())
                filling.setblocking(False)
                filling.connect_ex(listening.getsockname())
            time.sleep(0.1)
            found = probe(target(peer, "tcp", port=listening.getsockname()[1]), "options")
        assert found.verdict == "transport.no_answer"
        assert found.elapsed == pytest.approx(BUDGETS.connect, abs=0.5)

    def test_a_far_end_that_closes(self, peer):
        with tcp_server(closes_at_once) as port:
            assert probe(target(peer, "tcp", port=port), "options").verdict == "transport.closed"

    def test_a_far_end_that_is_no_sip_server(self, peer):
        with tcp_server(speaks_nonsense) as port:
            assert probe(target(peer, "tcp", port=port), "options").verdict == "answer.malformed"

    def test_a_negative_length_ends_a_stream(self, peer):
        peer.scenario = "negative-length"
        assert probe(target(peer, "tcp"), "options").verdict == "answer.malformed"

    @pytest.mark.parametrize("serve", [says_nothing, speaks_nonsense])
    def test_a_port_without_tls(self, peer, serve):
        with tcp_server(serve) as port:
            found = probe(target(peer, "tls", port=port), "options")
        assert found.verdict == "tls.failed"
        assert found.elapsed < BUDGETS.tls + 1.0

    def test_an_unknown_authority(self, loose_peer):
        found = probe(target(loose_peer, "tls", ca_file=None), "credentials")
        assert found.verdict == "tls.untrusted"
        assert loose_peer.journal.methods == []

    @pytest.mark.parametrize("domain", ["elsewhere.test", "sub.trunk.test"])
    def test_a_certificate_for_another_name(self, loose_peer, domain):
        found = probe(target(loose_peer, "tls", domain=domain), "credentials")
        assert found.verdict == "tls.name"
        assert domain in found.message
        assert loose_peer.journal.methods == []

    def test_the_configured_domain_is_the_name_and_not_the_address(self):
        with SipPeer(certificate_names=["127.0.0.1"]) as peer:
            assert probe(target(peer, "tls"), "connect").verdict == "tls.name"


# --- Passwords are sent once ------------------------------------------------------------------------------------------


class TestRestraint:
    def test_a_refused_password_is_held_back(self, peer):
        wrong = target(peer, password=WRONG)
        assert probe(wrong, "credentials").verdict == "credentials.rejected"
        peer.journal.clear()
        assert probe(wrong, "credentials").verdict == "credentials.held_back"
        assert call(wrong).verdict == "outbound.held_back"
        assert peer.journal.methods == []
        assert probe(target(peer), "credentials").verdict == "credentials.valid"

    def test_a_carrier_that_locks_out_is_not_provoked(self, peer):
        peer.scenario = "lock-out"
        for _ in range(5):
            probe(target(peer, password=WRONG), "credentials")
        assert peer.registrar.wrong["127.0.0.1"] == 1
        assert probe(target(peer), "credentials").verdict == "credentials.valid"

    def test_a_locked_account_says_that_it_may_be_locked(self, peer):
        peer.scenario = "lock-out"
        peer.registrar.wrong["127.0.0.1"] = 3
        found = probe(target(peer), "credentials")
        assert (found.verdict, found.sip_code) == ("credentials.rejected", 403)
        assert "locked" in found.message

    def test_a_second_realm_is_no_wrong_password(self, peer):
        peer.scenario = "challenged-again"
        call(target(peer))
        peer.scenario = "normal"
        assert probe(target(peer), "credentials").verdict == "credentials.valid", "it was not held back"

    def test_two_probes_of_one_trunk_take_turns(self, loose_peer):
        loose_peer.scenario = "register-silent"
        where, short = target(loose_peer), Budgets(register=1.0, whole=0.5)

        async def both():
            async with Prober(where, budgets=Budgets(register=1.0)) as first, Prober(where, budgets=short) as second:
                return await asyncio.gather(first.credentials(), second.credentials())

        assert [found.verdict for found in asyncio.run(both())] == ["credentials.silent", "probe.busy"]

    def test_the_whole_probe_is_bounded(self, peer):
        peer.scenario = "silent"
        began = time.monotonic()

        async def run():
            async with Prober(target(peer), budgets=Budgets(options=0.4, register=5, whole=0.6)) as prober:
                return [await prober.options(), await prober.credentials(), await prober.options()]

        found = [each.verdict for each in asyncio.run(run())]
        assert found == ["reachability.silent", "credentials.silent", "probe.out_of_time"]
        assert time.monotonic() - began < 2.5


# --- Calls are never left up ------------------------------------------------------------------------------------------


class TestNoCallIsLeft:
    @pytest.mark.parametrize("scenario", ["late-ring", "late-answer"])
    def test_what_comes_after_the_verdict_is_ended(self, peer, scenario):
        """The fixture sees the CANCEL, or the ACK and the BYE, that follow a verdict of silence."""
        peer.scenario = scenario
        budgets = Budgets(first_provisional=0.5, ring=0.3, linger=6.0)
        assert call(target(peer), budgets=budgets).verdict == "outbound.silent"
        assert "CANCEL" in peer.journal.methods if scenario == "late-ring" else "BYE" in peer.journal.methods

    def test_no_cancel_before_a_provisional_answer(self, peer):
        peer.scenario = "not-listed"
        call(target(peer))
        assert "CANCEL" not in peer.journal.methods

    def test_a_peer_that_is_deaf_to_cancel_is_let_go(self, loose_peer):
        loose_peer.scenario = "deaf-to-cancel"
        began = time.monotonic()
        found = call(target(loose_peer), budgets=Budgets(ring=0.3, linger=1.0))
        assert found.verdict == "outbound.authorized"
        assert found.billable_risk, "nobody said that it ended"
        assert time.monotonic() - began < 8
        assert loose_peer.journal.methods.count("INVITE") >= 2
        assert all("still rings" in left for left in loose_peer.leftovers())

    @pytest.mark.parametrize("scenario", ["rings", "late-200", "trying-only", "answers"])
    def test_a_cancelled_task_hangs_up(self, peer, scenario):
        peer.scenario = scenario

        async def abandoned():
            async with Prober(target(peer), budgets=Budgets(ring=3.0, linger=3.0)) as prober:
                task = asyncio.create_task(prober.outbound(CALLED, allow_outbound_call=True, hold=3.0))
                await asyncio.sleep(0.15)
                task.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await task

        asyncio.run(abandoned())
        assert "CANCEL" in peer.journal.methods

    def test_hold_lets_it_ring(self, peer):
        peer.scenario = "call-486"
        found = call(target(peer), hold=0.5)
        assert (found.verdict, found.sip_code) == ("outbound.authorized", 486)
        assert found.held == pytest.approx(0.1, abs=0.3)

    def test_at_most_one_call_carries_credentials(self, peer):
        call(target(peer))
        proofs = [r for r in peer.journal.requests if r.method == "INVITE" and r.get("proxy-authorization")]
        assert len(proofs) == 1

    def test_nothing_is_offered_that_could_be_answered(self, peer):
        peer.scenario = "ip-authenticated"
        call(target(peer))
        invite = peer.journal.requests[0]
        assert b"m=audio" in invite.body
        assert b"PCMU" not in invite.body
        assert invite.get("expires")


def test_no_ping_pong_of_acknowledgements():
    """A far end repeats its refusal whenever it is acknowledged, as sipp 3.6.1 does: RFC timers send it 11 times at most."""
    acknowledged = []

    def refuse(udp):
        with contextlib.suppress(OSError):
            while True:
                data, source = udp.recvfrom(4096)
                if data.startswith(b"ACK"):
                    acknowledged.append(data)
                head = data.decode().replace(" ACK\r\n", " INVITE\r\n").partition("\r\n")[2]
                to = "" if ";tag=far" in head else ";tag=far"
                head = "".join(
                    f"{line}{to}\r\n" if line.startswith("To:") else f"{line}\r\n" for line in head.split("\r\n")[:7]
                )
                udp.sendto(f"SIP/2.0 486 Busy Here\r\n{head}Content-Length: 0\r\n\r\n".encode(), source)

    with SipPeer() as peer, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.bind(("127.0.0.1", 0))
        udp.settimeout(3)
        thread = threading.Thread(target=refuse, args=(udp,))
        thread.start()
        found = call(target(peer, port=udp.getsockname()[1]))
        thread.join(10)
    assert (found.verdict, found.sip_code) == ("outbound.authorized", 486)
    assert 2 <= len(acknowledged) <= 15


def test_no_socket_is_left():
    """Probes on every transport, verdicts good and bad, from synchronous code: the process has as many descriptors after."""

    async def one(where, question):
        async with Prober(where, budgets=Budgets(options=0.3, register=0.3, ring=0.3, linger=1.0)) as prober:
            arguments = {"allow_outbound_call": True} if question == "outbound" else {}
            return await getattr(prober, question)(*([CALLED] if arguments else []), **arguments)

    process = psutil.Process()
    with SipPeer() as peer:
        run(one(target(peer), "options"))  # starts the background loop, which stays
        before = process.num_fds()
        for scenario in ("normal", "silent", "late-200", "garbage", "call-403"):
            peer.scenario = scenario
            for transport in TRANSPORTS:
                for question in ("options", "credentials", "outbound"):
                    run(one(target(peer, transport), question))
        run(one(target(peer, "tls", ca_file=None), "options"))
        run(one(target(peer, "tcp", port=free_port("tcp")), "options"))
        assert drain(10)
        assert peer.settle() == ()
        assert process.num_fds() == before


# --- Loss -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "question", "verdict"),
    [
        ({}, "options", "reachability.answered"),
        ({}, "credentials", "credentials.valid"),
        ({"password": WRONG}, "credentials", "credentials.rejected"),
        ({}, "call", "outbound.authorized"),
    ],
)
def test_one_datagram_of_five_lost(loose_peer, change, question, verdict):
    """The verdicts are the same. An ACK of a refusal may be lost for good; then the far end repeats itself, no more."""
    loose_peer.scenario = "lossy"
    for _ in range(3):
        forget_rejections()
        found = ask(target(loose_peer, **change), question, budgets=UNRELIABLE)
        assert found.verdict == verdict
    assert all("was not acknowledged" in left for left in loose_peer.settle(0.5))
    assert (loose_peer.journal.violations, loose_peer.journal.strays) == ([], [])


def test_an_answer_is_hung_up_through_loss(loose_peer):
    loose_peer.scenario = replace(SCENARIOS["late-200"], loss=0.2)
    found = call(target(loose_peer), budgets=replace(UNRELIABLE, linger=5.0))
    assert (found.verdict, found.billable_risk) == ("outbound.answered", True)
    assert loose_peer.settle(1) == ()


# --- Secrets ----------------------------------------------------------------------------------------------------------


def test_no_secret_in_what_is_shown(peer, caplog):
    caplog.set_level(0)
    account = SipAccount("alice", "Sup3r-$ecret-canary")
    peer.registrar.accounts[:] = [account]
    where = target(peer, password=SecretStr(account.password))
    trace = Trace()
    found = [ask(where, question, trace=trace) for question in ("credentials", "call")]
    text = "\n".join([repr(where), repr(found), trace.ladder(), repr(trace.entries), caplog.text])
    assert [each.verdict for each in found] == ["credentials.valid", "outbound.authorized"]
    assert account.password not in text
    assert "401" in trace.ladder()
    assert "wonderland" not in text


def test_terminal_escapes_of_the_peer_do_not_reach_anybody(peer):
    peer.scenario = "control-characters"
    trace = Trace()
    found = probe(target(peer), "options", trace=trace)
    assert "\x1b" not in found.message + found.reason + trace.ladder()


def test_every_verdict_comes_from_a_peer():
    """Each row of the table is asked for by name here or in test_real_peers.py, where a peer must produce it."""
    here = Path(__file__)
    asked = here.read_text() + here.with_name("test_real_peers.py").read_text()
    assert [code for code in VERDICTS if f'"{code}"' not in asked] == []


def test_every_scenario_has_its_name_and_sentence():
    assert all(scenario.name == name and scenario.summary.endswith(".") for name, scenario in SCENARIOS.items())
