"""The HTTP reference as Markdown, from the OpenAPI document of the router itself."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from fastapi import FastAPI

from voipkit.service import ConnectionService
from voipkit.web import create_router

__all__ = ["openapi", "reference"]

_METHODS = ("get", "post", "put", "patch", "delete")


def openapi() -> dict[str, Any]:
    """Return the OpenAPI document of a host that includes the router and nothing else."""
    app = FastAPI(title="voipkit", version="1")
    nobody = object.__new__(ConnectionService)  # it is described, never called
    app.include_router(create_router(nobody, authenticate=lambda: None, tenant=lambda: ""))
    return app.openapi()


def reference() -> str:
    """Describe every operation: parameters, body, answer and problems."""
    document = openapi()
    parts = []
    tag = None
    for path, methods in document["paths"].items():
        for method in (m for m in _METHODS if m in methods):
            operation = methods[method]
            if operation["tags"][0] != tag:
                tag = operation["tags"][0]
                parts.append(f"## {tag}")
            parts += _operation(method, path, operation, document)
    return "\n\n".join(parts)


def _operation(method: str, path: str, operation: dict[str, Any], document: dict[str, Any]) -> Iterator[str]:
    yield f"### `{method.upper()} {path}`"
    yield operation["description"]
    rows = [_parameter(parameter) for parameter in operation.get("parameters", ())]
    if rows:
        yield _table(("Parameter", "In", "Needed", "Meaning"), rows)
    body = operation.get("requestBody", {}).get("content", {}).get("application/json")
    if body:
        yield _table(("Body", "Needed", "Form"), _fields(body["schema"], document))
        yield _json(f"{method.upper()} {path}", body["example"])
    for status, answer in operation["responses"].items():
        content = answer.get("content", {}).get("application/json", {})
        if "example" in content:
            yield _json(f"{status}: {answer['description']}", content["example"])
        elif int(status) < 300:  # noqa: PLR2004 - RFC 9110: redirections begin there
            yield f"`{status}`: {answer['description']}"
    problems = sorted(status for status in operation["responses"] if int(status) >= 400)  # noqa: PLR2004 - client errors
    yield f"Problems: {', '.join(f'`{status}`' for status in problems)}."


def _parameter(parameter: dict[str, Any]) -> tuple[str, ...]:
    needed = "yes" if parameter.get("required") else "no"
    meaning = parameter.get("description") or parameter["schema"].get("title", "")
    return (f"`{parameter['name']}`", parameter["in"], needed, meaning)


def _fields(schema: dict[str, Any], document: dict[str, Any]) -> Iterator[tuple[str, ...]]:
    for name, field in schema["properties"].items():
        yield (f"`{name}`", "yes" if name in schema.get("required", ()) else "no", _form(field, document))


def _form(field: dict[str, Any], document: dict[str, Any]) -> str:
    """Say in a few words what a JSON Schema takes."""
    if "anyOf" in field:
        return " or ".join(_form(each, document) for each in field["anyOf"])
    if "enum" in field:
        return " or ".join(f"`{value}`" for value in field["enum"])
    words = [field.get("type", "any value")]
    if words == ["array"]:
        words = [f"list of {_form(field['items'], document)}"]
    limits = {"maxLength": "at most {} characters", "maxItems": "at most {:,}", "pattern": "`{}`"}
    words += [text.format(field[name]) for name, text in limits.items() if name in field]
    return ", ".join(words)


def _json(title: str, example: Any) -> str:
    text = json.dumps(example, indent=2, ensure_ascii=False)
    return f'```json title="{title}"\n{text}\n```'


def _table(header: tuple[str, ...], rows: Any) -> str:
    lines = [header, tuple("---" for _ in header), *rows]
    return "\n".join(
        "| " + " | ".join(" ".join(text.split()).replace("|", r"\|") for text in line) + " |" for line in lines
    )
