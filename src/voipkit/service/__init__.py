"""The one place where carriers, evidence and the store meet: `ConnectionService`.

    service = ConnectionService(SqlStore.open(url), KeyRing.from_env())
    tested = service.test("acme", "telnyx", {"apiKey": "KEY...", "connectionId": "123"})
    connection = service.create(
        "acme", provider="telnyx", credentials={...}, evidence=tested.verification_evidence_id
    )
    service.import_numbers("acme", connection.id, ["+15550001234"])

`facade` lists every operation with what it promises. Each is done in one module: `connections` (test, create, delete),
`rotation` (new credentials), `importing`, `verifying`, `numbers`, `jobs`, `warnings`, `recovery`; all of them work on a
`Shop` (`shop`), which holds what they share. `operations` keeps the write-ahead records, `idempotency` the answers that
were given, `events` tells the host.
"""

from voipkit.service.facade import ConnectionService
from voipkit.service.results import (
    Capacity,
    ConnectionCapacity,
    ConnectionTest,
    DeletionReport,
    LeftAtCarrier,
    NumberResult,
    NumbersImport,
    NumberVerified,
    Recovery,
    Warnings,
)
from voipkit.service.shop import UNSET, Transfer, Unset

__all__ = [
    "UNSET",
    "Capacity",
    "ConnectionCapacity",
    "ConnectionService",
    "ConnectionTest",
    "DeletionReport",
    "LeftAtCarrier",
    "NumberResult",
    "NumberVerified",
    "NumbersImport",
    "Recovery",
    "Transfer",
    "Unset",
    "Warnings",
]
