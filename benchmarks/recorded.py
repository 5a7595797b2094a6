"""A carrier's listing, answered once by the sandbox and from memory after that: only the client under test costs CPU.

Numbers are spread over area codes and exchanges as in a real account: neighbours in a block would flatter caches.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

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


def number(index: int) -> str:
    """Return the number of an index, in E.164."""
    turn, area = divmod(index, len(_AREAS))
    exchange, line = divmod(turn * _STRIDE % _LINES, 10_000)
    return f"+1{_AREAS[area]}{_EXCHANGES[exchange]}{line:04d}"


def stocked(numbers: int, *carriers: str) -> Sandbox:
    """Make a sandbox in which these carriers' accounts have so many numbers, and no others."""
    box = Sandbox(keep_bodies=False)
    for carrier in carriers:
        simulator: Any = getattr(box, carrier)
        simulator.numbers.clear()
        fields = {"application_id": simulator.applications[0].id} if carrier == "cloudonix" else {}
        for index in range(numbers):
            simulator.add_number(number(index), **fields)
    return box


class Recorded:
    """Answers a carrier's requests as the sandbox did the first time.

    Args:
        carrier: Carrier id.
        total: How many numbers the account has.
    """

    def __init__(self, carrier: str, total: int) -> None:
        self.box = stocked(total, carrier)
        self.carrier, self.total = carrier, total
        self.credentials = self.box.credentials(carrier)
        self.sip_config = self.box.sip_config(carrier)
        self._answers: dict[tuple[str, str, bytes], Answer] = {}

    def wire(self, method: str, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """Answer one request, as `voipkit.HttpOptions.wire` wants it."""
        key = method, url, body
        if key not in self._answers:
            answer = self.box.wire(method, url, headers, body)
            assert answer[0] == 200, answer
            self._answers[key] = answer
        return self._answers[key]
