"""What the simulated Vobiz answers about account, numbers and applications; sources are in `voipkit.sandbox.vobiz`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from voipkit.sandbox._faults import Json
from voipkit.sandbox._kernel import CREATED, NO_CONTENT, OK, Call, Listing, Reply, Routes, cut
from voipkit.sandbox._state import iso8601
from voipkit.sandbox.vobiz_state import Application, Number
from voipkit.sandbox.vobiz_trunks import ACCOUNT, by_offset

if TYPE_CHECKING:
    from voipkit.sandbox.vobiz import Vobiz

ROUTES: Routes[Vobiz] = Routes()
DEFAULT_PAGE, LARGEST_PAGE = 25, 100


# --- The account ------------------------------------------------------------------------------------------------------


@ROUTES.get("me", "api", "/api/v1/auth/me")
def _get_me(vobiz: Vobiz, call: Call) -> Reply:
    """Answer the account, its secret included: so the vendor does."""
    account, user = vobiz.account, call.request.headers["x-auth-id"]
    names = (
        *("name", "company", "email", "country", "enabled", "is_active", "is_verified", "is_trial_account", "postpaid"),
        *("cps_limit", "concurrent_calls_limit", "credit_limit"),
    )
    body: Json = {name: getattr(account, name) for name in names}
    body |= {"auth_id": user, "auth_secret": call.request.headers["x-auth-token"]}
    body |= {"type": "main" if user == account.auth_id else "sub", "account_type": "business"}
    body |= {"ip_auth_enabled": False, "ip_whitelist_rules": [], "features": {"voice": True}}
    body["pricing_tier"] = {"name": "standard", "rate_per_minute": 0.65, "currency": account.currency}
    return Reply(OK, body)


@ROUTES.get("balance", "api", ACCOUNT + "/balance/{currency}")
def _get_balance(vobiz: Vobiz, call: Call) -> Reply:
    account = vobiz.account
    if call.args["currency"] != account.currency:
        return vobiz.refuse(404)
    body = {
        "balance": account.balance,
        "available_balance": account.balance + account.credit_limit - account.reserved_funds,
        "reserved_funds": account.reserved_funds,
        "credit_limit": account.credit_limit,
        "is_postpaid": account.postpaid,
        "currency": account.currency,
        "status": "active",
        "low_balance_threshold": 100,
    }
    return Reply(OK, body)


@ROUTES.get("concurrency", "api", ACCOUNT + "/concurrency")
def _get_concurrency(vobiz: Vobiz, _call: Call) -> Reply:
    body = {"concurrent_calls_limit": vobiz.account.concurrent_calls_limit, "current_calls": 0}
    return Reply(OK, {"auth_id": vobiz.account.auth_id, **body})


# --- Numbers ----------------------------------------------------------------------------------------------------------


@ROUTES.get("list_numbers", "api", ACCOUNT + "/numbers")
def _list_numbers(vobiz: Vobiz, call: Call) -> Reply:
    """List by page and per_page, sub-accounts' numbers included unless told not to; limit and offset do nothing."""
    found: Listing[Number] = vobiz.numbers
    user = call.request.headers["x-auth-id"]
    if user != vobiz.account.auth_id or call.query("include_subaccounts") == "false":
        found = [number for number in found if number.account_id == user]
    if text := call.query("search"):
        found = [number for number in found if text in number.e164]
    asked, size = call.query("page") or "1", call.query("per_page") or str(DEFAULT_PAGE)
    if not asked.isdigit() or int(asked) < 1 or not size.isdigit() or not 1 <= int(size) <= LARGEST_PAGE:
        return vobiz.refuse(400, detail="page must be 1 or more, and per_page from 1 to 100")
    page = cut(found, int(asked) - 1, int(size), call.fault)
    items = [_number(number) for number in page.items]
    return Reply(OK, {"items": items, "page": page.number + 1, "per_page": page.size, "total": page.total})


@ROUTES("attach_application", "POST", "api", ACCOUNT + "/numbers/{e164}/application", write=True)
def _attach_application(vobiz: Vobiz, call: Call) -> Reply:
    """Put a number on an application, whatever it was on before; its trunk stays."""
    number, sent = _owned(vobiz, call), call.json() or {}
    if isinstance(number, Reply):
        return number
    app_id = sent.get("application_id")
    if not isinstance(app_id, str) or not app_id:
        return vobiz.refuse(400, detail="application_id is required")
    application = vobiz.applications.get(app_id)
    if application is None:
        return vobiz.refuse(404, detail="The application was not found")
    if vobiz.attach_conflicts and number.application_id not in (None, app_id):
        return vobiz.refuse(409, detail="The number is already attached to an application")
    number.application_id = app_id
    body = {"message": "Number attached to application", "number": number.e164}
    return Reply(OK, body | {"application": _application(vobiz, application)})


@ROUTES("detach_application", "DELETE", "api", ACCOUNT + "/numbers/{e164}/application", write=True)
def _detach_application(vobiz: Vobiz, call: Call) -> Reply:
    """Take a number off its application; one that is on none is left alone, and the answer is the same."""
    number = _owned(vobiz, call)
    if isinstance(number, Reply):
        return number
    number.application_id = None
    return Reply(OK, {"message": "Number detached from application", "number": number.e164, "application": None})


@ROUTES("assign_trunk", "POST", "api", ACCOUNT + "/numbers/{e164}/assign", write=True)
def _assign_trunk(vobiz: Vobiz, call: Call) -> Reply:
    """Put a number on a trunk; it must not be on one already, and its application stays."""
    number, sent = _owned(vobiz, call), call.json() or {}
    if isinstance(number, Reply):
        return number
    trunk_id = sent.get("trunk_group_id")
    if not isinstance(trunk_id, str) or not trunk_id:
        return vobiz.refuse(400, detail="trunk_group_id is required")
    if trunk_id not in vobiz.trunks:
        return vobiz.refuse(404, detail="The trunk was not found")
    if number.trunk_group_id is not None:
        return vobiz.refuse(400, detail="The number is already assigned to a trunk; unassign it first")
    number.trunk_group_id = trunk_id
    return Reply(NO_CONTENT)


@ROUTES("unassign_trunk", "DELETE", "api", ACCOUNT + "/numbers/{e164}/assign", write=True)
def _unassign_trunk(vobiz: Vobiz, call: Call) -> Reply:
    number = _owned(vobiz, call)
    if isinstance(number, Reply):
        return number
    if number.trunk_group_id is None:
        return vobiz.refuse(404, detail="The number is not assigned to a trunk")
    number.trunk_group_id = None
    return Reply(NO_CONTENT)


@ROUTES("release_number", "DELETE", "api", ACCOUNT + "/numbers/{e164}", write=True)
def _release_number(vobiz: Vobiz, call: Call) -> Reply:
    """Give the number back, for a fee: it loses trunk and application at once, and is gone in 24 hours."""
    number = _owned(vobiz, call)
    if isinstance(number, Reply):
        return number
    number.status, number.application_id, number.trunk_group_id = "pending_release", None, None
    body = {"status": number.status, "cooldown_ends_at": iso8601(86_400), "release_fee": number.monthly_fee}
    cancel = f"/api/v1/account/{number.account_id}/numbers/{number.e164}/cancel-release"
    return Reply(OK, body | {"cancel_url": cancel, "note": "The number is released when the cooldown ends."})


def _owned(vobiz: Vobiz, call: Call) -> Number | Reply:
    """Return the number in the path, or a refusal when there is none, or when another account owns it."""
    number = vobiz.numbers.get(call.args["e164"])
    if number is None:
        return vobiz.refuse(404, detail="The number was not found")
    return number if number.account_id == call.args["auth_id"] else Reply(403, {"error": "forbidden"})


def _number(number: Number) -> Json:
    names = (
        *("id", "account_id", "e164", "country", "region", "capabilities", "status", "provider", "setup_fee"),
        *("monthly_fee", "currency", "voice_enabled", "tags", "is_blocked", "is_trial_number"),
        *("minimum_commitment_months", "aadhaar_verification_required", "aadhaar_verified", "source"),
    )
    record: Json = {name: getattr(number, name) for name in names}
    record |= {"purchased_at": iso8601(number.created), "last_billing_date": iso8601(number.created)}
    record["next_billing_date"] = "2046-01-05T09:00:00Z"
    routes = {"application_id": number.application_id, "trunk_group_id": number.trunk_group_id}
    return record | {name: value for name, value in routes.items() if value is not None}


# --- Applications -----------------------------------------------------------------------------------------------------

_APPLICATION_FIELDS = (
    *("answer_url", "answer_method", "hangup_url", "hangup_method", "fallback_answer_url", "fallback_method"),
    "enabled",
)


@ROUTES.get("list_applications", "api", ACCOUNT + "/Application")
def _list_applications(vobiz: Vobiz, call: Call) -> Reply:
    reply = by_offset(vobiz, call, vobiz.applications, lambda item: _application(vobiz, item), total="total_count")
    return (
        reply
        if not isinstance(reply.payload, dict)
        else Reply(reply.status, {"api_id": vobiz.request_id(), **reply.payload})
    )


@ROUTES.get("application", "api", ACCOUNT + "/Application/{app_id}")
def _get_application(vobiz: Vobiz, call: Call) -> Reply:
    found = vobiz.applications.get(call.args["app_id"])
    return Reply(OK, {"api_id": vobiz.request_id(), **_application(vobiz, found)}) if found else vobiz.refuse(404)


@ROUTES("create_application", "POST", "api", ACCOUNT + "/Application", write=True)
def _create_application(vobiz: Vobiz, call: Call) -> Reply:
    """Make an application from ``app_name``; the SDK's ``name`` is not enough."""
    sent = call.json() or {}
    if not re.fullmatch(r"[A-Za-z0-9_-]+", str(sent.get("app_name", ""))):
        return vobiz.refuse(400, detail="app_name is required, of letters, digits, _ and -")
    application = vobiz.add_application(str(sent["app_name"]))
    _change(application, sent)
    return Reply(CREATED, {"api_id": vobiz.request_id(), "app_id": application.app_id, "message": "created"})


@ROUTES("update_application", "POST", "api", ACCOUNT + "/Application/{app_id}", write=True)
def _update_application(vobiz: Vobiz, call: Call) -> Reply:
    application, sent = vobiz.applications.get(call.args["app_id"]), call.json()
    if application is None:
        return vobiz.refuse(404)
    if sent is None:
        return vobiz.refuse(400, detail="The body is not a JSON object")
    _change(application, sent)
    return Reply(OK, {"api_id": vobiz.request_id(), "message": "changed"})


@ROUTES("delete_application", "DELETE", "api", ACCOUNT + "/Application/{app_id}", write=True)
def _delete_application(vobiz: Vobiz, call: Call) -> Reply:
    """Delete an application that no number is on."""
    app_id = call.args["app_id"]
    if app_id not in vobiz.applications:
        return vobiz.refuse(404)
    if any(number.application_id == app_id for number in vobiz.numbers):
        return vobiz.refuse(409, detail="Numbers are attached to the application")
    vobiz.applications.remove(app_id)
    return Reply(NO_CONTENT)


def _change(application: Application, sent: Json) -> None:
    for name in _APPLICATION_FIELDS:
        if sent.get(name) is not None:
            setattr(application, name, sent[name])


def _application(vobiz: Vobiz, item: Application) -> Json:
    names = ("app_id", "app_name", *_APPLICATION_FIELDS, "default_app")
    return {name: getattr(item, name) for name in names} | {
        "sip_uri": f"sip:{item.app_id}@app.vobiz.ai",
        "resource_uri": f"/v1/Account/{vobiz.account.auth_id}/Application/{item.app_id}/",
    }
