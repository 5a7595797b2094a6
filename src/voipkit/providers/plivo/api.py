"""What is asked of Plivo: one method for each question, over the SDK's generic request.

The SDK's typed calls are not used: they lose the HTTP status and Retry-After, stop with AttributeError where a listing
is refused, send POST requests again after a 5xx and print while they do so, and rewrite an application's methods and
the account's default application with every update (all measured with plivo 4.63.0).
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

from voipkit.adapting.numbers import canonical
from voipkit.adapting.paging import Page, by_cursor, by_number
from voipkit.adapting.reading import text
from voipkit.adapting.translation import translating
from voipkit.adapting.transport import PLACEHOLDER, HttpOptions, basic, open_channel, requests_session
from voipkit.errors import MissingExtra, UnexpectedResponse
from voipkit.providers._plivo_dialect import Json, plain, refuse
from voipkit.providers.plivo.settings import RULES, PlivoCredentials

__all__ = ["PlivoApi"]

_PAGE = 20  # rows; the most that Plivo gives, and that its SDK lets through


class PlivoApi:
    """Asks one Plivo account. Thread-safe; methods raise `voipkit.errors.ProviderError`, never the SDK's exceptions.

    Each method's ``operation`` is what voipkit is doing, for errors.
    """

    def __init__(self, credentials: PlivoCredentials, http: HttpOptions) -> None:
        self.auth_id = credentials.auth_id
        self.patience = http.retry_after_cap
        self._workers = http.concurrency
        self._channel = open_channel(
            "plivo", http, basic(credentials.auth_id, credentials.auth_token), hosts={"api.plivo.com"}, sdk="plivo"
        )
        self._sdk: Any = None
        self._sdk_lock = threading.Lock()

    def close(self) -> None:
        """Close the connections."""
        self._channel.close()

    def account(self, operation: str) -> Json:
        """Get the account: its type, its money, its name."""
        raw = self._ask(operation, "GET")
        known = "auth_id" in raw or "account_type" in raw
        if not known or text(raw.get("auth_id")) not in (None, self.auth_id):
            raise _unexpected(operation, "The answer is not the account that was asked for.")
        return raw

    def first_number(self, operation: str) -> Json | None:
        """Get the first number that can take calls, or None when there is none."""
        return next(iter(self._page(operation, {"limit": 1, "services": "voice"}).items), None)

    def numbers(self, operation: str) -> Iterator[Json]:
        """Yield every number of the account, pages in parallel."""
        yield from self._rest(operation, {}, self._page(operation))

    def find(self, operation: str, wanted: frozenset[str]) -> Iterator[Json]:
        """Yield at least the wanted numbers that the account owns.

        With 20 numbers a page, asking for each is soon cheaper than the listing: after its first page, which tells how
        many pages there are, the cheaper of the two is taken.

        Args:
            operation: What voipkit is doing.
            wanted: E.164, or short codes.
        """
        if len(wanted) == 1:
            yield from self._one_by_one(operation, wanted)
            return
        first = self._page(operation)
        yield from first.items
        missing = wanted.difference(canonical(str(raw["number"])) for raw in first.items)
        if len(missing) < (first.pages or 0) - 1:
            yield from self._one_by_one(operation, missing)
        elif missing:
            yield from self._rest(operation, {}, first)

    def number(self, operation: str, number_id: str) -> Json:
        """Get one number by its digits."""
        raw = self._ask(operation, "GET", "Number", number_id)
        if text(raw.get("number")) != number_id:
            raise _unexpected(operation, "The answer is not the number that was asked for.")
        return raw

    def attach(self, operation: str, number_id: str, target: str) -> None:
        """Attach a number to an application or an inbound trunk, by that one's id.

        A POST to a number without ``app_id`` would attach it to the account's default application (Plivo's page on
        updating a number), so this is the only thing that is ever posted to a number, and it always has one.
        """
        self._ask(operation, "POST", "Number", number_id, data={"app_id": target})

    def application(self, operation: str, application_id: str) -> Json:
        """Get an application."""
        raw = self._ask(operation, "GET", "Application", application_id)
        if text(raw.get("app_id")) != application_id:
            raise _unexpected(operation, "The answer is not the application that was asked for.")
        return raw

    def trunk(self, operation: str, trunk_id: str) -> Json:
        """Get a Zentrunk trunk, for which the SDK has no call of its own."""
        raw = _unwrapped(self._ask(operation, "GET", "Zentrunk", "Trunk", trunk_id))
        if text(raw.get("trunk_id")) != trunk_id:
            raise _unexpected(operation, "The answer is not the trunk that was asked for.")
        return raw

    def origination_uri(self, operation: str, uri_id: str) -> Json:
        """Get where an inbound trunk sends calls to."""
        raw = _unwrapped(self._ask(operation, "GET", "Zentrunk", "URI", uri_id))
        if "uri" not in raw:
            raise _unexpected(operation, "The answer is not the origination URI that was asked for.")
        return raw

    # --- requests ----------------------------------------------------------------------------------------------------

    def _one_by_one(self, operation: str, wanted: frozenset[str]) -> Iterator[Json]:
        """Look for numbers by their digits. A prefix finds longer numbers too, which the caller leaves out.

        An account that is gone answers a listing with 404 and an absent number with an empty list; the number's own
        address answers both with 404.
        """

        def look(number: str) -> list[Json]:
            query = {"number_startswith": number.removeprefix("+")}
            rows = self._rest(operation, query, self._page(operation, query))
            return [raw for raw in rows if canonical(str(raw["number"])) == number]

        if wanted:
            with ThreadPoolExecutor(min(self._workers, len(wanted)), thread_name_prefix="voipkit-find") as pool:
                yield from chain.from_iterable(pool.map(look, sorted(wanted)))

    def _rest(self, operation: str, query: Json, first: Page[Json]) -> Iterator[Json]:
        """Yield a listing from its first page on.

        Pages are told apart by offset. The SDK's source (plivo/base.py, 4.63.0) says that some deployments serve
        cursors and ignore the offset; there pages are followed one after the other.
        """
        waiting = [first]

        def by_offset(page: int) -> Page[Json]:
            if page == 1 and waiting:
                return waiting.pop()
            return self._page(operation, {**query, "offset": (page - 1) * _PAGE})

        def after(cursor: str | None) -> Page[Json]:
            # An offset beside a cursor would pin the listing to its first page (plivo/base.py).
            return first if cursor is None else self._page(operation, {**query, "cursor": cursor, "offset": None})

        def key(raw: Json) -> str:
            return str(raw["number"])

        if first.next is not None:
            yield from by_cursor("plivo", after, key=key)
        else:
            yield from by_number("plivo", by_offset, size=_PAGE, key=key, workers=self._workers)

    def _page(self, operation: str, query: Json | None = None) -> Page[Json]:
        answer = self._ask(operation, "GET", "Number", data={"limit": _PAGE, "offset": 0} | dict(query or {}))
        rows, meta = answer.get("objects"), answer.get("meta")
        if not isinstance(rows, list) or not all(isinstance(row, dict) and text(row.get("number")) for row in rows):
            raise _unexpected(operation, 'The answer has no list of numbers in "objects".')
        meta = meta if isinstance(meta, dict) else {}
        total = meta.get("total_count")
        total = total if isinstance(total, int) and total >= 0 else None
        pages = None if total is None else max(1, -(-total // _PAGE))
        cursors = parse_qs(urlsplit(text(meta.get("next")) or "").query).get("cursor")
        return Page(rows, next=cursors[0] if cursors else None, pages=pages, total=total)

    def _ask(self, operation: str, method: str, *path: str, data: Json | None = None) -> Json:
        client = self._client()
        with translating("plivo", operation, RULES, self._channel):
            # The SDK puts path parts into the URL as they are.
            answer = plain(client.request(method, tuple(quote(part, safe="") for part in path), data))
        if not isinstance(answer, dict):  # the SDK gives None for a body that is no JSON, and a list as it is
            raise _unexpected(operation, "The answer is not a JSON object.")
        return answer

    def _client(self) -> Any:
        with self._sdk_lock:
            if self._sdk is None:
                try:
                    import plivo
                except ImportError as error:
                    raise MissingExtra("Plivo's SDK is not installed.", fix="pip install 'voipkit[plivo]'") from error
                # Both arguments are given: were one empty, the SDK would take both from the environment.
                sdk = plivo.RestClient(self.auth_id, PLACEHOLDER)
                session = requests_session(self._channel)
                session.auth = (self.auth_id, PLACEHOLDER)  # the SDK reads the account's id from here
                session.hooks["response"].append(refuse)
                sdk.session = sdk.multipart_session = session
                self._sdk = sdk
            return self._sdk


# --- reading answers -------------------------------------------------------------------------------------------------


def _unwrapped(raw: Json) -> Json:
    """Plivo documents trunks and URIs flat; code that runs against the live API finds them under ``object``."""
    inner = raw.get("object")
    return inner if isinstance(inner, dict) else raw


def _unexpected(operation: str, what: str) -> UnexpectedResponse:
    fix = "Try again; if it lasts, look for a proxy in between, and report it."
    return UnexpectedResponse(what, provider="plivo", operation=operation, fix=fix)
