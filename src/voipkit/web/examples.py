"""Examples of every body, answer and problem, as OpenAPI shows them; tests hold them against the models."""

from __future__ import annotations

from typing import Any

from voipkit.web.answers import Answer
from voipkit.web.problem import MEDIA_TYPE, Problem, made

__all__ = ["answered", "problems", "with_body", "with_carrier"]

# --- bodies ----------------------------------------------------------------------------------------------------------

_CREDENTIALS = {"apiKey": "KEY0123456789ABCDEF0123456789ABCDEF_EXAMPLE", "connectionId": "1293384261075731499"}
_SIP = {"domain": "acme.sip.telnyx.com"}
_EVIDENCE = "0d8c1b0a-6f0a-4a52-9c2b-3d5f1b7a9e10"
_ROUTE = {"kind": "trunk", "target": "1293384261075731499"}

TEST = {"provider": "telnyx", "credentials": _CREDENTIALS, "sip_config": _SIP}
CREATE = {
    "name": "Acme Telnyx Main",
    "provider": "telnyx",
    "setup_method": "api_key",
    "credentials": _CREDENTIALS,
    "sip_config": _SIP,
    "verification_evidence_id": _EVIDENCE,
}
RENAME = {"name": "Renamed"}
IMPORT = {"numbers": ["+15550001234", "+15550009999"], "route": _ROUTE}
ADD = {"phone_number": "+15550001234", "label": "San Francisco Office"}
ASSIGN = {"inbound_agent_id": 12, "outbound_agent_id": "agent_b"}
TRANSFER = {"to_org_id": "org_globex"}
ORDER = {"area_code": "415", "city": "San Francisco", "state": "CA"}

# --- answers ---------------------------------------------------------------------------------------------------------

_THEN = "2026-04-20T18:24:10.113000Z"
_CHECK = {  # FastAPI leaves null out of examples, so there is none in any
    "name": "Outbound voice profile",
    "direction": "outbound",
    "status": "fail",
    "code": "telnyx.connection.no_outbound_profile",
    "message": "The connection has no outbound voice profile, so Telnyx refuses its calls (D38).",
    "fix": "Assign an outbound voice profile to the connection in the portal.",
    "object": {"type": "connection", "id": "1293384261075731499", "name": "Acme Main"},
    "vendor_code": "D38",
    "docs_url": "https://developers.telnyx.com/docs/voice/programmable-voice/sip-error-codes",
    "checked_at": _THEN,
    "elapsed": 0.21,
}
TESTED = {
    "status": "pass",
    "verification_evidence_id": _EVIDENCE,
    "evidence": "eyJhbGciOiJFZERTQSIs...",
    "suggested_connection_name": "Telnyx: Acme Main (+15550001234)",
    "suggested_connection_name_inferred": True,
    "checks": {"credentials_valid": True, "inbound_reachable": True, "outbound_authorized": True},
    "details": [],
}
RETESTED = {
    "status": "fail",
    "checks": {"credentials_valid": True, "inbound_reachable": True, "outbound_authorized": False},
    "details": [_CHECK],
}
NAMED = {"suggested_connection_name": "Telnyx: Acme Main", "suggested_connection_name_inferred": True}
CONNECTION = {
    "id": 5,
    "name": "Acme Telnyx Main",
    "provider": "telnyx",
    "setup_method": "api_key",
    "status": "connected",
    "inferred_name": False,
    "sip_config": _SIP,
    "key_hint": "…MPLE",
    "last_tested_at": _THEN,
    "numbers_imported": 3,
    "capacity": 2,
    "default_outbound": True,
    "created_at": _THEN,
    "updated_at": _THEN,
}
DELETED = {
    "connection_id": 5,
    "numbers_kept": 1,
    "restored": [],
    "left": [
        {
            "number": "+15550001234",
            "id": 201,
            "routing": {"connection_id": "1293384261075731499"},
            "reason": "Restoring was not asked for.",
        }
    ],
}
WARNING = {
    "code": "number.unverified",
    "message": "+15550001234: It is not verified.",
    "fix": "Verify it.",
    "connection_id": 5,
    "number_id": 201,
}
WARNING_COUNTS = {"total": 3, "counts": {"number.unverified": 2, "connection.test_stale": 1}}
AVAILABLE = {
    "id": "1293384261075731500",
    "number": "+15550001234",
    "friendlyName": "Main office",
    "type": "local",
    "capabilities": ["voice"],
    "region": "US-CA",
    "monthlyFee": 100,
    "currency": "USD",
}
_NO_CHARGE = "Routing a number that the account already owns costs nothing at the carrier."
IMPORTED = {
    "imported_count": 1,
    "provider_charge_estimate_cents": 0,
    "provider_charge_note": _NO_CHARGE,
    "dry_run": False,
    "results": [
        {
            "id": 201,
            "number": "+15550001234",
            "status": "provisioning",
            "outcome": "imported",
            "code": "import.imported",
            "message": "Calls go to trunk 1293384261075731499 now.",
            "fix": "Verify it next.",
            "before": {"connection_id": "1293384261075731000"},
            "after": {"connection_id": "1293384261075731499"},
            "notes": [],
        }
    ],
}
NUMBER = {
    "id": 201,
    "number": "+15550001234",
    "source": "voip",
    "status": "active",
    "label": "San Francisco Office",
    "inbound_agent_id": 12,
    "outbound_agent_id": "agent_b",
    "voip_connection_id": 5,
    "voip_verification_status": "verified",
    "voip_last_verified_at": _THEN,
    "created_at": _THEN,
    "updated_at": _THEN,
}
VERIFIED = {
    **NUMBER,
    "status": "provisioning",
    "voip_verification_status": "failed",
    "checks": {"inbound_reachable": True, "outbound_authorized": False},
    "details": [_CHECK],
}
VERSION = {
    "id": 77,
    "number_id": 201,
    "number": "+15550001234",
    "action": "number.updated",
    "actor": "user_42",
    "status": "active",
    "inbound_agent_id": 12,
    "outbound_agent_id": "agent_b",
    "voip_connection_id": 5,
    "label": "San Francisco Office",
    "created_at": _THEN,
}
PROVIDER = {
    "id": "twilio",
    "label": "Twilio",
    "setup_methods": [
        {
            "id": "api_key",
            "label": "API key",
            "fields": [
                {
                    "name": "api_secret",
                    "alias": "apiSecret",
                    "label": "API key secret",
                    "type": "password",
                    "required": False,
                    "secret": True,
                    "pattern": "[0-9A-Za-z]{32}",
                    "options": [],
                    "default": "",
                    "help": "Shown once, when the key is made.",
                    "docs_url": "https://www.twilio.com/docs/iam/api-keys",
                    "one_of": "API key",
                }
            ],
            "sip_fields": [],
            "credential_schema": {"type": "object", "required": ["accountSid"]},
            "sip_schema": {"type": "object"},
        }
    ],
    "route_kinds": ["trunk", "sip", "webhook", "application"],
    "capabilities": ["restore"],
    "docs_url": "https://www.twilio.com/docs/usage/api",
    "broken": "",
}

# --- problems --------------------------------------------------------------------------------------------------------

_EVIDENCE_ERROR = {
    "location": "body",
    "field": "verification_evidence_id",
    "problem": "The evidence was spent before.",
    "code": "evidence_reused",
}
_NUMBER_ERROR = {
    "location": "body",
    "field": "numbers[1]",
    "problem": "must be a number in E.164, such as +15550001234.",
    "code": "string_pattern_mismatch",
}
_PROBLEMS: dict[int, tuple[str, Problem]] = {
    400: (
        "Not JSON, or the evidence is missing, stale, reused or of something else",
        made(400, "evidence_reused", "The evidence was spent before.", fix="Test again.", errors=(_EVIDENCE_ERROR,)),
    ),
    401: ("Not authenticated", made(401, "unauthenticated", "The request has no valid bearer token.")),
    403: ("The host did not authorise it", made(403, "transfer_refused", "The transfer was not authorised.")),
    404: (
        "No such object in this tenant",
        made(404, "object_not_found", "There is no connection 5."),
    ),
    408: ("The body did not arrive in time", made(408, "body_unfinished", "The body did not arrive within 30 s.")),
    409: (
        "The state of things forbids it",
        made(
            409,
            "rotation_refused",
            "With the new credentials, 1 number would become unreachable.",
            fix="Send force: true to go ahead.",
            numbers=("+15550001234",),
        ),
    ),
    413: ("The body is too large", made(413, "body_too_large", "The body has more than 4,194,304 bytes.")),
    415: ("The body is not declared as JSON", made(415, "unsupported_media_type", "The body is not declared as JSON.")),
    422: (
        "A field is wrong, or the carrier refuses the credentials",
        made(422, "invalid_field", "The body is wrong at: numbers[1].", errors=(_NUMBER_ERROR,)),
    ),
    429: (
        "The carrier was asked too often",
        made(429, "rate_limited", "Telnyx was asked too often.", provider="telnyx", retryable=True, retry_after=30),
    ),
    500: ("An error of this server", made(500, "voipkit_error", "Something unforeseen happened.")),
    501: (
        "This installation cannot talk to the carrier",
        made(501, "missing_extra", "The carrier's SDK is not installed.", fix="pip install 'voipkit[telnyx]'"),
    ),
    502: (
        "The carrier's answer makes no sense",
        made(502, "unexpected_response", "Telnyx gave an answer that is not JSON.", provider="telnyx"),
    ),
    503: (
        "The carrier or the store cannot be asked now",
        made(
            503, "provider_unavailable", "Telnyx cannot be reached.", provider="telnyx", retryable=True, retry_after=5
        ),
    ),
    504: ("The carrier did not answer in time", made(504, "provider_timeout", "Telnyx did not answer within 20 s.")),
}
_WAITS = frozenset({429, 503})


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return what OpenAPI says of problems of these statuses, with an example each."""
    return {status: _problem(*_PROBLEMS[status]) for status in statuses}


def with_body() -> dict[int | str, dict[str, Any]]:
    """Return the problems of an operation that reads a body."""
    return problems(400, 408, 409, 413, 415)


def with_carrier() -> dict[int | str, dict[str, Any]]:
    """Return the problems of an operation that asks a carrier."""
    return problems(409, 429, 501, 502, 504)


def answered(
    status: int,
    example: Any,
    headers: dict[str, Any] | None = None,
    *,
    model: type[Answer] | None = None,
    description: str = "Done.",
) -> dict[int | str, dict[str, Any]]:
    """Return what OpenAPI says of an answer, with an example.

    Args:
        status: HTTP status.
        example: The answer.
        headers: Headers that it may have.
        model: What the answer is, where the endpoint does not say so.
        description: When it is given.
    """
    said: dict[str, Any] = {"description": description, "content": {"application/json": {"example": example}}}
    if headers:
        said["headers"] = headers
    if model:
        said["model"] = model
    return {status: said}


def _problem(description: str, example: Problem) -> dict[str, Any]:
    media = {"schema": _SCHEMA, "example": example.model_dump(mode="json", exclude_none=True)}
    said: dict[str, Any] = {"description": f"{description}.", "content": {MEDIA_TYPE: media}}
    if example.status in _WAITS:
        said["headers"] = {
            "Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer", "minimum": 0}}
        }
    return said


_SCHEMA: dict[str, Any] = {
    "type": "object",
    "description": "A problem detail (RFC 9457).",
    "required": ["type", "title", "status", "detail", "code"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "code": {"type": "string"},
        "fix": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["location", "field", "problem", "code"],
                "properties": {name: {"type": "string"} for name in ("location", "field", "problem", "code")},
            },
        },
    },
}
