"""Evidence in the service: handed out by its id, accepted for exactly what is to be saved, used once."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from voipkit import evidence as signed
from voipkit.errors import EvidenceExpired, EvidenceInvalid, EvidenceMissing, EvidenceReused, StoreNotFound
from voipkit.evidence import Evidence
from voipkit.evidence.claims import read_claims
from voipkit.evidence.jws import take_apart
from voipkit.models import Check, CredentialTest, IssuedEvidence, NameSuggestion
from voipkit.protocols import Provider
from voipkit.service.results import ConnectionTest
from voipkit.service.shop import Shop
from voipkit.store import StoreTransaction

__all__ = ["Proof", "expiring", "hand_out", "require_unspent", "spend"]

_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_TEST_FIRST = "Test the credentials, and send the verification_evidence_id that you get."


def hand_out(
    shop: Shop, org_id: str, carrier: Provider, found: CredentialTest, suggestion: NameSuggestion
) -> ConnectionTest:
    """Sign that a test passed, and keep the token, so that its id is enough to use it."""
    moment = shop.now()
    token = signed.issue(shop.keys, carrier, found, now=moment)
    claims = _claims(token)
    issued = IssuedEvidence(
        id=claims.id,
        org_id=org_id,
        token=token,
        expires_at=claims.expires_at,
        suggestion=suggestion,
        checks=found.checks,
        created_at=moment,
    )
    with shop.store.transaction(org_id) as tx:
        tx.add_evidence(issued)
    return ConnectionTest(
        status="pass",
        test=found,
        evidence=token,
        verification_evidence_id=claims.id,
        suggested_connection_name=suggestion.name,
        suggested_connection_name_inferred=suggestion.inferred,
    )


class Proof:
    """Evidence as a caller gave it, by its id or as the token itself, with what is on record about it.

    Attributes:
        id: Its UUID.
        suggestion: The name that the test suggested, where the token was handed out here.
    """

    def __init__(self, tx: StoreTransaction, given: str | None) -> None:
        if given is None or given == "":
            raise EvidenceMissing("No evidence was given.", fix=_TEST_FIRST)
        self.id = _id_of(given)
        by_id = given.lower() == self.id
        issued = _issued(tx, self.id)
        if issued is None and by_id:
            raise EvidenceInvalid(f"There is no evidence {self.id}.", fix=_TEST_FIRST)
        self._token = issued.token if issued and by_id else given
        self._checks: tuple[Check, ...] = issued.checks if issued else ()
        self.suggestion = issued.suggestion if issued else None

    def accept(self, shop: Shop, carrier: Provider) -> Evidence:
        """Look whether it is good for what a carrier was opened with; it is not used up.

        Returns:
            What was proven, with the checks' messages where they are on record.

        Raises:
            EvidenceError: As for `voipkit.evidence.verify`, except EvidenceReused.
        """
        proven = signed.verify(shop.keys, self._token, carrier, spent=None, policy=shop.policy, now=shop.now())
        return proven.model_copy(update={"checks": self._checks}) if self._checks else proven


@contextmanager
def expiring(shop: Shop, given: str | None) -> Iterator[None]:
    """Use up evidence that is found expired in the block, so that a clock which is set back does not revive it."""
    try:
        yield
    except EvidenceExpired:
        if given:
            shop.store.spend(_id_of(given), shop.now().timestamp())
        raise


class _TakenBackError(Exception):
    """Undoes a transaction."""


def require_unspent(shop: Shop, org_id: str, evidence_id: str) -> None:
    """Refuse evidence that was used before, without using it up: it is tried, and taken back.

    Raises:
        EvidenceReused: It was used before.
    """
    with suppress(_TakenBackError), shop.store.transaction(org_id) as tx:
        spend(tx, evidence_id, shop.now().timestamp())
        raise _TakenBackError


def spend(tx: StoreTransaction, evidence_id: str, expires_at: float) -> None:
    """Use evidence up, as part of the transaction that it allows.

    Raises:
        EvidenceReused: It was used before; of two that try at once, one gets this.
    """
    if not tx.spend(evidence_id, expires_at):
        raise EvidenceReused(
            f"Evidence {evidence_id} was used before.", fix="Test the credentials again and send the new evidence."
        )


def _id_of(given: object) -> str:
    """Return the UUID of evidence that was given by its id or as a token."""
    if isinstance(given, str) and _UUID.fullmatch(given.lower()):
        return given.lower()
    return _claims(given).id


def _claims(token: object) -> Evidence:
    """Read a token without looking at its signature; `Proof.accept` does."""
    return read_claims(take_apart(token)[1])


def _issued(tx: StoreTransaction, evidence_id: str) -> IssuedEvidence | None:
    try:
        return tx.evidence(evidence_id)
    except StoreNotFound:
        return None
