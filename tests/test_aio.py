"""The awaitable API, under asyncio and trio: the same answers, and an end to everything that is left early."""

from __future__ import annotations

import asyncio
import gc
import subprocess
import sys
import threading
import time
import traceback
from contextlib import aclosing

import anyio
import pytest

import voipkit
from voipkit import Route
from voipkit.errors import (
    CredentialsInvalid,
    CredentialsRejected,
    ProviderTimeout,
    UnknownProvider,
    Unsupported,
)
from voipkit.models import (
    CredentialTest,
    ImportReport,
    NameSuggestion,
    NumberVerification,
    ProviderNumber,
    RoutingSnapshot,
)
from voipkit.sandbox import Fault

pytestmark = pytest.mark.anyio


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request):
    if request.param == "trio":
        pytest.importorskip("trio")
    return request.param


async def on_sandbox(box, carrier="twilio", **options):
    options = voipkit.HttpOptions(wire=box.wire, **options)
    return await voipkit.aio.open_provider(
        carrier, box.credentials(carrier), sip_config=box.sip_config(carrier), http=options
    )


class Slow:
    """A carrier whose every item takes a while; it knows in which threads it worked and whether it was closed."""

    def __init__(self, items=1000, seconds=0.0, error=None):
        self.items, self.seconds, self.error = items, seconds, error
        self.given = 0
        self.left = threading.Event()
        self.threads = set()

    def list_numbers(self):
        try:
            for index in range(self.items):
                self.threads.add(threading.current_thread())
                if self.seconds:
                    time.sleep(self.seconds)
                self.given += 1
                yield ProviderNumber(id=str(index), number=f"+1415{2000000 + index}", raw="")
            if self.error:
                raise self.error
        finally:
            self.left.set()
            self.left_in = threading.current_thread()

    def close(self):
        self.left.wait(5)


def carried(slow):
    return voipkit.aio.AsyncProvider(slow)


# --- every method ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("carrier", ["twilio", "telnyx"])
async def test_every_method(carrier, box):
    numbers = [n.phone_number for n in getattr(box, carrier).numbers]
    async with await on_sandbox(box, carrier) as p:
        test = await p.test_credentials()
        assert isinstance(test, CredentialTest)
        assert test.credentials_valid
        assert isinstance(await p.suggest_name(), NameSuggestion)
        listed = [number async for number in p.list_numbers()]
        assert sorted(n.number for n in listed) == sorted(numbers)
        report = await p.import_numbers(numbers[:1])
        assert isinstance(report, ImportReport)
        assert report.counts == {"imported": 1}
        assert isinstance(await p.verify_number(numbers[0]), NumberVerification)
        verified = [v async for v in p.verify_numbers([*numbers, "0100"])]
        assert [v.number for v in verified] == [*numbers, "0100"]
        assert (await p.restore_numbers(report.snapshot)).counts == {"imported": 1}
        assert (await p.import_numbers(listed, dry_run=True)).writes == 0
        assert p.info.id == carrier
        assert carrier in repr(p).lower()
    assert len(box.writes) >= 2


async def test_the_same_answers_as_without_await(box, opened):
    box.twilio.seed_numbers(30)
    async with await on_sandbox(box) as p:
        assert [n async for n in p.list_numbers()] == list(opened("twilio").list_numbers())


async def test_errors_are_the_same(box):
    for name, credentials, error in (
        ("twillio", {}, UnknownProvider),
        ("twilio", {}, CredentialsInvalid),
        ("twilio", None, CredentialsInvalid),
    ):
        with pytest.raises(error):
            await voipkit.aio.open_provider(name, credentials)
    box.fail("twilio", "list_numbers", Fault.status(401))
    async with await on_sandbox(box, retries=0) as p:
        with pytest.raises(CredentialsRejected):
            await p.import_numbers(["+14155550100"])
        with pytest.raises(Unsupported):
            await p.verify_number("+14155550100", Route.sip("sip:a@b.example"))


async def test_a_carrier_that_cannot_restore_says_so():
    p = carried(Slow())
    p.sync.info = voipkit.provider_info("telnyx")
    with pytest.raises(Unsupported, match="Telnyx"):
        await p.restore_numbers(RoutingSnapshot(provider="telnyx"))


@pytest.mark.parametrize(
    "given", ["canary-5ec2e7", ["canary-5ec2e7"], {"auth_token": "canary-5ec2e7"}, {"auth_token": [b"canary-5ec2e7"]}]
)
async def test_bad_credentials_show_no_secret(given):
    with pytest.raises(CredentialsInvalid) as caught:
        await voipkit.aio.open_provider("twilio", given, sip_config=given)

    shown = traceback.TracebackException.from_exception(caught.value, capture_locals=True)
    frames = [frame for frame in shown.stack if frame.filename != __file__]
    assert len(frames) > 3
    assert not [frame for frame in frames if "canary-5ec2e7" in str(frame.locals)]


# --- iteration -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [0, 1, 249, 250, 251, 1003])
async def test_any_number_of_batches(count):
    slow = Slow(count)

    assert [int(n.id) async for n in carried(slow).list_numbers()] == list(range(count))
    assert slow.given == count


@pytest.mark.parametrize("count", [0, 1, 250, 600])
async def test_an_error_comes_after_the_items_before_it(count):
    got = []

    async def collect():
        async for number in carried(Slow(count, error=ProviderTimeout("Silence."))).list_numbers():
            got.append(int(number.id))

    with pytest.raises(ProviderTimeout):
        await collect()
    assert got == list(range(count))


async def test_work_is_done_in_other_threads():
    slow = Slow(600)
    async for _ in carried(slow).list_numbers():
        pass

    assert threading.current_thread() not in slow.threads


async def test_the_loop_goes_on_meanwhile():
    ticks = 0

    async def tick():
        nonlocal ticks
        while True:
            await anyio.sleep(0.005)
            ticks += 1

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(tick)
        async for _ in carried(Slow(20, seconds=0.01)).list_numbers():
            pass
        tasks.cancel_scope.cancel()

    assert ticks >= 5


async def test_slow_items_are_not_held_back():
    """A batch of 250 items that take a second each would keep the first one for minutes."""
    slow = Slow(40, seconds=0.03)
    async with aclosing(carried(slow).list_numbers()) as listing:
        async for _ in listing:
            break

    assert slow.given < 20


class Mapped(Slow):
    """A stranger's carrier whose listing has no close(): what ends it is that nobody holds it any more."""

    def list_numbers(self):
        return map(ProviderNumber.model_copy, super().list_numbers())


@pytest.mark.parametrize("kind", [Slow, Mapped])
async def test_leaving_early_ends_the_listing_outside_the_loop(kind):
    """Closing waits for the pages in flight: in the loop's own thread that would stop everybody."""
    slow = kind(1000)
    async with aclosing(carried(slow).list_numbers()) as listing:
        async for _ in listing:
            break

    assert slow.left.is_set()
    assert slow.left_in is not threading.current_thread()


@pytest.mark.parametrize("carrier", ["twilio", "telnyx", "signalwire", "vonage", "plivo", "vobiz", "cloudonix"])
def test_the_listings_of_built_in_carriers_can_be_closed(carrier, opened):
    numbers = opened(carrier).list_numbers()
    next(numbers)
    numbers.close()

    assert list(numbers) == []


async def test_cancelling_ends_with_the_present_item():
    slow = Slow(1000, seconds=0.02)
    began = time.monotonic()
    with anyio.move_on_after(0.15) as scope:
        async for _ in carried(slow).list_numbers():
            pass

    assert scope.cancelled_caught
    assert time.monotonic() - began < 2
    assert slow.given < 100


async def test_a_cancelled_import_finishes_its_writes_first(box):
    """A thread cannot be interrupted; what was begun is not left half observed."""
    numbers = [n.phone_number for n in box.twilio.seed_numbers(40)]
    plain = box.wire

    def slow_wire(method, url, headers, body):
        time.sleep(0.01 if method == "POST" else 0)
        return plain(method, url, headers, body)

    options = voipkit.HttpOptions(wire=slow_wire)
    async with await voipkit.aio.open_provider(
        "twilio", box.credentials("twilio"), sip_config=box.sip_config("twilio"), http=options
    ) as p:
        with anyio.move_on_after(0.05) as scope:
            await p.import_numbers(numbers)
        assert scope.cancel_called
        assert len(box.writes) in (0, 40)


async def test_many_at_once(box):
    box.twilio.seed_numbers(300)
    async with await on_sandbox(box) as p:
        seen = []

        async def listing():
            seen.append(len([n async for n in p.list_numbers()]))

        async with anyio.create_task_group() as tasks:
            for _ in range(6):
                tasks.start_soon(listing)

    assert seen == [303] * 6


# --- asyncio's own ways ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("anyio_backend", ["asyncio"], indirect=True)
async def test_asyncio_timeout(anyio_backend):
    slow = Slow(1000, seconds=0.02)

    async def limited():
        async with asyncio.timeout(0.1):
            async for _ in carried(slow).list_numbers():
                pass

    with pytest.raises(TimeoutError):
        await limited()

    assert slow.given < 100


@pytest.mark.parametrize("anyio_backend", ["asyncio"], indirect=True)
@pytest.mark.parametrize("cancels", [1, 3])
async def test_a_cancelled_task_waits_for_the_writes_that_it_began(anyio_backend, cancels, box):
    """anyio does not hold back asyncio's own cancellation; the writes would go on behind the caller's back."""
    numbers = [n.phone_number for n in box.twilio.seed_numbers(40)]
    begun = threading.Event()
    plain = box.wire

    def slow_wire(method, url, headers, body):
        if method == "POST":
            begun.set()
            time.sleep(0.01)
        return plain(method, url, headers, body)

    options = voipkit.HttpOptions(wire=slow_wire)
    async with await voipkit.aio.open_provider(
        "twilio", box.credentials("twilio"), sip_config=box.sip_config("twilio"), http=options
    ) as p:
        task = asyncio.create_task(p.import_numbers(numbers))
        await anyio.to_thread.run_sync(begun.wait)
        for _ in range(cancels):
            task.cancel()
            await asyncio.sleep(0.005)
        with pytest.raises(asyncio.CancelledError):
            await task
        assert len(box.writes) == 40


@pytest.mark.parametrize("anyio_backend", ["asyncio"], indirect=True)
async def test_work_cancelled_before_it_begins_never_begins(anyio_backend):
    slow = Slow(10)
    p = carried(slow)
    limiter = anyio.to_thread.current_default_thread_limiter()
    before, limiter.total_tokens = limiter.total_tokens, 1
    free = threading.Event()
    try:
        blocker = asyncio.create_task(anyio.to_thread.run_sync(free.wait))
        await asyncio.sleep(0.02)
        waiting = asyncio.create_task(anext(p.list_numbers()))
        await asyncio.sleep(0.02)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asyncio.wait_for(waiting, 2)
        free.set()
        await blocker
        assert slow.given == 0
    finally:
        free.set()
        limiter.total_tokens = before


@pytest.mark.parametrize("anyio_backend", ["asyncio"], indirect=True)
async def test_asyncio_gather_and_cancelled_task(anyio_backend, box):
    async with await on_sandbox(box) as p:
        test, name = await asyncio.gather(p.test_credentials(), p.suggest_name())
        assert test.status == "pass"
        assert name.name.startswith("Twilio")
        task = asyncio.create_task(p.test_credentials())
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


def test_a_listing_that_is_forgotten_is_closed_with_the_loop():
    """Under asyncio; trio warns about it."""
    slow = Slow(1000)

    async def forget():
        async for _ in carried(slow).list_numbers():
            return

    anyio.run(forget)
    gc.collect()

    assert slow.left.wait(2)


def test_without_anyio_the_extra_is_named():
    code = """
import sys
sys.modules["anyio"] = None
import voipkit
try:
    voipkit.aio.open_provider("telnyx", {"api_key": "KEY0"}).send(None)
except voipkit.errors.MissingExtra as error:
    print(error.fix)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert done.stdout.strip() == "pip install anyio", done.stderr
