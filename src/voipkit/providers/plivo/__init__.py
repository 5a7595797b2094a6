"""Plivo: `settings` is what to enter and what errors mean, `api` asks and writes, `checks` judges, `adapter` joins."""

from voipkit.providers.plivo.adapter import Plivo
from voipkit.providers.plivo.settings import INFO, RULES, PlivoCredentials, PlivoSip

__all__ = ["INFO", "RULES", "Plivo", "PlivoCredentials", "PlivoSip"]
