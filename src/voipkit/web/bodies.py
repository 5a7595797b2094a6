"""What clients send: the bodies, and the one function that reads them.

Bodies are read here and not by FastAPI: a credential is masked before any validation, telemetry or traceback could keep
it; nothing is read before the host's authentication has passed; and the size is capped whether or not it was announced.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import Annotated, Any, TypeVar

from anyio import fail_after
from fastapi import Request
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StrictBool,
    StrictInt,
    StrictStr,
    StringConstraints,
    ValidationError,
)
from pydantic.alias_generators import to_camel
from pydantic_core import ErrorDetails, PydanticCustomError, from_json
from starlette.requests import ClientDisconnect

from voipkit.models import OnConflict, RouteKind
from voipkit.registry import masked
from voipkit.web import wording
from voipkit.web.problem import FieldError, Refused, field_name

__all__ = [
    "MOST_NUMBERS",
    "AddNumber",
    "Body",
    "CreateConnection",
    "ImportNumbers",
    "OrderNumber",
    "RouteGiven",
    "TestCredentials",
    "TransferNumber",
    "UpdateConnection",
    "UpdateNumber",
    "read_body",
    "request_body",
]

MOST_NUMBERS = 10_000
"""Most numbers in one import request."""

_SECTIONS = ("credentials", "sip_config", "sipConfig")  # what may hold a secret
_JSON = re.compile(r"application/(?:[\w.+-]+\+)?json\s*(?:;.*)?", re.IGNORECASE)
_PATIENCE = 30.0  # seconds that a body may take to arrive
_LONGEST_TOKEN = 16_384  # characters of an evidence token (voipkit.evidence)


def _printable(text: str) -> str:
    if not text.isprintable():
        raise PydanticCustomError("not_printable", "has a NUL or another character that is not printable.")
    return text


def _named(text: str) -> str:
    if not text.strip():
        raise PydanticCustomError("empty", "is empty; leave it out to have a name suggested.")
    return text


Text = Annotated[StrictStr, AfterValidator(_printable)]
Name = Annotated[Text, StringConstraints(max_length=100), AfterValidator(_named)]
Label = Annotated[Text, StringConstraints(max_length=100)]
# Shorter than carriers' keys and tokens: one that was put here by mistake is refused without being repeated.
Identifier = Annotated[StrictStr, StringConstraints(pattern=wording.IDENTIFIER)]
Agent = (
    Annotated[StrictInt, Field(ge=-(2**63), lt=2**63)]
    | Annotated[Text, StringConstraints(min_length=1, max_length=200)]
)
E164 = Annotated[StrictStr, StringConstraints(pattern=wording.E164)]
Evidence = Annotated[Text, StringConstraints(max_length=_LONGEST_TOKEN)]
Section = dict[str, Any]


class Body(BaseModel):
    """Base of all bodies: unknown fields are refused, both spellings are taken, errors repeat no value."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        alias_generator=to_camel,
        validate_by_name=True,
        validate_by_alias=True,
        hide_input_in_errors=True,
    )

    @property
    def sent(self) -> dict[str, Any]:
        """The fields that were sent, and no others."""
        return {name: getattr(self, name) for name in self.model_fields_set}


# --- connections -----------------------------------------------------------------------------------------------------


class TestCredentials(Body):
    """Credentials to test, or to suggest a name from; nothing is kept.

    Attributes:
        provider: The carrier's id.
        credentials: Its fields; see the provider metadata.
        sip_config: The carrier's SIP configuration.
        setup_method: One of the carrier's set-up methods; the first by default.
    """

    provider: Identifier
    credentials: Section
    sip_config: Section | None = None
    setup_method: Identifier | None = None


class CreateConnection(TestCredentials):
    """A connection to keep.

    Attributes:
        verification_evidence_id: What the test of exactly these credentials returned: the UUID, or the full token.
        name: For people; suggested from the account where it is left out.
    """

    verification_evidence_id: Evidence | None = None
    name: Name | None = None


class UpdateConnection(Body):
    """Changes to a connection; what is not sent stays as it is.

    Attributes:
        name: For people.
        credentials: New credentials; needs evidence for exactly these.
        sip_config: New SIP configuration; without credentials and evidence it is tested first, with the present ones.
        verification_evidence_id: What the test returned.
        force: Go ahead even where numbers would become unreachable.
    """

    name: Name = ""
    credentials: Section = Field(default_factory=dict)
    sip_config: Section = Field(default_factory=dict)
    verification_evidence_id: Evidence | None = None
    force: StrictBool = False


class RouteGiven(Body):
    """Where calls to the numbers shall go.

    Attributes:
        kind: What the target is.
        target: The trunk's or application's id, the SIP URI, or the webhook's URL.
        method: ``GET`` or ``POST`` for a webhook.
    """

    kind: RouteKind
    target: Annotated[Text, StringConstraints(min_length=1, max_length=2048)]
    method: Annotated[str, StringConstraints(pattern=wording.METHOD)] | None = None


class ImportNumbers(Body):
    """Numbers of the account to import.

    Attributes:
        numbers: E.164, each once.
        route: Where their calls shall go; the route that the credentials name where it is left out.
        on_conflict: ``refuse`` leaves a number that is routed elsewhere alone; ``overwrite`` takes it over.
        dry_run: Plan only; nothing is written, here or at the carrier.
    """

    numbers: Annotated[list[E164], Field(min_length=1, max_length=MOST_NUMBERS)]
    route: RouteGiven | None = None
    on_conflict: OnConflict = "refuse"
    dry_run: StrictBool = False


class AddNumber(Body):
    """One number of the account to import, with a label.

    Attributes:
        phone_number: E.164.
        label: For people.
    """

    phone_number: E164
    label: Label | None = None


# --- phone numbers ---------------------------------------------------------------------------------------------------


class UpdateNumber(Body):
    """Changes to a phone number; what is not sent stays as it is, null clears.

    Attributes:
        inbound_agent_id: The host's agent that answers calls to the number.
        outbound_agent_id: The host's agent that calls from it.
        status: ``active`` or ``released``.
        label: For people.
    """

    inbound_agent_id: Agent | None = None
    outbound_agent_id: Agent | None = None
    status: Annotated[str, StringConstraints(pattern=wording.STATUS)] = "active"
    label: Label | None = None


class TransferNumber(Body):
    """Where a number moves.

    Attributes:
        to_org_id: The tenant that gets it.
    """

    to_org_id: Annotated[Text, StringConstraints(min_length=1, max_length=200)]


class OrderNumber(Body):
    """A new number to order; not offered yet.

    Attributes:
        area_code: Area code to prefer.
        city: City name.
        state: State code.
    """

    area_code: Annotated[str, StringConstraints(pattern=wording.AREA_CODE)] | None = None
    city: Label | None = None
    state: Annotated[str, StringConstraints(pattern=wording.STATE)] | None = None


# --- reading ---------------------------------------------------------------------------------------------------------

B = TypeVar("B", bound=Body)

_INNER = frozenset(RouteGiven.model_fields)  # names inside a field that are ours; others may be values


def read_body(model: type[B]) -> Callable[[Request], Awaitable[B]]:
    """Return a FastAPI dependency that reads a body.

    Args:
        model: What the body is.
    """

    async def read(request: Request) -> B:
        _check_content_type(request)
        given = _parsed(await _received(request, request.state.voipkit.most_bytes))
        for section in _SECTIONS:
            if isinstance(given.get(section), dict):
                given[section] = masked(given[section])
        return _validated(model, given)

    return read


def request_body(model: type[Body], example: dict[str, Any]) -> dict[str, Any]:
    """Return what OpenAPI says of a body.

    Args:
        model: What the body is.
        example: One that is accepted.
    """
    schema = _inlined(model.model_json_schema(by_alias=False))
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema, "example": example}}}}


def _check_content_type(request: Request) -> None:
    given = request.headers.get("content-type", "")
    if not _JSON.fullmatch(given.strip()):
        raise Refused(
            415,
            "unsupported_media_type",
            "The body is not declared as JSON.",
            fields=(_field("Content-Type", "must be application/json.", "unsupported_media_type", "header"),),
            fix="Send Content-Type: application/json.",
            headers={"Accept": "application/json"},
        )


async def _received(request: Request, most: int) -> bytes:
    """Collect the body, and stop at the first byte too many, whatever Content-Length says."""
    announced = request.headers.get("content-length", "")
    if announced.isascii() and announced.isdecimal() and int(announced[:20]) > most:
        raise _too_large(most)
    chunks, size = [], 0
    try:
        with fail_after(_PATIENCE):
            async for chunk in request.stream():
                size += len(chunk)
                if size > most:
                    raise _too_large(most)
                chunks.append(chunk)
    except (TimeoutError, ClientDisconnect):
        raise _unfinished() from None
    return b"".join(chunks)


def _unfinished() -> Refused:
    text = f"did not arrive within {_PATIENCE:g} s."
    return Refused(
        408,
        "body_unfinished",
        f"The body {text}",
        fields=(_field("", text, "body_unfinished"),),
        headers={"Connection": "close"},
    )


def _too_large(most: int) -> Refused:
    return Refused(
        413,
        "body_too_large",
        f"The body has more than {most:,} bytes.",
        fields=(_field("", f"must have at most {most:,} bytes.", "body_too_large"),),
        fix=f"Send fewer at once; at most {MOST_NUMBERS:,} numbers fit into one import.",
        headers={"Connection": "close"},  # the rest of the body is not read
    )


def _parsed(raw: bytes) -> dict[str, Any]:
    try:
        given = from_json(raw, allow_inf_nan=False)
    except ValueError as error:  # its message names a position, never a value
        place = re.search(r"line \d+ column \d+", str(error))
        text = f"is not JSON (RFC 8259){f', {place[0]}' if place else ''}."
        raise Refused(400, "invalid_json", f"The body {text}", fields=(_field("", text, "invalid_json"),)) from None
    if not isinstance(given, dict):
        raise _wrong("", "must be a JSON object.", "not_an_object")
    return given


def _validated(model: type[B], given: dict[str, Any]) -> B:
    try:
        return model.model_validate(given)
    except ValidationError as error:
        entries = error.errors(include_input=False, include_url=False)
        fields = tuple(
            _field(_shown(model, entry["loc"]), wording.worded(entry), entry["type"]) for entry in _meant(entries)[:100]
        )
    named = ", ".join(list(dict.fromkeys(field.field for field in fields))[:5])
    raise Refused(422, "invalid_field", f"The body is wrong at: {named}.", fields=fields)


def _meant(entries: list[ErrorDetails]) -> list[ErrorDetails]:
    """Leave out that a list is too short where its items are wrong: pydantic has counted only the good ones."""
    within = {entry["loc"][:-1] for entry in entries}
    return [entry for entry in entries if entry["type"] != "too_short" or entry["loc"] not in within]


def _shown(model: type[Body], steps: tuple[int | str, ...]) -> str:
    """Name a field in snake_case; an unknown name is shown only where it looks like a name."""
    spelled = {to_camel(name): name for name in model.model_fields}
    first = spelled.get(str(steps[0]), str(steps[0])) if steps else ""
    if not re.fullmatch(r"[A-Za-z_]\w{0,30}", first):
        return ""
    inner = tuple(step for step in steps[1:] if isinstance(step, int) or step in _INNER)
    return field_name((first, *inner))


def _wrong(field: str, problem: str, code: str) -> Refused:
    named = f"'{field}'" if field else "The body"
    return Refused(422, "invalid_field", f"{named} {problem}", fields=(_field(field, problem, code),))


def _field(field: str, problem: str, code: str, location: Any = "body") -> FieldError:
    return FieldError(location=location, field=field, problem=problem, code=code)


def _inlined(schema: dict[str, Any]) -> dict[str, Any]:
    """Put definitions where they are referred to: an OpenAPI document resolves references from its own root."""
    definitions = schema.pop("$defs", {})

    def put(part: Any) -> Any:
        if isinstance(part, dict):
            reference = part.get("$ref")
            found = definitions[reference.rpartition("/")[2]] if reference else part
            return {name: put(value) for name, value in found.items()}
        return [put(item) for item in part] if isinstance(part, list) else part

    inlined: dict[str, Any] = put(schema)
    return inlined
