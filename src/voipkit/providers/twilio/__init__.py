"""Twilio: `settings` is what to enter and what errors mean, `adapter` asks and writes, `checks` judges."""

from voipkit.providers.twilio.adapter import Twilio
from voipkit.providers.twilio.settings import INFO, RULES, TwilioCredentials, TwilioSip

__all__ = ["INFO", "RULES", "Twilio", "TwilioCredentials", "TwilioSip"]
