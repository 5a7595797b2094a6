"""What probing a SIP trunk takes: messages, many probes at once, loss, dead hosts, and the parser.

The carrier is kamailio (Debian's package) on loopback; without it, what needs it is not measured, and said so.
*Messages* are counted by a UDP relay in between; a round trip is a turn from sending to hearing. *Many probes* is a
process of its own: each probe has a customer of its own (one trunk is probed once at a time), asks OPTIONS and REGISTER,
and closes; memory is resident memory after the first 400 and at the end, sockets are the process's open descriptors.
*Loss* puts a relay in between that loses one datagram of five in each direction. *Dead hosts* never answer; the figure
is the time that it took over the time that was configured. *Parser*: the answers that kamailio gave, beside sipmessage
0.7 (PyPI, `pip install sipmessage`; it is no development dependency, as nothing else would use it); medians of
interleaved rounds.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import shutil
import socket
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from pydantic import SecretStr
from tests.sip.peers import kamailio as kam
from tests.sip.peers.relay import Relay, lossy_relay

import voipkit
from benchmarks.measuring import compare, python
from benchmarks.table import Row
from voipkit.sip import Budgets, Prober, Target, forget_rejections
from voipkit.sip import run as run_probe
from voipkit.sip.digest import Credentials, challenges_of, choose
from voipkit.sip.message import Response, parse

PROBES, AT_ONCE, WARM = 1_000, 100, 400
LOSSY_RUNS = 6
PARSED, ROUNDS = 500, 15
PATIENT = Budgets(options=8.0, register=8.0, first_provisional=8.0, ring=1.0, linger=8.0, whole=40.0)
HURRIED = Budgets(
    dns=0.5, connect=0.5, tls=0.5, options=0.5, register=0.5, first_provisional=0.5, linger=1.0, whole=3.0
)


def run() -> list[Row]:
    """Measure."""
    rows: list[Row] = []
    if shutil.which("kamailio", path="/usr/sbin:/usr/bin:/usr/local/sbin"):
        with tempfile.TemporaryDirectory() as folder, kam.kamailio(Path(folder)) as carrier:
            rows += [*_messages(carrier), *_many(carrier), *_loss(carrier), *_parsing(_answers(carrier))]
    else:
        rows.append(("SIP: messages, many probes, loss, parser", "not measured: kamailio is not installed", ""))
    return [*rows, *_dead_hosts()]


# --- Messages ---------------------------------------------------------------------------------------------------------


def _messages(carrier: kam.Kamailio) -> list[Row]:
    number = "+14155550100"
    calling = {
        "numbers": [number],
        "caller_id": number,
        "probe_number": "+14155550199",
        "allow_outbound_call": True,
    }
    rows = []
    for name, sip_config, most in (("", {}, 6), (", with a probe call", calling, 12)):
        with lossy_relay(carrier.address(), loss=0.0) as relay:
            _opened(relay, sip_config).test_credentials()
        directions = [direction for direction, _ in relay.passed]
        turns = sum(
            now == "out" and before != "out" for now, before in zip(directions, ["", *directions], strict=False)
        )
        kinds = ", ".join(
            data.split(b" SIP/2.0")[0].split()[0 if direction == "out" else 1].decode()
            for direction, data in relay.passed
        )
        rows.append(
            (f"manual: test_credentials{name}, messages over UDP", f"{len(directions)} ({kinds})", f"at most {most}")
        )
        rows.append(
            (
                f"manual: test_credentials{name}, round trips",
                f"{turns} ({sum(len(d) for _, d in relay.passed):,} bytes)",
                "",
            )
        )
    return rows


def _opened(relay: Relay, sip_config: dict[str, Any]) -> voipkit.Provider:
    host, port = relay.address
    user, password = kam.ALICE
    return voipkit.open_provider(
        "manual",
        {"host": host, "port": port, "transport": "udp", "username": user, "password": password},
        sip_config={"domain": "trunk.test", **sip_config},
        http=voipkit.HttpOptions(allow_private=True),
    )


# --- Many probes at once ----------------------------------------------------------------------------------------------


def _many(carrier: kam.Kamailio) -> list[Row]:
    rows = []
    for transport in ("udp", "tcp", "tls"):
        given = json.dumps([transport, carrier.ports[transport], carrier.ca_file])
        seen = json.loads(python("-m", "benchmarks.bench_sip", given).splitlines()[-1])
        name = f"{PROBES:,} probes, {AT_ONCE} at once, {transport}"
        verdicts = ", ".join(f"{verdict} {count}" for verdict, count in seen["verdicts"].items())
        rows += [
            (
                f"{name}: lost",
                f"{PROBES - seen['verdicts'].get('credentials.valid', 0)} ({verdicts}; {seen['seconds']:.1f} s)",
                "at most 0",
            ),
            (
                f"{name}: memory grown after {WARM}",
                f"{seen['grown'] / 1e6:.1f} MB (end: {seen['held'] / 1e6:.0f} MB)",
                "at most 2 MB",
            ),
            (f"{name}: sockets left open", f"{seen['left']}", "at most 0"),
        ]
    return rows


async def _load(transport: str, port: int, ca_file: str) -> dict[str, Any]:
    """Probe many customers of kamailio, and report."""
    import gc

    import psutil

    process = psutil.Process()
    turns, verdicts = asyncio.Semaphore(AT_ONCE), Counter[str]()

    async def one(number: int) -> None:
        where = Target(
            "127.0.0.1", port, transport, domain="trunk.test", username=f"load{number}",  # type: ignore[arg-type]
            password=SecretStr(kam.LOAD_PASSWORD), ca_file=ca_file if transport == "tls" else None, allow_private=True,
        )  # fmt: skip
        async with turns, Prober(where) as prober:
            options, found = await prober.options(), await prober.credentials()
        verdicts[found.verdict if options.verdict == "reachability.answered" else options.verdict] += 1

    before, began = process.num_fds(), time.monotonic()
    await asyncio.gather(*(one(number) for number in range(WARM)))
    gc.collect()
    warm = process.memory_info().rss
    await asyncio.gather(*(one(number) for number in range(WARM, PROBES)))
    gc.collect()
    held = process.memory_info().rss
    seconds = time.monotonic() - began
    return {
        "verdicts": verdicts,
        "grown": held - warm,
        "held": held,
        "left": process.num_fds() - before,
        "seconds": seconds,
    }


# --- Loss -------------------------------------------------------------------------------------------------------------


def _loss(carrier: kam.Kamailio) -> list[Row]:
    other, lost, slowest = 0, 0, 0.0
    for seed in range(LOSSY_RUNS):
        whole = _verdicts(*carrier.address(), Budgets())
        with lossy_relay(carrier.address(), loss=0.2, seed=seed) as relay:
            began = time.monotonic()
            other += _verdicts(*relay.address, PATIENT) != whole
            slowest = max(slowest, time.monotonic() - began)
        lost += len(relay.lost)
    measured = f"{other} ({lost} datagrams lost; slowest {slowest:.1f} s)"
    return [(f"{LOSSY_RUNS} probes through 20 % loss: other verdicts than without", measured, "at most 0")]


def _verdicts(host: str, port: int, budgets: Budgets) -> list[str]:
    async def probe(password: str) -> list[str]:
        where = Target(
            host, port, "udp", domain="trunk.test", username="alice", password=SecretStr(password),
            from_user=kam.CALLER, allow_private=True,
        )  # fmt: skip
        async with Prober(where, budgets=budgets) as prober:
            found = [await prober.options(), await prober.credentials()]
            if password == kam.ALICE[1]:
                found.append(await prober.outbound(kam.NOBODY + "000", allow_outbound_call=True))
        return [each.verdict for each in found]

    forget_rejections()
    return [*run_probe(probe(kam.ALICE[1])), *run_probe(probe("not-the-password"))]


# --- Dead hosts -------------------------------------------------------------------------------------------------------


def _dead_hosts() -> list[Row]:
    rows = []
    for name, opened, transport in (
        ("silent UDP port", _silent_udp, "udp"),
        ("host that drops SYNs", _full_backlog, "tcp"),
        ("port that speaks no TLS", _silent_tcp, "tls"),
    ):
        with opened() as port:
            forget_rejections()
            began = time.monotonic()
            verdict = run_probe(
                _asked(Target("127.0.0.1", port, transport, username="a", password=SecretStr("b"), allow_private=True))
            )  # type: ignore[arg-type]
            took = time.monotonic() - began
        rows.append((f"{name}: time / configured", f"{took / 0.5:.2f} ({took:.2f} / 0.50 s; {verdict})", "at most 1.2"))
    return rows


async def _asked(where: Target) -> str:
    async with Prober(where, budgets=HURRIED) as prober:
        return (await prober.options()).verdict


@contextlib.contextmanager
def _silent_udp() -> Iterator[int]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        yield silent.getsockname()[1]


@contextlib.contextmanager
def _silent_tcp() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        yield silent.getsockname()[1]


@contextlib.contextmanager
def _full_backlog() -> Iterator[int]:
    with contextlib.ExitStack() as stack:
        full = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        for _ in range(4):
            filling = stack.enter_context(socket.socket())
            filling.setblocking(False)
            filling.connect_ex(full.getsockname())
        time.sleep(0.1)
        yield full.getsockname()[1]


# --- Parser and digest ------------------------------------------------------------------------------------------------


def _answers(carrier: kam.Kamailio) -> list[bytes]:
    """Return what kamailio answered in one probe with a call."""
    with lossy_relay(carrier.address(), loss=0.0) as relay:
        _verdicts(*relay.address, Budgets())
    return [data for direction, data in relay.passed if direction == "in"]


def _parsing(answers: list[bytes]) -> list[Row]:
    challenge = next(answer for answer in answers if b"WWW-Authenticate" in answer)
    try:
        import sipmessage
    except ImportError:
        parsed, proved = _alone(_parse_ours(answers)), _alone(lambda: _prove_ours(challenge))
        note = "; sipmessage is not installed, so not compared"
        return [
            ("one SIP answer parsed", f"{parsed / len(answers) * 1e6:.0f} µs{note}", ""),
            ("one challenge read and answered (MD5)", f"{proved * 1e6:.0f} µs{note}", ""),
        ]

    def parse_theirs() -> None:
        for answer in answers:
            message = sipmessage.Message.parse(answer)
            assert message.cseq.sequence
            assert message.via

    def prove_theirs() -> str:
        asked = sipmessage.Message.parse(challenge).www_authenticate
        assert asked is not None
        return _by_hand(sipmessage, dict(asked.parameters))

    return [
        _ratio("one SIP answer parsed, CSeq and Via read", _parse_ours(answers), parse_theirs, len(answers)),
        _ratio(
            "one challenge read and answered (MD5; theirs with hashlib by hand)",
            lambda: _prove_ours(challenge),
            prove_theirs,
            1,
        ),
    ]


def _parse_ours(answers: list[bytes]) -> Callable[[], None]:
    def parse_ours() -> None:
        for answer in answers:
            message = parse(answer)
            assert isinstance(message, Response)
            assert message.cseq[0]
            assert message.branch

    return parse_ours


def _prove_ours(challenge: bytes) -> str:
    message = parse(challenge)
    assert isinstance(message, Response)
    asked = choose(challenges_of(message))
    assert asked is not None
    return Credentials(*kam.ALICE, asked).header("REGISTER", "sip:trunk.test")[1]


def _by_hand(sipmessage: Any, asked: dict[str, str]) -> str:
    def hashed(*parts: str) -> str:
        return hashlib.md5(":".join(parts).encode(), usedforsecurity=False).hexdigest()

    user, password = kam.ALICE
    first, second = hashed(user, asked["realm"], password), hashed("REGISTER", "sip:trunk.test")
    given = {
        "username": user, "realm": asked["realm"], "nonce": asked["nonce"], "uri": "sip:trunk.test", "algorithm": "MD5",
        "qop": "auth", "nc": "00000001", "cnonce": "0a4f113b",
        "response": hashed(first, asked["nonce"], "00000001", "0a4f113b", "auth", second),
    }  # fmt: skip
    return str(sipmessage.AuthCredentials(scheme="Digest", parameters=sipmessage.AuthParameters(**given)))


def _ratio(figure: str, ours: Callable[[], object], theirs: Callable[[], object], each: int) -> Row:
    times = compare({"ours": _often(ours), "theirs": _often(theirs)}, ROUNDS)
    mine, other = (times[name] / PARSED / each for name in ("ours", "theirs"))
    return f"{figure}: voipkit / sipmessage", f"{mine / other:.2f} ({mine * 1e6:.1f} / {other * 1e6:.1f} µs)", ""


def _often(work: Callable[[], object]) -> Callable[[], None]:
    def often() -> None:
        for _ in range(PARSED):
            work()

    return often


def _alone(work: Callable[[], object]) -> float:
    return compare({"ours": _often(work)}, ROUNDS)["ours"] / PARSED


if __name__ == "__main__":
    print(json.dumps(asyncio.run(_load(*json.loads(sys.argv[1])))))
