"""The objects of a simulated Twilio account, field by field as in Twilio's OpenAPI documents.

Source: github:twilio/twilio-oai, d50069b of 2026-04-14. Plain mutable dataclasses: a test changes what it likes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from voipkit.sandbox._state import Shelf

DEMO_URL = "https://demo.twilio.com/welcome/voice/"
SMS_DEMO_URL = "https://demo.twilio.com/welcome/sms/reply"

# Edge locations and processing regions (twilio.com/docs/global-infrastructure, 2026-11-21).
EDGES = frozenset({"ashburn", "dublin", "sydney"})
REGIONS = frozenset({"us1", "ie1", "au1"})

# Countries of the dialing permissions; one row covers the United States and Canada (example of the voice document).
COUNTRIES: tuple[tuple[str, str, str, str], ...] = (
    ("AU", "Australia", "+61", "OCEANIA"), ("BR", "Brazil", "+55", "SOUTH_AMERICA"),
    ("DE", "Germany", "+49", "EUROPE"), ("ES", "Spain", "+34", "EUROPE"), ("FR", "France", "+33", "EUROPE"),
    ("GB", "United Kingdom", "+44", "EUROPE"), ("IE", "Ireland", "+353", "EUROPE"), ("IN", "India", "+91", "ASIA"),
    ("IT", "Italy", "+39", "EUROPE"), ("JP", "Japan", "+81", "ASIA"), ("MX", "Mexico", "+52", "NORTH_AMERICA"),
    ("NG", "Nigeria", "+234", "AFRICA"), ("NL", "Netherlands", "+31", "EUROPE"),
    ("NZ", "New Zealand", "+64", "OCEANIA"), ("PL", "Poland", "+48", "EUROPE"),
    ("SE", "Sweden", "+46", "EUROPE"), ("SG", "Singapore", "+65", "ASIA"),
    ("US", "United States/Canada", "+1", "NORTH_AMERICA"), ("ZA", "South Africa", "+27", "AFRICA"),
)  # fmt: skip
# Invented list prices; strings, as in the document's example although its schema says number.
PRICES: Mapping[str, tuple[str, tuple[tuple[str, str], ...]]] = {
    "US": ("United States", (("local", "1.15"), ("toll free", "2.15"))),
    "GB": ("United Kingdom", (("local", "1.15"), ("mobile", "1.15"), ("national", "1.15"), ("toll free", "2.15"))),
    "IE": ("Ireland", (("local", "1.50"), ("mobile", "5.00"), ("national", "1.50"))),
}


@dataclass(slots=True)
class Number:
    """Hold one owned number (api v2010, ``IncomingPhoneNumber``); "" means not set where Twilio says ""."""

    sid: str
    phone_number: str
    created: int
    friendly_name: str = ""
    capabilities: dict[str, bool] = field(
        default_factory=lambda: {"voice": True, "sms": True, "mms": True, "fax": False}
    )
    voice_url: str | None = DEMO_URL
    voice_method: str = "POST"
    voice_fallback_url: str | None = ""
    voice_fallback_method: str = "POST"
    voice_application_sid: str = ""
    trunk_sid: str | None = None
    voice_receive_mode: str = "voice"
    voice_caller_id_lookup: bool = False
    status_callback: str = ""
    status_callback_method: str = "POST"
    sms_url: str = SMS_DEMO_URL
    sms_method: str = "POST"
    sms_fallback_url: str = ""
    sms_fallback_method: str = "POST"
    sms_application_sid: str = ""
    address_requirements: str = "none"
    address_sid: str | None = None
    identity_sid: str | None = None
    bundle_sid: str | None = None
    emergency_status: str = "Inactive"
    emergency_address_sid: str | None = None
    emergency_address_status: str = "unregistered"
    status: str = "in-use"
    type: str | None = "local"
    origin: str = "twilio"
    beta: bool = False
    voice_region: str = "us1"


@dataclass(slots=True)
class Trunk:
    """Hold one Elastic SIP trunk (trunking v1)."""

    sid: str
    friendly_name: str
    created: int
    domain_name: str | None = None
    secure: bool = False
    transfer_mode: str = "disable-all"
    cnam_lookup_enabled: bool = False
    origination_urls: Shelf[OriginationUrl] = field(default_factory=Shelf)
    credential_lists: Shelf[NamedList] = field(default_factory=Shelf)
    ip_access_control_lists: Shelf[NamedList] = field(default_factory=Shelf)

    @property
    def auth_types(self) -> list[str]:
        """The ways in which callers of this trunk may prove who they are; empty means that nobody can."""
        pairs = (("IP_ACL", self.ip_access_control_lists), ("CREDENTIAL_LIST", self.credential_lists))
        return [name for name, lists in pairs if len(lists)]


@dataclass(slots=True)
class OriginationUrl:
    """Hold one place to which a trunk sends incoming calls."""

    sid: str
    sip_url: str
    created: int
    friendly_name: str = "voice server"
    enabled: bool = True
    weight: int = 10
    priority: int = 10


@dataclass(slots=True)
class NamedList:
    """Hold a SIP credential list or an IP access control list; what is on it is not simulated."""

    sid: str
    friendly_name: str
    created: int


@dataclass(slots=True)
class Application:
    """Hold one TwiML application (api v2010)."""

    sid: str
    friendly_name: str
    created: int
    voice_url: str = ""
    voice_method: str = "POST"


@dataclass(slots=True)
class CallerId:
    """Hold one verified caller id that is not an owned number."""

    sid: str
    phone_number: str
    created: int
    friendly_name: str = ""


@dataclass(slots=True)
class ApiKey:
    """Hold one API key.

    Attributes:
        kind: ``main`` may do everything, ``standard`` may not read /Accounts and /Keys, ``restricted`` may do
            what `allow` names, in us1 only (twilio.com/docs/iam/api-keys, 2026-11-21).
        region: The only region in which the key works.
        allow: Operation names a restricted key may use.
    """

    sid: str
    secret: str
    kind: str
    region: str
    allow: frozenset[str] = frozenset()


@dataclass
class Account:
    """Hold the account itself; ``owner_account_sid`` differs from ``sid`` on a sub-account."""

    sid: str
    auth_token: str
    owner_account_sid: str
    friendly_name: str = "Acme Voice"
    status: str = "active"
    type: str = "Full"
    balance: str = "48.37"
    currency: str = "USD"


def region_of(host: str) -> str:
    """Return the processing region that a host name stands for: ``api.dublin.ie1.twilio.com`` is in ie1."""
    label = host.split(".")[-3]
    return label if label in REGIONS else "us1"


@dataclass(slots=True)
class PlacedCall:
    """Hold one call that the account placed (api v2010, ``Call``); ``twiml`` is what an answered call is told."""

    sid: str
    called: str
    caller: str
    created: int
    twiml: str | None = None
    status: str = "queued"
