"""Witnesses that listen on no socket: the host platform, which receives the calls anyway, and a person who dials.

See `voipkit.protocols.InboundWitness` for what a witness is, and `voipkit.sip.witness` for the one that listens.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from queue import Empty, Queue

from voipkit.models import Sighting
from voipkit.sip.serving import same_number

__all__ = ["CallbackWitness", "Expected", "HumanWitness"]


@dataclass(frozen=True, slots=True)
class Expected:
    """A call that is about to come.

    Attributes:
        called: The number that will be called, E.164.
        caller: The number that will call, E.164; None where anybody may.
        hold: Seconds to let it ring before it is refused.
        refusal: The SIP status to refuse it with. It must never be answered: an answered call is billed.
        window: Seconds in which it comes.
    """

    called: str
    caller: str | None
    hold: float
    refusal: int
    window: float


class CallbackWitness:
    """The platform that receives the calls tells of each that arrives, from any thread, by calling `saw`.

    One object may watch several numbers at once; a call that nobody looks out for is passed over.
    """

    needs_call = True

    def __init__(self, announce: Callable[[Expected], None] | None = None) -> None:
        """Make a witness.

        Args:
            announce: Told of each call before it is placed, so that the platform refuses it as asked instead of
                answering it. What it raises comes out of `verify_number`, and no call is placed.
        """
        self._announce = announce
        self._armed: list[_Mailbox] = []
        self._lock = threading.Lock()

    def saw(self, sighting: Sighting) -> bool:
        """Tell of a call that arrived.

        Args:
            sighting: The call. ``held`` and ``refusal`` may be None where the platform handles calls its own way.

        Returns:
            Whether somebody looked out for a call to that number.
        """
        with self._lock:
            wanted = [box for box in self._armed if _digits(sighting.called).endswith(box.last_digits)]
        for box in wanted:
            box.calls.put(sighting)
        return bool(wanted)

    @contextmanager
    def arm(self, called: str, caller: str | None, *, hold: float, refusal: int, window: float) -> Iterator[_Mailbox]:
        """See `voipkit.protocols.InboundWitness.arm`."""
        box = _Mailbox(called, caller)
        with self._lock:
            self._armed.append(box)
        try:
            if self._announce is not None:
                self._announce(Expected(called, caller, hold, refusal, window))
            yield box
        finally:
            with self._lock:
                self._armed.remove(box)


class _Mailbox:
    """Where the sightings of one number arrive."""

    def __init__(self, called: str, caller: str | None) -> None:
        # Platforms spell a called number in their own way: its last seven digits are in every one of them.
        self.last_digits = _digits(called)[-7:]
        self.calls: Queue[Sighting] = Queue()
        self._caller = caller

    def wait(self, timeout: float) -> Sighting | None:
        """Wait for the call; see `voipkit.protocols.ArmedWitness.wait`. Those of other callers are passed over."""
        ends, stranger = time.monotonic() + timeout, None
        while True:
            try:
                seen = self.calls.get(timeout=max(0.0, ends - time.monotonic()))
            except Empty:
                return stranger
            if self._caller is None or seen.caller is None or _same(self._caller, seen.caller):
                return seen
            stranger = stranger or seen


class HumanWitness:
    """A person dials the number and says whether the call arrived. voipkit places no call, and nothing is billed to it.

    The person's phone pays what a call costs, if it is answered.
    """

    needs_call = False

    def __init__(self, ask: Callable[[Expected], bool | None]) -> None:
        """Make a witness.

        Args:
            ask: Shows the number to the person and waits for the answer: True when the call arrived, False when it did
                not, None when nobody called. It runs in a thread of its own and is not waited for beyond the window.
        """
        self._ask = ask

    @contextmanager
    def arm(self, called: str, caller: str | None, *, hold: float, refusal: int, window: float) -> Iterator[_Person]:
        """See `voipkit.protocols.InboundWitness.arm`."""
        yield _Person(self._ask, Expected(called, caller, hold, refusal, window))


class _Person:
    def __init__(self, ask: Callable[[Expected], bool | None], expected: Expected) -> None:
        self._expected = expected
        self._answers: Queue[bool | BaseException | None] = Queue()
        threading.Thread(target=self._put, args=(ask,), name="voipkit-human-witness", daemon=True).start()

    def _put(self, ask: Callable[[Expected], bool | None]) -> None:
        try:
            self._answers.put(ask(self._expected))
        except BaseException as error:
            self._answers.put(error)

    def wait(self, timeout: float) -> Sighting | None:
        """See `voipkit.protocols.ArmedWitness.wait`."""
        try:
            answer = self._answers.get(timeout=max(0.0, timeout))
        except Empty:
            return None
        if isinstance(answer, BaseException):
            raise answer
        if answer is None:
            return None
        return Sighting(called=self._expected.called, caller=self._expected.caller, arrived=answer)


def _same(one: str, other: str) -> bool:
    return same_number(one, other.partition("@")[0])


def _digits(number: str) -> str:
    return "".join(sign for sign in number.partition("@")[0] if sign.isdigit())
