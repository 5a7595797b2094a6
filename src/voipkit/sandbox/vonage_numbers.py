"""What the simulated Vonage answers at rest.nexmo.com; the facts and their sources are in `voipkit.sandbox.vonage`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from voipkit.sandbox._faults import Json
from voipkit.sandbox._kernel import OK, Call, Reply, Routes, cut
from voipkit.sandbox.vonage_state import HIDDEN_SETTINGS, SETTINGS, Number

if TYPE_CHECKING:
    from voipkit.sandbox.vonage import Vonage

ROUTES: Routes[Vonage] = Routes()
FORM = "application/x-www-form-urlencoded"
DEFAULT_PAGE, LARGEST_PAGE = 10, 100


@ROUTES.get("balance", "rest", "/account/get-balance")
def _get_balance(vonage: Vonage, _call: Call) -> Reply:
    return Reply(OK, {"value": vonage.balance.value, "autoReload": vonage.balance.auto_reload})


@ROUTES.get("voice_prices", "rest", "/account/get-pricing/outbound/voice")
def _get_voice_prices(vonage: Vonage, call: Call) -> Reply:
    """Give the prices of a minute to one country; no document describes this, the SDK's models do."""
    country = call.query("country") or ""
    price = vonage.prices.get(country)
    if price is None:
        return vonage.refuse(420)
    prefix = {"US": "1", "GB": "44", "IE": "353"}.get(country, "0")
    networks = [
        {"type": kind, "price": price, "currency": "EUR", "mcc": "", "mnc": "", "networkCode": "", "networkName": name}
        for kind, name in (("landline", "Landline"), ("mobile", "Mobile"))
    ]
    names = {"countryCode": country, "countryName": country, "countryDisplayName": country}
    money = {"currency": "EUR", "defaultPrice": price, "dialingPrefix": prefix}
    return Reply(OK, {**names, **money, "networks": networks})


# --- Owned numbers ----------------------------------------------------------------------------------------------------


@ROUTES.get("list_numbers", "rest", "/account/numbers")
def _list_numbers(vonage: Vonage, call: Call) -> Reply:
    """List owned numbers; a page with none on it is ``{}``."""
    index, size = call.query("index") or "1", call.query("size") or str(DEFAULT_PAGE)
    if not index.isdigit() or int(index) < 1 or not size.isdigit() or not 1 <= int(size) <= LARGEST_PAGE:
        return vonage.refuse(420)
    found = _filtered(vonage, call)
    if found is None:
        return vonage.refuse(420)
    page = cut(found, int(index) - 1, int(size), call.fault)
    if not page.items:
        return Reply(OK, {})
    return Reply(OK, {"count": page.total, "numbers": [_number(vonage, item) for item in page.items]})


def _filtered(vonage: Vonage, call: Call) -> list[Number] | None:
    """Return the numbers that the filters leave; None when a filter makes no sense."""
    found = list(vonage.numbers)
    if (country := call.query("country")) is not None:
        found = [item for item in found if item.country == country]
    if (pattern := call.query("pattern")) is not None:
        how = {"0": str.startswith, "1": str.__contains__, "2": str.endswith}.get(call.query("search_pattern") or "0")
        if how is None:
            return None
        found = [item for item in found if how(item.msisdn, pattern)]
    if (app_id := call.query("application_id")) is not None:
        found = [item for item in found if item.settings.get("app_id") == app_id]
    if (linked := call.query("has_application")) is not None:
        if linked not in ("true", "false"):
            return None
        found = [item for item in found if bool(item.settings.get("app_id")) == (linked == "true")]
    return found


@ROUTES("update_number", "POST", "rest", "/number/update", write=True)
def _update_number(vonage: Vonage, call: Call) -> Reply:
    """Replace every setting of a number: what is not sent is cleared."""
    sent = call.form() if call.request.headers.get("content-type", "").startswith(FORM) else {}
    number = vonage.numbers.get(sent.get("msisdn"))
    if number is None or number.country != sent.get("country") or _wrong(vonage, sent):
        return vonage.refuse_action()
    number.settings = {name: sent[name] for name in SETTINGS if sent.get(name)}
    if number.settings.get("voiceCallbackType") == "app":
        number.settings["app_id"] = number.settings.pop("voiceCallbackValue")
        del number.settings["voiceCallbackType"]
    return Reply(OK, {"error-code": "200", "error-code-label": "success"})


def _wrong(vonage: Vonage, sent: dict[str, str]) -> bool:
    """Say whether an update names a callback that is half, of an unknown kind, or an application that is not there."""
    kind, value = sent.get("voiceCallbackType", ""), sent.get("voiceCallbackValue", "")
    if kind not in ("", "sip", "tel", "app") or bool(kind) != bool(value):
        return True
    named = (sent.get("app_id"), value if kind == "app" else "")
    return any(app_id and app_id not in vonage.applications for app_id in named)


def _number(vonage: Vonage, number: Number) -> Json:
    """Return a number as a listing shows it: settings that are not set are left out."""
    shown = {name: value for name, value in number.settings.items() if name not in HIDDEN_SETTINGS}
    if vonage.shows_application_as_callback and "app_id" in shown and "voiceCallbackType" not in shown:
        shown |= {"voiceCallbackType": "app", "voiceCallbackValue": shown.pop("app_id")}
    limitations = {"limitations": number.limitations} if number.limitations else {}
    return {
        "country": number.country,
        "msisdn": number.msisdn,
        "type": number.type,
        "features": number.features,
        **limitations,
        **shown,
    }
