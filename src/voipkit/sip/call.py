"""One INVITE and everything it may leave behind: ACK, CANCEL, forks, BYE. Without sockets or clocks.

A prober's call must never stay up: an answered call is billed. The difficult moments, and what is done in each:

- CANCEL may be sent only after a provisional response (RFC 3261 section 9.1). Where none came, nothing is sent, but a
  late one is still cancelled, up to timer B.
- A 200 may cross the CANCEL (section 9.1; RFC 5407 section 3.1.2). It is acknowledged and hung up at once, and so is
  the 200 of every other branch of a fork: each To tag is a call of its own (section 13.2.2.4).
- ACK and BYE follow the route set, the reversed Record-Route (section 12.1.2), and leave on the flow that the INVITE
  took. Names and addresses in the far end's answers are written into requests, never connected to.
- A final response other than 2xx is acknowledged each time it comes (section 17.1.1.3), or it is repeated for 32 s.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from itertools import count

from voipkit.sip.digest import Credentials, challenges_of, choose
from voipkit.sip.message import Headers, Request, Response, parameters
from voipkit.sip.transaction import LIFETIME, T1, NonInvite, Retransmission
from voipkit.sip.uri import SipUri, parse_uri

__all__ = ["Call", "Patience", "new_branch"]

_RINGING = range(180, 190)  # 180, 181, 182, 183: from beyond the first hop, unlike 100
_OK = 200
_REDIRECT = 300
_CHALLENGES = (401, 407)
_MOST_PROVISIONALS = 20
_MOST_DIALOGS = 32
_MOST_ROUTES = 16
_MOST_ACKS = 12
"""ACKs of one call's final responses: timer G repeats one 11 times at most; a far end that answers each ACK with
another final (seen: sipp 3.6.1) would play ping-pong without end."""
_REPEATED_FINAL = 1.5 * T1
"""Seconds in which the first repetition of a final response shows that the ACK was lost (timer G starts at T1)."""


def new_branch() -> str:
    """Make a branch: the cookie of section 8.1.1.7 and 80 random bits."""
    return f"z9hG4bK{secrets.token_hex(10)}"


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a call may go on, in seconds.

    Attributes:
        first: Until any response.
        ring: From the first response until the call is cancelled.
        hold: From the first ringing (180 to 189) until it is cancelled.
        cancelled: From CANCEL until the result is reported without a final response.
        linger: From INVITE, CANCEL or the first 2xx until a late 2xx is not waited for any more.
    """

    first: float = 6.0
    ring: float = 6.0
    hold: float = 0.0
    cancelled: float = 4.0
    linger: float = LIFETIME


class Call:
    """An INVITE client transaction (section 17.1.1) and the dialogs that come of it.

    Args:
        request: The INVITE, with one Via.
        now: The time.
        reliable: Whether the transport repeats by itself.
        patience: How long it may go on.
        credentials: What answered the challenge that this INVITE answers, or None; ACK and BYE carry them too.

    Attributes:
        outbox: Bytes to send.
        codes: Every status code that came, in order, without repetitions of a final one.
        final: The first final response, or None.
        rang_at: When the first 180 to 189 came, or None.
        decided_at: When the outcome was known, or not waited for any more; None before.
        dialogs: The answered calls by To tag.
    """

    def __init__(
        self,
        request: Request,
        now: float,
        *,
        reliable: bool,
        patience: Patience | None = None,
        credentials: Credentials | None = None,
    ) -> None:
        self.request = request
        self.outbox: list[bytes] = []
        self.codes: list[int] = []
        self.final: Response | None = None
        self.rang_at: float | None = None
        self.decided_at: float | None = None
        self.dialogs: dict[str, Dialog] = {}
        self._reliable = reliable
        self._patience = patience or Patience()
        self._credentials = credentials
        self._bytes = request.encode()
        self._again = Retransmission(now, reliable=reliable, longest=None)
        self._hang_up_at = now + self._patience.first
        self._guard_until = now + self._patience.linger
        self._hung_up = False
        self._settled = False
        self._acks_left = _MOST_ACKS
        self._cancel: NonInvite | None = None
        self._cancelled_at: float | None = None
        self.outbox.append(self._bytes)

    # --- what is known ------------------------------------------------------------------------------------------------

    @property
    def answered(self) -> bool:
        """Whether a 2xx came: the call was up, however short."""
        return bool(self.dialogs)

    @property
    def may_be_up(self) -> bool:
        """Whether a call may be up at this moment, or come up: no final response yet, or a BYE without its answer."""
        if self.dialogs:
            return any(not dialog.over for dialog in self.dialogs.values())
        return self.final is None

    @property
    def cancelled(self) -> bool:
        """Whether CANCEL was sent."""
        return self._cancel is not None

    @property
    def settled(self) -> bool:
        """Whether nothing more needs to be sent or waited for: the guard's time is over, or no call can come up."""
        return self._settled

    @property
    def deadline(self) -> float | None:
        """When it wants to be woken."""
        if self.settled:
            return None
        times = [self._guard_until, self._again.due, *(machine.deadline for machine in self._machines())]
        if not self._hung_up and self.final is None:
            times.append(self._hang_up_at)
        if self.decided_at is None and self._cancelled_at is not None:
            times.append(self._cancelled_at + self._patience.cancelled)
        return min(time for time in times if time is not None)

    # --- what happens -------------------------------------------------------------------------------------------------

    def receive(self, now: float, response: Response) -> bool:
        """Take a response to the INVITE, its CANCEL or a BYE; False when it belongs to something else."""
        taken = any(machine.receive(now, response) for machine in self._machines())
        if not taken and (response.branch, response.cseq) == (self.request.branch, self.request.cseq):
            taken = True
            self._take(now, response)
        self._collect(now)
        return taken

    def tick(self, now: float) -> None:
        """Do what is due: retransmit, cancel, give up, or end the guard."""
        if self.settled:
            return
        if self._again.due is not None and now >= self._again.due:
            self.outbox.append(self._bytes)
            self._again.advance(now)
        if not self._hung_up and self.final is None and now >= self._hang_up_at:
            self.hang_up(now)
        if self.decided_at is None and self._cancelled_at is not None:
            waited = now >= self._cancelled_at + self._patience.cancelled
            self.decided_at = now if waited else None
        for machine in self._machines():
            machine.tick(now)
        self._collect(now)
        if now >= self._guard_until:
            self._settle(now)

    def hang_up(self, now: float) -> None:
        """End the call as soon as the protocol allows it; the INVITE is not sent again.

        Without any response the outcome is known (silence), and the guard goes on: see the module's docstring.
        """
        self._hung_up = True
        self._again.stop()
        if self.final is not None:
            return
        if self.codes:
            self._send_cancel(now)
        elif self.decided_at is None:
            self.decided_at = now
        self._collect(now)

    def peer_hung_up(self, request: Request) -> bool:
        """Take a BYE of the far end; False when it belongs to none of the dialogs."""
        dialog = self.dialogs.get(parameters(request.first("from")).get("tag", ""))
        if dialog is None or request.first("call-id") != self.request.first("call-id"):
            return False
        dialog.over = True
        return True

    def _take(self, now: float, response: Response) -> None:
        self._again.stop()
        if response.status < _OK:
            self._provisional(now, response)
        elif response.status < _REDIRECT:
            self._answered(now, response)
        else:
            self._refused(now, response)

    def _provisional(self, now: float, response: Response) -> None:
        if self.final is not None:
            return
        if not self.codes:
            self._hang_up_at = now + self._patience.ring
        if len(self.codes) < _MOST_PROVISIONALS:
            self.codes.append(response.status)
        else:
            self._hang_up_at = now  # nobody rings that often
        if response.status in _RINGING and self.rang_at is None:
            self.rang_at = now
            self._hang_up_at = min(now + self._patience.hold, self._hang_up_at)
        if self._hung_up or now >= self._hang_up_at:
            self.hang_up(now)

    def _answered(self, now: float, response: Response) -> None:
        tag = response.to_tag
        if tag in self.dialogs:
            self._acknowledge(self.dialogs[tag].ack)  # its ACK was lost, section 13.2.2.4
            return
        if len(self.dialogs) >= _MOST_DIALOGS:
            return
        if not self.dialogs:
            self._guard_until = now + self._patience.linger
            self._settled = False
        self._decide(now, response)
        self.dialogs[tag] = Dialog(self.request, response, now, reliable=self._reliable, credentials=self._credentials)
        self.outbox.append(self.dialogs[tag].ack)

    def _acknowledge(self, ack: bytes) -> None:
        """Send an ACK, unless too many were sent already."""
        if self._acks_left > 0:
            self._acks_left -= 1
            self.outbox.append(ack)

    def _refused(self, now: float, response: Response) -> None:
        self._acknowledge(_ack_of_refusal(self.request, response).encode())
        if self.final is None:
            self._decide(now, response)
            self._guard_until = now + (0.0 if self._reliable else _REPEATED_FINAL)
        elif not self.dialogs:
            self._guard_until = max(self._guard_until, now + _REPEATED_FINAL)

    def _decide(self, now: float, response: Response) -> None:
        self._hung_up = True
        if self._cancel is not None:
            self._cancel.stop()  # there is nothing left to cancel
        if self.final is None:
            self.final = response
            self.codes.append(response.status)
        if self.decided_at is None:
            self.decided_at = now

    def _send_cancel(self, now: float) -> None:
        if self._cancel is not None:
            return
        self._cancel = NonInvite(_cancel(self.request), now, reliable=self._reliable)
        self._cancelled_at = now
        self._guard_until = now + self._patience.linger

    def _settle(self, now: float) -> None:
        self._settled = True
        self._again.stop()
        if self.decided_at is None:
            self.decided_at = now

    def _machines(self) -> list[NonInvite]:
        byes = [dialog.bye for dialog in self.dialogs.values()]
        return byes if self._cancel is None else [self._cancel, *byes]

    def _collect(self, now: float) -> None:
        """Take over what the inner transactions want to send, after the ACKs, which must leave first."""
        for dialog in self.dialogs.values():
            dialog.follow_up(now)
        for machine in self._machines():
            self.outbox += machine.outbox
            machine.outbox = []


class Dialog:
    """An answered call that is hung up at once, section 12 and 15.

    Args:
        invite: The INVITE.
        answer: The 2xx that made the dialog.
        now: The time.
        reliable: Whether the transport repeats by itself.
        credentials: What answered the INVITE's challenge, or None.

    Attributes:
        ack: The bytes of its ACK, the same each time (section 13.2.2.4).
        bye: The BYE on its way.
        over: Whether the far end knows that the call is over.
    """

    def __init__(
        self, invite: Request, answer: Response, now: float, *, reliable: bool, credentials: Credentials | None
    ) -> None:
        self._invite = invite
        self._answer = answer
        self._reliable = reliable
        self._credentials = credentials
        self._uri, self._routes = _route_set(invite, answer)
        self._numbers = count(invite.cseq[0] + 1)
        self._challenged = False
        self.over = False
        # Section 13.2.2.4: the ACK carries the credentials of the INVITE, unchanged.
        proof = tuple(h for h in invite.headers if h[0] in ("Authorization", "Proxy-Authorization"))
        self.ack = self._request("ACK", invite.cseq[0], proof).encode()
        self.bye = self._new_bye(now)

    def follow_up(self, now: float) -> None:
        """Read the answer to the BYE; a challenge is met once, with credentials that the INVITE has proved."""
        final = self.bye.final
        if final is None or self.over:
            return
        challenge = choose(challenges_of(final)) if final.status in _CHALLENGES else None
        if challenge is not None and self._credentials is not None and not self._challenged:
            self._challenged = True
            self._credentials = self._credentials.renewed(challenge)
            self.bye = self._new_bye(now)
            return
        # Any other answer ends the dialog for us: 2xx did it, 481 and 408 say that there is none (section 15.1.1).
        self.over = _OK <= final.status < _REDIRECT or final.status in (408, 481)

    def _new_bye(self, now: float) -> NonInvite:
        proof = (self._credentials.header("BYE", self._uri),) if self._credentials else ()
        return NonInvite(self._request("BYE", next(self._numbers), proof), now, reliable=self._reliable)

    def _request(self, method: str, number: int, proof: Headers) -> Request:
        invite = self._invite
        headers: Headers = (
            ("Via", _via_with(invite, new_branch())),
            ("Max-Forwards", "70"),
            *(("Route", route) for route in self._routes),
            ("From", invite.first("from")),
            ("To", _safe(self._answer.first("to"), invite.first("to"))),
            ("Call-ID", invite.first("call-id")),
            ("CSeq", f"{number} {method}"),
            *proof,
        )
        return Request(headers, b"", method, self._uri)


# --- requests that follow from others ---------------------------------------------------------------------------------


def _cancel(invite: Request) -> Request:
    """Write CANCEL: same Request-URI, Call-ID, To, From, CSeq number, Route and top Via, section 9.1."""
    kept = {"via", "max-forwards", "route", "from", "to", "call-id"}
    headers = tuple(header for header in invite.headers if header[0].lower() in kept)
    return Request((*headers, ("CSeq", f"{invite.cseq[0]} CANCEL")), b"", "CANCEL", invite.uri)


def _ack_of_refusal(invite: Request, refusal: Response) -> Request:
    """Write the ACK of a final response other than 2xx: the INVITE's own branch, To as answered, section 17.1.1.3."""
    headers = tuple(
        (name, _safe(refusal.first("to"), value) if name == "To" else value)
        for name, value in invite.headers
        if name.lower() in ("via", "max-forwards", "route", "from", "to", "call-id")
    )
    return Request((*headers, ("CSeq", f"{invite.cseq[0]} ACK")), b"", "ACK", invite.uri)


def _route_set(invite: Request, answer: Response) -> tuple[str, tuple[str, ...]]:
    """Return the Request-URI and the Route headers of requests inside the dialog, sections 12.1.2 and 12.2.1.1.

    An element that is no SIP URI is left out: it could not be routed by, and must not be written.
    """
    contact = parse_uri(next(iter(answer.listed("contact")), ""))
    target = contact.text if contact else invite.uri
    listed = [parse_uri(element) for element in answer.listed("record-route")[:_MOST_ROUTES]]
    routes: list[SipUri] = [uri for uri in reversed(listed) if uri is not None]
    if routes and not routes[0].has("lr"):  # a strict router, RFC 2543
        return routes[0].text, tuple(f"<{uri}>" for uri in (*(route.text for route in routes[1:]), target))
    return target, tuple(f"<{route.text}>" for route in routes)


def _via_with(invite: Request, branch: str) -> str:
    return invite.first("via").replace(invite.branch, branch)


def _safe(theirs: str, ours: str) -> str:
    """Echo a To value of the far end if it can be written; else keep ours: the ACK then does what it can."""
    sound = theirs and len(theirs) <= 1024 and not any(c < " " or c == "\x7f" for c in theirs)  # noqa: PLR2004
    return theirs if sound else ours
