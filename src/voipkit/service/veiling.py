"""No secret of a URL lies readable in the store, or is shown: what carriers are sent is opened right before.

    a carrier, a caller ── veiled ──> the store ── unveiled ──> a carrier
                        └─ shown ───────┴─ shown ──> whoever asks; records of the store too

What is put back or sent again (routes, snapshots) is veiled: sealed, and exactly the same when it is unveiled. What is
only read by people (answers, checks, messages) is shown: its secrets are gone for good.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from voipkit.errors import InvalidField
from voipkit.models import PhoneNumber, Route
from voipkit.models.base import Model
from voipkit.models.numbers import LONGEST_TARGET
from voipkit.service.shop import Shop
from voipkit.store.sealing import is_sealed
from voipkit.store.url_secrets import MASK, UrlSecret, mapped, masked, replaced

__all__ = ["given_route", "shown", "shown_number", "unveiled", "veiled"]

M = TypeVar("M", bound=Model | None)


def veiled(shop: Shop, org_id: str, model: M) -> M:
    """Return a model as the store may keep it: the secrets of its URLs are sealed."""
    return _changed(model, lambda text: shop.sealer.seal_urls(text, org_id=org_id))


def unveiled(shop: Shop, org_id: str, model: M) -> M:
    """Return a model as it was before it was veiled.

    Raises:
        SealKeyMissing: The ring does not have the key of a secret.
        SealBroken: A secret does not open, or was never sealed.
    """
    return _changed(model, lambda text: shop.sealer.open_urls(text, org_id=org_id))


def shown(model: M) -> M:
    """Return a model for people: each secret of a URL is ``***``."""
    return _changed(model, masked)


def shown_number(number: PhoneNumber) -> PhoneNumber:
    """Return a number's record for people; its checks were written down as people see them."""
    route, snapshot = shown(number.route), shown(number.snapshot)
    if route is number.route and snapshot is number.snapshot:
        return number
    return number.model_copy(update={"route": route, "snapshot": snapshot})


def given_route(shop: Shop, org_id: str, route: Route | None) -> Route | None:
    """Return a route that a caller gave, unless its secrets are what was shown, or stored, in their place.

    Raises:
        InvalidField: They are, or the route is too long to be kept once it is sealed.
    """
    if route is None:
        return None

    def look(secret: UrlSecret) -> str:
        if secret.text == MASK or is_sealed(secret.text):
            raise InvalidField(
                f"The {secret.part} of the route's URL is not the one itself, but what is shown in its place.",
                field="route",
                fix="Give the URL as the carrier is to use it.",
            )
        return secret.text

    replaced(route.target, look)
    if len(shop.sealer.seal_urls(route.target, org_id=org_id)) > LONGEST_TARGET:
        raise InvalidField(
            f"The route's URL has more than {LONGEST_TARGET} characters once its secrets are sealed.",
            field="route",
            fix="Shorten its query.",
        )
    return route


def _changed(model: M, change: Callable[[str], str]) -> M:
    if model is None:
        return model
    text = model.model_dump_json()
    if "@" not in text and "?" not in text:  # neither user information nor a query: the usual case, and much faster
        return model
    before = model.model_dump(mode="json")
    after = mapped(before, change)
    return model if after == before else type(model).model_validate(after)
