"""Ask a carrier several things at once, and turn what comes back into checks.

A question that could not be asked is an answer of its own, never a pass and never a fail.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Generic, TypeVar, overload

from voipkit.errors import ProviderError
from voipkit.models import CarrierObject, Check, Direction

__all__ = ["Answer", "ask", "ask_together", "could_not_ask"]

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
