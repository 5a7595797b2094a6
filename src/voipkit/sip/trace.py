"""What was said on the wire, for people: recorded with secrets masked, shown as a ladder."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from typing import Literal

from voipkit.sip.message import Response, clean, parse

__all__ = ["Entry", "Trace"]

_MOST_ENTRIES = 500
_SECRET = re.compile(
    rb"(?im)^((?:proxy-)?(?:authorization|authentication-info))([ \t]*:)[^\r\n]*(?:\r?\n[ \t][^\r\n]*)*"
)
_MASK = rb"\1\2 *** masked ***"
_WIDTH = 52


@dataclass(frozen=True, slots=True)
class Entry:
    """One message, or one remark.

    Attributes:
        at: Seconds since the trace began.
        direction: ``sent``, ``received`` or ``note``.
        text: The message without the answer to a challenge; printable apart from line ends.
        summary: One line of it.
    """

    at: float
    direction: Literal["sent", "received", "note"]
    text: str
    summary: str


class Trace:
    """A record of one probe; give it to a `voipkit.sip.Prober`. Bounded; never holds a digest answer."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._entries: list[Entry] = []
        self.left_out = 0

    @property
    def entries(self) -> tuple[Entry, ...]:
        """What was recorded, in order; ``left_out`` counts what came after the bound."""
        return tuple(self._entries)

    def message(self, direction: Literal["sent", "received"], data: bytes) -> None:
        """Record one message; the answer to a challenge is masked before anything is kept."""
        masked = _SECRET.sub(_MASK, data).decode("utf-8", "replace")
        lines = (clean(line, 500) for line in masked.splitlines())
        self._add(direction, "\n".join(lines).rstrip(), _summary(data))

    def note(self, text: str) -> None:
        """Record a remark, such as an answer of DNS."""
        self._add("note", clean(text, 500), clean(text, 120))

    def ladder(self, near: str = "voipkit", far: str = "carrier") -> str:
        """Draw the exchange as a ladder: one line a message, time on the left, arrows between the two ends.

        Args:
            near: Title of our end.
            far: Title of the far end.
        """
        lines = [f"{'':>9}  {clean(near, 24):<{_WIDTH // 2}}{clean(far, 24):>{_WIDTH // 2}}"]
        for entry in self._entries:
            if entry.direction == "note":
                lines.append(f"{entry.at:8.3f}s  ({entry.summary})")
                continue
            label = f" {clean(entry.summary, _WIDTH - 8)} "
            body = f"{label:-^{_WIDTH - 3}}"
            lines.append(
                f"{entry.at:8.3f}s  |{body}>|" if entry.direction == "sent" else f"{entry.at:8.3f}s  |<{body}|"
            )
        if self.left_out:
            lines.append(f"{'':>9}  ({self.left_out} more messages were not recorded)")
        return "\n".join(lines)

    def _add(self, direction: Literal["sent", "received", "note"], text: str, summary: str) -> None:
        if len(self._entries) >= _MOST_ENTRIES:
            self.left_out += 1
            return
        self._entries.append(Entry(time.monotonic() - self._began, direction, text, summary))


def _summary(data: bytes) -> str:
    message = parse(data)
    if message is None:
        return f"{len(data)} bytes that are no SIP message"
    number, method = message.cseq
    if isinstance(message, Response):
        return clean(f"{message.status} {message.reason} ({number} {method})", 120)
    return clean(f"{message.method} {message.uri}", 120)
