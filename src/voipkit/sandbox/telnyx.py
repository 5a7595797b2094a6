"""A simulated Telnyx account: its objects, and who may do what with it.

Written from Telnyx's OpenAPI document (github:team-telnyx/openapi, 12de4dd of 2026-07-16) and its documentation
pages as of 2026-11-21. Error codes are those of https://developers.telnyx.com/docs/overview/errors.

Unverified against a live account, and chosen here: ``""`` detaches a number from its connection and null is
refused (the document types ``connection_id`` as a string); what a connection without outbound profile says
(`Telnyx.unset_profile`); 422 for a connection that is not in the account; 400 for a page size above 250 and for
an unknown filter; ``numbers_features`` passing over numbers that are not owned; the figures in the x-ratelimit
headers; the titles of 10007, 10011, 10012 and 10016; when a batch job is done (`Telnyx.job_polls`); deleted
numbers in a listing without a status filter.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from voipkit.sandbox import telnyx_connections, telnyx_numbers
from voipkit.sandbox._kernel import Call, Reply, Request, Routes, Simulator
from voipkit.sandbox._state import Shelf
from voipkit.sandbox.telnyx_state import KINDS, Balance, Connection, Fqdn, Ip, Job, Number, OutboundProfile

# Same keys, same data and same shapes on all of them (Telnyx documentation, 2026-11-21).
HOSTS = frozenset({"api.telnyx.com", "api.telnyx.eu", "api.telnyx.com.au", "api.telnyx.ca", "api.telnyx.me"})
_TITLES = {
    "10005": ("Resource not found", "The requested resource or URL could not be found."),
    "10007": ("Unexpected error", "An unexpected error occurred."),
    "10009": ("Authentication failed", "Could not understand the provided credentials."),
    "10010": ("Not authorized", "You do not have permission to perform the requested action."),
    "10011": ("Too many requests", "You have exceeded the maximum number of allowed requests."),
    "10012": ("Conflict", "The resource is in a state that does not allow this."),
    "10015": ("Bad Request", "The request could not be accepted."),
    "10016": ("Phone number must be in +E.164 format", "Phone numbers must be in +E.164 format."),
}
_USUAL = {400: "10015", 401: "10009", 403: "10010", 404: "10005", 409: "10012", 422: "10015", 429: "10011"}


ROUTES: Routes[Telnyx] = Routes(telnyx_connections.ROUTES, telnyx_numbers.ROUTES)


class Telnyx(Simulator):
    """Simulate one Telnyx account.

    Attributes:
        api_key: The key that is accepted.
        forbidden: Operation names that the key may not use: they answer 403, code 10010.
        balance: The money.
        numbers: Owned numbers. Likewise ``connections``, ``outbound_profiles``, ``fqdns``, ``ips`` and ``jobs``.
        unset_profile: What a connection without outbound voice profile says in ``outbound_voice_profile_id``
            (unverified; the document says that it is a string).
        job_polls: How many looks at a batch job find it unfinished.
    """

    id = "telnyx"
    host = "api.telnyx.com"
    # PhoneNumberDetailed.required; the first two tell one record of any kind from another.
    required = frozenset(
        {"id", "record_type", "phone_number", "country_iso_alpha2", "status", "tags", "external_pin"}
        | {"created_at", "phone_number_type", "purchased_at", "deletion_lock_enabled"}
    )

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self.api_key = f"KEY{self.mint.hex().upper()}_{self.mint.hex(22)}"
        self.forbidden: set[str] = set()
        self.balance = Balance()
        self.unset_profile: str | None = ""
        self.job_polls = 1
        self.numbers: Shelf[Number] = Shelf()
        self.connections: Shelf[Connection] = Shelf()
        self.outbound_profiles: Shelf[OutboundProfile] = Shelf()
        self.fqdns: Shelf[Fqdn] = Shelf()
        self.ips: Shelf[Ip] = Shelf()
        self.jobs: Shelf[Job] = Shelf()
        self.by_number: tuple[tuple[int, str, str], list[Number]] = ((0, "", ""), [])
        self._fill()

    def _fill(self) -> None:
        profile = self.add_outbound_profile("Acme outbound", whitelisted_destinations=["US", "CA", "GB", "IE"])
        connection = self.add_connection("fqdn_connection", "Acme Main", outbound_voice_profile_id=profile.id)
        self.add_fqdn(connection, "pbx.example.com")
        self.add_number("+13125550100")
        self.add_number("+442079460123", country_iso_alpha2="GB", features=["voice"])
        self.add_number("+35315250100", country_iso_alpha2="IE", features=["voice"])

    # Configuring the account.

    @property
    def credentials(self) -> dict[str, str]:
        """API key, and the id of the first connection when there is one."""
        connection = {"connection_id": self.connections[0].id} if len(self.connections) else {}
        return {"api_key": self.api_key, **connection}

    @property
    def sip_config(self) -> dict[str, str]:
        """Nothing: the connection is named in the credentials."""
        return {}

    def add_number(self, phone_number: str, **fields: Any) -> Number:
        """Add an owned number; ``fields`` are those of `voipkit.sandbox.telnyx_state.Number`."""
        number = Number(self.mint.integer_id(), phone_number, self.mint.tick(), **fields)
        return self.numbers.add(number.id, number)

    def seed_numbers(self, count: int, **fields: Any) -> list[Number]:
        """Add many valid numbers; ``fields`` are those of `voipkit.sandbox.telnyx_state.Number`."""
        return [self.add_number(self.mint.phone_number(), **fields) for _ in range(count)]

    def add_connection(self, kind: str = "credential_connection", name: str = "", **fields: Any) -> Connection:
        """Add a connection or voice application.

        Args:
            kind: ``credential_connection``, ``fqdn_connection``, ``ip_connection``, ``call_control_application``
                or ``texml_application``.
            name: Its name; "" takes the kind and a number.
            **fields: Fields of `Connection`.
        """
        if kind not in KINDS:
            raise ValueError(f"no connection of kind {kind!r}; there are {', '.join(KINDS)}")
        name = name or f"{kind} {len(self.connections) + 1}"
        connection = Connection(self.mint.integer_id(), kind, name, self.mint.tick(), **fields)
        return self.connections.add(connection.id, connection)

    def add_outbound_profile(self, name: str = "outbound", **fields: Any) -> OutboundProfile:
        """Add an outbound voice profile; ``fields`` are those of `OutboundProfile`."""
        profile = OutboundProfile(self.mint.integer_id(), name, self.mint.tick(), **fields)
        return self.outbound_profiles.add(profile.id, profile)

    def add_fqdn(self, connection: Connection, fqdn: str, **fields: Any) -> Fqdn:
        """Add a host name to an FQDN connection; ``fields`` are those of `Fqdn`."""
        item = Fqdn(self.mint.integer_id(), connection.id, fqdn, self.mint.tick(), **fields)
        return self.fqdns.add(item.id, item)

    def add_ip(self, connection: Connection, ip_address: str, **fields: Any) -> Ip:
        """Add an address to an IP connection; ``fields`` are those of `Ip`."""
        item = Ip(self.mint.integer_id(), connection.id, ip_address, self.mint.tick(), **fields)
        return self.ips.add(item.id, item)

    # Answering as the kernel asks.

    @property
    def operations(self) -> tuple[str, ...]:
        """Every operation name, sorted."""
        return ROUTES.operations

    def product(self, host: str) -> str | None:
        """Return ``"api"`` for any of the regional hosts."""
        return "api" if host in HOSTS else None

    def find(self, request: Request) -> tuple[str, bool, Mapping[str, str], Callable[[Call], Reply]] | None:
        """Return the operation that a request asks for."""
        found = ROUTES.find("api", request.method, request.path)
        if found is None:
            return None
        route, args = found
        return route.operation, route.write, args, lambda call: route.reply(self, call)

    def gate(self, operation: str, call: Call) -> Reply | None:
        """Refuse a wrong key, and what the key may not do."""
        if self.secret_in(call.request) != self.api_key:
            return self.refuse(401)
        return self.refuse(403) if operation in self.forbidden else None

    def refuse(
        self, status: int, code: int | str | None = None, detail: str = "", *, pointer: str = "", parameter: str = ""
    ) -> Reply:
        """Return an error in Telnyx's form.

        Args:
            status: HTTP status.
            code: Telnyx's code; None takes the usual one for the status.
            detail: What went wrong; "" takes the usual words.
            pointer: JSON pointer to the field that was refused.
            parameter: Query parameter that was refused.
        """
        number = str(code or _USUAL.get(status, "10007"))
        title, usual = _TITLES.get(number, _TITLES["10007"])
        error: dict[str, object] = {"code": number, "title": title, "detail": detail or usual}
        error["meta"] = {"url": f"https://developers.telnyx.com/docs/overview/errors/{number}"}
        if pointer or parameter:
            error["source"] = {"pointer": pointer} if pointer else {"parameter": parameter}
        limits = {"x-ratelimit-limit": "100", "x-ratelimit-remaining": "0", "x-ratelimit-reset": "1"}
        return Reply(status, {"errors": [error]}, limits if status == 429 else {})  # noqa: PLR2004

    def page_asked(self, request: Request) -> int | None:
        """Return ``page[number]``."""
        page = dict(request.query).get("page[number]", "")
        return int(page) if page.isdigit() else None

    def secret_in(self, request: Request) -> str:
        """Return the API key."""
        found = re.fullmatch(r"(?i:bearer) +(.*)", request.headers.get("authorization", ""))
        return found[1] if found else ""

    def standard_headers(self) -> dict[str, str]:
        """Return Telnyx's own headers."""
        return {"x-request-id": self._request_ids.uuid()}
