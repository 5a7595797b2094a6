"""Twilio: the carrier. What is asked, and what is written; `checks` judges the answers."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from functools import cache, cached_property, lru_cache
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn, Self, TypeAlias, TypeVar
from urllib.parse import urlencode

from voipkit.adapting.checking import Answer, ask, ask_together, only_if_known
from voipkit.adapting.dialin import dial_in
from voipkit.adapting.loading import loading_sdk
from voipkit.adapting.numbers import canonical, country_of, e164, minor_units
from voipkit.adapting.paging import Page, by_cursor
from voipkit.adapting.routing import Switchboard, import_numbers, require_route_kind, restore_numbers, wanted_numbers
from voipkit.adapting.translation import translating
from voipkit.adapting.transport import PLACEHOLDER, HttpOptions, basic, log, open_channel, requests_session
from voipkit.errors import InvalidNumber, InvalidRequest, NotFound, UnexpectedResponse, Unsupported
from voipkit.models import (
    CallCost,
    Check,
    CredentialTest,
    ImportReport,
    NameSuggestion,
    NumberType,
    NumberVerification,
    OnConflict,
    PlacedCall,
    ProviderInfo,
    ProviderNumber,
    Route,
    Routing,
    RoutingSnapshot,
)
from voipkit.protocols import InboundWitness
from voipkit.providers.twilio import checks
from voipkit.providers.twilio.dialin import COST, place_call
from voipkit.providers.twilio.settings import EDGES, INFO, RULES, TwilioCredentials, TwilioSip

if TYPE_CHECKING:
    from twilio.rest import Client
    from twilio.rest.api.v2010.account import AccountInstance
    from twilio.rest.trunking.v1.trunk import TrunkInstance
    from twilio.rest.trunking.v1.trunk.origination_url import OriginationUrlInstance

__all__ = ["Twilio"]

T = TypeVar("T")
Prices: TypeAlias = Mapping[str, tuple[int | None, str | None]]
"""Monthly list price and its currency, by type of number."""


class Twilio:
    """A Twilio account."""

    info: ClassVar[ProviderInfo] = INFO

    def __init__(
        self, credentials: TwilioCredentials, sip_config: TwilioSip, *, setup_method: str, http: HttpOptions
    ) -> None:
        self.credentials = credentials
        self.sip_config = sip_config
        self.setup_method = setup_method
        user = credentials.api_key or credentials.account_sid
        secret = credentials.api_secret or credentials.auth_token
        assert secret is not None
        self._account_sid = credentials.account_sid
        self._user = user
        self._channel = open_channel(
            INFO.id,
            http,
            basic(user, secret),
            hosts=(".twilio.com",),
            sdk="twilio",
            conceal=("auth_token",),  # Twilio repeats the account's auth token in the account itself
        )
        self._fees: dict[str, Prices] = {}
        self._fees_lock = threading.Lock()
        self._learnt: NameSuggestion | None = None

    def __repr__(self) -> str:
        return f"<Twilio {self._account_sid} {self.credentials.region}>"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __reduce__(self) -> NoReturn:
        msg = "An opened carrier is not pickled: open it again where it is needed."
        raise TypeError(msg)

    def close(self) -> None:
        """Close the connections."""
        self._channel.close()

    # --- the five methods

    def test_credentials(self) -> CredentialTest:
        """Ask for the account, its first number, its countries, the trunk and its URLs: 5 requests, all at once."""
        sid = self.sip_config.trunk_sid
        if sid:
            account, first, geo, trunk, urls = ask_together(
                self._account, self._first_number, self._dialable, lambda: self._trunk(sid), lambda: self._urls(sid)
            )
            trunk_checks = checks.trunk_inbound(sid, trunk, urls)
            trunk_checks += checks.trunk_outbound(sid, trunk, self._account_sid, self.sip_config.domain)
        else:
            account, first, geo, trunks = ask_together(self._account, self._first_number, self._dialable, self._trunks)
            trunk_checks = [checks.no_trunk_named("inbound", trunks), checks.no_trunk_named("outbound", trunks)]
        found = checks.account(self._account_sid, account, first)
        if found[0].status == "pass":
            own = country_of(first.value.number) if first.value else None
            found += trunk_checks + checks.geo(geo, self._destinations(own), proves=bool(sid))
        else:
            found += [checks.not_asked("inbound"), checks.not_asked("outbound")]
        if first.error is None:
            self._learnt = checks.name(self._account_sid, account, first)
        return CredentialTest(provider=INFO.id, setup_method=self.setup_method, checks=only_if_known(found))

    def suggest_name(self) -> NameSuggestion:
        """Suggest "Twilio: <account name> (<number>)": 0 requests after `test_credentials`, else 2."""
        if self._learnt is None:
            account, first = ask_together(self._account, self._first_number)
            if first.error:
                raise first.error
            self._learnt = checks.name(self._account_sid, account, first)
        return self._learnt

    def list_numbers(self) -> Iterator[ProviderNumber]:
        """Yield the account's numbers, 1,000 a request, with their list price where Twilio publishes one."""
        for raw in by_cursor(INFO.id, lambda uri: self._number_page("list_numbers", uri), key=_sid):
            yield _number(raw, self._prices)

    def import_numbers(
        self,
        numbers: Iterable[str | ProviderNumber],
        route: Route | None = None,
        on_conflict: OnConflict = "refuse",
        dry_run: bool = False,
    ) -> ImportReport:
        """Attach numbers to a trunk, a webhook or an application; see `voipkit.protocols.Provider`."""
        return import_numbers(
            self._switchboard("import_numbers"),
            numbers,
            route or self._default_route,
            on_conflict,
            dry_run=dry_run,
            fields_for=_fields_for,
            conflict=_conflict,
        )

    def verify_number(
        self, number: str, route: Route | None = None, *, witness: InboundWitness | None = None
    ) -> NumberVerification:
        """Follow a call to and from one number: 3 requests at once, then 2 for its trunk or 1 for its application.

        With a witness the number is called too; see `dial_in_cost`.
        """
        require_route_kind(INFO, route)
        wanted = e164(number)
        found, account, geo = ask_together(
            lambda: self._owned("verify_number", frozenset([wanted])), self._account, self._dialable
        )
        if found.error:
            raise found.error
        owned = (found.value or {}).get(wanted)
        verified = _Verifier(self, account, geo, route).verify(wanted, owned)
        if witness is None or owned is None:
            return verified
        return verified.model_copy(update={"checks": (*verified.checks, self._dial_in(wanted, witness))})

    def verify_numbers(
        self, numbers: Iterable[str | ProviderNumber], route: Route | None = None
    ) -> Iterator[NumberVerification]:
        """Verify many numbers with one listing, 2 requests for the account, and 2 for each trunk they use."""
        require_route_kind(INFO, route)
        wanted = wanted_numbers(numbers)
        owned = self._owned("verify_numbers", frozenset(entry for entry in wanted if isinstance(entry, str)))
        account, geo = ask_together(self._account, self._dialable)
        verifier = _Verifier(self, account, geo, route)
        for entry in wanted:
            if isinstance(entry, InvalidNumber):
                yield verifier.refuse(entry)
            else:
                yield verifier.verify(entry, owned.get(entry))

    # --- capabilities

    def restore_numbers(self, snapshot: RoutingSnapshot) -> ImportReport:
        """Put routing back as a snapshot says; see `voipkit.protocols.SupportsRestore`."""
        return restore_numbers(self._switchboard("restore_numbers"), snapshot)

    def dial_in_cost(self, number: str) -> CallCost:  # noqa: ARG002 - the same for each
        """Say what a dial-in call may cost; see `voipkit.protocols.SupportsDialIn`."""
        return COST

    def _dial_in(self, number: str, witness: InboundWitness) -> Check:
        """Call a number from another one of the account, or from itself where there is no other."""
        caller = self._other_number(number) if witness.needs_call else None

        def place(ring: float) -> PlacedCall:
            return place_call(self._client, self._asking, number, caller or number, ring)

        return dial_in(INFO.id, number, caller, witness, place)

    def _other_number(self, number: str) -> str:
        few = self._number_page("list_numbers", None, PageSize="20").items
        others = (_number(raw) for raw in few)
        can_call = (o.number for o in others if o.number != number and o.active and "voice" in (o.capabilities or ()))
        return next(can_call, number)

    # --- the SDK

    @cached_property
    def _client(self) -> Client:
        """Build the SDK's client: with a placeholder for the secret, and deaf to TWILIO_* in the environment."""
        with loading_sdk("Twilio", extra="twilio"):
            from twilio.http import HttpClient
            from twilio.http.response import Response
            from twilio.rest import Client

            session = requests_session(self._channel)

        class Http(HttpClient):
            """Sends through our channel, and keeps no state: the SDK's own client returns what it stored last."""

            def request(  # type: ignore[override]
                self,
                method: str,
                uri: str,
                params: Mapping[str, object] | None = None,
                data: Mapping[str, object] | None = None,
                headers: Mapping[str, str] | None = None,
                **_: object,
            ) -> Response:
                reply = session.request(method, uri, params=params, data=data, headers=headers)  # type: ignore[arg-type]
                return Response(reply.status_code, reply.text, reply.headers)

        region = self.credentials.region
        return Client(  # type: ignore[no-untyped-call]
            self._user,
            PLACEHOLDER,
            account_sid=self._account_sid,
            region=region if region in EDGES else None,
            edge=EDGES.get(region),
            http_client=Http(logger=log, is_async=False),
            environment={"_": ""},  # an empty mapping is falsy, and the SDK then reads os.environ (measured)
        )

    def _asking(self, operation: str) -> AbstractContextManager[None]:
        return translating(INFO.id, operation, RULES, self._channel)

    # --- single questions

    def _account(self) -> AccountInstance:
        with self._asking("fetch_account"):
            account = self._client.api.v2010.accounts(self._account_sid).fetch()
            return _sensible(account, account.sid == self._account_sid, "account")

    def _first_number(self) -> ProviderNumber | None:
        first = self._number_page("list_numbers", None, PageSize="1").items
        return _number(first[0]) if first else None

    def _dialable(self) -> dict[str, bool]:
        """Countries that may be called, by ISO code: one page holds them all (at most 1,000, there are 240)."""
        with self._asking("list_dialing_permissions"):
            page = self._client.voice.v1.dialing_permissions.countries.page(page_size=1000)
            return {str(c.iso_code): bool(c.low_risk_numbers_enabled) for c in page}

    def _trunk(self, sid: str) -> TrunkInstance:
        with self._asking("fetch_trunk"):
            trunk = self._client.trunking.v1.trunks(sid).fetch()
            return _sensible(trunk, trunk.sid == sid, "trunk")

    def _trunks(self) -> list[TrunkInstance]:
        with self._asking("list_trunks"):
            return list(self._client.trunking.v1.trunks.page(page_size=100))  # an account has at most 100

    def _urls(self, trunk_sid: str) -> list[OriginationUrlInstance]:
        with self._asking("list_origination_urls"):
            return list(self._client.trunking.v1.trunks(trunk_sid).origination_urls.page(page_size=1000))

    def _application(self, sid: str) -> Any:
        with self._asking("fetch_application"):
            application = self._client.applications(sid).fetch()
            return _sensible(application, application.sid == sid, "application")

    def _inbound_region(self, number: str) -> str:
        """The region that a number's calls are handed to; Twilio answers 404 until it was set once: us1 then."""
        try:
            with self._asking("fetch_inbound_region"):
                return self._client.routes.v2.phone_numbers(number).fetch().voice_region or "us1"
        except NotFound:
            return "us1"

    def _number_page(self, operation: str, uri: str | None, **filters: str) -> Page[Mapping[str, Any]]:
        """Get a page of numbers as plain mappings.

        The SDK's typed page parses two dates for each number (2.0 times the CPU of this, benchmarks/) and cannot read
        a page that has one more key than it knows (twilio 9.13), so only its generic request is used here.
        """
        with self._asking(operation):
            if uri is None:
                query = urlencode({"PageSize": "1000"} | filters)
                uri = f"/2010-04-01/Accounts/{self._account_sid}/IncomingPhoneNumbers.json?{query}"
            response = self._client.request("GET", f"https://api.twilio.com{uri}")
            if response.status_code != 200:  # noqa: PLR2004
                from twilio.base.exceptions import TwilioException

                raise TwilioException("Unable to fetch page", response)  # as the SDK's own listing does
            body = json.loads(response.text)
            rows = body.get("incoming_phone_numbers") if isinstance(body, dict) else None
            whole = isinstance(rows, list) and all(isinstance(row, dict) and row.get("sid") for row in rows)
            _sensible(body, whole, "listing")
            return Page(items=rows or (), next=body.get("next_page_uri") or None)

    def _owned(self, operation: str, wanted: frozenset[str]) -> dict[str, ProviderNumber]:
        """Look up which of the wanted numbers the account has."""
        return {n.number: n for n in self._find(operation, wanted) if n.number in wanted} if wanted else {}

    def _find(self, operation: str, wanted: frozenset[str]) -> Iterator[ProviderNumber]:
        """Yield the account's numbers; one number is asked for by name (a partial match, so look at the answer)."""
        filters = {"PhoneNumber": next(iter(wanted))} if len(wanted) == 1 else {}
        return map(_number, by_cursor(INFO.id, lambda uri: self._number_page(operation, uri, **filters), key=_sid))

    def _prices(self, country: str | None) -> Prices:
        """A country's monthly list prices by type, asked for once; empty where Twilio does not tell this key."""
        known = self._fees.get(country or "")
        if known is not None or country is None:
            return known or {}
        with self._fees_lock:
            if country not in self._fees:
                answer = ask(lambda: self._price_list(country))
                self._fees[country] = answer.value or {}
            return self._fees[country]

    def _price_list(self, country: str) -> Prices:
        with self._asking("fetch_prices"):
            listed = self._client.pricing.v1.phone_numbers.countries(country).fetch()
            prices: Sequence[Any] = listed.phone_number_prices or ()
            return {
                _type(p.get("number_type")): (
                    minor_units(p.get("current_price"), listed.price_unit),
                    listed.price_unit,
                )
                for p in prices
            }

    # --- routing

    @property
    def _default_route(self) -> Route | None:
        return Route.trunk(self.sip_config.trunk_sid) if self.sip_config.trunk_sid else None

    def _destinations(self, own: str | None) -> tuple[str, ...]:
        return self.sip_config.destinations or ((own,) if own else ())

    def _switchboard(self, operation: str) -> Switchboard:
        return Switchboard(
            info=INFO,
            find=lambda wanted: self._find(operation, wanted),
            write=lambda number, fields: self._write(operation, number, fields),
            read=lambda number: self._read(operation, number),
            patience=self._channel.options.retry_after_cap,
        )

    def _read(self, operation: str, number: ProviderNumber) -> ProviderNumber:
        with self._asking(operation):
            return _number(vars(self._client.incoming_phone_numbers(number.id).fetch()))

    def _write(self, operation: str, number: ProviderNumber, fields: Routing) -> tuple[ProviderNumber, int]:
        """Write the fields that differ.

        Setting a trunk deletes the application and the other way round (API, IncomingPhoneNumber), so the one that
        goes is not sent. A number leaves its trunk by the trunk's sub-resource; outside us1 that does not exist
        (regional product availability page for ie1; au1 assumed) and an empty TrunkSid is tried instead (unverified).
        """
        changed = {name: value for name, value in fields.items() if number.routing.get(name) != value}
        if changed.get("trunk_sid"):
            changed.pop("voice_application_sid", None)
        elif changed.get("voice_application_sid"):
            changed.pop("trunk_sid", None)
        leaves = "trunk_sid" in changed and changed["trunk_sid"] is None
        if leaves and self.credentials.region == "us1":
            del changed["trunk_sid"]
            return self._send(operation, number, changed, leaves=number.routing["trunk_sid"])
        try:
            return self._send(operation, number, changed)
        except InvalidRequest as error:
            if not leaves:
                raise
            text = "Outside us1 Twilio documents no way to take a number off its trunk, and it refused to do so."
            raise Unsupported(text, fix="Outside us1, take it off the trunk in the Twilio console.") from error

    def _send(
        self, operation: str, number: ProviderNumber, changed: Routing, leaves: str | None = None
    ) -> tuple[ProviderNumber, int]:
        """Send the changes; a URL is set before the trunk is left, so that no call falls in between.

        "" clears a field; None would mean "leave as it is" to the SDK.
        """
        writes, seen = 0, number
        with self._asking(operation):
            context = self._client.incoming_phone_numbers(number.id)
            if changed:
                writes += 1
                seen = _number(vars(context.update(**{name: value or "" for name, value in changed.items()})))
            if leaves:
                writes += 1
                self._client.trunking.v1.trunks(leaves).phone_numbers(number.id).delete()
                seen = _number(vars(context.fetch()))
        return seen, writes


class _Verifier:
    """Verifies numbers one after another, and asks about each trunk and application once."""

    def __init__(
        self, carrier: Twilio, account: Answer[AccountInstance], geo: Answer[dict[str, bool]], route: Route | None
    ) -> None:
        self._carrier = carrier
        self._account = account
        self._geo = geo
        self._expected = route or carrier._default_route
        self._targets: dict[Route, list[Check]] = {}

    def verify(self, number: str, found: ProviderNumber | None) -> NumberVerification:
        """Follow a call to and from a number that was looked up."""
        if found is None:
            seen = [checks.not_owned(number), checks.not_asked("inbound"), checks.not_asked("outbound")]
            return NumberVerification(provider=INFO.id, number=number, route=self._expected, checks=tuple(seen))
        target = self._expected or found.route
        seen = [
            *checks.account(self._carrier._account_sid, self._account, Answer(found, None, 0.0)),
            *checks.number(found, self._expected),
            *self._region(number),
            *(self._target(target) if target else ()),
            checks.caller_id(found),
            *checks.geo(self._geo, self._carrier._destinations(found.country)),
        ]
        return NumberVerification(
            provider=INFO.id, number=number, id=found.id, route=target, checks=only_if_known(seen)
        )

    def refuse(self, error: InvalidNumber) -> NumberVerification:
        """Answer for a text that is no number."""
        return NumberVerification(
            provider=INFO.id, number=error.given, route=self._expected, checks=(checks.not_e164(error),)
        )

    def _region(self, number: str) -> list[Check]:
        """Outside us1 a number may be handed to another region than its trunk's: one request a number, no listing."""
        region = self._carrier.credentials.region
        if region == "us1":
            return []
        return [checks.inbound_region(number, ask(lambda: self._carrier._inbound_region(number)), region)]

    def _target(self, route: Route) -> list[Check]:
        if route not in self._targets:
            self._targets[route] = self._look_at(route)
        return self._targets[route]

    def _look_at(self, route: Route) -> list[Check]:
        carrier, sid = self._carrier, route.target
        if route.kind == "application":
            return [checks.application(sid, ask(lambda: carrier._application(sid)))]
        if route.kind == "webhook":
            return []
        trunk, urls = ask_together(lambda: carrier._trunk(sid), lambda: carrier._urls(sid))
        outbound = checks.trunk_outbound(sid, trunk, carrier._account_sid, carrier.sip_config.domain)
        return checks.trunk_inbound(sid, trunk, urls) + outbound


# --- mappings --------------------------------------------------------------------------------------------------------

_ROUTING = (
    "trunk_sid",
    "voice_application_sid",
    "voice_url",
    "voice_method",
    "voice_fallback_url",
    "voice_fallback_method",
    "status_callback",
    "status_callback_method",
    "voice_receive_mode",
)
_UNREADABLE = "Try again; if it lasts, look for a proxy in between, and report it."
_DEMO_URL = "https://demo.twilio.com/"  # what a bought number's voice_url holds until somebody sets one
_TYPES: dict[str, NumberType] = {
    "local": "local",
    "mobile": "mobile",
    "tollfree": "toll_free",
    "national": "national",
    "sharedcost": "shared_cost",
    "voip": "voip",
}


def _number(raw: Mapping[str, Any], prices: Callable[[str | None], Prices] | None = None) -> ProviderNumber:
    """Map a number: an item of a listing, or ``vars()`` of the SDK's instance, which has the same names.

    Raises:
        UnexpectedResponse: A field has a type that Twilio's document does not give it.
    """
    try:
        return _mapped(raw, prices)
    except (ValueError, TypeError, AttributeError, KeyError) as error:  # pydantic's ValidationError is a ValueError
        text = "Twilio listed a number that cannot be read."
        raise UnexpectedResponse(text, provider=INFO.id, operation="read_number", fix=_UNREADABLE) from error


def _mapped(raw: Mapping[str, Any], prices: Callable[[str | None], Prices] | None) -> ProviderNumber:
    sid, digits = raw["sid"], raw["phone_number"]
    number, kind, status = canonical(digits), _type(raw.get("type")), raw.get("status")
    country = country_of(number)
    fee, currency = prices(country).get(kind, (None, None)) if prices else (None, None)
    get = raw.get
    routing = {field: get(field) or None for field in _ROUTING}
    return ProviderNumber(
        id=sid,
        number=number,
        raw=digits,
        friendly_name=raw.get("friendly_name") or None,
        type=kind,
        capabilities=_capabilities(raw.get("capabilities")),
        country=country,
        monthly_fee=fee,
        currency=None if fee is None else currency,
        status=status or None,
        active=status in (None, "", "in-use"),
        route=_route(
            routing["trunk_sid"], routing["voice_application_sid"], routing["voice_url"], routing["voice_method"]
        ),
        routing=routing,
    )


def _sid(raw: Mapping[str, Any]) -> str:
    sid: str = raw["sid"]
    return sid


def _capabilities(raw: object) -> tuple[str, ...] | None:
    """None where Twilio does not say whether the number takes calls."""
    if not isinstance(raw, Mapping):
        return None
    return _named(tuple([(name, has) for name, has in raw.items() if isinstance(has, bool)]))


@lru_cache(maxsize=64)
def _named(flags: tuple[tuple[str, bool], ...]) -> tuple[str, ...] | None:
    """Read the flags, whose names Twilio has spelled in lower and in upper case; few numbers differ in them."""
    shown = {name.lower(): has for name, has in flags}
    return tuple(sorted(name for name, has in shown.items() if has)) if "voice" in shown else None


@lru_cache(maxsize=1024)
def _route(trunk: str | None, application: str | None, url: str | None, method: str | None) -> Route | None:
    """Say where calls go; most numbers of an account share a few routes, hence the cache."""
    if trunk:
        return Route.trunk(trunk)
    if application:
        return Route.application(application)
    if not url or url.startswith(_DEMO_URL):
        return None
    try:
        return Route.webhook(url, "GET" if method == "GET" else "POST")
    except ValueError:  # a URL that is no URL: calls go nowhere, and the routing fields show it
        return None


def _fields_for(route: Route) -> Routing:
    if route.kind == "trunk":
        return {"trunk_sid": route.target, "voice_application_sid": None}
    if route.kind == "application":
        return {"trunk_sid": None, "voice_application_sid": route.target}
    return {
        "trunk_sid": None,
        "voice_application_sid": None,
        "voice_url": route.target,
        "voice_method": route.method,
    }


def _conflict(number: ProviderNumber, route: Route) -> str | None:
    """Say what the number's present routing would lose."""
    present = number.route
    if present is None or (present.kind == route.kind and present.target == route.target):
        return None
    if present.kind == "trunk":
        return (
            f"Its calls go to trunk {present.target}, which beats any other routing; it would be taken off that trunk."
        )
    if route.kind == "trunk":
        return f"Its calls go to {present}; a trunk silently beats that, so {present.target} would get no more calls."
    return f"Its calls go to {present}, which would get no more calls."


@cache
def _type(name: str | None) -> NumberType:
    """Twilio spells types in several ways: "toll free" in prices, free text on numbers."""
    return _TYPES.get("".join(letter for letter in (name or "").lower() if letter.isalpha()), "other")


def _sensible(found: T, ok: bool, what: str) -> T:
    if not ok:
        text, fix = f"Twilio's answer is not the {what} that was asked for.", _UNREADABLE
        raise UnexpectedResponse(text, provider=INFO.id, operation=f"read_{what}", fix=fix)
    return found
