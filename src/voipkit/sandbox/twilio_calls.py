"""Calls that a simulated Twilio account places (api v2010, ``Call``): as many as it takes to see a number called.

A placed call rings, and ends as `Twilio.on_call` says. What is not simulated: audio, TwiML beyond the hang-up that
follows an answer, callbacks, and the SIP side.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from voipkit.sandbox._faults import Json
from voipkit.sandbox._kernel import CREATED, OK, Call, Reply
from voipkit.sandbox._state import rfc2822
from voipkit.sandbox.twilio_replies import ROUTES
from voipkit.sandbox.twilio_state import PlacedCall

if TYPE_CHECKING:
    from voipkit.sandbox.twilio import Twilio

__all__ = ["ENDED"]

ENDED = frozenset({"busy", "failed", "no-answer", "canceled", "completed"})
_CALLS = "/2010-04-01/Accounts/{account_sid}/Calls"
_SUBRESOURCES = (
    "Notifications", "Recordings", "Payments", "Events", "Siprec", "Streams", "Transcriptions",
    "UserDefinedMessageSubscriptions", "UserDefinedMessages",
)  # fmt: skip


@ROUTES("create_call", "POST", "api", _CALLS + ".json", write=True)
def _create_call(twilio: Twilio, call: Call) -> Reply:
    sent = call.form()
    called, caller = sent.get("To", ""), sent.get("From", "")
    if not called or not caller or not {"Url", "Twiml", "ApplicationSid"} & sent.keys():
        return twilio.refuse(400, 21205, "Url parameter is required.")
    owned = {number.phone_number for number in twilio.numbers} | {item.phone_number for item in twilio.caller_ids}
    if caller not in owned:
        text = f"The source phone number provided, {caller}, is not yet verified for your account."
        return twilio.refuse(400, 21210, text)
    placed = PlacedCall(twilio.mint.sid("CA"), called, caller, twilio.mint.tick(), sent.get("Twiml"))
    twilio.calls.add(placed.sid, placed)
    return Reply(CREATED, _record(twilio, placed))


@ROUTES.get("call", "api", _CALLS + "/{sid}.json")
def _get_call(twilio: Twilio, call: Call) -> Reply:
    """Let the call go one step further each time it is looked at: queued, ringing, ended."""
    placed = twilio.calls.get(call.args["sid"])
    if placed is None:
        return twilio.refuse(404)
    if placed.status == "queued":
        placed.status = "ringing"
    elif placed.status == "ringing":
        placed.status = twilio.on_call(placed)
    return Reply(OK, _record(twilio, placed))


@ROUTES("update_call", "POST", "api", _CALLS + "/{sid}.json", write=True)
def _update_call(twilio: Twilio, call: Call) -> Reply:
    placed, wanted = twilio.calls.get(call.args["sid"]), call.form().get("Status")
    if placed is None:
        return twilio.refuse(404)
    if wanted not in ("canceled", "completed"):
        return twilio.refuse(400, 20001, "Status must be canceled or completed")
    if placed.status in ENDED:
        return twilio.refuse(400, 21220, "Call is not in-progress. Cannot redirect.")
    placed.status = "canceled" if placed.status in ("queued", "ringing") else "completed"
    return Reply(OK, _record(twilio, placed))


def _record(twilio: Twilio, call: PlacedCall) -> Json:
    base = f"/2010-04-01/Accounts/{twilio.account.sid}/Calls/{call.sid}"
    when, answered = rfc2822(call.created), call.status == "completed"
    return {
        "sid": call.sid,
        "account_sid": twilio.account.sid,
        "answered_by": None,
        "api_version": "2010-04-01",
        "caller_name": None,
        "date_created": when,
        "date_updated": when,
        "direction": "outbound-api",
        "duration": ("1" if answered else "0") if call.status in ENDED else None,
        "end_time": when if call.status in ENDED else None,
        "forwarded_from": None,
        "from": call.caller,
        "from_formatted": call.caller,
        "group_sid": None,
        "parent_call_sid": None,
        "phone_number_sid": next((n.sid for n in twilio.numbers if n.phone_number == call.caller), None),
        "price": "-0.01400" if answered else None,
        "price_unit": "USD",
        "queue_time": "0",
        "start_time": when if call.status in ENDED else None,
        "status": call.status,
        "subresource_uris": {_snake(name): f"{base}/{name}.json" for name in _SUBRESOURCES},
        "to": call.called,
        "to_formatted": call.called,
        "trunk_sid": None,
        "uri": base + ".json",
    }


def _snake(name: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()
