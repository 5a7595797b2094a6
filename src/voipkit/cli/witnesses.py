"""Who sees a call arrive: a listener on this machine, or the person at the keyboard. Calls are asked for first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from voipkit.cli import output
from voipkit.cli.guard import FAILED
from voipkit.cli.inputs import interactive
from voipkit.cli.trunks import host_and_port
from voipkit.errors import ConfigurationError, Unsupported
from voipkit.models import NumberVerification, Route
from voipkit.protocols import InboundWitness, Provider, SupportsDialIn

if TYPE_CHECKING:
    from voipkit.sip.witnesses import Expected

__all__ = ["Sources", "allow_call", "verify_with_witness", "witness_from"]

Sources = Annotated[
    list[str] | None,
    typer.Option(
        "--from",
        metavar="NETWORK",
        help="With a listener: where calls come from (CIDR), such as the carrier's; may be repeated. Others get no "
        "answer. Without it, this machine alone.",
    ),
]

_ANYWHERE = "0.0.0.0"  # noqa: S104 - only where the user gives a port and no host


@contextmanager
def witness_from(text: str, sources: Sequence[str] = ()) -> Iterator[InboundWitness]:
    """Make the witness that an option names.

    Args:
        text: ``human``, or the address of a listener: ``HOST:PORT`` or ``:PORT``.
        sources: Networks (CIDR) that calls come from; others are not answered. None means this machine alone.

    Raises:
        ConfigurationError: The text is neither, or nobody is there to dial.
    """
    if text == "human":
        if not interactive():
            raise ConfigurationError("Nobody is there to dial.", fix="Use --witness HOST:PORT for a listener.")
        from voipkit.sip.witnesses import HumanWitness

        yield HumanWitness(_ask_person)
        return
    host, port = host_and_port(text)
    if port is None:
        raise ConfigurationError(f"'{text}' is no witness.", fix="Write HOST:PORT for a listener, or human.")
    from voipkit.sip.witness import ListenerWitness

    allowed = {"sources": tuple(sources)} if sources else {}
    yield ListenerWitness(host.strip("[]") or _ANYWHERE, port, **allowed)


def _ask_person(expected: Expected) -> bool | None:
    output.note(
        f"Call {expected.called} now, from any phone, within {expected.window:g} seconds. Do not let it answer."
    )
    answer = str(typer.prompt("Did the call arrive where it should? (y)es, (n)o, (d)id not call", err=True))
    return {"y": True, "n": False}.get(answer.strip()[:1].lower())


def verify_with_witness(
    carrier: Provider, number: str, route: Route | None, witness: str, *, sources: Sequence[str], yes: bool
) -> NumberVerification:
    """Verify one number with a witness: say what it may cost, ask, and have it called.

    Raises:
        Unsupported: The carrier cannot have a call placed.
        typer.Exit: The answer was no.
    """
    if not isinstance(carrier, SupportsDialIn):
        raise Unsupported(
            f"{carrier.info.label} cannot have a call placed, so a witness has nothing to see.",
            fix="Leave --witness out; or use `voipkit sip dial-in` with a SIP trunk that may call the number.",
        )
    cost = carrier.dial_in_cost(number)
    with witness_from(witness, sources) as seer:
        if seer.needs_call:
            output.note(cost.note)
            allow_call(f"Call {number} at {carrier.info.label}?", yes=yes)
        return carrier.verify_number(number, route, witness=seer)


def allow_call(question: str, *, yes: bool) -> None:
    """Ask before a call is placed.

    Raises:
        ConfigurationError: Nobody is there to ask.
        typer.Exit: The answer was no.
    """
    if yes:
        return
    if not interactive():
        raise ConfigurationError("No call was placed: nobody is there to allow it.", fix="Add --yes.")
    if not typer.confirm(question, err=True):
        output.note("No call was placed.", "yellow")
        raise typer.Exit(FAILED)
