"""``voipkit evidence``: make keys, read a token, verify it, publish the public keys. Tokens are no secrets."""

from __future__ import annotations

import json
import os
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any

import typer

from voipkit.cli import output
from voipkit.cli.guard import EVIDENCE, OK, error_document, guarded
from voipkit.cli.inputs import STANDARD_INPUT, read_text, refuse_two_readers
from voipkit.cli.options import Account, AsJson, with_account
from voipkit.errors import ConfigurationError, EvidenceError, EvidenceProviderMismatch
from voipkit.evidence import Evidence, KeyRing, Policy, explain, generate_key, verify_offline
from voipkit.evidence import jwks as public_keys
from voipkit.evidence import verify as verify_evidence

__all__ = ["app"]

app = typer.Typer(
    help="Signed proof that credentials were tested: keys, reading, verification.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

_Token = Annotated[
    str, typer.Argument(metavar="TOKEN", help="What `voipkit test --evidence` printed; - is standard input.")
]
_Jwks = Annotated[
    Path | None,
    typer.Option(
        "--jwks", metavar="FILE", help="Public keys (`voipkit evidence jwks`) in place of VOIPKIT_SECRET_KEY."
    ),
]
_Carrier = Annotated[
    str | None, typer.Option("--provider", metavar="CARRIER", help="The carrier whose credentials were tested.")
]
_VARIABLE = "VOIPKIT_SECRET_KEY"


def keygen(*, as_json: AsJson = False) -> int:
    """Make a key for VOIPKIT_SECRET_KEY.

    To rotate, put the new key before the old one, with a comma between them.
    """
    key = generate_key()
    if as_json:
        output.emit({"secret_key": key})
    else:
        output.line(key)
        output.note(f"Keep it secret: export {_VARIABLE}=...", "dim")
    return OK


def show(token: _Token, *, jwks: _Jwks = None, as_json: AsJson = False) -> int:
    """Say in words what a token proves.

    With keys at hand (--jwks or VOIPKIT_SECRET_KEY) also whether it is good; it is never used up.
    """
    refuse_two_readers(Path(token), jwks)
    text = _token(token)
    keys = _read_jwks(jwks) if jwks else (KeyRing.from_env() if os.environ.get(_VARIABLE) else None)
    known = public_keys(keys) if isinstance(keys, KeyRing) else keys
    evidence: Evidence | None = None
    problem: EvidenceError | None = None
    try:
        evidence = verify_offline(text, known) if known is not None else None
    except EvidenceError as error:
        problem = error
    if as_json:
        document: dict[str, Any] = error_document(problem) if problem else {"error": None}
        output.emit({"text": explain(text, keys), "evidence": _dump(evidence), **document})
    else:
        output.line(explain(text, keys))
    return EVIDENCE if problem else OK


def verify(
    account: Account,
    token: _Token,
    *,
    jwks: _Jwks = None,
    require: Annotated[
        list[str] | None,
        typer.Option(
            metavar="ANSWER",
            help="What must be shown: credentials_valid (always), inbound_reachable, outbound_authorized; repeatable.",
        ),
    ] = None,
    max_age: Annotated[float | None, typer.Option(metavar="SECONDS", help="How old the test may be.")] = None,
    as_json: AsJson = False,
) -> int:
    """Verify a token.

    Against the credentials of a carrier (--provider), or with --jwks by signature and expiry alone. The token is not
    used up.
    """
    refuse_two_readers(account.credentials, Path(token), jwks)
    text = _token(token)
    policy = _policy(require or [], max_age)
    if jwks:
        evidence = verify_offline(text, _read_jwks(jwks))
        if account.carrier not in (None, evidence.provider):
            raise EvidenceProviderMismatch(f"The evidence is for {evidence.provider}, not for {account.carrier}.")
        if require or max_age is not None:
            raise ConfigurationError("--require and --max-age need the secret key.", fix="Leave out --jwks.")
    else:
        ring = KeyRing.from_env()
        if account.carrier is None:
            raise ConfigurationError("Whose credentials?", fix="Name the carrier with --provider, or use --jwks FILE.")
        with account.open() as carrier:
            evidence = verify_evidence(ring, text, carrier, spent=None, policy=policy)
    if as_json:
        output.emit(_dump(evidence))
    else:
        depth = "signature and expiry" if jwks else "signature, expiry, credentials and policy"
        output.line(
            f"Good: {depth}. Evidence {evidence.id} of {evidence.provider} by {evidence.setup_method}.", "green"
        )
        output.line(f"It expires at {evidence.expires_at:%Y-%m-%d %H:%M:%S} UTC and was not used up by this.")
    return OK


def jwks(*, as_json: AsJson = True) -> int:  # noqa: ARG001 - always JSON; the option is there as everywhere
    """Print the public keys as JSON.

    A JWK Set, safe to publish, with which another service verifies offline.
    """
    output.emit(public_keys(KeyRing.from_env()))
    return OK


def _token(text: str) -> str:
    return read_text(STANDARD_INPUT).strip() if text == "-" else text


def _policy(require: list[str], max_age: float | None) -> Policy:
    answers: Any = tuple(dict.fromkeys(["credentials_valid", *require]))  # Policy refuses what is no answer
    return Policy(required=answers, max_age=None if max_age is None else _age(max_age))


def _age(seconds: float) -> timedelta:
    try:
        age = timedelta(seconds=seconds)
    except (ValueError, OverflowError):  # not a number, or more than a timedelta holds
        age = timedelta(-1)
    if age < timedelta(0):
        raise ConfigurationError("--max-age is no number of seconds.", fix="Give 0 or more, such as 300.")
    return age


def _read_jwks(file: Path) -> dict[str, Any]:
    try:
        document = json.loads(read_text(file))
    except json.JSONDecodeError:
        document = None
    if not isinstance(document, dict):
        raise ConfigurationError(f"{file} is no JWK Set.", fix="Save what `voipkit evidence jwks` prints.")
    return document


def _dump(evidence: Evidence | None) -> dict[str, Any] | None:
    return evidence.model_dump(mode="json") if evidence else None


app.command("keygen")(guarded(keygen))
app.command("show")(guarded(show))
app.command("verify")(guarded(with_account(verify, carrier=_Carrier, default=None)))
app.command("jwks")(guarded(jwks))
