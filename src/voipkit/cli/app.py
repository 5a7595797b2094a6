"""The commands that ask a carrier, and the application that holds them all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import islice
from typing import Annotated, Any

import typer
from rich.text import Text

import voipkit
from voipkit.cli import conformance, db, demo, doctor, imports, local, newprovider, output, proofs, serve, sip
from voipkit.cli.guard import FAILED, NOT_ASKED, OK, guarded
from voipkit.cli.inputs import read_numbers, refuse_two_readers
from voipkit.cli.options import Account, AsJson, Numbers, NumbersFile, RouteText, Yes, parse_route, with_account
from voipkit.cli.witnesses import Sources, verify_with_witness
from voipkit.errors import ConfigurationError
from voipkit.evidence import KeyRing, issue
from voipkit.models import CredentialTest, NumberVerification, ProviderNumber, Route
from voipkit.protocols import Provider

__all__ = ["app"]

# Typer's own tracebacks show local variables, and those hold secrets: `guarded` shows errors instead.
app = typer.Typer(
    name="voipkit",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    pretty_exceptions_show_locals=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _show_version(wanted: bool) -> None:
    if wanted:
        output.line(f"voipkit {voipkit.__version__}")
        raise typer.Exit


@app.callback()
def _options(
    *,
    version: Annotated[  # its callback does the work, before a command is asked for
        bool, typer.Option("--version", is_eager=True, callback=_show_version, help="Print the version and stop.")
    ] = False,
) -> None:
    """Let your customers bring their own phone carrier: test, prove, list, import and verify."""


# --- test ------------------------------------------------------------------------------------------------------------


def check(
    account: Account,
    *,
    evidence: Annotated[
        bool, typer.Option("--evidence", help="Print a signed proof when the test passed; needs VOIPKIT_SECRET_KEY.")
    ] = False,
    as_json: AsJson = False,
) -> int:
    """Test a carrier's credentials.

    Is the account there, and would calls flow in each direction? Refused credentials are an answer (exit code 1), and
    so is a carrier that could not be asked (3).
    """
    ring = KeyRing.from_env() if evidence else None  # a missing key is said before the carrier is asked
    with account.open() as carrier:
        with output.working(f"Testing {carrier.info.label}"):
            found = carrier.test_credentials()
        token = issue(ring, carrier, found) if ring and found.status == "pass" else None
    if as_json:
        output.emit({**found.model_dump(mode="json"), "evidence": token})
    else:
        _show_test(carrier, found)
        if token:
            output.note("Evidence, good for 15 minutes and for one use:")
            output.line(token)
        elif evidence:
            output.note("No evidence: the test did not pass.", "yellow")
    return _test_code(found)


def _show_test(carrier: Provider, found: CredentialTest) -> None:
    title = Text.assemble(f"{carrier.info.label} ({found.setup_method}): credential test ", output.status(found.status))
    output.line(title)
    output.line()
    output.show_checks(found.checks)
    output.line()
    output.line(
        Text.assemble(
            "credentials valid: ", output.flag(found.credentials_valid),
            "   inbound reachable: ", output.flag(found.inbound_reachable),
            "   outbound authorized: ", output.flag(found.outbound_authorized),
        )
    )  # fmt: skip


def _test_code(found: CredentialTest) -> int:
    if found.status == "pass":
        return OK
    return FAILED if found.failures else NOT_ASKED


def suggest_name(account: Account, *, as_json: AsJson = False) -> int:
    """Suggest a name for the connection.

    It is read from what the account says of itself.
    """
    with account.open() as carrier, output.working(f"Asking {carrier.info.label}"):
        suggestion = carrier.suggest_name()
    if as_json:
        output.emit(suggestion.model_dump(mode="json"))
    else:
        output.line(suggestion.name)
        if not suggestion.inferred:
            output.note("The account says nothing of itself; this is the carrier's own name.", "dim")
    return OK


# --- numbers ---------------------------------------------------------------------------------------------------------


def numbers(
    account: Account,
    *,
    limit: Annotated[int | None, typer.Option(min=1, metavar="N", help="Stop after N numbers, and say so.")] = None,
    as_json: AsJson = False,
) -> int:
    """List the account's numbers.

    All of them, as the carrier's pages arrive. --json prints one JSON object a line (JSON Lines).
    """
    with account.open() as carrier:
        count = 0
        # On one terminal the rows themselves show the progress.
        with output.ticker(f"Numbers of {carrier.info.label}", quiet=output.console().is_terminal) as step:
            for number in islice(carrier.list_numbers(), limit):
                if as_json:
                    output.emit_line(number.model_dump(mode="json"))
                else:
                    _show_number(number, header=count == 0)
                count += 1
                step()
    if count == limit:
        output.note(f"Stopped after {count:,} (--limit); the account may have more.", "yellow")
    else:
        output.note(f"{count:,} number{'' if count == 1 else 's'}.", "dim")
    return OK


def _show_number(number: ProviderNumber, *, header: bool) -> None:
    """Print one row as it comes: no column waits for the widest value of a listing of unknown length."""
    if header:
        output.line(f"{'number':<17} {'type':<10} {'fee/month':<12} {'capabilities':<16} route, name", "dim")
    fee = "" if number.monthly_fee is None else f"{_money(number.monthly_fee)} {number.currency}"
    can = "not known" if number.capabilities is None else ",".join(number.capabilities)
    rest = "  ".join(part for part in (str(number.route or "-"), f'"{number.friendly_name or ""}"') if part != '""')
    asleep = "" if number.active else f"  (not active: {number.status})"
    output.line(f"{number.number:<17} {number.type:<10} {fee:<12} {can:<16} {rest}{asleep}")


def _money(minor: int) -> str:
    return f"{minor // 100}.{minor % 100:02d}"


# --- verify ----------------------------------------------------------------------------------------------------------


def verify(
    account: Account,
    numbers: Numbers = None,
    *,
    every: Annotated[bool, typer.Option("--all", help="Verify every number of the account.")] = False,
    numbers_file: NumbersFile = None,
    route: RouteText = None,
    witness: Annotated[
        str | None,
        typer.Option(
            metavar="HOST:PORT|human",
            help="Have the one number called, and see on this listener (or by dialling yourself) whether it arrives.",
        ),
    ] = None,
    sources: Sources = None,
    yes: Yes = False,
    as_json: AsJson = False,
) -> int:
    """Verify numbers, in each direction.

    Would calls flow to and from each, by the route that was meant? Nothing is written, and without --witness no call is
    made (a SIP trunk's own settings may allow one).
    """
    wanted = parse_route(route)
    refuse_two_readers(account.credentials, numbers_file)
    if witness is not None:
        one = read_numbers(numbers or (), numbers_file)
        with account.open() as carrier:
            found = _witnessed(carrier, one, wanted, witness, sources or [], yes=yes)
        return _finish_verify(carrier.info.id, found, as_json=as_json)
    if every and (numbers or numbers_file):
        raise ConfigurationError("Numbers were given beside --all.", fix="Give one or the other.")
    named = None if every else read_numbers(numbers or (), numbers_file)
    with account.open() as carrier, output.ticker(f"Verifying at {carrier.info.label}") as step:
        found = []
        for verification in carrier.verify_numbers(carrier.list_numbers() if named is None else named, wanted):
            found.append(verification)
            step()
    return _finish_verify(carrier.info.id, found, as_json=as_json)


def _witnessed(
    carrier: Provider, numbers: list[str], route: Route | None, witness: str, sources: list[str], *, yes: bool
) -> list[NumberVerification]:
    if len(numbers) != 1:
        raise ConfigurationError("A witness looks out for one call.", fix="Name one number.")
    return [verify_with_witness(carrier, numbers[0], route, witness, sources=sources, yes=yes)]


def _finish_verify(carrier: str, found: list[NumberVerification], *, as_json: bool) -> int:
    if as_json:
        output.emit(_verified_document(carrier, found))
    else:
        _show_verified(found)
    return _verified_code(found)


def _verified_document(carrier: str, found: list[NumberVerification]) -> dict[str, Any]:
    return {
        "provider": carrier,
        "counts": dict(Counter(v.status for v in found)),
        "verifications": [v.model_dump(mode="json") for v in found],
    }


def _show_verified(found: list[NumberVerification]) -> None:
    if len(found) == 1:
        output.line(Text.assemble(f"{found[0].number}: ", output.status(found[0].status)))
        output.line()
        output.show_checks(found[0].checks)
        return
    output.show_verifications(found)
    output.line()
    output.line(", ".join(_counted(found)) or "No numbers.")


def _counted(found: list[NumberVerification]) -> Iterator[str]:
    for word, count in Counter(v.status for v in found).items():
        yield f"{count:,} {word}"


def _verified_code(found: list[NumberVerification]) -> int:
    statuses = {v.status for v in found}
    if "fail" in statuses:
        return FAILED
    return NOT_ASKED if "unknown" in statuses else OK


# --- The application -------------------------------------------------------------------------------------------------

app.command("providers")(guarded(local.providers))
app.command("test")(guarded(with_account(check)))
app.command("suggest-name")(guarded(with_account(suggest_name)))
app.command("numbers")(guarded(with_account(numbers)))
app.command("import")(guarded(with_account(imports.import_)))
app.command("verify")(guarded(with_account(verify)))
app.command("restore")(guarded(with_account(imports.restore)))
app.add_typer(proofs.app, name="evidence")
app.add_typer(sip.app, name="sip")
app.add_typer(db.app, name="db")
app.command("sandbox")(guarded(local.sandbox))
app.command("serve")(guarded(serve.serve))
app.command("demo")(guarded(demo.command))
app.command("conformance")(guarded(conformance.conformance))
app.command("new-provider")(guarded(newprovider.new_provider))
app.command("doctor")(guarded(doctor.doctor))
