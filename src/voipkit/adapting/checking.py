"""Ask a carrier several things at once, and turn what comes back into checks.

A question that could not be asked is an answer of its own, never a pass and never a fail. A carrier keeps the words of
its checks in one table of `Finding`s, and a `Speaker` makes checks of them.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Generic, NamedTuple, TypeVar, overload

from voipkit.errors import ProviderError
from voipkit.models import CarrierObject, Check, CheckStatus, Direction

__all__ = [
    "Answer",
    "Finding",
    "Speaker",
    "ask",
    "ask_together",
    "could_not_ask",
    "either",
    "only_if_known",
    "without_query",
]

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)
A = TypeVar("A")
B = TypeVar("B")
C = TypeVar("C")
D = TypeVar("D")
E = TypeVar("E")


@dataclass(frozen=True, slots=True)
class Answer(Generic[T_co]):
    """What a question gave: a value or the error, and the seconds that it took."""

    value: T_co | None
    error: ProviderError | None
    elapsed: float


def ask(question: Callable[[], T]) -> Answer[T]:
    """Call a function that asks the carrier, and keep its error as an answer.

    Args:
        question: Asks; raises only `ProviderError`.

    Returns:
        The value or the error.
    """
    began = time.monotonic()
    try:
        value = question()
    except ProviderError as error:
        return Answer(None, error, time.monotonic() - began)
    return Answer(value, None, time.monotonic() - began)


@overload
def ask_together(a: Callable[[], A], b: Callable[[], B], /) -> tuple[Answer[A], Answer[B]]: ...
@overload
def ask_together(
    a: Callable[[], A], b: Callable[[], B], c: Callable[[], C], /
) -> tuple[Answer[A], Answer[B], Answer[C]]: ...
@overload
def ask_together(
    a: Callable[[], A], b: Callable[[], B], c: Callable[[], C], d: Callable[[], D], /
) -> tuple[Answer[A], Answer[B], Answer[C], Answer[D]]: ...
@overload
def ask_together(
    a: Callable[[], A], b: Callable[[], B], c: Callable[[], C], d: Callable[[], D], e: Callable[[], E], /
) -> tuple[Answer[A], Answer[B], Answer[C], Answer[D], Answer[E]]: ...
def ask_together(*questions: Callable[[], Any]) -> tuple[Answer[Any], ...]:
    """Ask several questions at the same time: one round trip deep, whatever their number.

    Args:
        questions: Each asks the carrier once.

    Returns:
        The answers, in that order.
    """
    with ThreadPoolExecutor(max_workers=len(questions), thread_name_prefix="voipkit-ask") as pool:
        return tuple(pool.map(ask, questions))


def could_not_ask(
    name: str,
    direction: Direction,
    code: str,
    answer: Answer[Any],
    what: CarrierObject | None = None,
) -> Check:
    """Make the check for a question that got no answer: unknown, with the reason and what to do.

    Args:
        name: The check's name for people.
        direction: The check's direction.
        code: The check's stable code; ``.unknown`` is added.
        answer: An answer that holds an error.
        what: The object that was asked about.

    Returns:
        A check of status ``unknown``.
    """
    error = answer.error
    assert error is not None
    return Check(
        name=name,
        direction=direction,
        status="unknown",
        code=f"{code}.unknown",
        message=f"Could not be asked: {error.message}",
        fix=error.fix,
        object=what,
        vendor_code=error.code,
        docs_url=error.docs_url,
        elapsed=answer.elapsed,
    )


# --- words -----------------------------------------------------------------------------------------------------------


class Finding(NamedTuple):
    """A check's words; ``{what}`` is the carrier's object, other braces are filled in where it is said."""

    status: CheckStatus
    name: str
    message: str
    fix: str | None = None
    vendor_code: str | None = None


class Speaker:
    """Says a carrier's findings.

    Args:
        carrier: Its id, put before each code.
        findings: Its findings by code.
        codes_url: The carrier's page about its own codes, shown beside each of them.
    """

    def __init__(self, carrier: str, findings: Mapping[str, Finding], *, codes_url: str | None = None) -> None:
        self.carrier = carrier
        self.findings = findings
        self.codes_url = codes_url

    def say(
        self, code: str, direction: Direction, what: CarrierObject | None = None, *, elapsed: float = 0.0, **words: str
    ) -> Check:
        """Make the check of a finding.

        Args:
            code: Of the finding.
            direction: Of the check.
            what: The carrier's object that was looked at.
            elapsed: Seconds that the look-up took.
            **words: What the finding's braces hold.
        """
        finding = self.findings[code]
        filled = {"what": str(what or "")} | words
        return Check(
            name=finding.name,
            direction=direction,
            status=finding.status,
            code=f"{self.carrier}.{code}",
            message=finding.message.format_map(filled),
            fix=finding.fix.format_map(filled) if finding.fix else None,
            object=what,
            vendor_code=finding.vendor_code,
            docs_url=self.codes_url if finding.vendor_code else None,
            elapsed=elapsed,
        )

    def unknown(
        self, name: str, direction: Direction, code: str, answer: Answer[Any], what: CarrierObject | None = None
    ) -> Check:
        """Make the check for a question that got no answer; see `could_not_ask`."""
        return could_not_ask(name, direction, f"{self.carrier}.{code}", answer, what)


def either(flag: object, yes: str, no: str, unknown: str) -> str:
    """Choose a finding by a flag that may be missing."""
    if isinstance(flag, bool):
        return yes if flag else no
    return unknown


def only_if_known(checks: Iterable[Check], *, apart: Collection[str] = ()) -> tuple[Check, ...]:
    """Count no pass in a direction of which a link is not known: a chain is as good as that link.

    Args:
        checks: In the order in which to read them.
        apart: Codes of links that the carrier never tells, and that therefore say nothing of this account.
    """
    listed = list(checks)
    open_ends = {check.direction for check in listed if check.status == "unknown" and check.code not in apart}
    return tuple(
        check.model_copy(
            update={"status": "skipped", "message": f"{check.message} (Not counted: another link is not known.)"}
        )
        if check.status == "pass" and check.direction in open_ends - {"account"}
        else check
        for check in listed
    )


def without_query(url: str) -> str:
    """Leave out of a webhook's URL where hosts keep tokens of their own: what follows "?", and a password."""
    scheme, slashes, rest = url.partition("?")[0].partition("#")[0].partition("//")
    host, slash, path = rest.partition("/")
    return f"{scheme}{slashes}{host.rpartition('@')[2]}{slash}{path}"
