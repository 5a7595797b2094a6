"""How the simulated SignalWire cuts pages and reads filters; shared by all of its listings."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import urlencode

from voipkit.sandbox._faults import Json
from voipkit.sandbox._kernel import OK, Call, Listing, Page, Reply, Request, cut

if TYPE_CHECKING:
    from voipkit.sandbox.signalwire import SignalWire

Item = TypeVar("Item")

DEFAULT_PAGE, LARGEST_PAGE = 50, 1000


def page_of(signalwire: SignalWire, call: Call, items: Listing[Item], record: Callable[[Item], Json]) -> Reply:
    """Answer one page: ``page_number`` from 0, and the token of the page before it for every page but the first."""
    asked, size = call.query("page_number") or "0", call.query("page_size") or str(DEFAULT_PAGE)
    if not asked.isdigit() or not size.isdigit() or not 1 <= int(size) <= LARGEST_PAGE:
        return signalwire.bad_page(call.request)
    number = int(asked)
    if number and call.query("page_token") != _token(call.request, number):
        return signalwire.bad_page(call.request)
    page = cut(items, number, int(size), call.fault)
    return Reply(OK, {"links": _links(call.request, page), "data": [record(item) for item in page.items]})


def whole(call: Call, items: list[Json]) -> Reply:
    """Answer a listing that takes no page parameters: one page with all there is."""
    where = _address(call.request)
    return Reply(OK, {"links": {"self": where, "first": where}, "data": items})


def _links(request: Request, page: Page[Item]) -> Json:
    """Return the links of a page; ``next`` and ``prev`` are there only when such a page is."""
    links: Json = {"self": _link(request, page.number, page.size), "first": _link(request, 0, page.size)}
    if page.more:
        links["next"] = _link(request, page.number + 1, page.size)
    if page.number:
        links["prev"] = _link(request, page.number - 1, page.size)
    return links


def _link(request: Request, number: int, size: int) -> str:
    query = [*_filters(request), ("page_number", str(number)), ("page_size", str(size))]
    if number:
        query.append(("page_token", _token(request, number)))
    return f"{_address(request)}?{urlencode(query)}"


def _address(request: Request) -> str:
    return f"https://{request.host}{request.path}"


def _filters(request: Request) -> list[tuple[str, str]]:
    return [(name, value) for name, value in request.query if not name.startswith("page_")]


def _token(request: Request, number: int) -> str:
    """Return the token that a page of this very listing needs; ``PA`` and 32 hexadecimal digits."""
    text = f"{request.path}?{urlencode(_filters(request))}#{number}"
    return "PA" + hashlib.sha256(text.encode()).hexdigest()[:32]
