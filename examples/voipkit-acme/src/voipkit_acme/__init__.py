"""Acme for voipkit: `adapter` is the carrier; `settings` and `checks` are its parts; `simulator` stands in for Acme."""

from voipkit_acme.adapter import Acme
from voipkit_acme.settings import INFO, RULES, AcmeCredentials

__all__ = ["INFO", "RULES", "Acme", "AcmeCredentials"]
