"""What is asked of Vonage: one method for each question.

Four habits of the SDK (vonage-http-client 1.5.2, vonage-numbers 1.0.5; measured 2026-11-21) decide how it is used:

- it repeats a request of any method up to ten times when a connection is dropped, purchases and updates included;
- one mutable dictionary holds the headers of all requests, so that a JSON request's Content-Type sticks to every form
  after it, and threads change each other's headers;
- its models refuse a whole page for one number that is odd, drop ``limitations``, and read a 401 with HTTP status 200
  as an empty account;
- it logs headers, and the body of every error.

So its `HttpClient` is given a ``make_request`` (the method that ``get`` and ``post`` are built on) which sends once,
with headers of its own, through our channel; answers are read as plain mappings. The secret never enters the SDK.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Generator, Mapping
from contextlib import closing
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from voipkit.adapting.loading import loading_sdk
from voipkit.adapting.numbers import canonical
from voipkit.adapting.paging import Page, by_number
from voipkit.adapting.reading import text
from voipkit.adapting.translation import translating
from voipkit.adapting.transport import PLACEHOLDER, HttpOptions, basic, open_channel, requests_session
from voipkit.errors import NotFound, PermissionDenied, ProviderError, UnexpectedResponse
from voipkit.providers.vonage.settings import API_HOST, REST_HOST, RULES, Refusal, VonageCredentials

if TYPE_CHECKING:
    from vonage_http_client import HttpClient

__all__ = ["Json", "VonageApi"]

Json = Mapping[str, Any]

_PAGE = 100  # rows; the most that GET /account/numbers gives
_FEW = 2  # numbers that are looked up one by one; more are found by one listing
_SUCCESS = "200"
_OK, _REDIRECT = 200, 300


class VonageApi:
    """Asks one Vonage account. Thread-safe; methods raise `voipkit.errors.ProviderError`, never the SDK's exceptions.

    Each method's ``operation`` is what voipkit is doing, for errors.
    """

    def __init__(self, credentials: VonageCredentials, http: HttpOptions) -> None:
        self.workers = http.concurrency
        self._api_key = credentials.api_key
        self._channel = open_channel(
            "vonage",
            http,
            basic(credentials.api_key, credentials.api_secret),
            hosts={REST_HOST, API_HOST},
            sdk="vonage-http-client",
        )
        self._sdk: HttpClient | None = None
        self._sdk_lock = threading.Lock()
        # Updates are sent one after another: the rate limit of the Numbers API is not published, and an update that
        # meets a 429 is not repeated.
        self._writing = threading.Lock()

    def close(self) -> None:
        """Close the connections."""
        self._channel.close()

    def balance(self, operation: str) -> Json:
        """Get the account's money: ``value`` in euros and ``autoReload``."""
        answer = self._ask(operation, REST_HOST, "/account/get-balance")
        if "value" not in answer:
            raise _unexpected(operation, "The answer shows no balance.")
        return answer

    def price(self, operation: str, country: str) -> Json:
        """Get what a call to a country costs: ``networks`` with their ``price`` a minute, in euros."""
        answer = self._ask(operation, REST_HOST, "/account/get-pricing/outbound/voice", {"country": country})
        if not answer:
            raise _unexpected(operation, "The answer shows no price list.")
        return answer

    def application(self, operation: str, application_id: str) -> Json:
        """Get an application."""
        answer = self._ask(operation, API_HOST, f"/v2/applications/{quote(application_id, safe='')}")
        if (text(answer.get("id")) or "").lower() != application_id.lower():
            raise _unexpected(operation, "The answer is not the application that was asked for.")
        return answer

    def numbers(self, operation: str, filters: Json | None = None) -> Generator[Json]:
        """Yield the account's numbers, 100 a request and several requests at once."""

        def fetch(index: int) -> Page[Json]:
            return self._page(operation, index, filters or {})

        yield from by_number("vonage", fetch, size=_PAGE, key=lambda row: str(row["msisdn"]), workers=self.workers)

    def glance(self, operation: str) -> list[Json]:
        """Get the first page of numbers; an empty one proves nothing, see `_page`."""
        return list(self._page(operation, 1, {}, believed=True).items)

    def find(self, operation: str, wanted: frozenset[str]) -> dict[str, Json]:
        """Get the wanted numbers that the account owns, by E.164: a few one by one, many by one listing.

        The pattern matches the beginnings of longer numbers too, hence the comparison.
        """
        few = [{"pattern": number.lstrip("+"), "search_pattern": 0} for number in sorted(wanted)]
        found: dict[str, Json] = {}
        for filters in few if len(few) <= _FEW else [None]:
            with closing(self.numbers(operation, filters)) as rows:
                for raw in rows:
                    number = canonical(str(raw["msisdn"]))
                    if number in wanted:
                        found[number] = raw
                        if len(found) == len(wanted):
                            return found
        return found

    def number(self, operation: str, number: str) -> Json:
        """Get one number of the account by its E.164 form."""
        raw = self.find(operation, frozenset([number])).get(number)
        if raw is None:
            words = f"{number} is no longer in this Vonage account."
            raise NotFound(words, provider="vonage", operation=operation, fix="List the account's numbers again.")
        return raw

    def update(self, operation: str, country: str, msisdn: str, settings: Mapping[str, str]) -> None:
        """Replace a number's settings; what is not given is cleared. Sent once, whatever happens to the answer."""
        body = {"country": country, "msisdn": msisdn, **settings}
        with self._writing:
            answer = self._ask(operation, REST_HOST, "/number/update", body, post=True)
        if text(answer.get("error-code")) != _SUCCESS:
            raise _unexpected(operation, "The answer to the change does not say whether it was made.")

    # --- requests ----------------------------------------------------------------------------------------------------

    def _page(self, operation: str, index: int, filters: Json, *, believed: bool = False) -> Page[Json]:
        """Get a page of numbers. ``{}`` is Vonage's answer for "none", and for a page beyond the end.

        It is also what a proxy says that has nothing to say; so where the whole listing is ``{}``, the balance is asked
        for too, unless the caller ``believed`` it anyway, and its error is raised.
        """
        answer = self._ask(operation, REST_HOST, "/account/numbers", {"size": _PAGE, "index": index, **filters})
        rows, count = answer.get("numbers"), answer.get("count")
        total = count if isinstance(count, int) and not isinstance(count, bool) and count >= 0 else None
        if rows is None and (not answer or total is not None):
            rows = []
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise _unexpected(operation, 'The answer has no list of objects in "numbers".')
        if not all(text(row.get("msisdn")) for row in rows):
            raise _unexpected(operation, 'A number of the listing lacks its "msisdn".')
        if index == 1 and not answer and not believed:
            self._confirm(operation)
        return Page(rows, pages=None if total is None else -(-total // _PAGE), total=total)

    def _confirm(self, operation: str) -> None:
        try:
            self.balance(operation)
        except PermissionDenied:
            return  # said by Vonage itself, which is all that had to be known

    def _ask(self, operation: str, host: str, path: str, sent: Json | None = None, *, post: bool = False) -> Json:
        client = self._client()
        with translating("vonage", operation, RULES, self._channel):
            params = dict(sent or {})
            if post:
                answer = client.post(host, path, params, auth_type="basic", sent_data_type="form")
            else:
                answer = client.get(host, path, params, auth_type="basic", sent_data_type="query_params")
            if not isinstance(answer, dict):
                raise _unexpected(operation, "The answer is not a JSON object.")
            code = text(answer.get("error-code"))
            if code not in (None, _SUCCESS):
                raise Refusal(200, str(code), text(answer.get("error-code-label")))
        return answer

    def _client(self) -> HttpClient:
        with self._sdk_lock:
            if self._sdk is None:
                with loading_sdk("Vonage", extra="vonage"):
                    from vonage_http_client import Auth, HttpClient, HttpClientOptions, HttpRequestError
                session = requests_session(self._channel)

                class Http(HttpClient):
                    """Sends a request once, with headers of its own, and logs nothing."""

                    def make_request(
                        self,
                        request_type: str,
                        host: str,
                        request_path: str = "",
                        params: dict[str, Any] | None = None,
                        auth_type: str = "basic",
                        sent_data_type: str = "form",
                        token: str | None = None,
                    ) -> Any:
                        del auth_type, token  # the channel authenticates
                        query, form = (params, None) if sent_data_type == "query_params" else (None, params)
                        reply = session.request(
                            request_type,
                            f"https://{host}{request_path}",
                            params=query,
                            data=form,
                            headers={"Accept": "application/json"},
                        )
                        if not _OK <= reply.status_code < _REDIRECT or not reply.content:
                            raise HttpRequestError(reply)
                        return json.loads(reply.content)

                # One attempt and no retries, should the SDK ever send a request past our make_request.
                options = HttpClientOptions(max_retries=0, pool_maxsize=1)
                self._sdk = Http(Auth(api_key=self._api_key, api_secret=PLACEHOLDER), options)
            return self._sdk


def _unexpected(operation: str, what: str) -> ProviderError:
    fix = "Try again; if it lasts, look for a proxy in between, and report it."
    return UnexpectedResponse(what, provider="vonage", operation=operation, fix=fix)
