"""What the simulated SignalWire answers about numbers and projects; sources are in `voipkit.sandbox.signalwire`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from voipkit.sandbox._faults import Json
from voipkit.sandbox._kernel import OK, Call, Reply, Routes
from voipkit.sandbox._state import iso8601
from voipkit.sandbox.signalwire_pages import page_of
from voipkit.sandbox.signalwire_state import HANDLERS, RESOURCE_HANDLERS, Number, Project, Resource

if TYPE_CHECKING:
    from voipkit.sandbox.signalwire import SignalWire

ROUTES: Routes[SignalWire] = Routes()
NUMBERS = "/api/relay/rest/phone_numbers"
MESSAGE_HANDLERS = ("relay_context", "relay_topic", "relay_application", "laml_webhooks", "laml_application")

# Every setting of a number in the order of PhoneNumberResponse. Answers leave message_relay_application out.
_CALL_SETTINGS = (
    *("call_request_url", "call_request_method", "call_fallback_url", "call_fallback_method"),
    *("call_status_callback_url", "call_status_callback_method", "call_laml_application_id"),
    *("call_dialogflow_agent_id", "call_relay_topic", "call_relay_topic_status_callback_url"),
    *("call_relay_script_url", "call_relay_context", "call_relay_context_status_callback_url"),
    *("call_relay_application", "call_relay_connector_id", "call_sip_endpoint_id", "call_verto_resource"),
    "call_video_room_id",
)
_MESSAGE_SETTINGS = (
    *("message_request_url", "message_request_method", "message_fallback_url", "message_fallback_method"),
    *("message_laml_application_id", "message_relay_topic", "message_relay_context"),
)
_SETTINGS = (*_CALL_SETTINGS, *_MESSAGE_SETTINGS, "message_relay_application")


# --- Numbers ----------------------------------------------------------------------------------------------------------


@ROUTES.get("list_numbers", "api", NUMBERS)
def _list_numbers(signalwire: SignalWire, call: Call) -> Reply:
    """List numbers, the youngest first; both filters look for a substring."""
    by_number, by_name = call.query("filter_number") or "", call.query("filter_name") or ""
    found = list(signalwire.numbers)[::-1]
    if by_number or by_name:
        found = [item for item in found if by_number in item.number and by_name in (item.name or "")]
    return page_of(signalwire, call, found, _number)


@ROUTES.get("number", "api", NUMBERS + "/{id}")
def _get_number(signalwire: SignalWire, call: Call) -> Reply:
    number = signalwire.numbers.get(call.args["id"])
    return Reply(OK, _number(number)) if number else signalwire.refuse(404)


@ROUTES("update_number", "PUT", "api", NUMBERS + "/{id}", write=True)
def _update_number(signalwire: SignalWire, call: Call) -> Reply:
    """Change what was sent; the rest stays, although the method is PUT."""
    number, sent = signalwire.numbers.get(call.args["id"]), call.json()
    if number is None:
        return signalwire.refuse(404)
    if sent is None:
        return signalwire.refuse(400)
    if wrong := _wrong_change(signalwire, number, sent):
        return signalwire.refuse(422, detail=wrong)
    _change(signalwire, number, sent)
    return Reply(OK, _number(number))


def _wrong_change(signalwire: SignalWire, number: Number, sent: Json) -> str:
    """Return why a change is refused, or ""."""
    for name, value in sent.items():
        if name not in ("name", "call_handler", "call_receive_mode", "message_handler", *_SETTINGS):
            return f"{name} is not permitted"
        nullable = signalwire.accepts_null_handler and name in ("call_handler", "message_handler")
        if not isinstance(value, str) and not (value is None and nullable):
            return f"{name} must be a string"
        if name.endswith("_method") and value not in ("GET", "POST"):
            return f"{name} is not included in the list"
    if sent.get("call_receive_mode", "voice") not in ("voice", "fax"):
        return "call_receive_mode is not included in the list"
    if sent.get("message_handler") not in (None, *MESSAGE_HANDLERS):
        return "message_handler is not included in the list"
    return _wrong_handler(signalwire, number, sent)


def _wrong_handler(signalwire: SignalWire, number: Number, sent: Json) -> str:
    handler = sent.get("call_handler")
    if handler is not None and handler not in HANDLERS:
        return "call_handler is not included in the list"
    if handler is not None:
        companion = HANDLERS[str(handler)]
        if not sent.get(companion, number.settings.get(companion)):
            return f"{companion} can't be blank"
    endpoint_id = sent.get("call_sip_endpoint_id")
    if endpoint_id and endpoint_id not in signalwire.sip_endpoints:
        return "call_sip_endpoint_id is not a SIP endpoint of this project"
    application_id = sent.get("call_laml_application_id")
    if application_id and signalwire.checks_applications and not _application_named(signalwire, application_id):
        return "call_laml_application_id is not a cXML application of this project"
    return ""


def _change(signalwire: SignalWire, number: Number, sent: Json) -> None:
    for name in ("name", "call_receive_mode", "message_handler"):
        if name in sent:
            setattr(number, name, sent[name])
    number.settings |= {name: str(sent[name]) for name in _SETTINGS if name in sent}
    number.updated = signalwire.mint.tick()
    moved = "call_handler" in sent or HANDLERS.get(number.call_handler or "") in sent
    if "call_handler" in sent:
        handler = sent["call_handler"]
        number.call_handler = None if handler is None else str(handler)
    if moved:
        number.calling_handler_resource_id = _resource_behind(signalwire, number)


def _resource_behind(signalwire: SignalWire, number: Number) -> str | None:
    """Return the id of the resource that a handler leads to; the server makes one for a webhook."""
    if number.call_handler == "laml_application":
        application = _application_named(signalwire, number.settings["call_laml_application_id"])
        return application.id if application else None
    kind = {"relay_script": "swml_webhook", "laml_webhooks": "cxml_webhook"}.get(number.call_handler or "")
    if number.call_handler == "relay_sip_endpoint":
        return number.settings["call_sip_endpoint_id"]
    if kind is None:
        return None
    url = number.settings[HANDLERS[number.call_handler or ""]]
    known = next((item for item in signalwire.resources if (item.kind, item.url) == (kind, url)), None)
    return (known or signalwire.add_resource(kind, number.number, url=url)).id


def _application_named(signalwire: SignalWire, id_: object) -> Resource | None:
    """Return the cXML application that has this id, inner or outer."""
    applications = (item for item in signalwire.resources if item.kind == "cxml_application")
    return next((item for item in applications if id_ in (item.id, item.inner_id)), None)


# --- Assigning a resource ---------------------------------------------------------------------------------------------


@ROUTES("assign_phone_route", "POST", "api", "/api/fabric/resources/{id}/phone_routes", write=True)
def _assign_phone_route(signalwire: SignalWire, call: Call) -> Reply:
    """Let a resource handle a number; what comes back is an address of the resource, and not the number."""
    resource, sent = signalwire.resources.get(call.args["id"]), call.json()
    if resource is None:
        return signalwire.refuse(404)
    if not sent or sent.get("handler") not in ("calling", "messaging"):
        return signalwire.refuse_fabric("invalid_parameter", "handler must be calling or messaging", "handler")
    number = signalwire.numbers.get(str(sent.get("phone_route_id")))
    if number is None:
        return signalwire.refuse_fabric("provided_id_is_unrecognized", "No phone route has this id.", "phone_route_id")
    number.updated = signalwire.mint.tick()
    if sent["handler"] == "messaging":
        number.messaging_handler_resource_id = resource.id
        return Reply(OK, address(signalwire, resource))
    number.call_handler = RESOURCE_HANDLERS[resource.kind]
    number.calling_handler_resource_id = resource.id
    if resource.url:
        applied = resource.inner_id if resource.kind == "cxml_application" else resource.url
        number.settings[HANDLERS[number.call_handler]] = applied
    return Reply(OK, address(signalwire, resource))


def address(signalwire: SignalWire, resource: Resource) -> Json:
    """Return the address under which a resource is dialled inside the project (FabricAddressApp)."""
    name = f"{signalwire.space}-{resource.id[:8]}"
    return {
        "id": resource.address_id,
        "name": name,
        "display_name": resource.name,
        "cover_url": "",
        "preview_url": "",
        "locked": False,
        "channels": {"audio": f"/external/{name}?channel=audio"},
        "created_at": iso8601(resource.created),
        "type": "app",
    }


# --- Projects ---------------------------------------------------------------------------------------------------------


@ROUTES.get("list_projects", "api", "/api/projects")
def _list_projects(signalwire: SignalWire, call: Call) -> Reply:
    """List the token's project and its subprojects."""
    name = call.query("name")
    found = [project for project in signalwire.projects if name is None or name in project.name]
    return page_of(signalwire, call, found, _project)


@ROUTES.get("project", "api", "/api/projects/{id}")
def _get_project(signalwire: SignalWire, call: Call) -> Reply:
    project = signalwire.projects.get(call.args["id"])
    return Reply(OK, _project(project)) if project else signalwire.refuse(404)


# --- Records ----------------------------------------------------------------------------------------------------------


def _number(number: Number) -> Json:
    settings = number.settings
    return {
        "id": number.id,
        "number": number.number,
        "name": number.name,
        "capabilities": number.capabilities,
        "number_type": number.number_type,
        "e911_address_id": None,
        "e911_status": None,
        "created_at": iso8601(number.created),
        "updated_at": iso8601(number.updated or number.created),
        "next_billed_at": iso8601(number.created + 30 * 86400),
        "call_handler": number.call_handler,
        "calling_handler_resource_id": number.calling_handler_resource_id,
        "call_receive_mode": number.call_receive_mode,
        **{name: settings.get(name) or None for name in _CALL_SETTINGS},
        "message_handler": number.message_handler,
        "messaging_handler_resource_id": number.messaging_handler_resource_id,
        **{name: settings.get(name) or None for name in _MESSAGE_SETTINGS},
        "country_code": number.country_code,
    }


def _project(project: Project) -> Json:
    return {
        "id": project.id,
        "name": project.name,
        "parent_project_id": project.parent_project_id,
        "subproject": project.parent_project_id is not None,
        "region_preference": project.region_preference,
        "protect_recordings": False,
        "protect_message_media": False,
        "protect_fax_media": False,
        "force_https_requests": True,
        "created_at": iso8601(project.created),
        "updated_at": iso8601(project.created),
    }
