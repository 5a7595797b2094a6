"""Never run: what mypy must see when somebody writes a carrier of their own, inheriting nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import ClassVar, Self, assert_type

from pydantic import SecretStr

from voipkit import HttpOptions
from voipkit.adapting.checking import Answer, ask, ask_together
from voipkit.adapting.paging import Page, by_cursor, by_number
from voipkit.adapting.routing import Switchboard
from voipkit.adapting.translation import Rule, Rules, translating
from voipkit.errors import ProviderError, ProviderTimeout
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
    Settings,
    SetupMethod,
    setting,
)
from voipkit.protocols import Provider, SupportsRestore


class AcmeCredentials(Settings):
    api_key: SecretStr = setting("API key", help="The key.")


class Acme:
    info: ClassVar[ProviderInfo] = ProviderInfo(
        id="acme",
        label="Acme",
        setup_methods=(SetupMethod(id="api_key", label="API key", credentials=AcmeCredentials),),
    )

    def __init__(
        self, credentials: AcmeCredentials, sip_config: NoSettings, *, setup_method: str, http: HttpOptions
    ) -> None:
        self.credentials = credentials
        self.sip_config = sip_config
        self.setup_method = setup_method

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None: ...

    def test_credentials(self) -> CredentialTest:
        return CredentialTest(provider="acme", setup_method=self.setup_method, checks=())

    def suggest_name(self) -> NameSuggestion:
        return NameSuggestion(name="Acme", inferred=False)

    def list_numbers(self) -> Iterator[ProviderNumber]:
        return iter(())

    def import_numbers(
        self,
        numbers: Iterable[str | ProviderNumber],
        route: Route | None = None,
        on_conflict: OnConflict = "refuse",
        dry_run: bool = False,
    ) -> ImportReport:
        return ImportReport(provider="acme", snapshot=RoutingSnapshot(provider="acme"))

    def verify_number(self, number: str, route: Route | None = None) -> NumberVerification:
        return NumberVerification(provider="acme", number=number, checks=())

    def verify_numbers(
        self, numbers: Iterable[str | ProviderNumber], route: Route | None = None
    ) -> Iterator[NumberVerification]:
        return iter(())

    def restore_numbers(self, snapshot: RoutingSnapshot) -> ImportReport:
        return ImportReport(provider="acme", snapshot=snapshot)


class Forgetful(Acme):
    def list_numbers(self) -> list[ProviderNumber]:  # type: ignore[override]
        return []


def structural(acme: Acme, forgetful: Forgetful) -> None:
    carrier: Provider = acme
    restorer: SupportsRestore = acme
    wrong: Provider = forgetful  # type: ignore[assignment]
    assert_type(carrier.info, ProviderInfo)
    assert_type(restorer.restore_numbers(RoutingSnapshot(provider="acme")), ImportReport)
    del wrong


def toolbox() -> None:
    def page(cursor: str | None) -> Page[int]:
        return Page([1, 2], next=cursor)

    assert_type(by_cursor("acme", page, key=lambda item: item), Iterator[int])
    assert_type(by_number("acme", lambda n: Page([n]), size=1, key=lambda item: item, workers=2), Iterator[int])
    answer = ask(lambda: 5)
    assert_type(answer, Answer[int])
    assert_type(answer.value, int | None)
    assert_type(answer.error, ProviderError | None)
    assert_type(ask_together(lambda: 5, lambda: "a"), tuple[Answer[int], Answer[str]])
    rules = Rules(label="Acme", exceptions=(Rule("acme_sdk.Timeout", ProviderTimeout),))
    with translating("acme", "list_numbers", rules):
        pass


def board(info: ProviderInfo, numbers: dict[str, ProviderNumber]) -> Switchboard:
    def write(number: ProviderNumber, fields: Routing) -> tuple[ProviderNumber, int]:
        return number.model_copy(update={"routing": {**number.routing, **fields}}), 1

    return Switchboard(info=info, find=lambda wanted: numbers.values(), write=write, read=lambda n: numbers[n.number])
