"""Import and verify thousands of numbers over a Dask cluster of processes, against one database.

    VOIPKIT_SECRET_KEY=... VOIPKIT_DATABASE_URL=postgresql://... python examples/dask_fanout.py ORG CONNECTION < numbers

What goes over the cluster's network is a tenant, the id of a job and the name of a function: no credential, no key and
no database password. Each worker reads those from its own environment. A worker that is killed loses nothing: Dask
gives its batch to another, which goes on where the database says that the dead one was.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from concurrent.futures import Executor
from datetime import timedelta

from distributed import Client, LocalCluster

from voipkit import ConnectionService, HttpOptions
from voipkit.evidence import KeyRing
from voipkit.models import Job
from voipkit.store import SqlStore


def service() -> ConnectionService:
    """Make the service of what is in the environment, here or in a worker."""
    return ConnectionService(
        SqlStore(os.environ["VOIPKIT_DATABASE_URL"]),
        KeyRing.from_env(),
        http=HttpOptions(base_url=os.environ.get("VOIPKIT_BASE_URL")),
        lease=timedelta(seconds=20),  # how long after a worker's death its batch is taken over
    )


def fan_out(org_id: str, connection_id: int, numbers: Iterable[str], executor: Executor) -> tuple[Job, Job]:
    """Import numbers through a connection, then verify all that it has.

    Args:
        org_id: The tenant.
        connection_id: The connection.
        numbers: E.164.
        executor: Any executor, such as ``Client.get_executor()``.

    Returns:
        The two jobs, ended.
    """
    with service() as here:
        wanted = here.start_import(org_id, connection_id, numbers)
        imported = here.run_job(org_id, wanted.id, executor, reopen=service)
        checking = here.start_verification(org_id, connection_id)
        return imported, here.run_job(org_id, checking.id, executor, reopen=service)


def main() -> None:
    """Do it with four processes on this machine."""
    org_id, connection_id = sys.argv[1], int(sys.argv[2])
    numbers = [line.strip() for line in sys.stdin if line.strip()]
    with LocalCluster(n_workers=4, threads_per_worker=1, dashboard_address=None) as cluster, Client(cluster) as client:
        # Dask takes work for pure by default and would do equal work once; each batch has a name of its own anyway.
        imported, verified = fan_out(org_id, connection_id, numbers, client.get_executor(pure=False))
    print(f"imported: {dict(imported.counts)}, verified: {dict(verified.counts)}")


if __name__ == "__main__":
    main()
