"""One call that Twilio places to a number of the account, for a witness to see; an answer ends it at once."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

from voipkit.errors import ProviderError
from voipkit.models import CallCost, PlacedCall

if TYPE_CHECKING:
    from twilio.rest import Client

__all__ = ["COST", "place_call"]

COST = CallCost(
    places_call=True,
    note="Twilio places one call to the number, from another number of the account where there is one. A call that "
    "ends busy or unanswered costs nothing (as Twilio's pages had it; not tried); an answered one is billed by the "
    "minute at both ends. Where a voice webhook or an application takes the calls, it answers.",
)

_HANG_UP = "<Response><Hangup/></Response>"
_ENDED = ("busy", "failed", "no-answer", "canceled", "completed")
_RANG = ("busy", "no-answer", "canceled", "completed", "in-progress")
_BUSY = 486  # Twilio tells the call's end as a word; busy is what the witness refuses with, or the network made of it
_LOOK_EVERY = 1.0  # seconds
_SLOWER = 10.0  # seconds beyond the ringing: a call waits in Twilio's queue first, 1 a second by default
_LEAST_TIMEOUT = 5  # seconds; Twilio lets a call ring at least so long (Call resource, Timeout)


def place_call(
    client: Client,
    asking: Callable[[str], AbstractContextManager[None]],
    called: str,
    caller: str,
    ring: float,
    *,
    look_every: float = _LOOK_EVERY,
) -> PlacedCall:
    """Place a call, watch it until it is over, and end it where it is not over in time.

    Args:
        client: The SDK's client.
        asking: Turns the SDK's exceptions into ours; takes the operation's name.
        called: E.164.
        caller: E.164, a number of the account.
        ring: Seconds that it may ring.
        look_every: Seconds between two looks at it.

    Returns:
        What was seen; a refused request is a call that was not placed.
    """
    try:
        with asking("place_call"):
            # POST is never sent twice: where its answer was lost, a call may ring all the same.
            call = client.calls.create(to=called, from_=caller, twiml=_HANG_UP, timeout=max(_LEAST_TIMEOUT, int(ring)))
        status = _watched(client, asking, str(call.sid), ring + _SLOWER, look_every)
    except ProviderError as error:
        return PlacedCall(rang=False, problem=error.message, fix=error.fix)
    return PlacedCall(
        rang=status in _RANG,
        final=_BUSY if status == "busy" else None,
        answered=status in ("completed", "in-progress"),
        problem=f"Twilio says that the call is '{status}'.",
        fix="Look the call up in the console: Monitor > Logs > Calls.",
        reference=str(call.sid),
    )


def _watched(
    client: Client,
    asking: Callable[[str], AbstractContextManager[None]],
    sid: str,
    longest: float,
    look_every: float,
) -> str:
    """Return the status that the call ended with, or the last one seen before it was ended from here."""
    deadline = time.monotonic() + longest
    while True:
        with asking("watch_call"):
            status = str(client.calls(sid).fetch().status)
        if status in _ENDED:
            return status
        if time.monotonic() >= deadline:
            with asking("end_call"):
                client.calls(sid).update(status="completed")
            return status
        time.sleep(look_every)
