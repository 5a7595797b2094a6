"""Faults to plant into an adapter, one at a time: a contract that lets one pass is no contract.

A mutation is data: a name, a sentence, the sentence of the contract that it breaks, and how it is planted: into the
methods of the opened carrier, into the way in which requests are sent, or into what the carrier says of itself. None
knows any carrier, so each can be planted into a stranger's too.

A method is planted by a function that gets the original, the `Stage`, and the arguments of the call.
"""

from __future__ import annotations

import dataclasses
import functools
import itertools
import logging
import os
import pickle
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import Field, SecretStr, create_model

from voipkit.adapting.transport import HttpOptions
from voipkit.errors import (
    CredentialsRejected,
    InvalidNumber,
    PermissionDenied,
    ProviderError,
    ProviderTimeout,
    ProviderUnavailable,
    RateLimited,
    UnexpectedResponse,
    Unsupported,
)
from voipkit.models import (
    Check,
    CredentialTest,
    ImportReport,
    NumberImport,
    NumberVerification,
    ProviderInfo,
    ProviderNumber,
    RoutingSnapshot,
)
from voipkit.protocols import Provider
from voipkit.testing.stage import Stage

__all__ = ["MUTATIONS", "Mutation"]

Method = Callable[..., Any]
"""(original, stage, *arguments) -> what the method returns; `original` is bound to the carrier."""

_TOO_LONG = 3600.0  # seconds


@dataclass(frozen=True, kw_only=True)
class Mutation:
    """One fault.

    Attributes:
        id: Its name.
        sentence: What the adapter does wrong.
        breaks: The number of a sentence of the contract that it breaks, tried first.
        methods: Methods of the carrier by name, and what takes their place.
        http: Changes how requests are sent.
        info: Changes what the carrier says of itself.
        needs: ``pages`` or ``secrets`` where the fault cannot be planted into a carrier without.
    """

    id: str
    sentence: str
    breaks: str
    methods: Mapping[str, Method] = field(default_factory=dict)
    http: Callable[[HttpOptions, Stage], HttpOptions] | None = None
    info: Callable[[ProviderInfo], ProviderInfo] | None = None
    needs: str | None = None

    def lacks(self, stage: Stage) -> str | None:
        """Say why the fault cannot be planted into this carrier, or return None."""
        if set(self.methods) == {"restore_numbers"} and "restore" not in stage.info.capabilities:
            return "the carrier does not support restoring"
        if self.needs == "pages" and stage.account.page_size is None:
            return "one answer holds all numbers"
        if self.needs == "secrets" and not stage.secrets:
            return "the carrier has no secrets"
        return None

    def planted(self, carrier: Provider, stage: Stage) -> Provider:
        """Turn an opened carrier into a mutant: an instance of a subclass of its own class.

        Args:
            carrier: The carrier.
            stage: The test's stage.

        Returns:
            The same object.
        """
        kind = type(carrier)
        own = {name: method for name, method in self.methods.items() if hasattr(kind, name)}
        replaced = {name: _replaced(name, method, stage) for name, method in own.items()}
        carrier.__class__ = type(kind.__name__, (kind,), {"__slots__": (), "__module__": kind.__module__, **replaced})
        return carrier


def _replaced(name: str, method: Method, stage: Stage) -> Callable[..., Any]:
    def run(carrier: Any, *args: Any, **kwargs: Any) -> Any:
        original = getattr(super(type(carrier), carrier), name)
        return method(original, stage, *args, **kwargs)

    return run


# --- listing ---------------------------------------------------------------------------------------------------------


def _numbers(change: Callable[[Iterator[ProviderNumber], Stage], Iterable[ProviderNumber]]) -> dict[str, Method]:
    """Plant a change of what a listing yields."""
    return {"list_numbers": lambda original, stage: iter(change(original(), stage))}


def _first_page(found: Iterator[ProviderNumber], stage: Stage) -> Iterable[ProviderNumber]:
    return itertools.islice(found, stage.account.page_size or 1)


def _without_page_2(found: Iterator[ProviderNumber], stage: Stage) -> Iterable[ProviderNumber]:
    size = stage.account.page_size or 1
    return (number for place, number in enumerate(found) if not size <= place < 2 * size)


def _swallowing(*errors: type[ProviderError]) -> Callable[[Iterator[ProviderNumber], Stage], Iterable[ProviderNumber]]:
    def swallow(found: Iterator[ProviderNumber], _: Stage) -> Iterable[ProviderNumber]:
        try:
            yield from found
        except errors:
            return

    return swallow


def _doubled_at_the_edge(found: Iterator[ProviderNumber], stage: Stage) -> Iterable[ProviderNumber]:
    size = stage.account.page_size or 1
    for place, number in enumerate(found, 1):
        yield number
        if place == size:
            yield number


def _each(change: Callable[[ProviderNumber], Mapping[str, object]]) -> dict[str, Method]:
    """Plant a change of every listed number; nothing is validated again."""
    return _numbers(lambda found, _: (number.model_copy(update=change(number)) for number in found))


def _for_ever(found: Iterator[ProviderNumber], _: Stage) -> Iterable[ProviderNumber]:
    kept = list(found)
    return itertools.cycle(kept) if kept else ()


def _twice_for_two_threads() -> dict[str, Method]:
    """Keep a listing's numbers on the carrier, where a second listing at the same time finds them."""
    shared: list[ProviderNumber] = []

    def run(original: Method, _: Stage) -> Iterator[ProviderNumber]:
        shared.clear()
        for number in original():
            shared.append(number)
            time.sleep(0.0005)
        yield from list(shared)

    return {"list_numbers": run}


# --- errors ----------------------------------------------------------------------------------------------------------

_METHODS = ("test_credentials", "suggest_name", "import_numbers", "verify_number", "restore_numbers")


def _errors(change: Callable[[ProviderError, Stage], BaseException]) -> dict[str, Method]:
    """Plant a change of every error that comes out of a method."""

    def run(original: Method, stage: Stage, *args: Any, **kwargs: Any) -> Any:
        try:
            return original(*args, **kwargs)
        except ProviderError as error:
            raise change(error, stage) from error.__cause__

    def run_lazily(original: Method, stage: Stage, *args: Any, **kwargs: Any) -> Any:
        try:
            yield from original(*args, **kwargs)
        except ProviderError as error:
            raise change(error, stage) from error.__cause__

    return dict.fromkeys(_METHODS, run) | {"list_numbers": run_lazily, "verify_numbers": run_lazily}


def _raw(error: ProviderError, _: Stage) -> BaseException:
    return error.__cause__ or RuntimeError(error.message)


def _leaking(error: ProviderError, stage: Stage) -> BaseException:
    error.message = f"{error.message} (sent with {_secret(stage)})"
    error.args = (error.message,)
    return error


def _caused_by_a_leak(error: ProviderError, stage: Stage) -> BaseException:
    error.__cause__ = ValueError(f"401 for {_secret(stage)}")
    return error


def _in_a_local(original: Method, stage: Stage, *args: Any, **kwargs: Any) -> Any:
    token = _secret(stage)
    headers = {"authorization": f"Bearer {token}"}
    assert headers
    yield from original(*args, **kwargs)


def _as(kind: type[ProviderError]) -> Callable[[ProviderError, Stage], BaseException]:
    return lambda error, _: kind(error.message, provider=error.provider, operation=error.operation, status=error.status)


def _secret(stage: Stage) -> str:
    return next(iter(stage.secrets.values()))


# --- credentials and verification ------------------------------------------------------------------------------------


def _checks(name: str, change: Callable[[Check], Check]) -> dict[str, Method]:
    """Plant a change of every check of a method."""

    def changed(result: Any) -> Any:
        return result.model_copy(update={"checks": tuple(change(check) for check in result.checks)})

    if name == "verify_numbers":
        return {name: lambda original, _, *args, **kwargs: map(changed, original(*args, **kwargs))}
    return {name: lambda original, _, *args, **kwargs: changed(original(*args, **kwargs))}


def _turned(before: tuple[str, ...], after: str) -> Callable[[Check], Check]:
    return lambda check: check.model_copy(update={"status": after}) if check.status in before else check


def _without_fix(check: Check) -> Check:
    return check.model_copy(update={"fix": None})


def _raising(original: Method, *_: object) -> CredentialTest:
    found: CredentialTest = original()
    if found.credentials_valid is False:
        raise CredentialsRejected("refused")
    return found


def _writing_first(original: Method, stage: Stage, *args: Any, **kwargs: Any) -> Any:
    owner: Provider = original.__self__  # type: ignore[attr-defined]
    number = stage.number()
    route = stage.account.routes[0]
    there = stage.account.route_of(number)
    if there is None or there.target != route.target:
        super(type(owner), owner).import_numbers([number], route, "overwrite")  # type: ignore[misc]
    return original(*args, **kwargs)


def _asking_for_everything(original: Method, *_: object) -> CredentialTest:
    owner: Provider = original.__self__  # type: ignore[attr-defined]
    for number in itertools.islice(owner.list_numbers(), 5):
        owner.verify_number(number.number)
    result: CredentialTest = original()
    return result


def _asking_again(original: Method, *_: object) -> Any:
    original.__self__.test_credentials()  # type: ignore[attr-defined]
    return original()


def _calling_foreign(original: Method, stage: Stage, number: str, route: Any = None) -> NumberVerification:
    """Take "could not ask" for "not owned"."""
    try:
        result: NumberVerification = original(number, route)
    except ProviderError:
        check = Check(name="Number", direction="account", status="fail", code=f"{stage.info.id}.number.not_owned",
                      message="The number is not in this account.", fix="Check it.")  # fmt: skip
        return NumberVerification(provider=stage.info.id, number=number, route=route, checks=(check,))
    return result


def _one_by_one(original: Method, _: Stage, numbers: Iterable[Any], route: Any = None) -> Iterator[NumberVerification]:
    for number in numbers:
        yield from original([number], route)


def _sorted(original: Method, _: Stage, numbers: Iterable[Any], route: Any = None) -> Iterator[NumberVerification]:
    return iter(sorted(original(numbers, route), key=lambda found: found.number))


# --- importing -------------------------------------------------------------------------------------------------------


def _importing(
    *,
    before: Callable[[dict[str, Any]], None] = lambda _: None,
    after: Callable[[ImportReport], ImportReport] | None = None,
) -> dict[str, Method]:
    """Plant a change of an import's arguments, or of its report."""

    def run(
        original: Method, _: Stage, numbers: Any, route: Any = None, on_conflict: Any = "refuse", dry_run: bool = False
    ) -> ImportReport:
        given = {"numbers": numbers, "route": route, "on_conflict": on_conflict, "dry_run": dry_run}
        before(given)
        report: ImportReport = original(**given)
        return after(report) if after else report

    return {"import_numbers": run}


def _results(change: Callable[[NumberImport], Mapping[str, object]]) -> Callable[[ImportReport], ImportReport]:
    return lambda report: report.model_copy(
        update={"results": tuple(result.model_copy(update=change(result)) for result in report.results)}
    )


def _called(before: str, after: str) -> Callable[[ImportReport], ImportReport]:
    return _results(lambda result: {"status": after} if result.status == before else {})


def _writing_on_dry_run(original: Method, _: Stage, *args: Any, **kwargs: Any) -> ImportReport:
    asked = kwargs.pop("dry_run", False)
    report: ImportReport = original(*args, **kwargs)
    return report.model_copy(update={"dry_run": asked, "writes": 0 if asked else report.writes})


def _stopping(original: Method, _: Stage, numbers: Any, *args: Any, **kwargs: Any) -> ImportReport:
    report: ImportReport = original(numbers, *args, **kwargs)
    if any(result.status == "failed" for result in report.results):
        raise InvalidNumber("one of the numbers is wrong")
    return report


def _empty_instead(original: Method, stage: Stage, *args: Any, **kwargs: Any) -> ImportReport:
    """Take "could not ask" for "not owned"."""
    try:
        report: ImportReport = original(*args, **kwargs)
    except ProviderError:
        results = tuple(
            NumberImport(number=str(n), status="not_owned", code="import.not_owned", message="Not in this account.")
            for n in args[0]
        )
        return ImportReport(
            provider=stage.info.id, results=results, snapshot=RoutingSnapshot(provider=stage.info.id, numbers=())
        )
    return report


def _any_route(original: Method, stage: Stage, *args: Any, **kwargs: Any) -> ImportReport:
    try:
        report: ImportReport = original(*args, **kwargs)
    except Unsupported:
        return ImportReport(provider=stage.info.id, snapshot=RoutingSnapshot(provider=stage.info.id))
    return report


def _again_and_again(original: Method, stage: Stage, *args: Any, **kwargs: Any) -> ImportReport:
    """Write what is there already: put the last import back, and do it again."""
    kept: list[RoutingSnapshot] = vars(stage).setdefault("imported_before", [])
    for snapshot in kept:
        original.__self__.restore_numbers(snapshot)  # type: ignore[attr-defined]
    report: ImportReport = original(*args, **kwargs)
    kept[:] = [report.snapshot]
    return report


def _snapshot(change: Callable[[Any], Mapping[str, object]] | None) -> Callable[[ImportReport], ImportReport]:
    """Change every entry of the snapshot, or drop all for None."""

    def run(report: ImportReport) -> ImportReport:
        entries = tuple(e.model_copy(update=change(e)) for e in report.snapshot.numbers) if change else ()
        return report.model_copy(update={"snapshot": report.snapshot.model_copy(update={"numbers": entries})})

    return run


def _restoring_blindly(original: Method, _: Stage, snapshot: RoutingSnapshot) -> ImportReport:
    """Take whatever is there now for what the import left."""
    owner: Provider = original.__self__  # type: ignore[attr-defined]
    now = {number.number: number.routing for number in owner.list_numbers()}
    entries = tuple(e.model_copy(update={"after": now.get(e.number, e.after)}) for e in snapshot.numbers)
    report: ImportReport = original(snapshot.model_copy(update={"numbers": entries}))
    return report


def _restoring_nothing(original: Method, stage: Stage, snapshot: RoutingSnapshot) -> ImportReport:
    if snapshot.provider != stage.info.id:
        report: ImportReport = original(snapshot)
        return report
    results = tuple(
        NumberImport(number=e.number, id=e.id, status="imported", code="import.imported", message="Put back.")
        for e in snapshot.numbers
    )
    return ImportReport(provider=snapshot.provider, results=results, snapshot=snapshot)


def _restoring_anybodys(original: Method, stage: Stage, snapshot: RoutingSnapshot) -> ImportReport:
    report: ImportReport = original(snapshot.model_copy(update={"provider": stage.info.id}))
    return report


# --- requests --------------------------------------------------------------------------------------------------------


def _wired(change: Callable[..., Any]) -> Callable[[HttpOptions, Stage], HttpOptions]:
    """Plant a change between the adapter and the wire."""

    def run(http: HttpOptions, stage: Stage) -> HttpOptions:
        if http.wire is None:
            return http
        return dataclasses.replace(http, wire=functools.partial(change, http.wire, stage))

    return run


def _sending_lost_writes_again(
    wire: Any, _: Stage, method: str, url: str, headers: Mapping[str, str], body: bytes
) -> Any:
    try:
        return wire(method, url, headers, body)
    except (TimeoutError, ConnectionError):
        if method == "GET":
            raise
        return wire(method, url, headers, body)


def _sending_reads_again_and_again(
    wire: Any, _: Stage, method: str, url: str, headers: Mapping[str, str], body: bytes
) -> Any:
    for _attempt in range(20):
        answer = wire(method, url, headers, body)
        if answer[0] < 500:  # noqa: PLR2004
            break
    return answer


def _sending_everything_twice(
    wire: Any, _: Stage, method: str, url: str, headers: Mapping[str, str], body: bytes
) -> Any:
    wire(method, url, headers, body)
    return wire(method, url, headers, body)


def _asking_the_environment(
    wire: Any, stage: Stage, method: str, url: str, headers: Mapping[str, str], body: bytes
) -> Any:
    name = f"{stage.account.carrier.upper().replace('-', '_')}_AUTH_TOKEN"
    extra = {"x-account": os.environ[name]} if name in os.environ else {}
    return wire(method, url, {**headers, **extra}, body)


def _patient(http: HttpOptions, _: Stage) -> HttpOptions:
    return dataclasses.replace(http, timeout=(_TOO_LONG, _TOO_LONG), deadline=_TOO_LONG)


def _impatient(http: HttpOptions, _: Stage) -> HttpOptions:
    return dataclasses.replace(http, retries=0)


# --- forms and secrets -----------------------------------------------------------------------------------------------


def _with_a_default_secret(info: ProviderInfo) -> ProviderInfo:
    method = info.setup_methods[0]
    secret = next(f for f in method.fields if f.secret)
    given = (SecretStr, Field(default=SecretStr("changeme"), title=secret.label))
    model = create_model("Leaky", __base__=method.credentials, **{secret.name: given})  # type: ignore[call-overload]
    changed = method.model_copy(update={"credentials": model})
    return info.model_copy(update={"setup_methods": (changed, *info.setup_methods[1:])})


def _with_another_capability(info: ProviderInfo) -> ProviderInfo:
    return info.model_copy(update={"capabilities": (*info.capabilities, "teleport")})


def _logging(original: Method, stage: Stage, *args: Any, **kwargs: Any) -> Any:
    logging.getLogger("voipkit.http").debug("sending with %s", _secret(stage))
    return original(*args, **kwargs)


def _showing(original: Method, stage: Stage) -> str:
    return f"{original()[:-1]} token={_secret(stage)}>"


def _pickling(_: Method, stage: Stage, *_args: object) -> Any:
    return pickle.loads, (pickle.dumps(_secret(stage)),)


MUTATIONS: Mapping[str, Mutation] = {
    mutation.id: mutation
    for mutation in (
        # --- listing
        Mutation(id="first-page-only", sentence="The listing ends after its first page.", breaks="c20",
                 methods=_numbers(_first_page)),
        Mutation(id="drops-page-2", sentence="The numbers of page 2 are left out.", breaks="c20",
                 methods=_numbers(_without_page_2)),
        Mutation(id="empty-on-error", sentence="A listing that fails is an empty one.", breaks="c25",
                 methods=_numbers(_swallowing(ProviderError))),
        Mutation(id="swallows-403", sentence="A listing that is forbidden is an empty one.", breaks="c25",
                 methods=_numbers(_swallowing(PermissionDenied))),
        Mutation(id="swallows-nonsense", sentence="An answer that makes no sense ends the listing.", breaks="c27",
                 methods=_numbers(_swallowing(UnexpectedResponse))),
        Mutation(id="swallows-timeout", sentence="A page that does not come in time ends the listing.", breaks="c26",
                 methods=_numbers(_swallowing(ProviderTimeout, ProviderUnavailable))),
        Mutation(id="swallows-429", sentence="A listing that was asked for too often just ends.", breaks="c25",
                 methods=_numbers(_swallowing(RateLimited))),
        Mutation(id="doubles-at-the-edge", sentence="A number at the edge of a page is listed twice.", breaks="c20",
                 methods=_numbers(_doubled_at_the_edge)),
        Mutation(id="lists-for-ever", sentence="The listing starts again at its end.", breaks="c20",
                 methods=_numbers(_for_ever)),
        Mutation(id="loads-everything-first", sentence="All pages are read before the first number is given.",
                 breaks="c23", needs="pages", methods=_numbers(lambda found, _: list(found))),
        Mutation(id="shares-one-listing", sentence="Two threads that list see each other's numbers.", breaks="c36",
                 methods=_twice_for_two_threads()),
        Mutation(id="number-without-plus", sentence="Numbers are given without their plus.", breaks="c22",
                 methods=_each(lambda number: {"number": number.number.removeprefix("+")})),
        Mutation(id="fee-as-text", sentence="A fee is a decimal text and no integer.", breaks="c22",
                 methods=_each(lambda _: {"monthly_fee": "1.15"})),
        Mutation(id="capabilities-as-spelled", sentence="Capabilities are given in the carrier's capitals.",
                 breaks="c22", methods=_each(lambda _: {"capabilities": ("SMS", "VOICE")})),
        # --- credentials
        Mutation(id="unknown-is-pass", sentence="What could not be asked counts as passed.", breaks="c12",
                 methods=_checks("test_credentials", _turned(("unknown", "skipped"), "pass"))),
        Mutation(id="refused-is-valid", sentence="Credentials that the carrier refuses are called valid.", breaks="c11",
                 methods=_checks("test_credentials", _turned(("fail",), "pass"))),
        Mutation(id="unavailable-is-refused", sentence="A carrier that fails is taken for a wrong key.", breaks="c12",
                 methods=_checks("test_credentials", _turned(("unknown",), "fail"))),
        Mutation(id="refused-raises", sentence="Refused credentials are an exception and no answer.", breaks="c11",
                 methods={"test_credentials": _raising}),
        Mutation(id="fails-without-fix", sentence="A failed check does not say what to do.", breaks="c11",
                 methods=_checks("test_credentials", _without_fix)),
        Mutation(id="writes-while-testing", sentence="Testing credentials routes a number.", breaks="c15",
                 methods={"test_credentials": _writing_first}),
        Mutation(id="greedy-test", sentence="Testing credentials asks for far more than it needs.", breaks="c15",
                 methods={"test_credentials": _asking_for_everything}),
        Mutation(id="name-asks-again", sentence="Suggesting a name tests the credentials again.", breaks="c17",
                 methods={"suggest_name": _asking_again}),
        # --- importing ---
        Mutation(id="writes-on-dry-run", sentence="A dry run writes.", breaks="c40",
                 methods={"import_numbers": _writing_on_dry_run}),
        Mutation(id="overwrites-conflict", sentence="A number that is routed elsewhere is taken over unasked.",
                 breaks="c43", methods=_importing(before=lambda given: given.update(on_conflict="overwrite"))),
        Mutation(id="never-overwrites", sentence="on_conflict='overwrite' is ignored.", breaks="c44",
                 methods=_importing(before=lambda given: given.update(on_conflict="refuse"))),
        Mutation(id="forgets-the-route", sentence="The route asked for is ignored in favour of the usual one.",
                 breaks="c45", methods=_importing(before=lambda given: given.update(route=None))),
        Mutation(id="conflict-is-imported", sentence="A number that was left alone is reported as imported.",
                 breaks="c43", methods=_importing(after=_called("conflict", "imported"))),
        Mutation(id="not-owned-is-imported", sentence="A number of somebody else is reported as imported.",
                 breaks="c47", methods=_importing(after=_called("not_owned", "imported"))),
        Mutation(id="failed-is-imported", sentence="A number that could not be written is reported as imported.",
                 breaks="c51", methods=_importing(after=_called("failed", "imported"))),
        Mutation(id="could-not-ask-is-not-owned", sentence="An account that cannot be read owns nothing.",
                 breaks="c48", methods={"import_numbers": _empty_instead}),
        Mutation(id="one-bad-number-stops", sentence="One bad number ends the whole import.", breaks="c46",
                 methods={"import_numbers": _stopping}),
        Mutation(id="writes-again", sentence="An import that is done again writes again.", breaks="c42",
                 methods={"import_numbers": _again_and_again}),
        Mutation(id="takes-any-route", sentence="A kind of route that the carrier lacks is passed over in silence.",
                 breaks="c54", methods={"import_numbers": _any_route}),
        Mutation(id="hides-what-changed", sentence="The report does not say what was there before.", breaks="c41",
                 methods=_importing(after=_results(lambda _: {"before": None}))),
        Mutation(id="miscounts-writes", sentence="The report claims that nothing was written.", breaks="c52",
                 methods=_importing(after=lambda report: report.model_copy(update={"writes": 0}))),
        Mutation(id="repeats-lost-write", sentence="A write whose answer was lost is sent again.", breaks="c50",
                 http=_wired(_sending_lost_writes_again)),
        Mutation(id="sends-twice", sentence="Every request is sent twice.", breaks="c50",
                 http=_wired(_sending_everything_twice)),
        # --- restoring
        Mutation(id="drops-snapshot", sentence="The snapshot is empty.", breaks="c60",
                 methods=_importing(after=_snapshot(None))),
        Mutation(id="snapshot-of-after", sentence="The snapshot holds the new routing in place of the old.",
                 breaks="c60", methods=_importing(after=_snapshot(lambda entry: {"before": entry.after}))),
        Mutation(id="restores-blindly", sentence="A restore overwrites what somebody has changed since.",
                 breaks="c61", methods={"restore_numbers": _restoring_blindly}),
        Mutation(id="restores-nothing", sentence="A restore claims to have put back what it did not touch.",
                 breaks="c60", methods={"restore_numbers": _restoring_nothing}),
        Mutation(id="restores-anybodys", sentence="A snapshot of another carrier is taken.", breaks="c63",
                 methods={"restore_numbers": _restoring_anybodys}),
        # --- verifying
        Mutation(id="verify-always-passes", sentence="Every number is verified.", breaks="c71",
                 methods=_checks("verify_number", _turned(("fail", "unknown", "skipped"), "pass"))),
        Mutation(id="verify-unknown-is-pass", sentence="What a verification could not ask counts as passed.",
                 breaks="c75", methods=_checks("verify_number", _turned(("unknown",), "pass"))),
        Mutation(id="verify-unknown-is-fail", sentence="What a verification could not ask counts as failed.",
                 breaks="c75", methods=_checks("verify_number", _turned(("unknown",), "fail"))),
        Mutation(id="verify-could-not-ask-is-not-owned", sentence="A number that could not be looked up is not owned.",
                 breaks="c74", methods={"verify_number": _calling_foreign}),
        Mutation(id="verify-one-by-one", sentence="Many numbers are verified with one listing each.", breaks="c76",
                 methods={"verify_numbers": _one_by_one}),
        Mutation(id="verify-out-of-order", sentence="Verifications come in another order than the numbers.",
                 breaks="c77", methods={"verify_numbers": _sorted}),
        Mutation(id="writes-while-verifying", sentence="Verifying a number routes it.", breaks="c78",
                 methods={"verify_number": _writing_first}),
        # --- errors, secrets, waiting
        Mutation(id="raw-exceptions", sentence="The SDK's own exceptions come out.", breaks="c25",
                 methods=_errors(_raw)),
        Mutation(id="timeout-is-rejected", sentence="Every error is taken for a wrong key.", breaks="c25",
                 methods=_errors(_as(CredentialsRejected))),
        Mutation(id="leaks-in-error", sentence="An error's message holds the secret.", breaks="c80",
                 needs="secrets",
                 methods=_errors(_leaking)),
        Mutation(id="leaks-in-cause", sentence="The cause of an error holds the secret.", breaks="c80",
                 needs="secrets",
                 methods=_errors(_caused_by_a_leak)),
        Mutation(id="leaks-in-traceback", sentence="A local variable of a traceback holds the secret.", breaks="c80",
                 needs="secrets",
                 methods={"list_numbers": _in_a_local}),
        Mutation(id="leaks-in-log", sentence="The secret is logged.", breaks="c80",
                 needs="secrets",
                 methods={"test_credentials": _logging}),
        Mutation(id="leaks-in-repr", sentence="The carrier's repr holds the secret.", breaks="c80",
                 needs="secrets",
                 methods={"__repr__": _showing}),
        Mutation(id="pickles-secrets", sentence="An opened carrier is pickled, and its secret with it.", breaks="c82",
                 needs="secrets",
                 methods={"__reduce_ex__": _pickling}),
        Mutation(id="secret-default", sentence="A secret field has a default.", breaks="c04",
                 needs="secrets",
                 info=_with_a_default_secret),
        Mutation(id="claims-too-much", sentence="A capability is claimed that is not there.", breaks="c01",
                 info=_with_another_capability),
        Mutation(id="reads-the-environment", sentence="An environment variable reaches the carrier.", breaks="c83",
                 http=_wired(_asking_the_environment)),
        Mutation(id="forgets-the-timeout", sentence="The time limits are forgotten.", breaks="c91", http=_patient),
        Mutation(id="forgets-to-retry", sentence="The retries asked for are forgotten.", breaks="c38",
                 http=_impatient),
        Mutation(id="retries-without-end", sentence="A carrier that fails is asked again and again.", breaks="c94",
                 http=_wired(_sending_reads_again_and_again)),
    )
}  # fmt: skip
"""Every mutation, by its name."""
