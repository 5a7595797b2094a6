"""What the simulated Twilio answers to each operation; the facts and their sources are in `voipkit.sandbox.twilio`."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import urlencode

from voipkit.sandbox._faults import Json
from voipkit.sandbox._kernel import CREATED, NO_CONTENT, OK, Call, Listing, Page, Reply, Routes, cut
from voipkit.sandbox._state import iso8601, rfc2822
from voipkit.sandbox.twilio_state import (
    COUNTRIES,
    PRICES,
    Application,
    CallerId,
    NamedList,
    Number,
    OriginationUrl,
    Trunk,
    region_of,
)

if TYPE_CHECKING:
    from voipkit.sandbox.twilio import Twilio

Item = TypeVar("Item")

ROUTES: Routes[Twilio] = Routes()
DEFAULT_PAGE, LARGEST_PAGE = 50, 1000


# --- The account and its numbers (api.twilio.com) ---------------------------------------------------------------------

_ACCOUNT = "/2010-04-01/Accounts/{account_sid}"


@ROUTES.get("account", "api", _ACCOUNT + ".json")
def _get_account(twilio: Twilio, _call: Call) -> Reply:
    account, base = twilio.account, f"/2010-04-01/Accounts/{twilio.account.sid}"
    parts = ("Applications", "IncomingPhoneNumbers", "OutgoingCallerIds", "SIP", "Keys", "Calls")
    body = {
        "sid": account.sid,
        "auth_token": account.auth_token,
        "owner_account_sid": account.owner_account_sid,
        "friendly_name": account.friendly_name,
        "status": account.status,
        "type": account.type,
        "date_created": rfc2822(0),
        "date_updated": rfc2822(0),
        "subresource_uris": {_snake(part): f"{base}/{part}.json" for part in parts},
        "uri": base + ".json",
    }
    return Reply(OK, body)


@ROUTES.get("balance", "api", _ACCOUNT + "/Balance.json")
def _get_balance(twilio: Twilio, _call: Call) -> Reply:
    account = twilio.account
    if account.owner_account_sid != account.sid:
        return twilio.refuse(404)
    return Reply(OK, {"account_sid": account.sid, "balance": account.balance, "currency": account.currency})


@ROUTES.get("list_numbers", "api", _ACCOUNT + "/IncomingPhoneNumbers.json")
def _list_numbers(twilio: Twilio, call: Call) -> Reply:
    found: Listing[Number] = twilio.numbers
    if wanted := call.query("PhoneNumber"):
        pattern = re.compile(re.escape(wanted).replace(r"\*", r"\d"))
        found = [number for number in found if pattern.search(number.phone_number)]
    if (name := call.query("FriendlyName")) is not None:
        found = [number for number in found if number.friendly_name == name]
    if (origin := call.query("Origin")) is not None:
        found = [number for number in found if number.origin == origin]
    if call.query("Beta") == "false":
        found = [number for number in found if not number.beta]
    return _page_2010(twilio, call, "incoming_phone_numbers", found, lambda number: _number(twilio, number))


@ROUTES.get("number", "api", _ACCOUNT + "/IncomingPhoneNumbers/{sid}.json")
def _get_number(twilio: Twilio, call: Call) -> Reply:
    number = twilio.numbers.get(call.args["sid"])
    return Reply(OK, _number(twilio, number)) if number else twilio.refuse(404)


@ROUTES("update_number", "POST", "api", _ACCOUNT + "/IncomingPhoneNumbers/{sid}.json", write=True)
def _update_number(twilio: Twilio, call: Call) -> Reply:
    """Change the fields that were sent; a trunk and an application exclude each other (UpdateIncomingPhoneNumber)."""
    number, sent = twilio.numbers.get(call.args["sid"]), call.form()
    if number is None:
        return twilio.refuse(404)
    trunk_sid, application_sid = sent.get("TrunkSid"), sent.get("VoiceApplicationSid")
    detaches = trunk_sid == "" and twilio.accepts_empty_trunk_sid
    if trunk_sid is not None and not detaches and not re.fullmatch("TK[0-9a-fA-F]{32}", trunk_sid):
        return twilio.refuse(400, 20001, "TrunkSid is not valid")
    if trunk_sid and trunk_sid not in twilio.trunks:
        return twilio.refuse(404, 20404, f"The requested resource /Trunks/{trunk_sid} was not found")
    if application_sid and application_sid not in twilio.applications:
        return twilio.refuse(404, 20404, f"The requested resource /Applications/{application_sid} was not found")
    methods = [name for name in sent if name.endswith("Method") and sent[name] not in ("GET", "POST")]
    if methods:
        return twilio.refuse(400, 20001, f"{methods[0]} must be GET or POST")
    for name in _UPDATABLE & sent.keys():
        setattr(number, _snake(name), sent[name])
    if trunk_sid:
        number.voice_application_sid = ""
    elif application_sid or detaches:
        number.trunk_sid = None
    return Reply(OK, _number(twilio, number))


_UPDATABLE = frozenset(
    {"FriendlyName", "TrunkSid", "StatusCallback", "StatusCallbackMethod", "VoiceReceiveMode"}
    | {"VoiceUrl", "VoiceMethod", "VoiceFallbackUrl", "VoiceFallbackMethod", "VoiceApplicationSid"}
    | {"SmsUrl", "SmsMethod", "SmsFallbackUrl", "SmsFallbackMethod", "SmsApplicationSid"}
)


@ROUTES.get("list_applications", "api", _ACCOUNT + "/Applications.json")
def _list_applications(twilio: Twilio, call: Call) -> Reply:
    found: Listing[Application] = twilio.applications
    if (name := call.query("FriendlyName")) is not None:
        found = [application for application in found if application.friendly_name == name]
    return _page_2010(twilio, call, "applications", found, lambda item: _application(twilio, item))


@ROUTES.get("application", "api", _ACCOUNT + "/Applications/{sid}.json")
def _get_application(twilio: Twilio, call: Call) -> Reply:
    application = twilio.applications.get(call.args["sid"])
    return Reply(OK, _application(twilio, application)) if application else twilio.refuse(404)


@ROUTES.get("list_credential_lists", "api", _ACCOUNT + "/SIP/CredentialLists.json")
def _list_credential_lists(twilio: Twilio, call: Call) -> Reply:
    def record(item: NamedList) -> Json:
        uri = f"/2010-04-01/Accounts/{twilio.account.sid}/SIP/CredentialLists/{item.sid}"
        more = {"subresource_uris": {"credentials": uri + "/Credentials.json"}, "uri": uri + ".json"}
        return _base_2010(twilio, item.sid, item.friendly_name, item.created) | more

    return _page_2010(twilio, call, "credential_lists", twilio.credential_lists, record)


@ROUTES.get("list_caller_ids", "api", _ACCOUNT + "/OutgoingCallerIds.json")
def _list_caller_ids(twilio: Twilio, call: Call) -> Reply:
    def record(item: CallerId) -> Json:
        uri = f"/2010-04-01/Accounts/{twilio.account.sid}/OutgoingCallerIds/{item.sid}.json"
        base = _base_2010(twilio, item.sid, item.friendly_name, item.created)
        return base | {"phone_number": item.phone_number, "uri": uri}

    if region_of(call.request.host) != "us1":
        return twilio.refuse(404)
    found: Listing[CallerId] = twilio.caller_ids
    for name, attribute in (("PhoneNumber", "phone_number"), ("FriendlyName", "friendly_name")):
        if (wanted := call.query(name)) is not None:
            found = [item for item in found if getattr(item, attribute) == wanted]
    return _page_2010(twilio, call, "outgoing_caller_ids", found, record)


# --- Trunks (trunking.twilio.com) -------------------------------------------------------------------------------------


@ROUTES.get("list_trunks", "trunking", "/v1/Trunks")
def _list_trunks(twilio: Twilio, call: Call) -> Reply:
    return _page_v1(twilio, call, "trunks", twilio.trunks, lambda trunk: _trunk(twilio, call, trunk))


@ROUTES.get("trunk", "trunking", "/v1/Trunks/{trunk_sid}")
def _get_trunk(twilio: Twilio, call: Call) -> Reply:
    trunk = twilio.trunks.get(call.args["trunk_sid"])
    return Reply(OK, _trunk(twilio, call, trunk)) if trunk else twilio.refuse(404)


@ROUTES.get("list_origination_urls", "trunking", "/v1/Trunks/{trunk_sid}/OriginationUrls")
def _list_origination_urls(twilio: Twilio, call: Call) -> Reply:
    def record(item: OriginationUrl) -> Json:
        names = ("enabled", "weight", "priority", "sip_url")
        return _base_v1(twilio, call, item) | {name: getattr(item, name) for name in names}

    trunk = twilio.trunks.get(call.args["trunk_sid"])
    return _page_v1(twilio, call, "origination_urls", trunk.origination_urls, record) if trunk else twilio.refuse(404)


@ROUTES.get("list_trunk_credential_lists", "trunking", "/v1/Trunks/{trunk_sid}/CredentialLists")
def _list_trunk_credential_lists(twilio: Twilio, call: Call) -> Reply:
    trunk = twilio.trunks.get(call.args["trunk_sid"])
    if trunk is None:
        return twilio.refuse(404)
    return _page_v1(twilio, call, "credential_lists", trunk.credential_lists, lambda item: _base_v1(twilio, call, item))


@ROUTES.get("list_trunk_ip_access_control_lists", "trunking", "/v1/Trunks/{trunk_sid}/IpAccessControlLists")
def _list_trunk_ip_lists(twilio: Twilio, call: Call) -> Reply:
    trunk = twilio.trunks.get(call.args["trunk_sid"])
    if trunk is None:
        return twilio.refuse(404)
    lists = trunk.ip_access_control_lists
    return _page_v1(twilio, call, "ip_access_control_lists", lists, lambda item: _base_v1(twilio, call, item))


@ROUTES("attach_trunk_number", "POST", "trunking", "/v1/Trunks/{trunk_sid}/PhoneNumbers", write=True)
def _attach_trunk_number(twilio: Twilio, call: Call) -> Reply:
    trunk, number = twilio.trunks.get(call.args["trunk_sid"]), twilio.numbers.get(call.form().get("PhoneNumberSid"))
    if trunk is None or number is None or region_of(call.request.host) != "us1":
        return twilio.refuse(404)
    number.trunk_sid, number.voice_application_sid = trunk.sid, ""
    return Reply(CREATED, _trunk_number(twilio, call, number))


@ROUTES("detach_trunk_number", "DELETE", "trunking", "/v1/Trunks/{trunk_sid}/PhoneNumbers/{sid}", write=True)
def _detach_trunk_number(twilio: Twilio, call: Call) -> Reply:
    number = twilio.numbers.get(call.args["sid"])
    if number is None or number.trunk_sid != call.args["trunk_sid"] or region_of(call.request.host) != "us1":
        return twilio.refuse(404)
    number.trunk_sid = None
    return Reply(NO_CONTENT)


# --- Permissions, regions and prices (voice., routes. and pricing.twilio.com) -----------------------------------------


@ROUTES.get("list_dialing_permissions", "voice", "/v1/DialingPermissions/Countries")
def _list_dialing_permissions(twilio: Twilio, call: Call) -> Reply:
    wanted = {
        "iso_code": call.query("IsoCode"),
        "continent": call.query("Continent"),
        "low_risk_numbers_enabled": _flag(call.query("LowRiskNumbersEnabled")),
        "high_risk_special_numbers_enabled": _flag(call.query("HighRiskSpecialNumbersEnabled")),
        "high_risk_tollfraud_numbers_enabled": _flag(call.query("HighRiskTollfraudNumbersEnabled")),
    }
    rows = [_country(twilio, call, row) for row in COUNTRIES]
    for name, value in wanted.items():
        rows = [row for row in rows if value is None or row[name] == value]
    if code := call.query("CountryCode"):
        rows = [row for row in rows if row["country_codes"] == ["+" + code.strip("+ ")]]
    return _page_v1(twilio, call, "content", rows, lambda row: row)


@ROUTES.get("dialing_permissions", "voice", "/v1/DialingPermissions/Countries/{iso}")
def _get_dialing_permissions(twilio: Twilio, call: Call) -> Reply:
    row = next((row for row in COUNTRIES if row[0] == call.args["iso"]), None)
    return Reply(OK, _country(twilio, call, row)) if row else twilio.refuse(404)


@ROUTES.get("number_region", "routes", "/v2/PhoneNumbers/{phone_number}")
def _get_numberregion_of(twilio: Twilio, call: Call) -> Reply:
    wanted = call.args["phone_number"]
    number = next((number for number in twilio.numbers if wanted in (number.phone_number, number.sid)), None)
    if number is None:
        return twilio.refuse(404)
    body = {
        "phone_number": number.phone_number,
        "sid": "QQ" + number.sid[2:],
        "account_sid": twilio.account.sid,
        "friendly_name": number.friendly_name,
        "voice_region": number.voice_region,
        "date_created": iso8601(number.created),
        "date_updated": iso8601(number.created),
        "url": f"https://{call.request.host}/v2/PhoneNumbers/{number.phone_number}",
    }
    return Reply(OK, body)


@ROUTES.get("prices", "pricing", "/v1/PhoneNumbers/Countries/{iso}")
def _get_prices(twilio: Twilio, call: Call) -> Reply:
    iso = call.args["iso"]
    if iso not in PRICES:
        return twilio.refuse(404)
    country, prices = PRICES[iso]
    listed = [{"number_type": kind, "base_price": price, "current_price": price} for kind, price in prices]
    url = f"https://{call.request.host}/v1/PhoneNumbers/Countries/{iso}"
    body = {"country": country, "iso_country": iso, "phone_number_prices": listed, "price_unit": "USD", "url": url}
    return Reply(OK, body)


# --- Records ----------------------------------------------------------------------------------------------------------


def _base_2010(twilio: Twilio, sid: str, friendly_name: str, created: int) -> Json:
    when = rfc2822(created)
    return {
        "sid": sid,
        "account_sid": twilio.account.sid,
        "friendly_name": friendly_name,
        "date_created": when,
        "date_updated": when,
    }


def _base_v1(twilio: Twilio, call: Call, item: NamedList | OriginationUrl) -> Json:
    when = iso8601(item.created)
    return {
        "sid": item.sid,
        "account_sid": twilio.account.sid,
        "trunk_sid": call.args["trunk_sid"],
        "friendly_name": item.friendly_name,
        "date_created": when,
        "date_updated": when,
        "url": f"https://{call.request.host}{call.request.path}/{item.sid}",
    }


# Fields that a number has both in api v2010 and below a trunk, and those that it has in api v2010 only.
_SHARED = (
    *("phone_number", "capabilities", "beta", "address_requirements", "trunk_sid", "voice_application_sid"),
    *("voice_url", "voice_method", "voice_fallback_url", "voice_fallback_method", "voice_caller_id_lookup"),
    *("status_callback", "status_callback_method", "sms_application_sid"),
    *("sms_url", "sms_method", "sms_fallback_url", "sms_fallback_method"),
)
_ONLY_2010 = (
    *("status", "type", "origin", "voice_receive_mode", "address_sid", "identity_sid", "bundle_sid"),
    *("emergency_status", "emergency_address_sid", "emergency_address_status"),
)


def _number(twilio: Twilio, number: Number) -> Json:
    record = _base_2010(twilio, number.sid, number.friendly_name, number.created)
    for name in (*_SHARED, *_ONLY_2010):
        record[name] = getattr(number, name)
    record["api_version"] = "2010-04-01"
    record["uri"] = f"/2010-04-01/Accounts/{twilio.account.sid}/IncomingPhoneNumbers/{number.sid}.json"
    return record


def _trunk_number(twilio: Twilio, call: Call, number: Number) -> Json:
    """Return the record below a trunk, which has neither status nor type (trunking v1, CreatePhoneNumber)."""
    api = f"https://api.twilio.com/2010-04-01/Accounts/{twilio.account.sid}/IncomingPhoneNumbers/{number.sid}"
    base = _base_2010(twilio, number.sid, number.friendly_name, number.created)
    return base | {name: getattr(number, name) for name in _SHARED} | {
        "api_version": "2010-04-01",
        "date_created": iso8601(number.created),
        "date_updated": iso8601(number.created),
        "url": f"https://{call.request.host}{call.request.path}/{number.sid}",
        "links": {"phone_number": api},
    }  # fmt: skip


def _application(twilio: Twilio, item: Application) -> Json:
    record = _base_2010(twilio, item.sid, item.friendly_name, item.created)
    for name in ("sms_url", "sms_fallback_url", "sms_status_callback", "status_callback", "voice_fallback_url"):
        record[name] = ""
    for name in ("sms_method", "sms_fallback_method", "status_callback_method", "voice_fallback_method"):
        record[name] = "POST"
    return record | {
        "api_version": "2010-04-01",
        "voice_url": item.voice_url,
        "voice_method": item.voice_method,
        "voice_caller_id_lookup": False,
        "message_status_callback": "",
        "public_application_connect_enabled": False,
        "uri": f"/2010-04-01/Accounts/{twilio.account.sid}/Applications/{item.sid}.json",
    }


def _trunk(twilio: Twilio, call: Call, trunk: Trunk) -> Json:
    url = f"https://{call.request.host}/v1/Trunks/{trunk.sid}"
    parts = ("OriginationUrls", "CredentialLists", "IpAccessControlLists", "PhoneNumbers")
    return {
        "sid": trunk.sid,
        "account_sid": twilio.account.sid,
        "friendly_name": trunk.friendly_name,
        "domain_name": trunk.domain_name,
        "secure": trunk.secure,
        "transfer_mode": trunk.transfer_mode,
        "transfer_caller_id": "from-transferee",
        "cnam_lookup_enabled": trunk.cnam_lookup_enabled,
        "symmetric_rtp_enabled": False,
        "recording": {"mode": "do-not-record", "trim": "do-not-trim"},
        "disaster_recovery_url": None,
        "disaster_recovery_method": None,
        "auth_type": ",".join(trunk.auth_types),
        "auth_type_set": trunk.auth_types,
        "date_created": iso8601(trunk.created),
        "date_updated": iso8601(trunk.created),
        "url": url,
        "links": {_snake(part): f"{url}/{part}" for part in parts},
    }


def _country(twilio: Twilio, call: Call, row: tuple[str, str, str, str]) -> Json:
    iso, name, code, continent = row
    url = f"https://{call.request.host}/v1/DialingPermissions/Countries/{iso}"
    return {
        "iso_code": iso,
        "name": name,
        "continent": continent,
        "country_codes": [code],
        "low_risk_numbers_enabled": iso in twilio.dialable,
        "high_risk_special_numbers_enabled": False,
        "high_risk_tollfraud_numbers_enabled": False,
        "url": url,
        "links": {"highrisk_special_prefixes": url + "/HighRiskSpecialPrefixes"},
    }


# --- Pages ------------------------------------------------------------------------------------------------------------


def _cut(twilio: Twilio, call: Call, items: Listing[Item]) -> Page[Item] | Reply:
    """Cut the page that a request asks for; past page 0 it must carry the token (code 20001, twilio-python#395)."""
    asked, size = call.query("Page") or "0", call.query("PageSize") or str(DEFAULT_PAGE)
    if not asked.isdigit() or not size.isdigit() or int(size) < 1:
        return twilio.refuse(400, 20001, "Page or PageSize is not valid")
    if int(asked) > 0 and not call.query("PageToken"):
        return twilio.refuse(400, 20001, "PageToken is required")
    return cut(items, int(asked), min(int(size), LARGEST_PAGE), call.fault)


def _link(call: Call, page: Page[Item], number: int) -> str:
    """Return path and query of a page; what was filtered stays filtered."""
    query = [(name, value) for name, value in call.request.query if name not in ("Page", "PageSize", "PageToken")]
    query += [("PageSize", str(page.size)), ("Page", str(number))]
    if number:
        query.append(("PageToken", f"PA{number:032x}"))
    return f"{call.request.path}?{urlencode(query)}"


def _page_2010(twilio: Twilio, call: Call, key: str, items: Listing[Item], record: Callable[[Item], Json]) -> Reply:
    page = _cut(twilio, call, items)
    if isinstance(page, Reply):
        return page
    start = page.number * page.size
    body = {
        key: [record(item) for item in page.items],
        "page": page.number,
        "page_size": page.size,
        "start": start,
        "end": start + max(0, len(page.items) - 1),
        "uri": _link(call, page, page.number),
        "first_page_uri": _link(call, page, 0),
        "next_page_uri": _link(call, page, page.number + 1) if page.more else None,
        "previous_page_uri": _link(call, page, page.number - 1) if page.number else None,
    }
    return Reply(OK, body)


def _page_v1(twilio: Twilio, call: Call, key: str, items: Listing[Item], record: Callable[[Item], Json]) -> Reply:
    page = _cut(twilio, call, items)
    if isinstance(page, Reply):
        return page
    host = f"https://{call.request.host}"
    meta = {
        "key": key,
        "page": page.number,
        "page_size": page.size,
        "url": host + _link(call, page, page.number),
        "first_page_url": host + _link(call, page, 0),
        "next_page_url": host + _link(call, page, page.number + 1) if page.more else None,
        "previous_page_url": host + _link(call, page, page.number - 1) if page.number else None,
    }
    return Reply(OK, {key: [record(item) for item in page.items], "meta": meta})


# --- Words ------------------------------------------------------------------------------------------------------------


def _snake(name: str) -> str:
    """Return ``voice_url`` for ``VoiceUrl``, and ``sip`` for ``SIP``."""
    return name.lower() if name.isupper() else re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()


def _flag(value: str | None) -> bool | None:
    return None if value is None else value == "true"
