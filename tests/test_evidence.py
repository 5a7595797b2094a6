"""Evidence: what it proves, everything that it refuses, and that it gives no secret away."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import hmac
import json
import pickle
import subprocess
import sys
import traceback
from concurrent.futures import ThreadPoolExecutor
from copy import deepcopy
from datetime import UTC, datetime, timedelta
from threading import Barrier
from time import sleep
from typing import ClassVar
from uuid import UUID

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from voipkit import errors, evidence
from voipkit.evidence import (
    KeyRing,
    MemorySpentEvidence,
    Policy,
    explain,
    generate_key,
    issue,
    jwks,
    verify,
    verify_offline,
)
from voipkit.evidence.claims import fingerprints
from voipkit.models import CarrierObject, Check, CredentialTest, ProviderInfo, Settings, SetupMethod, setting
from voipkit.protocols import Provider, SpentEvidence

NOW = datetime(2026, 11, 21, 12, 0, 0, 250_000, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
KEY = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
API_KEY, SIP_PASSWORD = "KEY0193-canary-of-the-api-key", "canary-of-the-sip-password-77"


class AcmeCredentials(Settings):
    api_key: SecretStr = setting("API key", help="The key.")
    account_id: str = setting("Account", help="The account.")
    region: str = setting("Region", help="Where the account is.", default="us1")
    subaccount: str | None = setting("Subaccount", help="Optional.", default=None)
    backup_key: SecretStr | None = setting("Backup key", help="Optional.", default=None)


class AcmeSip(Settings):
    domain: str | None = setting("Domain", help="The SIP domain.", default=None)
    password: SecretStr | None = setting("Password", help="The SIP password.", default=None)
    port: int = setting("Port", help="The SIP port.", default=5060)


class Acme:
    """A whole carrier, without a network."""

    info: ClassVar[ProviderInfo] = ProviderInfo(
        id="acme",
        label="Acme",
        setup_methods=(SetupMethod(id="api_key", label="API key", credentials=AcmeCredentials, sip_config=AcmeSip),),
        distribution="voipkit-acme",
        version="3.1.4",
    )

    def __init__(self, credentials=None, sip_config=None, setup_method="api_key"):
        self._credentials = AcmeCredentials.model_validate(
            credentials or {"apiKey": API_KEY, "accountId": "AC1", "backupKey": None}
        )
        self._sip_config = AcmeSip.model_validate(sip_config or {"domain": "sip.acme.test", "password": SIP_PASSWORD})
        self._setup_method = setup_method

    @property
    def setup_method(self):
        return self._setup_method

    @property
    def credentials(self):
        return self._credentials

    @property
    def sip_config(self):
        return self._sip_config

    def test_credentials(self):
        return acme_test()

    def suggest_name(self):
        raise NotImplementedError

    def list_numbers(self):
        return iter(())

    def import_numbers(self, numbers, route=None, on_conflict="refuse", dry_run=False):
        raise NotImplementedError

    def verify_number(self, number, route=None):
        raise NotImplementedError

    def verify_numbers(self, numbers, route=None):
        return iter(())

    def close(self):
        pass

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Other(Acme):
    info = Acme.info.model_copy(update={"id": "other"})


def check(direction="account", status="pass", code="acme.key.ok", obj=("account", "AC1"), at=NOW):
    return Check(
        name="What was looked at", direction=direction, status=status, code=code, message=f"Seen with {API_KEY}.",
        object=obj and CarrierObject(type=obj[0], id=obj[1], name="its owner's name"), checked_at=at,
    )  # fmt: skip


INBOUND = check("inbound", "warn", "acme.app.no_failover", ("application", "APP9"))
OUTBOUND = check("outbound", "unknown", "acme.profile.unreadable", None)


def acme_test(*checks, at=NOW, provider="acme", setup_method="api_key"):
    return CredentialTest(
        provider=provider, setup_method=setup_method, checks=checks or (check(), INBOUND, OUTBOUND), tested_at=at
    )


def b64(raw):
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def unb64(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def forge(ring, header=None, claims=None, *, drop=(), raw_header=None, raw_claims=None, signature=None):
    """Sign anything with the ring's own key: what a bug or a neighbour with the same key could have made."""
    token = issue(ring, Acme(), acme_test(), now=NOW)
    old_header, old_claims = (json.loads(unb64(part)) for part in token.split(".")[:2])
    new_header = {k: v for k, v in {**old_header, **(header or {})}.items() if k not in drop}
    new_claims = {k: v for k, v in {**old_claims, **(claims or {})}.items() if k not in drop}
    signed = (
        b64(raw_header or json.dumps(new_header).encode()) + "." + b64(raw_claims or json.dumps(new_claims).encode())
    )
    made = next(iter(ring._keys.values())).private.sign(signed.encode()) if signature is None else signature(signed)
    return f"{signed}.{b64(made)}"


@pytest.fixture(scope="module")
def ring():
    return KeyRing.from_text(KEY)


@pytest.fixture(scope="module")
def token(ring):
    return issue(ring, Acme(), acme_test(), now=NOW)


class TestKeyRing:
    def test_newest_first_signs_and_all_verify(self):
        old, new = generate_key(), generate_key()
        before = issue(KeyRing.from_text(old), Acme(), acme_test(), now=NOW)
        both = KeyRing.from_text(f" {new},\n{old} ")
        assert both.kids == (*KeyRing.from_text(new).kids, *KeyRing.from_text(old).kids)
        assert verify(both, before, Acme(), spent=None, now=NOW).provider == "acme"
        assert jwt.get_unverified_header(issue(both, Acme(), acme_test(), now=NOW))["kid"] == both.kids[0]
        with pytest.raises(errors.EvidenceInvalid, match="not among the known keys"):
            verify(KeyRing.from_text(new), before, Acme(), spent=None, now=NOW)

    def test_hexadecimal_and_base64url_are_the_same_key(self):
        raw = bytes.fromhex(KEY)
        texts = (KEY, KEY.upper(), b64(raw), base64.urlsafe_b64encode(raw).decode())
        assert len({KeyRing.from_text(text).kids for text in texts}) == 1

    @pytest.mark.parametrize(
        ("text", "says"),
        [
            ("", "empty"), (" , ", "empty"), ("ab" * 31, "Key 1 of 1 has 31 bytes"), ("not base64!" * 6, "neither base64url"),
            (KEY[:-1] + "+", "neither"), (f"{KEY},{KEY.upper()}", "Key 2 of 2 is the same as key 1"),
            ("00" * 32, "not random"), (f"{KEY} tooshort", "Key 2 of 2"), (f"{KEY[:-1]}\u00e9", "neither"), (None, "empty"),
            (bytes.fromhex(KEY), "empty"),
        ],
    )  # fmt: skip
    def test_a_bad_key_is_refused_with_the_way_out(self, text, says):
        with pytest.raises(errors.ConfigurationError, match=says) as caught:
            KeyRing.from_text(text)
        assert "voipkit evidence keygen" in str(caught.value)

    def test_from_env(self, monkeypatch):
        monkeypatch.delenv("VOIPKIT_SECRET_KEY", raising=False)
        with pytest.raises(errors.ConfigurationError, match=r"VOIPKIT_SECRET_KEY is not set.*keygen"):
            KeyRing.from_env()
        monkeypatch.setenv("VOIPKIT_SECRET_KEY", KEY)
        assert KeyRing.from_env().kids == KeyRing.from_text(KEY).kids

    def test_generated_keys_are_accepted_and_differ(self):
        keys = {generate_key() for _ in range(50)}
        assert len(keys) == 50
        assert len(KeyRing.from_text(",".join(keys)).kids) == 50

    def test_derivation_is_rfc_5869_and_never_changes(self, ring):
        def hkdf(info):
            return hmac.digest(hmac.digest(bytes(32), bytes.fromhex(KEY), "sha256"), info + b"\x01", "sha256")

        (sealing,) = ring.sealing_keys
        assert sealing.get_secret_value() == hkdf(b"voipkit store v1 sealing key")
        assert ring._keys[ring.kids[0]].private.private_bytes_raw() == hkdf(b"voipkit evidence v1 signing seed")
        assert ring._keys[ring.kids[0]].fingerprinting == hkdf(b"voipkit evidence v1 fingerprint key")

    def test_kid_is_the_rfc_7638_thumbprint(self, ring):
        (key,) = jwks(ring)["keys"]
        members = f'{{"crv":"Ed25519","kty":"OKP","x":"{key["x"]}"}}'
        assert ring.kids == (b64(hashlib.sha256(members.encode()).digest()),)

    def test_it_is_neither_pickled_nor_copied_nor_shown(self, ring):
        for attempt in (pickle.dumps, deepcopy):
            with pytest.raises(TypeError, match="not pickled"):
                attempt(ring)
        (key,) = ring._keys.values()
        shown = repr(ring) + str(ring) + repr(ring.sealing_keys) + repr(key)
        hidden = [bytes.fromhex(KEY), key.private.private_bytes_raw(), key.fingerprinting, key.sealing]
        for secret in hidden:
            assert not [form for form in forms(secret) if form in shown]


class TestIssue:
    def test_the_evidence_says_what_was_tested(self, ring, token):
        seen = verify(ring, token, Acme(), spent=None, now=NOW)
        assert UUID(seen.id).version == 4
        assert (seen.provider, seen.setup_method, seen.tested_at) == ("acme", "api_key", NOW)
        assert (seen.issued_at, seen.expires_at) == (
            NOW.replace(microsecond=0),
            NOW.replace(microsecond=0) + 15 * MINUTE,
        )
        assert (seen.adapter, seen.adapter_version) == ("voipkit-acme", "3.1.4")
        assert seen.library_version
        assert [(c.code, c.direction, c.status, c.checked_at) for c in seen.checks] == [
            (c.code, c.direction, c.status, c.checked_at) for c in acme_test().checks
        ]
        assert seen.checks[1].object == CarrierObject(type="application", id="APP9")
        assert {c.message for c in seen.checks} == {""}
        assert (seen.credentials_valid, seen.inbound_reachable, seen.outbound_authorized) == (True, None, None)
        assert "acme.app.no_failover application APP9" in seen._repr_html_()

    def test_header_is_explicitly_typed(self, ring, token):
        assert jwt.get_unverified_header(token) == {"alg": "EdDSA", "kid": ring.kids[0], "typ": "voipkit-evidence+jwt"}

    def test_every_token_has_its_own_id(self, ring):
        tokens = [issue(ring, Acme(), acme_test(), now=NOW) for _ in range(20)]
        assert len({verify(ring, t, Acme(), spent=None, now=NOW).id for t in tokens}) == 20

    def test_the_clock_is_asked_when_no_moment_is_given(self, ring):
        fresh = issue(ring, Acme(), acme_test(at=datetime.now(UTC)))
        seen = verify(ring, fresh, Acme(), spent=None)
        assert abs(seen.issued_at - datetime.now(UTC)) < MINUTE
        assert verify_offline(fresh, jwks(ring)) == seen
        assert "Signature    good" in explain(fresh, ring)

    @pytest.mark.parametrize(
        ("test", "options", "says"),
        [
            (acme_test(check(status="fail", code="acme.key.revoked")), {}, r"did not pass \(acme.key.revoked\)"),
            (acme_test(check(status="unknown")), {}, "not known to be valid"),
            (acme_test(provider="other"), {}, "is of other by api_key, but the opened provider is acme by api_key"),
            (acme_test(setup_method="oauth"), {}, "acme by oauth"),
            (acme_test(at=NOW - 16 * MINUTE), {}, "0:16:00 old; at most 0:15:00"),
            (acme_test(at=NOW + 2 * MINUTE), {}, "0:02:00 in the future"),
            (acme_test(at=NOW - 2 * MINUTE), {"max_age": MINUTE}, "0:02:00 old; at most 0:01:00"),
            (acme_test(), {"ttl": timedelta(0)}, "ttl"),
            (acme_test(), {"ttl": timedelta(hours=25)}, "ttl"),
            (acme_test(*[check()] * 100), {}, "at most 16384"),
            (acme_test(check(obj=("key", API_KEY))), {}, "repeats a secret"),
        ],
    )  # fmt: skip
    def test_nothing_is_signed_that_would_prove_nothing(self, ring, test, options, says):
        with pytest.raises(errors.ConfigurationError, match=says) as caught:
            issue(ring, Acme(), test, now=NOW, **options)
        assert caught.value.fix

    def test_the_carrier_is_a_provider_and_the_list_a_spent_list(self):
        assert isinstance(Acme(), Provider)
        assert isinstance(MemorySpentEvidence(), SpentEvidence)


class TestTampering:
    @pytest.mark.parametrize(
        "change", [lambda c: "A" if c != "A" else "B", lambda c: chr(ord(c) ^ 1), lambda _: "=", lambda _: "\n"]
    )
    def test_every_character_matters(self, ring, token, change):
        for position, char in enumerate(token):
            if change(char) != char:
                changed = token[:position] + change(char) + token[position + 1 :]
                with pytest.raises(errors.EvidenceInvalid):
                    verify(ring, changed, Acme(), spent=None, now=NOW)

    def test_every_bit_of_the_content_matters(self, ring, token):
        parts = [unb64(part) for part in token.split(".")]
        for which, part in enumerate(parts):
            for index in range(len(part)):
                flipped = part[:index] + bytes([part[index] ^ (1 << index % 8)]) + part[index + 1 :]
                changed = ".".join(map(b64, [*parts[:which], flipped, *parts[which + 1 :]]))
                with pytest.raises(errors.EvidenceInvalid):
                    verify(ring, changed, Acme(), spent=None, now=NOW)

    def test_the_idle_bits_of_base64_cannot_be_used(self, ring):
        """Lengths that leave 2 or 4 idle bits in the last character of a part have 4 or 16 ways to write them."""
        alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
        aliases = 0
        for padding in range(3):
            token = issue(ring, Acme(), acme_test(check(code="c" * (10 + padding))), now=NOW)
            parts = token.split(".")
            for which, part in enumerate(parts):
                for char in alphabet.replace(part[-1], ""):
                    changed = part[:-1] + char
                    aliases += unb64(changed) == unb64(part)
                    with pytest.raises(errors.EvidenceInvalid):
                        verify(
                            ring, ".".join([*parts[:which], changed, *parts[which + 1 :]]), Acme(), spent=None, now=NOW
                        )
        assert aliases > 15

    @pytest.mark.parametrize(
        "extra", ["", ".", "=", "==", " ", "\n", ".AA", "A"], ids=repr
    )  # fmt: skip
    def test_nothing_may_be_added(self, ring, token, extra):
        for changed in {extra + token, token + extra, token.replace(".", "." + extra, 1)} - {token}:
            with pytest.raises(errors.EvidenceInvalid):
                verify(ring, changed, Acme(), spent=None, now=NOW)

    @pytest.mark.parametrize("no_token", [b"abc", 7, {"a": 1}, [], 1.5, object, True, False, 0])
    def test_a_token_is_text(self, ring, no_token):
        with pytest.raises(errors.EvidenceInvalid, match="a token is text"):
            verify(ring, no_token, Acme(), spent=None, now=NOW)

    @pytest.mark.parametrize("nothing", [None, ""])
    def test_no_token_is_missing_evidence(self, ring, nothing):
        with pytest.raises(errors.EvidenceMissing):
            verify(ring, nothing, Acme(), spent=None, now=NOW)

    def test_oversize_is_refused_unread(self, ring, token):
        with pytest.raises(errors.EvidenceInvalid, match="16384"):
            verify(ring, token + "A" * 16384, Acme(), spent=None, now=NOW)

    def test_deep_nesting_is_refused(self, ring):
        bomb = b64(b"[" * 11_000)
        with pytest.raises(errors.EvidenceInvalid):
            verify(ring, f"{bomb}.e30.e30", Acme(), spent=None, now=NOW)


class TestForgery:
    """All of these but the unsigned ones carry a signature of the right key."""

    def refused(self, ring, token, says="."):
        for attempt in (
            lambda: verify(ring, token, Acme(), spent=None, now=NOW),
            lambda: verify_offline(token, jwks(ring), now=NOW),
        ):
            with pytest.raises(errors.EvidenceInvalid, match=says):
                attempt()

    def test_the_forge_works(self, ring):
        assert verify(ring, forge(ring), Acme(), spent=None, now=NOW)

    @pytest.mark.parametrize("alg", ["none", "None", "nOnE", "", None, "HS256", "Ed25519", "ES256", ["EdDSA"]])
    def test_alg(self, ring, alg):
        self.refused(ring, forge(ring, {"alg": alg}), "alg is not EdDSA")
        self.refused(ring, forge(ring, {"alg": alg}, signature=lambda _: b""), "alg is not EdDSA")

    def test_public_key_as_hmac_secret(self, ring):
        (jwk,) = jwks(ring)["keys"]
        for secret in (unb64(jwk["x"]), json.dumps(jwk).encode(), jwk["x"].encode()):
            for alg in ("HS256", "EdDSA"):
                made = forge(ring, {"alg": alg}, signature=lambda s, k=secret: hmac.digest(k, s.encode(), "sha256"))
                self.refused(ring, made)

    def test_unsigned(self, ring):
        self.refused(ring, forge(ring, signature=lambda _: b""), "signature does not fit")
        self.refused(ring, forge(ring, signature=lambda _: bytes(64)), "signature does not fit")

    @pytest.mark.parametrize("typ", ["JWT", "at+jwt", "application/voipkit-evidence+jwt", None, 5])
    def test_a_token_of_another_kind(self, ring, typ):
        self.refused(ring, forge(ring, {"typ": typ}), "typ is not")

    def test_kid(self, ring):
        self.refused(ring, forge(ring, drop=("kid",)), "wants a kid")
        self.refused(ring, forge(ring, {"kid": 5}), "wants a kid")
        self.refused(ring, forge(ring, {"kid": "stranger\x1b[2J"}), r"'stranger\\x1b\[2J', which is not among")

    def test_a_kid_of_another_key_of_the_ring(self, ring):
        two = KeyRing.from_text(f"{KEY},{generate_key()}")
        self.refused(two, forge(two, {"kid": two.kids[1]}), "signature does not fit")

    @pytest.mark.parametrize(
        "extra", [{"crit": ["b64"], "b64": True}, {"jku": "https://evil.test"}, {"jwk": {}}, {"zip": "DEF"}]
    )
    def test_unknown_headers(self, ring, extra):
        self.refused(ring, forge(ring, extra), "nothing beyond")

    def test_a_json_key_that_is_there_twice(self, ring, token):
        header, claims = (unb64(part).decode() for part in token.split(".")[:2])
        self.refused(ring, forge(ring, raw_header=header.replace("{", '{"alg":"none",', 1).encode()), "typ is not")
        self.refused(ring, forge(ring, raw_claims=claims.replace("{", '{"provider":"acme",', 1).encode()))
        self.refused(ring, forge(ring, raw_claims=claims.replace('"name"', '"status":"fail","name"', 1).encode()))

    @pytest.mark.parametrize(
        ("claims", "says"),
        [
            ({"iss": "somebody"}, "issuer"), ({"iss": None}, "issuer"), ({"exp": True}, "whole seconds"), ({"iat": "1"}, "whole seconds"),
            ({"exp": 1e12}, "whole seconds"), ({"exp": 10**30}, "24 hours"), ({"exp": 1}, "24 hours"), ({"jti": "7"}, "claim"),
            ({"jti": None}, "claim"), ({"checks": "all good"}, "claim"), ({"checks": [1]}, "claim"), ({"checks": [{}]}, "claim"),
            ({"tested_at": "0001-01-01T00:00:00+14:00"}, "claim"), ({"tested_at": "2026-11-21T12:00:00"}, "claim"), ({"provider": 5}, "claim"),
        ],
    )  # fmt: skip
    def test_claims_of_the_wrong_form(self, ring, claims, says):
        self.refused(ring, forge(ring, claims=claims), says)

    @pytest.mark.parametrize("claim", ["iss", "jti", "iat", "exp", "provider", "setup_method", "checks", "tested_at", "credentials_fingerprint", "sip_config_fingerprint", "library_version"])  # fmt: skip
    def test_no_claim_may_be_absent(self, ring, claim):
        self.refused(ring, forge(ring, drop=(claim,)))

    @pytest.mark.parametrize("payload", [b"[]", b"null", b"\xff\xfe", b"{", b'"text"', b"\xef\xbb\xbf{}"])
    def test_a_payload_that_is_no_object(self, ring, payload):
        self.refused(ring, forge(ring, raw_claims=payload), "issuer")


class TestTime:
    def test_expiry_is_sharp(self, ring, token):
        end = NOW.replace(microsecond=0) + 15 * MINUTE
        assert verify(ring, token, Acme(), spent=None, now=end - timedelta(microseconds=1))
        for attempt in (
            lambda: verify(ring, token, Acme(), spent=None, now=end),
            lambda: verify_offline(token, jwks(ring), now=end),
        ):
            with pytest.raises(errors.EvidenceExpired, match="expired"):
                attempt()

    def test_a_clock_ahead_by_a_minute_is_tolerated(self, ring, token):
        issued = NOW.replace(microsecond=0)
        assert verify(ring, token, Acme(), spent=None, now=issued - MINUTE)
        with pytest.raises(errors.EvidenceInvalid, match="in the future"):
            verify(ring, token, Acme(), spent=None, now=issued - MINUTE - timedelta(microseconds=1))

    def test_moments_of_any_time_zone(self, ring, token):
        from zoneinfo import ZoneInfo

        assert verify(ring, token, Acme(), spent=None, now=NOW.astimezone(ZoneInfo("Asia/Kolkata")))

    def test_a_forged_old_token_is_invalid_not_expired(self, ring, token):
        with pytest.raises(errors.EvidenceInvalid):
            verify(ring, token[:-4] + "AAAA", Acme(), spent=None, now=NOW + timedelta(days=9))


class TestBinding:
    def test_another_provider_or_setup_method(self, ring, token):
        for provider, name in ((Other(), "other by api_key"), (Acme(setup_method="oauth"), "acme by oauth")):
            with pytest.raises(errors.EvidenceProviderMismatch, match=f"acme by api_key, not for {name}"):
                verify(ring, token, provider, spent=None, now=NOW)

    @pytest.mark.parametrize(
        "credentials",
        [
            {"apiKey": API_KEY + "x", "accountId": "AC1"}, {"apiKey": API_KEY, "accountId": "AC2"}, {"apiKey": "AC1", "accountId": API_KEY},
            {"apiKey": API_KEY, "accountId": "AC1", "region": "ie1"}, {"apiKey": API_KEY, "accountId": "AC1", "subaccount": "S"},
            {"apiKey": API_KEY, "accountId": "AC1", "backupKey": "k"},
        ],
    )  # fmt: skip
    def test_other_credentials(self, ring, token, credentials):
        with pytest.raises(errors.EvidenceCredentialsMismatch, match="is for credentials other than"):
            verify(ring, token, Acme(credentials), spent=None, now=NOW)

    @pytest.mark.parametrize(
        "sip", [{"domain": "sip.acme.test"}, {"domain": "sip.acme.test", "password": "x"}, {"password": SIP_PASSWORD, "domain": "sip.acme.test", "port": 5061}]
    )  # fmt: skip
    def test_another_sip_configuration(self, ring, token, sip):
        with pytest.raises(errors.EvidenceCredentialsMismatch, match="is for a SIP configuration other than"):
            verify(ring, token, Acme(sip_config=sip), spent=None, now=NOW)

    @pytest.mark.parametrize(
        "credentials",
        [
            {"api_key": API_KEY, "account_id": "AC1"}, {"account_id": "AC1", "apiKey": SecretStr(API_KEY)},
            {"apiKey": API_KEY, "accountId": "AC1", "region": "us1"}, {"apiKey": API_KEY, "accountId": "AC1", "subaccount": None},
        ],
    )  # fmt: skip
    def test_the_same_credentials_written_differently(self, ring, token, credentials):
        assert verify(ring, token, Acme(credentials), spent=None, now=NOW)

    def test_a_new_optional_field_changes_nothing(self, ring, token):
        class Later(AcmeCredentials):
            added: str | None = setting("Added", help="In a later version.", default=None)

        carrier = Acme()
        carrier._credentials = Later(api_key=SecretStr(API_KEY), account_id="AC1")
        assert verify(ring, token, carrier, spent=None, now=NOW)

    def test_fingerprints_are_keyed_and_tell_kinds_and_carriers_apart(self, ring):
        same = {"domain": "a", "password": None}
        prints = set()
        for keys in (ring, KeyRing.from_text(generate_key())):
            for carrier in (Acme(sip_config=same), Other(sip_config=same), Acme(sip_config=same, setup_method="b")):
                prints |= set(fingerprints(keys._keys[keys.kids[0]], carrier))
        assert len(prints) == 12

    text = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=12)

    @given(text, text, text, text)
    def test_equal_credentials_and_only_those_have_equal_fingerprints(self, key, account, other_key, other_account):
        ring = KeyRing.from_text(KEY)
        (ours,) = ring._keys.values()

        def fingerprint(credentials):
            return fingerprints(ours, Acme(credentials))[0]

        camel = fingerprint({"apiKey": key, "accountId": account})
        assert camel == fingerprint({"account_id": account, "api_key": key})
        other = fingerprint({"apiKey": other_key, "accountId": other_account})
        assert (camel == other) == ((key, account) == (other_key, other_account))


class TestPolicy:
    def test_the_default_asks_for_valid_credentials(self, ring, token):
        assert Policy().required == ("credentials_valid",)
        assert verify(ring, token, Acme(), spent=None, policy=Policy(required=()), now=NOW)

    @pytest.mark.parametrize(
        ("policy", "says"),
        [
            (Policy(required=("inbound_reachable",)), "inbound_reachable is not true"),
            (Policy(required=("credentials_valid", "outbound_authorized")), "outbound_authorized is not true"),
            (Policy(required_checks=("acme.never",)), "acme.never is absent"),
            (Policy(required_checks=("acme.profile.unreadable",)), "acme.profile.unreadable is unknown"),
            (Policy(allow_warnings=False), "acme.app.no_failover is warn"),
        ],
    )  # fmt: skip
    def test_what_is_not_shown_is_missing(self, ring, token, policy, says):
        spent = MemorySpentEvidence()
        with pytest.raises(errors.EvidenceMissing, match=says):
            verify(ring, token, Acme(), spent=spent, policy=policy, now=NOW)
        assert verify(ring, token, Acme(), spent=spent, now=NOW), "a refusal must not use the token up"

    def test_what_is_shown_is_accepted(self, ring):
        token = issue(
            ring, Acme(), acme_test(check(), INBOUND, check("inbound"), check("outbound", code="acme.out")), now=NOW
        )
        policy = Policy(
            max_age=5 * MINUTE,
            required=("credentials_valid", "inbound_reachable", "outbound_authorized"),
            required_checks=("acme.app.no_failover", "acme.out"),
        )
        assert verify(ring, token, Acme(), spent=None, policy=policy, now=NOW + 5 * MINUTE)
        with pytest.raises(errors.EvidenceExpired, match="0:05:01 old; at most 0:05:00"):
            verify(ring, token, Acme(), spent=None, policy=policy, now=NOW + 5 * MINUTE + timedelta(seconds=1))

    def test_a_code_seen_twice_must_be_good_both_times(self, ring):
        twice = acme_test(check(), check("inbound", code="acme.in"), check("inbound", "unknown", "acme.in"))
        with pytest.raises(errors.EvidenceMissing, match=r"acme\.in is unknown"):
            verify(
                ring,
                issue(ring, Acme(), twice, now=NOW),
                Acme(),
                spent=None,
                policy=Policy(required_checks=("acme.in",)),
                now=NOW,
            )

    @pytest.mark.parametrize(
        "wrong", [{"required": ("inbound",)}, {"required": "credentials_valid"}, {"required_checks": "acme.in"}]
    )
    def test_a_wrong_policy_is_refused_when_it_is_made(self, wrong):
        with pytest.raises(errors.ConfigurationError, match="tuple of"):
            Policy(**wrong)


class TestSpending:
    def test_once(self, ring, token):
        spent = MemorySpentEvidence()
        assert verify(ring, token, Acme(), spent=spent, now=NOW)
        with pytest.raises(errors.EvidenceReused, match="used before"):
            verify(ring, token, Acme(), spent=spent, now=NOW)

    def test_looking_does_not_spend_and_must_be_said(self, ring, token):
        spent = MemorySpentEvidence()
        assert verify(ring, token, Acme(), spent=None, now=NOW)
        assert verify(ring, token, Acme(), spent=spent, now=NOW)
        with pytest.raises(TypeError, match="spent"):
            verify(ring, token, Acme())

    def test_no_refusal_spends(self, ring, token):
        class Recorder:
            asked: ClassVar[list] = []

            def spend(self, evidence_id, expires_at):
                self.asked.append((evidence_id, expires_at))
                return True

        recorder = Recorder()
        for bad, carrier, moment in (
            (token + "A", Acme(), NOW), (token, Acme(), NOW + 16 * MINUTE), (token, Other(), NOW), (token, Acme(sip_config={"domain": "x"}), NOW),
        ):  # fmt: skip
            with pytest.raises(errors.EvidenceError):
                verify(ring, bad, carrier, spent=recorder, now=moment)
        assert recorder.asked == []
        seen = verify(ring, token, Acme(), spent=recorder, now=NOW)
        assert recorder.asked == [(seen.id, seen.expires_at.timestamp())]

    def test_of_32_threads_one_wins(self, ring):
        for _ in range(10):
            token, spent, start = issue(ring, Acme(), acme_test(), now=NOW), MemorySpentEvidence(), Barrier(32)

            def attempt(token=token, spent=spent, start=start):
                start.wait()
                try:
                    return verify(ring, token, Acme(), spent=spent, now=NOW)
                except errors.EvidenceReused as lost:
                    return lost

            with ThreadPoolExecutor(32) as pool:
                results = [future.result() for future in [pool.submit(attempt) for _ in range(32)]]
            assert sum(isinstance(result, evidence.Evidence) for result in results) == 1

    def test_one_wins_even_when_looking_it_up_is_slow(self):
        """The interpreter's own lock hides a missing one, unless another thread gets its turn between look and mark."""

        class Slow(set):
            def __contains__(self, item):
                found = super().__contains__(item)
                sleep(0.002)
                return found

        spent, start = MemorySpentEvidence(), Barrier(32)
        spent._spent = Slow()

        def attempt():
            start.wait()
            return spent.spend("one", 1.0)

        with ThreadPoolExecutor(32) as pool:
            assert sum(future.result() for future in [pool.submit(attempt) for _ in range(32)]) == 1

    def test_a_clock_set_back_revives_nothing(self, ring):
        spent, day = MemorySpentEvidence(), timedelta(days=1)
        old = issue(ring, Acme(), acme_test(), now=NOW)
        assert verify(ring, old, Acme(), spent=spent, now=NOW)
        later = issue(ring, Acme(), acme_test(at=NOW + 3 * day), now=NOW + 3 * day)
        assert verify(ring, later, Acme(), spent=spent, now=NOW + 3 * day)
        assert len(spent._spent) == len(spent._by_expiry) == 1, "the old entry is forgotten"
        for token, moment in ((old, NOW), (later, NOW + 3 * day)):
            with pytest.raises(errors.EvidenceReused):
                verify(ring, token, Acme(), spent=spent, now=moment)

    def test_a_long_token_does_not_crowd_out_a_short_one(self, ring):
        spent = MemorySpentEvidence()
        ahead = NOW + MINUTE
        long = issue(ring, Acme(), acme_test(), now=ahead, ttl=timedelta(hours=24))
        short = issue(ring, Acme(), acme_test(), now=NOW, ttl=timedelta(seconds=1))
        assert verify(ring, long, Acme(), spent=spent, now=NOW + timedelta(seconds=0.1))
        assert verify(ring, short, Acme(), spent=spent, now=NOW + timedelta(seconds=0.1))

    @given(st.lists(st.integers(0, 9), max_size=40))
    def test_nothing_is_ever_spent_twice_in_whatever_order(self, spends):
        """Token ``n`` expires on day ``n / 2``, so that some are forgotten while others are still kept."""
        spent = MemorySpentEvidence()
        won = [n for n in spends if spent.spend(f"token {n}", n * 43_200.0)]
        assert len(won) == len(set(won))


class TestOffline:
    def test_public_keys_are_enough(self, ring, token):
        published = json.loads(json.dumps(jwks(ring)))
        assert verify_offline(token, published, now=NOW) == verify(ring, token, Acme(), spent=None, now=NOW)

    def test_nothing_private_is_published(self):
        ring = KeyRing.from_text(f"{KEY} {generate_key()}")
        published = jwks(ring)
        assert [set(key) for key in published["keys"]] == [{"kty", "crv", "x", "kid", "alg", "use"}] * 2
        assert tuple(key["kid"] for key in published["keys"]) == ring.kids

    def test_pyjwt_agrees(self, ring):
        token = issue(ring, Acme(), acme_test(at=datetime.now(UTC)))
        key = jwt.PyJWKSet.from_dict(jwks(ring))[ring.kids[0]]
        claims = jwt.decode(
            token, key, algorithms=["EdDSA"], issuer="voipkit", options={"require": ["exp", "iat", "jti"]}
        )
        assert claims["jti"] == verify(ring, token, Acme(), spent=None).id
        with pytest.raises(jwt.InvalidSignatureError):
            jwt.decode(token[:-4] + "AAAA", key, algorithms=["EdDSA"])

    def test_keys_of_other_kinds_are_passed_over(self, ring, token):
        (ours,) = jwks(ring)["keys"]
        mixed = [{"kty": "RSA", "kid": ours["kid"]}, 5, None, {**ours, "x": "AA"}, {**ours, "x": 5}, {**ours, "kid": 5}]
        assert verify_offline(token, {"keys": [*mixed, ours]}, now=NOW)
        with pytest.raises(errors.EvidenceInvalid, match="not among"):
            verify_offline(token, {"keys": mixed}, now=NOW)

    @pytest.mark.parametrize("wrong", [{}, {"keys": 5}, {"keys": {}}, [], None, "text"])
    def test_what_is_no_jwk_set(self, token, wrong):
        with pytest.raises(errors.ConfigurationError, match="JWK Set"):
            verify_offline(token, wrong, now=NOW)

    def test_a_strangers_jwks(self, token):
        with pytest.raises(errors.EvidenceInvalid, match="not among"):
            verify_offline(token, jwks(KeyRing.from_text(generate_key())), now=NOW)


class TestExplain:
    def test_good_evidence(self, ring, token):
        text = explain(token, ring, now=NOW + MINUTE)
        assert text == explain(token, jwks(ring), now=NOW + MINUTE)
        for part in (
            "acme by api_key, credential test pass", "Signature    good (key", "valid until 2026-11-21 12:15:00 UTC, 0:14:00 left", "0:01:00 ago",
            "voipkit-acme 3.1.4", "inbound_reachable: not known", "credentials_valid: yes", "[acme.app.no_failover] application APP9 2026-11-21 12:00:00 UTC",
            "verify_offline(token, jwks)",
        ):  # fmt: skip
            assert part in text

    def test_doubts_are_said_first(self, ring, token):
        assert "NOT CHECKED" in explain(token, now=NOW).splitlines()[1]
        assert "BAD, do not trust" in explain(token[:-8] + "AAAAAAAA", ring, now=NOW).splitlines()[1]
        assert "BAD" in explain(token, KeyRing.from_text(generate_key()), now=NOW)
        assert "JWK Set" in explain(token, {}, now=NOW)
        assert "NOT VALID. The evidence expired 0:45:00 ago" in explain(token, ring, now=NOW + 60 * MINUTE)
        assert "issued in the future" in explain(token, ring, now=NOW - 60 * MINUTE)

    @pytest.mark.parametrize(
        "garbage", [None, "", 5, b"x", [], "a.b", "a.b.c", "e30.e30.e30", "\ud800.\ud800.a", "." * 20_000, "é.é.é"]
    )
    def test_garbage(self, ring, garbage):
        assert explain(garbage, ring).startswith("This is not voipkit evidence: ")

    def test_it_cannot_drive_a_terminal(self, ring):
        made = forge(ring, claims={"setup_method": "\x1b[2J\u202e\r\nSignature    good"})
        shown = explain(made, now=NOW)
        assert not set(shown) & set("\x1b\u202e\r")
        assert sum(line.startswith("Signature") for line in shown.splitlines()) == 1

    json_values = st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(), lambda v: st.lists(v) | st.dictionaries(st.text(), v), max_leaves=8
    )  # fmt: skip

    @given(st.text() | st.binary() | json_values)
    def test_it_never_raises(self, anything):
        assert isinstance(explain(anything, anything), str)

    @given(
        st.dictionaries(st.sampled_from(["typ", "alg", "kid"]), json_values),
        st.dictionaries(st.sampled_from(["jti", "iat", "exp", "checks", "tested_at", "provider", "adapter", "library_version"]), json_values),
    )  # fmt: skip
    def test_it_never_raises_on_odd_claims(self, header, claims):
        ring = KeyRing.from_text(KEY)
        for made in (forge(ring, header, claims), forge(ring, {}, claims), forge(ring, header)):
            assert isinstance(explain(made, ring, now=NOW), str)
            with contextlib.suppress(errors.EvidenceError):
                verify(ring, made, Acme(), spent=None, now=NOW)


def forms(secret):
    """How a secret can be written down: plain, base64, hexadecimal, and plain hashes of it."""
    raw = secret if isinstance(secret, bytes) else secret.encode()
    values = [raw, *(hashlib.new(name, raw).digest() for name in ("md5", "sha1", "sha256", "sha512"))]
    found = {secret, repr(secret)[1:-1]} if isinstance(secret, str) else {repr(secret)[2:-1]}
    for value in values:
        found |= {value.hex(), value.hex().upper(), b64(value), base64.b64encode(value).decode().rstrip("=")}
        # base64 inside a longer text may begin at any of three offsets; the outer characters depend on neighbours.
        found |= {base64.urlsafe_b64encode(b"\0" * shift + value).decode()[4:-4] for shift in (1, 2)}
    return found


def told(error):
    """Everything that a log may keep of an error, with the locals of all frames but this file's own."""
    seen, todo = [], [error]
    while todo:
        current = todo.pop()
        if current is None:
            continue
        frames = traceback.TracebackException.from_exception(current, capture_locals=True).stack
        seen += [str(current), repr(current), repr(vars(current)), repr(current.args)]
        seen += [repr(frame.locals) for frame in frames if frame.filename != __file__]
        todo += [current.__cause__, current.__context__]
    return "\n".join(seen)


class TestNoSecretGetsOut:
    secrets = (API_KEY, SIP_PASSWORD, KEY, bytes.fromhex(KEY))

    def clean(self, text):
        for secret in self.secrets:
            assert not [form for form in forms(secret) if form in text]

    def test_the_net_would_catch_it(self):
        for secret in (API_KEY, SIP_PASSWORD):
            with pytest.raises(AssertionError):
                self.clean(b64(f"xx{secret}yy".encode()))

        def leak(secret):
            raise ValueError(len(secret))

        namespace = {}
        exec(compile("def outer(leak, secret): leak(secret)", "elsewhere.py", "exec"), namespace)
        with pytest.raises(ValueError) as caught:
            namespace["outer"](leak, API_KEY)
        with pytest.raises(AssertionError):
            self.clean(told(caught.value))

    def test_in_what_is_emitted(self, ring, token):
        seen = verify(ring, token, Acme(), spent=None, now=NOW)
        self.clean(token)
        for part in token.split(".")[:2]:
            self.clean(unb64(part).decode())
        for text in (
            repr(seen),
            str(seen),
            seen.model_dump_json(),
            seen._repr_html_(),
            explain(token, ring, now=NOW),
            explain(token),
        ):
            self.clean(text)
        self.clean(pickle.dumps(seen).decode("latin-1"))
        self.clean(json.dumps(jwks(ring)) + repr(ring) + repr(ring.sealing_keys) + repr(Policy()))
        assert pickle.loads(pickle.dumps(seen)) == seen

    def test_in_errors_and_tracebacks(self, ring, token, monkeypatch):
        monkeypatch.setenv("VOIPKIT_SECRET_KEY", f"{KEY} {KEY}")
        spent = MemorySpentEvidence()
        verify(ring, token, Acme(), spent=spent, now=NOW)
        attempts = [
            KeyRing.from_env,
            lambda: KeyRing.from_text(f"{KEY},{KEY}"),
            lambda: KeyRing.from_text(f"{KEY}, {API_KEY}"),
            lambda: KeyRing.from_text(f"{KEY}, {API_KEY}!"),
            lambda: KeyRing.from_text(bytes.fromhex(KEY)),
            lambda: pickle.dumps(ring),
            lambda: pickle.dumps(Acme().credentials),
            lambda: issue(ring, Acme(), acme_test(setup_method="oauth"), now=NOW),
            lambda: issue(ring, Acme(), clean_test(), now=NOW, ttl=timedelta(0)),
            lambda: issue(ring, Acme(), clean_test(), now=NOW, max_age=-MINUTE),
            lambda: verify(ring, token, Acme(), spent=spent, now=NOW),
            lambda: verify(ring, token, Acme(), spent=None, now=NOW + 60 * MINUTE),
            lambda: verify(ring, token, Acme(), spent=None, policy=Policy(required=("outbound_authorized",)), now=NOW),
            lambda: verify(ring, token, Acme({"apiKey": API_KEY, "accountId": "B"}), spent=None, now=NOW),
            lambda: verify(ring, token, Acme(sip_config={"password": SIP_PASSWORD}), spent=None, now=NOW),
            lambda: verify(ring, token, Other(), spent=None, now=NOW),
            lambda: verify(ring, token + "A", Acme(), spent=None, now=NOW),
            lambda: verify(ring, forge(ring, {"kid": "x"}), Acme(), spent=None, now=NOW),
        ]
        for attempt in attempts:
            with pytest.raises((errors.VoipkitError, TypeError)) as caught:
                attempt()
            self.clean(without_messages(told(caught.value)))

    def test_when_a_settings_value_cannot_be_written_down(self, ring):
        class Odd(AcmeCredentials):
            odd: object = setting("Odd", help="Nothing that JSON knows.")

        carrier = Acme()
        carrier._credentials = Odd(api_key=SecretStr(API_KEY), account_id="AC1", odd=object())
        with pytest.raises(ValueError, match="serialize") as caught:
            issue(ring, carrier, clean_test(), now=NOW)
        self.clean(told(caught.value))


def clean_test():
    """A test whose messages hold no canary: `issue` has the test in its frame, and its messages are the adapter's own."""
    return acme_test(*(c.model_copy(update={"message": "Seen."}) for c in acme_test().checks))


def without_messages(text):
    return text.replace(f"Seen with {API_KEY}.", "")


def test_importing_voipkit_loads_no_evidence():
    code = "import sys, voipkit; sys.exit(bool({'voipkit.evidence', 'jwt', 'cryptography'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
