"""Cloudonix: the carrier. `api` asks, `dnids` and `checks` judge the answers; words and links are in `settings`."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from typing import ClassVar, NoReturn, Self

from voipkit.adapting import routing
from voipkit.adapting.checking import Answer, ask, ask_together, only_if_known
from voipkit.adapting.numbers import e164
from voipkit.adapting.reading import text
from voipkit.adapting.transport import HttpOptions
from voipkit.errors import (
    Conflict,
    CredentialsRejected,
    InvalidNumber,
    NotFound,
    ProviderError,
    UnexpectedResponse,
    Unsupported,
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
from voipkit.providers.cloudonix import checks, dnids
from voipkit.providers.cloudonix.api import CloudonixApi, Json, is_called
from voipkit.providers.cloudonix.dnids import Owned
from voipkit.providers.cloudonix.settings import INFO, CloudonixCredentials, CloudonixSip

__all__ = ["Cloudonix"]

log = logging.getLogger("voipkit.listing")


class Cloudonix:
    """A Cloudonix domain. Make it with `voipkit.open_provider`; it may be used from several threads."""

    info: ClassVar[ProviderInfo] = INFO

    def __init__(
        self, credentials: CloudonixCredentials, sip_config: CloudonixSip, *, setup_method: str, http: HttpOptions
    ) -> None:
        self.credentials = credentials
        self.sip_config = sip_config
        self.setup_method = setup_method
        self._api = CloudonixApi(credentials, http)
        self._learnt: NameSuggestion | None = None

    def __repr__(self) -> str:
        return f"<Cloudonix {self._api.domain_name}>"

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
        """Ask for the domain, then for its DNIDs, its trunks and the application that is named.

        Returns:
            The checks; 3 requests, 4 where an application is named that is not the domain's default, 2 where the key
            or the domain is refused.
        """
        operation = "test_credentials"
        domain = ask(partial(self._api.domain, operation))
        if domain.value is None:
            refused = isinstance(domain.error, CredentialsRejected | NotFound)
            domains = ask(partial(self._api.domains, operation)) if refused else None
            found = checks.account_checks(self._api.domain_name, domain, domains)
            return CredentialTest(provider=INFO.id, setup_method=self.setup_method, checks=tuple(found))
        self._learnt = _name(domain.value)
        listing, trunks, application = ask_together(
            partial(self._api.dnids, operation, domain_seen=True),
            partial(self._api.trunks, operation, domain_seen=True),
            partial(self._answering, operation, domain.value),
        )
        found = [*checks.account_checks(self._api.domain_name, domain, None), *checks.dnids_checks(listing)]
        found += checks.domain_checks(domain, "inbound")
        found += checks.entry_checks(domain, trunks)
        found += application.value or []
        found += self._outbound(domain, trunks)
        counted = only_if_known(found, apart=checks.NEVER_TOLD)
        return CredentialTest(provider=INFO.id, setup_method=self.setup_method, checks=counted)

    def suggest_name(self) -> NameSuggestion:
        """Suggest "Cloudonix: <customer> (<domain>)": 0 requests after `test_credentials`, else 1."""
        if self._learnt is None:
            self._learnt = _name(self._api.domain("suggest_name"))
        return self._learnt

    def list_numbers(self) -> Iterator[ProviderNumber]:
        """Yield the numbers for which the domain has DNIDs, by one request.

        Patterns, extensions and names are no numbers and left out; how many they are is logged (``voipkit.listing``,
        INFO), and `test_credentials` names some.
        """
        rows = self._api.dnids("list_numbers")
        if others := dnids.rules(rows):
            left_out = "cloudonix: %d of the domain's %d DNIDs stand for no single phone number and are left out"
            log.info(left_out, len(others), len(rows))
        yield from dnids.numbers(rows)

    def import_numbers(
        self,
        numbers: Iterable[str | ProviderNumber],
        route: Route | None = None,
        on_conflict: OnConflict = "refuse",
        dry_run: bool = False,
    ) -> ImportReport:
        """Send numbers' calls to an application; see `voipkit.protocols.Provider.import_numbers`.

        Each number is one write and one read, one after the other: Cloudonix's answer to the write is empty, and it
        allows 10 requests in 3 seconds. With ``create_dnids`` a number without DNID gets one.
        """
        wanted = route or self._route()
        operation = "import_numbers"
        seen: dict[str, Owned] = {}
        targets: dict[str, str] = {}

        def fields_for(to: Route) -> Routing:
            if to.target not in targets:
                known = _applications(each.raw for each in seen.values())
                targets[to.target] = self._application_id(operation, to.target, known)
            return {"application_id": targets[to.target]}

        def conflict(number: ProviderNumber, _: Route) -> str | None:
            owned = seen.get(number.number)
            return None if owned is None or dnids.is_blackhole(owned.raw) else checks.conflict_of(owned)

        return routing.import_numbers(
            self._switchboard(operation, seen, add=self.sip_config.create_dnids and wanted is not None),
            numbers,
            wanted,
            on_conflict,
            dry_run=dry_run,
            fields_for=fields_for,
            conflict=conflict,
        )

    def verify_number(self, number: str, route: Route | None = None) -> NumberVerification:
        """Follow a call to and from one number: 3 requests, 4 where its application is not shown with its DNID."""
        return next(self.verify_numbers([e164(number)], route))

    def verify_numbers(
        self, numbers: Iterable[str | ProviderNumber], route: Route | None = None
    ) -> Iterator[NumberVerification]:
        """Verify many numbers by one listing, 2 requests for the domain, and 1 for an application that is not shown."""
        routing.require_route_kind(INFO, route)
        return self._verify(routing.wanted_numbers(numbers), route or self._route())

    # --- capabilities ------------------------------------------------------------------------------------------------

    def restore_numbers(self, snapshot: RoutingSnapshot) -> ImportReport:
        """Put routing back as a snapshot says; see `voipkit.protocols.SupportsRestore`.

        A DNID that the import added is removed.
        """
        return routing.restore_numbers(self._switchboard("restore_numbers", {}, add=False), snapshot)

    # --- how they are done -------------------------------------------------------------------------------------------

    def _verify(self, wanted: list[str | InvalidNumber], route: Route | None) -> Iterator[NumberVerification]:
        operation, named = "verify_number", route.target if route else None
        asked = frozenset(number for number in wanted if isinstance(number, str))
        domain = ask(partial(self._api.domain, operation))
        if isinstance(domain.error, CredentialsRejected | NotFound):
            raise domain.error
        domain_seen = domain.value is not None
        listing, trunks = ask_together(
            partial(self._api.dnids, operation, domain_seen=domain_seen),
            partial(self._api.trunks, operation, domain_seen=domain_seen),
        )
        if listing.error:
            raise listing.error
        rows = listing.value or []
        owned = dnids.owned(rows, asked)
        known = _applications([*rows, domain.value or {}])
        shared = [*checks.domain_checks(domain, "inbound"), *checks.entry_checks(domain, trunks)]
        shared += self._outbound(domain, trunks)
        targets: dict[str, Answer[Json]] = {}
        for number in wanted:
            if isinstance(number, InvalidNumber):
                yield _verification(number.given, None, route, checks.not_e164_checks(number.message, number.fix))
                continue
            each = owned.get(number)
            if each is None:
                yield _verification(number, None, route, checks.not_owned_checks(number, domain.value))
                continue
            target = named or text(each.raw.get("applicationId"))
            if target and target not in targets:
                targets[target] = self._application(operation, target, known)
            found = checks.number_checks(number, each, named, targets.get(target or ""))
            if target:
                found += checks.application_checks(target, targets[target])
            yield _verification(number, str(each.raw["id"]), route, [*found, *shared])

    def _answering(self, operation: str, domain: Json) -> list[Check]:
        """Judge the application that calls shall reach: the one that is named, else the domain's default."""
        named, default = self.credentials.application_name, checks.default_application(domain)
        if named is None and default is None:
            return [checks.no_application_check()]
        target = named or str((default or {})["id"])
        known = [default] if default else []
        return checks.application_checks(target, self._application(operation, target, known))

    def _outbound(self, domain: Answer[Json], trunks: Answer[list[Json]]) -> list[Check]:
        return checks.domain_checks(domain, "outbound") + checks.trunk_checks(trunks, self.sip_config.outbound_trunk)

    def _application(self, operation: str, name: str, known: Iterable[Json]) -> Answer[Json]:
        """Get an application, without a request where it was shown before."""
        shown = next((each for each in known if is_called(each, name)), None)
        return Answer(shown, None, 0.0) if shown else ask(partial(self._api.application, operation, name))

    def _application_id(self, operation: str, name: str, known: Iterable[Json]) -> str:
        """Find the numeric id of an application: DNIDs take nothing else."""
        answer = self._application(operation, name, known)
        if isinstance(answer.error, NotFound):
            text_of = f"The domain has no application '{name}'."
            fix = "Name an application of this domain by its name, its id or its UUID."
            raise NotFound(text_of, provider=INFO.id, operation=operation, status=answer.error.status, fix=fix)
        if answer.error:
            raise answer.error
        return str((answer.value or {})["id"])

    def _route(self) -> Route | None:
        named = self.credentials.application_name
        return Route.application(named) if named else None

    def _switchboard(self, operation: str, seen: dict[str, Owned], *, add: bool) -> routing.Switchboard:
        """Make what an import needs; ``seen`` is filled with the numbers that were found."""

        def find(wanted: frozenset[str]) -> Iterator[ProviderNumber]:
            seen.update(dnids.owned(self._api.dnids(operation), wanted))
            for number, owned in seen.items():
                yield dnids.as_number(number, owned.raw)
            if add:
                yield from (dnids.missing(number) for number in sorted(wanted - seen.keys()) if number[:1] == "+")

        def notes(number: ProviderNumber) -> tuple[str, ...]:
            owned = seen.get(number.number)
            if owned is None:
                return ("It gets a new DNID; Cloudonix cannot tell whether the number is this customer's.",)
            return checks.notes_of(owned)

        return routing.Switchboard(
            info=INFO,
            find=find,
            write=partial(self._write, operation),
            read=partial(self._read, operation),
            notes=notes,
            patience=self._api.patience,
            writers=1,
        )

    def _write(self, operation: str, number: ProviderNumber, fields: Routing) -> tuple[ProviderNumber, int]:
        target = fields["application_id"]
        if target is None:
            self._remove(operation, number)
        elif not target.isdigit():
            reason = f"Cloudonix did not show an application's id ('{target}'), and takes nothing else."
            raise Unsupported(reason, fix="Move the number in cockpit.cloudonix.io.")
        elif number.routing["application_id"] is None:
            self._api.add_dnid(operation, number.number, int(target))
        else:
            self._api.move_dnid(operation, number.id, int(target))
        try:
            return self._read(operation, number), 1
        except ProviderError as error:  # the number was changed, whatever became of reading it
            reason = f"The number was changed, but could not be read again: {error.message}"
            raise UnexpectedResponse(reason, provider=INFO.id, operation=operation, fix=error.fix) from error

    def _remove(self, operation: str, number: ProviderNumber) -> None:
        """Remove the DNID that an import added: those have the number with its plus as their source."""
        if number.raw != number.number:
            reason = f"The DNID that is there now, for {number.raw}, is not the one that the import added."
            raise Conflict(reason, provider=INFO.id, operation=operation, fix="Look at it in cockpit.cloudonix.io.")
        self._api.remove_dnid(operation, number.id)

    def _read(self, operation: str, number: ProviderNumber) -> ProviderNumber:
        """Read a number again: by its DNID's id, or from the listing where it had none before."""
        if number.routing["application_id"] is None:
            owned = dnids.owned(self._api.dnids(operation), frozenset({number.number})).get(number.number)
            return dnids.as_number(number.number, owned.raw) if owned else number
        try:
            raw = self._api.dnid(operation, number.id)
        except NotFound:
            return number.model_copy(update={"route": None, "routing": {"application_id": None}})
        if dnids.spelled(raw) != number.raw:
            reason = f"DNID {number.id} is not for {number.raw} any more."
            raise Conflict(reason, provider=INFO.id, operation=operation, fix="Look at it in cockpit.cloudonix.io.")
        return dnids.as_number(number.number, raw)


# --- pure mappings ---------------------------------------------------------------------------------------------------


def _applications(rows: Iterable[Json]) -> list[Json]:
    """Collect the applications that are shown with DNIDs or with the domain, each once."""
    shown = (row.get("application") for row in rows)
    by_id: Mapping[str | None, Json] = {text(each.get("id")): each for each in shown if isinstance(each, dict)}
    return [each for application_id, each in by_id.items() if application_id]


def _name(domain: Json) -> NameSuggestion:
    customer = domain.get("tenant")
    owner = text(customer.get("name")) if isinstance(customer, dict) else None
    name = f"{INFO.label}: {owner} ({domain['domain']})" if owner else f"{INFO.label}: {domain['domain']}"
    return NameSuggestion(name=name, inferred=True)


def _verification(
    number: str, number_id: str | None, route: Route | None, found: Iterable[Check]
) -> NumberVerification:
    counted = only_if_known(found, apart=checks.NEVER_TOLD)
    return NumberVerification(provider=INFO.id, number=number, id=number_id, route=route, checks=counted)
