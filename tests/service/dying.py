"""A process that does one operation of the service and kills itself (SIGKILL) at a given step of it.

A step is each moment right before and right after a transaction is completed or a carrier has answered. The sandbox
runs as a server in another process and outlives this one; so does the database.
"""

from __future__ import annotations

import os
import signal
import threading
import urllib.error
import urllib.request
from contextlib import contextmanager
from urllib.parse import urlsplit

import voipkit
from voipkit.evidence import KeyRing
from voipkit.service import ConnectionService
from voipkit.store import SqlStore

registered = voipkit.providers()  # loaded before the fork, as is what the first request loads
for carrier, account in (
    ("telnyx", {"api_key": "KEY" + "0" * 50}),
    ("twilio", {"account_sid": "AC" + "0" * 32, "auth_token": "0" * 32}),
):
    with voipkit.open_provider(carrier, account, http=voipkit.HttpOptions(wire=lambda *_: (401, {}, b"{}"))) as warm:
        warm.test_credentials()


class Doom:
    """Counts steps; at the chosen one the process is gone."""

    def __init__(self, step: int):
        self._left = step
        self._lock = threading.Lock()

    def tick(self):
        with self._lock:
            self._left -= 1
            if self._left == 0:
                os.kill(os.getpid(), signal.SIGKILL)


class DyingStore(SqlStore):
    doom: Doom

    @contextmanager
    def transaction(self, org_id, *, read_only=False):
        with super().transaction(org_id, read_only=read_only) as tx:
            yield tx
            self.doom.tick()
        self.doom.tick()

    @contextmanager
    def transfer(self, org_id, to_org_id):
        with super().transfer(org_id, to_org_id) as both:
            yield both
            self.doom.tick()
        self.doom.tick()


def wire_to(base_url, doom):
    def wire(method, url, headers, body):
        doom.tick()
        parts = urlsplit(url)
        target = f"{base_url}/{parts.netloc}{parts.path}" + (f"?{parts.query}" if parts.query else "")
        request = urllib.request.Request(target, data=body or None, headers=dict(headers), method=method)
        try:
            with urllib.request.urlopen(request, timeout=20) as reply:
                answer = reply.status, dict(reply.headers), reply.read()
        except urllib.error.HTTPError as error:
            answer = error.code, dict(error.headers), error.read()
        doom.tick()
        return answer

    return wire


def run(url, base_url, key, step, method, args, kwargs):
    """Do one operation; the process ends by the kill, or with 0 when the operation had fewer steps."""
    doom = Doom(step)
    store = DyingStore(url)
    store.doom = doom
    service = ConnectionService(
        store,
        KeyRing.from_text(key),
        http=voipkit.HttpOptions(wire=wire_to(base_url, doom), rate=10_000),
        authorize_transfer=lambda transfer: True,
    )
    getattr(service, method)(*args, **kwargs)
    os._exit(0)


def race(url, base_url, key, start, results, index, method, args, kwargs):
    """Do one operation at the same moment as another process, and put the answer or the error into a queue."""
    service = ConnectionService(
        SqlStore(url),
        KeyRing.from_text(key),
        http=voipkit.HttpOptions(base_url=base_url, rate=10_000),
        authorize_transfer=lambda transfer: True,
    )
    start.wait(30)
    try:
        answer = getattr(service, method)(*args, **kwargs)
    except Exception as error:
        answer = error.with_traceback(None)
        answer.__cause__ = None
    results.put((index, answer))
    service.close()


def look(url, org_id, connection_id, results):
    """Read one connection's name, as a process that comes and goes."""
    store = SqlStore(url)
    try:
        with store.transaction(org_id, read_only=True) as tx:
            results.put(tx.connection(connection_id).name)
    except Exception as error:
        results.put(repr(error))
    store.close()
