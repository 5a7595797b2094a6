"""Named incidents: things that really happened to people, as one call.

``box.incident("telnyx-d38")`` puts the sandbox into the state that somebody reported, so that a test can ask
what a library says about it.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from voipkit.sandbox._faults import Fault

if TYPE_CHECKING:
    from voipkit.sandbox.box import Sandbox

# Four pages at each carrier's largest page size.
_FOUR_PAGES = {
    "twilio": 3 * 1000 + 1,
    "telnyx": 3 * 250 + 1,
    "signalwire": 3 * 1000 + 1,
    "vonage": 3 * 100 + 1,
    "plivo": 3 * 20 + 1,
    "vobiz": 3 * 100 + 1,
}


@dataclass(frozen=True)
class Incident:
    """Describe one incident.

    Attributes:
        name: Its name.
        carriers: The carriers that it happens to.
        summary: One sentence.
        apply: Puts a sandbox into that state.
    """

    name: str
    carriers: tuple[str, ...]
    summary: str
    apply: Callable[[Sandbox], None]


INCIDENTS: dict[str, Incident] = {}


def _incident(name: str, *carriers: str) -> Callable[[Callable[[Sandbox], None]], Callable[[Sandbox], None]]:
    """Enter the decorated function into `INCIDENTS`; the first line of its docstring is the summary."""

    def enter(apply: Callable[[Sandbox], None]) -> Callable[[Sandbox], None]:
        summary = (inspect.getdoc(apply) or "").partition("\n")[0]
        INCIDENTS[name] = Incident(name, carriers, summary, apply)
        return apply

    return enter


@_incident("telnyx-d38", "telnyx")
def _telnyx_d38(box: Sandbox) -> None:
    """The connections have no outbound voice profile, so every outgoing call ends in SIP error D38.

    Telnyx, "SIP response codes": D38 is a connection without an outbound voice profile. The key is good, inbound
    calls work, and one direction is dead.
    """
    for connection in box.telnyx.connections:
        connection.outbound_voice_profile_id = None


@_incident("twilio-wrong-region-401", "twilio")
def _twilio_wrong_region(box: Sandbox) -> None:
    """The credentials belong to region ie1, and are refused with 401, code 20003, everywhere else.

    Twilio, "Global Infrastructure": auth tokens and API keys are issued per region, and a token of another region
    is answered just like a wrong one.
    """
    box.twilio.region = "ie1"


@_incident("twilio-test-credentials", "twilio")
def _twilio_test_credentials(box: Sandbox) -> None:
    """The credentials are Twilio's test credentials: 403, code 20008, on everything but three POSTs.

    twilio-php#251 and #213, twilio-ruby#69 and #121, twilio-node#125; Twilio, "Test credentials". The three POSTs
    (buy a number, send a message, make a call) are not simulated.
    """
    box.twilio.test_credentials = True


@_incident("number-on-foreign-trunk", "twilio", "telnyx", "signalwire", "vonage", "plivo", "vobiz", "cloudonix")
def _number_on_foreign_trunk(box: Sandbox) -> None:
    """The first number is already attached to a trunk or connection that somebody else uses.

    Import tools that overwrite a live number's routing are the most feared side effect in the threads; here the
    other trunk belongs to another team of the same account. Cloudonix has no trunk behind a number: there it is
    another team's application. SignalWire's trunk is a SIP gateway; Vonage's number forwards to a SIP address.
    """
    trunk = box.twilio.add_trunk("Front desk PBX", domain_name="front-desk.pstn.twilio.com")
    box.twilio.add_origination_url(trunk, "sip:desk.example.net")
    if len(box.twilio.numbers):
        box.twilio.numbers[0].trunk_sid = trunk.sid
    connection = box.telnyx.add_connection("ip_connection", "Front desk PBX")
    box.telnyx.add_ip(connection, "192.0.2.44")
    if len(box.telnyx.numbers):
        box.telnyx.numbers[0].connection_id = connection.id
    gateway = box.signalwire.add_gateway("Front desk PBX", "desk.example.net")
    for number in box.signalwire.numbers[:1]:
        box.signalwire.route(number, gateway)
    for forwarded in box.vonage.numbers[:1]:
        forwarded.settings |= {"voiceCallbackType": "sip", "voiceCallbackValue": "sip:desk@desk.example.net"}
    uri = box.plivo.add_origination_uri("desk.example.net", "Front desk PBX")
    zentrunk = box.plivo.add_trunk("inbound", "Front desk PBX", primary_uri_uuid=uri.uri_uuid)
    if len(box.plivo.numbers):
        box.plivo.numbers[0].app_id = zentrunk.trunk_id
    group = box.vobiz.add_trunk("inbound", "Front desk PBX")
    if len(box.vobiz.numbers):
        box.vobiz.numbers[0].trunk_group_id = group.trunk_id
    desk = box.cloudonix.add_application("front-desk-pbx", url="https://desk.example.net/cxml")
    if len(box.cloudonix.numbers):
        box.cloudonix.numbers[0].application_id = desk.id


@_incident("page-3-times-out", "twilio", "telnyx", "signalwire", "vonage", "plivo", "vobiz")
def _page_3_times_out(box: Sandbox) -> None:
    """The listing of numbers has four pages or more, and the third never answers.

    Tools that show the first page only, or that take a broken listing for a complete one, are a top complaint.
    The pages are counted at the carriers' largest page sizes, from 20 (Plivo) to 1000.
    """
    box.twilio.seed_numbers(max(0, _FOUR_PAGES["twilio"] - len(box.twilio.numbers)))
    box.telnyx.seed_numbers(max(0, _FOUR_PAGES["telnyx"] - len(box.telnyx.numbers)))
    box.signalwire.seed_numbers(max(0, _FOUR_PAGES["signalwire"] - len(box.signalwire.numbers)))
    box.vonage.seed_numbers(max(0, _FOUR_PAGES["vonage"] - len(box.vonage.numbers)))
    box.plivo.seed_numbers(max(0, _FOUR_PAGES["plivo"] - len(box.plivo.numbers)))
    box.vobiz.seed_numbers(max(0, _FOUR_PAGES["vobiz"] - len(box.vobiz.numbers)))
    for carrier in ("twilio", "signalwire", "vonage", "plivo", "vobiz"):
        box.fail(carrier, "list_numbers", Fault.timeout(), page=3)
    for operation in ("list_numbers", "list_numbers_slim", "list_voice"):
        box.fail("telnyx", operation, Fault.timeout(), page=3)


@_incident("429-without-retry-after", "twilio", "telnyx", "signalwire", "vonage", "plivo", "vobiz", "cloudonix")
def _too_many_requests(box: Sandbox) -> None:
    """Every request is answered 429 with no Retry-After header.

    Twilio's page on error 20429 asks for backoff, and no header is known to go with it; Telnyx sends
    x-ratelimit-reset (in seconds) instead, which its own SDK 4.189 does not read. Plivo's and Vobiz's SDKs drop the
    body and the headers of a 429; Cloudonix documents 10 requests in 3 seconds, and no header.
    """
    for carrier in ("twilio", "telnyx", "signalwire", "vonage", "plivo", "vobiz", "cloudonix"):
        box.fail(carrier, "*", Fault.status(429))


@_incident("empty-account", "twilio", "telnyx", "signalwire", "vonage", "plivo", "vobiz", "cloudonix")
def _empty_account(box: Sandbox) -> None:
    """The account is good and owns no number.

    A listing with no rows is an answer and not a failure, even where it is a 404 (Cloudonix).
    """
    box.twilio.numbers.clear()
    box.telnyx.numbers.clear()
    box.signalwire.numbers.clear()
    box.vonage.numbers.clear()
    box.plivo.numbers.clear()
    box.vobiz.numbers.clear()
    box.cloudonix.numbers.clear()


@_incident("trial-account", "twilio", "plivo", "vobiz")
def _trial_account(box: Sandbox) -> None:
    """The account is a trial: it can call verified numbers only.

    Twilio, "Free trial limitations": one number, one trunk, four concurrent calls; call error 32100. Plivo calls such
    an account ``developer``. A Vobiz trial has a flag, and here no money.
    """
    box.twilio.account.type = "Trial"
    for number in box.twilio.numbers[1:]:
        box.twilio.numbers.remove(number.sid)
    box.plivo.account.account_type = "developer"
    box.vobiz.account.is_trial_account, box.vobiz.account.balance = True, 0


@_incident("suspended-account", "twilio", "telnyx", "vobiz")
def _suspended_account(box: Sandbox) -> None:
    """The carrier has suspended the account.

    Twilio documents 401, code 20003, for a suspended account (unverified live; `Twilio.suspended_can_read` gives
    the other reading). Telnyx documents no status for it: writes answer 403, code 10010, and the credit is gone
    (SIP error D19). Vobiz answers everything with 403, ACCOUNT_INACTIVE.
    """
    box.twilio.account.status = "suspended"
    box.telnyx.balance.balance = "-105.00"
    box.telnyx.balance.available_credit = "-5.00"
    box.telnyx.forbidden |= {"update_number", "update_voice", "create_job"}
    box.vobiz.account.is_active = False


@_incident("signalwire-token-without-scope", "signalwire")
def _signalwire_token_without_scope(box: Sandbox) -> None:
    """The token is good and has the scope Numbers only; for everything else it is answered 401, like a wrong one.

    SignalWire, "API credentials": a 401 may be a missing scope. Its page on error codes says 403 instead
    (`SignalWire.missing_scope_status`).
    """
    box.signalwire.scopes = {"numbers"}


@_incident("vonage-empty-inventory", "vonage")
def _vonage_empty_inventory(box: Sandbox) -> None:
    """The account owns no number, and the listing answers ``{}``: neither a count nor a list.

    A client that reads ``numbers`` or ``count`` without a look fails on every new account.
    """
    box.vonage.numbers.clear()


@_incident("vonage-401-inside-200", "vonage")
def _vonage_401_inside_200(box: Sandbox) -> None:
    """The secret was revoked, and rest.nexmo.com says so with HTTP 200 and ``error-code`` 401 in the body.

    vonage-numbers 1.0.5 looks for ``numbers`` only, finds none, and gives back an empty account.
    """
    box.vonage.secret_revoked = True
    box.vonage.unauthorized_status = 200
