"""What to probe and how long to wait, refused before a byte is sent where it makes no sense.

Every field that reaches the wire is checked here; `voipkit.sip.message` refuses control characters once more where
bytes are made.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Literal

from pydantic import SecretStr
from pydantic.alias_generators import to_camel

from voipkit.addresses import TargetPolicy, host_name, literal
from voipkit.errors import ConfigurationError, CredentialsInvalid, FieldProblem

__all__ = ["Budgets", "Target", "Transport", "port_refusal"]

Transport = Literal["udp", "tcp", "tls"]

SIP_PORTS = range(5060, 5100)
"""What carriers use; the only ports that an SRV record may choose."""

_FIRST_UNPRIVILEGED = 1024
_LAST_PORT = 65535
_WELL_KNOWN = frozenset({443})  # some carriers take SIP over TLS there
# Services that a customer must not knock on through us: databases, caches, queues, control planes, remote desktops.
_DENIED_PORTS = frozenset(
    {1433, 1521, 1723, 1883, 2049, 2181, 2375, 2376, 2379, 2380, 3128, 3306, 3389, 4222, 4369, 5432, 5672, 5900, 5984}
    | {6379, 6443, 7000, 7001, 8086, 8500, 8883, 9042, 9090, 9092, 9200, 9300, 10250, 10255, 11211, 15672, 16379, 27017}
)
_PRINTABLE = re.compile(r"[^\x00-\x1f\x7f]+")
_TOKEN = re.compile(r"[!-~]+", re.ASCII)
_LONGEST_FIELD = 255
# Where the carrier `manual` has these fields in its form; the others are in its SIP configuration.
_CREDENTIALS = frozenset({"host", "port", "transport", "username", "auth_username", "password"})


@dataclass(frozen=True, slots=True)
class Target:
    """One SIP trunk, as its owner describes it.

    Attributes:
        host: Domain name or address of the carrier's SIP server.
        port: None takes the one that DNS names, or else 5060 (5061 for TLS).
        transport: None lets DNS choose (RFC 3263 section 4.1). What is named is used and nothing else is tried.
        domain: The SIP domain, for Request-URI, From and To, and the name that a TLS certificate must hold; None takes
            ``host``.
        username: The account's user, for From and To.
        auth_username: The user of the digest, where it is not ``username``.
        password: Never shown, logged or sent.
        from_user: The user of From in calls, usually the caller ID; None takes ``username``.
        proxy: Host, or host:port, of an outbound proxy: packets are sent there instead.
        ca_file: PEM file of the certificate authorities to trust instead of the usual ones.
        allow_private: Allow addresses that are not public, and any unprivileged port: for labs.
        allow_networks: Networks (CIDR) to allow besides the public ones.
        nameservers: Addresses, or address:port, of name servers to ask instead of the system's.
    """

    host: str
    port: int | None = None
    transport: Transport | None = None
    domain: str | None = None
    username: str | None = None
    auth_username: str | None = None
    password: SecretStr | None = None
    from_user: str | None = None
    proxy: str | None = None
    ca_file: str | None = None
    allow_private: bool = False
    allow_networks: tuple[str, ...] = ()
    nameservers: tuple[str, ...] = ()
    policy: TargetPolicy = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Check every field.

        Raises:
            CredentialsInvalid: One entry for each wrong field; no value is repeated.
        """
        problems = [*_host_problems(self), *_port_problems(self), *_text_problems(self)]
        if self.transport not in (None, "udp", "tcp", "tls"):
            problems.append(_problem("transport", "must be one of udp, tcp, tls."))
        try:
            object.__setattr__(self, "policy", TargetPolicy(self.allow_private, tuple(self.allow_networks)))
        except ConfigurationError as error:
            problems.append(_problem("allow_networks", str(error)))
        if problems:
            raise CredentialsInvalid(
                "The SIP trunk's settings are wrong: " + "; ".join(str(problem) for problem in problems),
                problems=tuple(problems),
            )
        object.__setattr__(self, "host", host_name(self.host))
        if self.domain is not None:
            object.__setattr__(self, "domain", host_name(self.domain))

    @property
    def sip_domain(self) -> str:
        """The domain of Request-URI, From and To."""
        return self.domain or self.host

    @property
    def digest_user(self) -> str | None:
        """The user that the digest proves."""
        return self.auth_username or self.username

    @property
    def send_to(self) -> tuple[str, int | None]:
        """Host and port that packets go to: the outbound proxy where there is one."""
        return split_host_port(self.proxy) if self.proxy else (self.host, self.port)

    @property
    def tls_name(self) -> str:
        """The name that a certificate must hold (RFC 5922 section 7.1): configured, never learned from DNS.

        An outbound proxy named by name is the next hop's domain; else it is the SIP domain.
        """
        proxy = split_host_port(self.proxy)[0] if self.proxy else None
        return proxy if proxy and literal(proxy) is None else self.sip_domain


@dataclass(frozen=True, slots=True)
class Budgets:
    """Seconds that each part of a probe may take.

    Attributes:
        dns: All look-ups together.
        connect: TCP.
        tls: The handshake.
        options: OPTIONS until its answer.
        register: REGISTER until its answer, for each of the two.
        first_provisional: INVITE until anything comes back.
        ring: From then on, until the call is cancelled.
        linger: Guard over a call that may still be answered after the result was reported, RFC 3261 Timer B.
        whole: All operations of one `Prober` together.
    """

    dns: float = 2.0
    connect: float = 3.0
    tls: float = 3.0
    options: float = 4.0
    register: float = 5.0
    first_provisional: float = 6.0
    ring: float = 6.0
    linger: float = 32.0
    whole: float = 15.0


def split_host_port(text: str) -> tuple[str, int | None]:
    """Take ``host``, ``host:port``, ``[v6]`` or ``[v6]:port`` apart; `ConfigurationError` when it is none of them."""
    if literal(text) is not None:
        return host_name(text), None
    host, colon, port = text.rpartition(":")
    if not colon:
        return host_name(text), None
    if not re.fullmatch(r"[0-9]{1,5}", port, re.ASCII):
        raise ConfigurationError("A port is not a number.", fix="Give host or host:port.")
    return host_name(host), int(port)


def port_refusal(port: int, *, configured: bool, lab: bool) -> str | None:
    """Say why a port may not be connected to; None when it may.

    Args:
        port: Of the far end.
        configured: Whether a person named it; False when an SRV record did.
        lab: Whether addresses that are not public are allowed.
    """
    if port in SIP_PORTS:
        return None
    if not configured and not lab:
        return f"port {port} comes from DNS and is not one of {SIP_PORTS.start}-{SIP_PORTS.stop - 1}"
    if configured and port in _WELL_KNOWN:
        return None
    if not _FIRST_UNPRIVILEGED <= port <= _LAST_PORT or port in _DENIED_PORTS:
        return f"port {port} belongs to another service"
    return None


# --- one problem a field ----------------------------------------------------------------------------------------------


def _problem(name: str, problem: str) -> FieldProblem:
    section = "credentials" if name in _CREDENTIALS else "sip_config"
    return FieldProblem(field=name, alias=to_camel(name), section=section, problem=problem)


def _host_problems(target: Target) -> list[FieldProblem]:
    found = []
    for name, value in (("host", target.host), ("domain", target.domain)):
        try:
            if value is not None:
                host_name(value)
        except ConfigurationError as error:
            found.append(_problem(name, str(error)))
    for name, values in (
        ("proxy", (target.proxy,) if target.proxy is not None else ()),
        ("nameservers", target.nameservers),
    ):
        for value in values:
            try:
                host, port = split_host_port(value)
            except ConfigurationError as error:
                found.append(_problem(name, str(error)))
                continue
            if name == "nameservers" and literal(host) is None:
                found.append(_problem(name, "a name server is named by its address."))
            if name == "proxy" and port is not None and (why := _configured_port(port, target)):
                found.append(_problem(name, why))
    return found


def _port_problems(target: Target) -> list[FieldProblem]:
    if target.port is None:
        return []
    if isinstance(target.port, bool) or not isinstance(target.port, int):
        return [_problem("port", "is not a whole number.")]
    why = _configured_port(target.port, target)
    return [_problem("port", why)] if why else []


def _configured_port(port: int, target: Target) -> str | None:
    why = port_refusal(port, configured=True, lab=target.allow_private)
    return f"{why}; SIP wants 5060-5099, 443, or an unprivileged port." if why else None


def _text_problems(target: Target) -> list[FieldProblem]:
    """Users are written escaped, so most characters may stand; control characters never: they are a paste error."""
    found = []
    for name in ("username", "auth_username", "from_user"):
        value = getattr(target, name)
        if value is not None and not _sound(value, _TOKEN):
            found.append(_problem(name, f"wants 1 to {_LONGEST_FIELD} printable ASCII characters without a space."))
    if target.password is not None and not isinstance(target.password, SecretStr):
        found.append(_problem("password", "must be wrapped in pydantic.SecretStr, so that it is never shown."))
    elif target.password is not None and not _sound(target.password.get_secret_value(), _PRINTABLE):
        found.append(_problem("password", "is empty, too long, or has a control character such as a line end."))
    return found


def _sound(value: str, form: re.Pattern[str]) -> bool:
    return len(value) <= _LONGEST_FIELD and form.fullmatch(value) is not None
