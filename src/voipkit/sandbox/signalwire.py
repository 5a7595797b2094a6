"""A simulated SignalWire project: its objects, and who may do what with it.

Written from SignalWire's OpenAPI document (github:signalwire/docs, 668371b of 2026-08-21) and its documentation
pages as of 2026-11-21.

Unverified live, and chosen here:

- 401 where the token lacks a scope (`SignalWire.missing_scope_status`: the document knows 401 only, a page on errors
  says 403), and for a space that is not the project's;
- that an update of a number refuses unknown fields (the schemas are closed), a handler without the field that goes
  with it, and a foreign SIP endpoint, but not a foreign cXML application (`SignalWire.checks_applications`);
- that it accepts null for ``call_handler`` (`SignalWire.accepts_null_handler`: the document does not);
- that the server reuses the resource that it made for a webhook, and names a cXML application by its inner id;
- that ``phone_route_id`` is the number's id, and the code of an id that it does not know;
- 400 for a page size beyond 1000 and for a page without its token, and 422 where the document has no 400;
- absolute addresses in ``links``, and that all listings under ``/api/fabric`` page like the others;
- that both names of a SIP endpoint share an id, and that ``/api/fabric/resources/sip_endpoints`` answers an object
  with its outbound policy in ``call_handler`` (the document says an array, and other values);
- what a number says when its gateway is deleted (still its id);
- the names of the X-RateLimit headers, and their figures.

Not simulated: buying and searching numbers, subscribers, SIP addresses, SWML, the LaML compatibility API, trial mode
(no field of the API shows it).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from voipkit.sandbox import signalwire_numbers, signalwire_sip
from voipkit.sandbox._kernel import Call, Reply, Request, Routes, Simulator
from voipkit.sandbox._state import Shelf
from voipkit.sandbox.signalwire_state import (
    RESOURCE_HANDLERS,
    CallerId,
    DomainApplication,
    Number,
    Project,
    Resource,
    SipEndpoint,
    SipProfile,
)

ROUTES: Routes[SignalWire] = Routes(signalwire_numbers.ROUTES, signalwire_sip.ROUTES)
_HOST = re.compile(r"([a-z0-9](?:[a-z0-9-]*[a-z0-9])?)\.signalwire\.com")
_WORDS = {
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    409: "Conflict",
    429: "Too Many Requests",
    500: "Internal Server Error",
    502: "Bad Gateway",
    503: "Service Unavailable",
}

# Scopes of the Dashboard, any of which the document asks for; tokens call Voice "calling".
SCOPES = frozenset({"calling", "fax", "management", "messaging", "numbers", "video"})
_FABRIC = frozenset({"calling", "messaging", "fax", "video"})
_NEEDS = {
    "list_numbers": frozenset({"numbers"}),
    "number": frozenset({"numbers"}),
    "update_number": frozenset({"numbers"}),
    "list_projects": frozenset({"management"}),
    "project": frozenset({"management"}),
    "sip_profile": frozenset({"calling"}),
    "list_sip_endpoints": frozenset({"calling"}),
    "sip_endpoint": frozenset({"calling"}),
    "list_caller_ids": frozenset({"calling"}),
    "list_domain_applications": frozenset({"calling", "messaging", "fax"}),
    "domain_application": frozenset({"calling", "messaging", "fax"}),
}


class SignalWire(Simulator):
    """Simulate one SignalWire project in one space.

    Attributes:
        space: Name of the space; the API is at ``<space>.signalwire.com``.
        project_id: Id of the project, which is the user name.
        api_token: The token, which is the password.
        scopes: What the token may do; take some away at will.
        missing_scope_status: HTTP status for a token that lacks the scope (unverified; 401 and 403 are documented).
        accepts_null_handler: Null in ``call_handler`` leaves a number without a handler (unverified; else 422).
        checks_applications: An update refuses a cXML application that is not among the resources (unverified).
        numbers: Owned numbers. Likewise ``resources`` (SIP gateways and what else handles calls), ``sip_endpoints``,
            ``domain_applications``, ``caller_ids`` and ``projects``.
        sip_profile: SIP settings of the project.
    """

    id = "signalwire"
    required = frozenset({"id", "number", "capabilities", "links", "data", "type", "username", "verified"})

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self.space = "acme-voice"
        self.project_id = self.mint.uuid()
        self.api_token = "PT" + self.mint.hex(48)
        self.scopes = set(SCOPES)
        self.missing_scope_status = 401
        self.accepts_null_handler = True
        self.checks_applications = False
        self.sip_profile = SipProfile(f"{self.space}-{self.mint.hex(12)}.sip.signalwire.com", "acme")
        self.numbers: Shelf[Number] = Shelf()
        self.resources: Shelf[Resource] = Shelf()
        self.sip_endpoints: Shelf[SipEndpoint] = Shelf()
        self.domain_applications: Shelf[DomainApplication] = Shelf()
        self.caller_ids: Shelf[CallerId] = Shelf()
        self.projects: Shelf[Project] = Shelf()
        self._fill()

    def _fill(self) -> None:
        self.projects.add(self.project_id, Project(self.project_id, "Acme Voice", self.mint.tick()))
        self.add_gateway("Acme PBX", "pbx.example.com")
        self.add_sip_endpoint("acmepbx", caller_id="Acme", outbound_policy="passthrough")
        self.add_number("+14155550100", name="Front desk")
        self.add_number("+13125550177")
        self.add_number("+18005550142", number_type="toll-free", capabilities=["voice", "sms", "mms"])

    # Configuring the project.

    @property
    def credentials(self) -> dict[str, str]:
        """Project id, token and space."""
        return {"project_id": self.project_id, "api_token": self.api_token, "space": self.space}

    @property
    def sip_config(self) -> dict[str, str]:
        """The SIP URI of the first SIP gateway and the first SIP user, as far as there are any."""
        gateway = next((item for item in self.resources if item.kind == "sip_gateway"), None)
        inbound = {"sip_uri": f"sip:{gateway.uri}"} if gateway else {}
        return inbound | ({"sip_username": self.sip_endpoints[0].username} if len(self.sip_endpoints) else {})

    @property
    def host(self) -> str:
        """The host of the space, e.g. ``acme-voice.signalwire.com``."""
        return f"{self.space}.signalwire.com"

    def add_number(self, number: str, **fields: Any) -> Number:
        """Add an owned number; ``fields`` are those of `voipkit.sandbox.signalwire_state.Number`."""
        item = Number(self.mint.uuid(), number, self.mint.tick(), **fields)
        return self.numbers.add(item.id, item)

    def seed_numbers(self, count: int, **fields: Any) -> list[Number]:
        """Add many valid numbers; ``fields`` are those of `voipkit.sandbox.signalwire_state.Number`."""
        return [self.add_number(self.mint.phone_number(), **fields) for _ in range(count)]

    def add_resource(self, kind: str, name: str, **fields: Any) -> Resource:
        """Add something that can handle calls.

        Args:
            kind: ``sip_gateway``, ``ai_agent``, ``call_flow``, ``call_queue``, ``subscriber``, ``swml_webhook``,
                ``cxml_webhook`` or ``cxml_application``.
            name: Its display name.
            **fields: Fields of `Resource`.
        """
        if kind not in RESOURCE_HANDLERS:
            raise ValueError(f"no resource of kind {kind!r}; there are {', '.join(RESOURCE_HANDLERS)}")
        ids = {"inner_id": self.mint.uuid(), "address_id": self.mint.uuid()}
        item = Resource(self.mint.uuid(), kind, name, self.mint.tick(), **(ids | fields))
        return self.resources.add(item.id, item)

    def add_gateway(self, name: str, uri: str, **fields: Any) -> Resource:
        """Add a SIP gateway; ``fields`` are those of `Resource`."""
        return self.add_resource("sip_gateway", name, uri=uri, **fields)

    def route(self, number: Number, resource: Resource) -> None:
        """Let a resource take a number's calls, as somebody did in the Dashboard."""
        number.call_handler = RESOURCE_HANDLERS[resource.kind]
        number.calling_handler_resource_id = resource.id

    def add_sip_endpoint(self, username: str, **fields: Any) -> SipEndpoint:
        """Add a user of the SIP domain; ``fields`` are those of `SipEndpoint`."""
        item = SipEndpoint(self.mint.uuid(), username, self.mint.tick(), **fields)
        return self.sip_endpoints.add(item.id, item)

    def add_domain_application(self, name: str, identifier: str, **fields: Any) -> DomainApplication:
        """Add a domain at which calls may be delivered; ``fields`` are those of `DomainApplication`."""
        item = DomainApplication(self.mint.uuid(), name, identifier, self.mint.tick(), **fields)
        return self.domain_applications.add(item.id, item)

    def add_caller_id(self, number: str, **fields: Any) -> CallerId:
        """Add a verified caller ID; ``fields`` are those of `CallerId`."""
        item = CallerId(self.mint.uuid(), number, self.mint.tick(), **fields)
        return self.caller_ids.add(item.id, item)

    def add_subproject(self, name: str) -> Project:
        """Add a subproject; its numbers would be seen with its own token only."""
        item = Project(self.mint.uuid(), name, self.mint.tick(), self.project_id)
        return self.projects.add(item.id, item)

    # Answering as the kernel asks.

    @property
    def operations(self) -> tuple[str, ...]:
        """Every operation name, sorted."""
        return ROUTES.operations

    def product(self, host: str) -> str | None:
        """Return ``"api"`` for every space; the gate refuses all but one."""
        return "api" if _HOST.fullmatch(host) else None

    def find(self, request: Request) -> tuple[str, bool, Mapping[str, str], Callable[[Call], Reply]] | None:
        """Return the operation that a request asks for."""
        found = ROUTES.find("api", request.method, request.path)
        if found is None:
            return None
        route, args = found
        return route.operation, route.write, args, lambda call: route.reply(self, call)

    def gate(self, operation: str, call: Call) -> Reply | None:
        """Refuse a wrong token, a foreign space, and what the token has no scope for."""
        here = call.request.host == self.host
        if not here or call.request.basic() != (self.project_id, self.api_token):
            return self.refuse(401)
        if self.scopes.isdisjoint(_NEEDS.get(operation, _FABRIC)):
            return self.refuse(self.missing_scope_status)
        return None

    def refuse(self, status: int, code: int | str | None = None, detail: str = "") -> Reply:
        """Return an error in the form of ``/api/relay/rest``; statuses other than 422 look the same everywhere."""
        if status == 422:  # noqa: PLR2004
            words = detail or "The request failed validation."
            error = {"detail": words, "status": "422", "title": "Invalid Attribute", "code": str(code or 422)}
            return Reply(status, {"errors": [error]})
        limits = {"X-RateLimit-Limit": "13800", "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "10"}
        words = detail or _WORDS.get(status, "Error")
        return Reply(status, {"error": words}, limits if status == 429 else {})  # noqa: PLR2004

    def refuse_fabric(self, code: str, message: str, attribute: str | None = None) -> Reply:
        """Return a 422 in the form of ``/api/fabric``."""
        error = {"type": "validation_error", "code": code, "message": message, "attribute": attribute}
        return Reply(422, {"errors": [{**error, "url": f"https://signalwire.com/docs/apis/error-codes#{code}"}]})

    def refuse_to(self, request: Request, status: int, code: int | str | None = None, detail: str = "") -> Reply:
        """Return an error in the form of the API that the request is for."""
        if status == 422 and not request.path.startswith("/api/relay/rest/"):  # noqa: PLR2004
            return self.refuse_fabric(str(code or "invalid_parameter"), detail or "The request failed validation.")
        return self.refuse(status, code, detail)

    def bad_page(self, request: Request) -> Reply:
        """Refuse a page that does not exist: 400 where the document has it, else 422."""
        plain = request.path == signalwire_numbers.NUMBERS
        code = "page_token_is_invalid"
        return self.refuse(400) if plain else self.refuse_to(request, 422, code, "page_token is invalid")

    def page_asked(self, request: Request) -> int | None:
        """Return the page number, from 1 (SignalWire counts from 0)."""
        page = dict(request.query).get("page_number", "")
        return int(page) + 1 if page.isdigit() else None

    def secret_in(self, request: Request) -> str:
        """Return the token."""
        return request.basic()[1]

    def standard_headers(self) -> dict[str, str]:
        """Return SignalWire's own headers."""
        return {"X-Request-Id": self._request_ids.uuid()}
