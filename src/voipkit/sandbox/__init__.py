"""Simulated carriers: stateful HTTP APIs of Twilio, Telnyx and others, with faults and real incidents to order.

    from voipkit.sandbox import Fault, Sandbox

    box = Sandbox()
    status, headers, body = box.wire("GET", "https://api.telnyx.com/v2/balance", {"Authorization": "Bearer ..."})

    with box.serve() as url:              # http://127.0.0.1:40123, requests as <url>/api.twilio.com/2010-04-01/...
        box.twilio.seed_numbers(10_000)
        box.fail("twilio", "list_numbers", Fault.status(429, retry_after=1), calls=3)

The simulators are written from the carriers' OpenAPI documents and documentation pages, use the standard library
only, and know nothing of voipkit's adapters or of any SDK: what an adapter gets wrong, the sandbox does not get
wrong with it. `Sandbox.requests` shows what was asked, `Sandbox.writes` what was changed.
"""

from voipkit.sandbox._faults import Fault
from voipkit.sandbox._kernel import Recorded
from voipkit.sandbox.box import Sandbox
from voipkit.sandbox.cloudonix import Cloudonix
from voipkit.sandbox.incidents import INCIDENTS, Incident
from voipkit.sandbox.plivo import Plivo
from voipkit.sandbox.signalwire import SignalWire
from voipkit.sandbox.telnyx import Telnyx
from voipkit.sandbox.twilio import Twilio
from voipkit.sandbox.vobiz import Vobiz
from voipkit.sandbox.vonage import Vonage

__all__ = [
    "INCIDENTS",
    "Cloudonix",
    "Fault",
    "Incident",
    "Plivo",
    "Recorded",
    "Sandbox",
    "SignalWire",
    "Telnyx",
    "Twilio",
    "Vobiz",
    "Vonage",
]
