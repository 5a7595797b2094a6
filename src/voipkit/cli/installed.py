"""What is installed, read from package metadata alone: no SDK is imported to look at its version."""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib import metadata

__all__ = ["Requirement", "carrier_ready", "extras", "requirements"]

_DISTRIBUTION = "voipkit"
_REQUIREMENT = re.compile(r"^(?P<name>[A-Za-z0-9._-]+)(\[[^]]*])?\s*\(?(?P<range>[^;)]*)\)?\s*(;(?P<marker>.*))?$")
_EXTRA = re.compile(r"extra\s*==\s*['\"]([^'\"]+)['\"]")
_BOUND = re.compile(r"\s*(>=|<=|==|<|>)\s*([0-9.]+)\s*$")


@dataclass(frozen=True, slots=True)
class Requirement:
    """One distribution that an extra of voipkit asks for.

    Attributes:
        name: The distribution.
        wanted: The range of versions, such as ``>=9.10.1,<10``; empty for any.
        version: What is installed, or None.
    """

    name: str
    wanted: str
    version: str | None

    @property
    def fits(self) -> bool:
        """Whether the installed version is in the range; bounds of an unfamiliar form do not count."""
        if self.version is None:
            return False
        bounds = (_BOUND.match(part) for part in self.wanted.split(","))
        return all(_within(self.version, bound[1], bound[2]) for bound in bounds if bound)


def extras() -> tuple[str, ...]:
    """Return the extras that voipkit offers, without those that only bundle others or serve its development."""
    offered = metadata.metadata(_DISTRIBUTION).get_all("Provides-Extra") or []
    return tuple(sorted(extra for extra in offered if extra not in ("all", "dev") and requirements(extra)))


def requirements(extra: str | None = None) -> tuple[Requirement, ...]:
    """Return what an extra of voipkit asks for, or voipkit itself for None."""
    found = []
    for text in metadata.requires(_DISTRIBUTION) or []:
        match = _REQUIREMENT.match(text)
        marker = _EXTRA.search(match["marker"] or "") if match else None
        if match and match["name"] != _DISTRIBUTION and (marker[1] if marker else None) == extra:
            found.append(Requirement(match["name"], match["range"].strip(), _version(match["name"])))
    return tuple(found)


def carrier_ready(extra: str | None) -> bool:
    """Whether what a carrier's extra asks for is there; a carrier of a distribution of its own brings it along."""
    return all(requirement.fits for requirement in requirements(extra)) if extra in extras() else True


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _within(version: str, sign: str, bound: str) -> bool:
    ours, theirs = _parts(version), _parts(bound)
    length = max(len(ours), len(theirs))
    ours, theirs = ours + [0] * (length - len(ours)), theirs + [0] * (length - len(theirs))
    return {
        ">=": ours >= theirs, "<=": ours <= theirs, "==": ours == theirs, "<": ours < theirs, ">": ours > theirs,
    }[sign]  # fmt: skip


def _parts(version: str) -> list[int]:
    release = re.match(r"[0-9.]*", version)
    return [int(part) for part in (release[0] if release else "").split(".") if part]
