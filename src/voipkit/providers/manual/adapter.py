"""A SIP trunk of any carrier, without an API.

Words: a *trunk* is where calls are sent to and come from; its *registrar* answers REGISTER, and many trunks have none;
*caller ID* is the number that a call is placed from. There is nothing to list and nothing to write: the numbers are
those that the user declares, and whether they work is found out in SIP itself.

What is sent, and what never is: docs/sip-probing.md. Written from RFC 3261, 3263 and 8760; last checked 2026-11-21.
Read on in `settings` (what a user types in), `probing` (what is sent), `checks` (what the answers mean) and `templates`
(what carriers publish of their trunks).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, ClassVar, NoReturn, Self

from voipkit.adapting import routing
from voipkit.adapting.dialin import dial_in, no_witness_check
from voipkit.adapting.numbers import country_of, e164
from voipkit.adapting.transport import HttpOptions
from voipkit.errors import ConfigurationError, InvalidNumber, Unsupported
from voipkit.models import (
    CallCost,
    Check,
    CredentialTest,
    ImportReport,
    NameSuggestion,
    NumberImport,
    NumberVerification,
    OnConflict,
    PlacedCall,
    ProviderInfo,
    ProviderNumber,
    Route,
    Routing,
)
from voipkit.protocols import InboundWitness
from voipkit.providers.manual import checks
from voipkit.providers.manual.settings import INFO, ManualCredentials, ManualSipConfig

if TYPE_CHECKING:
    from voipkit.providers.manual.probing import Trunk

__all__ = ["Manual"]

_COST = (
    "The trunk is asked to place one call to the number, which is refused or cancelled before anybody answers. Most "
    "carriers bill no such call; some surcharge many of them. Where voicemail answers, one short call is billed."
)
_NO_CHARGE = "Nothing is written upstream: a SIP trunk has no API. The numbers are recorded here, which costs nothing."


class Manual:
    """A SIP trunk. Make it with `voipkit.open_provider`; it may be used from several threads."""

    info: ClassVar[ProviderInfo] = INFO

    def __init__(
        self,
        credentials: ManualCredentials,
        sip_config: ManualSipConfig,
        *,
        setup_method: str,
        http: HttpOptions,
    ) -> None:
        self._credentials = credentials
        self._sip_config = sip_config
        self._setup_method = setup_method
        self._trunk = _trunk(credentials, sip_config, http)

    def __repr__(self) -> str:
        return f"Manual(host={self._credentials.host!r}, numbers={len(self._sip_config.numbers)})"

    @property
    def setup_method(self) -> str:
        """The set-up method it was opened with."""
        return self._setup_method

    @property
    def credentials(self) -> ManualCredentials:
        """The credentials it was opened with."""
        return self._credentials

    @property
    def sip_config(self) -> ManualSipConfig:
        """The SIP configuration it was opened with."""
        return self._sip_config

    # --- the five methods --------------------------------------------------------------------------------------------

    def test_credentials(self) -> CredentialTest:
        """Look the trunk up, connect, ask OPTIONS, prove the credentials, and call the probe number where allowed.

        Returns:
            The checks; one digest answer for the credentials, and none after it where they are refused.

        Raises:
            MissingExtra: The host is a name, and the extra ``sip`` is not installed.
            ConfigurationError: A test seam of the options is set, and the trunk is not on this machine.
        """
        found = checks.trunk_checks(self._trunk.examine(self._caller_id))
        if self._sip_config.inbound_target:
            found += self._target_checks()
        return CredentialTest(provider=INFO.id, setup_method=self._setup_method, checks=tuple(found))

    def suggest_name(self) -> NameSuggestion:
        """Name the connection by the trunk's domain and its first number; nothing is asked, so nothing is inferred."""
        domain = self._sip_config.domain or self._credentials.host
        first = next(iter(self._sip_config.numbers), None)
        label = f"{INFO.label}: {domain}"
        return NameSuggestion(name=f"{label} ({first})" if first else label, inferred=False)

    def list_numbers(self) -> Iterator[ProviderNumber]:
        """Yield the numbers that were declared, in that order; nothing is asked."""
        for number in self._sip_config.numbers:
            yield _number(number)

    def import_numbers(
        self,
        numbers: Iterable[str | ProviderNumber],
        route: Route | None = None,
        on_conflict: OnConflict = "refuse",
        dry_run: bool = False,
    ) -> ImportReport:
        """Record numbers. Nothing is written upstream, and the report says so: a trunk has no API.

        Raises:
            Unsupported: A route was given.
        """
        _refuse_route(route)
        board = routing.Switchboard(
            info=INFO, find=lambda _: self.list_numbers(), write=_never_write, read=lambda n: n, notes=self._notes
        )
        report = routing.import_numbers(
            board, numbers, None, on_conflict, dry_run=dry_run, fields_for=_no_fields, conflict=lambda *_: None
        )
        results = tuple(_in_words(result) for result in report.results)
        return report.model_copy(update={"results": results, "charge_note": _NO_CHARGE})

    def verify_number(
        self, number: str, route: Route | None = None, *, witness: InboundWitness | None = None
    ) -> NumberVerification:
        """Call the probe number from this number, and with a witness this number: as far as calls are allowed.

        Args:
            number: E.164.
            route: None: a trunk takes no route.
            witness: Sees calls to the number arrive; see `dial_in_cost` for what that may cost.

        Raises:
            Unsupported: A route was given.
        """
        _refuse_route(route)
        number = e164(number)
        if number not in self._sip_config.numbers:
            return _not_declared(number)
        found = [checks.number_check(number, declared=True), self._outbound_check(number), *self._target_checks()]
        found.append(self._dial_in(number, witness) if witness else no_witness_check(INFO.id, number))
        return _verification(number, number, found)

    def verify_numbers(
        self, numbers: Iterable[str | ProviderNumber], route: Route | None = None
    ) -> Iterator[NumberVerification]:
        """Look at many numbers without a call; a number that is given alone is verified as by `verify_number`."""
        _refuse_route(route)
        return self._verify(routing.wanted_numbers(numbers))

    def close(self) -> None:
        """Do nothing: each probe closes its own connection."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # --- capabilities ------------------------------------------------------------------------------------------------

    def dial_in_cost(self, number: str) -> CallCost:  # noqa: ARG002 - the trunk's prices are not known
        """Say what a dial-in call may cost; see `voipkit.protocols.SupportsDialIn`."""
        return CallCost(places_call=True, note=_COST)

    # --- how they are done -------------------------------------------------------------------------------------------

    @property
    def _caller_id(self) -> str | None:
        return self._sip_config.caller_id or next(iter(self._sip_config.numbers), None)

    def _verify(self, wanted: Sequence[str | InvalidNumber]) -> Iterator[NumberVerification]:
        target: list[Check] | None = None
        for entry in wanted:
            if isinstance(entry, InvalidNumber):
                check = checks.not_e164_check(entry.message, entry.fix)
                yield _verification(entry.given, None, [check])
            elif entry not in self._sip_config.numbers:
                yield _not_declared(entry)
            else:
                target = self._target_checks() if target is None else target
                alone = len(wanted) == 1
                outbound = (
                    self._outbound_check(entry)
                    if alone
                    else checks.say("outbound.one_by_one", "outbound", number=entry)
                )
                declared = checks.number_check(entry, declared=True)
                yield _verification(entry, entry, [declared, outbound, *target, no_witness_check(INFO.id, entry)])

    def _outbound_check(self, caller: str) -> Check:
        """Call the probe number with this number as the caller ID."""
        probe = self._sip_config.probe_number
        if probe is None or not self._trunk.may_call:
            return checks.say("outbound.not_tried", "outbound")
        try:
            return checks.called_check(self._trunk.call(probe, caller))
        except ConfigurationError as error:
            return checks.say("outbound.number_refused", "outbound", said=error.message, advice=error.fix or "")

    def _target_checks(self) -> list[Check]:
        uri = self._sip_config.inbound_target
        return self._trunk.look_at(uri) if uri else []

    def _dial_in(self, number: str, witness: InboundWitness) -> Check:
        others = [n for n in (self._sip_config.caller_id, *self._sip_config.numbers) if n and n != number]
        # Many carriers refuse a call from a number to itself; another number of the trunk is the better caller.
        caller = others[0] if others else number

        def place(ring: float) -> PlacedCall:
            try:
                return self._trunk.place(number, caller, ring)
            except ConfigurationError as error:  # such as a premium number, which is never called
                return PlacedCall(rang=False, problem=error.message, fix=error.fix)

        return dial_in(INFO.id, number, caller if witness.needs_call else None, witness, place)

    def _notes(self, number: ProviderNumber) -> tuple[str, ...]:  # noqa: ARG002 - the same for each
        target = self._sip_config.inbound_target
        where = f"deliver it to {target}" if target else "deliver it to your SIP server"
        return (f"Nothing was written upstream: have the carrier {where}.",)


def _trunk(credentials: ManualCredentials, sip_config: ManualSipConfig, http: HttpOptions) -> Trunk:
    """Load the prober when a trunk is opened, as SDKs are: a form is drawn without it."""
    from voipkit.providers.manual.probing import Trunk

    return Trunk(credentials, sip_config, http)


# --- pure mappings ---------------------------------------------------------------------------------------------------


def _number(number: str) -> ProviderNumber:
    """Map a declared number; what it can do, nobody has said."""
    return ProviderNumber(id=number, number=number, raw=number, country=country_of(number))


def _verification(number: str, number_id: str | None, found: Sequence[Check]) -> NumberVerification:
    return NumberVerification(provider=INFO.id, number=number, id=number_id, checks=tuple(found))


def _not_declared(number: str) -> NumberVerification:
    return _verification(number, None, [checks.number_check(number, declared=False)])


def _in_words(result: NumberImport) -> NumberImport:
    if result.status == "not_owned":
        check = checks.number_check(result.number, declared=False)
        return result.model_copy(update={"message": check.message, "fix": check.fix})
    if result.code == "import.recorded":
        return result.model_copy(update={"message": "Recorded. Nothing was written upstream: a SIP trunk has no API."})
    return result


def _refuse_route(route: Route | None) -> None:
    if route is not None:
        raise Unsupported(
            f"A SIP trunk has no API, so voipkit cannot send its calls to {route.kind} {route.target}.",
            fix="Leave the route out, and have the carrier deliver the calls there.",
        )


def _no_fields(route: Route) -> NoReturn:
    raise Unsupported(f"A SIP trunk takes no {route.kind} route.", fix="Leave the route out.")


def _never_write(number: ProviderNumber, fields: Routing) -> NoReturn:  # noqa: ARG001 - nothing is ever written
    raise Unsupported(f"Nothing can be written of {number.number}: a SIP trunk has no API.", fix="Leave the route out.")
