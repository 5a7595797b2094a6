"""A process that is killed leaves what it had completed and nothing of what it had not."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys

import pytest

import voipkit
from voipkit.evidence import KeyRing, generate_key
from voipkit.models import NewConnection
from voipkit.store import Sealer, SqlStore, rekey
from voipkit.testing.stores import EVIDENCE, MINUTE, T0

_PROGRAM = """
import json, os, signal, sys
from voipkit.models import *
from voipkit.models.base import now
from voipkit.store import *
from voipkit.evidence import KeyRing
from datetime import timedelta
given = json.load(sys.stdin)
store = SqlStore(given["url"])
def die():
    os.kill(os.getpid(), signal.SIGKILL)
"""


def killed(program: str, url: str, **more: object) -> None:
    """Run a program that kills itself, and see that it did."""
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM + program],
        input=json.dumps({"url": url, **more}),
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr


def test_killed_before_the_end_of_a_block(store: SqlStore, url: str) -> None:
    """Nothing of it is there, and nothing stays locked."""
    killed(
        """
with store.transaction("a") as tx:
    kept = tx.add_connection(NewConnection(name="kept", provider="p", setup_method="s"))
with store.transaction("a") as tx:
    tx.spend(given["evidence"], 2e9)
    tx.reserve(Reservation(org_id="a", operation="create", key="k", fingerprint="f"))
    made = tx.add_connection(NewConnection(name="x", provider="p", setup_method="s"))
    tx.add_numbers([NewPhoneNumber(number="+15550000001", voip_connection_id=made.id)])
    tx.update_connection(kept.id, name="changed")
    tx.delete_connection(kept.id)
    die()
""",
        url,
        evidence=EVIDENCE,
    )
    with store.transaction("a") as tx:
        assert [c.name for c in tx.connections().items] == ["kept"]
        assert tx.numbers().items == ()
        assert tx.spend(EVIDENCE, 2e9)


def test_killed_in_the_middle_of_a_transfer(store: SqlStore, url: str) -> None:
    """The number is with one of the two."""
    killed(
        """
with store.transaction("a") as tx:
    numbers = tx.add_numbers([NewPhoneNumber(number=f"+1555000000{n}") for n in range(2)])
with store.transfer("a", "b") as (giver, taker):
    giver.give_number(numbers[0].id, taker, updated_at=now())
with store.transfer("a", "b") as (giver, taker):
    giver.give_number(numbers[1].id, taker, updated_at=now())
    die()
""",
        url,
    )
    for org_id, number in (("a", "+15550000001"), ("b", "+15550000000")):
        with store.transaction(org_id) as tx:
            assert [n.number for n in tx.numbers().items] == [number]


def test_what_a_killed_worker_held_goes_to_another(store: SqlStore, url: str) -> None:
    """Operation and items, once their leases have run out."""
    killed(
        """
with store.transaction("a") as tx:
    tx.begin_operation(NewOperation(kind="rotate", step="stage", worker="dead", lease_until=now()))
    job = tx.add_job(NewJob(kind="verify"), ["+1", "+2", "+3"])
with store.transaction("a") as tx:
    tx.claim_items(job.id, "dead", limit=2, at=now(), lease_until=now())
die()
""",
        url,
    )
    later = voipkit.models.base.now() + MINUTE
    (operation,) = store.claim_operations("w", at=later, lease_until=later + MINUTE)
    (job,) = store.unfinished_jobs(at=later)
    with store.transaction("a") as tx:
        assert len(tx.claim_items(job.id, "w", limit=9, at=later, lease_until=later + MINUTE)) == 3
    assert (operation.kind, operation.step, job.counts) == ("rotate", "stage", {"claimed": 2, "pending": 1})


@pytest.mark.parametrize("after", [0, 8])
def test_killed_while_sealing_again(store: SqlStore, url: str, after: int) -> None:
    """Whatever was reached opens, and the rest is done by another run."""
    old, new = generate_key(), generate_key()
    sealer, both = Sealer(KeyRing.from_text(old)), Sealer(KeyRing.from_text(f"{new},{old}"))
    with voipkit.open_provider("telnyx", {"apiKey": "KEY1"}) as carrier, store.transaction("a") as tx:
        for _ in range(20):
            made = tx.add_connection(NewConnection(name="x", provider="telnyx", setup_method="api_key"))
            tx.add_credentials(
                sealer.seal(
                    carrier.credentials, carrier.sip_config, org_id="a", connection_id=made.id, provider="telnyx",
                    generation=1, state="active", created_at=T0,
                )
            )  # fmt: skip
    killed(
        """
both = Sealer(KeyRing.from_text(given["keys"]))
count = 0
def reseal(old, reseal=both.reseal):
    global count
    count += 1
    if count > given["after"] + 2:
        die()
    return reseal(old)
class Dying:
    kid = both.kid
Dying.reseal = staticmethod(reseal)
rekey(store, Dying(), batch=4)
""",
        url,
        keys=f"{new},{old}",
        after=after,
    )
    rows = [s for _, s in store.sealed_elsewhere("none", limit=100)]
    assert sum(s.kid == both.kid for s in rows) == after
    assert all(both.open(s).credentials["api_key"].get_secret_value() == "KEY1" for s in rows)
    assert rekey(store, both).resealed == 20 - after


_FORK = """
import json, os, sys
from voipkit.models import NewConnection
from voipkit.store import SqlStore
store = SqlStore(json.load(sys.stdin))
new = NewConnection(name="x", provider="p", setup_method="s")
with store.transaction("a") as tx:
    tx.add_connection(new)
child = os.fork()
for _ in range(20):
    with store.transaction("a") as tx:
        tx.add_connection(new)
        assert len(tx.connections().items) > 1
if child:
    assert os.waitpid(child, 0)[1] == 0
    with store.transaction("a") as tx:
        print(len(tx.connections().items))
os._exit(0) if not child else store.close()
"""


def test_a_fork_takes_no_connection_along(url: str) -> None:
    """As of a server that forks its workers after the application was loaded."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", _FORK],
        input=json.dumps(url),
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "41\n", "")
