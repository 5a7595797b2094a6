"""What is asked of Vobiz: one method for each question, over the SDK's session and its reading of answers.

The SDK's typed calls are not used, but for the account: they send ``/account/`` where Vobiz's newer pages want
``/Account/``, leave out slashes that these pages have (and a redirect would turn a DELETE into a GET), and put "+" into
paths, where it must be %2B (measured with vobiz-python 0.1.1).
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from itertools import chain
from typing import Any
from urllib.parse import quote

from voipkit.adapting.numbers import canonical
from voipkit.adapting.paging import Page, by_number
from voipkit.adapting.reading import text
from voipkit.adapting.translation import translating
from voipkit.adapting.transport import PLACEHOLDER, HttpOptions, open_channel, own_headers, requests_session
from voipkit.errors import MissingExtra, NotFound, ProviderError, UnexpectedResponse
from voipkit.providers._plivo_dialect import Json, plain, refuse
from voipkit.providers.vobiz.settings import RULES, VobizCredentials

__all__ = ["PARALLEL", "VobizApi"]

PARALLEL = 4  # requests at once; Vobiz publishes no limit, so be modest

_API = "https://api.vobiz.ai/api/v1"
_PAGE = 100  # rows; the most that Vobiz gives
_MOST_PAGES = 50  # of trunks or URIs, which have no page numbers
_NO_CONTENT = 204
# What is read of the account. It also holds the account's token as ``auth_secret``, which must not get any further;
# the channel blanks it besides.
_ACCOUNT = (
    *("auth_id", "name", "company", "enabled", "is_active", "is_trial_account", "postpaid"),
    *("concurrent_calls_limit", "cps_limit", "pricing_tier"),
)
_sdk_import = threading.Lock()


class VobizApi:
    """Asks one Vobiz account. Thread-safe; methods raise `voipkit.errors.ProviderError`, never the SDK's exceptions.

    Each method's ``operation`` is what voipkit is doing, for errors.
    """

    def __init__(self, credentials: VobizCredentials, http: HttpOptions) -> None:
        self.auth_id = credentials.auth_id
        self.patience = http.retry_after_cap
        self._workers = min(PARALLEL, http.concurrency)
        self._channel = open_channel(
            "vobiz",
            http,
            own_headers({"X-Auth-ID": credentials.auth_id}, {"X-Auth-Token": credentials.auth_token}),
            hosts={"api.vobiz.ai"},
            sdk="vobiz-python",
            conceal=("auth_secret",),
        )
        self._sdk: Any = None
        self._sdk_lock = threading.Lock()

    def close(self) -> None:
        """Close the connections."""
        self._channel.close()

    def account(self, operation: str) -> Json:
        """Get the account's name, state and limits; not its token, which the answer holds too."""
        raw = self._get(operation, f"{_API}/auth/me")
        known = "auth_id" in raw or "is_active" in raw
        if not known or text(raw.get("auth_id")) not in (None, self.auth_id):
            raise _unexpected(operation, "The answer is not the account that was asked for.")
        return {name: raw[name] for name in _ACCOUNT if name in raw}

    def balance(self, operation: str, currency: str) -> Json:
        """Get the account's money in a currency."""
        raw = self._get(operation, self._url("balance", currency))
        if "available_balance" not in raw and "balance" not in raw:
            raise _unexpected(operation, "The answer is not a balance.")
        return raw

    def first_number(self, operation: str) -> Json | None:
        """Get a number that can take calls, or else the first one; None when there is none."""
        rows = [raw for raw in self._page(operation, 1).items if self._is_ours(raw)]
        return next((raw for raw in rows if raw.get("voice_enabled") is not False), rows[0] if rows else None)

    def numbers(self, operation: str) -> Iterator[Json]:
        """Yield every number of the account itself, pages in parallel."""
        yield from self._rest(operation, self._page(operation, 1))

    def find(self, operation: str, wanted: frozenset[str]) -> Iterator[Json]:
        """Yield at least the wanted numbers that the account owns.

        After the listing's first page, which tells how many there are, the cheaper way is taken: to ask for the missing
        numbers one by one, or to list on.

        Args:
            operation: What voipkit is doing.
            wanted: E.164.
        """
        if len(wanted) == 1:
            yield from self._one_by_one(operation, wanted)
            return
        first = self._page(operation, 1)
        yield from filter(self._is_ours, first.items)
        missing = wanted.difference(canonical(str(raw["e164"])) for raw in first.items)
        if len(missing) < (first.pages or 0) - 1:
            yield from self._one_by_one(operation, missing)
        elif missing:
            yield from self._rest(operation, first)

    def number(self, operation: str, number: str) -> Json:
        """Get one number, by a search: Vobiz has no address for a number alone."""
        found = next(self._one_by_one(operation, frozenset([canonical(number)])), None)
        if found is None:
            raise NotFound(f"Vobiz does not list {number}.", provider="vobiz", operation=operation)
        return found

    def attach(self, operation: str, number: str, application_id: str) -> None:
        """Attach a number to an application; it leaves the one that it had."""
        body = {"application_id": application_id}
        self._ask(operation, "POST", self._url("numbers", number, "application"), body=body)

    def detach(self, operation: str, number: str) -> None:
        """Take a number off its application."""
        self._ask(operation, "DELETE", self._url("numbers", number, "application"))

    def assign(self, operation: str, number: str, trunk_id: str) -> None:
        """Assign a number to a trunk; 400 while it has another one."""
        self._ask(operation, "POST", self._url("numbers", number, "assign"), body={"trunk_group_id": trunk_id})

    def unassign(self, operation: str, number: str) -> None:
        """Take a number off its trunk; one that has none (404) is as it should be."""
        with suppress(NotFound):
            self._ask(operation, "DELETE", self._url("numbers", number, "assign"))

    def application(self, operation: str, application_id: str) -> Json:
        """Get an application."""
        raw = self._get(operation, self._url("Application", application_id) + "/")
        if text(raw.get("app_id")) != application_id:
            raise _unexpected(operation, "The answer is not the application that was asked for.")
        return raw

    def trunks(self, operation: str) -> dict[str, Json]:
        """Get all trunks by id; one listing answers for a trunk in each direction."""
        return {str(raw.get("trunk_id")): raw for raw in self._objects(operation, self._url("trunks"))}

    def origination_uri(self, operation: str, uri_id: str) -> Json:
        """Get where an inbound trunk sends calls to; only a listing of all is documented."""
        for raw in self._objects(operation, self._url("trunks", "origination-uris")):
            if text(raw.get("id")) == uri_id:
                return raw
        raise NotFound(f"Vobiz has no origination URI {uri_id}.", provider="vobiz", operation=operation)

    # --- requests ----------------------------------------------------------------------------------------------------

    def _is_ours(self, raw: Json) -> bool:
        """Leave out numbers of sub-accounts, which this account may not route, and those that left the account."""
        owner = text(raw.get("account_id")) or text(raw.get("auth_id")) or self.auth_id
        lent = owner.startswith("SA_") and owner != self.auth_id
        return not lent and text(raw.get("status")) != "released"

    def _one_by_one(self, operation: str, wanted: frozenset[str]) -> Iterator[Json]:
        """Look for numbers by search, which matches parts of numbers too."""

        def look(number: str) -> list[Json]:
            rows = self._rest(operation, self._page(operation, 1, number), number)
            return [raw for raw in rows if canonical(str(raw["e164"])) == number]

        if wanted:
            with ThreadPoolExecutor(min(self._workers, len(wanted)), thread_name_prefix="voipkit-find") as pool:
                yield from chain.from_iterable(pool.map(look, sorted(wanted)))

    def _rest(self, operation: str, first: Page[Json], search: str | None = None) -> Iterator[Json]:
        """Yield a listing of numbers from its first page on."""
        waiting = [first]

        def fetch(page: int) -> Page[Json]:
            return waiting.pop() if page == 1 and waiting else self._page(operation, page, search)

        rows = by_number("vobiz", fetch, size=_PAGE, key=lambda raw: str(raw["e164"]), workers=self._workers)
        yield from filter(self._is_ours, rows)

    def _page(self, operation: str, page: int, search: str | None = None) -> Page[Json]:
        # The SDK sends include_subaccounts as "False", which is not the word that Vobiz documents.
        query = {"page": page, "per_page": _PAGE, "include_subaccounts": "false", "search": search}
        answer = self._get(operation, self._url("numbers"), query)
        rows, total, size = answer.get("items"), answer.get("total"), answer.get("per_page")
        if not isinstance(rows, list) or not all(isinstance(row, dict) and text(row.get("e164")) for row in rows):
            raise _unexpected(operation, 'The answer has no list of numbers in "items".')
        total = total if isinstance(total, int) and total >= 0 else None
        size = size if isinstance(size, int) and 0 < size <= _PAGE else _PAGE
        return Page(rows, pages=None if total is None else max(1, -(-total // size)), total=total)

    def _objects(self, operation: str, url: str) -> list[Json]:
        """Get a whole listing of trunks or URIs, by limit and offset; there are seldom more than one page holds."""
        found: list[Json] = []
        for _ in range(_MOST_PAGES):
            answer = self._get(operation, url, {"limit": _PAGE, "offset": len(found)})
            rows, meta = answer.get("objects"), answer.get("meta")
            if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
                raise _unexpected(operation, 'The answer has no list of objects in "objects".')
            found += rows
            meta = meta if isinstance(meta, dict) else {}
            total = meta.get("total", meta.get("total_count"))  # Vobiz's pages disagree on the name
            if not rows or (len(found) >= total if isinstance(total, int) else len(rows) < _PAGE):
                return found
        raise _unexpected(operation, "The listing does not end.")

    def _url(self, *parts: str) -> str:
        """Build an address. "Account" is written with a capital here and nowhere else; "+" becomes %2B."""
        return "/".join((_API, "Account", *(quote(part, safe="") for part in (self.auth_id, *parts))))

    def _get(self, operation: str, url: str, query: Json | None = None) -> Json:
        return self._ask(operation, "GET", url, query=query)

    def _ask(
        self, operation: str, method: str, url: str, *, query: Json | None = None, body: Json | None = None
    ) -> Json:
        client = self._client()
        with translating("vobiz", operation, RULES, self._channel):
            reply = client.session.request(method, url, params=query, json=body)
            answer = plain(client.process_response(method, reply))
        if method != "GET" and answer is None and reply.status_code == _NO_CONTENT:
            return {}
        if not isinstance(answer, dict):  # the SDK gives None for a body that is no JSON, and a list as it is
            raise _unexpected(operation, "The answer is not a JSON object.")
        return answer

    def _client(self) -> Any:
        with self._sdk_lock:
            if self._sdk is None:
                # Both arguments are given: were one empty, the SDK would take both from the environment.
                sdk = _imported().RestClient(self.auth_id, PLACEHOLDER)
                session = requests_session(self._channel)
                session.hooks["response"].append(refuse)
                sdk.session = sdk.multipart_session = session
                self._sdk = sdk
            return self._sdk


def _imported() -> Any:
    """Import the SDK without its side effect.

    ``vobiz.rest.client`` calls ``load_dotenv()`` when it is imported, which reads a .env file found somewhere above and
    puts all of it into the process's environment (vobiz-python 0.1.1, measured). For that one import the call does
    nothing. To be removed once a release no longer does it.
    """
    try:
        import dotenv

        with _sdk_import:
            load = dotenv.load_dotenv
            dotenv.load_dotenv = lambda *_, **__: False
            try:
                import vobiz
            finally:
                dotenv.load_dotenv = load
    except ImportError as error:
        raise MissingExtra("Vobiz's SDK is not installed.", fix="pip install 'voipkit[vobiz]'") from error
    if not hasattr(vobiz, "RestClient"):  # the other SDK of the same import name, on Vobiz's GitHub
        fix = "pip uninstall vobiz, then pip install --force-reinstall 'vobiz-python>=0.1.1,<0.2'"
        raise MissingExtra("The installed package 'vobiz' is not vobiz-python 0.1.", fix=fix)
    return vobiz


def _unexpected(operation: str, what: str) -> ProviderError:
    fix = "Try again; if it lasts, look for a proxy in between, and report it."
    return UnexpectedResponse(what, provider="vobiz", operation=operation, fix=fix)
