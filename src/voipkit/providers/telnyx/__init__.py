"""Telnyx: `adapter` is the carrier; `settings`, `api` and `checks` are its parts."""

from voipkit.providers.telnyx.adapter import Telnyx
from voipkit.providers.telnyx.settings import INFO, RULES, TelnyxCredentials, TelnyxSipConfig

__all__ = ["INFO", "RULES", "Telnyx", "TelnyxCredentials", "TelnyxSipConfig"]
