"""The pytest plugin that comes with voipkit: one fixture, loaded by pytest itself.

Every pytest run in an environment with voipkit loads this module, so it imports nothing heavy.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from voipkit.sandbox import Sandbox


@pytest.fixture
def voipkit_sandbox() -> Sandbox:
    """Return a fresh sandbox: both carriers with their default accounts, no faults, an empty journal."""
    from voipkit.sandbox import Sandbox

    return Sandbox()
