"""The objects of a simulated Vobiz account, field by field as Vobiz's documentation names them (August 2026).

Plain mutable dataclasses: a test changes what it likes.
"""

from __future__ import annotations

from dataclasses import dataclass, field

DIRECTIONS = ("inbound", "outbound")


@dataclass(slots=True)
class Number:
    """Hold one owned number.

    Attributes:
        account_id: Auth id of the account or sub-account that owns it.
        application_id: The application that takes its calls; the key is absent from the record when unset.
        trunk_group_id: The trunk that takes its calls; likewise. Both may be set, and which wins is not documented.
        status: ``active``, ``pending_purchase``, ``pending_release``, ``released`` or ``blocked``.
        monthly_fee: Amount in `currency`, a JSON number and not a string.
    """

    id: str
    account_id: str
    e164: str
    created: int
    application_id: str | None = None
    trunk_group_id: str | None = None
    status: str = "active"
    country: str = "IN"
    region: str = "Karnataka"
    capabilities: dict[str, bool] = field(
        default_factory=lambda: {"voice": True, "sms": False, "mms": False, "fax": False}
    )
    provider: str = "vobiz"
    setup_fee: float = 0
    monthly_fee: float = 500
    currency: str = "INR"
    voice_enabled: bool = True
    tags: list[str] | None = field(default_factory=list)
    is_blocked: bool = False
    is_trial_number: bool = False
    minimum_commitment_months: int = 0
    aadhaar_verification_required: bool = False
    aadhaar_verified: bool = False
    source: str = "inventory"

    @property
    def phone_number(self) -> str:
        """The number in E.164, as every simulated carrier's numbers have it."""
        return self.e164


@dataclass(slots=True)
class Application:
    """Hold one voice application."""

    app_id: str
    app_name: str
    created: int
    answer_url: str = ""
    answer_method: str = "POST"
    hangup_url: str = ""
    hangup_method: str = "POST"
    fallback_answer_url: str = ""
    fallback_method: str = "POST"
    enabled: bool = True
    default_app: bool = False


@dataclass(slots=True)
class Trunk:
    """Hold one SIP trunk; it has one direction.

    Attributes:
        trunk_status: ``enabled`` or ``disabled``; some answers are said to spell on as ``active``.
        live_calls: Calls in progress; with any, the trunk cannot be deleted.
    """

    trunk_id: str
    name: str
    trunk_direction: str
    created: int
    trunk_status: str = "enabled"
    secure: bool = False
    transport: str = "udp"
    concurrent_calls_limit: int = 10
    cps_limit: int = 2
    primary_uri_uuid: str | None = None
    credential_uuid: str | None = None
    ipacl_uuid: str | None = None
    live_calls: int = 0

    @property
    def trunk_domain(self) -> str:
        """The host that an outbound trunk is dialled at."""
        return f"{self.trunk_id[:8]}.sip.vobiz.ai"


@dataclass(slots=True)
class Credential:
    """Hold one SIP credential; its password is never answered, and not kept."""

    id: str
    username: str
    created: int
    enabled: bool = True


@dataclass(slots=True)
class OriginationUri:
    """Hold one origination URI: sent as ``sip_uri``, answered as ``uri``."""

    id: str
    name: str
    uri: str
    created: int
    priority: int = 1
    weight: int = 10
    enabled: bool = True
    transport: str = "udp"


@dataclass(slots=True)
class AccessRule:
    """Hold one entry of the IP access control list."""

    id: str
    name: str
    ip_address: str
    created: int
    enabled: bool = True


@dataclass
class Account:
    """Hold the account itself; money is in `currency`, as JSON numbers."""

    auth_id: str
    auth_token: str
    name: str = "Acme Voice"
    company: str = "Acme Voice Pvt Ltd"
    email: str = "voice@example.com"
    country: str = "IN"
    enabled: bool = True
    is_active: bool = True
    is_verified: bool = True
    is_trial_account: bool = False
    postpaid: bool = False
    cps_limit: int = 2
    concurrent_calls_limit: int = 10
    credit_limit: float = 0
    currency: str = "INR"
    balance: float = 4250.75
    reserved_funds: float = 0
