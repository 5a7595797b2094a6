"""Wires that change what the sandbox answers, for tests of answers that it does not give by itself."""

from __future__ import annotations

import json
from urllib.parse import unquote


def rewriting(box, change):
    """A wire whose JSON answers go through ``change(url, payload)``."""

    def wire(method, url, headers, body):
        status, answered, content = box.wire(method, url, headers, body)
        changed = json.dumps(change(unquote(url), json.loads(content))).encode() if content else content
        return status, answered, changed

    return wire


def lacking(box, part, *names):
    """A wire whose answers from URLs with ``part`` in them lack keys altogether, at every depth."""

    def change(url, payload):
        return _without(payload, names) if part in url else payload

    return rewriting(box, change)


def _without(payload, names):
    if isinstance(payload, list):
        return [_without(each, names) for each in payload]
    if isinstance(payload, dict):
        return {name: _without(value, names) for name, value in payload.items() if name not in names}
    return payload
