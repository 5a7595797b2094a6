"""What a user types in for a SIP trunk. Nothing is resolved and nothing is sent for any of it."""

from __future__ import annotations

from typing import Self

from pydantic import SecretStr, field_validator, model_validator
from pydantic_core import PydanticCustomError

from voipkit.adapting.numbers import e164
from voipkit.addresses import host_name
from voipkit.errors import ConfigurationError, InvalidNumber
from voipkit.models import ProviderInfo, Settings, SetupMethod, setting
from voipkit.providers.manual.templates import TEMPLATES

__all__ = ["INFO", "ManualCredentials", "ManualSipConfig"]

_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
# RFC 1123 section 2.1, with at least one letter in the last label: getaddrinfo reads "127.1" and "0x7f.1" as addresses.
_NAME = rf"(?:{_LABEL}\.)*(?=[A-Za-z0-9-]*[A-Za-z])(?!0[xX]){_LABEL}\.?"
_IPV4 = r"(?:(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)\.){3}(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)"
_IPV6 = rf"\[?(?=[^\]]*:.*:)[0-9A-Fa-f:]{{2,39}}(?:(?<=:){_IPV4})?\]?"  # its form; `voipkit.addresses` reads it
_HOST = f"{_NAME}|{_IPV4}|{_IPV6}"
_HOST_WANTS = "a host name such as sip.example.com, or an IP address, without sip: and without a port"
_A_URI = (r"(?i)sips?:.*", "is a SIP URI; give the host alone, and the port in its own field.")
_WITH_PORT = (r"[^:\[\]]+:\d{1,5}", "has a port at its end; give the host alone, and the port in its own field.")
# RFC 3261 section 25.1: user = unreserved / user-unreserved; other signs would have to be escaped, and carriers differ.
_USER = r"[A-Za-z0-9\-_.!~*'()&=+$,;?/%]{1,128}"
_USER_WANTS = "the user part alone: letters, digits and - _ . ! ~ * ' ( ) & = + $ , ; ? / %"
_NUMBER_WANTS = "a number in E.164, such as +14155550100"
_MOST_NUMBERS = 10_000
_MOST_PORT = 65_535


class ManualCredentials(Settings):
    """Where the trunk is, and what it is opened with; without a user name the trunk knows us by our address."""

    host: str = setting(
        "Host",
        help="The carrier's SIP server, as its pages name it: where calls are sent to.",
        pattern=_HOST,
        wants=_HOST_WANTS,
        mistaken=(_A_URI, _WITH_PORT),
    )
    port: int | None = setting(
        "Port", help="Leave it out to take what DNS says, else 5060, or 5061 for TLS.", default=None
    )
    transport: str | None = setting(
        "Transport",
        help="Leave it out to take what DNS says, else UDP. TLS is never replaced by another.",
        default=None,
        options=("udp", "tcp", "tls"),
    )
    username: str | None = setting(
        "User name",
        help="The user of the trunk's address (sip:USER@domain). Without one the trunk knows us by our IP address.",
        default=None,
        pattern=_USER,
        wants=_USER_WANTS,
        mistaken=(_A_URI, (r".+@.+", "is a whole address; give the part before the @ alone.")),
    )
    auth_username: str | None = setting(
        "Authentication user name",
        help="Where the carrier has a name for authentication that is not the user name.",
        default=None,
    )
    password: SecretStr | None = setting(
        "Password", help="The trunk's password; one digest answer is made with it per test.", default=None
    )

    @field_validator("host")
    @classmethod
    def _one_spelling_of_host(cls, host: str) -> str:
        return _host(host)

    @field_validator("port")
    @classmethod
    def _a_port(cls, port: int | None) -> int | None:
        if port is not None and not 0 < port <= _MOST_PORT:
            raise PydanticCustomError("port", "must be a port: 1 to 65535.")
        return port

    @model_validator(mode="after")
    def _together(self) -> Self:
        if (self.password is None) != (self.username is None and self.auth_username is None):
            text = "a user name and a password come together; leave both out for a trunk that knows us by IP address."
            raise PydanticCustomError("together", "{text}", {"text": text})
        return self


class ManualSipConfig(Settings):
    """How the trunk is used: names in the messages, numbers, and what may be done to prove that it works."""

    domain: str | None = setting(
        "SIP domain",
        help="The domain of addresses (sip:user@DOMAIN) and of the TLS certificate, where it is not the host.",
        default=None,
        pattern=_HOST,
        wants=_HOST_WANTS,
        mistaken=(_A_URI, _WITH_PORT),
    )
    proxy: str | None = setting(
        "Outbound proxy",
        help="The host to send to instead of the host itself, where the carrier names one; a port may follow it.",
        default=None,
        pattern=rf"(?:{_HOST})(?::\d{{1,5}})?",
        wants="a host name or an IP address, with :port where one is named",
        mistaken=(_A_URI,),
    )
    from_user: str | None = setting(
        "From user",
        help="The user in From, where it is neither the caller ID nor the user name.",
        default=None,
        pattern=_USER,
        wants=_USER_WANTS,
    )
    caller_id: str | None = setting(
        "Caller ID", help="The number that calls are placed from, in E.164; a number of the trunk.", default=None
    )
    inbound_target: str | None = setting(
        "Inbound target",
        help="The SIP URI that the carrier delivers your calls to; voipkit asks it whether it is there.",
        default=None,
        pattern=rf"sips?:(?:{_USER}@)?(?:{_HOST})(?::\d{{1,5}})?(?:;transport=(?:udp|tcp|tls))?",
        wants="a SIP URI such as sip:voice.example.com, with ;transport=tls where it is meant",
    )
    numbers: tuple[str, ...] = setting(
        "Numbers", help="The trunk's numbers, in E.164: there is no API that could list them.", default=()
    )
    probe_number: str | None = setting(
        "Probe number",
        help="A number of your own that the outbound probe may call; without one no call is ever placed.",
        default=None,
    )
    allow_outbound_call: bool = setting(
        "Allow a test call",
        help="Let voipkit call the probe number, or with a witness one of your numbers; it hangs up before an answer.",
        default=False,
    )

    @field_validator("domain")
    @classmethod
    def _one_spelling_of_domain(cls, domain: str | None) -> str | None:
        return None if domain is None else _host(domain)

    @field_validator("caller_id", "probe_number")
    @classmethod
    def _a_number(cls, text: str | None) -> str | None:
        return None if text is None else _number(text)

    @field_validator("numbers")
    @classmethod
    def _the_numbers(cls, given: tuple[str, ...]) -> tuple[str, ...]:
        """Keep each number once, in the order given: it is the order in which they are listed."""
        if len(given) > _MOST_NUMBERS:
            raise PydanticCustomError("too_many", "holds more than 10,000 numbers; make a connection of each part.")
        return tuple(dict.fromkeys(_number(text, f"item {place}") for place, text in enumerate(given, start=1)))


def _host(text: str) -> str:
    """Bring every spelling into one, so that one trunk has one fingerprint."""
    try:
        return host_name(text)
    except ConfigurationError:
        raise PydanticCustomError("host", "has the wrong form; it wants {wants}.", {"wants": _HOST_WANTS}) from None


def _number(text: str, where: str = "") -> str:
    try:
        return e164(text)
    except InvalidNumber:
        place = f"{where}: " if where else ""
        raise PydanticCustomError(
            "not_e164", "{place}wants {wants}.", {"place": place, "wants": _NUMBER_WANTS}
        ) from None


INFO = ProviderInfo(
    id="manual",
    label="SIP trunk",
    extra="manual",
    setup_methods=(
        SetupMethod(
            id="manual",
            label="SIP trunk of any carrier",
            credentials=ManualCredentials,
            sip_config=ManualSipConfig,
            templates=TEMPLATES,
        ),
    ),
    route_kinds=(),
    protocol="sip",
    docs_url="https://www.rfc-editor.org/rfc/rfc3261",
)
