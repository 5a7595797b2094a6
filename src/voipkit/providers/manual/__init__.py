"""Any carrier's SIP trunk: `adapter` is the carrier; `settings`, `probing`, `checks` and `templates` are its parts."""

from voipkit.providers.manual.adapter import Manual
from voipkit.providers.manual.settings import INFO, ManualCredentials, ManualSipConfig
from voipkit.providers.manual.templates import TEMPLATES

__all__ = ["INFO", "TEMPLATES", "Manual", "ManualCredentials", "ManualSipConfig"]
