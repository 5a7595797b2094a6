"""voipkit: let your customers bring their own phone carrier.

    import voipkit

    with voipkit.open_provider("telnyx", {"apiKey": "KEY...", "connectionId": "123"}) as carrier:
        print(carrier.test_credentials().status)
        for number in carrier.list_numbers():
            print(number.number, number.route)

Importing voipkit loads no SDK, no HTTP client and no pydantic: names are looked up when they are first used (PEP 562).
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

_HOME = {
    "Check": "models",
    "ConnectionService": "service",
    "CredentialTest": "models",
    "HttpOptions": "adapting.transport",
    "ImportReport": "models",
    "NameSuggestion": "models",
    "NumberVerification": "models",
    "Provider": "protocols",
    "ProviderInfo": "models",
    "ProviderNumber": "models",
    "Route": "models",
    "RoutingSnapshot": "models",
    "open_provider": "registry",
    "provider_info": "registry",
}

if TYPE_CHECKING:
    from voipkit import aio, errors, evidence
    from voipkit.adapting.transport import HttpOptions
    from voipkit.models import (
        Check,
        CredentialTest,
        ImportReport,
        NameSuggestion,
        NumberVerification,
        ProviderInfo,
        ProviderNumber,
        Route,
        RoutingSnapshot,
    )
    from voipkit.protocols import Provider
    from voipkit.registry import open_provider, provider_info, providers
    from voipkit.service import ConnectionService

    __version__: str

__all__ = [
    "Check",
    "ConnectionService",
    "CredentialTest",
    "HttpOptions",
    "ImportReport",
    "NameSuggestion",
    "NumberVerification",
    "Provider",
    "ProviderInfo",
    "ProviderNumber",
    "Route",
    "RoutingSnapshot",
    "__version__",
    "aio",
    "errors",
    "evidence",
    "open_provider",
    "provider_info",
    "providers",
]


def __getattr__(name: str) -> object:
    if name in _HOME:
        value: object = getattr(import_module(f"voipkit.{_HOME[name]}"), name)
    elif name in ("aio", "errors", "evidence", "providers"):
        value = import_module(f"voipkit.{name}")
    elif name == "__version__":
        from importlib.metadata import version

        value = version("voipkit")
    else:
        msg = f"module 'voipkit' has no attribute '{name}'"
        raise AttributeError(msg)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
