"""Errors as RFC 9457 problem details: which status an error has, and what its document says.

`status_of` is the whole mapping from errors to statuses. `ProblemRoute` turns every voipkit error of an endpoint into a
document, so that the routes behave alike in any host and no exception handler need be installed.
"""

from __future__ import annotations

import logging
import math
import re
from collections.abc import Callable, Coroutine
from http import HTTPStatus
from typing import Any, Literal

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException
from starlette.types import Receive, Scope, Send

from voipkit import errors
from voipkit.errors import VoipkitError
from voipkit.web.wording import worded

__all__ = ["MEDIA_TYPE", "FieldError", "Problem", "ProblemRoute", "Refused", "problem_of", "respond", "status_of"]

MEDIA_TYPE = "application/problem+json"
Location = Literal["body", "path", "query", "header"]

_TYPE = "urn:voipkit:problem:"
_WAITING = (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE)
_RETRY_LATER = 5  # seconds; what these say where nobody knows better
_LOG = logging.getLogger("voipkit.web")

# The first class of an error's ancestry that stands here decides.
_STATUS: dict[type[VoipkitError], int] = {
    errors.ConfigurationError: 422,
    errors.MissingExtra: 501,  # this installation cannot talk to that carrier; nothing the client sends changes it
    errors.BrokenProvider: 501,
    errors.DuplicateProvider: 501,
    errors.Unsupported: 422,
    errors.EvidenceError: 400,
    errors.ProviderError: 502,
    errors.CredentialsRejected: 422,
    errors.PermissionDenied: 422,
    errors.NotFound: 422,
    errors.InvalidRequest: 422,
    errors.Conflict: 409,
    errors.RateLimited: 429,
    errors.ProviderUnavailable: 503,
    errors.ProviderTimeout: 504,
    errors.UnexpectedResponse: 502,
    errors.ServiceError: 409,
    errors.ObjectNotFound: 404,
    errors.TransferRefused: 403,
    errors.IdempotencyConflict: 422,
    errors.VerificationFailed: 422,
    errors.StoreError: 500,
    errors.StoreUnavailable: 503,
    errors.StoreBusy: 503,
    errors.StoreFull: 507,
    errors.StoreSchema: 503,
    errors.StoreConflict: 409,
    errors.StoreNotFound: 404,
    errors.StoreRefused: 422,
    VoipkitError: 500,
}
_EVIDENCE = "verification_evidence_id"
# The fields that an error is about; found in the same way.
_FIELDS: dict[type[VoipkitError], tuple[str, ...]] = {
    errors.UnknownProvider: ("provider",),
    errors.InvalidNumber: ("numbers",),
    errors.CredentialsRejected: ("credentials",),
    errors.VerificationFailed: ("sip_config",),
    errors.IdempotencyConflict: ("idempotency_key",),
    errors.EvidenceError: (_EVIDENCE,),
    errors.EvidenceProviderMismatch: ("provider", _EVIDENCE),
    errors.EvidenceCredentialsMismatch: ("credentials", _EVIDENCE),
}
# Where a request has an argument of the service, if not in its body under the same name.
_ELSEWHERE: dict[str, tuple[Location, str]] = {
    "idempotency_key": ("header", "Idempotency-Key"),
    "evidence": ("body", _EVIDENCE),
    "limit": ("query", "limit"),
    "cursor": ("query", "cursor"),
}


class FieldError(BaseModel):
    """One wrong field of a request.

    Attributes:
        location: Where the field is.
        field: Its name, with a dot and the inner name or ``[index]`` where it is inside another; empty for the whole.
        problem: What is wrong and what the field wants. Never the value.
        code: Stable name of the rule that was broken.
    """

    location: Location
    field: str
    problem: str
    code: str


class Problem(BaseModel):
    """A problem detail (RFC 9457, media type ``application/problem+json``); members without a value are left out.

    Attributes:
        type: ``urn:voipkit:problem:`` and the code.
        title: The status in words.
        status: The HTTP status.
        detail: What happened. Never a secret.
        code: Stable name for programs: the error's ``kind`` (docs/errors.md), or one of `Refused`.
        fix: What to do next.
        errors: The wrong fields.
        provider: The carrier that was asked.
        operation: What it was asked for.
        vendor_code: The carrier's own code.
        request_id: The carrier's id of the request, for its support.
        retryable: Whether the same request may succeed later without any change.
        retry_after: Seconds to wait; the header ``Retry-After`` says the same in whole seconds.
        numbers: The phone numbers that are in the way, E.164.
    """

    model_config = ConfigDict(frozen=True)

    type: str = Field(pattern="^urn:voipkit:problem:[a-z_]+$")
    title: str
    status: int = Field(ge=400, le=599)
    detail: str
    code: str
    fix: str | None = None
    errors: tuple[FieldError, ...] | None = None
    provider: str | None = None
    operation: str | None = None
    vendor_code: str | None = None
    request_id: str | None = None
    retryable: bool | None = None
    retry_after: float | None = Field(default=None, ge=0)
    numbers: tuple[str, ...] | None = None


class Refused(Exception):
    """A request that never reached the service.

    Args:
        status: HTTP status.
        code: Stable name, such as ``invalid_json``.
        detail: What is wrong with the request; never a value of it.
        fields: The wrong fields.
        fix: What to do next.
        headers: Further headers of the answer.
    """

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        *,
        fields: tuple[FieldError, ...] = (),
        fix: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.problem = made(status, code, detail, fix=fix, errors=fields or None)
        self.headers = headers or {}


# --- from errors to documents ----------------------------------------------------------------------------------------


def status_of(error: VoipkitError) -> int:
    """Return the HTTP status of an error."""
    return next(_STATUS[cls] for cls in type(error).__mro__ if cls in _STATUS)


def problem_of(error: VoipkitError, *, body: bool = True) -> Problem:
    """Describe an error as a problem detail.

    Args:
        error: What was raised.
        body: Whether the request has a body whose fields can be named.
    """
    wait = getattr(error, "retry_after", None)
    if wait is None and getattr(error, "retryable", False) and status_of(error) in _WAITING:
        wait = _RETRY_LATER
    fields = tuple(field for field in _fields_of(error) if body or field.location != "body")
    return made(
        status_of(error),
        error.kind,
        error.message,
        fix=error.fix,
        errors=fields or None,
        provider=getattr(error, "provider", None) or None,
        operation=getattr(error, "operation", None) or None,
        vendor_code=getattr(error, "code", None),
        request_id=getattr(error, "request_id", None),
        retryable=getattr(error, "retryable", None),
        retry_after=None if wait is None else max(0.0, float(wait)),
        numbers=getattr(error, "numbers", None) or None,
    )


def made(status: int, code: str, detail: str, **more: Any) -> Problem:
    """Build a problem detail from its status and code; the rest as in `Problem`."""
    return Problem(
        type=f"{_TYPE}{code}", title=HTTPStatus(status).phrase, status=status, detail=detail, code=code, **more
    )


def respond(problem: Problem, headers: dict[str, str] | None = None) -> Response:
    """Send a problem detail."""
    sent = dict(headers or {})
    if problem.retry_after is not None:
        sent["Retry-After"] = str(math.ceil(problem.retry_after))
    return Response(problem.model_dump_json(exclude_none=True), problem.status, headers=sent, media_type=MEDIA_TYPE)


def _fields_of(error: VoipkitError) -> tuple[FieldError, ...]:
    """Name the fields of the request that an error is about."""
    if isinstance(error, errors.CredentialsInvalid):
        return tuple(_section(problem, error.kind) for problem in error.problems)
    if isinstance(error, errors.InvalidField):
        named: tuple[str, ...] = (error.field,)
    else:
        named = next((_FIELDS[cls] for cls in type(error).__mro__ if cls in _FIELDS), ())
    return tuple(_located(field, error) for field in named)


def _located(field: str, error: VoipkitError) -> FieldError:
    location, name = _ELSEWHERE.get(field, ("body", field))
    return FieldError(location=location, field=name, problem=error.message, code=error.kind)


def _section(problem: errors.FieldProblem, code: str) -> FieldError:
    field = f"{problem.section}.{problem.field}" if problem.field else problem.section
    return FieldError(location="body", field=field, problem=problem.problem, code=code)


# --- the route -------------------------------------------------------------------------------------------------------


_METHODS: dict[str, set[str]] = {}  # of each path, as the routes have it


class ProblemRoute(APIRoute):
    """A route whose voipkit errors become problem details; what the host raises is the host's."""

    def __init__(self, path: str, endpoint: Callable[..., Any], **more: Any) -> None:
        super().__init__(path, endpoint, **more)
        _METHODS.setdefault(path, set()).update(self.methods or ())

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request; a method that the path has not is refused with all that it has (RFC 9110, 15.5.6).

        Starlette names those of this one route, and each of our routes has one.
        """
        if scope["method"] not in (self.methods or ()):
            raise HTTPException(405, headers={"Allow": ", ".join(sorted(_METHODS[self.path]))})
        await super().handle(scope, receive, send)

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Wrap FastAPI's handler."""
        handle = super().get_route_handler()

        async def handled(request: Request) -> Response:
            try:
                return await handle(request)
            except VoipkitError as error:
                problem = problem_of(error, body="requestBody" in (self.openapi_extra or {}))
                if problem.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
                    _LOG.error("%s %s: %s", request.method, self.path, error)
                return respond(problem)
            except Refused as refused:
                return respond(refused.problem, refused.headers)
            except RequestValidationError as error:
                return respond(_parameters_refused(error))

        return handled


def _parameters_refused(error: RequestValidationError) -> Problem:
    """Describe wrong path, query and header parameters; the values that pydantic keeps are left out."""
    found = tuple(
        FieldError(
            location=entry["loc"][0] if entry["loc"][0] in ("path", "query", "header") else "body",
            field=str(entry["loc"][1]) if len(entry["loc"]) > 1 else "",
            problem=worded(entry),
            code=entry["type"],
        )
        for entry in error.errors()
    )
    named = ", ".join(dict.fromkeys(entry.field for entry in found))
    return made(422, "invalid_field", f"These parameters are wrong: {named}.", errors=found)


def field_name(steps: tuple[int | str, ...]) -> str:
    """Write a field's path as people do: ``numbers[3]``, ``sip_config.domain``."""
    return re.sub(r"\.\[", "[", ".".join(f"[{step}]" if isinstance(step, int) else str(step) for step in steps))
