"""The objects of a simulated Telnyx account, field by field as in Telnyx's OpenAPI document.

Source: github:team-telnyx/openapi, 12de4dd of 2026-07-16. Plain mutable dataclasses: a test changes what it likes.
"""

from __future__ import annotations

from dataclasses import dataclass, field

KINDS = ("credential_connection", "fqdn_connection", "ip_connection", "call_control_application", "texml_application")

# Numbers in these states are no longer, or not yet, the account's (enum of PhoneNumberDetailed.status).
NOT_EDITABLE = frozenset({"deleted", "ported-out", "purchase-failed", "port-failed"})


@dataclass(slots=True)
class Number:
    """Hold one owned number; ``features`` is what ``POST /numbers_features`` says of it."""

    id: str
    phone_number: str
    created: int
    connection_id: str | None = None
    status: str = "active"
    country_iso_alpha2: str = "US"
    phone_number_type: str = "local"
    source_type: str = "number_order"
    tags: list[str] = field(default_factory=list)
    features: list[str] = field(default_factory=lambda: ["sms", "voice"])
    customer_reference: str | None = None
    billing_group_id: str | None = None
    external_pin: str | None = None
    emergency_address_id: str | None = None
    messaging_profile_id: str | None = None
    hd_voice_enabled: bool = False
    deletion_lock_enabled: bool = False
    call_forwarding_enabled: bool = True
    forwards_to: str = ""
    forwarding_type: str = "always"
    translated_number: str = ""
    tech_prefix_enabled: bool = False
    inbound_call_screening: str = "disabled"
    usage_payment_method: str = "pay-per-minute"


@dataclass(slots=True)
class Connection:
    """Hold one connection or voice application; its id is what a number's ``connection_id`` names.

    Attributes:
        kind: One of `KINDS`; the ``record_type`` at the carrier.
        webhook_event_url: Where a call-control application sends events; ``voice_url`` of a TeXML application.
        user_name: SIP user of a credential connection.
        registration: What ``check_registration_status`` says of a credential connection.
    """

    id: str
    kind: str
    name: str
    created: int
    active: bool = True
    outbound_voice_profile_id: str | None = None
    webhook_event_url: str | None = None
    tags: list[str] = field(default_factory=list)
    user_name: str = ""
    sip_uri_calling_preference: str = "disabled"
    registration: str = "Not Registered"
    transport_protocol: str = "UDP"


@dataclass(slots=True)
class OutboundProfile:
    """Hold one outbound voice profile; a connection without one cannot call out (SIP error D38)."""

    id: str
    name: str
    created: int
    enabled: bool = True
    whitelisted_destinations: list[str] = field(default_factory=lambda: ["US", "CA"])
    concurrent_call_limit: int | None = None
    daily_spend_limit: str = "50.00"
    daily_spend_limit_enabled: bool = False
    tags: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Fqdn:
    """Hold one host name of an FQDN connection."""

    id: str
    connection_id: str
    fqdn: str
    created: int
    port: int = 5060
    dns_record_type: str = "a"


@dataclass(slots=True)
class Ip:
    """Hold one address of an IP connection."""

    id: str
    connection_id: str
    ip_address: str
    created: int
    port: int = 5060


@dataclass(slots=True)
class Job:
    """Hold one batch update.

    Attributes:
        number_ids: The numbers it changes.
        changes: The changes, as sent.
        polls_left: How many more looks at it find it unfinished.
        applied: The changes have been made.
    """

    id: str
    number_ids: list[str]
    changes: dict[str, object]
    created: int
    polls_left: int = 1
    applied: bool = False

    @property
    def status(self) -> str:
        """The vendor's word for how far it is."""
        return "completed" if self.applied else "in_progress"


@dataclass
class Balance:
    """Hold the account's money; all amounts are strings in the account's currency."""

    balance: str = "250.00"
    credit_limit: str = "100.00"
    available_credit: str = "350.00"
    pending: str = "0.00"
    currency: str = "USD"
