"""A call that proves something: what it may cost, said before it is placed, and what was seen of it on arrival."""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator

from voipkit.models.base import Model, UtcTime, now

__all__ = ["CallCost", "PlacedCall", "Sighting"]


class CallCost(Model):
    """What one dial-in call costs at most; ask for it before `verify_number` is given a witness.

    Attributes:
        places_call: Whether the carrier is asked to place a call at all; False where a person dials.
        amount: The most that it costs, in minor units of ``currency``; None when it is not known, never "nothing".
        currency: ISO 4217, or None when the amount is not known.
        note: The same in words: what is billed, and when.
    """

    places_call: bool
    amount: int | None = Field(default=None, ge=0)
    currency: str | None = Field(default=None, pattern="^[A-Z]{3}$")
    note: str

    @model_validator(mode="after")
    def _priced(self) -> Self:
        if (self.amount is None) != (self.currency is None):
            msg = "an amount has a currency, and a currency an amount"
            raise ValueError(msg)
        return self


class Sighting(Model):
    """One incoming call, as the place where it should arrive saw it.

    Attributes:
        arrived: False where somebody called and knows that the call did not arrive (a person who dialled).
        called: The number that was called, as it arrived (E.164 where the witness could tell).
        caller: The calling number, or None where it was withheld.
        seen_at: When the call arrived.
        held: Seconds that the witness let it ring before it refused it; None where it did not measure that.
        refusal: The SIP status with which it refused the call; None where it did not refuse it.
        answered: True when the call was answered: then it is billed.
        source: Where it came from, such as ``203.0.113.7:5060``; None where the witness does not know.
    """

    arrived: bool = True
    called: str
    caller: str | None = None
    seen_at: UtcTime = Field(default_factory=now)
    held: float | None = Field(default=None, ge=0)
    refusal: int | None = Field(default=None, ge=300, le=699)
    answered: bool = False
    source: str | None = None


class PlacedCall(Model):
    """One call, as the side that placed it saw it.

    Attributes:
        rang: Whether the far end was reached: it rang, or refused the call itself.
        final: The final SIP status, or None where there was none.
        held: Seconds between ringing and the final status, or None where that is not known.
        answered: Whether somebody answered.
        problem: Why no call was placed, or how far it came.
        fix: What to do about that, or None.
        reference: The call's id at the carrier, or its Call-ID; None where there was no call.
    """

    rang: bool
    final: int | None = None
    held: float | None = None
    answered: bool = False
    problem: str = ""
    fix: str | None = None
    reference: str | None = None
