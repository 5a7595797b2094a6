"""SignalWire: what a number's fields say of its calls, and which fields a route means. Nothing here asks anything."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from voipkit.adapting.numbers import canonical, country_of
from voipkit.adapting.reading import NOT_SHOWN
from voipkit.errors import UnexpectedResponse
from voipkit.models import NumberType, ProviderNumber, Route, Routing
from voipkit.providers.signalwire.settings import INFO

__all__ = [
    "COMPANIONS",
    "GATEWAY",
    "HANDLER",
    "METHODS",
    "RESOURCE",
    "Json",
    "conflict",
    "destination",
    "fields_for",
    "number",
    "same_route",
    "sip_key",
    "text",
]

Json = Mapping[str, Any]

HANDLER = "call_handler"
RESOURCE = "calling_handler_resource_id"
GATEWAY = "sip_gateway"

COMPANIONS = {
    "laml_webhooks": "call_request_url",
    "laml_application": "call_laml_application_id",
    "relay_script": "call_relay_script_url",
    "relay_application": "call_relay_application",
    "relay_topic": "call_relay_topic",
    "relay_context": "call_relay_context",
    "relay_connector": "call_relay_connector_id",
    "relay_sip_endpoint": "call_sip_endpoint_id",
    "relay_verto_endpoint": "call_verto_resource",
    "dialogflow": "call_dialogflow_agent_id",
    "video_room": "call_video_room_id",
}
"""The handlers that an update takes (PhoneNumberCallHandlerRequest), each with the field that says where calls go.

The others (sip_gateway, call_flow, ai_agent, fabric_subscriber, call_queue) are shown and never taken: a resource is
assigned to the number instead. The SDK's set_ai_agent and set_call_flow send two of them all the same (3.7.5).
"""

METHODS = {
    "call_request_method": "call_request_url",
    "call_fallback_method": "call_fallback_url",
    "call_status_callback_method": "call_status_callback_url",
}
"""Each method field, and the URL without which it means nothing. No update clears it, so it is then not shown."""

_ROUTING = (
    HANDLER,
    RESOURCE,
    "call_receive_mode",
    *COMPANIONS.values(),
    *METHODS,
    "call_fallback_url",
    "call_status_callback_url",
    "call_relay_topic_status_callback_url",
    "call_relay_context_status_callback_url",
)
_TYPES: dict[str, NumberType] = {"longcode": "local", "local": "local", "tollfree": "toll_free"}


def text(value: object) -> str | None:
    """Return a text that says something, else None."""
    return value if isinstance(value, str) and value else None


def number(raw: Json, uri_of: Callable[[str], str | None] | None = None) -> ProviderNumber:
    """Map an owned number. SignalWire shows no status, no region and no price.

    Args:
        raw: As the listing, the single number and the answer to an update show it.
        uri_of: Gives the SIP URI of a gateway's id: numbers show the id alone. None leaves such routes unnamed.

    Raises:
        UnexpectedResponse: It lacks its id or its digits.
    """
    number_id, digits = text(raw.get("id")), text(raw.get("number"))
    if not number_id or not digits:
        raise UnexpectedResponse("SignalWire listed a number without its id or its digits.", provider=INFO.id)
    e164, routing = canonical(digits), _routing(raw)
    spelled = "".join(sign for sign in (text(raw.get("number_type")) or "") if sign.isalpha())
    return ProviderNumber(
        id=number_id,
        number=e164,
        raw=digits,
        friendly_name=text(raw.get("name")),
        type=_TYPES.get(spelled, "other"),
        capabilities=_capabilities(raw.get("capabilities")),
        country=text(raw.get("country_code")) or country_of(e164),
        route=_route(routing, uri_of),
        routing=routing,
    )


def _routing(raw: Json) -> dict[str, str | None]:
    """Read the routing fields; the resource's id only where it is not derived from the handler's companion field.

    Setting a handler and its companion makes SignalWire create a resource and show its id. That id is a consequence:
    kept as a field, it would differ after every write and could never be written back.
    """
    routing = {name: text(raw.get(name)) for name in _ROUTING}
    if HANDLER not in raw:
        routing[HANDLER] = NOT_SHOWN
    for method, url in METHODS.items():
        routing[method] = routing[method] if routing[url] else None
    companion = COMPANIONS.get(routing[HANDLER] or "")
    if routing[HANDLER] is None or (companion and routing[companion]):
        routing[RESOURCE] = None
    return routing


def _capabilities(raw: object) -> tuple[str, ...] | None:
    """Owned numbers have a list of words, numbers for sale a mapping to booleans; both are read."""
    if isinstance(raw, Mapping):
        return tuple(sorted(str(name).lower() for name, has in raw.items() if has is True))
    return tuple(sorted(str(name).lower() for name in raw)) if isinstance(raw, list) else None


def _route(routing: Routing, uri_of: Callable[[str], str | None] | None) -> Route | None:
    target = routing[COMPANIONS.get(routing[HANDLER] or "", RESOURCE)]
    try:
        match routing[HANDLER], target:
            case "laml_webhooks", str():
                return Route.webhook(target, "GET" if routing["call_request_method"] == "GET" else "POST")
            case "laml_application", str():
                return Route.application(target)
            case "sip_gateway", str() if uri_of:
                uri = uri_of(target)
                return Route.sip(uri if re.match("sips?:", uri) else f"sip:{uri}") if uri else None
            case _:
                return None
    except ValueError:  # a URL that is no URL: calls go nowhere, and the routing fields show it
        return None


def fields_for(route: Route, gateway_id: Callable[[str], str]) -> Routing:
    """Return the fields that a route means.

    A number that is set to receive faxes answers no call, so the receive mode is one of them.

    Args:
        route: Of a kind that SignalWire takes.
        gateway_id: Finds the SIP gateway of a URI.
    """
    fields: dict[str, str | None] = {"call_receive_mode": "voice", RESOURCE: None}
    if route.kind == "webhook":
        fields |= {HANDLER: "laml_webhooks", "call_request_url": route.target, "call_request_method": route.method}
    elif route.kind == "application":
        fields |= {HANDLER: "laml_application", "call_laml_application_id": route.target}
    else:
        fields |= {HANDLER: GATEWAY, RESOURCE: gateway_id(route.target)}
    return fields


def destination(routing: Routing) -> str | None:
    """Say where calls go, in SignalWire's words, or None when they go nowhere."""
    handler = routing.get(HANDLER)
    if handler is None:
        return None
    target = routing.get(COMPANIONS.get(handler, RESOURCE)) or routing.get(RESOURCE)
    if target is None and handler in COMPANIONS:
        return None
    return f"{handler} {target}" if target else handler


def conflict(found: ProviderNumber, fields: Routing) -> str | None:
    """Say what a number's present use would lose if these fields were written, or None when it is free."""
    lost, present = [], destination(found.routing)
    if found.routing.get(HANDLER) == NOT_SHOWN:
        lost.append("SignalWire does not show where its calls go now, so it could not be put back.")
    elif present and present != destination({**found.routing, **fields}):
        lost.append(f"Its calls go to {present}, which would get no more calls.")
        if found.routing.get(HANDLER) not in COMPANIONS and not found.routing.get(RESOURCE):
            lost.append("SignalWire does not show which one it is, so it could not be put back.")
    if found.routing.get("call_receive_mode") == "fax":
        lost.append("It receives faxes, and would be switched to voice calls.")
    return " ".join(lost) or None


def same_route(one: Route | None, other: Route) -> bool:
    """Say whether two routes are the same; SIP URIs are compared by what they mean to SignalWire."""
    if one is None or one.kind != other.kind:
        return False
    return sip_key(one.target) == sip_key(other.target) if other.kind == "sip" else one == other


def sip_key(uri: str) -> str:
    """Bring a SIP URI into a form to compare: gateways are shown without their scheme, and hosts in any case."""
    user, at, host = re.sub("^sip:", "", uri.strip()).rpartition("@")
    return f"{user}{at}{host.lower()}"
