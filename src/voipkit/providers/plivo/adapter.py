"""Plivo: the carrier. `api` asks, `checks` judges the answers; words and links are in `settings`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from typing import ClassVar, NoReturn, Self

from voipkit.adapting import routing
from voipkit.adapting.checking import Answer, ask, ask_together, only_if_known
from voipkit.adapting.numbers import canonical, country_of, e164, minor_units
from voipkit.adapting.reading import NOT_SHOWN, text
from voipkit.adapting.transport import HttpOptions
from voipkit.errors import (
    CredentialsInvalid,
    FieldProblem,
    InvalidNumber,
    ProviderError,
    UnexpectedResponse,
    Unsupported,
)
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
from voipkit.providers import _plivo_dialect as dialect
from voipkit.providers._plivo_dialect import Json
from voipkit.providers.plivo import checks
from voipkit.providers.plivo.api import PlivoApi
from voipkit.providers.plivo.settings import INFO, PlivoCredentials, PlivoSip

__all__ = ["Plivo"]

_TYPES: Mapping[str | None, NumberType] = {
    "local": "local",
    "fixed": "local",
    "mobile": "mobile",
    "national": "national",
    "tollfree": "toll_free",
}
_CAPABILITIES = ("mms", "sms", "voice")


class Plivo:
    """A Plivo account or sub-account. Make it with `voipkit.open_provider`; it may be used from several threads."""

    info: ClassVar[ProviderInfo] = INFO

    def __init__(
        self, credentials: PlivoCredentials, sip_config: PlivoSip, *, setup_method: str, http: HttpOptions
    ) -> None:
        if credentials.application_id and sip_config.trunk_id:
            what = "is given beside application_id; a number has one of the two."
            problem = FieldProblem(field="trunk_id", alias="trunkId", section="sip_config", problem=what)
            raise CredentialsInvalid(f"{problem}", problems=(problem,), fix="Leave one of the two out.")
        self.credentials = credentials
        self.sip_config = sip_config
        self.setup_method = setup_method
        self._auth_id = credentials.auth_id
        self._api = PlivoApi(credentials, http)
        self._learnt: NameSuggestion | None = None

    def __repr__(self) -> str:
        return f"<Plivo {self._auth_id}>"

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
        """Ask for the account, a number, the application or the trunks, then for an inbound trunk's origination URI.

        Returns:
            The checks; at most 5 requests, 2 round trips deep.
        """
        operation = "test_credentials"
        account, first, target, outbound = ask_together(
            partial(self._api.account, operation),
            partial(self._api.first_number, operation),
            partial(self._target, operation, self._route()),
            partial(self._outbound_trunk, operation),
        )
        found = checks.account_checks(self._auth_id, account, first)
        if found[0].status == "pass":
            found += target.value or [checks.no_target_check(first.value)]
            found += checks.outbound_checks(self._auth_id, account, first)
            found += outbound.value or []
        if first.error is None:
            self._learnt = _name(self._auth_id, account.value, first.value)
        counted = only_if_known(found, apart=checks.NEVER_TOLD)
        return CredentialTest(provider=INFO.id, setup_method=self.setup_method, checks=counted)

    def suggest_name(self) -> NameSuggestion:
        """Suggest "Plivo: <account name> (<number>)": 0 requests after `test_credentials`, else 2."""
        if self._learnt is None:
            operation = "suggest_name"
            account, first = ask_together(
                partial(self._api.account, operation), partial(self._api.first_number, operation)
            )
            if first.error:
                raise first.error
            self._learnt = _name(self._auth_id, account.value, first.value)
        return self._learnt

    def list_numbers(self) -> Iterator[ProviderNumber]:
        """Yield the account's numbers, 20 a request, several requests at once."""
        for raw in self._api.numbers("list_numbers"):
            yield _number(raw)

    def import_numbers(
        self,
        numbers: Iterable[str | ProviderNumber],
        route: Route | None = None,
        on_conflict: OnConflict = "refuse",
        dry_run: bool = False,
    ) -> ImportReport:
        """Attach numbers to an application or an inbound trunk; see `voipkit.protocols.Provider.import_numbers`.

        Each number is one write and one read, since Plivo's answer to the write does not show the number.
        """
        wanted = route or self._route()
        return routing.import_numbers(
            self._switchboard("import_numbers", wanted),
            numbers,
            wanted,
            on_conflict,
            dry_run=dry_run,
            fields_for=_fields_for,
            conflict=_conflict,
        )

    def verify_number(self, number: str, route: Route | None = None) -> NumberVerification:
        """Follow a call to and from one number: 2 requests at once (3 with an outbound trunk), then 1 or 2."""
        return next(self.verify_numbers([e164(number)], route))

    def verify_numbers(
        self, numbers: Iterable[str | ProviderNumber], route: Route | None = None
    ) -> Iterator[NumberVerification]:
        """Verify many numbers by one listing, 1 or 2 requests for the account, and 1 or 2 for each target."""
        routing.require_route_kind(INFO, route)
        return self._verify(routing.wanted_numbers(numbers), route or self._route())

    # --- capabilities ------------------------------------------------------------------------------------------------

    def restore_numbers(self, snapshot: RoutingSnapshot) -> ImportReport:
        """Put routing back as a snapshot says; see `voipkit.protocols.SupportsRestore`.

        A number that had no application before cannot be taken off again: Plivo documents no way.
        """
        return routing.restore_numbers(self._switchboard("restore_numbers", None), snapshot)

    # --- how they are done -------------------------------------------------------------------------------------------

    def _verify(self, wanted: list[str | InvalidNumber], route: Route | None) -> Iterator[NumberVerification]:
        operation = "verify_number"
        asked = frozenset(number for number in wanted if isinstance(number, str))
        listing, account, outbound = ask_together(
            partial(self._owned, operation, asked),
            partial(self._api.account, operation),
            partial(self._outbound_trunk, operation),
        )
        if listing.error:
            raise listing.error
        owned = listing.value or {}
        targets: dict[Route, list[Check]] = {}
        for number in wanted:
            if isinstance(number, InvalidNumber):
                yield _verification(number.given, None, route, checks.not_e164_checks(number.message, number.fix))
                continue
            raw = owned.get(number)
            if raw is None:
                yield _verification(number, None, route, checks.not_owned_checks(number))
                continue
            found = checks.number_checks(raw, route)
            target = route or checks.route_of(checks.attached_to(raw))
            if target is not None:
                if target not in targets:
                    targets[target] = self._target(operation, target)
                found += targets[target]
            found += checks.outbound_checks(self._auth_id, account, Answer(raw, None, 0.0))
            found += outbound.value or []
            yield _verification(number, str(raw["number"]), target, found)

    def _owned(self, operation: str, wanted: frozenset[str]) -> dict[str, Json]:
        """Look up which of the wanted numbers the account has."""
        found = ((canonical(str(raw["number"])), raw) for raw in self._api.find(operation, wanted)) if wanted else ()
        return {number: raw for number, raw in found if number in wanted}

    def _target(self, operation: str, route: Route | None) -> list[Check]:
        """Follow a route to where calls go: 1 request, and 1 more for a trunk's origination URI."""
        if route is None:
            return []
        if route.kind == "application":
            answer = ask(partial(self._api.application, operation, route.target))
            return dialect.application_checks(checks.SPEAKER, route.target, answer)
        trunk, uri = ask(partial(self._api.trunk, operation, route.target)), None
        uri_id = text((trunk.value or {}).get("primary_uri_uuid"))
        if uri_id:
            uri = ask(partial(self._api.origination_uri, operation, uri_id))
        return dialect.inbound_trunk_checks(checks.SPEAKER, route.target, trunk, uri, on=checks.ON)

    def _outbound_trunk(self, operation: str) -> list[Check]:
        named = self.sip_config.outbound_trunk_id
        if named is None:
            return []
        trunk = ask(partial(self._api.trunk, operation, named))
        return dialect.outbound_trunk_checks(checks.SPEAKER, named, trunk, on=checks.ON)

    def _route(self) -> Route | None:
        if self.credentials.application_id:
            return Route.application(self.credentials.application_id)
        return Route.trunk(self.sip_config.trunk_id) if self.sip_config.trunk_id else None

    def _switchboard(self, operation: str, route: Route | None) -> routing.Switchboard:
        """Make what an import needs; ``route`` is where the numbers shall go, or None to only record or restore."""
        seen: dict[str, Json] = {}

        def find(wanted: frozenset[str]) -> Iterator[ProviderNumber]:
            for raw in self._api.find(operation, wanted):
                number = _number(raw)
                if number.number in wanted:
                    seen[number.number] = raw
                yield number

        def notes(number: ProviderNumber) -> tuple[str, ...]:
            final = route is not None and number.routing["application"] is None
            warning = ("Plivo documents no way to take a number off its application again.",) if final else ()
            return checks.notes_of(seen[number.number]) + warning

        return routing.Switchboard(
            info=INFO,
            find=find,
            write=partial(self._write, operation),
            read=partial(self._read, operation),
            notes=notes,
            patience=self._api.patience,
        )

    def _read(self, operation: str, number: ProviderNumber) -> ProviderNumber:
        return _number(self._api.number(operation, number.id))

    def _write(self, operation: str, number: ProviderNumber, fields: Routing) -> tuple[ProviderNumber, int]:
        target = checks.route_of(fields["application"])
        if target is None:
            reason = f"{fields['application']} has an id that voipkit does not know how to write"
            if fields["application"] is None:
                reason = "Plivo documents no way to take a number off its application"
            elif fields["application"] == NOT_SHOWN:
                reason = "Plivo did not show where the number's calls went before"
            raise Unsupported(f"{reason}.", fix="Do it in console.plivo.com, Phone Numbers > Your Numbers.")
        self._api.attach(operation, number.id, target.target)
        try:
            return self._read(operation, number), 1
        except ProviderError as error:  # the number was changed, whatever became of reading it
            text = f"The number was changed, but could not be read again: {error.message}"
            raise UnexpectedResponse(text, provider=INFO.id, operation=operation, fix=error.fix) from error


# --- pure mappings ---------------------------------------------------------------------------------------------------


def _number(raw: Json) -> ProviderNumber:
    """Map an owned number. Plivo names countries and regions in words, which are not ISO codes."""
    spelled = str(raw["number"])
    number = canonical(spelled)
    fee = minor_units(raw.get("monthly_rental_rate"), "USD")
    active = raw.get("active")
    attached = checks.attached_to(raw)
    return ProviderNumber(
        id=spelled,
        number=number,
        raw=spelled,
        friendly_name=text(raw.get("alias")),
        type=_TYPES.get(text(raw.get("number_type")), "other"),
        capabilities=_capabilities(raw),
        country=country_of(number),
        monthly_fee=fee,
        currency=None if fee is None else "USD",
        status=("active" if active else "inactive") if isinstance(active, bool) else None,
        active=active is not False,
        route=checks.route_of(attached),
        routing={"application": attached},
    )


def _capabilities(raw: Json) -> tuple[str, ...] | None:
    """None where Plivo does not say whether the number takes calls; not every number has every key."""
    if not isinstance(raw.get("voice_enabled"), bool):
        return None
    return tuple(name for name in _CAPABILITIES if raw.get(f"{name}_enabled") is True)


def _fields_for(route: Route) -> Routing:
    path = "Application" if route.kind == "application" else "Zentrunk/Trunk"
    return {"application": f"{path}/{route.target}"}


def _conflict(number: ProviderNumber, route: Route) -> str | None:
    """Say what the number's present routing would lose."""
    present = number.routing["application"]
    if present is None:
        return None
    if present == NOT_SHOWN:
        return "Plivo does not show where its calls go now, so voipkit could not put that back."
    if number.route is None:
        return f"Its calls go to {present}, which would get no more calls, and voipkit could not put that back."
    return f"Its calls go to {number.route}, which would get no more calls; they would go to {route}."


def _name(auth_id: str, account: Json | None, first: Json | None) -> NameSuggestion:
    given, number = text((account or {}).get("name")), canonical(str(first["number"])) if first else None
    given = None if given and "@" in given else given  # an e-mail address is no name to show to others
    if given:
        return NameSuggestion(name=f"Plivo: {given} ({number})" if number else f"Plivo: {given}", inferred=True)
    return NameSuggestion(name=f"Plivo ({number or f'...{auth_id[-4:]}'})", inferred=number is not None)


def _verification(
    number: str, number_id: str | None, route: Route | None, found: Iterable[Check]
) -> NumberVerification:
    counted = only_if_known(found, apart=checks.NEVER_TOLD)
    return NumberVerification(provider=INFO.id, number=number, id=number_id, route=route, checks=counted)
