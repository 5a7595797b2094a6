"""How the simulated Telnyx reads filters and cuts pages; shared by all of its listings."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, TypeVar

from voipkit.sandbox._faults import Json
from voipkit.sandbox._kernel import OK, Call, Listing, Reply, cut

if TYPE_CHECKING:
    from voipkit.sandbox.telnyx import Telnyx

Item = TypeVar("Item")

DEFAULT_PAGE, LARGEST_PAGE = 20, 250


def unknown_filter(telnyx: Telnyx, call: Call, known: Iterable[str]) -> Reply | None:
    """Refuse the request when it carries a filter that the listing does not know."""
    for name, _ in call.request.query:
        match = re.match(r"filter\[([^\]]+)\]", name)
        if match and match[1] not in known:
            return telnyx.refuse(400, detail="There is no such filter.", parameter=name)
    return None


def page_of(
    telnyx: Telnyx, call: Call, items: Listing[Item], record: Callable[[Item], Json], default_size: int = DEFAULT_PAGE
) -> Reply:
    """Answer one page of a listing, with ``page[number]`` from 1 and the total in ``meta``."""
    asked, size = call.query("page[number]") or "1", call.query("page[size]") or str(default_size)
    if not asked.isdigit() or int(asked) < 1:
        return telnyx.refuse(400, detail="The page number must be 1 or more.", parameter="page[number]")
    if not size.isdigit() or not 1 <= int(size) <= LARGEST_PAGE:
        return telnyx.refuse(400, detail="The page size must be from 1 to 250.", parameter="page[size]")
    page = cut(items, int(asked) - 1, int(size), call.fault)
    meta = {
        "page_number": page.number + 1,
        "page_size": page.size,
        "total_pages": page.pages,
        "total_results": page.total,
    }
    return Reply(OK, {"data": [record(item) for item in page.items], "meta": meta})
