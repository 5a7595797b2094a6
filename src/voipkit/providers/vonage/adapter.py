"""Vonage: the carrier. `api` asks, `checks` judges the answers; words and links are in `settings`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache, partial
from typing import ClassVar, NoReturn, Self

from voipkit.adapting import routing
from voipkit.adapting.checking import Answer, ask, ask_together, only_if_known
from voipkit.adapting.numbers import canonical, e164
from voipkit.adapting.reading import text
from voipkit.adapting.transport import HttpOptions
from voipkit.errors import InvalidNumber, NotFound, ProviderError, UnexpectedResponse, Unsupported
from voipkit.models import (
    Check,
    CredentialTest,
    ImportReport,
    NameSuggestion,
    NumberType,
    NumberVerification,
    OnConflict,
    ProviderInfo,
    ProviderNumber,
    Route,
    Routing,
    RoutingSnapshot,
)
from voipkit.providers._sip_route import SipLooks
from voipkit.providers.vonage import checks
from voipkit.providers.vonage.api import Json, VonageApi
from voipkit.providers.vonage.settings import INFO, VonageCredentials, VonageSip

__all__ = ["Vonage"]

_PRICES = 2  # destinations that `test_credentials` looks up: it may take five requests in all

_NOT_TAKEN = {
    "webhook": (
        "A Vonage number has no webhook for calls: answer and event URLs belong to an application.",
        "Set the URL as the application's answer URL, and name the application: application:ID.",
    ),
    "trunk": (
        "Vonage documents no API that puts a number on a SIP trunk.",
        "Forward the number to the trunk's SIP URI instead (sip:USER@HOST), or link it in Vonage's dashboard.",
    ),
}


class Vonage:
    """A Vonage account or sub-account. Make it with `voipkit.open_provider`; it may be used from several threads."""

    info: ClassVar[ProviderInfo] = INFO

    def __init__(
        self, credentials: VonageCredentials, sip_config: VonageSip, *, setup_method: str, http: HttpOptions
    ) -> None:
        self.credentials = credentials
        self.sip_config = sip_config
        self._http = http
        self.setup_method = setup_method
        self._api = VonageApi(credentials, http)
        self._learnt: NameSuggestion | None = None

    def __repr__(self) -> str:
        return f"<Vonage {self.credentials.api_key}>"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __reduce__(self) -> NoReturn:
        msg = "An opened carrier is not pickled: open it again where it is needed."
        raise TypeError(msg)

    def close(self) -> None:
        """Close the connections."""
        self._api.close()

    # --- the five methods --------------------------------------------------------------------------------------------

    def test_credentials(self) -> CredentialTest:
        """Ask for the balance, the first numbers and the application, then for the prices of up to two destinations.

        Returns:
            The checks; at most 5 requests, 2 round trips deep.
        """
        operation, named = "test_credentials", self.credentials.application_id
        balance, glance, application = ask_together(
            partial(self._api.balance, operation),
            partial(self._api.glance, operation),
            partial(self._application, operation, named),
        )
        asked = (application,) if named else ()
        first = _first(glance.value, named)
        found = checks.account_checks(balance, glance, *(_known(each) for each in asked))
        if found[0].status == "pass":
            destinations = self._destinations(_country(first))
            prices = self._prices(operation, destinations[:_PRICES])
            found += checks.application_checks(named, _known(application)) if named else checks.not_named_checks(first)
            found.append(checks.credit_check(balance, proves=named is not None))
            found += checks.price_checks(prices, destinations, proves=named is not None)
        if glance.error is None and (application.error is None or isinstance(application.error, NotFound)):
            self._learnt = self._name(application.value, first)
        return CredentialTest(provider=INFO.id, setup_method=self.setup_method, checks=only_if_known(found))

    def suggest_name(self) -> NameSuggestion:
        """Name the application and its first number; without one the API key, for Vonage shows no account name.

        Returns:
            The suggestion; no request after a `test_credentials` that learnt it, else 2 (1 without application).
        """
        if self._learnt is None:
            operation, named = "suggest_name", self.credentials.application_id
            glance, application = ask_together(
                partial(self._api.glance, operation), partial(self._application, operation, named)
            )
            for error in (glance.error, application.error):
                if error is not None and not isinstance(error, NotFound):
                    raise error
            self._learnt = self._name(application.value, _first(glance.value, named))
        return self._learnt

    def list_numbers(self) -> Iterator[ProviderNumber]:
        """Yield the account's numbers, 100 a request, several requests at once."""
        for raw in self._api.numbers("list_numbers"):
            yield _number(raw)

    def import_numbers(
        self,
        numbers: Iterable[str | ProviderNumber],
        route: Route | None = None,
        on_conflict: OnConflict = "refuse",
        dry_run: bool = False,
    ) -> ImportReport:
        """Link numbers to an application or forward them to SIP; see `voipkit.protocols.Provider.import_numbers`.

        Each number is read, written and read again: an update clears what it does not name, and its answer does not
        show the number.
        """
        _require_taken(route)
        return routing.import_numbers(
            self._switchboard("import_numbers"),
            numbers,
            route or self._route(),
            on_conflict,
            dry_run=dry_run,
            fields_for=_fields_for,
            conflict=_conflict,
        )

    def verify_number(self, number: str, route: Route | None = None) -> NumberVerification:
        """Follow a call to and from one number: 2 requests at once, then its application and each destination."""
        return next(self.verify_numbers([e164(number)], route))

    def verify_numbers(
        self, numbers: Iterable[str | ProviderNumber], route: Route | None = None
    ) -> Iterator[NumberVerification]:
        """Verify many numbers by one listing, one request for the balance, and one for each application and country."""
        _require_taken(route)
        return self._verify(routing.wanted_numbers(numbers), route or self._route())

    # --- capabilities ------------------------------------------------------------------------------------------------

    def restore_numbers(self, snapshot: RoutingSnapshot) -> ImportReport:
        """Put routing back as a snapshot says; see `voipkit.protocols.SupportsRestore`.

        ``voiceStatusCallback`` and ``moSmppSysType`` cannot be put back: Vonage never shows them.
        """
        return routing.restore_numbers(self._switchboard("restore_numbers"), snapshot)

    # --- how they are done -------------------------------------------------------------------------------------------

    def _verify(self, wanted: Sequence[str | InvalidNumber], route: Route | None) -> Iterator[NumberVerification]:
        operation = "verify_number"
        asked = frozenset(number for number in wanted if isinstance(number, str))
        listing, balance = ask_together(
            partial(self._api.find, operation, asked), partial(self._api.balance, operation)
        )
        if listing.error:
            raise listing.error
        raws = listing.value or {}
        owned = {number: _number(raw) for number, raw in raws.items()}
        targets = {number: route or each.route for number, each in owned.items()}
        used = {target.target for target in targets.values() if target and target.kind == "application"}
        calls = {number: self._destinations(each.country) for number, each in owned.items()}
        applications, prices = self._ask_all(operation, used, {country for c in calls.values() for country in c})
        looks = SipLooks(INFO.id, self._http)
        for number in wanted:
            if isinstance(number, InvalidNumber):
                yield _verification(number.given, None, route, [checks.not_e164_check(number)])
                continue
            if number not in owned:
                yield _verification(number, None, route, [checks.not_owned_check(number)])
                continue
            target = targets[number]
            app = target.target if target and target.kind == "application" else None
            found = checks.number_checks(owned[number], _limits(raws[number]), route)
            found += checks.application_checks(app, applications[app]) if app else [checks.sip_outbound_check()]
            found += looks.at(target)
            found.append(checks.credit_check(balance, proves=app is not None))
            found += checks.price_checks(prices, calls[number], proves=app is not None)
            yield _verification(number, owned[number].id, target, found)

    def _ask_all(
        self, operation: str, applications: Iterable[str], countries: Iterable[str]
    ) -> tuple[dict[str, Answer[Json]], dict[str, Answer[Json]]]:
        """Ask for every application and every price once, at the same time."""
        with ThreadPoolExecutor(self._api.workers, thread_name_prefix="voipkit-verify") as pool:
            ids, names = sorted(applications), sorted(countries)
            seen = pool.map(lambda each: ask(partial(self._api.application, operation, each)), ids)
            sold = pool.map(lambda each: ask(partial(self._api.price, operation, each)), names)
            return dict(zip(ids, seen, strict=True)), dict(zip(names, sold, strict=True))

    def _prices(self, operation: str, countries: Sequence[str]) -> dict[str, Answer[Json]]:
        return self._ask_all(operation, (), countries)[1]

    def _application(self, operation: str, application_id: str | None) -> Json | None:
        return self._api.application(operation, application_id) if application_id else None

    def _switchboard(self, operation: str) -> routing.Switchboard:
        def find(wanted: frozenset[str]) -> Iterator[ProviderNumber]:
            return map(_number, self._api.find(operation, wanted).values())

        return routing.Switchboard(
            info=INFO,
            find=find,
            write=partial(self._write, operation),
            read=lambda number: _number(self._api.number(operation, number.number)),
            notes=_notes,
            replaces=True,
            patience=self._http.retry_after_cap,
        )

    def _write(self, operation: str, number: ProviderNumber, fields: Routing) -> tuple[ProviderNumber, int]:
        """Send all settings of a number again, with those that change; what shall be cleared is left out."""
        if number.country is None:
            words = "Vonage does not show the number's country, and takes no change without it."
            raise Unsupported(words, fix="Route the number in Vonage's dashboard.")
        kept = {name: value for name, value in {**number.routing, **fields}.items() if value}
        self._api.update(operation, number.country, number.number.lstrip("+"), kept)
        try:
            return _number(self._api.number(operation, number.number)), 1
        except ProviderError as error:
            # Whatever kept it from being read again, the change was accepted: never report it as refused.
            words = f"The change was accepted, but could not be read back: {error.message}"
            raise UnexpectedResponse(words, provider=INFO.id, operation=operation, fix=error.fix) from error

    def _route(self) -> Route | None:
        return Route.application(self.credentials.application_id) if self.credentials.application_id else None

    def _destinations(self, country: str | None) -> tuple[str, ...]:
        return self.sip_config.destinations or ((country,) if country else ())

    def _name(self, application: Json | None, first: Json | None) -> NameSuggestion:
        number = canonical(str(first["msisdn"])) if first else None
        name = text((application or {}).get("name"))
        label = f"Vonage: {name or self.credentials.api_key}"
        return NameSuggestion(name=f"{label} ({number})" if number else label, inferred=bool(name or number))


# --- pure mappings ---------------------------------------------------------------------------------------------------

_ROUTING = (
    "app_id",
    "voiceCallbackType",
    "voiceCallbackValue",
    "moHttpUrl",
    "messagesCallbackType",
    "messagesCallbackValue",
)
_TYPES: Mapping[str | None, NumberType] = {
    "landline": "local",
    "landline-toll-free": "toll_free",
    "mobile-lvn": "mobile",
}
_COUNTRY = 2  # letters


def _number(raw: Json) -> ProviderNumber:
    """Map an owned number. Vonage shows neither its fee nor a name; its country is its own, never the prefix's."""
    digits = str(raw["msisdn"])
    number, fields = canonical(digits), _routing(raw)
    kind = text(raw.get("type"))
    return ProviderNumber(
        id=digits,
        number=number,
        raw=digits,
        type=_TYPES.get(kind, "other"),
        capabilities=_capabilities(raw.get("features")),
        country=_country(raw),
        route=_present(fields["app_id"], fields["voiceCallbackType"], fields["voiceCallbackValue"]),
        routing=fields,
    )


def _country(raw: Json | None) -> str | None:
    """The number's own ISO 3166-1 alpha-2 country: +1 is 25 of them, and a change with the wrong one is refused."""
    country = text((raw or {}).get("country")) or ""
    return country.upper() if len(country) == _COUNTRY and country.isascii() and country.isalpha() else None


def _routing(raw: Json) -> dict[str, str | None]:
    """Read the routing fields.

    A linked application is shown once more, in a deprecated way, as the callback ``app`` for voice and for messages;
    old accounts show it in that way only. It is brought into ``app_id``, which is how it is written.
    """
    fields = {name: text(raw.get(name)) for name in _ROUTING}
    if fields["app_id"] is None and fields["voiceCallbackType"] == "app":
        fields["app_id"] = fields["voiceCallbackValue"]
    for kind, value in (("voiceCallbackType", "voiceCallbackValue"), ("messagesCallbackType", "messagesCallbackValue")):
        if fields[kind] == "app" and fields[value] in (None, fields["app_id"]):
            fields[kind] = fields[value] = None
    return fields


@lru_cache(maxsize=1024)
def _present(app_id: str | None, kind: str | None, value: str | None) -> Route | None:
    """Say where calls go: a forwarding goes before the application (Numbers API, voiceCallbackType)."""
    try:
        if kind is None:
            return Route.application(app_id.lower()) if app_id else None
        if kind == "app" and value:
            return Route.application((app_id or value).lower())
        if kind.lower() == "sip" and value:
            return Route.sip(value if value.lower().startswith(("sip:", "sips:")) else f"sip:{value}")
    except ValueError:  # several URIs, or none: the routing fields still show it
        return None
    return None


def _capabilities(features: object) -> tuple[str, ...] | None:
    if not isinstance(features, list):
        return None
    return _sorted_lower(tuple(map(str, features)))


@lru_cache(maxsize=64)
def _sorted_lower(names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(sorted(name.lower() for name in names))


def _limits(raw: Json) -> list[str]:
    """Read the limitations for voice, as "OUTBOUND DOMESTIC" (Numbers API 1.1.0)."""
    listed = raw.get("limitations")
    rows = [row for row in listed if isinstance(row, dict)] if isinstance(listed, list) else []
    return [f"{row.get('type')} {row.get('reach')}" for row in rows if str(row.get("feature")).upper() == "VOICE"]


def _require_taken(route: Route | None) -> None:
    if route is not None and route.kind in _NOT_TAKEN:
        words, fix = _NOT_TAKEN[route.kind]
        raise Unsupported(words, fix=fix)
    routing.require_route_kind(INFO, route)


def _fields_for(route: Route) -> Routing:
    """The fields of a route: an application is heard only when no forwarding goes before it."""
    if route.kind == "application":
        return {"app_id": route.target.lower(), "voiceCallbackType": None, "voiceCallbackValue": None}
    return {"voiceCallbackType": "sip", "voiceCallbackValue": route.target}


def _conflict(number: ProviderNumber, route: Route) -> str | None:
    """Say what the number's present routing would lose."""
    app_id = number.routing.get("app_id")
    kind, value = number.routing.get("voiceCallbackType"), number.routing.get("voiceCallbackValue")
    shown, lost = checks.without_secrets(value or ""), []
    same = route.kind == kind == "sip" and "," not in (value or "") and checks.same_uri(value, route.target)
    if kind and not same:
        to = {"sip": f"forwarded to SIP {shown}", "tel": f"forwarded to the phone number {shown}"}
        lost.append(f"Its calls are {to.get(kind.lower(), f'sent to its {kind} callback')} now.")
    if app_id and route.kind == "application" and app_id.lower() != route.target.lower():
        lost.append(f"It is linked to application {app_id} now, which gets its calls and messages.")
    if app_id and route.kind == "sip" and not kind:
        lost.append(f"Its calls go to application {app_id} now; forwarded to SIP, only its messages would.")
    return " ".join(lost) or None


_NEVER_SHOWN = (
    "A change clears the number's voiceStatusCallback and moSmppSysType: Vonage never shows them, so they can neither "
    "be kept nor put back."
)


def _notes(number: ProviderNumber) -> tuple[str, ...]:
    webhook = number.routing.get("moHttpUrl")
    if not webhook:
        return (_NEVER_SHOWN,)
    shown = checks.without_secrets(webhook)
    asked = f"Vonage asks the webhook for messages, {shown}, at each change, and refuses it without an answer of 200."
    return (_NEVER_SHOWN, asked)


def _first(numbers: Sequence[Json] | None, application_id: str | None) -> Json | None:
    """Pick the application's first number of the first page, or else the account's."""
    rows = list(numbers or ())
    linked = (
        row for row in rows if application_id and (_routing(row)["app_id"] or "").lower() == application_id.lower()
    )
    return next(linked, rows[0] if rows else None)


def _known(answer: Answer[Json | None]) -> Answer[Json]:
    return Answer(answer.value, answer.error, answer.elapsed)


def _verification(
    number: str, number_id: str | None, route: Route | None, found: Iterable[Check]
) -> NumberVerification:
    return NumberVerification(provider=INFO.id, number=number, id=number_id, route=route, checks=only_if_known(found))
