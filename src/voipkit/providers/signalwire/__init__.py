"""SignalWire: `settings` is what to enter and what errors mean, `adapter` asks and writes, `checks` judges."""

from voipkit.providers.signalwire.adapter import SignalWire
from voipkit.providers.signalwire.settings import INFO, RULES, SignalWireCredentials, SignalWireSip

__all__ = ["INFO", "RULES", "SignalWire", "SignalWireCredentials", "SignalWireSip"]
