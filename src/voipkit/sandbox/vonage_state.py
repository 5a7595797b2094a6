"""The objects of a simulated Vonage account, named as in Vonage's OpenAPI documents.

Sources: github:Nexmo/api-specification, ad04200 of 2021-07-14; Numbers API 1.1.0 (2026-10). Plain mutable
dataclasses: a test changes what it likes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

# What an update sets; whatever of it is not sent is cleared. The last two are never shown again.
SETTINGS = (
    *("app_id", "moHttpUrl", "voiceCallbackType", "voiceCallbackValue"),
    *("messagesCallbackType", "messagesCallbackValue", "voiceStatusCallback", "moSmppSysType"),
)
HIDDEN_SETTINGS = frozenset({"voiceStatusCallback", "moSmppSysType"})


@dataclass(slots=True)
class Number:
    """Hold one owned number; ``msisdn`` has no "+".

    Attributes:
        limitations: What the number cannot reach, e.g. ``{"feature": "VOICE", "type": "OUTBOUND", "reach":
            "DOMESTIC"}``.
        settings: Fields of `SETTINGS` that are set.
    """

    country: str
    msisdn: str
    type: str = "landline"
    features: list[str] = field(default_factory=lambda: ["VOICE", "SMS"])
    limitations: list[dict[str, str]] = field(default_factory=list)
    settings: dict[str, str] = field(default_factory=dict)

    @property
    def phone_number(self) -> str:
        """The number in E.164, under the name that it has at every carrier of the sandbox."""
        return f"+{self.msisdn}"


@dataclass(slots=True)
class Application:
    """Hold one application; ``capabilities`` and ``privacy`` are kept as they were sent."""

    id: str
    name: str
    capabilities: dict[str, Any] = field(default_factory=dict)
    privacy: dict[str, Any] = field(default_factory=lambda: {"improve_ai": False})
    public_key: str = "-----BEGIN PUBLIC KEY-----\nsimulated\n-----END PUBLIC KEY-----\n"


@dataclass
class Balance:
    """Hold the account's money in euros."""

    value: float = 42.5
    auto_reload: bool = False
