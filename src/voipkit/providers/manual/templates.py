"""What carriers publish of their SIP termination: where to send calls, and where calls come from.

Data, not code. Every entry names the pages that it was read from and the day; what no page of the carrier's own
confirmed is in ``unverified``. Pages were read in a stored copy: no carrier is reachable where this was written.
"""

from __future__ import annotations

from datetime import date

from voipkit.models import FormTemplate, Source

__all__ = ["TEMPLATES"]

_READ = date(2026, 11, 21)
_PORTS = {"udp": 5060, "tcp": 5060, "tls": 5061}


def _source(url: str, says: str) -> Source:
    return Source(url=url, read_on=_READ, says=says)


# --- Twilio ----------------------------------------------------------------------------------------------------------

_TWILIO = FormTemplate(
    id="twilio",
    label="Twilio Elastic SIP Trunking",
    credentials={"host": "{trunk}.pstn.twilio.com", "transport": "tls"},
    sip_config={"domain": "{trunk}.pstn.twilio.com"},
    blanks={"trunk": "the first part of the trunk's Termination SIP URI: acme of acme.pstn.twilio.com"},
    transports=_PORTS,
    networks=(
        "54.172.60.0/30", "54.244.51.0/30", "54.171.127.192/30", "35.156.191.128/30", "54.65.63.192/30",
        "54.169.127.128/30", "54.252.254.64/30", "177.71.206.192/30",
    ),
    notes=(
        "The user name and password are those of a credential list of the trunk, not the account's.",
        "The host of the Request-URI must be the trunk's own domain: Twilio knows the trunk by it.",
    ),
    sources=(
        _source(
            "https://www.twilio.com/docs/sip-trunking/api/trunk-resource",
            "a trunk's domain_name ends with pstn.twilio.com",
        ),
        _source(
            "https://www.twilio.com/docs/sip-trunking/sending-sip-to-twilio-best-practices",
            "the Request-URI holds the trunk's domain; localised form {trunk}.pstn.{edge}.twilio.com",
        ),
        _source(
            "https://docs.cloud.google.com/contact-center/ccai-platform/docs/byoc-ip-allow-list",
            "signalling of North America: 54.172.60.0/30 and 54.244.51.0/30",
        ),
    ),
    unverified=(
        "The addresses outside North America: copies of Twilio's page (/docs/sip-trunking/ip-addresses) agree on them.",
        "Ports 5060 (UDP, TCP) and 5061 (TLS): as above.",
        "That a trunk takes no REGISTER: the credentials are then proved by an INVITE.",
    ),
)  # fmt: skip

# --- Telnyx ----------------------------------------------------------------------------------------------------------

_TELNYX_PAGES = (
    _source("https://sipdev.telnyx.com/", "the regions' host names and addresses; NAPTR, SRV and A records"),
    _source(
        "https://developers.telnyx.com/docs/voice/sip-trunking/network-configuration/ip-whitelisting",
        "signalling on 5060 (UDP, TCP) and 5061 (TLS)",
    ),
)
_TELNYX_DOUBT = (
    "The addresses: https://developers.telnyx.com/docs/voice/sip-trunking/routing/failover-and-retries, read the same "
    "day, names others for Europe, Canada and Australia."
)


def _telnyx(region: str, label: str, host: str, *addresses: str, sure: bool = False) -> FormTemplate:
    return FormTemplate(
        id=f"telnyx-{region}",
        label=f"Telnyx, {label}",
        credentials={"host": host, "transport": "tls"},
        sip_config={"domain": host},
        transports=_PORTS,
        networks=tuple(f"{address}/32" for address in addresses),
        notes=("The user name and password are those of a credentials connection.",),
        sources=_TELNYX_PAGES,
        unverified=() if sure else (_TELNYX_DOUBT,),
    )


# --- the others ------------------------------------------------------------------------------------------------------

_SIGNALWIRE = FormTemplate(
    id="signalwire",
    label="SignalWire SIP endpoint",
    credentials={"host": "{domain}.sip.signalwire.com"},
    sip_config={"domain": "{domain}.sip.signalwire.com"},
    blanks={"domain": "the first part of the domain in your space's SIP profile, such as acme-1a2b3c4d5e6f"},
    transports=_PORTS,
    notes=("The user name and password are those of a SIP endpoint, whose outbound policy decides on calls.",),
    sources=(
        _source(
            "https://developer.signalwire.com/rest/signalwire-rest/endpoints/space/sip-profile/",
            "a space has a SIP profile; SignalWire's OpenAPI document shows domains below sip.signalwire.com",
        ),
        _source(
            "https://developer.signalwire.com/voice/sip/get-started/",
            "a SIP endpoint has an address, a password, a caller ID and an outbound call handler",
        ),
    ),
    unverified=(
        "Ports 5060 and 5061: SIP's own (RFC 3261 section 19.1.2); no page that was found names SignalWire's.",
        "SignalWire's addresses: no page that was found names them.",
    ),
)

_VONAGE = tuple(
    FormTemplate(
        id=f"vonage-{region}",
        label=f"Vonage SIP trunking, {label}",
        credentials={"host": f"{{domain}}.sip-{region}.vonage.com"},
        sip_config={"domain": f"{{domain}}.sip-{region}.vonage.com"},
        blanks={"domain": "the trunk's domain name, as in the SIP dashboard"},
        transports=_PORTS,
        networks=tuple(f"216.147.{third}.{last}/32" for third in range(6) for last in (1, 2)),
        notes=("Called and calling numbers are E.164; a trunk has credentials or an access control list.",),
        sources=(
            _source(
                "https://developer.vonage.com/en/sip/technical-details",
                "{domain}.sip-us.vonage.com; digest authentication or an access control list; E.164 in From",
            ),
            _source(
                "https://docs.cloud.google.com/contact-center/ccai-platform/docs/byoc-ip-allow-list",
                "signalling from 216.147.0.1 to 216.147.5.2",
            ),
        ),
        unverified=(
            "Ports 5060 and 5061, and TLS: SIP's own (RFC 3261 section 19.1.2); no page that was found names them.",
            "The addresses: from a page of Google's, not of Vonage's.",
        ),
    )
    for region, label in (("us", "Americas"), ("eu", "Europe, Middle East, Africa"), ("ap", "Asia Pacific"))
)

_PLIVO = FormTemplate(
    id="plivo",
    label="Plivo Zentrunk",
    credentials={"host": "{trunk}.zt.plivo.com"},
    sip_config={"domain": "{trunk}.zt.plivo.com"},
    blanks={"trunk": "the trunk's id: the first part of its termination domain"},
    transports=_PORTS,
    notes=(
        "Zentrunk takes no REGISTER: the credentials are proved by an INVITE.",
        "TLS wants secure trunking to be on, which is off by default.",
        "Calls of 0 seconds cost 0.005 USD each where they are more than 20 % of a month's calls.",
    ),
    sources=(
        _source(
            "https://docs.plivo.com/docs/sip-trunking/concepts/technical-specifications",
            "methods, ports 5060 and 5061, credentials or an access control list, surcharge for abandoned calls",
        ),
        _source(
            "https://docs.plivo.com/docs/sip-trunking/api/trunks", "a trunk_domain such as 21784177241578.zt.plivo.com"
        ),
    ),
    unverified=("Plivo's addresses: no page that was found names them.",),
)

TEMPLATES: tuple[FormTemplate, ...] = (
    _TWILIO,
    _telnyx("us", "United States", "sip.telnyx.com", "192.76.120.10", "64.16.250.10", sure=True),
    _telnyx("eu", "Europe", "sip.telnyx.eu", "185.246.41.140", "185.246.41.141"),
    _telnyx("au", "Australia", "sip.telnyx.com.au", "103.115.244.145", "103.115.244.146"),
    _telnyx("ca", "Canada", "sip.telnyx.ca", "192.76.120.31", "64.16.250.13"),
    _SIGNALWIRE,
    *_VONAGE,
    _PLIVO,
)
"""The templates, the carriers in the order of DESIGN section 1."""
