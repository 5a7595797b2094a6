"""Who may do what at the scripted SIP peer: digest (RFC 7616), lock-out and bindings (RFC 3261 section 10)."""

from __future__ import annotations

import hashlib
import secrets
from collections import Counter
from dataclasses import dataclass, field
from typing import Literal

from voipkit.sandbox.sip_message import SipMessage, parameters, split_list, uri_user
from voipkit.sandbox.sip_scenarios import Digest

__all__ = ["Judgement", "Registrar", "SipAccount", "challenges"]

Judgement = Literal["none", "right", "wrong", "stale", "locked"]
"""How a request identified itself: not at all, rightly, wrongly, with an old nonce, or too late after wrong ones."""

_HASHES = {"MD5": "md5", "SHA-256": "sha256", "SHA-512-256": "sha512_256"}
_FIRST_USE = "00000001"
_MOST_NONCES = 10_000


@dataclass(frozen=True)
class SipAccount:
    """Name one customer of the peer.

    Attributes:
        username: User part of the address of record.
        password: Digest password. It is made up, and still it is not shown.
        auth_username: Digest user name where it differs; "" for the same.
    """

    username: str
    password: str = field(repr=False)
    auth_username: str = ""

    @property
    def login(self) -> str:
        """The digest user name."""
        return self.auth_username or self.username


@dataclass
class Registrar:
    """Keep accounts, nonces, wrong answers and bindings.

    Attributes:
        accounts: The customers.
        bindings: Contact values by address-of-record user.
        wrong: Wrong digest answers by source address.
        complaints: What was wrong with the form of digest answers, for the journal.
    """

    accounts: list[SipAccount]
    bindings: dict[str, list[str]] = field(default_factory=dict)
    wrong: Counter[str] = field(default_factory=Counter)
    complaints: list[str] = field(default_factory=list)
    _nonces: dict[str, str] = field(default_factory=dict, repr=False)
    _stale_given: int = 0

    # --- Digest -------------------------------------------------------------------------------------------------------

    def challenge(self, digest: Digest, *, stale: bool = False) -> list[str]:
        """Return the challenge values, strongest first or as the scenario has it, with fresh nonces."""
        made = []
        for algorithm in digest.algorithms:
            nonce = secrets.token_hex(16)
            self._nonces[nonce] = algorithm
            if len(self._nonces) > _MOST_NONCES:
                del self._nonces[next(iter(self._nonces))]
            made.append(_challenge(digest, algorithm, nonce, stale=stale))
        return [", ".join(made)] if digest.joined else made

    def judge(self, request: SipMessage, digest: Digest, source: str, lockout: int) -> Judgement:
        """Check the digest answer of a request.

        Args:
            request: The request.
            digest: What was challenged.
            source: Address that it came from; wrong answers are counted for it.
            lockout: Wrong answers after which every answer is refused; 0 for never.
        """
        name = "authorization" if digest.code == Digest.code else "proxy-authorization"
        given = [value for value in request.all(name) if value.lower().startswith("digest ")]
        if not given:
            return "none"
        if len(given) > 1:
            self._complain(request, f"{len(given)} digest answers in one request")
        if lockout and self.wrong[source] >= lockout:
            return "locked"
        answer = parameters(given[0][len("digest ") :])
        if not self._right(request, answer, digest):
            self.wrong[source] += 1
            return "wrong"
        if self._stale_given < digest.stale_answers:
            self._stale_given += 1
            return "stale"
        return "right"

    def _right(self, request: SipMessage, answer: dict[str, str], digest: Digest) -> bool:
        algorithm = self._nonces.get(answer.get("nonce", ""))
        if algorithm is None:
            self._complain(request, "a nonce that was never given out")
            return False
        self._check_form(request, answer, digest, algorithm)
        account = next((each for each in self.accounts if each.login == answer.get("username")), None)
        if account is None:
            return False
        # RFC 7616 section 3.4.2 leaves open whether unq() drops backslashes: curl and kamailio keep them.
        realms = {digest.realm, _escaped(digest.realm)}
        wanted = [expected(account, realm, request, answer, algorithm) for realm in realms]
        return answer.get("response", "").lower() in wanted

    def _check_form(self, request: SipMessage, answer: dict[str, str], digest: Digest, algorithm: str) -> None:
        if answer.get("uri") != request.uri:
            self._complain(request, "the digest uri is not the Request-URI")
        if answer.get("algorithm", "MD5").upper() != algorithm.upper():
            self._complain(request, f"algorithm {answer.get('algorithm')} for a nonce of {algorithm}")
        if answer.get("realm") != digest.realm:
            self._complain(request, "another realm")
        if digest.opaque and answer.get("opaque") != digest.opaque:
            self._complain(request, "opaque was not sent back")
        if bool(digest.qop) != ("qop" in answer):
            self._complain(request, f"qop {answer.get('qop')!r} where {digest.qop!r} was offered")
        if "qop" in answer and (answer.get("nc") != _FIRST_USE or not answer.get("cnonce")):
            self._complain(request, "nc of a first use is 00000001, with a cnonce")

    def _complain(self, request: SipMessage, text: str) -> None:
        self.complaints.append(f"{request.method}: {text} (RFC 7616 section 3.4)")

    # --- Bindings -----------------------------------------------------------------------------------------------------

    def register(self, request: SipMessage) -> list[str]:
        """Do what REGISTER asks (RFC 3261 section 10.3) and return the bindings that there are afterwards."""
        user = uri_user(request.get("to"))
        kept = self.bindings.setdefault(user, [])
        for contact in split_list(request.all("contact")):
            uri = contact.partition(">")[0].lstrip("<")
            expires = parameters(contact.rpartition(">")[2].lstrip(";")).get("expires") or request.get("expires")
            kept[:] = [] if contact == "*" else [each for each in kept if uri not in each]
            if contact != "*" and expires != "0":
                kept.append(contact)
        if not kept:
            del self.bindings[user]
        return list(kept)


def challenges(code: int, values: list[str]) -> list[tuple[str, str]]:
    """Return the headers that carry challenges in a 401 or a 407 (RFC 3261 section 22)."""
    name = "WWW-Authenticate" if code == Digest.code else "Proxy-Authenticate"
    return [(name, value) for value in values]


def expected(account: SipAccount, realm: str, request: SipMessage, answer: dict[str, str], algorithm: str) -> str:
    """Return the digest response that a right password gives (RFC 7616 section 3.4.1; RFC 2069 without qop)."""
    base = algorithm.upper().removesuffix("-SESS")
    nonce, cnonce, qop = answer.get("nonce", ""), answer.get("cnonce", ""), answer.get("qop", "")
    secret = _hash(base, f"{account.login}:{realm}:{account.password}")
    if base != algorithm.upper():
        secret = _hash(base, f"{secret}:{nonce}:{cnonce}")
    what = f"{request.method}:{answer.get('uri', '')}"
    if qop == "auth-int":
        what += f":{_hash(base, request.body.decode('utf-8', 'surrogateescape'))}"
    middle = [nonce, answer.get("nc", ""), cnonce, qop] if qop else [nonce]
    return _hash(base, ":".join([secret, *middle, _hash(base, what)]))


def _challenge(digest: Digest, algorithm: str, nonce: str, *, stale: bool) -> str:
    if digest.scheme != "Digest":
        return f'{digest.scheme} realm="{_escaped(digest.realm)}"'
    parts = [f'realm="{_escaped(digest.realm)}"', f'nonce="{nonce}"']
    if digest.opaque:
        parts.append(f'opaque="{digest.opaque}"')
    if not digest.hide_algorithm:
        parts.append(f"algorithm={algorithm}")
    if digest.qop:
        parts.append(f'qop="{digest.qop}"')
    if stale:
        parts.append("stale=true")
    return "Digest " + ", ".join(parts)


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')


def _hash(algorithm: str, text: str) -> str:
    name = _HASHES.get(algorithm)
    if name is None:  # an algorithm that nobody knows: no answer to it can be right
        return secrets.token_hex(16)
    return hashlib.new(name, text.encode("utf-8", "surrogateescape"), usedforsecurity=False).hexdigest()
