"""Routes of connections: test, create, read, change, delete, and the numbers of the carrier's account."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Path, Query, Response

from voipkit.errors import ObjectNotFound
from voipkit.models import Route
from voipkit.models.connections import PhoneNumber
from voipkit.service.results import NumberResult
from voipkit.web import examples, wording
from voipkit.web.answers import (
    AvailableNumber,
    ConnectionAnswer,
    DeletionAnswer,
    ImportAnswer,
    NameAnswer,
    NumberAnswer,
    RetestAnswer,
    TestAnswer,
    WarningAnswer,
)
from voipkit.web.bodies import (
    AddNumber,
    CreateConnection,
    ImportNumbers,
    RouteGiven,
    TestCredentials,
    UpdateConnection,
    read_body,
    request_body,
)
from voipkit.web.calls import Asked, Call
from voipkit.web.listing import LINK_HEADER, Cursor, Limit, listed
from voipkit.web.problem import FieldError, ProblemRoute, Refused

__all__ = ["ConnectionId", "IdempotencyKey", "NumberId", "routes"]

_MOST_ID = 2**63 - 1

ConnectionId = Annotated[int, Path(ge=1, le=_MOST_ID, description="The connection's id.", examples=[5])]
NumberId = Annotated[int, Path(ge=1, le=_MOST_ID, description="The phone number's id.", examples=[201])]
IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=200,
        pattern=wording.NO_SPACES,
        description="The same key gives the first answer again; with another body it is refused.",
    ),
]

_LEFT_OUT = "Warnings-Left-Out"
_LEFT_OUT_HEADER: dict[str, Any] = {
    _LEFT_OUT: {
        "description": "How many more there are, absent where the array has them all.",
        "schema": {"type": "integer"},
    }
}

routes = APIRouter(prefix="/v1/voip-connections", tags=["VoIP connections"], route_class=ProblemRoute)


# --- before a connection ---------------------------------------------------------------------------------------------


@routes.post(
    "/test",
    openapi_extra=request_body(TestCredentials, examples.TEST),
    responses=examples.answered(200, examples.TESTED) | examples.with_body() | examples.with_carrier(),
)
async def test_credentials(
    call: Asked, body: Annotated[TestCredentials, Depends(read_body(TestCredentials))]
) -> TestAnswer:
    """Test raw credentials; nothing is kept but the evidence.

    Refused credentials are an answer, `status` is then `fail` and `details` say why.
    """
    found = await call.carried(
        call.service.test,
        body.provider,
        body.credentials,
        sip_config=body.sip_config,
        setup_method=body.setup_method,
    )
    return TestAnswer.of_test(found)


@routes.post(
    "/suggest-name",
    openapi_extra=request_body(TestCredentials, examples.TEST),
    responses=examples.answered(200, examples.NAMED) | examples.with_body() | examples.with_carrier(),
)
async def suggest_name(
    call: Asked, body: Annotated[TestCredentials, Depends(read_body(TestCredentials))]
) -> NameAnswer:
    """Infer a display name from credentials."""
    suggestion = await call.carried(
        call.service.suggest_name,
        body.provider,
        body.credentials,
        sip_config=body.sip_config,
        setup_method=body.setup_method,
    )
    return NameAnswer(suggested_connection_name=suggestion.name, suggested_connection_name_inferred=suggestion.inferred)


# --- connections -----------------------------------------------------------------------------------------------------


@routes.get("", responses=examples.answered(200, [examples.CONNECTION], LINK_HEADER))
async def list_connections(
    call: Asked, response: Response, limit: Limit = None, cursor: Cursor = None
) -> list[ConnectionAnswer]:
    """List connections, newest first."""
    return await listed(call, call.service.list, ConnectionAnswer, response, limit, cursor)


@routes.post(
    "",
    status_code=201,
    openapi_extra=request_body(CreateConnection, examples.CREATE),
    responses=examples.answered(201, examples.CONNECTION) | examples.with_body() | examples.with_carrier(),
)
async def create_connection(
    call: Asked,
    body: Annotated[CreateConnection, Depends(read_body(CreateConnection))],
    idempotency_key: IdempotencyKey = None,
) -> ConnectionAnswer:
    """Create a connection from credentials that were tested: the evidence proves it."""
    created = await call.carried(
        call.service.create,
        provider=body.provider,
        credentials=body.credentials,
        evidence=body.verification_evidence_id,
        name=body.name,
        sip_config=body.sip_config,
        setup_method=body.setup_method,
        idempotency_key=idempotency_key,
        actor=call.actor,
    )
    return ConnectionAnswer.of(created)


@routes.get("/{connection_id}", responses=examples.problems(404) | examples.answered(200, examples.CONNECTION))
async def get_connection(call: Asked, connection_id: ConnectionId) -> ConnectionAnswer:
    """Retrieve a connection."""
    return ConnectionAnswer.of(await call.stored(call.service.get, connection_id))


@routes.patch(
    "/{connection_id}",
    openapi_extra=request_body(UpdateConnection, examples.RENAME),
    responses=examples.problems(404)
    | examples.answered(200, examples.CONNECTION)
    | examples.with_body()
    | examples.with_carrier(),
)
async def update_connection(
    call: Asked,
    connection_id: ConnectionId,
    body: Annotated[UpdateConnection, Depends(read_body(UpdateConnection))],
    idempotency_key: IdempotencyKey = None,
) -> ConnectionAnswer:
    """Rename a connection or rotate its credentials; what is not sent stays as it is.

    New credentials need fresh evidence. Where numbers would become unreachable nothing is changed, and they are named.
    """
    changes = body.sent
    changes["evidence"] = changes.pop("verification_evidence_id", None)
    update = partial(call.service.update, idempotency_key=idempotency_key, actor=call.actor, **changes)
    in_place = changes.keys() <= {"name", "evidence", "force"}
    changed = await (call.stored if in_place else call.carried)(update, connection_id)
    return ConnectionAnswer.of(changed)


@routes.delete(
    "/{connection_id}",
    status_code=204,
    responses=examples.problems(404)
    | {
        **examples.answered(
            200, examples.DELETED, model=DeletionAnswer, description="With `Prefer: return=representation`."
        ),
        204: {"description": "Deleted."},
    }
    | examples.with_carrier(),
)
async def delete_connection(
    call: Asked,
    connection_id: ConnectionId,
    restore_routing: Annotated[
        bool, Query(description="First put the numbers' routing at the carrier back as it was before their import.")
    ] = False,
    prefer: Annotated[
        str | None, Header(max_length=200, description="`return=representation` (RFC 7240) asks for a report.")
    ] = None,
) -> Response:
    """Remove a connection. Its numbers stay, with `voip_connection_id` cleared; nothing is released at the carrier."""
    report = await call.carried(call.service.delete, connection_id, restore_routing=restore_routing, actor=call.actor)
    if prefer is None or "return=representation" not in prefer.replace(" ", "").lower():
        return Response(status_code=204)
    return Response(
        DeletionAnswer.of(report).model_dump_json(),
        media_type="application/json",
        headers={"Preference-Applied": "return=representation"},
    )


@routes.post(
    "/{connection_id}/test",
    responses=examples.problems(404) | examples.answered(200, examples.RETESTED) | examples.with_carrier(),
)
async def test_connection(call: Asked, connection_id: ConnectionId) -> RetestAnswer:
    """Test a saved connection again: its `status` becomes `connected` or `error`.

    Use it when something was put right at the carrier. Refused credentials are an answer, and no evidence is made.
    Where the carrier could not be asked, the connection's status stays as it was.
    """
    return RetestAnswer.of_test(await call.carried(call.service.retest, connection_id, actor=call.actor))


@routes.post(
    "/{connection_id}/set-default-outbound",
    responses=examples.problems(404) | examples.answered(200, examples.CONNECTION) | examples.problems(409),
)
async def set_default_outbound(call: Asked, connection_id: ConnectionId) -> ConnectionAnswer:
    """Place calls through this connection unless another is named; it takes the place of the former default."""
    return ConnectionAnswer.of(await call.stored(call.service.set_default_outbound, connection_id, actor=call.actor))


@routes.get(
    "/{connection_id}/warnings",
    responses=examples.problems(404) | examples.answered(200, [examples.WARNING], _LEFT_OUT_HEADER),
)
async def list_warnings(call: Asked, response: Response, connection_id: ConnectionId) -> list[WarningAnswer]:
    """List what somebody should look at: of the connection and of its numbers, at most 1,000. No carrier is asked."""
    found = await call.stored(call.service.warnings, connection_id)
    if found.left_out:
        response.headers[_LEFT_OUT] = str(found.left_out)
    return [WarningAnswer.of(warning) for warning in found.warnings]


# --- numbers of the account ------------------------------------------------------------------------------------------


@routes.get(
    "/{connection_id}/available-numbers",
    responses=examples.problems(404) | examples.answered(200, [examples.AVAILABLE]) | examples.with_carrier(),
)
async def available_numbers(call: Asked, connection_id: ConnectionId) -> list[AvailableNumber]:
    """List the account's numbers that can take calls and are not imported anywhere."""
    found = await call.carried(call.service.available_numbers, connection_id)
    return [AvailableNumber.of_number(number) for number in found]


@routes.post(
    "/{connection_id}/import-numbers",
    openapi_extra=request_body(ImportNumbers, examples.IMPORT),
    responses=examples.problems(404)
    | examples.answered(200, examples.IMPORTED)
    | examples.with_body()
    | examples.with_carrier(),
)
async def import_numbers(
    call: Asked,
    connection_id: ConnectionId,
    body: Annotated[ImportNumbers, Depends(read_body(ImportNumbers))],
    idempotency_key: IdempotencyKey = None,
) -> ImportAnswer:
    """Import numbers of the account. Each has its own result; one bad number never stops the others."""
    done = await call.carried(
        call.service.import_numbers,
        connection_id,
        body.numbers,
        route=_route(body.route),
        on_conflict=body.on_conflict,
        dry_run=body.dry_run,
        idempotency_key=idempotency_key,
        actor=call.actor,
    )
    return ImportAnswer.of_import(done)


def _route(given: RouteGiven | None) -> Route | None:
    if given is None:
        return None
    try:
        return Route(kind=given.kind, target=given.target, method=given.method)
    except ValueError:
        text = "is not a route: a webhook has an http or https URL and a method, a SIP route starts with sip: or sips:."
        field = FieldError(location="body", field="route", problem=text, code="route")
        raise Refused(422, "invalid_field", f"'route' {text}", fields=(field,)) from None


# --- phone numbers of a connection -----------------------------------------------------------------------------------


@routes.get(
    "/{connection_id}/phone-numbers",
    responses=examples.problems(404) | examples.answered(200, [examples.NUMBER], LINK_HEADER),
)
async def list_connection_numbers(
    call: Asked, response: Response, connection_id: ConnectionId, limit: Limit = None, cursor: Cursor = None
) -> list[NumberAnswer]:
    """List the phone numbers that were imported through a connection, newest first."""
    await call.stored(call.service.get, connection_id)
    fetch = partial(call.service.numbers, connection_id=connection_id)
    return await listed(call, fetch, NumberAnswer, response, limit, cursor)


@routes.post(
    "/{connection_id}/phone-numbers",
    status_code=201,
    openapi_extra=request_body(AddNumber, examples.ADD),
    responses=examples.problems(404)
    | examples.answered(201, examples.NUMBER)
    | examples.with_body()
    | examples.with_carrier(),
)
async def add_connection_number(
    call: Asked, connection_id: ConnectionId, body: Annotated[AddNumber, Depends(read_body(AddNumber))]
) -> NumberAnswer:
    """Import one number of the account, and label it."""
    return NumberAnswer.of(await call.carried(_added, call, connection_id, body))


def _added(org_id: str, call: Call, connection_id: int, body: AddNumber) -> PhoneNumber:
    done = call.service.import_numbers(org_id, connection_id, [body.phone_number], actor=call.actor)
    (result,) = done.results
    if result.id is None or result.outcome not in ("imported", "unchanged"):  # the record may be an earlier import's
        raise _not_added(result)
    if body.label is None:
        return call.service.number(org_id, result.id)
    return call.service.update_number(org_id, result.id, label=body.label, actor=call.actor)


_NOT_ADDED = {"not_owned": 422, "not_voice": 422, "failed": 502}


def _not_added(result: NumberResult) -> Refused:
    code = f"number_{result.outcome}"
    field = FieldError(location="body", field="phone_number", problem=result.message, code=result.code)
    return Refused(_NOT_ADDED.get(result.outcome, 409), code, result.message, fields=(field,), fix=result.fix)


@routes.delete(
    "/{connection_id}/phone-numbers/{phone_number_id}",
    status_code=204,
    responses=examples.problems(404) | examples.problems(409) | {204: {"description": "Released."}},
)
async def remove_connection_number(call: Asked, connection_id: ConnectionId, phone_number_id: NumberId) -> Response:
    """Release a phone number of a connection: the record; the number stays in the carrier's account."""
    await call.stored(_removed, call, connection_id, phone_number_id)
    return Response(status_code=204)


def _removed(org_id: str, call: Call, connection_id: int, number_id: int) -> None:
    if call.service.number(org_id, number_id).voip_connection_id != connection_id:
        raise ObjectNotFound(f"Connection {connection_id} has no phone number {number_id}.", object="number")
    call.service.release_number(org_id, number_id, actor=call.actor)
