"""Listings made of one of the sandbox's records, so that nothing but the client under test costs CPU or memory.

Ids and numbers differ from record to record. Numbers are spread over area codes and exchanges as in a real account:
neighbours in a block would flatter caches.
"""

from __future__ import annotations

import json
import re
from base64 import b64encode
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote, urlsplit

from voipkit.sandbox import Sandbox

Answer = tuple[int, Mapping[str, str], bytes]

_AREAS = (
    "201",
    "206",
    "212",
    "213",
    "303",
    "312",
    "404",
    "415",
    "480",
    "512",
    "602",
    "617",
    "702",
    "713",
    "818",
    "917",
)
_EXCHANGES = [code for code in range(200, 1000) if code != 555 and code % 100 != 11]
_LINES = len(_EXCHANGES) * 10_000
_STRIDE = 7919  # a prime that does not divide _LINES: steps through every line once
_HEADERS = {"Content-Type": "application/json; charset=utf-8"}
_SIZES = {"twilio": 1000, "telnyx": 250}


def number(index: int) -> str:
    """Return the number of an index, in E.164."""
    turn, area = divmod(index, len(_AREAS))
    exchange, line = divmod(turn * _STRIDE % _LINES, 10_000)
    return f"+1{_AREAS[area]}{_EXCHANGES[exchange]}{line:04d}"


class Canned:
    """Answers a carrier's listing of numbers.

    Args:
        carrier: Carrier id.
        total: How many numbers it lists.
        keep: Make every page now, so that an answer costs a look-up; else pages are made when they are asked for.
    """

    def __init__(self, carrier: str, total: int, *, keep: bool = False) -> None:
        box = Sandbox()
        self.carrier, self.total, self.size = carrier, total, _SIZES[carrier]
        self.credentials = box.credentials(carrier)
        record = _record_of(box, carrier)
        self._id = record["sid" if carrier == "twilio" else "id"]
        pieces = json.dumps(record).replace(record["phone_number"], "{number}")
        self._pieces = re.split(f"({self._id}|{re.escape('{number}')})", pieces)
        prices = "https://pricing.twilio.com/v1/PhoneNumbers/Countries/US"
        self._prices = json.dumps(_asked(box, carrier, prices)).encode() if carrier == "twilio" else b""
        self._kept = {page: self._made(page) for page in range(self.pages)} if keep else {}

    @property
    def pages(self) -> int:
        """How many pages the listing has."""
        return -(-self.total // self.size)

    def wire(self, method: str, url: str, headers: Mapping[str, str], body: bytes) -> Answer:  # noqa: ARG002
        """Answer one request, as `voipkit.HttpOptions.wire` wants it."""
        return 200, _HEADERS, self.body(url)

    def body(self, url: str) -> bytes:
        """Return the answer's body for a URL."""
        if "pricing." in url:
            return self._prices
        query = unquote(urlsplit(url).query)
        asked = re.search(r"\bPage=(\d+)" if self.carrier == "twilio" else r"\bpage\[number\]=(\d+)", query)
        page = int(asked[1]) if asked else (0 if self.carrier == "twilio" else 1)
        page -= self.carrier == "telnyx"
        return self._kept.get(page) or self._made(page)

    def _made(self, page: int) -> bytes:
        first = page * self.size
        rows = ",".join(self._record(index) for index in range(first, min(first + self.size, self.total)))
        if self.carrier == "telnyx":
            meta = {"page_number": page + 1, "page_size": 250, "total_pages": self.pages, "total_results": self.total}
            return f'{{"data":[{rows}],"meta":{json.dumps(meta)}}}'.encode()
        path = f"/2010-04-01/Accounts/{self.credentials['account_sid']}/IncomingPhoneNumbers.json?PageSize=1000"
        following = f"{path}&Page={page + 1}&PageToken=PT{page + 1}" if page + 1 < self.pages else None
        envelope = {"next_page_uri": following, "page": page, "page_size": 1000, "start": first, "uri": path}
        return f'{{"incoming_phone_numbers":[{rows}],{json.dumps(envelope)[1:]}'.encode()

    def _record(self, index: int) -> str:
        own = f"PN{index:032x}" if self.carrier == "twilio" else str(2_000_000_000_000_000_000 + index)
        words = {self._id: own, "{number}": number(index)}
        return "".join(words.get(piece, piece) for piece in self._pieces)


def _record_of(box: Sandbox, carrier: str) -> dict[str, Any]:
    """Return a number as the sandbox lists it: a US number whose calls go to a webhook or a connection."""
    if carrier == "telnyx":
        box.telnyx.numbers.clear()
        box.telnyx.add_number("+14155550100", connection_id=box.telnyx.connections[0].id)
        return _asked(box, carrier, "https://api.telnyx.com/v2/phone_numbers")["data"][0]
    box.twilio.numbers.clear()
    box.twilio.add_number("+14155550100", friendly_name="Front desk", voice_url="https://calls.example.com/voice")
    path = f"/2010-04-01/Accounts/{box.twilio.credentials['account_sid']}/IncomingPhoneNumbers.json"
    return _asked(box, carrier, f"https://api.twilio.com{path}")["incoming_phone_numbers"][0]


def _asked(box: Sandbox, carrier: str, url: str) -> dict[str, Any]:
    given = box.credentials(carrier)
    if carrier == "telnyx":
        secret = f"Bearer {given['api_key']}"
    else:
        secret = "Basic " + b64encode(f"{given['account_sid']}:{given['auth_token']}".encode()).decode()
    status, _, body = box.wire("GET", url, {"Authorization": secret})
    assert status == 200, body
    return json.loads(body)
