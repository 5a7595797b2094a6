"""Which hosts voipkit may connect to when a customer names them: public addresses only, unless the operator says more.

A customer who may name a host may otherwise have us knock on the cloud's metadata service, on a database, or on our own
loopback. Two things are done about it, and both are needed:

- `host_name` takes a name or an address in the one ordinary notation. ``getaddrinfo`` also understands ``2130706433``,
  ``0177.0.0.1``, ``0x7f.1``, ``127.1``, circled digits and text behind a NUL byte (seen, Python 3.11.7), so none of
  these ever gets that far.
- `TargetPolicy` judges every address that a name resolves to, IPv4 inside IPv6 included. `ipaddress.is_global` alone is
  not enough: it holds for multicast, for 64:ff9b::7f00:1 (127.0.0.1 by NAT64), 2002:7f00:1:: (6to4), ::127.0.0.1 and
  168.63.129.16 (seen, Python 3.11.7).

The caller then connects to the address that was judged, never to the name again.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from voipkit.errors import ConfigurationError

__all__ = ["Address", "TargetPolicy", "host_name", "literal"]

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

_LONGEST_NAME = 253  # characters, RFC 1035 section 2.3.4
_LABEL = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?", re.ASCII)
_NUMERIC = re.compile(r"(?:[0-9]+|0[xX][0-9A-Fa-f]*)", re.ASCII)
_MAPPED = IPv6Network("::ffff:0:0/96")

# --- the table --------------------------------------------------------------------------------------------------------
# IANA special-purpose registries (RFC 6890 and updates), the ranges that carry an IPv4 address inside, and the clouds'
# own services; read 2026-11-21. The first row that holds the address decides.

_NEVER: tuple[tuple[str, str], ...] = (
    ("0.0.0.0/8", "this host"),
    ("169.254.169.254/32", "a cloud's metadata service"),
    ("169.254.170.2/32", "a cloud's metadata service"),
    ("100.100.100.200/32", "a cloud's metadata service"),
    ("168.63.129.16/32", "a cloud's platform service"),
    ("192.0.0.0/24", "protocol assignments"),
    ("192.31.196.0/24", "AS112"),
    ("192.52.193.0/24", "multicast relays"),
    ("192.88.99.0/24", "6to4 relays"),
    ("192.175.48.0/24", "AS112"),
    ("224.0.0.0/4", "multicast"),
    ("240.0.0.0/4", "reserved"),
    ("::/128", "this host"),
    ("fd00:ec2::254/128", "a cloud's metadata service"),
    ("64:ff9b::/96", "an IPv4 address by NAT64"),
    ("64:ff9b:1::/48", "an IPv4 address by NAT64"),
    ("100::/64", "the discard range"),
    ("100:0:0:1::/64", "the dummy range"),
    ("2001::/32", "an IPv4 address by Teredo"),
    ("2002::/16", "an IPv4 address by 6to4"),
    ("5f00::/16", "segment routing"),
    ("ff00::/8", "multicast"),
)
_LAB: tuple[tuple[str, str], ...] = (
    ("10.0.0.0/8", "a private network"),
    ("100.64.0.0/10", "a provider's inner network"),
    ("127.0.0.0/8", "this host"),
    ("169.254.0.0/16", "the local link"),
    ("172.16.0.0/12", "a private network"),
    ("192.0.2.0/24", "documentation"),
    ("192.168.0.0/16", "a private network"),
    ("198.18.0.0/15", "benchmarks"),
    ("198.51.100.0/24", "documentation"),
    ("203.0.113.0/24", "documentation"),
    ("::1/128", "this host"),
    ("2001:db8::/32", "documentation"),
    ("3fff::/20", "documentation"),
    ("fc00::/7", "a private network"),
    ("fe80::/10", "the local link"),
)
_LAST: tuple[tuple[str, str], ...] = (
    ("::/96", "an IPv4 address in a withdrawn notation"),
    ("2001::/23", "protocol assignments"),
    ("fec0::/10", "a withdrawn private range"),
)


def _table(rows: tuple[tuple[str, str], ...], *, lab: bool) -> tuple[tuple[Network, str, bool], ...]:
    return tuple((ip_network(network), what, lab) for network, what in rows)


_TABLE = (*_table(_NEVER, lab=False), *_table(_LAB, lab=True), *_table(_LAST, lab=False))


@dataclass(frozen=True, slots=True)
class TargetPolicy:
    """Which addresses may be connected to.

    Attributes:
        allow_private: Allow this host, private and link-local networks and the documentation ranges too: for labs and
            on-premises exchanges. Clouds' metadata services, multicast and reserved ranges stay refused.
        allow_networks: Networks (CIDR) that the operator allows whatever the table says.
    """

    allow_private: bool = False
    allow_networks: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse a network that is none, before it is needed.

        Raises:
            ConfigurationError: One of ``allow_networks`` is no network.
        """
        for network in self.allow_networks:
            try:
                ip_network(network)
            except ValueError as error:
                raise ConfigurationError(
                    f"{network!r} in allow_networks is not a network.", fix="Write it as in 10.20.0.0/16."
                ) from error

    def refusal(self, address: Address | str) -> str | None:
        """Say why an address may not be connected to.

        Args:
            address: An address, or its ordinary notation.

        Returns:
            What the address belongs to, such as "a private network"; None when it may be connected to.
        """
        plain = unwrapped(ip_address(address) if isinstance(address, str) else address)
        if isinstance(plain, IPv6Address) and plain.scope_id:
            return "the local link"
        if any(plain in ip_network(network) for network in self.allow_networks):
            return None
        for network, what, lab in _TABLE:
            if plain.version == network.version and plain in network:
                return None if lab and self.allow_private else what
        # What the table does not know and Python's own registry does: a later Python may know more.
        return None if plain.is_global or self.allow_private else "a range that is not public"

    def allows(self, address: Address | str) -> bool:
        """Tell whether an address may be connected to."""
        return self.refusal(address) is None


def unwrapped(address: Address) -> Address:
    """Return the IPv4 address that an IPv4-mapped one (::ffff:a.b.c.d) stands for: the kernel connects to that."""
    if isinstance(address, IPv6Address) and address in _MAPPED:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address


def literal(host: str) -> Address | None:
    """Read an address in the ordinary notation, IPv6 with or without brackets; None when it is something else."""
    bare = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    if "%" in bare or not bare.isascii():
        return None
    try:
        address = ip_address(bare)
    except ValueError:
        return None
    return None if bare is not host and isinstance(address, IPv4Address) else address


def host_name(text: str) -> str:
    """Bring a host that a person typed into its one form.

    Args:
        text: A domain name in ASCII (an international one as ``xn--``), or an address in the ordinary notation.

    Returns:
        The name in lower case without a final dot, or the address without brackets.

    Raises:
        ConfigurationError: It is neither, or an address in an odd notation such as ``127.1``. The text is not repeated.
    """
    address = literal(text)
    if address is not None:
        return str(address)
    name = text.removesuffix(".")
    if not name.isascii():
        raise ConfigurationError("A host has a letter outside ASCII.", fix="Give an international name as xn--....")
    labels = name.split(".")
    if len(name) > _LONGEST_NAME or not all(_LABEL.fullmatch(label) for label in labels):
        raise ConfigurationError(
            "A host is neither a domain name nor an address.",
            fix="Give the host alone, such as sip.example.com or 198.51.100.7, without a scheme, a port or a path.",
        )
    if _NUMERIC.fullmatch(labels[-1]):
        raise ConfigurationError(
            "A host is an address in an odd notation.", fix="Write an IPv4 address as four decimal numbers."
        )
    return name.lower()
