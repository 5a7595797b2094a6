"""What is asked of Telnyx: one method for each question, over the SDK's generic verbs.

The key never enters the SDK: the channel puts it on each request.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import quote

from voipkit.adapting.checking import Answer, ask, ask_together
from voipkit.adapting.loading import loading_sdk
from voipkit.adapting.numbers import canonical
from voipkit.adapting.paging import Page, by_number
from voipkit.adapting.reading import text
from voipkit.adapting.translation import translating
from voipkit.adapting.transport import PLACEHOLDER, HttpOptions, bearer, httpx_client, open_channel
from voipkit.errors import UnexpectedResponse
from voipkit.models import Check
from voipkit.providers.telnyx.checks import Json, Path, endpoint_check
from voipkit.providers.telnyx.settings import HOSTS, RULES, TelnyxCredentials

if TYPE_CHECKING:
    import telnyx

__all__ = ["TelnyxApi"]

_PAGE = 250  # rows; the most that GET /phone_numbers gives
_GLANCE = 50  # rows; enough to meet a number of the connection in most accounts, and a small answer
_FEATURES_BATCH = 1000  # numbers in one POST /numbers_features; the limit of its sibling verify_ownership
_FEW = 2  # numbers that are looked up one by one; more are found by one listing
_NOT_OURS = frozenset({"deleted", "ported-out", "purchase-failed", "port-failed"})


class TelnyxApi:
    """Asks one Telnyx account. Thread-safe; methods raise `voipkit.errors.ProviderError`, never the SDK's exceptions.

    Each method's ``operation`` is what voipkit is doing, for errors.
    """

    def __init__(self, credentials: TelnyxCredentials, http: HttpOptions) -> None:
        self.host = HOSTS[credentials.region]
        self.workers = http.concurrency
        self.patience = http.retry_after_cap
        self._channel = open_channel(
            "telnyx",
            http,
            bearer(credentials.api_key),
            hosts={self.host},
            sdk="telnyx",
            wait_headers=("retry-after", "x-ratelimit-reset"),
        )
        self._sdk: telnyx.Telnyx | None = None
        self._sdk_lock = threading.Lock()

    def close(self) -> None:
        """Close the connections."""
        self._channel.close()

    def balance(self, operation: str) -> Json:
        """Get the account's money."""
        return self._one(operation, "/balance")

    def numbers(self, operation: str, filters: Json | None = None) -> Generator[Json]:
        """Yield the account's numbers, without those that left it or never came."""
        # Without handle_messaging_profile_error, trouble with messaging profiles answers the whole listing with 503.
        params = {"handle_messaging_profile_error": "true", "filter": filters or {}}
        for raw in self._pages(operation, "/phone_numbers", params):
            if text(raw.get("status")) not in _NOT_OURS:
                yield raw

    def find(self, operation: str, wanted: frozenset[str]) -> dict[str, Json]:
        """Get the wanted numbers that the account owns, by E.164."""
        return _picked(partial(self.numbers, operation), wanted)

    def voice_settings(self, operation: str, wanted: frozenset[str]) -> dict[str, Json]:
        """Get the voice settings of the wanted numbers, by E.164; the listing does not show call forwarding."""
        return _picked(
            lambda filters: self._pages(operation, "/phone_numbers/voice", {"filter": filters or {}}), wanted
        )

    def features(self, operation: str, numbers: Sequence[str]) -> dict[str, bool]:
        """Say which numbers can take voice calls, by E.164; the listing does not show it."""
        found: dict[str, bool] = {}
        for start in range(0, len(numbers), _FEATURES_BATCH):
            body = {"phone_numbers": list(numbers[start : start + _FEATURES_BATCH])}
            for row in _rows(operation, self._ask(operation, "/numbers_features", "post", body)):
                features = row.get("features")
                if isinstance(features, list) and features:  # an empty list says nothing
                    found[canonical(str(row.get("phone_number")))] = "voice" in features
        return found

    def first_number(self, operation: str, connection_id: str | None) -> Json | None:
        """Get the connection's first active number, or else the account's; None when the account has none."""
        params = {"filter": {"status": "active"}, "page": {"number": 1, "size": _GLANCE}, "sort": "phone_number"}
        rows, _ = self._many(operation, "/phone_numbers", params)
        known = [_require_number(operation, row) for row in rows]
        connected = (row for row in known if connection_id and text(row.get("connection_id")) == connection_id)
        return next(connected, known[0] if known else None)

    def number(self, operation: str, number_id: str) -> Json:
        """Get one number by its id; E.164 in the path is not documented."""
        return _require_number(operation, self._one(operation, f"/phone_numbers/{_quoted(number_id)}"))

    def connect(self, operation: str, number_id: str, connection_id: str | None) -> Json:
        """Give a number another connection, or none, and return it as Telnyx then shows it."""
        # "" takes the connection away: Telnyx's document (2026-07-16) types the field as a string and allows no null;
        # not tried on the live API. Should Telnyx ignore it, its answer shows the old connection.
        body = {"connection_id": connection_id or ""}
        raw = _require_number(operation, self._one(operation, f"/phone_numbers/{_quoted(number_id)}", "patch", body))
        if "connection_id" not in raw:
            raise _unexpected(operation, "The answer to the change does not show the connection.")
        return raw

    def connection(self, operation: str, connection_id: str) -> Json:
        """Get a connection of any kind."""
        return self._one(operation, f"/connections/{_quoted(connection_id)}")

    def path(self, operation: str, connection_id: str) -> Path:
        """Get a connection and what lies behind it."""
        return self.follow(operation, connection_id, ask(partial(self.connection, operation, connection_id)))

    def follow(self, operation: str, connection_id: str, connection: Answer[Json]) -> Path:
        """Get what lies behind a connection: its endpoint and its outbound voice profile, at the same time."""
        raw = connection.value
        if raw is None:
            return Path(connection_id, connection)
        ask_endpoint = partial(self._endpoint, operation, connection_id, raw)
        profile_id = text(raw.get("outbound_voice_profile_id"))
        if profile_id is None:
            return Path(connection_id, connection, ask(ask_endpoint))
        ask_profile = partial(self._one, operation, f"/outbound_voice_profiles/{_quoted(profile_id)}")
        return Path(connection_id, connection, *ask_together(ask_endpoint, ask_profile))

    def _endpoint(self, operation: str, connection_id: str, connection: Json) -> Check:
        seen: object = None
        match text(connection.get("record_type")):
            case ("fqdn_connection" | "ip_connection") as kind:
                where = "/fqdns" if kind == "fqdn_connection" else "/ips"
                rows, _ = self._many(operation, where, {"filter": {"connection_id": connection_id}})
                seen = [row for row in rows if text(row.get("connection_id")) in (None, connection_id)]
            case "credential_connection":
                action = f"/credential_connections/{_quoted(connection_id)}/actions/check_registration_status"
                seen = text(self._one(operation, action, "post").get("status"))  # a POST that only reads
            case "call_control_application":
                seen = _url(connection, "webhook_event_url")
            case "texml_application":
                application = self._one(operation, f"/texml_applications/{_quoted(connection_id)}")
                seen = _url(application, "voice_url")
        return endpoint_check(connection_id, connection, seen)

    # --- requests ----------------------------------------------------------------------------------------------------

    def _pages(self, operation: str, path: str, params: Json) -> Generator[Json]:
        """Yield every row of a listing of numbers. The SDK's own pager never ends when an answer lacks "meta"."""

        def fetch(page: int) -> Page[Json]:
            asked = {**params, "page": {"number": page, "size": _PAGE}, "sort": "phone_number"}
            rows, meta = self._many(operation, path, asked)
            for row in rows:
                _require_number(operation, row)
            return Page(rows, pages=_count(meta, "total_pages"), total=_count(meta, "total_results"))

        yield from by_number("telnyx", fetch, size=_PAGE, key=lambda row: str(row["id"]), workers=self.workers)

    def _many(self, operation: str, path: str, params: Json) -> tuple[list[Json], Json]:
        answer = self._ask(operation, path, params=params)
        meta = answer.get("meta")
        return _rows(operation, answer), meta if isinstance(meta, dict) else {}

    def _one(self, operation: str, path: str, method: str = "get", body: Json | None = None) -> Json:
        data = self._ask(operation, path, method, body).get("data")
        if not isinstance(data, dict):
            raise _unexpected(operation, 'The answer has no object in "data".')
        return data

    def _ask(
        self,
        operation: str,
        path: str,
        method: str = "get",
        body: Json | None = None,
        params: Json | None = None,
    ) -> Json:
        """Send one request through the SDK's generic verbs.

        They keep the SDK's authentication and errors, and skip `telnyx.resources`, whose import takes over a second.
        """
        client = self._client()
        with translating("telnyx", operation, RULES, self._channel):
            import httpx

            if method == "get":
                reply = client.get(path, cast_to=httpx.Response, options={"params": dict(params or {})})
            else:
                send = client.post if method == "post" else client.patch
                reply = send(path, cast_to=httpx.Response, body=body)
            answer = json.loads(reply.content)
        if not isinstance(answer, dict):
            raise _unexpected(operation, "The answer is not a JSON object.")
        return answer

    def _client(self) -> telnyx.Telnyx:
        with self._sdk_lock:
            if self._sdk is None:
                with loading_sdk("Telnyx", extra="telnyx"):
                    import telnyx
                # Every argument that is left out, or None, would be taken from the environment.
                self._sdk = telnyx.Telnyx(
                    api_key=PLACEHOLDER,
                    client_id="",
                    client_secret="",
                    public_key="",
                    base_url=f"https://{self.host}/v2",
                    max_retries=0,
                    http_client=httpx_client(self._channel),
                )
            return self._sdk


# --- reading answers -------------------------------------------------------------------------------------------------


def _picked(listing: Callable[[Json | None], Generator[Json]], wanted: frozenset[str]) -> dict[str, Json]:
    """Find numbers: a few by asking for each, many by one listing that is read until all are found.

    The filter takes digits only (a plus matches nothing) and matches parts of numbers too, hence the comparison.
    """
    few = [{"phone_number": number.removeprefix("+")} for number in sorted(wanted)]
    found: dict[str, Json] = {}
    for filters in few if len(few) <= _FEW else [None]:
        with closing(listing(filters)) as rows:
            for raw in rows:
                number = canonical(str(raw["phone_number"]))
                if number in wanted:
                    found[number] = raw
                    if len(found) == len(wanted):
                        return found
    return found


def _rows(operation: str, answer: Json) -> list[Json]:
    rows = answer.get("data")
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise _unexpected(operation, 'The answer has no list of objects in "data".')
    return rows


def _require_number(operation: str, raw: Json) -> Json:
    if not (raw.get("id") and raw.get("phone_number")):
        raise _unexpected(operation, "A phone number lacks its id or its number.")
    return raw


def _count(meta: Json, name: str) -> int | None:
    value = meta.get(name)
    return value if isinstance(value, int) and value >= 0 else None


def _url(raw: Json, name: str) -> str | None:
    """Read a webhook's URL: "" when none is set, None when the answer does not have the field at all."""
    return (text(raw[name]) or "") if name in raw else None


def _quoted(value: str) -> str:
    return quote(value, safe="")


def _unexpected(operation: str, what: str) -> UnexpectedResponse:
    fix = "Try again; if it lasts, look for a proxy in between, and report it."
    return UnexpectedResponse(what, provider="telnyx", operation=operation, fix=fix)
