"""The router beside a bare FastAPI route that does the same query, and `voipkit serve` under load.

Both routes are in one application over one SQLite store of 1,000 numbers, asked in turns by plain ASGI calls in this
process, without a socket: the bare route has no authentication, no tenant and no answer model, and runs in a thread as
FastAPI does with a plain function. CPU is this process's, threads included.

Load: `voipkit serve` on PostgreSQL, one process, sandbox carrier; 200 clients of another process ask one request after
another for 30 seconds over connections that are kept: pages of 20 numbers, single numbers, connections, and one label
change in twenty. Both processes and the database share the machine's cores, so the latency is mostly queueing.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from statistics import quantiles
from typing import Any

from benchmarks.measuring import ROOT, compare
from benchmarks.table import Row

ROUNDS, CALLS = 15, 100
NUMBERS, CLIENTS, SECONDS = 1_000, 200, 30.0
TOKEN = "a-token-of-a-benchmark"
ORG = "default"


def run() -> list[Row]:
    """Measure."""
    return [*overhead(), *load()]


# --- overhead --------------------------------------------------------------------------------------------------------


def overhead() -> list[Row]:
    """Compare each pair of routes."""
    from pydantic import SecretStr

    from voipkit.evidence import KeyRing, generate_key
    from voipkit.service import ConnectionService
    from voipkit.store import SqlStore
    from voipkit.web import create_app

    with tempfile.TemporaryDirectory() as folder:
        store = SqlStore(Path(folder) / "voipkit.db")
        store.upgrade()
        number_id = filled(store)
        app = create_app(
            ConnectionService(store, KeyRing.from_text(generate_key())), token=SecretStr(TOKEN), org_id=ORG
        )

        @app.get("/bare/number")
        def bare_number() -> Any:
            with store.transaction(ORG, read_only=True) as tx:
                return tx.number(number_id).model_dump()

        @app.get("/bare/numbers")
        def bare_numbers() -> Any:
            with store.transaction(ORG, read_only=True) as tx:
                return [number.model_dump() for number in tx.numbers(limit=100).items]

        rows = []
        for what, bare, ours in (
            ("one number", "/bare/number", f"/v1/phone-numbers/{number_id}"),
            ("100 of 1,000 numbers", "/bare/numbers", "/v1/phone-numbers?limit=100"),
        ):
            calls = {
                name: lambda path=path: asyncio.run(asked(app, path)) for name, path in (("bare", bare), ("ours", ours))
            }
            wall, cpu = compare(calls, ROUNDS), compare(calls, ROUNDS, time.process_time)
            ratios = f"{wall['ours'] / wall['bare']:.2f} in wall time, {cpu['ours'] / cpu['bare']:.2f} in CPU"
            more = f"{(wall['ours'] - wall['bare']) / CALLS * 1e6:+.0f} µs"
            times = f"{wall['ours'] / CALLS * 1e3:.2f} / {wall['bare'] / CALLS * 1e3:.2f} ms"
            rows.append((f"{what}: the router over a bare route, per request", f"{ratios} ({more}; {times})", ""))
        store.close()
    return rows


async def asked(app: Any, path: str) -> None:
    """Ask for a path many times, one after another."""
    route, _, query = path.partition("?")
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "GET", "scheme": "http",
        "path": route, "raw_path": route.encode(), "query_string": query.encode(), "root_path": "",
        "headers": [(b"host", b"bench"), (b"authorization", f"Bearer {TOKEN}".encode())],
        "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 80),
    }  # fmt: skip

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        assert message.get("status", 200) == 200, message

    for _ in range(CALLS):
        await app(dict(scope), receive, send)


def filled(store: Any) -> int:
    """Put a connection with numbers into a store; returns the id of one of them."""
    from voipkit.models import NewConnection, NewPhoneNumber

    with store.transaction(ORG) as tx:
        connection = tx.add_connection(NewConnection(name="Bench", provider="telnyx", setup_method="api_key"))
        numbers = [NewPhoneNumber(number=f"+1555{n:07}", voip_connection_id=connection.id) for n in range(NUMBERS)]
        return int(tx.add_numbers(numbers)[NUMBERS // 2].id)


# --- load ------------------------------------------------------------------------------------------------------------


def load() -> list[Row]:
    """Let many clients ask a server in a process of its own."""
    with database() as url:
        from voipkit.store import SqlStore

        store = SqlStore(url)
        number_id = filled(store)
        store.close()
        with serving(url) as port:
            done = subprocess.run(
                [sys.executable, "-m", "benchmarks.bench_web", str(port), str(number_id)],
                cwd=ROOT, capture_output=True, text=True, check=True, timeout=4 * SECONDS,
            )  # fmt: skip
    seen = json.loads(done.stdout)
    errors = {status: count for status, count in seen["statuses"].items() if status != "200"}
    return [
        (
            f"{CLIENTS} clients for {SECONDS:.0f} s on PostgreSQL: answers that are no 200",
            f"{sum(errors.values())} {errors or ''}",
            "at most 0",
        ),
        ("the same: requests", f"{seen['requests']:,} ({seen['requests'] / seen['seconds']:.0f} a second)", ""),
        ("the same: latency, median", f"{seen['p50'] * 1e3:.0f} ms", ""),
        (
            "the same: latency, 99 of 100 within",
            f"{seen['p99'] * 1e3:.0f} ms (longest {seen['longest'] * 1e3:.0f} ms)",
            "",
        ),
    ]


@contextmanager
def database() -> Iterator[str]:
    """Start PostgreSQL as the tests do."""
    from tests.postgres import Postgres, _binaries

    binaries = _binaries()
    if binaries is None:
        msg = "PostgreSQL's server is not installed: apt-get install postgresql"
        raise RuntimeError(msg)
    server = Postgres(binaries)
    try:
        yield server.fresh()
    finally:
        server.remove()


@contextmanager
def serving(url: str) -> Iterator[int]:
    """Run `voipkit serve`."""
    from voipkit.evidence import generate_key

    process = subprocess.Popen(
        [sys.executable, "-m", "voipkit.cli", "serve", "--port", "0", "--json"],
        cwd=ROOT, stdout=subprocess.PIPE, text=True,
        env={**os.environ, "VOIPKIT_DATABASE_URL": url, "VOIPKIT_API_TOKEN": TOKEN, "VOIPKIT_SECRET_KEY": generate_key()},
    )  # fmt: skip
    try:
        assert process.stdout
        yield int(json.loads(process.stdout.readline())["url"].rpartition(":")[2])
    finally:
        process.terminate()
        process.communicate(timeout=60)


# --- the clients, in a process of their own --------------------------------------------------------------------------


async def clients(port: int, number_id: int) -> dict[str, Any]:
    """Ask until the time is over; a small client of our own, as httpx would take more CPU than the server."""
    statuses: Counter[str] = Counter()
    times: list[float] = []
    began = time.monotonic()

    async def one(client: int) -> None:
        async with connected(port) as (reader, writer):
            turn = client
            while time.monotonic() - began < SECONDS:
                turn += 1
                sent = time.monotonic()
                writer.write(request(turn, number_id))
                statuses[await answer(reader)] += 1
                times.append(time.monotonic() - sent)

    await asyncio.gather(*(one(client) for client in range(CLIENTS)))
    cuts = quantiles(times, n=100)
    return {
        "requests": len(times), "seconds": time.monotonic() - began, "statuses": statuses,
        "p50": cuts[49], "p99": cuts[98], "longest": max(times),
    }  # fmt: skip


@asynccontextmanager
async def connected(port: int) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """Open a connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        yield reader, writer
    finally:
        writer.close()


def request(turn: int, number_id: int) -> bytes:
    """Write the request whose turn it is."""
    method, path, body = "GET", f"/v1/phone-numbers/{number_id - turn % 100}", ""
    if turn % 20 == 0:
        method, body = "PATCH", json.dumps({"label": f"Label {turn}"})
    elif turn % 4 == 0:
        path = "/v1/phone-numbers?limit=20"
    elif turn % 4 == 1:
        path = "/v1/voip-connections?limit=20"
    head = f"{method} {path} HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {TOKEN}\r\n"
    if body:
        head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
    return f"{head}\r\n{body}".encode()


async def answer(reader: asyncio.StreamReader) -> str:
    """Read an answer and return its status."""
    head = (await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 60)).decode()
    length = next(int(line[15:]) for line in head.splitlines() if line.lower().startswith("content-length:"))
    await asyncio.wait_for(reader.readexactly(length), 60)
    return head.split(" ", 2)[1]


if __name__ == "__main__":
    print(json.dumps(asyncio.run(clients(int(sys.argv[1]), int(sys.argv[2])))))
