"""The objects of a simulated SignalWire project, field by field as in SignalWire's OpenAPI document.

Source: github:signalwire/docs, 668371b of 2026-08-21. Plain mutable dataclasses: a test changes what it likes.
"""

from __future__ import annotations

from dataclasses import dataclass, field

# What a number's calls may be handled by, and the field that says by which one exactly (UpdatePhoneNumberRequest).
HANDLERS = {
    "relay_script": "call_relay_script_url",
    "laml_webhooks": "call_request_url",
    "laml_application": "call_laml_application_id",
    "relay_application": "call_relay_application",
    "relay_topic": "call_relay_topic",
    "relay_context": "call_relay_context",
    "relay_connector": "call_relay_connector_id",
    "relay_sip_endpoint": "call_sip_endpoint_id",
    "relay_verto_endpoint": "call_verto_resource",
    "dialogflow": "call_dialogflow_agent_id",
    "video_room": "call_video_room_id",
}
# Answers may name these; an update may not, and they are assigned as a resource instead. Kind of resource -> handler.
RESOURCE_HANDLERS = {
    "sip_gateway": "sip_gateway",
    "ai_agent": "ai_agent",
    "call_flow": "call_flow",
    "call_queue": "call_queue",
    "subscriber": "fabric_subscriber",
    "swml_webhook": "relay_script",
    "cxml_webhook": "laml_webhooks",
    "cxml_application": "laml_application",
}


@dataclass(slots=True)
class Number:
    """Hold one number; ``settings`` has the ``call_...`` and ``message_...`` fields that are set."""

    id: str
    number: str
    created: int
    name: str | None = None
    capabilities: list[str] = field(default_factory=lambda: ["voice", "sms", "mms", "fax"])
    number_type: str = "longcode"
    country_code: str | None = "US"
    call_handler: str | None = None
    calling_handler_resource_id: str | None = None
    call_receive_mode: str = "voice"
    message_handler: str | None = None
    messaging_handler_resource_id: str | None = None
    updated: int = 0
    settings: dict[str, str] = field(default_factory=dict)

    @property
    def phone_number(self) -> str:
        """The number in E.164, under the name that it has at every carrier of the sandbox."""
        return self.number


@dataclass(slots=True)
class Resource:
    """Hold one Fabric resource that a number can lead to; only SIP gateways and cXML applications can be read.

    Attributes:
        id: The outer id, by which numbers and phone routes name it.
        kind: A key of `RESOURCE_HANDLERS`.
        name: Its display name.
        inner_id: The other id of a SIP gateway or cXML application; a number names the latter by it.
        address_id: The id of its Fabric address.
        uri: Where a SIP gateway sends calls, e.g. ``sip.example.com`` or ``user@sip.example.com``.
        url: Where a webhook or cXML application sends requests.
    """

    id: str
    kind: str
    name: str
    created: int
    inner_id: str = ""
    address_id: str = ""
    uri: str = ""
    url: str = ""
    encryption: str = "optional"
    ciphers: list[str] = field(default_factory=lambda: ["AEAD_AES_256_GCM_8", "AES_256_CM_HMAC_SHA1_80"])
    codecs: list[str] = field(default_factory=lambda: ["PCMU", "PCMA", "OPUS"])
    updated: int = 0


@dataclass(slots=True)
class SipEndpoint:
    """Hold one user of the SIP domain; both APIs show it, under the same id.

    Attributes:
        send_as: Caller ID of outgoing calls: an owned or verified number, or ``"random"``.
        call_handler: Who takes calls to this user (``/api/relay/rest/endpoints/sip``).
        outbound_policy: What calls it may make, under the same name ``call_handler`` in ``/api/fabric``:
            ``default``, ``passthrough``, ``block-pstn`` or ``resource``.
    """

    id: str
    username: str
    created: int
    caller_id: str | None = None
    send_as: str = "random"
    encryption: str = "default"
    ciphers: list[str] = field(default_factory=list)
    codecs: list[str] = field(default_factory=list)
    call_handler: str | None = None
    calling_handler_resource_id: str | None = None
    outbound_policy: str = "default"


@dataclass(slots=True)
class DomainApplication:
    """Hold one domain at which another carrier may deliver calls; without ``ip_auth`` anybody may."""

    id: str
    name: str | None
    identifier: str
    created: int
    user: str = "*"
    ip_auth_enabled: bool = True
    ip_auth: list[str] = field(default_factory=list)
    encryption: str = "optional"
    ciphers: list[str] = field(default_factory=list)
    codecs: list[str] = field(default_factory=list)
    call_handler: str | None = None
    calling_handler_resource_id: str | None = None


@dataclass(slots=True)
class CallerId:
    """Hold one number that is not owned and may be shown as caller ID once it is verified."""

    id: str
    number: str
    created: int
    name: str = ""
    verified: bool = True


@dataclass(slots=True)
class Project:
    """Hold the project that the token belongs to, or a subproject of it."""

    id: str
    name: str
    created: int
    parent_project_id: str | None = None
    region_preference: str = "us-east"


@dataclass
class SipProfile:
    """Hold the SIP settings of the project."""

    domain: str
    domain_identifier: str
    default_codecs: list[str] = field(default_factory=lambda: ["OPUS", "G722", "PCMU", "PCMA"])
    default_ciphers: list[str] = field(default_factory=lambda: ["AEAD_AES_256_GCM_8", "AES_256_CM_HMAC_SHA1_80"])
    default_encryption: str = "optional"
    default_send_as: str = "random"
