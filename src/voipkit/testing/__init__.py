"""Help for tests of code that uses voipkit, and the conformance kit for those who write a carrier.

`ProviderTests` is the contract; a carrier's whole test file is a class of it with one fixture, ``account``, that
returns an `Account`. `SandboxAccount` is one for each carrier that the sandbox simulates, `FaultyWire` helps to write
another. docs/conformance.md says more.

`StoreTests` is the same for those who write a store: one fixture, ``store``.

pytest loads `voipkit.testing.plugin` by itself wherever voipkit is installed, so importing this package loads nothing.
"""

from __future__ import annotations

import importlib
from importlib.util import find_spec
from typing import TYPE_CHECKING

from voipkit.errors import MissingExtra

if TYPE_CHECKING:
    from voipkit.testing.accounts import Account, CannotArrange, Kind
    from voipkit.testing.contract import ProviderTests
    from voipkit.testing.faulty import FaultyWire
    from voipkit.testing.sandboxed import SandboxAccount
    from voipkit.testing.stores import StoreTests

__all__ = ["Account", "CannotArrange", "FaultyWire", "Kind", "ProviderTests", "SandboxAccount", "StoreTests"]

_HOMES = {
    "Account": "accounts",
    "CannotArrange": "accounts",
    "FaultyWire": "faulty",
    "Kind": "accounts",
    "ProviderTests": "contract",
    "SandboxAccount": "sandboxed",
    "StoreTests": "stores",
}
_WITH_PYTEST = ("ProviderTests", "StoreTests")


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    if name in _WITH_PYTEST and find_spec("pytest") is None:
        raise MissingExtra("The conformance kit needs pytest.", fix="pip install 'voipkit[test]'")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
