"""The awaitable twin: the same operations, answers and errors; a caller's credentials in no frame."""

from __future__ import annotations

import asyncio
import inspect
import traceback

import pytest

from voipkit.aio import AsyncConnectionService
from voipkit.errors import EvidenceMissing
from voipkit.service import ConnectionService
from voipkit.store import MemoryStore


@pytest.fixture
def store():
    return MemoryStore()


def test_every_operation_has_its_twin(service):
    twin = AsyncConnectionService(service)

    public = {name for name in dir(ConnectionService) if not name.startswith("_")}
    assert {name for name in vars(twin) if name != "sync"} == public
    assert all(inspect.iscoroutinefunction(getattr(twin, name)) for name in public)


def test_the_way_from_test_to_delete(desk, service):
    async def way():
        twin = AsyncConnectionService(service)
        tested = await twin.test("acme", "telnyx", **desk.account())
        created = await twin.create(
            "acme", provider="telnyx", **desk.account(), evidence=tested.verification_evidence_id
        )
        report = await twin.import_numbers("acme", created.id, desk.bought(1))
        await twin.verify_number("acme", report.results[0].id)
        assert (await twin.update("acme", created.id, name="Renamed")).name == "Renamed"
        return await twin.delete("acme", created.id)

    assert asyncio.run(way()).numbers_kept == 1


def test_no_frame_of_an_error_holds_the_credentials(desk, service):
    secret = desk.box.credentials("telnyx")["api_key"]

    async def refused(account):
        await AsyncConnectionService(service).create("acme", provider="telnyx", evidence=None, **account)

    with pytest.raises(EvidenceMissing) as caught:
        asyncio.run(refused(desk.account()))

    frames = [
        frame
        for frame, _ in traceback.walk_tb(caught.value.__traceback__)
        if "voipkit" in frame.f_code.co_filename and "/tests/" not in frame.f_code.co_filename
    ]
    assert frames
    assert not any(secret in repr(dict(frame.f_locals)) for frame in frames)
