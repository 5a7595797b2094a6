"""Digest access authentication for SIP: RFC 7616, RFC 8760 (SHA-2 in SIP) and RFC 3261 section 22, as pure functions.

A challenge names a realm, and the realm is the far end's choice: whoever is asked can hand a realm and a nonce to us
and get material to guess the password offline. The guards are elsewhere (one answer a probe, TLS), but Basic, which
would hand over the password itself, is refused here.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass

from voipkit.sip.message import Response, unquoted
from voipkit.sip.uri import quoted

__all__ = ["Challenge", "Credentials", "challenges_of", "choose", "parse_challenges"]

_HASHES = {"SHA-512-256": "sha512_256", "SHA-256": "sha256", "MD5": "md5"}
"""Strongest first: RFC 8760 section 2.3 lets the server order them, and a man in the middle can reorder them."""

_LONGEST = 4096  # characters of one header; no honest challenge comes near
_MOST = 16  # challenges looked at
_PARAMETER = re.compile(r'([A-Za-z0-9_-]{1,32})[ \t]*=[ \t]*("(?:[^"\\]|\\.)*"|[^\s,"]*)', re.ASCII)
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9-]{0,31})[ \t]+(?=[A-Za-z0-9_-]+[ \t]*=)", re.ASCII)
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class Challenge:
    """One challenge of a WWW-Authenticate or Proxy-Authenticate header.

    Attributes:
        scheme: Such as ``Digest``.
        realm: Unquoted.
        nonce: Unquoted.
        opaque: To be echoed; None when there is none.
        algorithm: In upper case, such as ``SHA-256-SESS``; ``MD5`` where it is absent (RFC 7616 section 3.3).
        qop: The offered ones in lower case; empty for the form of RFC 2069.
        stale: Whether the far end says that only the nonce was too old.
        proxy: Whether it came with 407 and is answered in Proxy-Authorization.
    """

    scheme: str
    realm: str
    nonce: str
    opaque: str | None = None
    algorithm: str = "MD5"
    qop: tuple[str, ...] = ()
    stale: bool = False
    proxy: bool = False

    @property
    def hash_name(self) -> str | None:
        """The name of the hash without ``-SESS``; None when voipkit does not know it."""
        base = self.algorithm.removesuffix("-SESS")
        return base if base in _HASHES else None

    @property
    def answerable(self) -> bool:
        """Whether it can be answered: Digest, a known hash, a nonce, and qop ``auth``, ``auth-int`` or none."""
        known = self.scheme.lower() == "digest" and self.hash_name is not None and bool(self.nonce)
        return known and (not self.qop or bool({"auth", "auth-int"}.intersection(self.qop)))


def challenges_of(response: Response) -> tuple[Challenge, ...]:
    """Return the challenges of a 401 or 407, in order; those of the other header are not asked by that status."""
    proxy = response.status == 407  # noqa: PLR2004 - RFC 3261 section 22.3
    return parse_challenges(response.all("proxy-authenticate" if proxy else "www-authenticate"), proxy=proxy)


def parse_challenges(values: Iterable[str], *, proxy: bool = False) -> tuple[Challenge, ...]:
    """Read challenges: one or several headers, each holding one or several, joined by commas.

    Args:
        values: The headers' values.
        proxy: Whether they are Proxy-Authenticate headers.

    Returns:
        In order; one whose realm, nonce or opaque holds a control character is left out.
    """
    found: list[Challenge] = []
    for value in values:
        for scheme, text in _schemes(value[:_LONGEST]):
            pairs: dict[str, str] = {}
            for match in _PARAMETER.finditer(text):
                pairs.setdefault(match[1].lower(), unquoted(match[2]))
            if len(found) < _MOST and not any(_CONTROL.search(content) for content in pairs.values()):
                found.append(_challenge(scheme, pairs, proxy=proxy))
    return tuple(found)


def _schemes(value: str) -> list[tuple[str, str]]:
    """Cut a header at each scheme that stands outside quotes: at the start or after a comma."""
    blanked = re.sub(r'"(?:[^"\\]|\\.)*"', lambda match: '"' + "x" * (len(match[0]) - 2) + '"', value)
    starts = [m for m in _SCHEME.finditer(blanked) if blanked[: m.start()].rstrip()[-1:] in ("", ",")]
    ends = [*(match.start() for match in starts), len(value)][1:]
    return [(m[1], value[m.end() : end]) for m, end in zip(starts, ends, strict=False)]


def _challenge(scheme: str, pairs: dict[str, str], *, proxy: bool) -> Challenge:
    return Challenge(
        scheme=scheme,
        realm=pairs.get("realm", ""),
        nonce=pairs.get("nonce", ""),
        opaque=pairs.get("opaque"),
        algorithm=(pairs.get("algorithm") or "MD5").upper(),
        qop=tuple(part.strip().lower() for part in pairs.get("qop", "").split(",") if part.strip()),
        stale=pairs.get("stale", "").lower() == "true",
        proxy=proxy,
    )


def choose(challenges: Iterable[Challenge]) -> Challenge | None:
    """Return the answerable challenge with the strongest hash, the earliest of equals; None when there is none."""
    able = [challenge for challenge in challenges if challenge.answerable]
    strength = list(_HASHES)
    return min(able, key=lambda challenge: strength.index(challenge.hash_name or "MD5"), default=None)


class Credentials:
    """A user and a password, and the answer to one challenge. It shows neither.

    Args:
        username: The digest's user.
        password: Kept in memory, never shown.
        challenge: An answerable one.
    """

    def __init__(self, username: str, password: str, challenge: Challenge) -> None:
        self._username = username
        self._password = password
        self.challenge = challenge
        self._count = 0
        self._session_cnonce = secrets.token_hex(16)

    def __repr__(self) -> str:
        return f"<Credentials for realm {self.challenge.realm!r}>"

    def renewed(self, challenge: Challenge) -> Credentials:
        """Return the same user and password for another challenge."""
        return Credentials(self._username, self._password, challenge)

    def header(self, method: str, uri: str, body: bytes = b"", *, cnonce: str | None = None) -> tuple[str, str]:
        """Answer the challenge for one request; each call counts one use of the nonce.

        Args:
            method: Of the request.
            uri: The Request-URI, exactly as sent.
            body: Of the request; only ``auth-int`` looks at it.
            cnonce: For tests with published vectors; a session's cnonce stays the same (RFC 7616 section 3.4.2).

        Returns:
            The header's name and value.
        """
        ask = self.challenge
        self._count += 1
        if self._count == 1 and cnonce is not None:
            self._session_cnonce = cnonce
        count, cnonce = f"{self._count:08x}", self._session_cnonce
        qop = next((each for each in ("auth", "auth-int") if each in ask.qop), None)
        first = self._hash(f"{self._username}:{ask.realm}:{self._password}")
        if ask.algorithm.endswith("-SESS"):
            first = self._hash(f"{first}:{ask.nonce}:{cnonce}")
        second = self._hash(f"{method}:{uri}" + (f":{self._hash_bytes(body)}" if qop == "auth-int" else ""))
        middle = f"{ask.nonce}:{count}:{cnonce}:{qop}" if qop else ask.nonce
        parts = [
            f"username={quoted(self._username)}",
            f"realm={quoted(ask.realm)}",
            f"nonce={quoted(ask.nonce)}",
            f"uri={quoted(uri)}",
            f'response="{self._hash(f"{first}:{middle}:{second}")}"',
            f"algorithm={_spelled(ask)}",
        ]
        if qop:
            parts += [f"qop={qop}", f"nc={count}"]
        if qop or ask.algorithm.endswith("-SESS"):
            parts.append(f'cnonce="{cnonce}"')
        if ask.opaque is not None:
            parts.append(f"opaque={quoted(ask.opaque)}")
        return ("Proxy-Authorization" if ask.proxy else "Authorization"), "Digest " + ", ".join(parts)

    def _hash(self, text: str) -> str:
        return self._hash_bytes(text.encode("utf-8", "surrogateescape"))

    def _hash_bytes(self, data: bytes) -> str:
        # MD5 is what most carriers still ask for; builds that follow FIPS 140 refuse it unless told what it is for.
        name = _HASHES[self.challenge.hash_name or "MD5"]
        return hashlib.new(name, data, usedforsecurity=False).hexdigest()


def _spelled(challenge: Challenge) -> str:
    return challenge.algorithm.replace("-SESS", "-sess")
