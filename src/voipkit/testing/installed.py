"""Finding the simulated account of an installed carrier: the sandbox's, or the one that its distribution offers."""

from __future__ import annotations

from importlib import metadata

from voipkit.errors import BrokenProvider, ConfigurationError
from voipkit.testing.accounts import Account
from voipkit.testing.sandboxed import SandboxAccount, simulated_carriers

__all__ = ["GROUP", "account_of"]

GROUP = "voipkit.accounts"
"""Entry-point group in which a distribution offers a carrier's `Account`: the name, and a callable with no argument."""


def account_of(carrier: str) -> Account:
    """Make a fresh simulated account.

    Args:
        carrier: The carrier's name in the registry.

    Raises:
        ConfigurationError: Nobody offers one.
        BrokenProvider: The one on offer cannot be made.
    """
    offered = [point for point in metadata.entry_points(group=GROUP) if point.name == carrier]
    if not offered:
        if carrier in simulated_carriers():
            return SandboxAccount(carrier)
        raise ConfigurationError(
            f"Nobody offers a simulated account of '{carrier}', so the contract cannot be tried on it.",
            fix=f"Its distribution can offer one as entry point '{carrier}' of the group '{GROUP}' "
            "(docs/conformance.md); or run its own tests.",
        )
    try:
        account: Account = offered[0].load()()
    except Exception as error:
        raise BrokenProvider(
            f"The simulated account of '{carrier}' cannot be made: {type(error).__name__}: {error}",
            fix="Report it to the author of the distribution.",
        ) from error
    return account
