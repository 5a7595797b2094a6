"""Which numbers a probe may call: none by itself, and of those that a person names, none that is dear or dangerous."""

from __future__ import annotations

import re

import phonenumbers
from phonenumbers import PhoneNumberType

from voipkit.errors import ConfigurationError, InvalidNumber
from voipkit.sip.message import clean

__all__ = ["check_called", "check_caller"]

_INTERNATIONAL = re.compile(r"\+?[1-9][0-9]{6,14}", re.ASCII)
_CALLER = re.compile(r"[!-~]{1,64}", re.ASCII)

# ITU-T E.164 assigned country codes, list of 2024-11 and earlier ones: satellite networks, global mobile networks,
# international premium rate and shared cost, universal personal numbers, disaster relief.
_DENIED_CODES = (
    "+870",
    "+871",
    "+872",
    "+873",
    "+874",
    "+875",
    "+876",
    "+877",
    "+878",
    "+879",
    "+881",
    "+882",
    "+883",
    "+888",
    "+979",
    "+808",
    "+991",
)
_DENIED_TYPES = {
    PhoneNumberType.PREMIUM_RATE: "a premium rate number",
    PhoneNumberType.SHARED_COST: "a shared cost number",
}  # fmt: skip


def check_called(called: str) -> None:
    """Refuse a number that a probe must not call.

    Args:
        called: E.164, or the same digits without the plus where the carrier wants that. National and short forms are
            refused: what they cost cannot be told, and emergency numbers are among them.

    Raises:
        InvalidNumber: It is no international number.
        ConfigurationError: It is a premium rate, satellite or otherwise special number.
    """
    if not _INTERNATIONAL.fullmatch(called):
        raise InvalidNumber(
            "The number to call is not an international number.",
            given=clean(called, 40),
            fix="Write it as +15550001234.",
        )
    plain = called if called.startswith("+") else f"+{called}"
    why = "a satellite or special service" if plain.startswith(_DENIED_CODES) else _national_reason(plain)
    if why:
        raise ConfigurationError(f"{plain} is {why}: a probe never calls it.", fix="Name a number of your own.")
    if plain != called and not phonenumbers.is_valid_number(phonenumbers.parse(plain)):
        # 9005551234 is a premium number in the United States, and reads as a wrong one of Turkey.
        raise InvalidNumber(
            "The number to call is not certainly international.", given=clean(called, 40), fix="Write it with a plus."
        )


def _national_reason(plain: str) -> str | None:
    try:
        number = phonenumbers.parse(plain)
    except phonenumbers.NumberParseException:
        return "in no country"
    return _DENIED_TYPES.get(phonenumbers.number_type(number))


def check_caller(caller: str) -> None:
    """Refuse a caller that cannot stand in From.

    Args:
        caller: A number, or the user name that the carrier wants there.

    Raises:
        ConfigurationError: It has a space, a control character, or is too long.
    """
    if not _CALLER.fullmatch(caller):
        raise ConfigurationError(
            "The caller ID has a character that cannot stand in it.", fix="Give a number such as +15550001234."
        )
