"""Vonage: `settings` is what to enter and what errors mean, `api` asks, `checks` judges, `adapter` is the carrier."""

from voipkit.providers.vonage.adapter import Vonage
from voipkit.providers.vonage.settings import INFO, RULES, VonageCredentials, VonageSip

__all__ = ["INFO", "RULES", "Vonage", "VonageCredentials", "VonageSip"]
