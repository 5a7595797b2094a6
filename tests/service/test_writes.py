"""What each operation writes at the carrier: counted for every one, for every carrier that the sandbox plays."""

from __future__ import annotations

import pytest

from voipkit.service import ConnectionService
from voipkit.store import MemoryStore

CARRIERS = ["twilio", "telnyx", "signalwire", "vonage", "plivo", "vobiz", "cloudonix"]


@pytest.fixture
def store():
    return MemoryStore()


@pytest.fixture(params=CARRIERS)
def carrier(request):
    return request.param


def numbers_of(desk, carrier, connection):
    """Three numbers of the account that nobody routes anywhere."""
    desk.bought(3, carrier)
    report = desk.service.import_numbers(
        "acme", connection.id, [n.number for n in desk.service.available_numbers("acme", connection.id)], dry_run=True
    )
    return [result.number for result in report.results if result.outcome == "imported"][:3]


def test_only_import_and_restore_write(desk, carrier):
    """Every public operation is here; one that is added and not counted fails the last line."""
    service, box, done = desk.service, desk.box, set()

    def writes(operation, /, *args, **kwargs):
        box.clear()
        answer = getattr(service, operation)(*args, **kwargs)
        done.add(operation)
        return answer, len(box.writes), len(box.requests)

    account = desk.account(carrier)
    assert writes("suggest_name", "acme", carrier, **account)[1] == 0
    tested, written, _ = writes("test", "acme", carrier, **account)
    assert written == 0
    evidence = tested.verification_evidence_id
    connection, *counted = writes("create", "acme", provider=carrier, **account, evidence=evidence)
    assert counted == [0, 0]
    fresh = numbers_of(desk, carrier, connection)
    assert len(fresh) == 3

    silent = {
        "get": ("acme", connection.id), "list": ("acme",), "set_default_outbound": ("acme", connection.id),
        "provider_metadata": (), "job": None, "jobs": ("acme",), "numbers": ("acme",), "capacity": ("acme",),
        "warnings": ("acme",), "audit": ("acme",), "maintain": (),
    }  # fmt: skip
    for name, args in silent.items():
        if args is not None:
            assert writes(name, *args)[1:] == (0, 0), name
    assert writes("retest", "acme", connection.id)[1] == 0
    assert writes("available_numbers", "acme", connection.id)[1] == 0

    job, *counted = writes("start_import", "acme", connection.id, fresh[2:])
    assert counted == [0, 0]
    assert writes("job", "acme", job.id)[1:] == (0, 0)
    assert writes("job_items", "acme", job.id)[1:] == (0, 0)
    assert writes("cancel_job", "acme", job.id)[1:] == (0, 0)
    assert writes("run_job", "acme", job.id)[1:] == (0, 0)
    assert writes("recover")[1:] == (0, 0)

    report, written, _ = writes("import_numbers", "acme", connection.id, fresh[:2])
    assert report.imported_count == 2
    assert 2 <= written <= 4
    again, written, _ = writes("import_numbers", "acme", connection.id, fresh[:2])
    assert (again.imported_count, written) == (2, 0)
    first, second = (result.id for result in report.results)

    assert writes("verify_number", "acme", first)[1] == 0
    job, *counted = writes("start_verification", "acme", connection.id)
    assert counted == [0, 0]
    assert writes("run_job", "acme", job.id)[1] == 0
    assert writes("number", "acme", first)[1:] == (0, 0)
    assert writes("update_number", "acme", first, label="Desk", inbound_agent_id=7)[1:] == (0, 0)
    assert writes("number_versions", "acme", first)[1:] == (0, 0)
    assert writes("transfer_number", "acme", second, "other")[1:] == (0, 0)
    assert writes("release_number", "other", second)[1:] == (0, 0)

    assert writes("update", "acme", connection.id, name="Renamed")[1:] == (0, 0)
    rotated, written, _ = writes(
        "update", "acme", connection.id, **account, evidence=desk.evidence(carrier=carrier), force=True
    )
    assert (rotated.generation, written) == (2, 0)

    deleted, written, _ = writes("delete", "acme", connection.id, restore_routing=True)
    if carrier == "plivo":  # documents no way to take a number off its application
        assert ([left.number for left in deleted.left], written) == (fresh[:1], 0)
    else:
        assert len(deleted.restored) == 1
        assert written >= 1
    assert writes("close")[1:] == (0, 0)

    public = {name for name in dir(ConnectionService) if not name.startswith("_")}
    assert public == done


def test_deleting_without_restoring_asks_nobody(desk, carrier):
    connection = desk.connect(carrier=carrier)
    desk.imported(connection, numbers_of(desk, carrier, connection))
    desk.box.clear()

    report = desk.service.delete("acme", connection.id)

    assert desk.box.requests == []
    assert len(report.left) == 3
