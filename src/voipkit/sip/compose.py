"""The requests of a probe, RFC 3261 section 8.1.1, each as small as it may be.

What they leave out matters most: REGISTER has no Contact, so it asks for the bindings and changes none (section
10.2.3); with a Contact it would take the customer's incoming calls, and with ``*`` it would drop them (seen, kamailio
5.6.3).
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Literal

from voipkit.sip.call import new_branch
from voipkit.sip.message import Headers, Request
from voipkit.sip.target import Target, Transport
from voipkit.sip.uri import escape_user, host_port

__all__ = ["Composer", "Offer"]

Offer = Literal["unanswerable", "ordinary"]

_AGENT = "voipkit"
_NOBODY = "probe"
_NO_CODEC = "X-NONE"


@dataclass(frozen=True, slots=True)
class Composer:
    """Write the requests of one conversation: one Call-ID, one From tag, rising CSeq numbers (section 8.1.1.5).

    Attributes:
        target: The trunk.
        transport: Of the flow.
        local: Address and port of our end of the flow.
        call_id: Of the conversation.
        tag: Of From.
    """

    target: Target
    transport: Transport
    local: tuple[str, int]
    call_id: str
    tag: str

    @classmethod
    def begin(cls, target: Target, transport: Transport, local: tuple[str, int]) -> Composer:
        """Begin a conversation."""
        return cls(target, transport, local, secrets.token_hex(12), secrets.token_hex(6))

    def options(self) -> Request:
        """Ask what the far end can do; any answer shows that it is there (section 11)."""
        uri = f"sip:{host_port(self.target.sip_domain)}"
        user = self.target.from_user or self.target.username or _NOBODY
        return self._request("OPTIONS", uri, 1, user, f"<{uri}>", (("Accept", "application/sdp"),))

    def register(self, number: int, proof: Headers = ()) -> Request:
        """Ask for the account's bindings; there is never a Contact."""
        user = self.target.username or self.target.auth_username or _NOBODY
        return self._request("REGISTER", self.register_uri, number, user, f"<{self._aor(user)}>", proof)

    @property
    def register_uri(self) -> str:
        """The Request-URI of a registration: the domain, section 10.2."""
        return f"sip:{host_port(self.target.sip_domain)}"

    def invite(self, called: str, caller: str, number: int, offer: Offer, proof: Headers = ()) -> Request:
        """Ask for a call that is not to be answered.

        Args:
            called: Goes to Request-URI and To.
            caller: Goes to From.
            number: CSeq.
            offer: ``unanswerable`` names one codec that nobody has, so that the far end refuses with 488 (section
                13.3.1.3); ``ordinary`` names G.711.
            proof: The Authorization header, if any.
        """
        uri = self.invite_uri(called)
        way = "" if self.transport == "udp" else f";transport={self.transport}"
        extra: Headers = (
            *proof,
            ("Contact", f"<sip:{escape_user(caller)}@{host_port(*self.local)}{way}>"),
            ("Expires", "10"),
            ("Allow", "INVITE, ACK, CANCEL, BYE"),
            ("Content-Type", "application/sdp"),
        )
        return self._request("INVITE", uri, number, caller, f"<{uri}>", extra, self._sdp(offer))

    def invite_uri(self, called: str) -> str:
        """Return the Request-URI of a call."""
        return self._aor(called)

    def _aor(self, user: str) -> str:
        return f"sip:{escape_user(user)}@{host_port(self.target.sip_domain)}"

    def _request(
        self, method: str, uri: str, number: int, user: str, to: str, extra: Headers = (), body: bytes = b""
    ) -> Request:
        headers: Headers = (
            ("Via", f"SIP/2.0/{self.transport.upper()} {host_port(*self.local)};branch={new_branch()};rport"),
            ("Max-Forwards", "70"),
            ("From", f"<{self._aor(user)}>;tag={self.tag}"),
            ("To", to),
            ("Call-ID", self.call_id),
            ("CSeq", f"{number} {method}"),
            *extra,
            ("User-Agent", _AGENT),
        )
        return Request(headers, body, method, uri)

    def _sdp(self, offer: Offer) -> bytes:
        """Offer one audio stream to the discard port: nothing is ever sent or received (RFC 4566, RFC 863)."""
        address = self.local[0]
        where = f"IN IP{6 if ':' in address else 4} {address}"
        media = (
            ("m=audio 9 RTP/AVP 0 8", "a=rtpmap:0 PCMU/8000", "a=rtpmap:8 PCMA/8000")
            if offer == "ordinary"
            else ("m=audio 9 RTP/AVP 96", f"a=rtpmap:96 {_NO_CODEC}/8000")
        )
        lines = ("v=0", f"o=- 1 1 {where}", "s=-", f"c={where}", "t=0 0", *media, "a=inactive", "")
        return "\r\n".join(lines).encode("ascii")
