"""Signed proof that exactly these credentials were tested: make it, check it, spend it once.

    key = generate_key()                                       # keygen: keep it in VOIPKIT_SECRET_KEY
    ring = KeyRing.from_text(key)                              # or KeyRing.from_env()

    token = issue(ring, carrier, carrier.test_credentials())   # "Test connection"; ConfigurationError if it failed
    evidence = verify(ring, token, carrier, spent=spent)       # "Save": raises an EvidenceError, or uses the token up

    ring = KeyRing.from_text(f"{generate_key()},{key}")        # rotate: the newest signs, all of them verify
    evidence = verify_offline(token, jwks(ring))               # elsewhere: signature and times, with public keys alone
    print(explain(token, jwks(ring)))                          # for people; never raises

``carrier`` is an opened provider, ``spent`` a `MemorySpentEvidence` or a store's list. `Policy` says what `verify`
requires beyond a genuine token.

A token is a JWT (RFC 7519) signed with Ed25519 (RFC 8037). It is signed, not encrypted: whoever holds it can read which
checks were made of which objects. It holds no secret and no plain hash of one: credentials are named by an HMAC whose
key never leaves the ring. Read on in `encoding`, `keys`, `jws` (the outer form), `claims` (what it says), `policy`,
`tokens` (`issue`, `verify`, `verify_offline`), `spent` and `explaining`; each imports only what stands before it.
"""

from voipkit.evidence.claims import Evidence
from voipkit.evidence.explaining import explain
from voipkit.evidence.keys import KeyRing, generate_key, jwks
from voipkit.evidence.policy import Policy
from voipkit.evidence.spent import MemorySpentEvidence
from voipkit.evidence.tokens import issue, verify, verify_offline

__all__ = [
    "Evidence",
    "KeyRing",
    "MemorySpentEvidence",
    "Policy",
    "explain",
    "generate_key",
    "issue",
    "jwks",
    "verify",
    "verify_offline",
]
