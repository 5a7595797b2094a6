"""Cloudonix: `adapter` is the carrier; `settings`, `api` and `checks` are its parts."""

from voipkit.providers.cloudonix.adapter import Cloudonix
from voipkit.providers.cloudonix.settings import INFO, RULES, CloudonixCredentials, CloudonixSip

__all__ = ["INFO", "RULES", "Cloudonix", "CloudonixCredentials", "CloudonixSip"]
