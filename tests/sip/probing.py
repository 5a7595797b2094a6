"""How the tests of the prober ask: one probe each, with budgets for a loopback."""

from __future__ import annotations

import asyncio

from pydantic import SecretStr

from voipkit.sip import Budgets, Prober, Target

CALLED, CALLER = "+15550001234", "+15550100"
BUDGETS = Budgets(
    dns=1.5, connect=1.0, tls=1.0, options=1.5, register=1.5, first_provisional=1.5, ring=1.0, linger=2.0, whole=10.0
)
UNRELIABLE = Budgets(options=8.0, register=8.0, first_provisional=8.0, ring=1.0, linger=8.0, whole=40.0)


def target(peer, transport="udp", **changes):
    """Describe the scripted peer, as its customer would."""
    settings = {
        "host": peer.host,
        "port": peer.port(transport),
        "transport": transport,
        "domain": "trunk.test",
        "username": peer.account.username,
        "password": SecretStr(peer.account.password),
        "from_user": CALLER,
        "ca_file": str(peer.ca_file) if transport == "tls" else None,
        "allow_private": True,
    }
    return Target(**(settings | changes))


def probe(where, operation, *arguments, budgets=BUDGETS, trace=None, **options):
    """Run one operation of one prober, its guard included, and return the outcome."""

    async def run():
        async with Prober(where, budgets=budgets, trace=trace) as prober:
            return await getattr(prober, operation)(*arguments, **options)

    return asyncio.run(run())


def call(where, called=CALLED, caller=None, **options):
    """Place the call that may not be answered."""
    return probe(where, "outbound", called, caller, allow_outbound_call=True, **options)
