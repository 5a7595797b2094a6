"""The values that voipkit passes around: frozen, validated, and both spellings accepted and emitted.

``model.model_dump()`` speaks ``snake_case``, ``model.model_dump(by_alias=True)`` speaks ``camelCase``; either
validates again. Read on in `settings` (what a user types in), `checks` (what was found out) and `numbers`
(phone numbers, routes and what an import did).
"""

from voipkit.models.checks import (
    CarrierObject,
    Check,
    CheckStatus,
    CredentialTest,
    Direction,
    NameSuggestion,
    NumberVerification,
)
from voipkit.models.numbers import (
    ImportReport,
    ImportStatus,
    NumberImport,
    NumberSnapshot,
    NumberType,
    OnConflict,
    ProviderNumber,
    Route,
    RouteKind,
    Routing,
    RoutingSnapshot,
)
from voipkit.models.settings import FormField, NoSettings, ProviderInfo, Settings, SetupMethod, setting

__all__ = [
    "CarrierObject",
    "Check",
    "CheckStatus",
    "CredentialTest",
    "Direction",
    "FormField",
    "ImportReport",
    "ImportStatus",
    "NameSuggestion",
    "NoSettings",
    "NumberImport",
    "NumberSnapshot",
    "NumberType",
    "NumberVerification",
    "OnConflict",
    "ProviderInfo",
    "ProviderNumber",
    "Route",
    "RouteKind",
    "Routing",
    "RoutingSnapshot",
    "Settings",
    "SetupMethod",
    "setting",
]
