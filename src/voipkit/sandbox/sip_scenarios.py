"""What the scripted SIP peer can be told to do, by name.

A `Scenario` says how the peer answers OPTIONS and REGISTER, what it asks for before a call, and what a call then goes
through. `SCENARIOS` has one for every row of the verdict table (docs/sip-probing.md) and for the accidents that a SIP
client must survive. Delays are seconds.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal

__all__ = ["REASONS", "SCENARIOS", "Call", "Digest", "Reply", "Scenario"]

Spoil = Literal[
    "",
    "garbage",
    "truncated",
    "no-cseq",
    "wrong-branch",
    "folded",
    "latin-1",
    "lf-only",
    "compact",
    "no-reason",
    "huge-header",
    "negative-length",
    "control-characters",
]
Policy = Literal["digest", "open", "silent"] | int
"""How REGISTER or INVITE is met: digest asked for, accepted as it is, not answered, or refused with a code."""

REASONS = {
    100: "Trying", 180: "Ringing", 181: "Call Is Being Forwarded", 183: "Session Progress", 200: "OK",
    302: "Moved Temporarily", 400: "Bad Request", 401: "Unauthorized", 402: "Payment Required", 403: "Forbidden",
    404: "Not Found", 405: "Method Not Allowed", 407: "Proxy Authentication Required", 408: "Request Timeout",
    423: "Interval Too Brief", 480: "Temporarily Unavailable", 481: "Call/Transaction Does Not Exist",
    482: "Loop Detected", 483: "Too Many Hops", 484: "Address Incomplete", 486: "Busy Here",
    487: "Request Terminated", 488: "Not Acceptable Here", 500: "Server Internal Error", 501: "Not Implemented",
    502: "Bad Gateway", 503: "Service Unavailable", 504: "Server Time-out", 600: "Busy Everywhere", 603: "Decline",
    604: "Does Not Exist Anywhere", 606: "Not Acceptable",
}  # fmt: skip


@dataclass(frozen=True)
class Digest:
    """Say how the peer challenges (RFC 7616 section 3.3).

    Attributes:
        code: 401, with WWW-Authenticate, or 407, with Proxy-Authenticate.
        realm: Realm.
        algorithms: One challenge for each, in this order.
        qop: Offered qop values; "" for none at all, which is RFC 2069.
        opaque: Opaque value; "" for none.
        joined: Put all challenges into one header value, divided by commas.
        hide_algorithm: Leave the algorithm out, which then is MD5.
        stale_answers: How many right answers get ``stale=true`` and a new nonce first.
        scheme: Authentication scheme.
    """

    code: int = 401
    realm: str = "trunk.test"
    algorithms: tuple[str, ...] = ("MD5",)
    qop: str = "auth"
    opaque: str = "b7a9f0"
    joined: bool = False
    hide_algorithm: bool = False
    stale_answers: int = 0
    scheme: str = "Digest"


@dataclass(frozen=True)
class Reply:
    """Send one response.

    Attributes:
        code: Status code.
        after: Seconds since the reply before it, or since the request.
        headers: Headers besides the usual ones.
        tag: Suffix of the To tag: another suffix is another fork (RFC 3261 section 16.7).
        repeat: Send it so often, ``after`` apart each time.
        spoil: What is wrong with the bytes.
    """

    code: int
    after: float = 0.0
    headers: tuple[tuple[str, str], ...] = ()
    tag: str = ""
    repeat: int = 1
    spoil: Spoil = ""


@dataclass(frozen=True)
class Call:
    """Script what an INVITE goes through once it is let in.

    Attributes:
        replies: Played until the call is cancelled.
        cancelled: Played in their place once it is.
        cancel_code: Answer to CANCEL itself; 0 for none.
    """

    replies: tuple[Reply, ...]
    cancelled: tuple[Reply, ...] = (Reply(487),)
    cancel_code: int = 200


BUSY = Call((Reply(100), Reply(180, 0.02), Reply(486, 0.1)))


@dataclass(frozen=True)
class Scenario:
    """Script the whole peer.

    Attributes:
        name: Name, in `SCENARIOS`.
        summary: One sentence.
        options: Replies to OPTIONS; none for silence.
        register: How REGISTER is met.
        registered: Replies to REGISTER once it is let in.
        wrong_code: Answer to a wrong digest response; 0 for another challenge.
        digest: How REGISTER is challenged.
        invite: How INVITE is met.
        invite_digest: How INVITE is challenged.
        call: What a call goes through.
        lockout: Wrong answers from one address after which all are refused with 403; 0 for never.
        copies: How often each response is sent.
        loss: Share of UDP datagrams lost, in each direction.
        record_route: Stand in the route of the dialog, with a far hop behind, and name a Contact that is a trap.
    """

    name: str = "normal"
    summary: str = "A registrar with digest; calls ring and are busy."
    options: tuple[Reply, ...] = (Reply(200),)
    register: Policy = "digest"
    registered: tuple[Reply, ...] = (Reply(200),)
    wrong_code: int = 0
    digest: Digest = field(default_factory=Digest)
    invite: Policy = "digest"
    invite_digest: Digest = field(default_factory=lambda: Digest(code=407))
    call: Call = BUSY
    lockout: int = 0
    copies: int = 1
    loss: float = 0.0
    record_route: bool = True


SCENARIOS: dict[str, Scenario] = {"normal": Scenario()}


def _add(name: str, summary: str, **changes: object) -> None:
    SCENARIOS[name] = replace(Scenario(name, summary), **changes)  # type: ignore[arg-type]


def _ends(code: int, *headers: tuple[str, str]) -> Call:
    """Return a call that rings nowhere and ends with a code."""
    return Call((Reply(100), Reply(code, 0.02, headers)))


# --- Reachability ----------------------------------------------------------------------------------------------------

_add("silent", "Nothing is ever answered.", options=(), register="silent", invite="silent")
_add("options-silent", "OPTIONS is not answered; REGISTER and INVITE are.", options=())
for _code in (401, 403, 404, 405, 481, 486, 500, 501, 503):
    _add(f"options-{_code}", f"OPTIONS is answered with {_code}.", options=(Reply(_code),))
_ELSEWHERE = ("Contact", "<sip:bob@192.0.2.66:25>")
_add("options-redirect", "OPTIONS is sent elsewhere.", options=(Reply(302, headers=(_ELSEWHERE,)),))

# --- Credentials -----------------------------------------------------------------------------------------------------

_add("register-407", "REGISTER is challenged as a proxy does it.", digest=Digest(code=407))
_add("wrong-403", "A wrong password gets 403.", wrong_code=403)
_add("lock-out", "Three wrong passwords lock the address out.", lockout=3)
_add("identity-refused", "The password is right, and the user is another's: 403.", registered=(Reply(403),))
_add("ip-authenticated", "Nobody is asked for a password.", register="open", invite="open")
_add("not-listed", "Allowed by address only, and this address is not: INVITE is not answered.", invite="silent")
_add("not-listed-403", "Allowed by address only, and this address is not: 403.", register=403, invite=403)
for _code in (400, 403, 404, 405, 501, 603):
    _add(f"no-registrar-{_code}", f"There is no registrar: REGISTER gets {_code}. INVITE has digest.", register=_code)
_add("register-silent", "There is no registrar: REGISTER is not answered. INVITE has digest.", register="silent")
_add("register-503", "The registrar is out of order.", register=503)
_add(
    "interval-too-brief",
    "The password is right, and the registrar wants a longer time.",
    registered=(Reply(423, headers=(("Min-Expires", "3600"),)),),
)
_add("sha-256", "SHA-256.", digest=Digest(algorithms=("SHA-256",)))
_add("sha-512-256", "SHA-512-256.", digest=Digest(algorithms=("SHA-512-256",)))
_add("md5-sess", "MD5-sess.", digest=Digest(algorithms=("MD5-sess",)))
_add("no-algorithm", "The algorithm is not named: MD5.", digest=Digest(hide_algorithm=True))
_add("no-qop", "No qop: RFC 2069.", digest=Digest(qop=""))
_add("auth-int-too", "qop is auth-int or auth.", digest=Digest(qop="auth-int,auth"))
_STRONGEST_FIRST = ("SHA-512-256", "SHA-256", "MD5")
_add("three-challenges", "Three challenges in three headers.", digest=Digest(algorithms=_STRONGEST_FIRST))
_add("joined-challenges", "Three challenges in one header.", digest=Digest(algorithms=_STRONGEST_FIRST, joined=True))
_add("weak-first", "MD5 before SHA-256.", digest=Digest(algorithms=("MD5", "SHA-256")))
_add("odd-realm", "A realm with quotes, commas and backslashes.", digest=Digest(realm='Acme "Main", Inc. \\ trunk=1'))
_add("stale-nonce", "The first right answer is stale.", digest=Digest(stale_answers=1))
_add("stale-for-ever", "Every right answer is stale.", digest=Digest(stale_answers=1_000_000))
_add("basic-only", "Only Basic is offered.", digest=Digest(scheme="Basic"))
_add("unknown-algorithm", "Only an algorithm that nobody knows.", digest=Digest(algorithms=("SHA-1024",)))
_add(
    "invite-unknown-algorithm",
    "INVITE is challenged with an algorithm that nobody knows.",
    invite_digest=Digest(407, algorithms=("SHA-1024",)),
)
_SECOND = ("Proxy-Authenticate", 'Digest realm="second.test", nonce="5f1d", algorithm=MD5, qop="auth"')
_add(
    "second-realm",
    "A right digest answer to REGISTER meets another server's challenge.",
    registered=(Reply(407, headers=(_SECOND,)),),
)

# --- Calls -----------------------------------------------------------------------------------------------------------

for _code in (480, 486, 488, 600, 603, 606):
    _add(
        f"call-{_code}",
        f"A call rings and ends with {_code}.",
        call=Call((Reply(100), Reply(180, 0.02), Reply(_code, 0.1))),
    )
    _add(f"at-once-{_code}", f"A call ends with {_code} and does not ring.", call=_ends(_code))
for _code in (402, 403, 404, 408, 482, 483, 484, 500, 502, 504, 604):
    _add(f"call-{_code}", f"A call ends with {_code}.", call=_ends(_code))
_add("call-503", "A call ends with 503.", call=_ends(503, ("Retry-After", "30")))
_add("call-487-untold", "A call ends with 487 that nobody asked for.", call=_ends(487))
_add(
    "caller-id-refused",
    "The caller ID is not the customer's: 403 with a Reason.",
    call=_ends(403, ("Reason", 'Q.850;cause=21;text="Caller ID not permitted"')),
)
_add(
    "destination-barred",
    "The destination is barred: 403 with a Warning.",
    call=_ends(403, ("Warning", '399 trunk.test "Destination barred"')),
)
_add("redirect", "A call is sent elsewhere.", call=_ends(302, _ELSEWHERE))
_add("rings", "A call rings until it is cancelled.", call=Call((Reply(100), Reply(180, 0.02))))
_add("progress", "A call has early media until it is cancelled.", call=Call((Reply(100), Reply(183, 0.02))))
_add("trying-only", "A call gets 100 and nothing more until it is cancelled.", call=Call((Reply(100),)))
_add("dead-next-hop", "The next hop is dead: 408 after a while.", call=Call((Reply(100), Reply(408, 0.3))))
_add(
    "challenged-again",
    "A right digest answer to INVITE meets a second proxy's challenge.",
    call=_ends(407, _SECOND),
)
_add("instant-answer", "A call is answered at once.", call=Call((Reply(200),)))
_add("answers", "A call rings and is answered.", call=Call((Reply(100), Reply(180, 0.02), Reply(200, 0.3))))
_RINGING = (Reply(100), Reply(180, 0.02))
_add("late-200", "The answer crosses the CANCEL.", call=Call(_RINGING, (Reply(200, 0.05),)))
_add(
    "late-200-forked",
    "Two phones answer while the call is cancelled.",
    call=Call(_RINGING, (Reply(200, 0.05), Reply(200, 0.05, tag="b"))),
)
_add("late-ring", "The first sign of life comes after 3 s.", call=Call((Reply(180, 3.0),)))
_add("late-answer", "The first sign of life is an answer, after 3 s.", call=Call((Reply(200, 3.0),)))
_add("deaf-to-cancel", "CANCEL gets 200, and the call rings on.", call=Call(_RINGING, ()))
_add("cancel-silent", "CANCEL is not answered, and the call ends.", call=Call(_RINGING, (Reply(487, 0.05),), 0))
_add("cancel-481", "CANCEL gets 481, and the call is answered.", call=Call(_RINGING, (Reply(200, 0.05),), 481))
_add("rings-and-rings", "180 without end.", call=Call((Reply(100), Reply(180, 0.01, repeat=100_000))))

# --- Accidents of the wire -------------------------------------------------------------------------------------------

_add("three-copies", "Every response comes three times.", copies=3)
_add("lossy", "One datagram of five is lost in each direction.", loss=0.2)
_SPOILT: tuple[tuple[Spoil, str], ...] = (
    ("garbage", "Bytes that are no SIP come before the right answer."),
    ("truncated", "Half an answer comes before the right one."),
    ("no-cseq", "An answer without CSeq comes before the right one."),
    ("wrong-branch", "An answer to another transaction comes before the right one."),
)
for _kind, _summary in _SPOILT:
    _add(
        _kind,
        _summary,
        options=(Reply(404, spoil=_kind), Reply(200, 0.05)),
        registered=(Reply(404, spoil=_kind), Reply(200, 0.05)),
    )
_GARBAGE = (Reply(404, spoil="garbage"),)
_add("only-garbage", "Only bytes that are no SIP are answered.", options=_GARBAGE, registered=_GARBAGE)
_add("flood", "OPTIONS gets a thousand answers at once.", options=(Reply(100, repeat=1000), Reply(200)))
_ODD: tuple[tuple[Spoil, str], ...] = (
    ("folded", "Answers have folded headers."),
    ("latin-1", "Answers have a reason in Latin-1."),
    ("lf-only", "Answers end their lines with LF only."),
    ("compact", "Answers use compact header names."),
    ("no-reason", "Answers have no reason phrase."),
    ("huge-header", "Answers have a header of 60,000 bytes."),
    ("negative-length", "Answers have a negative Content-Length."),
    ("control-characters", "Answers have terminal escapes in their reason."),
)
for _kind, _summary in _ODD:
    _add(_kind, _summary, options=(Reply(200, spoil=_kind),), registered=(Reply(200, spoil=_kind),))
