"""The objects of a simulated Cloudonix customer, field by field as in Cloudonix's OpenAPI document.

Source: "Cloudonix REST API 1.0.0" (github:greenfieldtech-nirs/opbx, cloudonix_openapi.yaml). Plain mutable dataclasses:
a test changes what it likes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from voipkit.sandbox._state import Shelf

DIRECTIONS = ("inbound", "outbound", "public-inbound", "public-outbound")
TRANSPORTS = ("udp", "tcp", "tls")
BUILT_IN = "Cloudonix:built-in"
# How an expression of an Asterisk dial plan reads as a regular expression.
_ASTERISK = {"X": "[0-9]", "Z": "[1-9]", "N": "[2-9]", ".": ".+", "!": ".*"}


@dataclass(slots=True)
class Application:
    """Hold one voice application; `kind` is the API's ``type``, ``cxml`` or the built-in one."""

    id: int
    name: str
    uuid: str
    created: int
    kind: str = "cxml"
    url: str = ""
    method: str = "POST"
    active: bool = True
    profile: dict[str, object] = field(default_factory=dict)


@dataclass(slots=True)
class Dnid:
    """Hold one DNID: the rule by which a called number finds its application.

    Attributes:
        source: What was asked for, e.g. ``+14155550100``; None when the rule was given as `dnid` itself.
        dnid: The regular expression that is matched; "" takes the one that `source` stands for.
        prefix: `source` is the beginning of a number. With `expression` it may hold character classes, with
            `asterisk_compatible` it is written as in an Asterisk dial plan; at most one of the three is true.
    """

    id: int
    application_id: int
    created: int
    source: str | None = None
    dnid: str = ""
    prefix: bool = False
    expression: bool = False
    asterisk_compatible: bool = False
    active: bool = True
    is_global: bool = False
    messaging_application_id: int | None = None

    @property
    def phone_number(self) -> str:
        """The source, as every simulated carrier's numbers have it: E.164 unless a test gave something else."""
        return self.source or ""

    @property
    def compiled(self) -> str:
        r"""The regular expression: ``^(\+14155550100)$`` for a plain number, open at the end for a prefix."""
        if self.dnid or self.source is None:
            return self.dnid
        if self.asterisk_compatible:
            return "^(" + "".join(_ASTERISK.get(sign, re.escape(sign)) for sign in self.source.lstrip("_")) + ")$"
        if self.expression:
            return f"^({self.source})$"
        return f"^({re.escape(self.source)})" + ("" if self.prefix else "$")


@dataclass(slots=True)
class Trunk:
    """Hold one voice trunk; the port is a string here, as in the document, and an integer in some reports."""

    id: int
    name: str
    uuid: str
    created: int
    ip: str
    direction: str
    port: str | int = "5060"
    transport: str = "udp"
    prefix: str = ""
    active: bool = True
    profile: dict[str, object] = field(default_factory=dict)
    metric: int = 0


@dataclass(slots=True)
class Alias:
    """Hold one alias of a domain; a call to one of type ``auto`` needs no inbound trunk."""

    id: int
    alias: str
    kind: str
    created: int
    active: bool = True


@dataclass
class Domain:
    """Hold one domain with all that is in it."""

    id: int
    domain: str
    uuid: str
    created: int
    active: bool = True
    default_application: int | None = None
    registration_free: bool = False
    profile: dict[str, object] = field(default_factory=dict)
    applications: Shelf[Application] = field(default_factory=Shelf)
    dnids: Shelf[Dnid] = field(default_factory=Shelf)
    trunks: Shelf[Trunk] = field(default_factory=Shelf)
    aliases: Shelf[Alias] = field(default_factory=Shelf)


@dataclass
class Customer:
    """Hold the customer ("tenant") that owns the domains; `concurrency_limit` counts calls."""

    id: int
    name: str
    uuid: str
    active: bool = True
    concurrency_limit: int = 5
