"""What every model has in common, and the one way in which results are drawn in a notebook."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from html import escape
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

__all__ = ["Model", "UtcTime", "html_table", "now"]

_BADGE = {
    "pass": "#1a7f37", "imported": "#1a7f37", "unchanged": "#57606a", "skipped": "#57606a", "unknown": "#9a6700",
    "warn": "#9a6700", "conflict": "#9a6700", "not_owned": "#cf222e", "not_voice": "#cf222e", "fail": "#cf222e",
    "failed": "#cf222e",
}  # fmt: skip

UtcTime = Annotated[AwareDatetime, AfterValidator(lambda time: time.astimezone(UTC))]
"""A moment: time zone required, kept in UTC."""


class Model(BaseModel):
    """Base of all results: frozen; unknown keys are ignored, so that an older reader takes a newer result."""

    model_config = ConfigDict(
        frozen=True, extra="ignore", alias_generator=to_camel, validate_by_name=True, validate_by_alias=True
    )


def now() -> datetime:
    """Return this moment, aware, in UTC."""
    return datetime.now(UTC)


def html_table(caption: str, header: tuple[str, ...], rows: Iterable[tuple[object, ...]]) -> str:
    """Draw a small table for a notebook; every value is escaped, status words get a colour."""
    head = "".join(f"<th style='text-align:left'>{escape(title)}</th>" for title in header)
    body = "".join("<tr>" + "".join(_cell(value) for value in row) + "</tr>" for row in rows)
    return (
        f"<table><caption style='text-align:left;font-weight:bold'>{escape(caption)}</caption>"
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
    )


def _cell(value: object) -> str:
    text = "" if value is None else str(value)
    colour = _BADGE.get(text)
    style = f"text-align:left;color:{colour};font-weight:bold" if colour else "text-align:left"
    return f"<td style='{style}'>{escape(text)}</td>"
