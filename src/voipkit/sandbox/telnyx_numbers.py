"""What the simulated Telnyx answers about numbers; the facts and their sources are in `voipkit.sandbox.telnyx`."""

from __future__ import annotations

import re
from collections.abc import Callable
from operator import attrgetter
from typing import TYPE_CHECKING

from voipkit.sandbox._faults import Json
from voipkit.sandbox._kernel import ACCEPTED, OK, Call, Reply, Routes
from voipkit.sandbox._state import iso8601
from voipkit.sandbox.telnyx_pages import page_of, unknown_filter
from voipkit.sandbox.telnyx_state import NOT_EDITABLE, Job, Number

if TYPE_CHECKING:
    from voipkit.sandbox.telnyx import Telnyx

ROUTES: Routes[Telnyx] = Routes()
LARGEST_BATCH = 1000
MOST_OPEN_JOBS = 20

# The filters of ListPhoneNumbers, SlimListPhoneNumbers and ListPhoneNumbersWithVoiceSettings together.
_NUMBER_FILTERS = (
    *("billing_group_id", "connection_id", "connection_name", "country_iso_alpha2", "customer_reference"),
    *("emergency_address_id", "number_type", "phone_number", "source", "status", "tag", "without_tags"),
    *("voice.connection_name", "voice.usage_payment_method"),
)


# --- Numbers ----------------------------------------------------------------------------------------------------------


@ROUTES.get("list_numbers", "api", "/v2/phone_numbers")
def _list_numbers(telnyx: Telnyx, call: Call) -> Reply:
    return _list_of_numbers(telnyx, call, lambda number: _number(telnyx, number))


@ROUTES.get("list_numbers_slim", "api", "/v2/phone_numbers/slim")
def _list_numbers_slim(telnyx: Telnyx, call: Call) -> Reply:
    """List without connection and messaging names; unset fields are left out, as the document has no nulls here."""
    hidden = {
        "connection_name",
        "messaging_profile_id",
        "messaging_profile_name",
        "source_type",
        "deletion_lock_enabled",
    }
    if call.query("include_connection") != "true":
        hidden.add("connection_id")
    if call.query("include_tags") != "true":
        hidden.add("tags")

    def record(number: Number) -> Json:
        full = _number(telnyx, number)
        return {key: value for key, value in full.items() if key not in hidden and value is not None}

    return _list_of_numbers(telnyx, call, record)


@ROUTES.get("list_voice", "api", "/v2/phone_numbers/voice")
def _list_voice(telnyx: Telnyx, call: Call) -> Reply:
    return _list_of_numbers(telnyx, call, _voice)


@ROUTES.get("number", "api", "/v2/phone_numbers/{id}")
def _get_number(telnyx: Telnyx, call: Call) -> Reply:
    number = telnyx.numbers.get(call.args["id"])
    return Reply(OK, {"data": _number(telnyx, number)}) if number else telnyx.refuse(404)


@ROUTES("update_number", "PATCH", "api", "/v2/phone_numbers/{id}", write=True)
def _update_number(telnyx: Telnyx, call: Call) -> Reply:
    number, sent = telnyx.numbers.get(call.args["id"]), call.json()
    if number is None:
        return telnyx.refuse(404)
    if sent is None:
        return telnyx.refuse(400, detail="The body is not a JSON object.", pointer="/")
    if refusal := _refused_changes(telnyx, sent):
        return refusal
    _change(number, sent)
    return Reply(OK, {"data": _number(telnyx, number)})


@ROUTES.get("voice", "api", "/v2/phone_numbers/{id}/voice")
def _get_voice(telnyx: Telnyx, call: Call) -> Reply:
    number = telnyx.numbers.get(call.args["id"])
    return Reply(OK, {"data": _voice(number)}) if number else telnyx.refuse(404)


@ROUTES("update_voice", "PATCH", "api", "/v2/phone_numbers/{id}/voice", write=True)
def _update_voice(telnyx: Telnyx, call: Call) -> Reply:
    number, sent = telnyx.numbers.get(call.args["id"]), call.json()
    if number is None:
        return telnyx.refuse(404)
    if sent is None:
        return telnyx.refuse(400, detail="The body is not a JSON object.", pointer="/")
    _change_voice(number, sent)
    return Reply(OK, {"data": _voice(number)})


@ROUTES("verify_ownership", "POST", "api", "/v2/phone_numbers/actions/verify_ownership")
def _verify_ownership(telnyx: Telnyx, call: Call) -> Reply:
    """Say which numbers the account owns in an editable state; changes nothing although it is a POST."""
    asked = _asked_numbers(telnyx, call)
    if isinstance(asked, Reply):
        return asked
    owned = {number.phone_number: number.id for number in telnyx.numbers if number.status not in NOT_EDITABLE}
    found = [{"number_val_e164": number, "id": owned[number]} for number in asked if number in owned]
    missing = [number for number in asked if number not in owned]
    data = {"found": found, "not_found": missing, "record_type": "number_ownership_verification"}
    return Reply(OK, {"data": data})


@ROUTES("numbers_features", "POST", "api", "/v2/numbers_features")
def _numbers_features(telnyx: Telnyx, call: Call) -> Reply:
    """Say what owned numbers can do; changes nothing although it is a POST."""
    asked = _asked_numbers(telnyx, call)
    if isinstance(asked, Reply):
        return asked
    wanted = set(asked)
    owned = [number for number in telnyx.numbers if number.phone_number in wanted]
    return Reply(OK, {"data": [{"phone_number": item.phone_number, "features": item.features} for item in owned]})


def _asked_numbers(telnyx: Telnyx, call: Call) -> list[str] | Reply:
    """Return the list of numbers in the body, from 1 to 1000 strings."""
    asked = (call.json() or {}).get("phone_numbers")
    if not isinstance(asked, list) or not 1 <= len(asked) <= LARGEST_BATCH:
        return telnyx.refuse(422, detail="phone_numbers must hold 1 to 1000 numbers.", pointer="/phone_numbers")
    if any(not isinstance(number, str) or not number.startswith("+") for number in asked):
        return telnyx.refuse(422, "10016", pointer="/phone_numbers")
    return asked


# --- Batch jobs -------------------------------------------------------------------------------------------------------


@ROUTES("create_job", "POST", "api", "/v2/phone_numbers/jobs/update_phone_numbers", write=True)
def _create_job(telnyx: Telnyx, call: Call) -> Reply:
    sent = call.json() or {}
    chosen = _batch(telnyx, sent.get("phone_numbers"))
    if isinstance(chosen, Reply):
        return chosen
    if sum(not job.applied for job in telnyx.jobs) >= MOST_OPEN_JOBS:
        return telnyx.refuse(422, detail="There are already 20 open jobs.", pointer="/base")
    changes = {key: value for key, value in sent.items() if key != "phone_numbers"}
    if not changes:
        return telnyx.refuse(422, detail="A batch needs at least one change.", pointer="/updateable_fields")
    if refusal := _refused_changes(telnyx, changes):
        return refusal
    job = Job(telnyx.mint.uuid(), chosen, changes, telnyx.mint.tick(), telnyx.job_polls)
    telnyx.jobs.add(job.id, job)
    return Reply(ACCEPTED, {"data": _job(telnyx, job) | {"status": "pending"}})


def _batch(telnyx: Telnyx, asked: object) -> list[str] | Reply:
    """Return the ids of the numbers in a batch: all given as ids or all as E.164, all owned, 1000 at most."""
    if not isinstance(asked, list) or not 1 <= len(asked) <= LARGEST_BATCH:
        return telnyx.refuse(422, detail="phone_numbers must hold 1 to 1000 entries.", pointer="/phone_numbers")
    if len({str(entry).startswith("+") for entry in asked}) > 1:
        return telnyx.refuse(422, detail="Ids and E.164 numbers must not be mixed.", pointer="/phone_numbers")
    ids = {number.phone_number: number.id for number in telnyx.numbers}
    chosen = [ids.get(entry, entry) for entry in map(str, asked)]
    if not all(id_ in telnyx.numbers for id_ in chosen):
        return telnyx.refuse(422, detail="The account must own every number of a batch.", pointer="/phone_numbers")
    return chosen


@ROUTES.get("job", "api", "/v2/phone_numbers/jobs/{id}")
def _get_job(telnyx: Telnyx, call: Call) -> Reply:
    """Report on a job; it is done, and its changes are made, once it has been looked at often enough."""
    job = telnyx.jobs.get(call.args["id"])
    if job is None:
        return telnyx.refuse(404)
    if job.polls_left > 0:
        job.polls_left -= 1
    elif not job.applied:
        job.applied = True
        for number in filter(None, map(telnyx.numbers.get, job.number_ids)):
            _change(number, job.changes)
    return Reply(OK, {"data": _job(telnyx, job)})


# --- Changes ----------------------------------------------------------------------------------------------------------


def _refused_changes(telnyx: Telnyx, sent: Json) -> Reply | None:
    """Refuse values of the wrong type, and connections that the account does not have."""
    strings = ("connection_id", "customer_reference", "billing_group_id", "external_pin", "address_id")
    for name in strings:
        if name in sent and not isinstance(sent[name], str):
            return telnyx.refuse(422, detail=f"{name} must be a string.", pointer=f"/{name}")
    tags = sent.get("tags", [])
    if not isinstance(tags, list) or not all(isinstance(tag, str) for tag in tags):
        return telnyx.refuse(422, detail="tags must be a list of strings.", pointer="/tags")
    connection_id = sent.get("connection_id")
    if connection_id and connection_id not in telnyx.connections:
        return telnyx.refuse(422, detail="The connection does not exist.", pointer="/connection_id")
    return None


def _change(number: Number, sent: Json) -> None:
    """Make the changes that were sent; the rest stays as it is."""
    for name in ("connection_id", "customer_reference", "billing_group_id", "external_pin"):
        if name in sent:
            setattr(number, name, sent[name] or None)
    for name in ("tags", "hd_voice_enabled", "deletion_lock_enabled"):
        if name in sent:
            setattr(number, name, sent[name])
    voice = sent.get("voice")
    if isinstance(voice, dict):
        _change_voice(number, voice)


_VOICE_SETTINGS = (
    *("call_forwarding_enabled", "forwards_to", "forwarding_type", "translated_number"),
    *("tech_prefix_enabled", "inbound_call_screening", "usage_payment_method"),
)


def _change_voice(number: Number, sent: Json) -> None:
    forwarding = sent.get("call_forwarding")
    flat = {**sent, **(forwarding if isinstance(forwarding, dict) else {})}
    for name in _VOICE_SETTINGS:
        if name in flat:
            setattr(number, name, flat[name])


# --- Records ----------------------------------------------------------------------------------------------------------


def _number(telnyx: Telnyx, number: Number) -> Json:
    connection, when = telnyx.connections.get(number.connection_id), iso8601(number.created, millis=True)
    return {
        "id": number.id,
        "record_type": "phone_number",
        "phone_number": number.phone_number,
        "status": number.status,
        "country_iso_alpha2": number.country_iso_alpha2,
        "phone_number_type": number.phone_number_type,
        "source_type": number.source_type,
        "connection_id": number.connection_id,
        "connection_name": connection.name if connection else None,
        "tags": number.tags,
        "customer_reference": number.customer_reference,
        "billing_group_id": number.billing_group_id,
        "external_pin": number.external_pin,
        "emergency_address_id": number.emergency_address_id,
        "emergency_enabled": number.emergency_address_id is not None,
        "emergency_status": "active" if number.emergency_address_id else "disabled",
        "messaging_profile_id": number.messaging_profile_id,
        "messaging_profile_name": None,
        "call_forwarding_enabled": number.call_forwarding_enabled,
        "call_recording_enabled": False,
        "caller_id_name_enabled": False,
        "cnam_listing_enabled": False,
        "deletion_lock_enabled": number.deletion_lock_enabled,
        "hd_voice_enabled": number.hd_voice_enabled,
        "inbound_call_screening": number.inbound_call_screening,
        "t38_fax_gateway_enabled": False,
        "activated_at": when,
        "created_at": when,
        "purchased_at": when,
        "updated_at": when,
    }


def _voice(number: Number) -> Json:
    forwarding: Json = {"call_forwarding_enabled": number.call_forwarding_enabled, "forwards_to": number.forwards_to}
    return {
        "id": number.id,
        "record_type": "voice_settings",
        "phone_number": number.phone_number,
        "connection_id": number.connection_id or "",
        "customer_reference": number.customer_reference or "",
        "tech_prefix_enabled": number.tech_prefix_enabled,
        "translated_number": number.translated_number,
        "call_forwarding": forwarding | {"forwarding_type": number.forwarding_type},
        "inbound_call_screening": number.inbound_call_screening,
        "usage_payment_method": number.usage_payment_method,
        "media_features": {
            "rtp_auto_adjust_enabled": True,
            "accept_any_rtp_packets_enabled": False,
            "t38_fax_gateway_enabled": False,
        },
    }


def _job(telnyx: Telnyx, job: Job) -> Json:
    numbers = [number for number in map(telnyx.numbers.get, job.number_ids) if number]
    listed = [{"id": number.id, "phone_number": number.phone_number} for number in numbers]
    return {
        "id": job.id,
        "record_type": "phone_numbers_job",
        "type": "update_phone_numbers",
        "status": job.status,
        "phone_numbers": listed,
        "pending_operations": [] if job.applied else listed,
        "successful_operations": listed if job.applied else [],
        "failed_operations": [],
        "created_at": iso8601(job.created),
        "updated_at": iso8601(job.created),
    }


# --- Filters ----------------------------------------------------------------------------------------------------------


def _list_of_numbers(telnyx: Telnyx, call: Call, record: Callable[[Number], Json]) -> Reply:
    """Filter and sort the numbers; with no ``sort`` the youngest comes first (ListPhoneNumbers)."""
    if unknown := unknown_filter(telnyx, call, _NUMBER_FILTERS):
        return unknown
    sort = call.query("sort")
    found = _sorted_by_number(telnyx) if sort == "phone_number" else list(telnyx.numbers)[::-1]
    for keep in _number_filters(telnyx, call):
        found = [number for number in found if keep(number)]
    if sort == "connection_name":
        names = {item.id: item.name for item in telnyx.connections}
        found = sorted(found, key=lambda number: names.get(number.connection_id or "", ""))
    elif sort in ("purchased_at", "usage_payment_method"):
        found = sorted(found, key=attrgetter("created" if sort == "purchased_at" else sort))
    return page_of(telnyx, call, found, record)


def _number_filters(telnyx: Telnyx, call: Call) -> list[Callable[[Number], bool]]:
    """Return one test per filter that was sent."""
    tests: list[Callable[[Number], bool]] = []
    for name in ("connection_id", "status", "customer_reference", "billing_group_id", "emergency_address_id"):
        if (value := call.query(f"filter[{name}]")) is not None:
            wanted = None if value == "null" else value
            tests.append(lambda number, name=name, wanted=wanted: getattr(number, name) == wanted)  # type: ignore[misc]
    if (digits := call.query("filter[phone_number]")) is not None:
        usable = re.fullmatch(r"\d{3,}", digits) is not None
        tests.append(lambda number: usable and digits in number.phone_number)
    countries = call.queries("filter[country_iso_alpha2]")
    if countries:
        tests.append(lambda number: number.country_iso_alpha2 in countries)
    if (tag := call.query("filter[tag]")) is not None:
        tests.append(lambda number: tag in number.tags)
    if call.query("filter[without_tags]") == "true":
        tests.append(lambda number: not number.tags)
    if (kind := call.query("filter[number_type][eq]")) is not None:
        tests.append(lambda number: number.phone_number_type == kind)
    if (source := call.query("filter[source]")) is not None:
        origin = {"ported": "port_request", "purchased": "number_order"}.get(source)
        tests.append(lambda number: number.source_type == origin)
    if (method := call.query("filter[voice.usage_payment_method]")) is not None:
        tests.append(lambda number: number.usage_payment_method == method)
    return tests + _connection_name_filters(telnyx, call)


def _connection_name_filters(telnyx: Telnyx, call: Call) -> list[Callable[[Number], bool]]:
    """Return the tests on the name of a number's connection; each selects connections first, then numbers."""
    matches: dict[str, Callable[[str, str], bool]] = {
        "contains": lambda name, text: text in name,
        "starts_with": str.startswith,
        "ends_with": str.endswith,
        "eq": str.__eq__,
    }
    tests: list[Callable[[Number], bool]] = []
    for field in ("voice.connection_name", "connection_name"):
        for how, match in matches.items():
            if (text := call.query(f"filter[{field}][{how}]")) is not None:
                ids = {item.id for item in telnyx.connections if match(item.name, text)}
                tests.append(lambda number, ids=ids: number.connection_id in ids)  # type: ignore[misc]
    return tests


def _sorted_by_number(telnyx: Telnyx) -> list[Number]:
    """Sort the numbers, and remember the result: a listing of 100,000 asks for it 400 times."""
    if not len(telnyx.numbers):
        return []
    key = (len(telnyx.numbers), telnyx.numbers[0].id, telnyx.numbers[-1].id)
    if telnyx.by_number[0] != key:
        telnyx.by_number = (key, sorted(telnyx.numbers, key=attrgetter("phone_number")))
    return telnyx.by_number[1]
