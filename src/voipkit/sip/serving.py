"""The listener's mind: who calls an armed number hears it ring, and then a refusal. Without sockets or clocks.

An open SIP server is found by scanners within minutes, and one spoofed INVITE draws up to eleven answers (RFC 3261
timer G, measured: 4.6 times the bytes in two seconds). So nothing is said at all unless the source is allowed, the
called number is armed and the caller fits; OPTIONS is never answered; what is answered is bounded; and there is no line
here that could answer a call: no 2xx to INVITE is ever built (sections 13.3.1 and 17.2.1, as far as refusing goes).
"""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from urllib.parse import unquote

from voipkit.errors import ConfigurationError
from voipkit.models import Sighting
from voipkit.sip.message import Headers, Request, Response, clean, parameters, parse, tag_of
from voipkit.sip.transaction import T1
from voipkit.sip.uri import parse_uri

__all__ = ["Refuser", "Source", "Watch", "same_number"]

Source = tuple[str, int, object]
"""Address, port, and whatever the transport needs to answer there."""

_CALLED_IN = ("to", "p-called-party-id", "diversion", "history-info")
_CALLER_IN = ("p-asserted-identity", "remote-party-id", "from")
_REASONS = {480: "Temporarily Unavailable", 486: "Busy Here", 603: "Decline"}
_MOST_CALLS = 8
_MOST_REPEATED = 2  # repetitions of one answer
_MOST_A_SECOND = 50  # messages looked at
_ALIKE = 7  # digits that a national form keeps at least


@dataclass(frozen=True, slots=True)
class Watch:
    """One call that is looked out for.

    Attributes:
        called: E.164.
        caller: E.164; None where anybody may call.
        hold: Seconds to let it ring.
        refusal: SIP status to refuse it with, 400 to 699.
        until: When the window closes.
    """

    called: str
    caller: str | None
    hold: float
    refusal: int
    until: float


@dataclass(slots=True)
class _Ringing:
    """One INVITE that matched."""

    invite: Request
    source: Source
    reliable: bool
    watch: Watch
    came: float
    sighting: Sighting
    tag: str
    last: bytes = b""
    repeats: int = 0
    due: float | None = None
    refused: bool = False


class Refuser:
    """Decide what a listener says.

    Args:
        sources: Networks (CIDR) that may be answered.

    Attributes:
        outbox: What to send, and where.
        sightings: Calls that were seen and refused, with the watch that each belongs to.
        strangers: For each watch, the first call to its number that another caller made. Nothing was said to it; that
            it came tells a caller ID which the carrier replaced from a call that never arrived.
        ignored: How many messages were not answered.
    """

    def __init__(self, sources: tuple[str, ...]) -> None:
        try:
            self._sources = tuple(ip_network(source) for source in sources)
        except ValueError as error:
            raise ConfigurationError(
                f"A listener's source is no network: {error}.", fix="Write 203.0.113.0/24."
            ) from error
        self.outbox: list[tuple[Source, bytes]] = []
        self.sightings: list[tuple[Watch, Sighting]] = []
        self.strangers: list[tuple[Watch, Sighting]] = []
        self.ignored = 0
        self._watches: list[Watch] = []
        self._calls: dict[tuple[str, ...], _Ringing] = {}
        self._second = (0, 0)

    def arm(self, watch: Watch) -> None:
        """Look out for a call; `ConfigurationError` where the refusal would not be one, or the number is watched."""
        if not 400 <= watch.refusal < 700:  # noqa: PLR2004 - 4xx, 5xx and 6xx refuse
            raise ConfigurationError(
                "A witness refuses with 400 to 699; anything else might be billed.", fix="Take 486."
            )
        if any(same_number(watch.called, other.called) for other in self._watches):
            raise ConfigurationError(f"{watch.called} is being watched already.", fix="Wait until that is over.")
        self._watches.append(watch)

    def disarm(self, watch: Watch) -> None:
        """Look out no more."""
        self._watches = [other for other in self._watches if other is not watch]
        self.strangers = [(other, seen) for other, seen in self.strangers if other is not watch]

    @property
    def settled(self) -> bool:
        """Whether no refusal waits for its ACK."""
        return not self._calls

    @property
    def deadline(self) -> float | None:
        """When `tick` wants to be called."""
        return min((call.due for call in self._calls.values() if call.due is not None), default=None)

    def allowed(self, address: str) -> bool:
        """Tell whether a source may be answered at all."""
        try:
            source = ip_address(address.partition("%")[0])
        except ValueError:
            return False
        plain = getattr(source, "ipv4_mapped", None) or source
        return any(plain.version == network.version and plain in network for network in self._sources)

    def receive(self, now: float, data: bytes, source: Source, *, reliable: bool) -> None:
        """Take one message."""
        message = parse(data) if self._heard(now) and self.allowed(source[0]) else None
        if not isinstance(message, Request) or not self._served(now, message, source, reliable=reliable):
            self.ignored += 1

    def tick(self, now: float) -> None:
        """Refuse calls that rang long enough, and repeat refusals that were not acknowledged."""
        for key, call in list(self._calls.items()):
            if call.due is None or now < call.due:
                continue
            if not call.refused:
                self._refuse(now, call, call.watch.refusal)
            elif call.repeats < _MOST_REPEATED and not call.reliable:
                self._repeat(call)
                call.due = now + T1 * 2**call.repeats
            else:
                del self._calls[key]

    def _heard(self, now: float) -> bool:
        """Count messages by the second, so that a flood costs next to nothing."""
        second, count = self._second
        self._second = (int(now), count + 1 if second == int(now) else 1)
        return self._second[1] <= _MOST_A_SECOND

    def _served(self, now: float, request: Request, source: Source, *, reliable: bool) -> bool:
        key = (source[0], str(source[1]), request.branch, request.first("call-id"), str(request.cseq[0]))
        call = self._calls.get(key)
        if request.method == "INVITE":
            return self._invited(now, key, request, source, reliable=reliable) if call is None else self._again(call)
        if call is not None and request.method == "ACK":
            del self._calls[key]
            return True
        if call is not None and request.method == "CANCEL":
            self._send(call, _answer(request, 200, "OK", call.tag, source))
            if not call.refused:
                self._refuse(now, call, 487)
            return True
        return False

    def _invited(self, now: float, key: tuple[str, ...], invite: Request, source: Source, *, reliable: bool) -> bool:
        found = self._match(now, invite, source)
        if found is None or len(self._calls) >= _MOST_CALLS or tag_of(invite.first("to")):
            return False
        watch, caller = found
        sighting = _sighting(watch, caller, source)
        call = _Ringing(invite, source, reliable, watch, now, sighting, tag=secrets.token_hex(5), due=now + watch.hold)
        self._calls[key] = call
        call.last = _answer(invite, 180, "Ringing", call.tag, source)
        self._send(call, call.last)
        return True

    def _again(self, call: _Ringing) -> bool:
        """Answer a repeated INVITE as before, section 17.2.1, a bounded number of times."""
        if call.repeats >= _MOST_REPEATED:
            return False
        self._repeat(call)
        return True

    def _repeat(self, call: _Ringing) -> None:
        call.repeats += 1
        self._send(call, call.last)

    def _refuse(self, now: float, call: _Ringing, status: int) -> None:
        call.refused = True
        call.repeats = 0
        call.due = now + T1
        call.last = _answer(call.invite, status, _REASONS.get(status, "Refused"), call.tag, call.source)
        self._send(call, call.last)
        seen = call.sighting.model_copy(update={"held": round(now - call.came, 3), "refusal": status})
        self.sightings.append((call.watch, seen))

    def _send(self, call: _Ringing, data: bytes) -> None:
        if data:
            self.outbox.append((call.source, data))

    def _match(self, now: float, invite: Request, source: Source) -> tuple[Watch, str | None] | None:
        """Find the watch that a call belongs to, and its caller; None where it is not looked out for."""
        users = [_user(invite.uri), *(_user(value) for name in _CALLED_IN for value in invite.listed(name)[:4])]
        callers = [user for name in _CALLER_IN for value in invite.listed(name)[:2] if _number(user := _user(value))]
        for watch in self._watches:
            if now > watch.until or not any(same_number(watch.called, user) for user in users):
                continue
            if watch.caller is None or not callers:
                return watch, callers[0] if callers else None
            if any(same_number(watch.caller, caller) for caller in callers):
                return watch, watch.caller
            if not any(other is watch for other, _ in self.strangers):
                self.strangers.append((watch, _sighting(watch, callers[0], source)))
        return None


def _sighting(watch: Watch, caller: str | None, source: Source) -> Sighting:
    return Sighting(called=watch.called, caller=caller, source=f"{clean(source[0], 60)}:{source[1]}")


def same_number(one: str, other: str) -> bool:
    """Tell whether two spellings may be one number: E.164, 00 or national form, with or without a trunk prefix 0."""
    first, second = sorted((_number(one), _number(other)), key=len)
    if first == second:
        return bool(first)
    return len(first) >= _ALIKE and second.endswith(first.lstrip("0")) and len(first.lstrip("0")) >= _ALIKE


def _number(text: str) -> str:
    digits = re.sub(r"[^0-9+]", "", text) if re.fullmatch(r"[0-9+().\-\s]{1,40}", text, re.ASCII) else ""
    return digits.removeprefix("+") if digits.startswith("+") else digits.removeprefix("00")


def _user(value: str) -> str:
    uri = parse_uri(value)
    if uri is None:  # tel:+1555...;phone-context=..., RFC 3966
        bare = value.partition("<")[2].partition(">")[0] or value
        return bare.partition(";")[0].strip()[4:] if bare.strip().lower().startswith("tel:") else ""
    return unquote(uri.user or "").partition(";")[0]


def _answer(request: Request, status: int, reason: str, tag: str, source: Source) -> bytes:
    """Write an answer: what section 8.2.6 wants echoed and nothing else; empty when it cannot be written."""
    to = request.first("to")
    first, *others = request.listed("via") or ("",)
    if "rport" in parameters(first):  # RFC 3581 section 4
        first = re.sub(r";\s*(?:rport|received)\b[^;]*", "", first) + f";received={source[0]};rport={source[1]}"
    headers: Headers = (
        *(("Via", via) for via in (first, *others)),
        ("From", request.first("from")),
        ("To", to if tag_of(to) else f"{to};tag={tag}"),
        ("Call-ID", request.first("call-id")),
        ("CSeq", f"{request.cseq[0]} {request.cseq[1]}"),
    )
    try:
        return Response(headers, b"", status, reason).encode()
    except ConfigurationError:  # a control character of theirs
        return b""
