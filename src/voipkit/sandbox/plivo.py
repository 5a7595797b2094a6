"""A simulated Plivo account: the account, and who may do what with it.

Plivo publishes no OpenAPI document that was found (2026-11-21). Written from the source of Plivo's own SDK
(plivo 4.63: what it sends and what it expects to parse) and from Plivo's documentation pages.

Unverified against a live account, and chosen here: the words of every error; the status of GET Account with
subaccount credentials (`Plivo.subaccount_account_status`); whether 401 is plain text (`Plivo.plain_401`); whether
Zentrunk wraps one trunk in ``object`` (`Plivo.wraps_trunk`: the documents say no, three programs say yes); 404 for an
application that is not in the account, 400 for an empty ``app_id`` and for an outbound trunk; what a number keeps
when its application is deleted (nothing); 400 for a page size beyond 20 and for filters that the sandbox does not
know; 401 for another account's path; statuses of Zentrunk updates (202). Not simulated: buying and searching
numbers, endpoints, calls, PHLO, the limit of 300 requests in 5 seconds (a figure at second hand).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from voipkit.sandbox import plivo_zentrunk
from voipkit.sandbox._kernel import Call, Reply, Request, Routes, Simulator
from voipkit.sandbox._state import Shelf
from voipkit.sandbox.plivo_replies import LARGEST_PAGE
from voipkit.sandbox.plivo_replies import ROUTES as VOICE_ROUTES
from voipkit.sandbox.plivo_state import (
    AccessList,
    Account,
    Application,
    CallerId,
    Credential,
    Number,
    OriginationUri,
    Trunk,
)

HOST = "api.plivo.com"
ROUTES: Routes[Plivo] = Routes(VOICE_ROUTES, plivo_zentrunk.ROUTES)
_WORDS = {
    400: "A parameter is missing or invalid",
    403: "You do not have permission to access this resource",
    404: "not found",
    409: "The resource is in use",
    429: "Too many requests",
    500: "Internal server error",
    503: "Service unavailable",
}


class Plivo(Simulator):
    """Simulate one Plivo account.

    Attributes:
        account: The account; set ``account.account_type``, ``account.cash_credits`` and the like at will.
        numbers: Owned numbers, by their digits. Likewise ``applications``, ``trunks``, ``origination_uris``,
            ``sip_credentials``, ``access_lists`` and ``caller_ids``, each by its id.
        subaccounts: Auth ids of subaccounts to their tokens.
        forbidden: Operation names that answer 403.
        zentrunk_enabled: SIP trunking is switched on for the account; otherwise all of it answers 403.
        plain_401: A wrong token is answered in plain text (reported), else in JSON.
        wraps_trunk: One trunk is answered as ``{"object": {...}}`` (reported), else flat (documented).
        subaccount_account_status: What a subaccount gets for GET Account; None answers 200.
    """

    id = "plivo"
    host = HOST
    required = frozenset({"number", "app_id", "trunk_id", "auth_id", "api_id"})

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self.account = Account("MA" + self.mint.hex(18).upper(), self.mint.hex(40))
        self.subaccounts: dict[str, str] = {}
        self.forbidden: set[str] = set()
        self.zentrunk_enabled = True
        self.plain_401 = True
        self.wraps_trunk = True
        self.subaccount_account_status: int | None = 401
        self.numbers: Shelf[Number] = Shelf()
        self.applications: Shelf[Application] = Shelf()
        self.trunks: Shelf[Trunk] = Shelf()
        self.origination_uris: Shelf[OriginationUri] = Shelf()
        self.sip_credentials: Shelf[Credential] = Shelf()
        self.access_lists: Shelf[AccessList] = Shelf()
        self.caller_ids: Shelf[CallerId] = Shelf()
        self._fill()

    def _fill(self) -> None:
        self.add_application("Acme-IVR", answer_url="https://voice.example.com/incoming")
        # Plivo gives a number to the account's default application whenever an update does not name one.
        self.add_application("Default-App", answer_url="https://static.example.com/answer.xml", default_app=True)
        uri = self.add_origination_uri("pbx.example.com:5061;transport=tls")
        self.add_trunk("inbound", "Acme-inbound", primary_uri_uuid=uri.uri_uuid)
        self.add_trunk("outbound", "Acme-outbound", credential_uuid=self.add_sip_credential().credential_uuid)
        self.add_number("14155550100")
        self.add_number("442079460018", country="United Kingdom", region="London, UNITED KINGDOM", city="London")
        ireland = {"country": "Ireland", "region": "Dublin, IRELAND", "city": "Dublin", "sms_enabled": False}
        self.add_number("35315250000", number_type="fixed", left_out=frozenset({"active", "cnam_lookup"}), **ireland)

    # Configuring the account.

    @property
    def credentials(self) -> dict[str, str]:
        """Auth id and token, and the first application when there is one."""
        application = {"application_id": self.applications[0].app_id} if len(self.applications) else {}
        return {"auth_id": self.account.auth_id, "auth_token": self.account.auth_token, **application}

    @property
    def sip_config(self) -> dict[str, str]:
        """Nothing: the application is named in the credentials."""
        return {}

    def add_number(self, number: str, **fields: Any) -> Number:
        """Add an owned number, with or without "+"; ``fields`` are those of `Number`."""
        digits = number.removeprefix("+")
        return self.numbers.add(digits, Number(digits, self.mint.tick(), **fields))

    def seed_numbers(self, count: int, **fields: Any) -> list[Number]:
        """Add many valid numbers; ``fields`` are those of `Number`."""
        return [self.add_number(self.mint.phone_number(), **fields) for _ in range(count)]

    def add_application(self, app_name: str = "Application", **fields: Any) -> Application:
        """Add a voice application; ``fields`` are those of `Application`. A new default replaces the old one."""
        application = Application(self._digits(), app_name, self.mint.tick(), **fields)
        if application.default_app:
            self.make_default(application)
        return self.applications.add(application.app_id, application)

    def make_default(self, application: Application) -> None:
        """Make this the one application that numbers get when an update names none."""
        for other in self.applications:
            other.default_app = False
        application.default_app = True

    @property
    def default_application(self) -> Application | None:
        """The application that numbers get when an update names none."""
        return next((item for item in self.applications if item.default_app), None)

    def add_trunk(self, direction: str, name: str = "Trunk", **fields: Any) -> Trunk:
        """Add a Zentrunk trunk, ``inbound`` or ``outbound``; ``fields`` are those of `Trunk`."""
        trunk = Trunk(self._digits(), name, direction, self.mint.tick(), **fields)
        return self.trunks.add(trunk.trunk_id, trunk)

    def add_origination_uri(self, uri: str, name: str = "pbx", **fields: Any) -> OriginationUri:
        """Add a Zentrunk origination URI; ``fields`` are those of `OriginationUri`."""
        item = OriginationUri(self.mint.uuid(), name, uri, self.mint.tick(), **fields)
        return self.origination_uris.add(item.uri_uuid, item)

    def add_sip_credential(self, username: str = "acmevoice", name: str = "voice servers") -> Credential:
        """Add a Zentrunk credential."""
        item = Credential(self.mint.uuid(), name, username, self.mint.tick())
        return self.sip_credentials.add(item.credential_uuid, item)

    def add_access_list(self, *ip_addresses: str, name: str = "offices") -> AccessList:
        """Add a Zentrunk IP access control list."""
        item = AccessList(self.mint.uuid(), name, self.mint.tick(), list(ip_addresses))
        return self.access_lists.add(item.ipacl_uuid, item)

    def add_caller_id(self, phone_number: str, **fields: Any) -> CallerId:
        """Add a verified caller id; ``fields`` are those of `CallerId`."""
        item = CallerId(phone_number, self.mint.uuid(), self.mint.tick(), **fields)
        return self.caller_ids.add(phone_number.removeprefix("+"), item)

    def add_subaccount(self) -> tuple[str, str]:
        """Add a subaccount; numbers are its own when their ``sub_account`` says so.

        Returns:
            Auth id and token.
        """
        auth_id, token = "SA" + self.mint.hex(18).upper(), self.mint.hex(40)
        self.subaccounts[auth_id] = token
        return auth_id, token

    def _digits(self) -> str:
        """Return an id as applications and trunks have it: 17 decimal digits."""
        return str(20_000_000_000_000_000 + int(self.mint.hex(13), 16))

    def uri_of(self, *parts: str) -> str:
        """Return the resource URI of something in the main account, e.g. ``/v1/Account/MA.../Number/1415.../``."""
        return "/".join(("/v1/Account", self.account.auth_id, *parts)) + "/"

    # Answering as the kernel asks.

    @property
    def operations(self) -> tuple[str, ...]:
        """Every operation name, sorted."""
        return ROUTES.operations

    def product(self, host: str) -> str | None:
        """Return ``"api"`` for Plivo's one API host; lookup.plivo.com and stats.plivo.com are not simulated."""
        return "api" if host == HOST else None

    def find(self, request: Request) -> tuple[str, bool, Mapping[str, str], Callable[[Call], Reply]] | None:
        """Return the operation that a request asks for; a path without its last slash is unknown."""
        found = ROUTES.find("api", request.method, request.path)
        if found is None:
            return None
        route, args = found
        return route.operation, route.write, args, lambda call: route.reply(self, call)

    def gate(self, operation: str, call: Call) -> Reply | None:
        """Refuse what these credentials may not do."""
        user, token = call.request.basic()
        known = {self.account.auth_id: self.account.auth_token, **self.subaccounts}
        if not user or known.get(user) != token or call.args.get("auth_id", user) != user:
            return self.refuse(401)
        if user in self.subaccounts and operation == "account" and self.subaccount_account_status:
            return self.refuse(self.subaccount_account_status)
        trunking = "/Zentrunk/" in call.request.path and not self.zentrunk_enabled
        return self.refuse(403) if trunking or operation in self.forbidden else None

    def subaccount_of(self, call: Call) -> str | None:
        """Return the subaccount that asks, or None for the main account."""
        user = call.request.basic()[0]
        return user if user in self.subaccounts else None

    def refuse(self, status: int, code: int | str | None = None, detail: str = "") -> Reply:
        """Return an error in Plivo's form; Plivo has no error codes here, so ``code`` goes into the words."""
        if status == 401 and self.plain_401:  # noqa: PLR2004
            text = detail or "Could not verify your access level for that URL. Log in with proper credentials."
            headers = {"Content-Type": "text/plain; charset=utf-8", "WWW-Authenticate": 'Basic realm="Login Required"'}
            return Reply(status, text.encode(), headers)
        words = detail or _WORDS.get(status, "The request could not be processed")
        return Reply(status, {"api_id": self.api_id(), "error": f"{words} ({code})" if code else words})

    def api_id(self) -> str:
        """Return the id that Plivo gives to a request."""
        return self._request_ids.uuid()

    def page_asked(self, request: Request) -> int | None:
        """Return the page that limit and offset ask for, from 1."""
        asked = dict(request.query)
        offset, limit = asked.get("offset", ""), asked.get("limit", str(LARGEST_PAGE))
        return int(offset) // int(limit) + 1 if offset.isdigit() and limit.isdigit() and int(limit) else None

    def secret_in(self, request: Request) -> str:
        """Return the auth token."""
        return request.basic()[1]

    def standard_headers(self) -> dict[str, str]:
        """Return no headers of Plivo's own: none are documented."""
        return {}
