"""A simulated Twilio account: the account, and who may do what with it.

Written from Twilio's OpenAPI documents (github:twilio/twilio-oai, d50069b of 2026-04-14) and its documentation
pages as of 2026-11-21. Those documents describe no error body; ``{"code", "message", "more_info", "status"}`` and
the codes are those of https://www.twilio.com/docs/api/errors.

Unverified against a live account, and chosen here: the HTTP status of code 70051 (`Twilio.restricted_status`);
what a suspended account may still read (`Twilio.suspended_can_read`); the answer to a value that is refused
(400, 20001), to a trunk or application that is not in the account (404, 20404), to a foreign AccountSid in the
path (401, 20003), to a sub-account that asks for its balance (404, 20404), and to the trunk PhoneNumbers
subresource and OutgoingCallerIds outside us1 (404, 20404); the codes 20500 and 20503 of a failing server.
Not simulated: settings of a number per region.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from voipkit.sandbox import twilio_calls  # noqa: F401 - its operations join those of twilio_replies
from voipkit.sandbox._kernel import Call, Reply, Request, Simulator
from voipkit.sandbox._state import Shelf
from voipkit.sandbox.twilio_replies import ROUTES
from voipkit.sandbox.twilio_state import (
    EDGES,
    REGIONS,
    Account,
    ApiKey,
    Application,
    CallerId,
    NamedList,
    Number,
    OriginationUrl,
    PlacedCall,
    Trunk,
    region_of,
)

_HOST = re.compile(r"(?P<product>api|trunking|voice|routes|pricing)(?P<where>(?:\.[a-z0-9-]+){0,2})\.twilio\.com")


class Twilio(Simulator):
    """Simulate one Twilio account.

    Attributes:
        account: The account; set ``account.status``, ``account.type`` or ``account.balance`` at will.
        numbers: Owned numbers. Likewise ``trunks``, ``applications``, ``credential_lists``, ``caller_ids``, ``keys``.
        region: The region in which the auth token works; in all others the answer is 401, code 20003.
        dialable: ISO codes for which low-risk dialing is permitted.
        test_credentials: The credentials are Twilio's test credentials.
        restricted_status: HTTP status of code 70051 (unverified; 401 and 403 are both reported).
        accepts_empty_trunk_sid: ``TrunkSid=""`` takes a number off its trunk (unverified; the document's pattern
            forbids it, so by default the answer is 400).
        suspended_can_read: A suspended or closed account may still be read (unverified; the documentation says 401).
        calls: Calls that the account placed.
        on_call: Plays the far end of a call that rings: returns the status with which it ends (``busy``, ``no-answer``,
            ``completed`` for an answer, ``failed``), or ``ringing`` to let it ring on.
    """

    id = "twilio"
    host = "api.twilio.com"
    required = frozenset({"sid", "phone_number", "account_sid", "trunk_sid", "status"})

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        sid = self.mint.sid("AC")
        self.account = Account(sid, self.mint.hex(), sid)
        self.region = "us1"
        self.test_credentials = False
        self.restricted_status = 403
        self.accepts_empty_trunk_sid = False
        self.suspended_can_read = False
        self.numbers: Shelf[Number] = Shelf()
        self.trunks: Shelf[Trunk] = Shelf()
        self.applications: Shelf[Application] = Shelf()
        self.credential_lists: Shelf[NamedList] = Shelf()
        self.caller_ids: Shelf[CallerId] = Shelf()
        self.keys: Shelf[ApiKey] = Shelf()
        self.calls: Shelf[PlacedCall] = Shelf()
        self.on_call: Callable[[PlacedCall], str] = lambda _: "no-answer"
        self.dialable = {"US", "GB", "IE"}
        self._fill()

    def _fill(self) -> None:
        people = NamedList(self.mint.sid("CL"), "voice servers", self.mint.tick())
        self.credential_lists.add(people.sid, people)
        trunk = self.add_trunk("Acme trunk", domain_name="acme-voice.pstn.twilio.com")
        trunk.credential_lists.add(people.sid, people)
        self.add_origination_url(trunk, "sip:pbx.example.com;transport=tls")
        self.add_application("Acme IVR", voice_url="https://voice.example.com/incoming")
        self.add_number("+14155550100")
        self.add_number("+442079460018", capabilities={"voice": True, "sms": False, "mms": False, "fax": False})
        self.add_number("+35315250000", capabilities={"voice": True, "sms": False, "mms": False, "fax": False})

    # Configuring the account.

    @property
    def credentials(self) -> dict[str, str]:
        """Account SID and auth token."""
        return {"account_sid": self.account.sid, "auth_token": self.account.auth_token}

    @property
    def sip_config(self) -> dict[str, str]:
        """The SID of the first trunk; empty when there is none."""
        return {"trunk_sid": self.trunks[0].sid} if len(self.trunks) else {}

    def add_number(self, phone_number: str, **fields: Any) -> Number:
        """Add an owned number; ``fields`` are those of `Number`."""
        name = fields.pop("friendly_name", None) or _pretty(phone_number)
        number = Number(self.mint.sid("PN"), phone_number, self.mint.tick(), name, **fields)
        return self.numbers.add(number.sid, number)

    def seed_numbers(self, count: int, **fields: Any) -> list[Number]:
        """Add many valid numbers; ``fields`` are those of `Number`."""
        return [self.add_number(self.mint.phone_number(), **fields) for _ in range(count)]

    def add_trunk(self, friendly_name: str = "Trunk", **fields: Any) -> Trunk:
        """Add a trunk with no origination URL and no credential list; ``fields`` are those of `Trunk`."""
        trunk = Trunk(self.mint.sid("TK"), friendly_name, self.mint.tick(), **fields)
        return self.trunks.add(trunk.sid, trunk)

    def add_origination_url(self, trunk: Trunk, sip_url: str, **fields: Any) -> OriginationUrl:
        """Add an origination URL to a trunk; ``fields`` are those of `OriginationUrl`."""
        url = OriginationUrl(self.mint.sid("OU"), sip_url, self.mint.tick(), **fields)
        return trunk.origination_urls.add(url.sid, url)

    def add_ip_access_control_list(self, trunk: Trunk, friendly_name: str = "offices") -> NamedList:
        """Attach an IP access control list to a trunk."""
        listed = NamedList(self.mint.sid("AL"), friendly_name, self.mint.tick())
        return trunk.ip_access_control_lists.add(listed.sid, listed)

    def add_application(self, friendly_name: str = "Application", **fields: Any) -> Application:
        """Add a TwiML application; ``fields`` are those of `Application`."""
        application = Application(self.mint.sid("AP"), friendly_name, self.mint.tick(), **fields)
        return self.applications.add(application.sid, application)

    def add_caller_id(self, phone_number: str) -> CallerId:
        """Add a verified caller id."""
        caller_id = CallerId(self.mint.sid("PN"), phone_number, self.mint.tick(), _pretty(phone_number))
        return self.caller_ids.add(caller_id.sid, caller_id)

    def add_api_key(
        self, kind: str = "standard", *, region: str | None = None, allow: Sequence[str] = ()
    ) -> tuple[str, str]:
        """Add an API key.

        Args:
            kind: ``main``, ``standard`` or ``restricted``.
            region: The region in which it works; None takes the account's.
            allow: Operation names that a restricted key may use.

        Returns:
            Key SID and secret.
        """
        if kind not in ("main", "standard", "restricted"):
            raise ValueError(f"no key of kind {kind!r}; there are main, standard and restricted")
        key = ApiKey(self.mint.sid("SK"), self.mint.hex(), kind, region or self.region, frozenset(allow))
        self.keys.add(key.sid, key)
        return key.sid, key.secret

    # Answering as the kernel asks.

    @property
    def operations(self) -> tuple[str, ...]:
        """Every operation name, sorted."""
        return ROUTES.operations

    def product(self, host: str) -> str | None:
        """Return the product of a host.

        Raises:
            ConnectionError: A region without its edge (switched off on 2026-04-28), or a place that is unknown.
        """
        match = _HOST.fullmatch(host)
        if match is None:
            return None
        where = match["where"].split(".")[1:]
        alive = not where or where == ["us1"] or (len(where) > 1 and where[0] in EDGES and where[1] in REGIONS)
        if not alive:
            raise ConnectionError(host)
        return match["product"]

    def find(self, request: Request) -> tuple[str, bool, Mapping[str, str], Callable[[Call], Reply]] | None:
        """Return the operation that a request asks for."""
        found = ROUTES.find(self.product(request.host) or "", request.method, request.path)
        if found is None:
            return None
        route, args = found
        return route.operation, route.write, args, lambda call: route.reply(self, call)

    def gate(self, operation: str, call: Call) -> Reply | None:
        """Refuse what these credentials may not do."""
        user, secret = call.request.basic()
        region = region_of(call.request.host)
        key = self.keys.get(user)
        if not self._accepts(user, secret, region, key):
            return self.refuse(401)
        if self.account.status != "active" and not self.suspended_can_read:
            return self.refuse(401)
        if self.test_credentials:
            return self.refuse(403, 20008, "Resource not accessible with Test Account Credentials")
        if call.args.get("account_sid", self.account.sid) != self.account.sid:
            return self.refuse(401 if call.args["account_sid"].startswith("AC") else 404)
        return self._beyond(key, operation) if key else None

    def _accepts(self, user: str, secret: str, region: str, key: ApiKey | None) -> bool:
        """Say whether these credentials are good in this region."""
        if key is not None:
            good_here = region == key.region and (key.kind != "restricted" or region == "us1")
            return secret == key.secret and good_here
        return (user, secret, region) == (self.account.sid, self.account.auth_token, self.region)

    def _beyond(self, key: ApiKey, operation: str) -> Reply | None:
        """Refuse what a good key may not do."""
        if key.kind == "standard" and operation == "account":
            return self.refuse(401)
        if key.kind == "restricted" and operation not in key.allow:
            return self.refuse(self.restricted_status, 70051, "Authorization Failed")
        return None

    def refuse(self, status: int, code: int | str | None = None, detail: str = "") -> Reply:
        """Return an error in Twilio's form."""
        usual = {400: 20001, 401: 20003, 403: 20006, 404: 20404, 429: 20429, 500: 20500, 503: 20503}
        number = usual.get(status, status) if code is None else code
        words = {401: "Authenticate", 403: "Access Denied", 404: "The requested resource was not found"}
        body = {
            "code": number,
            "message": detail or words.get(status, "The request could not be processed"),
            "more_info": f"https://www.twilio.com/docs/errors/{number}",
            "status": status,
        }
        return Reply(status, body)

    def page_asked(self, request: Request) -> int | None:
        """Return the page number, from 1 (Twilio counts from 0)."""
        page = dict(request.query).get("Page", "")
        return int(page) + 1 if page.isdigit() else None

    def secret_in(self, request: Request) -> str:
        """Return the auth token or key secret."""
        return request.basic()[1]

    def standard_headers(self) -> dict[str, str]:
        """Return Twilio's own headers."""
        return {
            "Twilio-Request-Id": self._request_ids.sid("RQ"),
            "Twilio-Concurrent-Requests": "1",
            "Twilio-Request-Duration": "0.012",
        }


def _pretty(phone_number: str) -> str:
    """Return the friendly name that Twilio gives: ``(415) 555-0100`` for +1, else the number itself."""
    digits = phone_number[2:]
    return f"({digits[:3]}) {digits[3:6]}-{digits[6:]}" if phone_number.startswith("+1") else phone_number
