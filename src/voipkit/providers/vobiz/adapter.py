"""Vobiz: the carrier. `api` asks, `checks` judges the answers; words and links are in `settings`."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import ClassVar, NoReturn, Self

from voipkit.adapting import routing
from voipkit.adapting.checking import Answer, ask, ask_together, only_if_known
from voipkit.adapting.numbers import canonical, country_of, e164, minor_units
from voipkit.adapting.reading import text
from voipkit.adapting.transport import HttpOptions
from voipkit.errors import (
    Conflict,
    CredentialsInvalid,
    FieldProblem,
    InvalidNumber,
    NotFound,
    ProviderError,
    ProviderTimeout,
    ProviderUnavailable,
    UnexpectedResponse,
)
from voipkit.models import (
    Check,
    CredentialTest,
    ImportReport,
    NameSuggestion,
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
from voipkit.providers.vobiz import checks
from voipkit.providers.vobiz.api import VobizApi
from voipkit.providers.vobiz.settings import INFO, VobizCredentials, VobizSip

__all__ = ["Vobiz"]

_UNANSWERED = (ProviderTimeout, ProviderUnavailable, UnexpectedResponse)  # it may have happened all the same


class Vobiz:
    """A Vobiz account or sub-account. Make it with `voipkit.open_provider`; it may be used from several threads."""

    info: ClassVar[ProviderInfo] = INFO

    def __init__(
        self, credentials: VobizCredentials, sip_config: VobizSip, *, setup_method: str, http: HttpOptions
    ) -> None:
        if credentials.application_id and sip_config.trunk_id:
            what = "is given beside application_id; a number has one of the two."
            problem = FieldProblem(field="trunk_id", alias="trunkId", section="sip_config", problem=what)
            raise CredentialsInvalid(f"{problem}", problems=(problem,), fix="Leave one of the two out.")
        self.credentials = credentials
        self.sip_config = sip_config
        self.setup_method = setup_method
        self._auth_id = credentials.auth_id
        self._api = VobizApi(credentials, http)
        self._learnt: NameSuggestion | None = None

    def __repr__(self) -> str:
        return f"<Vobiz {self._auth_id}>"

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
        """Ask for the account, numbers, the application and the trunks, then for the balance and an origination URI.

        Returns:
            The checks; at most 5 requests, 2 round trips deep.
        """
        operation, targets = "test_credentials", _Targets(self)
        account, first, _, _ = ask_together(
            partial(self._api.account, operation),
            partial(self._api.first_number, operation),
            partial(targets.application, operation, self.credentials.application_id),
            partial(targets.trunks, operation, asked=targets.named_trunks),
        )
        found = checks.account_checks(self._auth_id, account, first)
        if found[0].status == "pass":
            inbound, credit = ask_together(
                partial(targets.inbound, operation, self._route()), partial(self._credit, operation, account)
            )
            found += inbound.value or [checks.no_target_check(first.value)]
            if credit.value:
                found += checks.outbound_checks(account, first, credit.value)
            found += targets.outbound(operation)
        if first.error is None:
            self._learnt = _name(self._auth_id, account.value, first.value)
        counted = only_if_known(found, apart=checks.NEVER_TOLD)
        return CredentialTest(provider=INFO.id, setup_method=self.setup_method, checks=counted)

    def suggest_name(self) -> NameSuggestion:
        """Suggest "Vobiz: <company> (<number>)": 0 requests after `test_credentials`, else 2."""
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
        """Yield the account's own numbers, 100 a request; those of sub-accounts and released ones are left out."""
        for raw in self._api.numbers("list_numbers"):
            yield _number(raw)

    def import_numbers(
        self,
        numbers: Iterable[str | ProviderNumber],
        route: Route | None = None,
        on_conflict: OnConflict = "refuse",
        dry_run: bool = False,
    ) -> ImportReport:
        """Attach numbers to an application or a trunk; see `voipkit.protocols.Provider.import_numbers`.

        A number that has the other of the two leaves it, so that it never has both.
        """
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
        """Follow a call to and from one number: 2 requests at once, the balance, and 1 or 2 for its target."""
        return next(self.verify_numbers([e164(number)], route))

    def verify_numbers(
        self, numbers: Iterable[str | ProviderNumber], route: Route | None = None
    ) -> Iterator[NumberVerification]:
        """Verify many numbers by one listing, 2 requests for the account, and 1 or 2 for each target."""
        routing.require_route_kind(INFO, route)
        return self._verify(routing.wanted_numbers(numbers), route or self._route())

    # --- capabilities ------------------------------------------------------------------------------------------------

    def restore_numbers(self, snapshot: RoutingSnapshot) -> ImportReport:
        """Put routing back as a snapshot says; see `voipkit.protocols.SupportsRestore`."""
        return routing.restore_numbers(self._switchboard("restore_numbers"), snapshot)

    # --- how they are done -------------------------------------------------------------------------------------------

    def _verify(self, wanted: list[str | InvalidNumber], route: Route | None) -> Iterator[NumberVerification]:
        operation, targets = "verify_number", _Targets(self)
        asked = frozenset(number for number in wanted if isinstance(number, str))
        listing, account = ask_together(partial(self._owned, operation, asked), partial(self._api.account, operation))
        if listing.error:
            raise listing.error
        owned = listing.value or {}
        credit = self._credit(operation, account) if owned else None
        for number in wanted:
            if isinstance(number, InvalidNumber):
                yield _verification(number.given, None, route, checks.not_e164_checks(number.message, number.fix))
                continue
            raw = owned.get(number)
            if raw is None or credit is None:
                yield _verification(number, None, route, checks.not_owned_checks(number))
                continue
            target = route or checks.route_of(raw)
            found = checks.number_checks(raw, route) + targets.inbound(operation, target)
            found += checks.outbound_checks(account, Answer(raw, None, 0.0), credit)
            found += targets.outbound(operation)
            yield _verification(number, _number(raw).id, target, found)

    def _owned(self, operation: str, wanted: frozenset[str]) -> dict[str, Json]:
        """Look up which of the wanted numbers the account has."""
        found = ((canonical(str(raw["e164"])), raw) for raw in self._api.find(operation, wanted)) if wanted else ()
        return {number: raw for number, raw in found if number in wanted}

    def _credit(self, operation: str, account: Answer[Json]) -> Check:
        """Judge the credit; an account that is billed afterwards needs no balance."""
        known = account.value or {}
        if known.get("postpaid") is True:
            return checks.credit_check(known, None)
        tier = known.get("pricing_tier")
        currency = (text(tier.get("currency")) if isinstance(tier, dict) else None) or "INR"
        return checks.credit_check(known, ask(partial(self._api.balance, operation, currency)))

    def _route(self) -> Route | None:
        if self.credentials.application_id:
            return Route.application(self.credentials.application_id)
        return Route.trunk(self.sip_config.trunk_id) if self.sip_config.trunk_id else None

    def _switchboard(self, operation: str) -> routing.Switchboard:
        seen: dict[str, Json] = {}

        def find(wanted: frozenset[str]) -> Iterator[ProviderNumber]:
            for raw in self._api.find(operation, wanted):
                number = _number(raw)
                if number.number in wanted:
                    seen[number.number] = raw
                yield number

        return routing.Switchboard(
            info=INFO,
            find=find,
            write=partial(self._write, operation),
            read=partial(self._read, operation),
            notes=lambda number: checks.notes_of(seen[number.number]),
            patience=self._api.patience,
        )

    def _read(self, operation: str, number: ProviderNumber) -> ProviderNumber:
        return _number(self._api.number(operation, number.raw))

    def _write(self, operation: str, number: ProviderNumber, fields: Routing) -> tuple[ProviderNumber, int]:
        """Write the fields that differ; the new target first and the old one last, so that no call falls in between.

        A trunk is the exception: Vobiz refuses (400) to assign one while the number has another.
        """
        changed = {name: value for name, value in fields.items() if number.routing.get(name) != value}
        writes = 0
        try:
            application = changed.get("application_id")
            if application:
                writes += self._move_application(operation, number, application)
            if "trunk_group_id" in changed:
                writes += self._move_trunk(operation, number, changed["trunk_group_id"])
            if "application_id" in changed and changed["application_id"] is None:
                self._api.detach(operation, number.raw)
                writes += 1
            return self._read(operation, number), writes
        except ProviderError as error:
            if not writes:
                raise
            # Something was changed, whatever became of the rest: only looking at the number tells what.
            text = f"The number was changed only in part, or could not be read again: {error.message}"
            raise UnexpectedResponse(text, provider=INFO.id, operation=operation, fix=error.fix) from error

    def _move_application(self, operation: str, number: ProviderNumber, application_id: str) -> int:
        """Move a number to an application.

        Vobiz's pages say that attaching overwrites; code that runs against the live API expects 409 instead. There the
        number leaves its application first.
        """
        present, attach = number.routing["application_id"], partial(self._api.attach, operation, number.raw)
        try:
            attach(application_id)
        except Conflict:
            if not present:
                raise
            self._api.detach(operation, number.raw)
            self._or_put_back(partial(attach, application_id), partial(attach, present))
            return 2
        return 1

    def _move_trunk(self, operation: str, number: ProviderNumber, trunk_id: str | None) -> int:
        """Move a number to a trunk, or off it."""
        present, assign = number.routing["trunk_group_id"], partial(self._api.assign, operation, number.raw)
        if present:
            self._api.unassign(operation, number.raw)
        if trunk_id and present:
            self._or_put_back(partial(assign, trunk_id), partial(assign, present))
        elif trunk_id:
            assign(trunk_id)
        return bool(present) + bool(trunk_id)

    def _or_put_back(self, move: Callable[[], None], back: Callable[[], None]) -> None:
        """Make the second of two writes; when it is refused, undo the first, so that the number is as it was."""
        try:
            move()
        except _UNANSWERED:
            raise  # it may have happened
        except ProviderError:
            try:
                back()
            except ProviderError as error:
                text = f"The number left its old route, and could not be put back on it: {error.message}"
                raise UnexpectedResponse(text, provider=INFO.id, fix=error.fix) from error
            raise


class _Targets:
    """Looks at applications and trunks, at each once."""

    def __init__(self, carrier: Vobiz) -> None:
        sip = carrier.sip_config
        self.named_trunks = sip.trunk_id is not None or sip.outbound_trunk_id is not None
        self._api = carrier._api
        self._outbound_id = sip.outbound_trunk_id
        self._applications: dict[str, Answer[Json]] = {}
        self._trunks: Answer[dict[str, Json]] | None = None
        self._inbound: dict[Route, list[Check]] = {}
        self._lock = threading.Lock()

    def application(self, operation: str, application_id: str | None) -> Answer[Json] | None:
        """Get an application; None when none is named."""
        if application_id is None:
            return None
        if application_id not in self._applications:
            self._applications[application_id] = ask(partial(self._api.application, operation, application_id))
        return self._applications[application_id]

    def trunks(self, operation: str, *, asked: bool = True) -> Answer[dict[str, Json]] | None:
        """Get all trunks by id; None when they need not be asked about."""
        with self._lock:
            if self._trunks is None and asked:
                self._trunks = ask(partial(self._api.trunks, operation))
            return self._trunks

    def inbound(self, operation: str, route: Route | None) -> list[Check]:
        """Follow a route to where calls go: 1 request, and 1 more for a trunk's origination URI."""
        if route is None:
            return []
        if route not in self._inbound:
            self._inbound[route] = self._follow(operation, route)
        return self._inbound[route]

    def outbound(self, operation: str) -> list[Check]:
        """Look at the outbound trunk, where one is named."""
        if self._outbound_id is None:
            return []
        trunk = self._trunk(operation, self._outbound_id)
        return dialect.outbound_trunk_checks(checks.SPEAKER, self._outbound_id, trunk, on=checks.ON)

    def _follow(self, operation: str, route: Route) -> list[Check]:
        if route.kind == "application":
            answer = self.application(operation, route.target)
            assert answer is not None
            return dialect.application_checks(checks.SPEAKER, route.target, answer)
        trunk, uri = self._trunk(operation, route.target), None
        uri_id = text((trunk.value or {}).get("primary_uri_uuid"))
        if uri_id:
            uri = ask(partial(self._api.origination_uri, operation, uri_id))
        return dialect.inbound_trunk_checks(checks.SPEAKER, route.target, trunk, uri, on=checks.ON)

    def _trunk(self, operation: str, trunk_id: str) -> Answer[Json]:
        listing = self.trunks(operation)
        assert listing is not None
        found = (listing.value or {}).get(trunk_id)
        if listing.error is not None or found is not None:
            return Answer(found, listing.error, listing.elapsed)
        error = NotFound(f"Vobiz has no trunk {trunk_id}.", provider=INFO.id, operation=operation)
        return Answer(None, error, listing.elapsed)


# --- pure mappings ---------------------------------------------------------------------------------------------------


def _number(raw: Json) -> ProviderNumber:
    """Map an owned number. Vobiz does not say of what type it is."""
    spelled, status, country = str(raw["e164"]), text(raw.get("status")), text(raw.get("country"))
    number, currency = canonical(spelled), text(raw.get("currency"))
    fee = minor_units(raw.get("monthly_fee"), currency)
    return ProviderNumber(
        id=text(raw.get("id")) or spelled,
        number=number,
        raw=spelled,
        capabilities=_capabilities(raw),
        country=country if country and len(country) == 2 and country.isupper() else country_of(number),  # noqa: PLR2004
        monthly_fee=fee,
        currency=None if fee is None or currency is None else currency.upper(),
        status="blocked" if raw.get("is_blocked") is True else status,
        active=status in (None, "active") and raw.get("is_blocked") is not True,
        route=checks.route_of(raw),
        routing={name: text(raw.get(name)) for name in ("application_id", "trunk_group_id")},
    )


def _capabilities(raw: Json) -> tuple[str, ...] | None:
    """None where Vobiz does not say whether the number takes calls; a switched-off voice is none."""
    voice, listed = checks.talks(raw), raw.get("capabilities")
    if voice is None:
        return None
    names = {str(name).lower() for name, has in listed.items() if has is True} if isinstance(listed, dict) else set()
    return tuple(sorted((names | {"voice"}) if voice else (names - {"voice"})))


def _fields_for(route: Route) -> Routing:
    application = route.target if route.kind == "application" else None
    return {"application_id": application, "trunk_group_id": None if application else route.target}


def _conflict(number: ProviderNumber, route: Route) -> str | None:
    """Say what the number's present routing would lose."""
    wanted, present = _fields_for(route), number.routing
    lost = [
        f"{kind} {present[name]}"
        for name, kind in (("application_id", "application"), ("trunk_group_id", "trunk"))
        if present[name] and present[name] != wanted[name]
    ]
    if not lost:
        return None
    return f"Its calls go to {' and '.join(lost)}, which would get no more calls; they would go to {route}."


def _name(auth_id: str, account: Json | None, first: Json | None) -> NameSuggestion:
    known, number = account or {}, str(first["e164"]) if first else None
    given = text(known.get("company")) or text(known.get("name"))
    given = None if given and "@" in given else given  # an e-mail address is no name to show to others
    if given:
        return NameSuggestion(name=f"Vobiz: {given} ({number})" if number else f"Vobiz: {given}", inferred=True)
    return NameSuggestion(name=f"Vobiz ({number or f'...{auth_id[-4:]}'})", inferred=number is not None)


def _verification(
    number: str, number_id: str | None, route: Route | None, found: Iterable[Check]
) -> NumberVerification:
    counted = only_if_known(found, apart=checks.NEVER_TOLD)
    return NumberVerification(provider=INFO.id, number=number, id=number_id, route=route, checks=counted)
