"""Bulk work: thousands of numbers imported or verified, in batches, by any executor.

A job's items are claimed in batches, each by a worker with a name of its own, and settled together. A worker that dies
holds its claim until it runs out, then another takes it; what was written at the carrier is found ``unchanged``. Of a
cancelled job, the other only settles it.
What is submitted to an executor is a `_Unit`: ids, and a callable that makes a service where the work is done.
"""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Executor, Future
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from voipkit import registry
from voipkit.errors import (
    ConfigurationError,
    JobInterrupted,
    ObjectNotFound,
    OperationInProgress,
    StoreError,
    StoreNotFound,
    VoipkitError,
)
from voipkit.models import (
    EventType,
    ItemResult,
    Job,
    JobItem,
    NewJob,
    NumberVerification,
    OnConflict,
    Page,
    PhoneNumber,
    Route,
)
from voipkit.service import arguments, connections, importing, recovery, verifying
from voipkit.service.events import audited, event
from voipkit.service.idempotency import Keyed
from voipkit.service.results import Recovery
from voipkit.service.shop import Shop
from voipkit.service.veiling import given_route, shown, unveiled, veiled
from voipkit.store import StoreTransaction
from voipkit.store.url_secrets import masked

if TYPE_CHECKING:
    from voipkit.service.facade import ConnectionService

__all__ = ["cancel", "get", "items", "listed", "recover", "run_job", "start_import", "start_verification"]

log = logging.getLogger("voipkit.service")

_MOST = 1_000_000
_BATCH = {"import": 500, "verify": 1000}  # numbers that share the carrier's listing, and that a crash repeats
_CALLED = 5  # numbers of a batch that are called one by one: a call takes up to a minute, and a claim has to last
_CLAIM = 5  # leases that a claim on items lasts: unlike an operation's, it is not renewed
_GLANCE = 0.5  # seconds between two looks at whether a dead worker's claim has passed


# --- recorded ---------------------------------------------------------------------------------------------------------


def start_import(
    shop: Shop,
    org_id: str,
    connection_id: int,
    numbers: Iterable[str],
    route: Route | None,
    on_conflict: OnConflict,
    key: str | None,
    actor: str | None,
) -> Job:
    """See `ConnectionService.start_import`."""
    org_id, actor = arguments.tenant(org_id), arguments.opaque(actor, "actor")
    wanted = arguments.numbers(numbers, _MOST)
    route, rule = given_route(shop, org_id, route), arguments.conflict_rule(on_conflict)
    keyed = Keyed(
        shop, "start_import", arguments.opaque(key, "idempotency_key"),
        {"connection": connection_id, "numbers": wanted, "route": route, "on_conflict": rule},
    )  # fmt: skip
    kept = veiled(shop, org_id, route)
    request = {"route": kept and kept.model_dump(mode="json"), "on_conflict": rule}
    new = NewJob(kind="import", connection_id=connection_id, request=request, actor=actor, created_at=shop.now())
    with shop.store.transaction(org_id) as tx:
        connections.found(tx, connection_id)
        earlier = keyed.earlier(shop, tx, Job)
        if earlier is not None:
            return earlier
        job = shown(_added(shop, tx, new, wanted))
        keyed.answer(tx, job)
    return job


def start_verification(
    shop: Shop, org_id: str, connection_id: int, number_ids: Iterable[int] | None, actor: str | None
) -> Job:
    """See `ConnectionService.start_verification`."""
    org_id, actor = arguments.tenant(org_id), arguments.opaque(actor, "actor")
    with shop.store.transaction(org_id) as tx:
        connections.found(tx, connection_id)
        linked = {number.id: number.number for number in verifying.linked(tx, connection_id)}
        wanted = list(linked) if number_ids is None else list(dict.fromkeys(number_ids))
        unknown = next((number_id for number_id in wanted if number_id not in linked), None)
        if unknown is not None:
            raise arguments.not_found("number", unknown)
        new = NewJob(kind="verify", connection_id=connection_id, actor=actor, created_at=shop.now())
        return _added(shop, tx, new, [linked[number_id] for number_id in sorted(wanted)])


def _added(shop: Shop, tx: StoreTransaction, new: NewJob, numbers: Sequence[str]) -> Job:
    job = tx.add_job(new, numbers)
    audited(shop, tx, f"job.{new.kind}_started", new.actor, "job", job.id, None, {"numbers": len(numbers)})
    return job


def get(shop: Shop, org_id: str, job_id: int) -> Job:
    """See `ConnectionService.job`."""
    with shop.store.transaction(arguments.tenant(org_id), read_only=True) as tx:
        return shown(_found(tx, job_id))


def _found(tx: StoreTransaction, job_id: int) -> Job:
    try:
        if arguments.is_id(job_id):
            return tx.job(job_id)
    except StoreNotFound:
        pass
    raise arguments.not_found("job", job_id)


def listed(shop: Shop, org_id: str, limit: int, cursor: str | None) -> Page[Job]:
    """See `ConnectionService.jobs`."""
    size = arguments.page_size(limit)
    with shop.store.transaction(arguments.tenant(org_id), read_only=True) as tx:
        page = tx.jobs(limit=size, cursor=cursor)
    return page.model_copy(update={"items": tuple(map(shown, page.items))})


def items(shop: Shop, org_id: str, job_id: int, limit: int, cursor: str | None) -> Page[JobItem]:
    """See `ConnectionService.job_items`."""
    size = arguments.page_size(limit)
    with shop.store.transaction(arguments.tenant(org_id), read_only=True) as tx:
        _found(tx, job_id)
        return tx.job_items(job_id, limit=size, cursor=cursor)


def cancel(shop: Shop, org_id: str, job_id: int, actor: str | None) -> Job:
    """See `ConnectionService.cancel_job`."""
    org_id, actor = arguments.tenant(org_id), arguments.opaque(actor, "actor")
    with shop.store.transaction(org_id) as tx:
        before = _found(tx, job_id)
        if before.status != "running":
            return shown(before)
        job = shown(tx.cancel_job(job_id, at=shop.now()))
        audited(shop, tx, "job.cancelled", actor, "job", job_id)
    shop.tell(event(shop, org_id, "job.cancelled", job_id=job_id, actor=actor))
    return job


# --- run --------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Unit:
    """One batch of a job, for a worker in another process; it holds no secret.

    Attributes:
        reopen: Makes the service there.
        org_id: The tenant.
        job_id: The job.
        worker: A name for whoever does this batch, also when an executor has it done again by another process.
    """

    reopen: Callable[[], ConnectionService]
    org_id: str
    job_id: int
    worker: str

    def __call__(self) -> int:
        with self.reopen() as service:
            return batch(service._shop, self.org_id, self.job_id, self.worker)


def run_job(
    shop: Shop,
    org_id: str,
    job_id: int,
    executor: Executor | None,
    reopen: Callable[[], ConnectionService] | None,
) -> Job:
    """See `ConnectionService.run_job`."""
    org_id = arguments.tenant(org_id)
    job = get(shop, org_id, job_id)
    patience = time.monotonic() + _patience(shop)
    while job.settled < job.total:
        left, settled = job.total - job.settled, job.settled
        _round(shop, job, -(-left // _BATCH[job.kind]), executor, reopen)
        job = get(shop, org_id, job_id)
        if job.settled > settled:
            patience = time.monotonic() + _patience(shop)
        elif job.settled < job.total:
            _wait(shop, job, patience)
            job = get(shop, org_id, job_id)
    ended: EventType = "job.cancelled" if job.status == "cancelled" else "job.done"
    shop.tell(event(shop, org_id, ended, job_id=job_id, actor=job.actor, counts=dict(job.counts)))
    return job


def _patience(shop: Shop, leases: int = _CLAIM + 2) -> float:
    """Seconds after which so many leases of a dead process have passed; by default, its claims on items too."""
    return leases * shop.lease.total_seconds()


def _wait(shop: Shop, job: Job, until: float) -> None:
    """Wait a little for what other workers, alive or dead, have claimed; finish what dead ones left half done."""
    if time.monotonic() > until:
        raise OperationInProgress(
            f"Job {job.id}: other workers hold {job.total - job.settled} numbers.", fix="Run it again later."
        )
    time.sleep(_GLANCE)
    recovery.finish(shop, limit=100)


def _round(
    shop: Shop, job: Job, units: int, executor: Executor | None, reopen: Callable[[], ConnectionService] | None
) -> None:
    """Have batches done, and wait for all of them."""
    names = [f"{uuid.uuid4()}" for _ in range(units)]
    if executor is None:
        for name in names:
            batch(shop, job.org_id, job.id, name)
        return
    work: list[Callable[[], int]] = [
        _Unit(reopen, job.org_id, job.id, name) if reopen else partial(batch, shop, job.org_id, job.id, name)
        for name in names
    ]
    lost = next((error for error in [_outcome(future) for future in _submitted(executor, work)] if error), None)
    if isinstance(lost, VoipkitError):
        raise lost
    if lost is not None:
        raise JobInterrupted(
            f"Job {job.id}: the executor lost work ({type(lost).__name__}).",
            fix="Run it again. Workers in other processes need reopen=.",
        ) from lost


def _submitted(executor: Executor, work: Iterable[Callable[[], int]]) -> list[Future[int]]:
    return [executor.submit(each) for each in work]


def _outcome(future: Future[int]) -> Exception | None:
    try:
        future.result()
    except Exception as error:
        return error
    return None


# --- one batch --------------------------------------------------------------------------------------------------------


def batch(shop: Shop, org_id: str, job_id: int, worker: str) -> int:
    """Claim a batch, do it, and settle it.

    Returns:
        How many items were settled.
    """
    moment = shop.now()
    with shop.store.transaction(org_id) as tx:
        job = _found(tx, job_id)
        claimed = tx.claim_items(
            job_id, worker, limit=_size(shop, tx, job), at=moment, lease_until=moment + _CLAIM * shop.lease
        )
    settled, until = 0, time.monotonic() + _patience(shop, leases=2)
    while claimed:
        results = _results(shop, job, claimed)
        with shop.store.transaction(org_id) as tx:
            settled += tx.settle_items(job_id, worker, results, at=shop.now())
        done = {result.item_id for result in results}
        claimed = tuple(item for item in claimed if item.id not in done)
        if claimed and time.monotonic() > until:
            break  # others take them when the claim has run out
        if claimed:
            time.sleep(_GLANCE)
            recovery.finish(shop, limit=100)  # what holds them up may be the operation of a dead process
            job = get(shop, org_id, job_id)  # it may have been cancelled meanwhile
    return settled


def _size(shop: Shop, tx: StoreTransaction, job: Job) -> int:
    if job.kind == "verify" and shop.witness is not None:
        with suppress(ObjectNotFound, ConfigurationError):  # told of each number, when it is its turn
            if registry.provider_info(connections.found(tx, job.connection_id or 0).provider).protocol == "sip":
                return _CALLED
    return _BATCH[job.kind]


def _results(shop: Shop, job: Job, claimed: Sequence[JobItem]) -> list[ItemResult]:
    """Do items, and say what came of them; one that another operation is at has no result yet."""
    try:
        if job.status == "cancelled":
            return _given_up(shop, job, claimed)
        return _imported(shop, job, claimed) if job.kind == "import" else _verified(shop, job, claimed)
    except OperationInProgress:
        return []
    except StoreError:
        raise
    except VoipkitError as error:
        failure = {"outcome": "failed", "code": error.kind, "message": masked(error.message), "fix": error.fix}
        return [ItemResult(item_id=item.id, status="failed", result=failure) for item in claimed]


def _imported(shop: Shop, job: Job, claimed: Sequence[JobItem]) -> list[ItemResult]:
    kept = job.request["route"]
    wanted = importing.Wanted(
        numbers=tuple(item.number for item in claimed),
        route=unveiled(shop, job.org_id, Route.model_validate(kept)) if kept else None,
        on_conflict=job.request["on_conflict"],
        actor=job.actor,
    )
    answer = importing.imported(shop, job.org_id, job.connection_id or 0, wanted)
    return [
        ItemResult(
            item_id=item.id,
            status="done" if result.outcome in ("imported", "unchanged") else "failed",
            result=result.model_dump(mode="json", include={"id", "outcome", "code", "message", "fix"}),
        )
        for item, result in zip(claimed, answer.results, strict=True)
        if result.code != "import.in_progress"
    ]


def _verified(shop: Shop, job: Job, claimed: Sequence[JobItem]) -> list[ItemResult]:
    with shop.store.transaction(job.org_id, read_only=True) as tx:
        connection = connections.found(tx, job.connection_id or 0)
        sealed = connections.in_use(tx, connection)
        own = {number.number: number for number in tx.numbers_named([item.number for item in claimed])}
    numbers = [number for number in own.values() if number.voip_connection_id == connection.id]
    with connections.noted(shop, connection), shop.opened(connection, sealed) as carrier:
        seen = list(verifying.asked(shop, carrier, numbers))
    if seen:
        connections.accepted(shop, connection)
    with shop.store.transaction(job.org_id) as tx:
        verifying.record(shop, tx, seen, job.actor)
    shop.tell(*verifying.events_of(shop, seen, job.actor))
    found = {number.number: (number, verification) for number, verification in seen}
    return [_verification(item, found.get(item.number)) for item in claimed]


def _verification(item: JobItem, found: tuple[PhoneNumber, NumberVerification] | None) -> ItemResult:
    if found is None:
        gone = {"code": "verify.gone", "message": "The connection has this number no longer.", "fix": None}
        return ItemResult(item_id=item.id, status="failed", result=gone)
    number, seen = found
    failures = [check.code for check in seen.failures]
    result = {"id": number.id, "outcome": seen.status, "code": f"verify.{seen.status}", "failures": failures}
    return ItemResult(item_id=item.id, status="done", result=result)


# --- cancelled --------------------------------------------------------------------------------------------------------


def _given_up(shop: Shop, job: Job, claimed: Sequence[JobItem]) -> list[ItemResult]:
    """Settle what a dead worker had claimed of a cancelled job. Nothing is begun, but what an import did counts.

    An import that is still written down has no result yet: `recovery` finishes it, or takes it back.
    """
    with shop.store.transaction(job.org_id, read_only=True) as tx:
        under_way = {  # first: one that ends after this has left its traces below
            number for operation in tx.operations() if operation.kind == importing.KIND
            for number in operation.data["numbers"]
        }  # fmt: skip
        settled = [item for item in claimed if job.kind != "import" or item.number not in under_way]
        own = tx.numbers_named([item.number for item in settled]) if job.kind == "import" else ()
        done = {record.number: record for record in own if _imported_by(tx, job, record)}
    return [_left(item, done.get(item.number)) for item in settled]


def _imported_by(tx: StoreTransaction, job: Job, record: PhoneNumber) -> bool:
    """Say whether a number was imported through the job's connection since the job began."""
    if record.voip_connection_id != job.connection_id or record.updated_at < job.created_at:
        return False
    versions = tx.versions(record.id, limit=100).items
    return any(each.action == "number.imported" and each.created_at >= job.created_at for each in versions)


def _left(item: JobItem, record: PhoneNumber | None) -> ItemResult:
    if record is None:
        return ItemResult(item_id=item.id, status="cancelled", result=None)
    if record.status == "failed":
        unsure = "The job was cancelled, and it is not known whether the carrier routes the number here."
        result = {"id": record.id, "outcome": "failed", "code": "import.unknown", "message": unsure}
        return ItemResult(item_id=item.id, status="failed", result={**result, "fix": "Import it again."})
    message = "It had been imported when the job was cancelled."
    result = {"id": record.id, "outcome": "imported", "code": "import.imported", "message": message, "fix": None}
    return ItemResult(item_id=item.id, status="done", result=result)


# --- after a crash ----------------------------------------------------------------------------------------------------


def recover(shop: Shop, limit: int, *, run_jobs: bool) -> Recovery:
    """See `ConnectionService.recover`."""
    done = recovery.finish(shop, limit)
    left = shop.store.unfinished_jobs(at=shop.now(), limit=limit)
    for job in left if run_jobs else ():
        try:
            run_job(shop, job.org_id, job.id, None, None)
        except VoipkitError as error:
            log.warning("job %s is postponed: %s", job.id, error)
    return done.model_copy(update={"jobs": tuple((job.org_id, job.id) for job in left)})
