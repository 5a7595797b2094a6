"""Never run: what mypy must see when somebody uses voipkit as the README shows it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from typing import assert_type

import voipkit
from voipkit.errors import CredentialsInvalid, FieldProblem, ProviderError
from voipkit.models import (
    Check,
    CredentialTest,
    FormField,
    ImportReport,
    NameSuggestion,
    NumberImport,
    NumberSnapshot,
    NumberVerification,
    ProviderInfo,
    ProviderNumber,
    Route,
    RoutingSnapshot,
    SetupMethod,
)
from voipkit.protocols import Provider, SupportsRestore


def describe() -> None:
    assert_type(voipkit.providers(), tuple[ProviderInfo, ...])
    info = voipkit.provider_info("telnyx")
    assert_type(info, ProviderInfo)
    assert_type(info.setup_method(), SetupMethod | None)
    assert_type(info.setup_methods[0].fields, tuple[FormField, ...])
    assert_type(info.setup_methods[0].fields[0].required, bool)


def open_and_ask() -> None:
    http = voipkit.HttpOptions(timeout=(1, 5), proxies={"https": "http://proxy:3128"})
    assert_type(voipkit.open_provider("telnyx", {"apiKey": "KEY"}), Provider)
    with voipkit.open_provider("telnyx", {"apiKey": "KEY"}, sip_config={"domain": "a.b"}, http=http) as carrier:
        assert_type(carrier, Provider)
        assert_type(carrier.info, ProviderInfo)
        assert_type(carrier.setup_method, str)
        test = carrier.test_credentials()
        assert_type(test, CredentialTest)
        assert_type(test.credentials_valid, bool | None)
        assert_type(test.checks, tuple[Check, ...])
        assert_type(carrier.suggest_name(), NameSuggestion)
        assert_type(carrier.list_numbers(), Iterator[ProviderNumber])
        for number in carrier.list_numbers():
            assert_type(number.monthly_fee, int | None)
            assert_type(number.capabilities, tuple[str, ...] | None)
            assert_type(number.route, Route | None)
            assert_type(number.routing, Mapping[str, str | None])


def import_and_restore(carrier: Provider, numbers: list[ProviderNumber]) -> bool:
    report = carrier.import_numbers(["+14155550100", *numbers], Route.trunk("TK1"), on_conflict="overwrite")
    assert_type(report, ImportReport)
    assert_type(report.results, tuple[NumberImport, ...])
    assert_type(report.results[0].changes, dict[str, tuple[str | None, str | None]])
    assert_type(report.counts, dict[str, int])
    assert_type(report.snapshot.numbers, tuple[NumberSnapshot, ...])
    carrier.import_numbers(numbers)
    carrier.import_numbers((n.number for n in numbers), dry_run=True)
    carrier.import_numbers("+14155550100")
    carrier.import_numbers(numbers, on_conflict="overwrit")  # type: ignore[arg-type]
    carrier.import_numbers(numbers, "TK1")  # type: ignore[arg-type]
    if isinstance(carrier, SupportsRestore):
        snapshot = RoutingSnapshot.model_validate_json(report.snapshot.model_dump_json(by_alias=True))
        assert_type(carrier.restore_numbers(snapshot), ImportReport)
    return report.ok


def verify(carrier: Provider) -> None:
    assert_type(carrier.verify_number("+14155550100"), NumberVerification)
    assert_type(carrier.verify_numbers(["+14155550100"]), Iterator[NumberVerification])
    assert_type(Route.parse("sip:a@b.example"), Route)
    Route.webhook("https://voice.example.org", "PUT")  # type: ignore[arg-type]


def catch() -> None:
    try:
        voipkit.open_provider("telnyx", {})
    except CredentialsInvalid as error:
        assert_type(error.problems, tuple[FieldProblem, ...])
        assert_type(error.problems[0].field, str)
    except ProviderError as error:
        assert_type(error.retry_after, float | None)
        assert_type(error.status, int | None)
        assert_type(error.fix, str | None)


async def awaitable() -> None:
    async with await voipkit.aio.open_provider("telnyx", {"apiKey": "KEY"}) as carrier:
        assert_type(carrier, voipkit.aio.AsyncProvider)
        assert_type(carrier.sync, Provider)
        assert_type(await carrier.test_credentials(), CredentialTest)
        assert_type(await carrier.suggest_name(), NameSuggestion)
        assert_type(carrier.list_numbers(), AsyncIterator[ProviderNumber])
        assert_type([n.number async for n in carrier.list_numbers()], list[str])
        report = await carrier.import_numbers(["+14155550100"], Route.trunk("1"))
        assert_type(report, ImportReport)
        assert_type(await carrier.restore_numbers(report.snapshot), ImportReport)
        assert_type(await carrier.verify_number("+14155550100"), NumberVerification)
        assert_type(carrier.verify_numbers(["+14155550100"]), AsyncIterator[NumberVerification])
