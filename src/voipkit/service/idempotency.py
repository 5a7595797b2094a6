"""Answers that were given under an idempotency key: the same request again is given the same one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from voipkit.errors import IdempotencyConflict, OperationInProgress
from voipkit.models import Reservation
from voipkit.models.base import Model
from voipkit.service.shop import Shop, plain
from voipkit.store import StoreTransaction

__all__ = ["Keyed"]

M = TypeVar("M", bound=Model)


class Keyed:
    """One request, and the key that its caller gave it, if any.

    The request is named by a keyed fingerprint: it may hold credentials. A key that was used with an older key of the
    ring is recognised too.
    """

    __slots__ = ("_names", "_operation", "key")

    def __init__(self, shop: Shop, operation: str, key: str | None, request: Mapping[str, Any]) -> None:
        self._operation = operation
        self.key = key
        self._names = shop.keys.fingerprints(f"idempotency {operation}", plain(request)) if key else ()

    def earlier(self, shop: Shop, tx: StoreTransaction, kind: type[M]) -> M | None:
        """Reserve the key, or return what this request was answered with before.

        Raises:
            IdempotencyConflict: The key was used for another request.
            OperationInProgress: This request is being worked on, or a crash cut it short; `recover` finishes it.
        """
        if self.key is None:
            return None
        wanted = Reservation(
            org_id=tx.org_id,
            operation=self._operation,
            key=self.key,
            fingerprint=self._names[0],
            created_at=shop.now(),
        )
        found = tx.reserve(wanted)
        if found is wanted:
            return None
        if found.fingerprint not in self._names:
            raise IdempotencyConflict(
                "This idempotency key was used before, for another request.", fix="Use a new key for a new request."
            )
        if found.answer is None:
            raise OperationInProgress(
                "A request with this idempotency key is being worked on.",
                fix="Ask again; recover() finishes what a crash left.",
            )
        return kind.model_validate(found.answer)

    def answer(self, tx: StoreTransaction, answer: Model) -> None:
        """Keep the answer, as part of the transaction that makes it true."""
        keep(tx, self._operation, self.key, answer)


def keep(tx: StoreTransaction, operation: str, key: str | None, answer: Model) -> None:
    """Keep the answer to a key that is reserved; no key, no answer."""
    if key is not None:
        tx.answer(operation, key, answer.model_dump(mode="json"))


def free(tx: StoreTransaction, operation: str, key: str | None) -> None:
    """Free a key whose request came to nothing."""
    if key is not None:
        tx.forget_reservation(operation, key)
