"""A simulated Cloudonix customer: its domains, and which key may do what with them.

Written from Cloudonix's OpenAPI document ("Cloudonix REST API 1.0.0") and its documentation as of 2026-11-21. What
that document lacks or contradicts, and a program in production does (dograh, opbx, cloudonix-php), is simulated too:
PATCH of an application, DNIDs created below an application, ``active`` in a trunk's PUT, the path families
``/tenants/...`` and ``/domains/...``, and one body for PUT and PATCH of a domain, which the document seems to have
swapped.

Unverified against a live account, and chosen here: 403 for a domain key at customer level and 401 for a key at
another domain (`Cloudonix.scope_status`; text and table of the document disagree); every error body
(`Cloudonix.error_form`); 404 for a listing that is empty (`Cloudonix.empty_is_404`); 500 for a name, or a DNID
source, that is taken, and for deleting an application that DNIDs point at; 404 for an application that is not
there; a profile that is merged and not replaced; how a source becomes a regular expression; the url of the built-in
applications (left out); no headers with 429; an application's and a trunk's ``domain``, which would repeat what holds
them (left out). Not simulated: sessions and calls, subscribers, users, API keys.

No listing has pages, so page faults change nothing here.
"""

from __future__ import annotations

import re
import time
from collections import deque
from collections.abc import Callable, Mapping
from itertools import count
from typing import Any

from voipkit.sandbox._faults import Json
from voipkit.sandbox._kernel import Call, Reply, Request, Simulator
from voipkit.sandbox._state import Shelf
from voipkit.sandbox.cloudonix_replies import CUSTOMER_LEVEL, ROUTES
from voipkit.sandbox.cloudonix_state import BUILT_IN, Alias, Application, Customer, Dnid, Domain, Trunk

HOST = "api.cloudonix.io"
_WORDS = {
    400: "The request is malformed",
    401: "The token is not authorized to interact with this object",
    403: "The token does not have the required scope",
    404: "Not found",
    429: "Too many requests",
    500: "General error",
}


class Cloudonix(Simulator):
    """Simulate one Cloudonix customer.

    Attributes:
        customer: The customer ("tenant").
        domains: Its domains, by name.
        domain: The first of them; `applications`, `dnids`, `trunks` and `aliases` are those of this one.
        api_key: A key of the first domain. `customer_key` is one of the whole customer.
        forbidden: Operation names that answer 403.
        scope_status: What a domain key gets at customer level.
        empty_is_404: A listing with nothing in it answers 404 (documented), else an empty array.
        error_form: ``message`` (``{"status": false, "message": ...}``), ``error`` (``{"error": ...}``) or ``empty``.
        creates_silently: A created trunk is answered with an empty 200 (reported).
        deaf_to_default_application: Verbs on which a domain's ``defaultApplication`` is taken and ignored: which of
            PUT and PATCH works is not settled, so read it back.
        rate_limit: Requests and seconds for each domain, e.g. ``(10, 3.0)``; None, the default, counts nothing.
        clock: Tells the seconds for `rate_limit`.
    """

    id = "cloudonix"
    host = HOST
    required = frozenset({"id", "uuid", "domain", "dnid"})

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self.customer_key = self._key()
        self.api_key = self._key()
        self.customer = Customer(1017, "acme", self.mint.uuid())
        self.forbidden: set[str] = set()
        self.scope_status = 403
        self.empty_is_404 = True
        self.error_form = "message"
        self.creates_silently = False
        self.deaf_to_default_application: set[str] = set()
        self.rate_limit: tuple[int, float] | None = None
        self.clock: Callable[[], float] = time.monotonic
        self.domains: Shelf[Domain] = Shelf()
        self.next_id = count(2001).__next__
        self._asked: dict[str, deque[float]] = {}
        self._fill()

    def _fill(self) -> None:
        self.domain = self.add_domain("acme.cloudonix.net")
        application = self.add_application("acme-ivr", url="https://voice.example.com/incoming")
        self.domain.default_application = application.id
        self.add_application("front-desk", url="https://desk.example.com/cxml")
        self.add_trunk("public-outbound", "acme-carrier", "sip.carrier.example", profile={
            "authentication": {"username": "acme", "password": self.mint.hex(16), "overwrite-from": False},
        })  # fmt: skip
        for number in ("+14155550100", "+442079460018", "+35315250000"):
            # A DNID always leads somewhere: these are parked on a built-in application.
            self.add_number(number, application_id=self.applications[0].id)

    # Configuring the account.

    @property
    def credentials(self) -> dict[str, str]:
        """The domain's key, the domain, and its first application of one's own when there is one."""
        own = [item for item in self.applications if item.kind != BUILT_IN]
        application = {"application_name": own[0].name} if own else {}
        return {"api_key": self.api_key, "domain": self.domain.domain, **application}

    @property
    def sip_config(self) -> dict[str, str]:
        """Nothing: the application is named in the credentials."""
        return {}

    @property
    def applications(self) -> Shelf[Application]:
        """The applications of the first domain, the two built-in ones included."""
        return self.domain.applications

    @property
    def dnids(self) -> Shelf[Dnid]:
        """The DNIDs of the first domain."""
        return self.domain.dnids

    @property
    def numbers(self) -> Shelf[Dnid]:
        """The DNIDs again: Cloudonix has no numbers, only rules for those that carriers deliver."""
        return self.domain.dnids

    @property
    def trunks(self) -> Shelf[Trunk]:
        """The trunks of the first domain."""
        return self.domain.trunks

    @property
    def aliases(self) -> Shelf[Alias]:
        """The aliases of the first domain."""
        return self.domain.aliases

    def add_domain(self, name: str) -> Domain:
        """Add a domain with its two built-in applications and its automatic alias."""
        domain = Domain(self.next_id(), name, self.mint.uuid(), self.mint.tick())
        self.domains.add(name, domain)
        for built_in in ("Blackhole", "Call-Routing"):
            self.add_application(built_in, domain=domain, kind=BUILT_IN)
        self.add_alias(f"{self.mint.hex(8)}.cloudonix.net", "auto", domain=domain)
        return domain

    def add_application(self, name: str, *, domain: Domain | None = None, **fields: Any) -> Application:
        """Add a voice application; ``fields`` are those of `Application`."""
        item = Application(self.next_id(), name, self.mint.uuid(), self.mint.tick(), **fields)
        return (domain or self.domain).applications.add(str(item.id), item)

    def add_number(self, source: str, *, domain: Domain | None = None, **fields: Any) -> Dnid:
        """Add a DNID, on the domain's default application unless ``fields`` say so; they are those of `Dnid`."""
        domain = domain or self.domain
        application = fields.pop("application_id", None) or domain.default_application or 0
        item = Dnid(self.next_id(), application, self.mint.tick(), source, **fields)
        return domain.dnids.add(str(item.id), item)

    def seed_numbers(self, count: int, **fields: Any) -> list[Dnid]:
        """Add DNIDs for many valid numbers, all with the built-in application that drops calls.

        Args:
            count: How many.
            fields: Those of `Dnid`; ``application_id`` sends the calls elsewhere.
        """
        nowhere = {"application_id": next(iter(self.applications)).id}
        return [self.add_number(self.mint.phone_number(), **nowhere | fields) for _ in range(count)]

    def add_trunk(self, direction: str, name: str, ip: str, *, domain: Domain | None = None, **fields: Any) -> Trunk:
        """Add a trunk; ``fields`` are those of `Trunk`."""
        item = Trunk(self.next_id(), name, self.mint.uuid(), self.mint.tick(), ip, direction, **fields)
        return (domain or self.domain).trunks.add(str(item.id), item)

    def add_alias(self, alias: str, kind: str = "secondary", *, domain: Domain | None = None) -> Alias:
        """Add an alias to a domain."""
        item = Alias(self.next_id(), alias, kind, self.mint.tick())
        return (domain or self.domain).aliases.add(str(item.id), item)

    def _key(self) -> str:
        """Return a key: "XI" and 32 more characters."""
        return "XI" + self.mint.hex()

    # Answering as the kernel asks.

    @property
    def operations(self) -> tuple[str, ...]:
        """Every operation name, sorted."""
        return ROUTES.operations

    def product(self, host: str) -> str | None:
        """Return ``"api"`` for the production host; staging is not simulated."""
        return "api" if host == HOST else None

    def find(self, request: Request) -> tuple[str, bool, Mapping[str, str], Callable[[Call], Reply]] | None:
        """Return the operation that a request asks for, under any of its three paths."""
        path = re.sub(r"^/tenants(?=/|$)", "/customers", request.path)
        path = re.sub(r"^/domains(?=/|$)", "/customers/self/domains", path)
        found = ROUTES.find("api", request.method, path)
        if found is None:
            return None
        route, args = found
        return route.operation, route.write, args, lambda call: route.reply(self, call)

    def gate(self, operation: str, call: Call) -> Reply | None:
        """Refuse what this key may not do, and what comes too fast."""
        key, domain = self.secret_in(call.request), self.domain_of(call)
        if key not in (self.api_key, self.customer_key):
            return self.refuse(401)
        if refused := self._beyond(key, operation, call, domain):
            return refused
        if "domain" in call.args and domain is None:
            return self.refuse(404)
        return self.refuse(429) if domain is not None and self._too_fast(domain) else None

    def _beyond(self, key: str, operation: str, call: Call, domain: Domain | None) -> Reply | None:
        """Refuse what a good key may not do."""
        customers = ("self", str(self.customer.id), self.customer.name, self.customer.uuid)
        if call.args.get("customer", "self") not in customers:
            return self.refuse(401)
        if key == self.api_key and operation in CUSTOMER_LEVEL:
            return self.refuse(self.scope_status)
        if key == self.api_key and domain is not None and domain is not self.domain:
            return self.refuse(401)
        return self.refuse(403) if operation in self.forbidden else None

    def _too_fast(self, domain: Domain) -> bool:
        """Count a request, and say whether it is one too many in its window."""
        if self.rate_limit is None:
            return False
        most, seconds = self.rate_limit
        asked, now = self._asked.setdefault(domain.domain, deque()), self.clock()
        while asked and asked[0] <= now - seconds:
            asked.popleft()
        asked.append(now)
        return len(asked) > most

    def domain_of(self, call: Call) -> Domain | None:
        """Return the domain in the path, by name, id or uuid; ``self`` is the one of the domain key."""
        name = call.args.get("domain", "")
        if name == "self":
            return self.domain
        return next((item for item in self.domains if name in (item.domain, str(item.id), item.uuid)), None)

    def refuse(self, status: int, code: int | str | None = None, detail: str = "") -> Reply:
        """Return an error in the form that `error_form` names; Cloudonix has no error codes."""
        words = detail or _WORDS.get(status, "The request could not be processed")
        words = f"{words} ({code})" if code else words
        if self.error_form == "empty":
            return Reply(status)
        body: Json = {"error": words} if self.error_form == "error" else {"status": False, "message": words}
        return Reply(status, body)

    def page_asked(self, request: Request) -> int | None:  # noqa: ARG002 (no listing has pages)
        """Return None: every listing is one array."""
        return None

    def secret_in(self, request: Request) -> str:
        """Return the key."""
        found = re.fullmatch(r"(?i:bearer) +(.*)", request.headers.get("authorization", ""))
        return found[1] if found else ""

    def standard_headers(self) -> dict[str, str]:
        """Return no headers of Cloudonix's own: none are documented."""
        return {}
