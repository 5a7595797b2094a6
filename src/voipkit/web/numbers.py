"""Routes of the tenant's phone numbers: read, assign, release, transfer, history, verify."""

from __future__ import annotations

from functools import partial
from typing import Annotated, NoReturn

from fastapi import APIRouter, Depends, Response

from voipkit.errors import Unsupported
from voipkit.models.connections import NumberVersion, Page
from voipkit.web import examples
from voipkit.web.answers import NumberAnswer, VerificationAnswer, VersionAnswer
from voipkit.web.bodies import OrderNumber, TransferNumber, UpdateNumber, read_body, request_body
from voipkit.web.calls import Asked
from voipkit.web.connections import NumberId
from voipkit.web.listing import LINK_HEADER, Cursor, Limit, listed
from voipkit.web.problem import ProblemRoute

__all__ = ["routes"]

routes = APIRouter(prefix="/v1/phone-numbers", tags=["Phone numbers"], route_class=ProblemRoute)


@routes.get("", responses=examples.answered(200, [examples.NUMBER], LINK_HEADER))
async def list_numbers(
    call: Asked, response: Response, limit: Limit = None, cursor: Cursor = None
) -> list[NumberAnswer]:
    """List phone numbers, newest first."""
    return await listed(call, call.service.numbers, NumberAnswer, response, limit, cursor)


@routes.post(
    "",
    status_code=422,
    response_class=Response,
    response_model=None,
    openapi_extra=request_body(OrderNumber, examples.ORDER),
    responses=examples.with_body(),
)
async def order_number(_call: Asked, _body: Annotated[OrderNumber, Depends(read_body(OrderNumber))]) -> NoReturn:
    """Order a new number: not offered yet, always answered by an `unsupported` problem."""
    raise Unsupported(
        "Ordering a new number is not offered.",
        fix="Buy it at the carrier, then import it: POST /v1/voip-connections/{connection_id}/import-numbers.",
    )


@routes.get("/{phone_number_id}", responses=examples.problems(404) | examples.answered(200, examples.NUMBER))
async def get_number(call: Asked, phone_number_id: NumberId) -> NumberAnswer:
    """Retrieve a phone number."""
    return NumberAnswer.of(await call.stored(call.service.number, phone_number_id))


@routes.put(
    "/{phone_number_id}",
    operation_id="put_number",
    openapi_extra=request_body(UpdateNumber, examples.ASSIGN),
    responses=examples.problems(404) | examples.answered(200, examples.NUMBER) | examples.with_body(),
)
@routes.patch(
    "/{phone_number_id}",
    operation_id="update_number",
    openapi_extra=request_body(UpdateNumber, examples.ASSIGN),
    responses=examples.problems(404) | examples.answered(200, examples.NUMBER) | examples.with_body(),
)
async def update_number(
    call: Asked, phone_number_id: NumberId, body: Annotated[UpdateNumber, Depends(read_body(UpdateNumber))]
) -> NumberAnswer:
    """Assign agents (null clears), label a number, or move it between `active` and `released`.

    What is not sent stays as it is, for PUT as for PATCH. No carrier is asked.
    """
    update = partial(call.service.update_number, actor=call.actor, **body.sent)
    return NumberAnswer.of(await call.stored(update, phone_number_id))


@routes.delete(
    "/{phone_number_id}",
    status_code=204,
    responses=examples.problems(404) | examples.problems(409) | {204: {"description": "Released."}},
)
async def release_number(call: Asked, phone_number_id: NumberId) -> Response:
    """Release a phone number: the record; the number stays in the carrier's account, routed as it is."""
    await call.stored(call.service.release_number, phone_number_id, actor=call.actor)
    return Response(status_code=204)


@routes.post(
    "/{phone_number_id}/transfer",
    openapi_extra=request_body(TransferNumber, examples.TRANSFER),
    responses=examples.problems(404)
    | examples.answered(200, examples.NUMBER)
    | examples.with_body()
    | examples.problems(403),
)
async def transfer_number(
    call: Asked, phone_number_id: NumberId, body: Annotated[TransferNumber, Depends(read_body(TransferNumber))]
) -> NumberAnswer:
    """Move a phone number to another tenant, at once or not at all; its agents and its connection are cleared."""
    moved = await call.stored(call.service.transfer_number, phone_number_id, body.to_org_id, actor=call.actor)
    return NumberAnswer.of(moved)


@routes.get(
    "/{phone_number_id}/versions",
    responses=examples.problems(404) | examples.answered(200, [examples.VERSION], LINK_HEADER),
)
async def list_versions(
    call: Asked, response: Response, phone_number_id: NumberId, limit: Limit = None, cursor: Cursor = None
) -> list[VersionAnswer]:
    """List who changed what of a phone number, newest first."""

    def fetch(org_id: str, /, *, limit: int, cursor: str | None) -> Page[NumberVersion]:
        return call.service.number_versions(org_id, phone_number_id, limit=limit, cursor=cursor)

    return await listed(call, fetch, VersionAnswer, response, limit, cursor)


@routes.post(
    "/{phone_number_id}/verify-voip",
    responses=examples.problems(404) | examples.answered(200, examples.VERIFIED) | examples.with_carrier(),
)
async def verify_number(call: Asked, phone_number_id: NumberId) -> VerificationAnswer:
    """Find out whether calls flow to and from a phone number, and record it.

    A number that is not ready is an answer: `voip_verification_status` is then `failed` and `details` say why.
    """
    found = await call.carried(call.service.verify_number, phone_number_id, actor=call.actor)
    return VerificationAnswer.of_verified(found)
