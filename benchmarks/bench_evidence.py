"""What issuing and verifying evidence costs beside PyJWT alone, on the same claims, in one run.

Times are medians of interleaved rounds, so a busy machine slows both sides alike.
"""

from __future__ import annotations

from collections.abc import Callable
from statistics import median
from time import perf_counter
from typing import ClassVar

import jwt
from jwt import PyJWK
from pydantic import SecretStr

from voipkit.evidence import KeyRing, MemorySpentEvidence, generate_key, issue, jwks, verify
from voipkit.models import (
    CarrierObject,
    Check,
    CredentialTest,
    NoSettings,
    ProviderInfo,
    Settings,
    SetupMethod,
    setting,
)

ROUNDS, CALLS, TARGET = 60, 20, 1.3


class Credentials(Settings):
    api_key: SecretStr = setting("API key", help="The account's key.")
    connection_id: str = setting("Connection", help="The connection's id.")


class Carrier:
    """The part of a provider that evidence looks at."""

    info: ClassVar[ProviderInfo] = ProviderInfo(
        id="bench",
        label="Bench",
        setup_methods=(SetupMethod(id="api_key", label="API key", credentials=Credentials),),
    )
    setup_method = "api_key"
    credentials = Credentials(api_key=SecretStr(generate_key()), connection_id="1293384261075731499")
    sip_config = NoSettings()


def credential_test() -> CredentialTest:
    """Six checks: what a real carrier's test has."""
    directions = ("account", "account", "inbound", "inbound", "outbound", "outbound")
    checks = tuple(
        Check(
            name=f"What was looked at {index}",
            direction=direction,
            status="pass",
            code=f"bench.object_{index}.ok",
            message="It is there, and it is enabled.",
            object=CarrierObject(type="connection", id="1293384261075731499", name="Main"),
        )
        for index, direction in enumerate(directions)
    )
    return CredentialTest(provider="bench", setup_method="api_key", checks=checks)


def compare(ours: Callable[[], object], theirs: Callable[[], object]) -> tuple[float, float]:
    """Median seconds of one call, of ours and of theirs."""
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(ROUNDS):
        for work, seen in zip((ours, theirs), times, strict=True):
            start = perf_counter()
            for _ in range(CALLS):
                work()
            seen.append((perf_counter() - start) / CALLS)
    return median(times[0]), median(times[1])


def run() -> list[tuple[str, str, str]]:
    """Measure; each row is figure, measured, target."""
    ring, carrier, test = KeyRing.from_text(generate_key()), Carrier(), credential_test()
    token = issue(ring, carrier, test)
    header, claims = jwt.get_unverified_header(token), jwt.decode(token, options={"verify_signature": False})
    public, private = PyJWK(jwks(ring)["keys"][0]).key, next(iter(ring._keys.values())).private
    tokens = iter([issue(ring, carrier, test) for _ in range(ROUNDS * CALLS)])
    spent = MemorySpentEvidence()

    issued = compare(
        lambda: issue(ring, carrier, test), lambda: jwt.encode(claims, private, algorithm="EdDSA", headers=header)
    )
    verified = compare(
        lambda: verify(ring, next(tokens), carrier, spent=spent),
        lambda: jwt.decode(token, public, algorithms=["EdDSA"], issuer="voipkit"),
    )
    return [
        row(f"evidence: {name} / PyJWT {peer}", *seconds)
        for name, peer, seconds in (("issue", "encode", issued), ("verify and spend", "decode", verified))
    ]


def row(figure: str, ours: float, theirs: float) -> tuple[str, str, str]:
    return figure, f"{ours / theirs:.2f} ({ours * 1e6:.0f} / {theirs * 1e6:.0f} µs)", f"at most {TARGET}"


if __name__ == "__main__":
    for figure, measured, target in run():
        print(f"{figure:45} {measured:25} {target}")
