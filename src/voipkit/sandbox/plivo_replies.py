"""What the simulated Plivo answers about numbers and applications; sources are in `voipkit.sandbox.plivo`."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import urlencode

from voipkit.sandbox._faults import Json
from voipkit.sandbox._kernel import ACCEPTED, CREATED, NO_CONTENT, OK, Call, Listing, Reply, Routes, cut
from voipkit.sandbox._state import iso8601
from voipkit.sandbox.plivo_state import PRICES, Application, CallerId, Number

if TYPE_CHECKING:
    from voipkit.sandbox.plivo import Plivo

Item = TypeVar("Item")

ROUTES: Routes[Plivo] = Routes()
LARGEST_PAGE = 20
ACCOUNT = "/v1/Account/{auth_id}/"


# --- The account ------------------------------------------------------------------------------------------------------


@ROUTES.get("account", "api", ACCOUNT)
def _get_account(plivo: Plivo, _call: Call) -> Reply:
    account = plivo.account
    names = ("account_type", "address", "auth_id", "auto_recharge", "billing_mode", "cash_credits", "city", "name")
    body: Json = {name: getattr(account, name) for name in (*names, "state", "timezone")}
    return Reply(OK, {"api_id": plivo.api_id(), **body, "resource_uri": plivo.uri_of()})


@ROUTES.get("pricing", "api", ACCOUNT + "Pricing/")
def _get_pricing(plivo: Plivo, call: Call) -> Reply:
    iso = call.query("country_iso") or ""
    if iso not in PRICES:
        return plivo.refuse(400, detail="country_iso is not valid")
    country, code, month, out, incoming = PRICES[iso]
    voice = {
        "inbound": {"ip": {"rate": "0.00300"}, "local": {"rate": incoming}},
        "outbound": {"ip": {"rate": "0.00300"}, "rates": [{"prefix": [code], "rate": out}]},
    }
    body = {"country": country, "country_code": code, "country_iso": iso, "voice": voice}
    return Reply(OK, {"api_id": plivo.api_id(), **body, "phone_numbers": {"local": {"rate": month}}})


@ROUTES.get("list_caller_ids", "api", ACCOUNT + "VerifiedCallerId/")
def _list_caller_ids(plivo: Plivo, call: Call) -> Reply:
    return page_of(plivo, call, plivo.caller_ids, _caller_id, ("country", "alias", "subaccount"))


@ROUTES.get("caller_id", "api", ACCOUNT + "VerifiedCallerId/{number}/")
def _get_caller_id(plivo: Plivo, call: Call) -> Reply:
    found = plivo.caller_ids.get(call.args["number"].removeprefix("+"))
    return Reply(OK, {"api_id": plivo.api_id(), **_caller_id(found)}) if found else plivo.refuse(404)


def _caller_id(item: CallerId) -> Json:
    names = ("phone_number", "verification_uuid", "alias", "country")
    when = iso8601(item.created)
    return {name: getattr(item, name) for name in names} | {"created_at": when, "modified_at": when, "subaccount": None}


# --- Numbers ----------------------------------------------------------------------------------------------------------

_NUMBER_FILTERS = ("type", "number_startswith", "subaccount", "alias", "services", "cnam_lookup")


@ROUTES.get("list_numbers", "api", ACCOUNT + "Number/")
def _list_numbers(plivo: Plivo, call: Call) -> Reply:
    found: Listing[Number] = plivo.numbers
    if owner := plivo.subaccount_of(call) or call.query("subaccount"):
        found = [number for number in found if number.sub_account == owner]
    if start := call.query("number_startswith"):
        found = [number for number in found if number.number.startswith(start)]
    for name, attribute in (("type", "number_type"), ("alias", "alias"), ("cnam_lookup", "cnam_lookup")):
        if (wanted := call.query(name)) is not None:
            found = [number for number in found if getattr(number, attribute) == wanted]
    services = call.queries("services")
    if not {"voice", "sms", "mms"}.issuperset(services):
        return plivo.refuse(400, detail="services is not valid")
    for service in services:
        found = [number for number in found if getattr(number, f"{service}_enabled")]
    return page_of(plivo, call, found, lambda number: _number(plivo, number), _NUMBER_FILTERS)


@ROUTES.get("number", "api", ACCOUNT + "Number/{number}/")
def _get_number(plivo: Plivo, call: Call) -> Reply:
    number = _owned(plivo, call)
    return Reply(OK, {"api_id": plivo.api_id(), **_number(plivo, number)}) if number else plivo.refuse(404)


@ROUTES("update_number", "POST", "api", ACCOUNT + "Number/{number}/", write=True)
def _update_number(plivo: Plivo, call: Call) -> Reply:
    """Change a number; one that is posted without ``app_id`` goes to the account's default application.

    Plivo, "Update a number": "If not specified, the application selected as the default_number_app is assigned."
    An account without a default application leaves the number as it is (unverified).
    """
    number, sent = _owned(plivo, call), call.json()
    if number is None:
        return plivo.refuse(404)
    if sent is None:
        return plivo.refuse(400, detail="The body is not a JSON object")
    app_id = sent.get("app_id")
    if app_id is None:
        default = plivo.default_application
        app_id = default.app_id if default else number.app_id
    elif refusal := _refused_route(plivo, app_id):
        return refusal
    number.app_id = None if app_id is None else str(app_id)
    if sent.get("subaccount") is not None:
        number.sub_account = str(sent["subaccount"]) or None
    for name in ("alias", "cnam_lookup"):
        if sent.get(name) is not None:
            setattr(number, name, sent[name])
    return Reply(ACCEPTED, {"api_id": plivo.api_id(), "message": "changed"})


def _refused_route(plivo: Plivo, app_id: object) -> Reply | None:
    """Refuse an id that is empty, unknown, or an outbound trunk's."""
    if not isinstance(app_id, str) or not app_id:
        return plivo.refuse(400, detail="app_id is not valid")
    trunk = plivo.trunks.get(app_id)
    if trunk is not None and trunk.trunk_direction != "inbound":
        return plivo.refuse(400, detail="only an inbound trunk can take a number")
    return None if trunk or app_id in plivo.applications else plivo.refuse(404)


@ROUTES("release_number", "DELETE", "api", ACCOUNT + "Number/{number}/", write=True)
def _release_number(plivo: Plivo, call: Call) -> Reply:
    """Give the number back: at once, and for good."""
    number = _owned(plivo, call)
    if number is None:
        return plivo.refuse(404)
    plivo.numbers.remove(number.number)
    return Reply(NO_CONTENT)


def _owned(plivo: Plivo, call: Call) -> Number | None:
    """Return the number in the path, if it belongs to who asks; digits only, "+" finds nothing."""
    number, asker = plivo.numbers.get(call.args["number"]), plivo.subaccount_of(call)
    return number if number and asker in (None, number.sub_account) else None


def _number(plivo: Plivo, number: Number) -> Json:
    names = (
        *("number", "alias", "number_type", "country", "region", "city", "voice_enabled", "sms_enabled", "mms_enabled"),
        *("monthly_rental_rate", "voice_rate", "active", "renewal_date", "carrier", "compliance_status"),
        *("compliance_application_id", "cnam_lookup"),
    )
    record: Json = {name: getattr(number, name) for name in names}
    record["application"] = _route(plivo, number)
    record["sub_account"] = f"/v1/Account/{number.sub_account}/" if number.sub_account else None
    record["added_on"] = iso8601(number.created)[:10]
    record["resource_uri"] = plivo.uri_of("Number", number.number)
    return {name: value for name, value in record.items() if name not in number.left_out}


def _route(plivo: Plivo, number: Number) -> str | None:
    """Return the resource URI of what takes the number's calls."""
    if number.app_id is None:
        return number.other_route
    kind = ("Zentrunk", "Trunk") if number.app_id in plivo.trunks else ("Application",)
    return plivo.uri_of(*kind, number.app_id)


# --- Applications -----------------------------------------------------------------------------------------------------


@ROUTES.get("list_applications", "api", ACCOUNT + "Application/")
def _list_applications(plivo: Plivo, call: Call) -> Reply:
    """List applications; ``app_name`` matches the whole name (unverified)."""
    found: Listing[Application] = plivo.applications
    if (name := call.query("app_name")) is not None:
        found = [item for item in found if item.app_name == name]
    if (owner := call.query("subaccount")) is not None:
        found = [item for item in found if item.sub_account == owner]
    return page_of(plivo, call, found, lambda item: _application(plivo, item), ("app_name", "subaccount"))


@ROUTES.get("application", "api", ACCOUNT + "Application/{app_id}/")
def _get_application(plivo: Plivo, call: Call) -> Reply:
    found = plivo.applications.get(call.args["app_id"])
    return Reply(OK, {"api_id": plivo.api_id(), **_application(plivo, found)}) if found else plivo.refuse(404)


@ROUTES("create_application", "POST", "api", ACCOUNT + "Application/", write=True)
def _create_application(plivo: Plivo, call: Call) -> Reply:
    """Make an application; a second one of the same name is another application (unverified)."""
    sent = call.json() or {}
    if not isinstance(sent.get("app_name"), str) or not sent["app_name"]:
        return plivo.refuse(400, detail="app_name is required")
    application = plivo.add_application(str(sent["app_name"]))
    _change_application(plivo, application, sent)
    return Reply(CREATED, {"api_id": plivo.api_id(), "app_id": application.app_id, "message": "created"})


@ROUTES("update_application", "POST", "api", ACCOUNT + "Application/{app_id}/", write=True)
def _update_application(plivo: Plivo, call: Call) -> Reply:
    """Change the fields that were sent, the account's default included: the SDK sends it as false unasked."""
    application, sent = plivo.applications.get(call.args["app_id"]), call.json()
    if application is None:
        return plivo.refuse(404)
    if sent is None:
        return plivo.refuse(400, detail="The body is not a JSON object")
    _change_application(plivo, application, sent)
    return Reply(ACCEPTED, {"api_id": plivo.api_id(), "message": "changed"})


@ROUTES("delete_application", "DELETE", "api", ACCOUNT + "Application/{app_id}/", write=True)
def _delete_application(plivo: Plivo, call: Call) -> Reply:
    """Delete an application, and take its numbers off it; endpoints are not simulated."""
    if call.args["app_id"] not in plivo.applications:
        return plivo.refuse(404)
    plivo.applications.remove(call.args["app_id"])
    detach(plivo, call.args["app_id"])
    return Reply(NO_CONTENT)


def detach(plivo: Plivo, app_id: str) -> None:
    """Take every number off an application or trunk that is going away."""
    for number in plivo.numbers:
        if number.app_id == app_id:
            number.app_id = None


_APPLICATION_FIELDS = (
    *("answer_url", "answer_method", "hangup_url", "hangup_method", "fallback_answer_url", "fallback_method"),
    *("message_url", "message_method", "default_endpoint_app", "log_incoming_messages", "public_uri"),
)


def _change_application(plivo: Plivo, application: Application, sent: Json) -> None:
    for name in _APPLICATION_FIELDS:
        if sent.get(name) is not None:
            setattr(application, name, sent[name])
    if sent.get("default_number_app") is True:
        plivo.make_default(application)
    elif sent.get("default_number_app") is False:
        application.default_app = False


def _application(plivo: Plivo, item: Application) -> Json:
    names = ("app_id", "app_name", *_APPLICATION_FIELDS, "default_app", "enabled")
    return {name: getattr(item, name) for name in names} | {
        "application_type": "XML",
        "sip_uri": f"sip:{item.app_id}@app.plivo.com",
        "sub_account": f"/v1/Account/{item.sub_account}/" if item.sub_account else None,
        "resource_uri": plivo.uri_of("Application", item.app_id),
    }


# --- Pages ------------------------------------------------------------------------------------------------------------


def page_of(
    plivo: Plivo,
    call: Call,
    items: Listing[Item],
    record: Callable[[Item], Json],
    filters: tuple[str, ...] = (),
    *,
    slash: bool = True,
) -> Reply:
    """Answer one page of a listing, by limit and offset, with the total in ``meta``.

    Args:
        plivo: The account.
        call: The request.
        items: The whole listing, filtered.
        record: Makes one record.
        filters: Query parameters that the listing knows besides limit and offset.
        slash: The links in ``meta`` begin with a slash; those of Zentrunk do not.
    """
    for name, _ in call.request.query:
        if name not in (*filters, "limit", "offset"):
            return plivo.refuse(400, detail=f"the sandbox knows no filter {name}")
    limit, offset = call.query("limit") or str(LARGEST_PAGE), call.query("offset") or "0"
    if not limit.isdigit() or not 1 <= int(limit) <= LARGEST_PAGE:
        return plivo.refuse(400, detail="limit must be from 1 to 20")
    if not offset.isdigit():
        return plivo.refuse(400, detail="offset must be 0 or more")
    size = int(limit)
    number, shift = divmod(int(offset), size)
    page = cut(items[shift:] if shift else items, number, size, call.fault)
    start = shift + page.number * size

    def link(where: int) -> str:
        rest = [pair for pair in call.request.query if pair[0] not in ("limit", "offset")]
        path = call.request.path if slash else call.request.path.removeprefix("/")
        return f"{path}?{urlencode([*rest, ('limit', size), ('offset', where)])}"

    meta = {
        "limit": size,
        "offset": start,
        "total_count": page.total + shift,
        "next": link(start + size) if page.more else None,
        "previous": link(max(0, start - size)) if start else None,
    }
    return Reply(OK, {"api_id": plivo.api_id(), "meta": meta, "objects": [record(item) for item in page.items]})
