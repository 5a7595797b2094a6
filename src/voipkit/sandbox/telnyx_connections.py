"""What the simulated Telnyx answers about money, connections, voice applications and outbound profiles.

The facts and their sources are in `voipkit.sandbox.telnyx`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from operator import attrgetter
from typing import TYPE_CHECKING

from voipkit.sandbox._faults import Json
from voipkit.sandbox._kernel import OK, Call, Reply, Routes
from voipkit.sandbox._state import iso8601
from voipkit.sandbox.telnyx_pages import LARGEST_PAGE, page_of, unknown_filter
from voipkit.sandbox.telnyx_state import Connection, Fqdn, Ip, OutboundProfile

if TYPE_CHECKING:
    from voipkit.sandbox.telnyx import Telnyx

ROUTES: Routes[Telnyx] = Routes()
HIDDEN_PASSWORD = "********"  # noqa: S105 (what GET says since 2026-09-08 instead of the password)


@ROUTES.get("balance", "api", "/v2/balance")
def _get_balance(telnyx: Telnyx, _call: Call) -> Reply:
    names = ("balance", "credit_limit", "available_credit", "pending", "currency")
    record = {name: getattr(telnyx.balance, name) for name in names}
    return Reply(OK, {"data": {"record_type": "balance", **record}})


# --- Connections, profiles and where they lead ------------------------------------------------------------------------


@ROUTES.get("list_connections", "api", "/v2/connections")
def _list_connections(telnyx: Telnyx, call: Call) -> Reply:
    """List connections of every kind; newest first unless ``sort`` says otherwise."""
    if unknown := unknown_filter(telnyx, call, ("connection_name", "fqdn", "outbound_voice_profile_id")):
        return unknown
    found = list(telnyx.connections)[::-1]
    if (text := call.query("filter[connection_name][contains]")) is not None:
        found = [item for item in found if text.lower() in item.name.lower()]
    if (profile_id := call.query("filter[outbound_voice_profile_id]")) is not None:
        found = [item for item in found if item.outbound_voice_profile_id == profile_id]
    if (host := call.query("filter[fqdn]")) is not None:
        ids = {fqdn.connection_id for fqdn in telnyx.fqdns if fqdn.fqdn == host}
        found = [item for item in found if item.id in ids]
    sort = call.query("sort") or ""
    if sort.lstrip("-") in ("connection_name", "active", "created_at"):
        attribute = {"connection_name": "name", "active": "active", "created_at": "created"}[sort.lstrip("-")]
        found.sort(key=attrgetter(attribute), reverse=sort.startswith("-"))
    return page_of(telnyx, call, found, lambda item: _connection(telnyx, item), LARGEST_PAGE)


@ROUTES.get("connection", "api", "/v2/connections/{id}")
def _get_connection(telnyx: Telnyx, call: Call) -> Reply:
    connection = telnyx.connections.get(call.args["id"])
    return Reply(OK, {"data": _connection(telnyx, connection)}) if connection else telnyx.refuse(404)


def _one_of_a_kind(kind: str, detail: Callable[[Telnyx, Connection], Json]) -> None:
    """Register ``GET /<kind>s/{id}``, which knows connections of that kind only."""

    @ROUTES.get(kind, "api", f"/v2/{kind}s/{{id}}")
    def _get_one(telnyx: Telnyx, call: Call) -> Reply:
        connection = telnyx.connections.get(call.args["id"])
        if connection is None or connection.kind != kind:
            return telnyx.refuse(404)
        return Reply(OK, {"data": detail(telnyx, connection)})


@ROUTES("check_registration", "POST", "api", "/v2/credential_connections/{id}/actions/check_registration_status")
def _check_registration(telnyx: Telnyx, call: Call) -> Reply:
    """Say whether a credential connection is registered; changes nothing although it is a POST."""
    connection = telnyx.connections.get(call.args["id"])
    if connection is None or connection.kind != "credential_connection":
        return telnyx.refuse(404)
    data: Json = {
        "record_type": "registration_status",
        "sip_username": connection.user_name,
        "status": connection.registration,
    }
    if connection.registration == "Registered":
        data |= {"ip_address": "192.0.2.10", "port": 5060, "transport": "UDP", "user_agent": "Acme PBX"}
        data["last_registration"] = iso8601(connection.created)
    return Reply(OK, {"data": data})


@ROUTES.get("sip_registration_status", "api", "/v2/sip_registration_status")
def _sip_registration_status(telnyx: Telnyx, call: Call) -> Reply:
    """Look a registration up; the answer has no ``data`` around it.

    ``sip_credential_connection`` is known to the SDK 4.189 of 2026 and not yet to the document of July 2026.
    """
    kind, username = call.query("credential_type"), call.query("username")
    if kind not in ("uac_external_credential", "telephony_credential", "sip_credential_connection"):
        return telnyx.refuse(400, parameter="credential_type")
    wanted = "connection_id" if kind == "uac_external_credential" else "username"
    if not call.query(wanted):
        return telnyx.refuse(400, parameter=wanted)
    users = [item for item in telnyx.connections if item.kind == "credential_connection" and item.user_name]
    found = next((item for item in users if item.user_name == username), None)
    if kind != "sip_credential_connection" or found is None:
        return telnyx.refuse(404)
    registered = found.registration == "Registered"
    body = {
        "connection_id": found.id,
        "connection_name": found.name,
        "credential_type": kind,
        "credential_username": found.user_name,
        "registered": registered,
        "sip_registration_status": "registered" if registered else "unknown",
        "last_registration_response": "200 OK" if registered else "",
    }
    return Reply(OK, body)


@ROUTES.get("list_outbound_profiles", "api", "/v2/outbound_voice_profiles")
def _list_outbound_profiles(telnyx: Telnyx, call: Call) -> Reply:
    if unknown := unknown_filter(telnyx, call, ("name",)):
        return unknown
    found = list(telnyx.outbound_profiles)[::-1]
    if (text := call.query("filter[name][contains]")) is not None:
        found = [item for item in found if text.lower() in item.name.lower()]
    sort = call.query("sort") or ""
    if sort.lstrip("-") in ("name", "enabled"):
        found.sort(key=attrgetter(sort.lstrip("-")), reverse=sort.startswith("-"))
    return page_of(telnyx, call, found, lambda item: _profile(telnyx, item))


@ROUTES.get("outbound_profile", "api", "/v2/outbound_voice_profiles/{id}")
def _get_outbound_profile(telnyx: Telnyx, call: Call) -> Reply:
    profile = telnyx.outbound_profiles.get(call.args["id"])
    return Reply(OK, {"data": _profile(telnyx, profile)}) if profile else telnyx.refuse(404)


@ROUTES.get("list_fqdns", "api", "/v2/fqdns")
def _list_fqdns(telnyx: Telnyx, call: Call) -> Reply:
    names = ("connection_id", "fqdn", "dns_record_type", "port")
    return _list_of_places(telnyx, call, telnyx.fqdns, "fqdn", names)


@ROUTES.get("list_ips", "api", "/v2/ips")
def _list_ips(telnyx: Telnyx, call: Call) -> Reply:
    return _list_of_places(telnyx, call, telnyx.ips, "ip", ("connection_id", "ip_address", "port"))


def _list_of_places(
    telnyx: Telnyx, call: Call, places: Iterable[Fqdn | Ip], record_type: str, names: tuple[str, ...]
) -> Reply:
    """List host names or addresses; every field can be a filter."""
    if unknown := unknown_filter(telnyx, call, names):
        return unknown
    wanted = {name: call.query(f"filter[{name}]") for name in names}
    found = [
        place
        for place in places
        if all(value is None or str(getattr(place, name)) == value for name, value in wanted.items())
    ]

    def record(place: Fqdn | Ip) -> Json:
        when = iso8601(place.created)
        base: Json = {"id": place.id, "record_type": record_type, "created_at": when, "updated_at": when}
        return base | {name: getattr(place, name) for name in names}

    return page_of(telnyx, call, found, record, LARGEST_PAGE)


# --- Records ----------------------------------------------------------------------------------------------------------


def _connection(telnyx: Telnyx, item: Connection) -> Json:
    return {
        "id": item.id,
        "record_type": item.kind,
        "connection_name": item.name,
        "active": item.active,
        "anchorsite_override": "Latency",
        "outbound_voice_profile_id": item.outbound_voice_profile_id or telnyx.unset_profile,
        "tags": item.tags,
        "webhook_event_url": item.webhook_event_url,
        "webhook_event_failover_url": "",
        "webhook_api_version": "2",
        "created_at": iso8601(item.created),
        "updated_at": iso8601(item.created),
    }


def _detail(telnyx: Telnyx, item: Connection) -> Json:
    """Return what all five kinds have in common when read at their own path: the profile sits below ``outbound``."""
    record = _connection(telnyx, item)
    profile = record.pop("outbound_voice_profile_id")
    record["webhook_event_url"] = item.webhook_event_url or ""
    record["outbound"] = {"outbound_voice_profile_id": profile}
    record["inbound"] = {"shaken_stir_enabled": False}
    return record


def _sip_detail(telnyx: Telnyx, item: Connection) -> Json:
    """Add what the three SIP kinds have: how they write numbers and, for credentials, who registers."""
    record = _detail(telnyx, item)
    record["inbound"] = {"ani_number_format": "+E.164", "dnis_number_format": "+e164", "shaken_stir_enabled": False}
    if item.kind == "credential_connection":
        record |= {"user_name": item.user_name, "password": HIDDEN_PASSWORD}
        record["sip_uri_calling_preference"] = item.sip_uri_calling_preference
    else:
        record["transport_protocol"] = item.transport_protocol
    return record


def _application_detail(telnyx: Telnyx, item: Connection) -> Json:
    record = _detail(telnyx, item)
    if item.kind == "call_control_application":
        record["application_name"] = record.pop("connection_name")
    else:
        record["friendly_name"] = record.pop("connection_name")
        record["voice_url"] = record.pop("webhook_event_url")
        record["voice_method"] = "post"
        for name in ("webhook_event_failover_url", "webhook_api_version"):
            del record[name]
    return record


for _kind in ("credential_connection", "fqdn_connection", "ip_connection"):
    _one_of_a_kind(_kind, _sip_detail)
for _kind in ("call_control_application", "texml_application"):
    _one_of_a_kind(_kind, _application_detail)


def _profile(telnyx: Telnyx, item: OutboundProfile) -> Json:
    names = ("id", "name", "enabled", "tags", "whitelisted_destinations", "concurrent_call_limit")
    spending = ("daily_spend_limit", "daily_spend_limit_enabled")
    used = sum(connection.outbound_voice_profile_id == item.id for connection in telnyx.connections)
    return {name: getattr(item, name) for name in names + spending} | {
        "record_type": "outbound_voice_profile",
        "connections_count": used,
        "service_plan": "global",
        "traffic_type": "conversational",
        "usage_payment_method": "rate-deck",
        "billing_group_id": None,
        "created_at": iso8601(item.created),
        "updated_at": iso8601(item.created),
    }
