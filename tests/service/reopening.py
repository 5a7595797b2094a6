"""Makes a service in another process, of what is in the environment."""

from __future__ import annotations

import os
import pickle

import voipkit
from voipkit.evidence import KeyRing
from voipkit.service import ConnectionService
from voipkit.store import SqlStore


def service():
    return ConnectionService(
        SqlStore(os.environ["TEST_DATABASE"]),
        KeyRing.from_text(os.environ["TEST_KEY"]),
        http=voipkit.HttpOptions(base_url=os.environ["TEST_SANDBOX"], rate=10_000),
    )


def pickled(thing):
    return pickle.dumps(thing).decode("latin-1")
