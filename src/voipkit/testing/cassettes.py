"""Cassettes: what one test of the contract sent, and what it was answered, in a file that vcrpy reads and writes.

A cassette is one file, ``cassettes/<carrier>/<sentence>[-<case>].yaml``, in vcrpy's own format. Beside the
interactions its metadata say what it was recorded from, when and with which versions, and what the test arranged and
looked at behind the adapter's back; so a test is replayed with no simulator behind it.

vcrpy's own way to listen, patching HTTP libraries, hears nothing here: voipkit sends through httpcore itself
(docs/why.md). Requests are recorded and replayed at the wire of `HttpOptions` instead.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from http.client import responses
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import parse_qsl, urlsplit

from pydantic import BaseModel, ConfigDict

from voipkit.errors import MissingExtra
from voipkit.models import Route
from voipkit.testing.accounts import Kind

if TYPE_CHECKING:
    from vcr.cassette import Cassette
    from vcr.request import Request

__all__ = ["LARGEST", "RECORDED", "About", "Interaction", "Observation", "cassette_path", "closest", "load", "save"]

LARGEST = 40_000
"""Bytes; a test whose cassette would be larger (thousands of numbers) is not recorded."""

RECORDED = frozenset(
    {
        "c10", "c11", "c12-500", "c12-429", "c14-html-200", "c17", "c19-nulls",
        "c20", "c22", "c24", "c25-401", "c25-403", "c25-429", "c25-500", "c25-html-502", "c27-truncated",
        "c37", "c38", "c40", "c41", "c43", "c44", "c47", "c51", "c58", "c60", "c61", "c66",
        "c70", "c71", "c72", "c73", "c74-500", "c77", "c94",
    }
)  # fmt: skip
"""Which tests are recorded: happy and sad paths, each kind of request at least once.

None whose requests depend on which of two threads comes first (c26, c46), and none in which an answer never comes.
"""

_TEST = re.compile(r"test_(c\d\d)_\w+?(?:\[(.+)\])?")


class Observation(BaseModel):
    """What a test arranged or looked at behind the adapter's back.

    Attributes:
        asked: The member of `Account`.
        about: Its arguments.
        answer: What it gave.
    """

    model_config = ConfigDict(frozen=True)

    asked: str
    about: tuple[Any, ...] = ()
    answer: Any = None


class About(BaseModel):
    """What a cassette says of itself.

    Attributes:
        carrier: The carrier's name.
        test: Such as ``c25-429``.
        recorded_from: A simulated account, served over a socket, or a real one.
        recorded_on: The day, in UTC.
        voipkit: voipkit's version.
        sdk: The SDK's distribution and version, such as ``telnyx/4.189.0``.
        credentials: Those that are no secrets.
        sip_config: Likewise.
        routes: As `Account.routes`; None where the account cannot say.
        foreign_route: As `Account.foreign_route`; likewise.
        page_size: As `Account.page_size`.
        observed: What the test arranged and looked at, in order.
    """

    model_config = ConfigDict(frozen=True)

    recorded_from: Literal["sandbox", "live"]
    recorded_on: date
    carrier: str
    test: str
    voipkit: str
    sdk: str
    credentials: dict[str, Any] = {}
    sip_config: dict[str, Any] = {}
    routes: tuple[Route, ...] | None = None
    foreign_route: Route | None = None
    page_size: int | None = None
    observed: tuple[Observation, ...] = ()


@dataclass(frozen=True, slots=True)
class Interaction:
    """One request and its answer; nothing in it is secret.

    Attributes:
        method: In upper case.
        url: At the carrier's own host.
        asked: Headers of the request.
        body: Body of the request.
        status: HTTP status.
        answered: Headers of the answer.
        content: Body of the answer, decompressed.
        kind: What the request was for, as the account counts it.
        changed: Whether it changed something at the carrier.
    """

    method: str
    url: str
    asked: Mapping[str, str]
    body: bytes
    status: int
    answered: Mapping[str, str]
    content: bytes
    kind: Kind
    changed: bool


def cassette_path(folder: Path, carrier: str, test: str) -> Path:
    """Return where the cassette of a test is, or would be.

    Args:
        folder: The folder of all cassettes.
        carrier: The carrier's name.
        test: The test's name as pytest has it, such as ``test_c25_an_error[429]``.

    Raises:
        ValueError: It is no test of the contract.
    """
    match = _TEST.fullmatch(test)
    if match is None:
        msg = f"{test!r} is no test of the contract"
        raise ValueError(msg)
    case = re.sub(r"[^a-z0-9]+", "-", (match[2] or "").lower()).strip("-")
    return folder / carrier / f"{match[1]}{'-' if case else ''}{case}.yaml"


# --- the file --------------------------------------------------------------------------------------------------------


def save(path: Path, about: About, interactions: Sequence[Interaction]) -> None:
    """Write a cassette.

    Args:
        path: Its file; the folder is made.
        about: What it says of itself.
        interactions: In the order in which they are to stand.

    Raises:
        MissingExtra: vcrpy is not installed.
    """
    _require_vcrpy()
    from vcr.persisters.filesystem import FilesystemPersister
    from vcr.request import Request

    document = {
        "requests": [Request(i.method, i.url, i.body, dict(i.asked)) for i in interactions],
        "responses": [_response(i) for i in interactions],
        "metadata": about.model_dump(mode="json", exclude_defaults=True),
    }
    FilesystemPersister.save_cassette(path, document, _Serializer)


def load(path: Path) -> tuple[About, Cassette]:
    """Read a cassette.

    Returns:
        What it says of itself, and vcrpy's cassette, whose interactions can be played once each.

    Raises:
        MissingExtra: vcrpy is not installed.
        ValueError: It is no cassette of ours.
    """
    _require_vcrpy()
    from vcr import matchers
    from vcr.cassette import Cassette
    from vcr.record_mode import RecordMode
    from vcr.serialize import deserialize

    _, _, *metadata = deserialize(path.read_text(encoding="utf-8"), _Serializer)
    if not metadata:
        msg = f"{path.name} does not say what it was recorded from"
        raise ValueError(msg)
    match_on = (matchers.method, matchers.scheme, matchers.host, matchers.path, _query, _body)
    cassette = Cassette.load(path=str(path), serializer=_Serializer, record_mode=RecordMode.NONE, match_on=match_on)
    return About.model_validate(metadata[0]), cassette


def _response(made: Interaction) -> dict[str, Any]:
    return {
        "status": {"code": made.status, "message": responses.get(made.status, "")},
        "headers": {name: [value] for name, value in made.answered.items()},
        "body": {"string": made.content},
        "voipkit": {"kind": made.kind, "changed": made.changed},
    }


class _Serializer:
    """vcrpy's YAML, with what a reader wants to know first at the top, and no line broken."""

    @staticmethod
    def serialize(document: Mapping[str, Any]) -> str:
        import yaml

        ordered = {name: document[name] for name in ("version", "metadata", "interactions")}
        return str(yaml.dump(ordered, Dumper=yaml.SafeDumper, sort_keys=False, width=1 << 20))

    @staticmethod
    def deserialize(text: str) -> Any:
        from vcr.serializers import yamlserializer

        return yamlserializer.deserialize(text)


def _require_vcrpy() -> None:
    if find_spec("vcr") is None:
        raise MissingExtra("Cassettes need vcrpy.", fix="pip install 'voipkit[test]'")


# --- when two requests are one ---------------------------------------------------------------------------------------
# vcrpy's own matchers drop fields without a value, so ?trunk= and no trunk at all would be the same to them.


def _query(sent: Request, recorded: Request) -> None:
    _same(_fields(urlsplit(sent.uri).query), _fields(urlsplit(recorded.uri).query))


def _body(sent: Request, recorded: Request) -> None:
    kinds = [str(request.headers.get("content-type") or "").partition(";")[0] for request in (sent, recorded)]
    if kinds[0] != kinds[1]:
        msg = f"it was {kinds[1] or 'nothing'}, and is {kinds[0] or 'nothing'}"
        raise AssertionError(msg)
    _same(*(_told(kinds[0], request.body or b"") for request in (sent, recorded)))


def _same(sent: Mapping[str, str], recorded: Mapping[str, str]) -> None:
    names = [*recorded, *(name for name in sent if name not in recorded)]
    wrong = [
        f"{name} was {recorded.get(name, 'absent')}, and is {sent.get(name, 'absent')}"
        for name in names
        if sent.get(name) != recorded.get(name)
    ]
    if wrong:
        raise AssertionError("; ".join(wrong))


def _told(kind: str, body: bytes) -> dict[str, str]:
    """Return a body as a flat list of its fields."""
    text = body.decode("utf-8", "backslashreplace")
    if kind == "application/x-www-form-urlencoded":
        return _fields(text)
    try:
        return dict(_leaves(json.loads(text), "")) if text else {}
    except ValueError:
        return {"it": repr(text)}


def _fields(text: str) -> dict[str, str]:
    found: dict[str, list[str]] = {}
    for name, value in parse_qsl(text, keep_blank_values=True):
        found.setdefault(name, []).append(value)
    return {name: ", ".join(map(repr, values)) for name, values in found.items()}


def _leaves(value: Any, name: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            yield from _leaves(inner, f"{name}.{key}" if name else str(key))
    elif isinstance(value, list) and value:
        for place, inner in enumerate(value):
            yield from _leaves(inner, f"{name}[{place}]")
    else:
        yield name or "it", repr(value)


def closest(cassette: Cassette, request: Request) -> str:
    """Say of a request that has no recording left what was recorded instead."""
    found = cassette.find_requests_with_most_matches(request)
    if not found:
        return "Nothing like it was recorded."
    recorded, _, differences = found[0]
    if not differences:
        return "It was recorded, but is sent more often now."
    told = "\n".join(f"  {name.strip('_')}: {words}" for name, words in differences)
    return f"The closest recording is {recorded.method} {recorded.uri}, which differs in\n{told}"
