"""One carrier, one module, read from top to bottom. Carriers never import each other; the registry finds them.

This package can be called: ``voipkit.providers()`` lists the installed carriers. The function and the package have the
same name (DESIGN fixes both), and importing any carrier puts the package where the function was.
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from voipkit.models import ProviderInfo


class _Providers(ModuleType):
    def __call__(self) -> tuple[ProviderInfo, ...]:
        """Describe every installed carrier; see `voipkit.registry.providers`."""
        # By name: carriers and the registry are strangers to each other (import-linter holds them to it).
        listed: tuple[ProviderInfo, ...] = import_module("voipkit.registry").providers()
        return listed


sys.modules[__name__].__class__ = _Providers
