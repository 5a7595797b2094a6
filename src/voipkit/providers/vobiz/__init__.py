"""Vobiz: `settings` is what to enter and what errors mean, `api` asks and writes, `checks` judges, `adapter` joins."""

from voipkit.providers.vobiz.adapter import Vobiz
from voipkit.providers.vobiz.settings import INFO, RULES, VobizCredentials, VobizSip

__all__ = ["INFO", "RULES", "Vobiz", "VobizCredentials", "VobizSip"]
