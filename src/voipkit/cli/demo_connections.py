"""The demo's last part: a customer's connection in a database, from its test to its end."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

from voipkit.adapting.transport import HttpOptions
from voipkit.cli import output
from voipkit.cli.demo_story import Story
from voipkit.errors import EvidenceReused, RotationRefused
from voipkit.evidence import KeyRing, generate_key
from voipkit.models import Connection, ProviderInfo
from voipkit.sandbox import Sandbox
from voipkit.service import ConnectionService

__all__ = ["tell_connections"]

_ORG = "acme"
_CARRIER = "telnyx"
_BOUGHT = 3


def tell_connections(story: Story, carriers: Sequence[ProviderInfo]) -> None:
    """Tell it with one carrier, over SQLite in a temporary folder."""
    info = next((info for info in carriers if info.id == _CARRIER), None)
    if info is None:
        return
    from voipkit.store import SqlStore  # the extra `sql`: every other command works without it

    box = Sandbox()
    with tempfile.TemporaryDirectory() as folder, box.serve() as url:
        store = SqlStore(Path(folder) / "voipkit.db")
        store.upgrade()
        keys = KeyRing.from_text(generate_key())
        with ConnectionService(store, keys, http=HttpOptions(base_url=url)) as service:
            connection = _tell_creating(story, service, box, info)
            numbers = _tell_numbers(story, service, box, connection)
            _tell_rotating(story, service, box, connection, numbers)
            _tell_deleting(story, service, box, connection)


def _tell_creating(story: Story, service: ConnectionService, box: Sandbox, info: ProviderInfo) -> Connection:
    story.chapter(f"{info.label}: the same as a connection in a database (SQLite)")
    credentials, sip_config = box.credentials(info.id), box.sip_config(info.id)
    evidence = service.test(_ORG, info.id, credentials, sip_config=sip_config).verification_evidence_id

    def save() -> Connection:
        return service.create(_ORG, provider=info.id, credentials=credentials, sip_config=sip_config, evidence=evidence)

    connection = save()
    story.check(
        connection.status == "connected" and service.get(_ORG, connection.id) == connection,
        f"Tested, proved and saved as '{connection.name}'; of the key only {connection.key_hint} is shown.",
    )
    try:
        save()
    except EvidenceReused:
        story.check(True, "The same evidence makes no second connection.")
    else:
        story.check(False, "The same evidence makes no second connection.")
    return connection


def _tell_numbers(story: Story, service: ConnectionService, box: Sandbox, connection: Connection) -> list[int]:
    bought = [number.phone_number for number in box.telnyx.seed_numbers(_BOUGHT)]
    free = {number.number for number in service.available_numbers(_ORG, connection.id)}
    story.check(set(bought) <= free, f"{len(free)} numbers can take calls and are imported nowhere.")
    report = service.import_numbers(_ORG, connection.id, bought)
    numbers = [result.id for result in report.results if result.id is not None]
    story.check(report.imported_count == _BOUGHT, f"{_BOUGHT} are imported: routed, read back, and recorded.")
    story.say(report.provider_charge_note)
    verified = [service.verify_number(_ORG, number).number for number in numbers]
    story.check(
        {(number.status, number.voip_verification_status) for number in verified} == {("active", "verified")},
        f"Each is verified and active: {service.capacity(_ORG).concurrent_calls} calls at once.",
    )
    return numbers


def _tell_rotating(
    story: Story, service: ConnectionService, box: Sandbox, connection: Connection, numbers: list[int]
) -> None:
    credentials = box.credentials(connection.provider)
    evidence = service.test(_ORG, connection.provider, credentials).verification_evidence_id
    before = len(box.writes)
    rotated = service.update(_ORG, connection.id, credentials=credentials, evidence=evidence)
    story.check(
        rotated.generation == connection.generation + 1 and len(box.writes) == before,
        f"Rotated: the new key was proved on all {len(numbers)} numbers, and nothing was written at the carrier.",
    )
    mine = next(trunk for trunk in box.telnyx.connections if trunk.id == credentials["connection_id"])
    other = box.telnyx.add_connection(name="Another trunk", outbound_voice_profile_id=mine.outbound_voice_profile_id)
    elsewhere = {**credentials, "connection_id": other.id}
    evidence = service.test(_ORG, connection.provider, elsewhere).verification_evidence_id
    try:
        service.update(_ORG, connection.id, credentials=elsewhere, evidence=evidence)
    except RotationRefused as error:
        story.check(len(error.numbers) == len(numbers), f"Credentials of another trunk are refused: {error.message}")
    else:
        story.check(False, "Credentials of another trunk are refused.")


def _tell_deleting(story: Story, service: ConnectionService, box: Sandbox, connection: Connection) -> None:
    report = service.delete(_ORG, connection.id, restore_routing=True)
    routed = [
        number for number in box.telnyx.numbers if number.phone_number in report.restored and number.connection_id
    ]
    story.check(
        len(report.restored) == _BOUGHT and not routed and not report.left,
        f"Deleted: the key is destroyed, {report.numbers_kept} numbers are kept, routed as they were before.",
    )
    output.line(f"   The audit log has {len(service.audit(_ORG).items)} entries, and none of them holds a secret.")
