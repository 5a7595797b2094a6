"""One SQLite database, several stores in one process, and other processes that come and go: all see every change."""

from __future__ import annotations

import multiprocessing

import pytest

from tests.service import dying

FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(["tests.service.dying"])


@pytest.mark.parametrize("store", ["sqlite"], indirect=True)
def test_a_store_that_is_opened_and_closed_takes_no_lock_away(desk, service, store):
    """Closing a second descriptor of a database file drops the locks of the whole process.

    Then another process takes itself for the last one, and deletes the log that this one goes on writing to.
    """
    from voipkit.store import SqlStore

    url = str(store._engine.url)
    service.list("acme")  # from now on the pool keeps a connection
    second = SqlStore(url)
    second.check()
    second.close()
    for _ in range(2):
        connection = desk.connect()
        results = FORKS.Queue()
        child = FORKS.Process(target=dying.look, args=(url, "acme", connection.id, results))
        child.start()
        assert results.get(timeout=60) == connection.name
        child.join(60)
