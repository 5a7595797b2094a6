"""10,000 numbers over a real Dask cluster of processes against PostgreSQL; a worker is killed in the middle."""

from __future__ import annotations

import importlib.util
import os
import signal
import sys
import threading
import time
from pathlib import Path

import pytest

from tests.service.conftest import Desk
from voipkit.sandbox import Sandbox
from voipkit.store import SqlStore

EXAMPLES = Path(__file__).parents[2] / "examples"
NUMBERS = 10_000


@pytest.fixture
def fanout(monkeypatch):
    """The example as a module; workers find it, as they get this process's path."""
    monkeypatch.syspath_prepend(EXAMPLES)
    spec = importlib.util.spec_from_file_location("dask_fanout", EXAMPLES / "dask_fanout.py")
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "dask_fanout", module)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def box():
    return Sandbox(keep_bodies=False)


def killer(service, workers, killed):
    """Kill one worker when some numbers of the first job are done, and most are not."""
    while not killed:
        listed = service.jobs("acme").items
        if listed and listed[-1].settled:
            os.kill(workers[0], signal.SIGKILL)
            killed.append(listed[-1].settled)
        time.sleep(0.1)


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning", "ignore::UserWarning")
def test_a_killed_worker_loses_nothing(fanout, box, key, clock, postgres_url, monkeypatch):
    from distributed import Client, LocalCluster

    monkeypatch.setenv("VOIPKIT_DATABASE_URL", postgres_url)
    monkeypatch.setenv("VOIPKIT_SECRET_KEY", key)
    store = SqlStore(postgres_url)
    desk = Desk(store, box, key, clock, [])
    connection, numbers = desk.connect(), desk.bought(NUMBERS)
    box.clear()
    killed = []
    with box.serve() as base_url:
        monkeypatch.setenv("VOIPKIT_BASE_URL", base_url)
        with (
            LocalCluster(n_workers=3, threads_per_worker=1, dashboard_address=None) as cluster,
            Client(cluster) as client,
        ):
            workers = list(client.run(os.getpid).values())
            watching = threading.Thread(target=killer, args=(desk.service, workers, killed), daemon=True)
            watching.start()
            imported, verified = fanout.fan_out("acme", connection.id, numbers, client.get_executor(pure=False))
            watching.join(10)

    assert killed
    assert killed[0] < NUMBERS
    assert dict(imported.counts) == {"done": NUMBERS}
    assert dict(verified.counts) == {"done": NUMBERS}
    written = [recorded.url for recorded in box.writes]
    box.clear()  # 10,000 exchanges of one kind are not held against the vendor's documents once more
    assert len(written) == len(set(written)) == NUMBERS
    assert desk.service.capacity("acme").active_numbers == NUMBERS
    store.close()
