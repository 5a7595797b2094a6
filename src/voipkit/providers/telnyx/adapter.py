"""Telnyx.

Telnyx's words: a *connection* is where a number's calls go (a SIP trunk by credentials, FQDN or IP, a Call Control or a
TeXML application: all share one id space, and a number names one in ``connection_id``); an *outbound voice profile* is
what lets a connection place calls; a *D code* (D38) is the reason that a refused call carries.

API: https://developers.telnyx.com/api-reference. Written from telnyx 4.189.0 and Telnyx's OpenAPI document of
2026-07-16; last checked 2026-11-21. Read on in `settings` (what a user types in), `api` (what is asked) and `checks`
(what the answers mean for calls).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache, partial
from typing import ClassVar, Self

from voipkit.adapting import routing
from voipkit.adapting.checking import Answer, ask, ask_together, only_if_known
from voipkit.adapting.numbers import canonical, country_of, e164
from voipkit.adapting.reading import NOT_SHOWN, text
from voipkit.adapting.transport import HttpOptions
from voipkit.errors import CredentialsRejected, InvalidNumber, NotFound, Unsupported
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
from voipkit.providers.telnyx import checks
from voipkit.providers.telnyx.api import TelnyxApi
from voipkit.providers.telnyx.checks import Json
from voipkit.providers.telnyx.settings import INFO, TelnyxCredentials, TelnyxSipConfig

__all__ = ["Telnyx"]

_TYPES: dict[str | None, NumberType] = {
    "local": "local",
    "landline": "local",
    "longcode": "local",  # Telnyx's word for numbers bought before July 2023, as is "tollfree"
    "mobile": "mobile",
    "national": "national",
    "shared_cost": "shared_cost",
    "toll_free": "toll_free",
    "tollfree": "toll_free",
}


class Telnyx:
    """A Telnyx account. Make it with `voipkit.open_provider`; it may be used from several threads."""

    info: ClassVar[ProviderInfo] = INFO

    def __init__(
        self,
        credentials: TelnyxCredentials,
        sip_config: TelnyxSipConfig,
        *,
        setup_method: str,
        http: HttpOptions,
    ) -> None:
        self._credentials = credentials
        self._sip_config = sip_config
        self._setup_method = setup_method
        self._api = TelnyxApi(credentials, http)
        self._learnt: NameSuggestion | None = None

    def __repr__(self) -> str:
        return f"Telnyx(host={self._api.host!r}, connection_id={self._credentials.connection_id!r})"

    @property
    def setup_method(self) -> str:
        """The set-up method it was opened with."""
        return self._setup_method

    @property
    def credentials(self) -> TelnyxCredentials:
        """The credentials it was opened with."""
        return self._credentials

    @property
    def sip_config(self) -> TelnyxSipConfig:
        """The SIP configuration it was opened with."""
        return self._sip_config

    # --- the five methods --------------------------------------------------------------------------------------------

    def test_credentials(self) -> CredentialTest:
        """Ask for the balance, a number and the connection, then for the connection's endpoint and profile.

        Returns:
            The checks; at most 5 requests, 2 round trips deep.
        """
        operation, named = "test_credentials", self._credentials.connection_id
        connection: Answer[Json] | None = None
        ask_balance = partial(self._api.balance, operation)
        ask_first = partial(self._api.first_number, operation, named)
        if named:
            balance, first, connection = ask_together(
                ask_balance, ask_first, partial(self._api.connection, operation, named)
            )
            found = checks.account_checks(balance, first, connection)
        else:
            balance, first = ask_together(ask_balance, ask_first)
            found = checks.account_checks(balance, first)
        if found[0].status == "pass" and named and connection:
            path = self._api.follow(operation, named, connection)
            country = _number(first.value).country if first.value else None
            found += checks.inbound_checks(path)
            found += checks.outbound_checks(path, balance, self._destinations(country))
        elif found[0].status == "pass":
            found += checks.no_connection_checks(balance, first.value)
        if first.error is None and (connection is None or connection.error is None):
            self._learnt = _name(first.value, connection.value if connection else None)
        return CredentialTest(provider=INFO.id, setup_method=self._setup_method, checks=only_if_known(found))

    def suggest_name(self) -> NameSuggestion:
        """Name the connection by its own name and its first number: Telnyx shows no account name.

        Returns:
            The suggestion; no request after a `test_credentials` that learnt it, else 1 or 2.
        """
        if self._learnt is None:
            operation, named = "suggest_name", self._credentials.connection_id
            ask_first = partial(self._api.first_number, operation, named)
            if named:
                first, connection = ask_together(ask_first, partial(self._api.connection, operation, named))
            else:
                first, connection = ask(ask_first), Answer(None, None, 0.0)
            for error in (first.error, connection.error):
                if error is not None and not isinstance(error, NotFound):
                    raise error
            self._learnt = _name(first.value, connection.value)
        return self._learnt

    def list_numbers(self) -> Iterator[ProviderNumber]:
        """Yield the account's numbers in ascending order; those that left it, or never came, are left out."""
        for raw in self._api.numbers("list_numbers"):
            yield _number(raw)

    def import_numbers(
        self,
        numbers: Iterable[str | ProviderNumber],
        route: Route | None = None,
        on_conflict: OnConflict = "refuse",
        dry_run: bool = False,
    ) -> ImportReport:
        """Write a connection's id to numbers; see `voipkit.protocols.Provider.import_numbers`.

        Trunk and application routes write the same field. A number that has another connection is a conflict.
        """
        names: dict[str | None, str] = {}
        return routing.import_numbers(
            self._switchboard("import_numbers", names),
            numbers,
            route or self._route(),
            on_conflict,
            dry_run=dry_run,
            fields_for=lambda wanted: {"connection_id": wanted.target},
            conflict=lambda number, _: _conflict(number, names),
        )

    def verify_number(self, number: str, route: Route | None = None) -> NumberVerification:
        """Look at a number, its connection and what lets that place calls: 7 requests, 2 round trips deep."""
        return next(self.verify_numbers([e164(number)], route))

    def verify_numbers(
        self, numbers: Iterable[str | ProviderNumber], route: Route | None = None
    ) -> Iterator[NumberVerification]:
        """Verify many numbers by two listings and a constant number of requests for each connection among them."""
        routing.require_route_kind(INFO, route)
        return self._verify(routing.wanted_numbers(numbers), route or self._route())

    def restore_numbers(self, snapshot: RoutingSnapshot) -> ImportReport:
        """Put routing back as a snapshot says; see `voipkit.protocols.SupportsRestore`."""
        return routing.restore_numbers(self._switchboard("restore_numbers", {}), snapshot)

    def close(self) -> None:
        """Close the connections; the account must not be used afterwards."""
        self._api.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # --- how they are done -------------------------------------------------------------------------------------------

    def _verify(self, wanted: Sequence[str | InvalidNumber], route: Route | None) -> Iterator[NumberVerification]:
        operation, named = "verify_number", route.target if route else None
        asked = frozenset(number for number in wanted if isinstance(number, str))
        with ThreadPoolExecutor(self._api.workers, thread_name_prefix="voipkit-verify") as pool:
            follow = partial(self._api.path, operation)
            following = {named: pool.submit(follow, named)} if named and asked else {}
            listing, voice, balance = ask_together(
                partial(self._api.find, operation, asked),
                partial(self._api.voice_settings, operation, asked),
                partial(self._api.balance, operation),
            )
            if listing.error:
                raise listing.error
            owned = listing.value or {}
            features = pool.submit(ask, partial(self._api.features, operation, list(owned)))
            for each in owned.values():
                connection_id = named or text(each.get("connection_id"))
                if connection_id and connection_id not in following:
                    following[connection_id] = pool.submit(follow, connection_id)
            paths = {connection_id: path.result() for connection_id, path in following.items()}
            talks = features.result()
        for number in wanted:
            if isinstance(number, InvalidNumber):
                bad = checks.not_e164_checks(number.message, number.fix)
                yield _verification(number.given, None, route, bad)
                continue
            raw = owned.get(number)
            if raw is None:
                yield _verification(number, None, route, checks.not_owned_checks(number))
                continue
            found = checks.number_checks(number, raw, named, voice, talks)
            path = paths.get(named or text(raw.get("connection_id")) or "")
            if path:
                found += checks.inbound_checks(path)
                found += checks.outbound_checks(path, balance, self._destinations(_number(raw).country))
            yield _verification(number, str(raw["id"]), route, found)

    def _switchboard(self, operation: str, names: dict[str | None, str]) -> routing.Switchboard:
        """Make what an import needs; ``names`` is filled with the names of the connections that numbers have now."""
        settings: dict[str, Json] = {}

        def find(wanted: frozenset[str]) -> Iterator[ProviderNumber]:
            for raw in self._api.find(operation, wanted).values():
                names[text(raw.get("connection_id"))] = text(raw.get("connection_name")) or ""
                yield _number(raw)

        def carries_voice(owned: Sequence[ProviderNumber]) -> Mapping[str, bool]:
            wanted = [number.number for number in owned]
            voice, features = ask_together(
                partial(self._api.voice_settings, operation, frozenset(wanted)),
                partial(self._api.features, operation, wanted),
            )
            settings.update(voice.value or {})
            for answer in (voice, features):
                if isinstance(answer.error, CredentialsRejected):
                    raise answer.error
            # Any other missing answer becomes a note: it is no reason to refuse an import.
            return features.value or {}

        return routing.Switchboard(
            info=INFO,
            find=find,
            write=partial(self._write, operation),
            read=lambda number: _number(self._api.number(operation, number.id)),
            carries_voice=carries_voice,
            notes=lambda number: checks.notes_of(number.status, settings.get(number.number)),
            patience=self._api.patience,
        )

    def _write(self, operation: str, number: ProviderNumber, fields: Routing) -> tuple[ProviderNumber, int]:
        if fields.get("connection_id") == NOT_SHOWN:
            reason = "Telnyx did not show which connection the number had before."
            raise Unsupported(reason, fix="Put it back in portal.telnyx.com, My Numbers.")
        return _number(self._api.connect(operation, number.id, fields.get("connection_id"))), 1

    def _route(self) -> Route | None:
        return Route.trunk(self._credentials.connection_id) if self._credentials.connection_id else None

    def _destinations(self, country: str | None) -> tuple[str, ...]:
        return self._sip_config.destinations or ((country,) if country else ())


# --- pure mappings ---------------------------------------------------------------------------------------------------


def _number(raw: Json) -> ProviderNumber:
    """Map an owned number. Telnyx shows neither its features nor its fee here."""
    spelled, status = str(raw["phone_number"]), text(raw.get("status"))
    number, connection_id = canonical(spelled), text(raw.get("connection_id"))
    return ProviderNumber(
        id=str(raw["id"]),
        number=number,
        raw=spelled,
        friendly_name=text(raw.get("customer_reference")),
        type=_TYPES.get(text(raw.get("phone_number_type")), "other"),
        country=text(raw.get("country_iso_alpha2")) or country_of(number),
        status=status,
        active=status is None or status in checks.ACTIVE,
        route=_trunk(connection_id),
        routing={"connection_id": connection_id if "connection_id" in raw else NOT_SHOWN},
    )


@lru_cache(maxsize=1024)
def _trunk(connection_id: str | None) -> Route | None:
    """Make the route of a connection, once for all the numbers that have it; its kind is not in the listing."""
    try:
        return Route.trunk(connection_id) if connection_id else None
    except ValueError:  # an id with a space in it: keep the number, its routing field still says it
        return None


def _name(first: Json | None, connection: Json | None) -> NameSuggestion:
    known, number = connection or first or {}, text((first or {}).get("phone_number"))
    name = text(known.get("connection_name"))
    label = f"{INFO.label}: {name}" if name else INFO.label
    return NameSuggestion(name=f"{label} ({number})" if number else label, inferred=bool(name or number))


def _conflict(number: ProviderNumber, names: Mapping[str | None, str]) -> str | None:
    present = number.routing.get("connection_id")
    if present is None:
        return None
    if present == NOT_SHOWN:
        return "Telnyx does not show where its calls go now, so voipkit could not put that back."
    name = names.get(present)
    shown = f"{present} '{name}'" if name else present
    return f"Its calls go to connection {shown} now."


def _verification(
    number: str, number_id: str | None, route: Route | None, found: Iterable[Check]
) -> NumberVerification:
    return NumberVerification(provider=INFO.id, number=number, id=number_id, route=route, checks=only_if_known(found))
