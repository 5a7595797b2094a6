"""A form that is filled in beforehand, with facts that say where they come from and when they were read."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from string import Formatter

from pydantic import Field

from voipkit.models.base import Model

__all__ = ["Filled", "FormTemplate", "Source"]

_LABEL = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]{0,61}[A-Za-z0-9])?")  # RFC 1035 section 2.3.1, and dots between


class Source(Model):
    """Where a fact was read.

    Attributes:
        url: The page, or the document.
        read_on: The day.
        says: What it says, in our words.
    """

    url: str
    read_on: date
    says: str


class Filled(Model):
    """Fields that a template fills in; the user adds the rest.

    Attributes:
        credentials: Field name to value.
        sip_config: Likewise.
    """

    credentials: Mapping[str, str | int]
    sip_config: Mapping[str, str | int]


class FormTemplate(Model):
    """What is known of somebody's service, so that nobody has to look it up: never a secret.

    Attributes:
        id: Such as ``telnyx-us``.
        label: For people.
        credentials: Field name to value; ``{name}`` in it is a blank.
        sip_config: Likewise.
        blanks: What each blank wants, in words.
        transports: What the service speaks, by the port: ``{"udp": 5060, "tls": 5061}``.
        networks: Addresses (CIDR) that its signalling comes from, for a firewall; empty where no source names them.
        notes: What to know before it is used.
        sources: Where the facts were read, and when.
        unverified: Facts that no page of the service's own confirms; they may be wrong.
    """

    id: str
    label: str
    credentials: Mapping[str, str | int] = Field(default_factory=dict)
    sip_config: Mapping[str, str | int] = Field(default_factory=dict)
    blanks: Mapping[str, str] = Field(default_factory=dict)
    transports: Mapping[str, int] = Field(default_factory=dict)
    networks: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    sources: tuple[Source, ...]
    unverified: tuple[str, ...] = ()

    def fill(self, **blanks: str) -> Filled:
        """Fill in the blanks.

        Args:
            **blanks: A text for each of `blanks`: a part of a host name.

        Returns:
            The fields, ready to be completed with what only the user knows.

        Raises:
            ValueError: A blank is missing or unknown, or its text cannot stand in a host name.
        """
        if set(blanks) != set(self.blanks):
            wanted = ", ".join(f"{name} ({text})" for name, text in self.blanks.items()) or "nothing"
            msg = f"the template '{self.id}' wants: {wanted}"
            raise ValueError(msg)
        for name, text in blanks.items():
            if not _LABEL.fullmatch(text):
                msg = f"'{name}' is part of a host name: letters, digits, dots and hyphens"
                raise ValueError(msg)
        return Filled(credentials=_filled(self.credentials, blanks), sip_config=_filled(self.sip_config, blanks))


def _filled(fields: Mapping[str, str | int], blanks: Mapping[str, str]) -> dict[str, str | int]:
    return {name: Formatter().vformat(v, (), blanks) if isinstance(v, str) else v for name, v in fields.items()}
