"""What is asked of Cloudonix: one method for each question, over a thin client of our own.

Cloudonix counts requests by domain, calls included, and allows 10 in 3 seconds. So requests go out one at a time, at
most 8 in 3 seconds: what is left is for the customer's own calls.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from voipkit.adapting.loading import loading_sdk
from voipkit.adapting.reading import text
from voipkit.adapting.translation import translating
from voipkit.adapting.transport import HttpOptions, Pace, bearer, httpx_client, open_channel
from voipkit.errors import NotFound, UnexpectedResponse
from voipkit.providers.cloudonix.settings import RULES, UUID, CloudonixCredentials

if TYPE_CHECKING:
    import httpx

__all__ = ["CloudonixApi", "Json", "Refused", "full_name", "is_called"]

Json = Mapping[str, Any]

_HOST = "api.cloudonix.io"
_OWN = "/customers/self/domains"
_EMPTY = 404  # a listing's status when it has no entries; 410 or anything else is no such answer
_WINDOW = (8, 3.0)  # requests, seconds; the document allows 10, and an 11th may overtake one that was sent before it
# What answers hold that is a secret of the customer's: SIP passwords of trunks, keys in a domain's profile.
_CONCEAL = ("password", "secret", "keyId", "authorization-api-key")


class Refused(Exception):
    """Cloudonix answered with another status than success.

    Attributes:
        status: The HTTP status.
        body: What the body holds as JSON, or None.
        is_page: Whether the body is a web page.
    """

    def __init__(self, reply: httpx.Response) -> None:
        super().__init__(f"answered {reply.status_code}")
        self.status = reply.status_code
        self.is_page = reply.content.lstrip()[:1] == b"<"
        try:
            self.body: object = json.loads(reply.content)
        except (ValueError, RecursionError):
            self.body = None


class CloudonixApi:
    """Asks one domain. Thread-safe; methods raise `voipkit.errors.ProviderError`.

    Each method's ``operation`` is what voipkit is doing, for errors.
    """

    def __init__(self, credentials: CloudonixCredentials, http: HttpOptions) -> None:
        self.domain_name = full_name(credentials.domain)
        self.patience = http.retry_after_cap
        self._path = f"{_OWN}/{_quoted(self.domain_name)}"
        self._channel = open_channel(
            "cloudonix",
            http,
            bearer(credentials.api_key),
            hosts={_HOST},
            sdk="httpx",
            conceal=_CONCEAL,
            repeated={"GET"},
            pace=Pace(*_WINDOW, of=self.domain_name.lower()),
        )
        self._http: httpx.Client | None = None
        self._http_lock = threading.Lock()

    def close(self) -> None:
        """Close the connections."""
        self._channel.close()

    def domain(self, operation: str) -> Json:
        """Get the domain, with its default application, its aliases and the customer that owns it."""
        return _known(operation, self._ask(operation, "GET", self._path), "id", "domain")

    def domains(self, operation: str) -> list[Json]:
        """List the customer's domains; only a customer's key may."""
        try:
            return _objects(operation, self._ask(operation, "GET", _OWN), "domains")
        except NotFound as error:
            if error.status != _EMPTY:
                raise
            return []

    def dnids(self, operation: str, *, domain_seen: bool = False) -> list[Json]:
        """List every DNID of the domain, patterns too; Cloudonix has no pages.

        Args:
            operation: What voipkit is doing.
            domain_seen: Whether it is known that there is such a domain; else a listing's 404 is asked about once more.
        """
        rows = self._listing(operation, "dnids", domain_seen=domain_seen)
        for row in rows:
            _require_dnid(operation, row)
        return rows

    def trunks(self, operation: str, *, domain_seen: bool = False) -> list[Json]:
        """List the domain's trunks."""
        return self._listing(operation, "trunks", domain_seen=domain_seen)

    def application(self, operation: str, name: str) -> Json:
        """Get an application by its name, its id or its UUID."""
        raw = _known(operation, self._ask(operation, "GET", f"{self._path}/applications/{_quoted(name)}"), "id")
        if text(raw.get("name")) and not is_called(raw, name):
            raise _unexpected(operation, f"The answer is another application than '{name}'.")
        return raw

    def dnid(self, operation: str, dnid_id: str) -> Json:
        """Get one DNID by its id."""
        answer = self._ask(operation, "GET", f"{self._path}/dnids/{_quoted(dnid_id)}")
        return _require_dnid(operation, _known(operation, answer, "id"))

    def move_dnid(self, operation: str, dnid_id: str, application_id: int) -> None:
        """Send a DNID's calls to another application; nothing else is named, so nothing else should change."""
        self._ask(operation, "PUT", f"{self._path}/dnids/{_quoted(dnid_id)}", {"applicationId": application_id})

    def add_dnid(self, operation: str, number: str, application_id: int) -> None:
        """Add a DNID for one plain number; the answer is empty, so its id is known from the next listing only."""
        body = {"source": number, "applicationId": application_id, "prefix": False, "expression": False}
        self._ask(operation, "POST", f"{self._path}/dnids", {**body, "asteriskCompatible": False})

    def remove_dnid(self, operation: str, dnid_id: str) -> None:
        """Remove a DNID."""
        self._ask(operation, "DELETE", f"{self._path}/dnids/{_quoted(dnid_id)}")

    # --- requests ----------------------------------------------------------------------------------------------------

    def _listing(self, operation: str, what: str, *, domain_seen: bool) -> list[Json]:
        """Get a listing, which is one array; a 404 means that it is empty, or that there is no such domain."""
        try:
            return _objects(operation, self._ask(operation, "GET", f"{self._path}/{what}"), what)
        except NotFound as error:
            if error.status != _EMPTY:
                raise
            if not domain_seen:
                self.domain(operation)
            return []

    def _ask(self, operation: str, method: str, path: str, body: Json | None = None) -> Any:
        """Send one request; a read gives what its body holds, a write nothing: most of its answers are empty."""
        client = self._client()
        with translating("cloudonix", operation, RULES, self._channel):
            reply = client.request(method, f"https://{_HOST}{path}", json=body)
            if not reply.is_success:
                raise Refused(reply)
            return json.loads(reply.content) if method == "GET" else None

    def _client(self) -> httpx.Client:
        with self._http_lock:
            if self._http is None:
                with loading_sdk("Cloudonix", extra="cloudonix"):
                    self._http = httpx_client(self._channel)
            return self._http


# --- reading answers -------------------------------------------------------------------------------------------------


def full_name(domain: str) -> str:
    """Complete a domain's short name; ids, UUIDs and full names stay as they are."""
    is_id = domain.isdigit() or re.fullmatch(UUID, domain)
    return domain if is_id or "." in domain else f"{domain}.cloudonix.net"


def is_called(application: Json, name: str) -> bool:
    """Say whether an application has this id, UUID or name."""
    return name.lower() in {(text(application.get(field)) or "").lower() for field in ("id", "uuid", "name")}


def _objects(operation: str, answer: object, name: str) -> list[Json]:
    """Read a listing: an array, or (seen by dograh) an object that holds it under its name."""
    rows = answer.get(name) if isinstance(answer, dict) else answer
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise _unexpected(operation, f"The answer is no list of {name}.")
    return rows


def _known(operation: str, answer: object, *names: str) -> Json:
    if not isinstance(answer, dict) or not all(text(answer.get(name)) for name in names):
        raise _unexpected(operation, f"The answer is not an object with {' and '.join(names)}.")
    return answer


def _require_dnid(operation: str, raw: Json) -> Json:
    if not text(raw.get("id")) or not any(isinstance(raw.get(n), str) and raw[n] for n in ("source", "dnid")):
        raise _unexpected(operation, "A DNID lacks its id or its rule.")
    return raw


def _quoted(value: str) -> str:
    """Quote one segment of a path; "." and ".." would be taken for directories."""
    return quote(value, safe="") if value.strip(".") else value.replace(".", "%2E")


def _unexpected(operation: str, what: str) -> UnexpectedResponse:
    fix = "Try again; if it lasts, look for a proxy in between, and report it."
    return UnexpectedResponse(what, provider="cloudonix", operation=operation, fix=fix)
