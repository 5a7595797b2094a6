"""``voipkit sip``: one question to a SIP trunk, and the exchange as a ladder. No call is placed that was not allowed.

The same questions, as checks of an account, are `voipkit test manual` and `voipkit verify manual`.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from voipkit import registry
from voipkit.adapting.dialin import dial_in
from voipkit.adapting.numbers import e164
from voipkit.cli import output
from voipkit.cli.guard import FAILED, NOT_ASKED, OK, guarded
from voipkit.cli.options import AsJson, Yes
from voipkit.cli.trunks import Line, with_line
from voipkit.cli.witnesses import Sources, allow_call, witness_from
from voipkit.errors import ConfigurationError
from voipkit.models import Check, FormTemplate, PlacedCall

if TYPE_CHECKING:
    from voipkit.sip import Outcome, Prober

__all__ = ["app"]

app = typer.Typer(
    help="Ask a SIP trunk one question: no account is opened and nothing is stored.", no_args_is_help=True
)


# --- the questions ---------------------------------------------------------------------------------------------------


def options(line: Line, *, as_json: AsJson = False) -> int:
    """Ask whether the trunk is there (OPTIONS).

    Any answer will do: it proves that the host speaks SIP, and nothing about the credentials.
    """
    return _show(line, line.ask(lambda prober: prober.options()), as_json=as_json)


def credentials(line: Line, *, as_json: AsJson = False) -> int:
    """Prove the credentials (REGISTER without a Contact).

    It registers nothing and takes nobody's calls away. One answer is made with the password, so that no account is
    locked.
    """
    if line.target.password is None:
        raise ConfigurationError("No user was named.", fix="Add --username (or --auth-username).")
    return _show(line, line.ask(lambda prober: prober.credentials()), as_json=as_json)


_Called = Annotated[str, typer.Argument(metavar="NUMBER", help="The number to call, in E.164: one of your own.")]
_CallerId = Annotated[
    str | None, typer.Option(metavar="NUMBER", help="The number that calls, in E.164: one of the trunk's.")
]


def outbound(
    line: Line, called: _Called, *, caller_id: _CallerId = None, yes: Yes = False, as_json: AsJson = False
) -> int:
    """See whether the trunk lets a call out (INVITE, then CANCEL).

    The call offers nothing that can be answered, and is cancelled as soon as it rings. If somebody manages to answer,
    it is ended at once, and the result says that it may be billed.
    """
    number, caller = e164(called), e164(caller_id) if caller_id else None
    allow_call(f"Call {number} through {line.target.host}? It is cancelled before an answer.", yes=yes)
    return _show(
        line, line.ask(lambda prober: prober.outbound(number, caller, allow_outbound_call=True)), as_json=as_json
    )


_Witness = Annotated[
    str,
    typer.Option(
        "--witness",
        metavar="HOST:PORT|human",
        help="Who sees the call arrive: a listener on this address, or you, by dialling.",
    ),
]


def dial_in_command(
    line: Line,
    called: _Called,
    *,
    witness: _Witness,
    sources: Sources = None,
    caller_id: _CallerId = None,
    window: Annotated[float, typer.Option(min=1, max=300, metavar="SECONDS", help="How long to look out.")] = 45.0,
    yes: Yes = False,
    as_json: AsJson = False,
) -> int:
    """See whether a call to a number arrives (the dial-in check).

    A call is placed through the trunk; the listener lets it ring for a moment and refuses it, so that nobody answers.
    The carrier must deliver the number's calls to the listener's address.
    """
    number, caller = e164(called), e164(caller_id) if caller_id else None
    with witness_from(witness, sources or ()) as seer:
        if seer.needs_call:
            allow_call(f"Call {number} through {line.target.host}? It is refused before an answer.", yes=yes)

        from voipkit.sip.checks import placed_call

        def place(ring: float) -> PlacedCall:
            return placed_call(line.ask(lambda p: _dial(p, number, caller, ring)))

        check = dial_in("sip", number, caller, seer, place, window=window)
    return _show_check(line, check, as_json=as_json)


async def _dial(prober: Prober, number: str, caller: str | None, ring: float) -> Outcome:
    return await prober.outbound(number, caller, allow_outbound_call=True, hold=ring, offer="ordinary")


# --- templates -------------------------------------------------------------------------------------------------------


def templates(
    name: Annotated[str | None, typer.Argument(metavar="[TEMPLATE]", help="Print a credentials file of it.")] = None,
    *,
    blank: Annotated[
        list[str] | None, typer.Option(metavar="NAME=TEXT", help="Fill in a blank; may be repeated.")
    ] = None,
    as_json: AsJson = False,
) -> int:
    """List what carriers publish of their trunks, or print one as a credentials file to complete.

    The file is for `voipkit test manual --credentials FILE`; facts that no page of the carrier's confirms are named.
    """
    found = registry.provider_info("manual").setup_methods[0].templates
    if name is None:
        _list_templates(found, as_json=as_json)
        return OK
    template = next((each for each in found if each.id == name), None)
    if template is None:
        raise ConfigurationError(
            f"There is no template '{name}'.", fix=f"Choose from: {', '.join(t.id for t in found)}."
        )
    try:
        filled = template.fill(**dict(part.split("=", 1) for part in blank or () if "=" in part))
    except ValueError as error:
        raise ConfigurationError(f"{error}.", fix="Write --blank NAME=TEXT for each.") from None
    output.emit({"credentials": dict(filled.credentials), "sip_config": dict(filled.sip_config)})
    for said in (*template.notes, *(f"Not verified: {text}" for text in template.unverified)):
        output.note(said, "dim")
    return OK


def _list_templates(found: tuple[FormTemplate, ...], *, as_json: bool) -> None:
    if as_json:
        output.emit({"templates": [template.model_dump(mode="json") for template in found]})
        return
    rows = (
        (
            t.id,
            t.label,
            str(t.credentials.get("host", "")),
            ", ".join(f"{transport} {port}" for transport, port in t.transports.items()),
            ", ".join(t.blanks) or "-",
            str(max(source.read_on for source in t.sources)),
        )
        for t in found
    )
    output.show_table(("template", "name", "host", "ports", "blanks", "read on"), rows, prose=("name", "ports"))


# --- what is shown ---------------------------------------------------------------------------------------------------


def _show(line: Line, outcome: Outcome, *, as_json: bool) -> int:
    if as_json:
        output.emit({**asdict(outcome), "trace": _entries(line)})
        return _code(outcome.status)
    _show_ladder(line)
    facts = ", ".join(part for part in (outcome.peer, f"{outcome.elapsed:.2f} s", _sip(outcome)) if part)
    output.line(
        Text.assemble(output.status(outcome.status), f"  {output.clean(outcome.message)} ", (f"[{facts}]", "dim"))
    )
    for note in outcome.notes:
        output.line(f"Note: {note}", "yellow")
    if outcome.billable_risk:
        output.line(f"The call may be billed: Call-ID {outcome.call_id}.", "bold red")
    if outcome.fix:
        output.line(f"Fix: {outcome.fix}")
    return _code(outcome.status)


def _sip(outcome: Outcome) -> str:
    return f"SIP {outcome.sip_code} {outcome.reason}".strip() if outcome.sip_code else ""


def _show_check(line: Line, check: Check, *, as_json: bool) -> int:
    if as_json:
        document = check.model_dump(mode="json")
        output.emit({**document, "trace": _entries(line)})
        return _code(check.status)
    _show_ladder(line)
    output.line(
        Text.assemble(output.status(check.status), f"  {output.clean(check.message)} ", (f"[{check.code}]", "dim"))
    )
    if check.fix:
        output.line(f"Fix: {check.fix}")
    return _code(check.status)


def _entries(line: Line) -> list[dict[str, object]] | None:
    return [asdict(entry) for entry in line.trace.entries] if line.shows_trace else None


def _show_ladder(line: Line) -> None:
    if line.shows_trace:
        for row in line.trace.ladder().splitlines():
            output.line(row)
        output.line()


def _code(status: str) -> int:
    if status == "fail":
        return FAILED
    return OK if status in ("pass", "warn") else NOT_ASKED


app.command("options")(guarded(with_line(options)))
app.command("credentials")(guarded(with_line(credentials)))
app.command("outbound")(guarded(with_line(outbound)))
app.command("dial-in")(guarded(with_line(dial_in_command)))
app.command("templates")(guarded(templates))
