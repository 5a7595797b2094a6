"""A simulated Vobiz account: the account, and who may do what with it.

Vobiz publishes no OpenAPI document that was found (2026-11-21). Written from the source of its SDK on PyPI
(vobiz-python 0.1.1: what it sends) and from its documentation pages of May to August 2026, which contradict each
other on the case of ``/account/`` in paths: both are taken, and `Vobiz.strict_paths` takes the newer one only.

Unverified against a live account, and chosen here: which of the three documented forms an error has
(`Vobiz.error_form`) and most error codes; the shape of ``concurrency``; whether attaching a number that is attached
elsewhere is refused (`Vobiz.attach_conflicts`: the documents say overwritten, one program expects 409); 404 for an
unknown application or trunk; 400 for a page beyond the largest size; what a trunk's and a credential's PUT answers
(the object); page totals of applications (``total_count``) and of trunks (``total``); only the word ``false`` turns
``include_subaccounts`` off. Not simulated: buying and searching numbers, calls, the console.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from voipkit.sandbox import vobiz_replies, vobiz_trunks
from voipkit.sandbox._faults import Json
from voipkit.sandbox._kernel import Call, Reply, Request, Routes, Simulator
from voipkit.sandbox._state import Shelf
from voipkit.sandbox.vobiz_state import AccessRule, Account, Application, Credential, Number, OriginationUri, Trunk

HOST = "api.vobiz.ai"
# The literal paths below /trunks/ come first: /trunks/credentials is no trunk.
ROUTES: Routes[Vobiz] = Routes(vobiz_trunks.ROUTES, vobiz_replies.ROUTES)
_USUAL = {
    400: ("VALIDATION_ERROR", "A parameter is missing or invalid"),
    401: ("UNAUTHORIZED", "Invalid authentication credentials"),
    402: ("INSUFFICIENT_BALANCE", "The balance does not cover this"),
    403: ("FORBIDDEN", "You do not have access to this resource"),
    404: ("NOT_FOUND", "The resource was not found"),
    409: ("CONFLICT", "The resource is in use"),
    429: ("RATE_LIMIT_EXCEEDED", "Too many requests"),
    500: ("INTERNAL_ERROR", "Internal server error"),
}


class Vobiz(Simulator):
    """Simulate one Vobiz account.

    Attributes:
        account: The account; set ``account.is_active``, ``account.balance`` and the like at will.
        numbers: Owned numbers, by E.164. Likewise ``applications``, ``trunks``, ``origination_uris``,
            ``sip_credentials`` and ``access_rules``, each by its id.
        subaccounts: Auth ids of sub-accounts to their tokens.
        forbidden: Operation names that answer 403.
        strict_paths: Only ``/Account/``, and only ``Application`` paths end in a slash; all else is 404.
        error_form: ``coded`` (an object with a code), ``message`` (two texts) or ``api_id`` (Plivo's form).
        attach_conflicts: A number that is on another application is refused with 409, and not moved.
    """

    id = "vobiz"
    host = HOST
    required = frozenset({"id", "account_id", "e164", "app_id", "trunk_id", "auth_id"})

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self.account = Account("MA_" + self.mint.hex(8).upper(), self.mint.hex(64))
        self.subaccounts: dict[str, str] = {}
        self.forbidden: set[str] = set()
        self.strict_paths = False
        self.error_form = "coded"
        self.attach_conflicts = False
        self.numbers: Shelf[Number] = Shelf()
        self.applications: Shelf[Application] = Shelf()
        self.trunks: Shelf[Trunk] = Shelf()
        self.origination_uris: Shelf[OriginationUri] = Shelf()
        self.sip_credentials: Shelf[Credential] = Shelf()
        self.access_rules: Shelf[AccessRule] = Shelf()
        self._seeded = 0
        self._fill()

    def _fill(self) -> None:
        self.add_application("Acme-IVR", answer_url="https://voice.example.com/incoming")
        uri = self.add_origination_uri("sip:pbx.example.com:5060")
        self.add_trunk("inbound", "Acme inbound", primary_uri_uuid=uri.id)
        self.add_trunk("outbound", "Acme outbound", credential_uuid=self.add_sip_credential().id)
        self.add_number("+918065480001")
        self.add_number("+918065480002", monthly_fee=300.5, tags=None)
        self.add_number("+912268480003", region="Maharashtra", tags=["sales"])

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

    def add_number(self, e164: str, **fields: Any) -> Number:
        """Add an owned number; ``fields`` are those of `Number`, ``account_id`` for a sub-account's among them."""
        owner = fields.pop("account_id", self.account.auth_id)
        return self.numbers.add(e164, Number(self.mint.uuid(), owner, e164, self.mint.tick(), **fields))

    def seed_numbers(self, count: int, **fields: Any) -> list[Number]:
        """Add many valid numbers of Bengaluru; ``fields`` are those of `Number`."""
        first, self._seeded = self._seeded, self._seeded + count
        return [self.add_number(f"+91804{turn:07d}", **fields) for turn in range(first, first + count)]

    def add_application(self, app_name: str = "Application", **fields: Any) -> Application:
        """Add a voice application; ``fields`` are those of `Application`."""
        app_id = str(10_000_000_000_000_000 + int(self.mint.hex(13), 16))
        return self.applications.add(app_id, Application(app_id, app_name, self.mint.tick(), **fields))

    def add_trunk(self, direction: str, name: str = "Trunk", **fields: Any) -> Trunk:
        """Add a SIP trunk, ``inbound`` or ``outbound``; ``fields`` are those of `Trunk`."""
        trunk = Trunk(self.mint.uuid(), name, direction, self.mint.tick(), **fields)
        return self.trunks.add(trunk.trunk_id, trunk)

    def add_origination_uri(self, uri: str, name: str = "pbx", **fields: Any) -> OriginationUri:
        """Add an origination URI; ``fields`` are those of `OriginationUri`."""
        item = OriginationUri(self.mint.uuid(), name, uri, self.mint.tick(), **fields)
        return self.origination_uris.add(item.id, item)

    def add_sip_credential(self, username: str = "acmevoice", *, enabled: bool = True) -> Credential:
        """Add a SIP credential."""
        item = Credential(self.mint.uuid(), username, self.mint.tick(), enabled)
        return self.sip_credentials.add(item.id, item)

    def add_access_rule(self, ip_address: str, name: str = "office", *, enabled: bool = True) -> AccessRule:
        """Add an entry to the IP access control list."""
        item = AccessRule(self.mint.uuid(), name, ip_address, self.mint.tick(), enabled)
        return self.access_rules.add(item.id, item)

    def add_subaccount(self) -> tuple[str, str]:
        """Add a sub-account; numbers are its own when their ``account_id`` says so.

        Returns:
            Auth id and token.
        """
        auth_id, token = "SA_" + self.mint.hex(8).upper(), self.mint.hex(64)
        self.subaccounts[auth_id] = token
        return auth_id, token

    # Answering as the kernel asks.

    @property
    def operations(self) -> tuple[str, ...]:
        """Every operation name, sorted."""
        return ROUTES.operations

    def product(self, host: str) -> str | None:
        """Return ``"api"`` for Vobiz's one API host."""
        return "api" if host == HOST else None

    def find(self, request: Request) -> tuple[str, bool, Mapping[str, str], Callable[[Call], Reply]] | None:
        """Return the operation that a request asks for."""
        path = request.path
        if self.strict_paths:
            application = re.match(r"/api/v1/Account/[^/]+/Application(?:/|$)", path) is not None
            if path.endswith("/") != application:
                return None
        else:
            path = path.replace("/api/v1/account/", "/api/v1/Account/", 1)
        found = ROUTES.find("api", request.method, path.rstrip("/"))
        if found is None:
            return None
        route, args = found
        return route.operation, route.write, args, lambda call: route.reply(self, call)

    def gate(self, operation: str, call: Call) -> Reply | None:
        """Refuse what these credentials may not do, and a "+" in a path that is not written ``%2B``."""
        headers = call.request.headers
        user, known = headers.get("x-auth-id", ""), {self.account.auth_id: self.account.auth_token, **self.subaccounts}
        if user not in known or headers.get("x-auth-token") != known[user]:
            return self.refuse(401)
        if not (self.account.is_active and self.account.enabled):
            return self.refuse(403, "ACCOUNT_INACTIVE", "The account is not active")
        if call.args.get("auth_id", user) != user or operation in self.forbidden:
            return self.refuse(403)
        return self.refuse(404) if "+" in urlsplit(call.request.url).path else None

    def refuse(self, status: int, code: int | str | None = None, detail: str = "") -> Reply:
        """Return an error in the form that `error_form` names."""
        name, words = _USUAL.get(status, ("ERROR", "The request could not be processed"))
        name, words = str(code or name), detail or words
        if self.error_form == "api_id":
            return Reply(status, {"api_id": self.request_id(), "error": words})
        if self.error_form == "message":
            return Reply(status, {"error": name.lower().replace("_", " "), "message": words})
        error: Json = {"code": name, "message": words}
        if status == 429:  # noqa: PLR2004
            error["details"] = {"limitType": "cps", "limit": self.account.cps_limit, "retryAfter": 1}
        return Reply(status, {"status": "error", "error": error, "requestId": self.request_id()})

    def request_id(self) -> str:
        """Return the id that Vobiz gives to a request."""
        return self._request_ids.uuid()

    def page_asked(self, request: Request) -> int | None:
        """Return ``page``, or the page that limit and offset ask for, from 1."""
        asked = dict(request.query)
        page, offset, limit = asked.get("page", ""), asked.get("offset", ""), asked.get("limit", "20")
        if page.isdigit():
            return int(page)
        return int(offset) // int(limit) + 1 if offset.isdigit() and limit.isdigit() and int(limit) else None

    def secret_in(self, request: Request) -> str:
        """Return the auth token."""
        return request.headers.get("x-auth-token", "")

    def standard_headers(self) -> dict[str, str]:
        """Return no headers of Vobiz's own: none are documented."""
        return {}
