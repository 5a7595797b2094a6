"""A simulated Vonage account: its objects, and who may do what with it.

Written from Vonage's OpenAPI documents (github:Nexmo/api-specification, ad04200 of 2021-07-14: Numbers 1.0.20,
Account 1.0.3, Application 2.1.0), with Basic authentication, ``app_id`` and ``limitations`` as in Numbers 1.1.0 and
the 429 of Account 1.0.4 (2026-10). The answer about prices is in no document; it is what the SDK (vonage-account
1.1.2) parses.

Unverified against a live account, and chosen here: that an update replaces all settings (inferred from the vendor's
own CLI, which sends all of them again); whether a refused update is HTTP 200 with ``error-code`` 420, as the document
has it, or HTTP 420 (`Vonage.refusal_status`); that a form sent as JSON is refused like a form with nothing in it; that
"" in ``voiceCallbackType`` clears the forwarding; ``{}`` beyond the last page; 420 for a page size above 100, for
unknown values of filters and for a country without prices; the order of listings (that of purchase); the words and
``type`` of an RFC 7807 body for 403, 429 and 5xx; the figures in the X-RateLimit headers; what happens to a number
whose application is deleted (it still names it); full replacement of an application by PUT.
Not simulated: key and secret in the query, buying, cancelling and searching numbers, top-up, settings, PSIP (SIP
trunks), JWT.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from voipkit.sandbox import vonage_applications, vonage_numbers
from voipkit.sandbox._kernel import Call, Reply, Request, Routes, Simulator
from voipkit.sandbox._state import Shelf
from voipkit.sandbox.vonage_state import Application, Balance, Number

ROUTES: Routes[Vonage] = Routes(vonage_numbers.ROUTES, vonage_applications.ROUTES)
PRODUCTS = {"rest.nexmo.com": "rest", "api.nexmo.com": "api"}
_ERRORS = "https://developer.nexmo.com/api-errors"
_LABELS = {401: "authentication failed", 420: "method failed"}
_PROBLEMS = {
    401: ("unauthorized", "Invalid credentials supplied", "You did not provide correct credentials."),
    403: ("unprovisioned", "Authorization error", "The credentials have no access to the requested product."),
    404: ("not-found", "Not Found", "The resource does not exist, or you do not have access."),
    429: ("rate-limit", "Rate Limit Hit", "Please wait, then retry your request."),
}
OTHER_PROBLEM = ("internal-error", "Internal Error", "The request could not be processed.")


class Vonage(Simulator):
    """Simulate one Vonage account.

    Attributes:
        api_key: The key that is accepted, which is the user name; 8 hexadecimal digits.
        api_secret: The secret, which is the password.
        secret_id: Id of the secret in ``list_secrets``.
        forbidden: Operation names that answer 403.
        secret_revoked: The secret is good no longer.
        unauthorized_status: HTTP status at rest.nexmo.com for wrong credentials; 200 hides the 401 in the body,
            which an incautious client takes for an empty account.
        refusal_status: HTTP status of a refused update (unverified; 200 and 420 are both reported).
        shows_application_as_callback: Numbers of an application show it as ``voiceCallbackType`` ``app``, as old
            accounts do, and not in ``app_id``.
        balance: The money.
        prices: ISO codes of countries to the price of a minute in euros.
        numbers: Owned numbers, by their digits.
        applications: Applications, by their id.
    """

    id = "vonage"
    host = "rest.nexmo.com"
    required = frozenset({"country", "msisdn", "id", "count", "page", "error-code", "capabilities"})

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self.api_key = self.mint.hex(8)
        self.api_secret = "Ab1" + self.mint.hex(13)
        self.secret_id = self.mint.uuid()
        self.forbidden: set[str] = set()
        self.secret_revoked = False
        self.unauthorized_status = 401
        self.refusal_status = 200
        self.shows_application_as_callback = False
        self.balance = Balance()
        self.prices = {"US": "0.00900000", "GB": "0.01200000", "IE": "0.02000000"}
        self.numbers: Shelf[Number] = Shelf()
        self.applications: Shelf[Application] = Shelf()
        self._fill()

    def _fill(self) -> None:
        self.add_application("Acme IVR", answer_url="https://voice.example.com/answer")
        self.add_number("+14155550100")
        self.add_number("+442079460018", country="GB", features=["VOICE"])
        self.add_number("+353871230000", country="IE", type="mobile-lvn", features=["SMS", "VOICE"])

    # Configuring the account.

    @property
    def credentials(self) -> dict[str, str]:
        """Key and secret, and the first application when there is one."""
        application = {"application_id": self.applications[0].id} if len(self.applications) else {}
        return {"api_key": self.api_key, "api_secret": self.api_secret, **application}

    @property
    def sip_config(self) -> dict[str, str]:
        """Nothing: the application is named in the credentials."""
        return {}

    def add_number(self, phone_number: str, country: str = "US", **fields: Any) -> Number:
        """Add an owned number, with or without "+"; ``fields`` are those of `Number`."""
        number = Number(country, phone_number.removeprefix("+"), **fields)
        return self.numbers.add(number.msisdn, number)

    def seed_numbers(self, count: int, **fields: Any) -> list[Number]:
        """Add many valid numbers; ``fields`` are those of `Number`."""
        return [self.add_number(self.mint.phone_number(), **fields) for _ in range(count)]

    def add_application(self, name: str, *, answer_url: str = "", **fields: Any) -> Application:
        """Add an application.

        Args:
            name: Its name, which need not be unique.
            answer_url: Webhook that says what to do with a call; "" leaves the voice capability out.
            **fields: Fields of `Application`.
        """
        if answer_url:
            webhooks = {
                "answer_url": {"address": answer_url, "http_method": "GET"},
                "event_url": {"address": answer_url.replace("answer", "event"), "http_method": "POST"},
            }
            fields.setdefault("capabilities", {"voice": {"webhooks": webhooks}})
        application = Application(self.mint.uuid(), name, **fields)
        return self.applications.add(application.id, application)

    # Answering as the kernel asks.

    @property
    def operations(self) -> tuple[str, ...]:
        """Every operation name, sorted."""
        return ROUTES.operations

    def product(self, host: str) -> str | None:
        """Return ``"rest"`` or ``"api"``."""
        return PRODUCTS.get(host)

    def find(self, request: Request) -> tuple[str, bool, Mapping[str, str], Callable[[Call], Reply]] | None:
        """Return the operation that a request asks for."""
        found = ROUTES.find(PRODUCTS[request.host], request.method, request.path)
        if found is None:
            return None
        route, args = found
        return route.operation, route.write, args, lambda call: route.reply(self, call)

    def gate(self, operation: str, call: Call) -> Reply | None:
        """Refuse wrong credentials, and what the account may not do."""
        if self.secret_revoked or call.request.basic() != (self.api_key, self.api_secret):
            refusal = self.refuse_to(call.request, 401)
            at_rest = PRODUCTS[call.request.host] == "rest"
            return Reply(self.unauthorized_status, refusal.payload, refused=True) if at_rest else refusal
        return self.refuse_to(call.request, 403) if operation in self.forbidden else None

    def refuse(self, status: int, code: int | str | None = None, detail: str = "") -> Reply:
        """Return an error in the form of rest.nexmo.com: a code in the body, or RFC 7807 for limits and failures."""
        if status in (403, 429) or status >= 500:  # noqa: PLR2004
            return self._usual_problem(status, code, detail)
        label = detail or _LABELS.get(status, "request failed")
        return Reply(status, {"error-code": str(code or status), "error-code-label": label})

    def refuse_action(self) -> Reply:
        """Return the refusal of an update, which may come with HTTP status 200."""
        return Reply(self.refusal_status, self.refuse(420).payload, refused=True)

    def refuse_problem(self, status: int, kind: str, title: str, detail: str) -> Reply:
        """Return an error in the form of api.nexmo.com, RFC 7807."""
        body = {"type": f"{_ERRORS}#{kind}", "title": title, "detail": detail, "instance": self._request_ids.hex()}
        headers = {}
        if status == 429:  # noqa: PLR2004
            headers = {"X-RateLimit-Limit": "30", "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1"}
        if status == 429 or status >= 500:  # noqa: PLR2004
            headers["Content-Type"] = "application/problem+json"
        return Reply(status, body, headers)

    def refuse_parameter(self, kind: str, name: str, reason: str) -> Reply:
        """Return a 400 that names one parameter."""
        problem = self.refuse_problem(400, "", "Bad Request", "The request failed due to validation errors").payload
        named = {"type": f"{_ERRORS}/application#{kind}", "invalid_parameters": [{"name": name, "reason": reason}]}
        return Reply(400, {**(problem if isinstance(problem, dict) else {}), **named})

    def refuse_to(self, request: Request, status: int, code: int | str | None = None, detail: str = "") -> Reply:
        """Return an error in the form of the host that the request is for."""
        if PRODUCTS[request.host] == "rest":
            return self.refuse(status, code, detail)
        return self._usual_problem(status, code, detail)

    def _usual_problem(self, status: int, code: int | str | None, detail: str) -> Reply:
        kind, title, words = _PROBLEMS.get(status, OTHER_PROBLEM)
        return self.refuse_problem(status, str(code or kind), title, detail or words)

    def page_asked(self, request: Request) -> int | None:
        """Return ``index`` of numbers or ``page`` of applications."""
        sent = dict(request.query)
        page = sent.get("index", sent.get("page", ""))
        return int(page) if page.isdigit() else None

    def secret_in(self, request: Request) -> str:
        """Return the API secret."""
        return request.basic()[1]

    def standard_headers(self) -> dict[str, str]:
        """Return Vonage's own headers."""
        return {"X-Request-Id": self._request_ids.uuid()}
