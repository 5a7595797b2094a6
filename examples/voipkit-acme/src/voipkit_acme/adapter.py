"""Acme: the carrier. It asks and maps the answers; `checks` judges them; words and links are in `settings`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn, Self
from urllib.parse import quote

from voipkit.adapting import routing
from voipkit.adapting.checking import Answer, ask, ask_together, only_if_known
from voipkit.adapting.numbers import canonical, country_of, e164, minor_units
from voipkit.adapting.paging import Page, by_cursor
from voipkit.adapting.translation import translating
from voipkit.adapting.transport import HttpOptions, httpx_client, open_channel, own_headers
from voipkit.errors import InvalidNumber, NotFound
from voipkit.models import (
    CredentialTest,
    ImportReport,
    NameSuggestion,
    NoSettings,
    NumberVerification,
    OnConflict,
    ProviderInfo,
    ProviderNumber,
    Route,
    Routing,
    RoutingSnapshot,
)

from voipkit_acme import checks
from voipkit_acme.settings import INFO, RULES, AcmeCredentials

if TYPE_CHECKING:
    import httpx

__all__ = ["Acme"]

_API = "https://api.acme.example/v2"
_PAGE_SIZE = 50  # numbers; the most that Acme gives at once

Json = Mapping[str, Any]


class Acme:
    """An Acme account. Make it with `voipkit.open_provider`; it may be used from several threads."""

    info: ClassVar[ProviderInfo] = INFO

    def __init__(
        self, credentials: AcmeCredentials, sip_config: NoSettings, *, setup_method: str, http: HttpOptions
    ) -> None:
        self.credentials = credentials
        self.sip_config = sip_config
        self.setup_method = setup_method
        key = own_headers({}, {"X-Acme-Key": credentials.api_key})
        self._channel = open_channel(INFO.id, http, key, hosts=("api.acme.example",), sdk="httpx")
        self._learnt: NameSuggestion | None = None

    def __repr__(self) -> str:
        return "<Acme>"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __reduce__(self) -> NoReturn:
        raise TypeError("An opened carrier is not pickled: open it again where it is needed.")

    def close(self) -> None:
        """Close the connections."""
        self._channel.close()

    # --- the five methods --------------------------------------------------------------------------------------------

    def test_credentials(self) -> CredentialTest:
        """Ask for the account and for the line that is named, both at once: 1 request, or 2."""
        account, line = ask_together(partial(self._account, "test_credentials"), self._named_line)
        if account.value is not None:
            self._learnt = _name(account.value)
        found = [*checks.account_checks(account), *checks.line_checks(self.credentials.line, line)]
        counted = only_if_known(found, apart=checks.NEVER_TOLD)
        return CredentialTest(provider=INFO.id, setup_method=self.setup_method, checks=counted)

    def suggest_name(self) -> NameSuggestion:
        """Suggest "Acme: <the account's name>": 0 requests after `test_credentials`, else 1."""
        if self._learnt is None:
            self._learnt = _name(self._account("suggest_name"))
        return self._learnt

    def list_numbers(self) -> Iterator[ProviderNumber]:
        """Yield every number of the account; 1 request for each 50."""

        def fetch(cursor: str | None) -> Page[ProviderNumber]:
            after = {} if cursor is None else {"after": cursor}
            with translating(INFO.id, "list_numbers", RULES, self._channel):
                answer = self._send("GET", "numbers", params={"limit": _PAGE_SIZE, **after})
                return Page([_number(row) for row in answer["numbers"]], next=answer["after"] or None)

        return by_cursor(INFO.id, fetch, key=lambda number: number.id)

    def import_numbers(
        self,
        numbers: Iterable[str | ProviderNumber],
        route: Route | None = None,
        on_conflict: OnConflict = "refuse",
        dry_run: bool = False,
    ) -> ImportReport:
        """Send numbers' calls to a line; see `voipkit.protocols.Provider.import_numbers`. 1 request a number."""
        return routing.import_numbers(
            self._switchboard("import_numbers"),
            numbers,
            route or self._route,
            on_conflict,
            dry_run=dry_run,
            fields_for=self._fields_for,
            conflict=lambda number, _: _taken(number),
        )

    def verify_number(self, number: str, route: Route | None = None) -> NumberVerification:
        """Look at one number and at its line; see `voipkit.protocols.Provider.verify_number`."""
        return next(self.verify_numbers([e164(number)], route))

    def verify_numbers(
        self, numbers: Iterable[str | ProviderNumber], route: Route | None = None
    ) -> Iterator[NumberVerification]:
        """Verify many numbers with one listing, and 1 request for each line that they use."""
        routing.require_route_kind(INFO, route)
        return self._verify(routing.wanted_numbers(numbers), route or self._route)

    # --- capabilities ------------------------------------------------------------------------------------------------

    def restore_numbers(self, snapshot: RoutingSnapshot) -> ImportReport:
        """Put routing back as a snapshot says; see `voipkit.protocols.SupportsRestore`."""
        return routing.restore_numbers(self._switchboard("restore_numbers"), snapshot)

    # --- how they are done -------------------------------------------------------------------------------------------

    @property
    def _route(self) -> Route | None:
        return Route.trunk(self.credentials.line) if self.credentials.line else None

    def _switchboard(self, operation: str) -> routing.Switchboard:
        return routing.Switchboard(
            info=INFO,
            find=lambda _: self.list_numbers(),
            write=partial(self._write, operation),
            read=partial(self._read, operation),
            patience=self._channel.options.retry_after_cap,
        )

    def _fields_for(self, route: Route) -> Routing:
        """Say what a route means in Acme's fields. A forwarded number ignores its line, so forwarding must end."""
        asked = ask(partial(self._line, "import_numbers", route.target))
        if isinstance(asked.error, NotFound):
            raise asked.error
        return {"line": route.target, "forward_to": None}

    def _write(self, operation: str, number: ProviderNumber, fields: Routing) -> tuple[ProviderNumber, int]:
        with translating(INFO.id, operation, RULES, self._channel):
            return _number(self._send("PATCH", "numbers", number.id, json=dict(fields))), 1

    def _read(self, operation: str, number: ProviderNumber) -> ProviderNumber:
        with translating(INFO.id, operation, RULES, self._channel):
            return _number(self._send("GET", "numbers", number.id))

    def _verify(self, wanted: Sequence[str | InvalidNumber], route: Route | None) -> Iterator[NumberVerification]:
        asked = {number for number in wanted if isinstance(number, str)}
        owned = {number.number: number for number in self.list_numbers() if number.number in asked}
        lines: dict[str, Answer[Json]] = {}
        for each in wanted:
            text = each.given if isinstance(each, InvalidNumber) else each
            number = owned.get(text)
            if number is None:
                found = [checks.not_owned(each)]
            else:
                line = route.target if route else number.routing["line"]
                if line and line not in lines:
                    lines[line] = ask(partial(self._line, "verify_numbers", line))
                found = [*checks.number_checks(number, line), *checks.line_checks(line, lines.get(line or ""))]
            handle, counted = number.id if number else None, only_if_known(found, apart=checks.NEVER_TOLD)
            yield NumberVerification(provider=INFO.id, number=text, id=handle, route=route, checks=counted)

    # --- requests ----------------------------------------------------------------------------------------------------

    def _account(self, operation: str) -> Json:
        with translating(INFO.id, operation, RULES, self._channel):
            return _with_id(self._send("GET", "account"))

    def _line(self, operation: str, line: str) -> Json:
        with translating(INFO.id, operation, RULES, self._channel):
            return _with_id(self._send("GET", "lines", line))

    def _named_line(self) -> Json | None:
        return self._line("test_credentials", self.credentials.line) if self.credentials.line else None

    @cached_property
    def _client(self) -> httpx.Client:
        return httpx_client(self._channel)

    def _send(self, method: str, *path: str, **given: Any) -> Any:
        """Send a request; for use inside `translating`, since httpx's own exceptions come out of here.

        A part of the path may be what a user typed (a route's target), so none can lead to another path.
        """
        url = "/".join([_API, *(quote(part, safe="") for part in path)])
        response = self._client.request(method, url, **given)
        response.raise_for_status()
        return response.json()


# --- pure mappings ---------------------------------------------------------------------------------------------------


def _with_id(answer: Any) -> Json:
    """Take an answer for what it says it is: what has no id is no account and no line (KeyError, TypeError)."""
    return {**answer, "id": str(answer["id"])}


def _name(account: Json) -> NameSuggestion:
    name = account.get("name")
    return NameSuggestion(name=f"Acme: {name}", inferred=True) if name else NameSuggestion(name="Acme", inferred=False)


def _number(raw: Json) -> ProviderNumber:
    number = canonical(raw["number"])
    features, price = raw.get("features"), raw.get("monthly") or {}
    currency = price.get("currency")
    fee = minor_units(price.get("amount"), currency)
    line, forward_to = raw.get("line") or None, raw.get("forward_to") or None
    return ProviderNumber(
        id=raw["id"],
        number=number,
        raw=raw["number"],
        friendly_name=raw.get("label") or None,
        capabilities=tuple(sorted({word.lower() for word in features})) if isinstance(features, list) else None,
        country=country_of(number),
        monthly_fee=fee,
        currency=currency if fee is not None else None,
        status=raw.get("state") or None,
        active=raw.get("state") in (None, "", "active"),
        route=Route.trunk(line) if line and not forward_to else None,
        routing={"line": line, "forward_to": forward_to},
    )


def _taken(number: ProviderNumber) -> str | None:
    """Say what an import would take away, in words; None where the number's calls go nowhere."""
    line, forward_to = number.routing["line"], number.routing["forward_to"]
    if forward_to:
        return f"Its calls are forwarded to {forward_to}."
    return f"Its calls go to line {line}." if line else None
