"""Rows of figures: whether each meets its target, and how they are shown."""

from __future__ import annotations

import re
from collections.abc import Sequence

Row = tuple[str, str, str]
"""Figure, measured (begins with the number that counts), target ("at most 1.3", "at least 2" or "")."""

_NUMBER = re.compile(r"-?[\d,]+(?:\.\d+)?")


def verdict(row: Row) -> str:
    """Say ``met``, ``NOT met`` with by how much, or "" where there is no target."""
    _, measured, target = row
    if not target:
        return ""
    bound, value = _first_number(target), _first_number(measured)
    if not target.startswith(("at most ", "at least ")):
        msg = f"a target begins with 'at most' or 'at least': {target!r}"
        raise ValueError(msg)
    over = value - bound if target.startswith("at most") else bound - value
    if over <= 0:
        return "met"
    share = f", {over / bound:.0%}" if bound else ""
    return f"NOT met: by {over:.3g}{share}"


def missed(rows: Sequence[Row]) -> list[Row]:
    """Return the rows whose target is not met."""
    return [row for row in rows if verdict(row).startswith("NOT")]


def plain(rows: Sequence[Row]) -> str:
    """Draw the rows for a terminal."""
    lines = []
    for figure, measured, target in rows:
        aim = f"   [{target}: {verdict((figure, measured, target))}]" if target else ""
        lines.append(f"  {figure}\n      {measured}{aim}")
    return "\n".join(lines)


def markdown(rows: Sequence[Row]) -> str:
    """Draw the rows as a Markdown table."""
    cells = [("Figure", "Measured", "Target", ""), ("---", "---", "---", "---")]
    cells += [(*row, verdict(row).replace("NOT met", "**NOT met**")) for row in rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', '/') for cell in line)} |" for line in cells)


def _first_number(text: str) -> float:
    found = _NUMBER.search(text)
    if found is None:
        msg = f"no number in {text!r}"
        raise ValueError(msg)
    return float(found[0].replace(",", ""))
