"""The objects of a simulated Plivo account, field by field as Plivo's SDK 4.63 and documentation name them.

Plain mutable dataclasses: a test changes what it likes.
"""

from __future__ import annotations

from dataclasses import dataclass, field

DIRECTIONS = ("inbound", "outbound")

# Far away on purpose: the sandbox has no clock, and a number whose renewal date is past reads as lost.
RENEWAL_DATE = "2046-01-05"

# Invented list prices: country name, dialling code, month of a local number, minute out, minute in; USD strings.
PRICES: dict[str, tuple[str, str, str, str, str]] = {
    "US": ("United States", "1", "0.80000", "0.01000", "0.00850"),
    "GB": ("United Kingdom", "44", "1.00000", "0.01200", "0.00500"),
    "IE": ("Ireland", "353", "1.50000", "0.01800", "0.00500"),
}


@dataclass(slots=True)
class Number:
    """Hold one owned number.

    Attributes:
        number: Digits with the country code and no "+", as Plivo writes them.
        app_id: Id of the application or inbound trunk that takes its calls.
        other_route: A resource URI that is neither of those two, such as a PHLO's; `app_id` wins over it.
        sub_account: Auth id of the subaccount that owns it; None is the main account.
        left_out: Keys that this number's record lacks, as not every record of the vendor's has every key.
    """

    number: str
    created: int
    app_id: str | None = None
    other_route: str | None = None
    alias: str | None = None
    number_type: str = "local"
    country: str = "United States"
    region: str = "California, UNITED STATES"
    city: str = "San Francisco"
    voice_enabled: bool = True
    sms_enabled: bool = True
    mms_enabled: bool = False
    monthly_rental_rate: str = "0.80000"
    voice_rate: str = "0.00850"
    active: bool = True
    sub_account: str | None = None
    carrier: str = "Plivo"
    renewal_date: str = RENEWAL_DATE
    compliance_status: str | None = None
    compliance_application_id: str | None = None
    cnam_lookup: str = "disabled"
    left_out: frozenset[str] = frozenset()

    @property
    def phone_number(self) -> str:
        """The number in E.164, as every simulated carrier's numbers have it."""
        return f"+{self.number}"


@dataclass(slots=True)
class Application:
    """Hold one voice application (XML); `default_app` is what the API takes as ``default_number_app``."""

    app_id: str
    app_name: str
    created: int
    answer_url: str = ""
    answer_method: str = "POST"
    hangup_url: str = ""
    hangup_method: str = "POST"
    fallback_answer_url: str = ""
    fallback_method: str = "POST"
    message_url: str = ""
    message_method: str = "POST"
    default_app: bool = False
    default_endpoint_app: bool = False
    log_incoming_messages: bool = True
    public_uri: bool = False
    enabled: bool = True
    sub_account: str | None = None


@dataclass(slots=True)
class Trunk:
    """Hold one Zentrunk trunk; an inbound one leads to a URI, an outbound one lets somebody in."""

    trunk_id: str
    name: str
    trunk_direction: str
    created: int
    trunk_status: str = "enabled"
    secure: bool = False
    primary_uri_uuid: str | None = None
    fallback_uri_uuid: str | None = None
    credential_uuid: str | None = None
    ipacl_uuid: str | None = None

    @property
    def trunk_domain(self) -> str:
        """The host that an outbound trunk is dialled at."""
        return f"{self.trunk_id}.zt.plivo.com"


@dataclass(slots=True)
class OriginationUri:
    """Hold one Zentrunk origination URI, e.g. ``pbx.example.com:5061;transport=tls``; its password is not kept."""

    uri_uuid: str
    name: str
    uri: str
    created: int
    authentication_needed: bool = False
    username: str | None = None


@dataclass(slots=True)
class Credential:
    """Hold one Zentrunk credential; its password is never answered, and not kept."""

    credential_uuid: str
    name: str
    username: str
    created: int


@dataclass(slots=True)
class AccessList:
    """Hold one Zentrunk IP access control list."""

    ipacl_uuid: str
    name: str
    created: int
    ip_addresses: list[str] = field(default_factory=list)


@dataclass(slots=True)
class CallerId:
    """Hold one verified caller id; `phone_number` carries the "+" here."""

    phone_number: str
    verification_uuid: str
    created: int
    alias: str = ""
    country: str = "US"


@dataclass
class Account:
    """Hold the account itself; ``developer`` is a trial."""

    auth_id: str
    auth_token: str
    name: str = "Acme Voice"
    account_type: str = "standard"
    billing_mode: str = "prepaid"
    cash_credits: str = "92.18550"
    auto_recharge: bool = False
    city: str = "San Francisco"
    state: str = "California"
    address: str = "1 Example Street"
    timezone: str = "America/Los_Angeles"
