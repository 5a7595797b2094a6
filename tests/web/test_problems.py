"""Problem details: every error has a status, a stable code and, where a field is to blame, its name."""

from __future__ import annotations

import json

import httpx
import pytest
from fastapi import APIRouter, FastAPI

from tests.web.conftest import client_of
from voipkit import errors
from voipkit.errors import FieldProblem, VoipkitError
from voipkit.web.problem import MEDIA_TYPE, Problem, ProblemRoute, problem_of, status_of


def descendants(cls: type[VoipkitError]) -> list[type[VoipkitError]]:
    found = [cls]
    for child in cls.__subclasses__():
        if child.__module__ == errors.__name__:
            found += descendants(child)
    return found


EVERY = sorted(descendants(VoipkitError), key=lambda cls: cls.kind)
CONTRACT = {  # seed 001, and RFC 9110 for what it does not say
    "evidence_missing": 400,
    "evidence_invalid": 400,
    "evidence_expired": 400,
    "evidence_reused": 400,
    "evidence_provider_mismatch": 400,
    "evidence_credentials_mismatch": 400,
    "credentials_rejected": 422,
    "credentials_invalid": 422,
    "unknown_provider": 422,
    "invalid_field": 422,
    "unsupported": 422,
    "object_not_found": 404,
    "store_not_found": 404,
    "transfer_refused": 403,
    "rotation_refused": 409,
    "number_taken": 409,
    "rate_limited": 429,
    "provider_unavailable": 503,
    "store_unavailable": 503,
    "store_full": 507,
    "provider_timeout": 504,
    "missing_extra": 501,
}


def answer_of(error: Exception) -> httpx.Response:
    """What a client gets when an endpoint raises."""
    routes = APIRouter(route_class=ProblemRoute)

    @routes.get("/it")
    def it() -> None:
        raise error

    app = FastAPI()
    app.include_router(routes, prefix="/host")
    with client_of(app) as client:
        return client.get("/host/it")


@pytest.mark.parametrize("cls", EVERY, ids=lambda cls: cls.kind)
def test_every_error_becomes_a_problem(cls):
    answer = answer_of(cls("Something happened.", fix="Do this."))

    assert answer.headers["content-type"] == MEDIA_TYPE
    problem = Problem.model_validate_json(answer.content)
    assert (problem.status, problem.code) == (answer.status_code, cls.kind)
    assert problem.type == f"urn:voipkit:problem:{cls.kind}"
    assert (problem.detail, problem.fix) == ("Something happened.", "Do this.")
    assert None not in answer.json().values()


@pytest.mark.parametrize(("kind", "status"), CONTRACT.items())
def test_statuses_are_the_contract_s(kind, status):
    (cls,) = [cls for cls in EVERY if cls.kind == kind]

    assert status_of(cls("It.")) == status


def test_only_our_own_side_is_a_server_error():
    """What the client sent, or the state of its things, is never told as our mistake."""
    theirs = {cls.kind for cls in EVERY if status_of(cls("It.")) < 500}
    ours = {cls.kind for cls in EVERY} - theirs

    assert ours == {
        "voipkit_error", "missing_extra", "broken_provider", "duplicate_provider", "provider_error",
        "provider_unavailable", "provider_timeout", "unexpected_response", "store_error", "store_unavailable",
        "store_busy", "store_full", "store_schema", "seal_broken", "seal_key_missing",
    }  # fmt: skip


@pytest.mark.parametrize(("wait", "header"), [(1.2, "2"), (0, "0"), (None, "5"), (-3, "0")])
def test_a_rate_limit_says_when_to_come_again(wait, header):
    answer = answer_of(errors.RateLimited("Too often.", provider="telnyx", retry_after=wait))

    assert answer.status_code == 429
    assert answer.headers["retry-after"] == header
    assert answer.json()["retryable"] is True
    assert answer.json()["provider"] == "telnyx"


def test_fields_are_named():
    error = errors.CredentialsInvalid(
        "Two fields.",
        problems=(
            FieldProblem("api_key", "apiKey", "credentials", "is required."),
            FieldProblem("", "", "sip_config", "must be a mapping."),
        ),
    )
    assert [field.field for field in problem_of(error).errors or ()] == ["credentials.api_key", "sip_config"]

    for made, location, field in (
        (errors.UnknownProvider("No."), "body", "provider"),
        (errors.InvalidField("No.", field="numbers[3]"), "body", "numbers[3]"),
        (errors.InvalidField("No.", field="limit"), "query", "limit"),
        (errors.EvidenceMissing("No."), "body", "verification_evidence_id"),
        (errors.EvidenceProviderMismatch("No."), "body", "provider"),
        (errors.IdempotencyConflict("No."), "header", "Idempotency-Key"),
    ):
        found = (problem_of(made).errors or ())[0]
        assert (found.location, found.field, found.code) == (location, field, made.kind)


def test_numbers_in_the_way_are_listed():
    answer = answer_of(errors.RotationRefused("One number.", numbers=("+15550001234",)))

    assert answer.status_code == 409
    assert answer.json()["numbers"] == ["+15550001234"]


def test_what_is_not_ours_is_left_to_the_host():
    with pytest.raises(ZeroDivisionError):
        answer_of(ZeroDivisionError())


def test_a_problem_is_plain_json():
    found = json.loads(answer_of(errors.ObjectNotFound("No.", object="connection")).content)

    assert found == {
        "type": "urn:voipkit:problem:object_not_found",
        "title": "Not Found",
        "status": 404,
        "detail": "No.",
        "code": "object_not_found",
    }
