"""What the simulated SignalWire answers about SIP: profile, gateways, endpoints, domains and caller IDs.

The facts and their sources are in `voipkit.sandbox.signalwire`.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import asdict
from typing import TYPE_CHECKING

from voipkit.sandbox._faults import Json
from voipkit.sandbox._kernel import CREATED, NO_CONTENT, OK, Call, Reply, Routes
from voipkit.sandbox._state import iso8601
from voipkit.sandbox.signalwire_numbers import address
from voipkit.sandbox.signalwire_pages import page_of, whole
from voipkit.sandbox.signalwire_state import CallerId, DomainApplication, Resource, SipEndpoint

if TYPE_CHECKING:
    from voipkit.sandbox.signalwire import SignalWire

ROUTES: Routes[SignalWire] = Routes()
GATEWAYS = "/api/fabric/resources/sip_gateways"
APPLICATIONS = "/api/fabric/resources/cxml_applications"
CREDENTIALS = "/api/fabric/resources/sip_endpoints"
ENDPOINTS = "/api/relay/rest/endpoints/sip"
DOMAINS = "/api/relay/rest/domain_applications"

_ENDPOINT_CALLS = (
    *("call_request_url", "call_request_method", "call_fallback_url", "call_fallback_method"),
    *("call_status_callback_url", "call_status_callback_method", "call_laml_application_id"),
    *("call_dialogflow_agent_id", "call_relay_topic", "call_relay_topic_status_callback_url", "call_relay_context"),
    *("call_relay_context_status_callback_url", "call_relay_application", "call_video_room_id"),
    "call_relay_script_url",
)
_DOMAIN_CALLS = (
    *("call_relay_topic", "call_relay_topic_status_callback_url", "call_relay_context"),
    *("call_relay_context_status_callback_url", "call_request_url", "call_request_method", "call_fallback_url"),
    *("call_fallback_method", "call_status_callback_url", "call_status_callback_method"),
    *("call_laml_application_id", "call_video_room_id", "call_relay_script_url"),
)


@ROUTES.get("sip_profile", "api", "/api/relay/rest/sip_profile")
def _get_sip_profile(signalwire: SignalWire, _call: Call) -> Reply:
    return Reply(OK, asdict(signalwire.sip_profile))


# --- SIP gateways -----------------------------------------------------------------------------------------------------


@ROUTES.get("list_gateways", "api", GATEWAYS)
def _list_gateways(signalwire: SignalWire, call: Call) -> Reply:
    gateways = [item for item in signalwire.resources if item.kind == "sip_gateway"]
    return page_of(signalwire, call, gateways, lambda item: _gateway(signalwire, item))


@ROUTES.get("gateway", "api", GATEWAYS + "/{id}")
def _get_gateway(signalwire: SignalWire, call: Call) -> Reply:
    gateway = _gateway_of(signalwire, call)
    return Reply(OK, _gateway(signalwire, gateway)) if gateway else signalwire.refuse(404)


@ROUTES("create_gateway", "POST", "api", GATEWAYS, write=True)
def _create_gateway(signalwire: SignalWire, call: Call) -> Reply:
    sent = call.json() or {}
    for name in ("name", "uri", "encryption", "ciphers", "codecs"):
        if not sent.get(name):
            return signalwire.refuse_fabric("missing_required_parameter", f"{name} must be present", name)
    if refusal := _refused_gateway(signalwire, sent):
        return refusal
    gateway = signalwire.add_gateway(str(sent["name"]), str(sent["uri"]))
    _change_gateway(gateway, sent)
    return Reply(CREATED, _gateway(signalwire, gateway))


@ROUTES("update_gateway", "PATCH", "api", GATEWAYS + "/{id}", write=True)
def _update_gateway(signalwire: SignalWire, call: Call) -> Reply:
    gateway, sent = _gateway_of(signalwire, call), call.json() or {}
    if gateway is None:
        return signalwire.refuse(404)
    if refusal := _refused_gateway(signalwire, sent):
        return refusal
    _change_gateway(gateway, sent)
    gateway.updated = signalwire.mint.tick()
    return Reply(OK, _gateway(signalwire, gateway))


@ROUTES("delete_gateway", "DELETE", "api", GATEWAYS + "/{id}", write=True)
def _delete_gateway(signalwire: SignalWire, call: Call) -> Reply:
    """Delete a gateway; numbers that lead to it then lead nowhere, and still name it."""
    gateway = _gateway_of(signalwire, call)
    if gateway is None:
        return signalwire.refuse(404)
    signalwire.resources.remove(gateway.id)
    return Reply(NO_CONTENT)


@ROUTES.get("list_gateway_addresses", "api", GATEWAYS + "/{id}/addresses")
def _list_gateway_addresses(signalwire: SignalWire, call: Call) -> Reply:
    gateway = _gateway_of(signalwire, call)
    if gateway is None:
        return signalwire.refuse(404)
    return whole(call, [address(signalwire, gateway) | {"type": "call"}])


def _gateway_of(signalwire: SignalWire, call: Call) -> Resource | None:
    resource = signalwire.resources.get(call.args["id"])
    return resource if resource and resource.kind == "sip_gateway" else None


def _refused_gateway(signalwire: SignalWire, sent: Json) -> Reply | None:
    """Refuse an unknown encryption, and an address that is the carrier's own or no public one."""
    if sent.get("encryption", "default") not in ("required", "optional", "default"):
        return signalwire.refuse_fabric("invalid_parameter", "encryption is not included in the list", "encryption")
    if "uri" not in sent:
        return None
    host = re.sub(r"^sips?:", "", str(sent["uri"])).rpartition("@")[2].partition(";")[0].partition(":")[0]
    if host.endswith("signalwire.com") or not _public(host):
        return signalwire.refuse_fabric("sip_gateway_uri_must_be_external", "URI must be external", "uri")
    return None


def _public(host: str) -> bool:
    try:
        return not ipaddress.ip_address(host).is_private
    except ValueError:
        return "." in host


def _change_gateway(gateway: Resource, sent: Json) -> None:
    for name in ("name", "uri", "encryption", "ciphers", "codecs"):
        if name in sent:
            setattr(gateway, name, sent[name])


# --- cXML applications ------------------------------------------------------------------------------------------------


@ROUTES.get("list_cxml_applications", "api", APPLICATIONS)
def _list_cxml_applications(signalwire: SignalWire, call: Call) -> Reply:
    applications = [item for item in signalwire.resources if item.kind == "cxml_application"]
    return page_of(signalwire, call, applications, lambda item: _application(signalwire, item))


@ROUTES.get("cxml_application", "api", APPLICATIONS + "/{id}")
def _get_cxml_application(signalwire: SignalWire, call: Call) -> Reply:
    application = signalwire.resources.get(call.args["id"])
    if application is None or application.kind != "cxml_application":
        return signalwire.refuse(404)
    return Reply(OK, _application(signalwire, application))


# --- SIP endpoints, under both of their names -------------------------------------------------------------------------


@ROUTES.get("list_sip_endpoints", "api", ENDPOINTS)
def _list_sip_endpoints(signalwire: SignalWire, call: Call) -> Reply:
    """List SIP endpoints; the filters look for a substring."""
    name, caller_id = call.query("filter_username") or "", call.query("filter_caller_id") or ""
    found = [item for item in signalwire.sip_endpoints if name in item.username and caller_id in (item.caller_id or "")]
    return page_of(signalwire, call, found, _endpoint)


@ROUTES.get("sip_endpoint", "api", ENDPOINTS + "/{id}")
def _get_sip_endpoint(signalwire: SignalWire, call: Call) -> Reply:
    endpoint = signalwire.sip_endpoints.get(call.args["id"])
    return Reply(OK, _endpoint(endpoint)) if endpoint else signalwire.refuse(404)


@ROUTES.get("list_sip_credentials", "api", CREDENTIALS)
def _list_sip_credentials(signalwire: SignalWire, call: Call) -> Reply:
    return page_of(signalwire, call, list(signalwire.sip_endpoints), _credential)


@ROUTES.get("sip_credential", "api", CREDENTIALS + "/{id}")
def _get_sip_credential(signalwire: SignalWire, call: Call) -> Reply:
    endpoint = signalwire.sip_endpoints.get(call.args["id"])
    return Reply(OK, _credential(endpoint)) if endpoint else signalwire.refuse(404)


# --- Domains and caller IDs -------------------------------------------------------------------------------------------


@ROUTES.get("list_domain_applications", "api", DOMAINS)
def _list_domain_applications(signalwire: SignalWire, call: Call) -> Reply:
    name, domain = call.query("filter_name") or "", call.query("filter_domain") or ""
    found = [
        item
        for item in list(signalwire.domain_applications)[::-1]
        if name in (item.name or "") and domain in _domain(signalwire, item)
    ]
    return page_of(signalwire, call, found, lambda item: _domain_application(signalwire, item))


@ROUTES.get("domain_application", "api", DOMAINS + "/{id}")
def _get_domain_application(signalwire: SignalWire, call: Call) -> Reply:
    application = signalwire.domain_applications.get(call.args["id"])
    return Reply(OK, _domain_application(signalwire, application)) if application else signalwire.refuse(404)


@ROUTES.get("list_caller_ids", "api", "/api/relay/rest/verified_caller_ids")
def _list_caller_ids(signalwire: SignalWire, call: Call) -> Reply:
    """List caller IDs, the youngest first; the document names no page parameters."""
    name, number = call.query("filter_name") or "", call.query("filter_number") or ""
    found = [item for item in signalwire.caller_ids if name in item.name and number in item.number]
    return whole(call, [_caller_id(item) for item in found[::-1]])


# --- Records ----------------------------------------------------------------------------------------------------------


def _gateway(signalwire: SignalWire, gateway: Resource) -> Json:
    return {
        "id": gateway.id,
        "project_id": signalwire.project_id,
        "display_name": gateway.name,
        "type": "sip_gateway",
        "created_at": iso8601(gateway.created),
        "updated_at": iso8601(gateway.updated or gateway.created),
        "sip_gateway": {
            "id": gateway.inner_id,
            "uri": gateway.uri,
            "name": gateway.name,
            "ciphers": gateway.ciphers,
            "codecs": gateway.codecs,
            "encryption": gateway.encryption,
        },
    }


def _application(signalwire: SignalWire, application: Resource) -> Json:
    urls = {"voice_url": application.url or None, "voice_fallback_url": None, "status_callback": None}
    urls |= {"sms_url": None, "sms_fallback_url": None, "sms_status_callback": None}
    return {
        "id": application.id,
        "project_id": signalwire.project_id,
        "display_name": application.name,
        "type": "cxml_application",
        "created_at": iso8601(application.created),
        "updated_at": iso8601(application.updated or application.created),
        "cxml_application": {
            "id": application.inner_id,
            "project_id": signalwire.project_id,
            "friendly_name": application.name,
            **urls,
            **{name.removesuffix("_url") + "_method": "POST" for name in urls},
        },
    }


def _endpoint(endpoint: SipEndpoint) -> Json:
    return {
        "type": "sip_endpoint",
        "id": endpoint.id,
        "username": endpoint.username,
        "caller_id": endpoint.caller_id,
        "send_as": endpoint.send_as,
        "ciphers": endpoint.ciphers,
        "codecs": endpoint.codecs,
        "encryption": endpoint.encryption,
        "call_handler": endpoint.call_handler,
        "calling_handler_resource_id": endpoint.calling_handler_resource_id,
        **dict.fromkeys(_ENDPOINT_CALLS),
    }


def _credential(endpoint: SipEndpoint) -> Json:
    return _endpoint(endpoint) | {"call_handler": endpoint.outbound_policy}


def _domain(signalwire: SignalWire, application: DomainApplication) -> str:
    return f"{signalwire.space}-{application.identifier}.dapp.signalwire.com"


def _domain_application(signalwire: SignalWire, application: DomainApplication) -> Json:
    record = asdict(application)
    del record["created"]
    return {
        **record,
        "type": "domain_application",
        "domain": _domain(signalwire, application),
        **dict.fromkeys(_DOMAIN_CALLS),
    }


def _caller_id(caller_id: CallerId) -> Json:
    record: Json = {
        "type": "verified_caller_id",
        "id": caller_id.id,
        "number": caller_id.number,
        "name": caller_id.name,
        "verified": caller_id.verified,
        "status": "Verified" if caller_id.verified else "Awaiting Verification",
    }
    return record | ({"verified_at": iso8601(caller_id.created)} if caller_id.verified else {})
