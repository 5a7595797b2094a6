"""``voipkit demo``: the whole job, told as a story on the sandbox. It checks what it tells, for its exit code."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from time import perf_counter
from typing import Annotated

import typer
from rich.text import Text

from voipkit import evidence, registry
from voipkit.adapting.transport import HttpOptions
from voipkit.cli import output
from voipkit.cli.demo_connections import tell_connections
from voipkit.cli.demo_story import Story
from voipkit.cli.demo_trunk import tell_trunk
from voipkit.cli.guard import FAILED, NOT_ASKED, OK
from voipkit.cli.installed import carrier_ready
from voipkit.cli.local import simulated
from voipkit.cli.options import Account, with_account
from voipkit.errors import EvidenceReused
from voipkit.models import CredentialTest, ProviderInfo, ProviderNumber
from voipkit.protocols import Provider, SupportsRestore
from voipkit.sandbox import INCIDENTS, Sandbox

__all__ = ["command"]

_BROKEN = "telnyx-d38"
_TAKEN = "number-on-foreign-trunk"
_MORE_NUMBERS = 250  # more than one page of any carrier
_SHOWN = 3
_LIVE_SHOWN = 10


def demo(account: Account) -> int:
    """Show the whole job on the sandbox.

    Test, prove, list, import, verify and restore at simulated carriers, what a broken account looks like, and a SIP
    trunk that is proved in SIP.

    With --live, test, list and verify a real account instead; nothing is written there.
    """
    return _live(account) if account.carrier else _sandboxed()


def _sandboxed() -> int:
    started = perf_counter()
    story = Story()
    output.line("A customer brings a phone carrier. This is what a backend does with it, through the carriers' own")
    output.line("SDKs, over real HTTP, to simulated carriers on this machine. Nothing leaves it.")
    box = Sandbox()
    carriers = tuple(info for info in simulated(box) if carrier_ready(info.extra))
    box.incident(_TAKEN)
    with box.serve() as url:
        for info in carriers:
            bought = getattr(box, info.id).seed_numbers(_MORE_NUMBERS)
            with _opened(info, box, url) as carrier:
                _tell(story, box, carrier, [number.phone_number for number in bought[-2:]])
    _tell_broken(story)
    if carrier_ready("sip"):
        tell_trunk(story)
    if carrier_ready("sql"):
        tell_connections(story, carriers)
    output.line()
    _say_left_out(box)
    seconds = perf_counter() - started
    if not carriers:
        output.line("No carrier is installed, so nothing was shown.", "bold red")
        return FAILED
    if story.failures:
        output.line(f"{len(story.failures)} of these went otherwise than told; please report it.", "bold red")
        return FAILED
    output.line(
        f"Everything went as told, in {seconds:.1f} s. Next: voipkit providers, voipkit test CARRIER.", "bold green"
    )
    return OK


def _say_left_out(box: Sandbox) -> None:
    """Name what is not installed: a demonstration that is silent about it would look whole."""
    absent = [info.label for info in simulated(box) if not carrier_ready(info.extra)]
    absent += [name for extra, name in (("sip", "SIP trunks"), ("sql", "connections")) if not carrier_ready(extra)]
    if absent:
        output.line(f"Left out, as not installed: {', '.join(absent)}. For all: pip install 'voipkit[all]'.", "yellow")


@contextmanager
def _opened(info: ProviderInfo, box: Sandbox, url: str) -> Iterator[Provider]:
    http = HttpOptions(base_url=url, rate=1000)  # the simulated carriers have no limits to keep to
    carrier = registry.open_provider(info.id, box.credentials(info.id), sip_config=box.sip_config(info.id), http=http)
    try:
        yield carrier
    finally:
        carrier.close()


# --- A good account --------------------------------------------------------------------------------------------------


def _tell(story: Story, box: Sandbox, carrier: Provider, fresh: list[str]) -> None:
    label = carrier.info.label
    story.chapter(f"{label}: are the credentials good, and what would calls meet?")
    found = carrier.test_credentials()
    output.show_checks(found.checks)
    story.check(found.status == "pass", f"The test passed; inbound: {_words(found.inbound_reachable)}, "
                f"outbound: {_words(found.outbound_authorized)}.")  # fmt: skip
    story.say(f"A name for the connection: {output.clean(carrier.suggest_name().name)}")
    _tell_evidence(story, carrier, found)

    story.chapter(f"{label}: which numbers does the account own?")
    numbers = list(carrier.list_numbers())
    for number in numbers[:_SHOWN]:
        story.say(f"{number.number}  {number.type}  now: {number.route or 'goes nowhere'}")
    owned = len(getattr(box, carrier.info.id).numbers)
    story.check(len(numbers) == owned > _MORE_NUMBERS, f"All {len(numbers)} numbers were listed.")
    _tell_import(story, box, carrier, fresh)
    _tell_conflict(story, box, carrier, next((n for n in numbers if n.route), numbers[0]))


def _tell_evidence(story: Story, carrier: Provider, found: CredentialTest) -> None:
    ring = evidence.KeyRing.from_text(evidence.generate_key())
    spent = evidence.MemorySpentEvidence()
    token = evidence.issue(ring, carrier, found)
    proof = evidence.verify(ring, token, carrier, spent=spent)
    story.check(
        proof.provider == carrier.info.id, f"A signed proof of that ({len(token)} characters) is accepted once."
    )
    try:
        evidence.verify(ring, token, carrier, spent=spent)
    except EvidenceReused as error:
        story.check(True, f"Sent again, it is refused: {error.message}")
    else:
        story.check(False, "Sent again, it is refused.")


def _tell_import(story: Story, box: Sandbox, carrier: Provider, wanted: list[str]) -> None:
    story.chapter(f"{carrier.info.label}: import two of them, fresh from the shop")
    before = len(box.writes)
    plan = carrier.import_numbers(wanted, dry_run=True)
    output.show_report(plan)
    story.check(plan.ok and len(box.writes) == before, "A dry run showed what would change, and changed nothing.")
    report = carrier.import_numbers(wanted)
    story.check(
        report.counts == {"imported": 2} and len(box.writes) == before + report.writes,
        f"Both are imported and read back; {report.writes} writes at the carrier.",
    )
    again = carrier.import_numbers(wanted)
    story.check(again.counts == {"unchanged": 2} and not again.writes, "Imported again, nothing is written.")
    verified = list(carrier.verify_numbers(wanted))
    output.show_verifications(verified)
    good = [v.number for v in verified if v.status == "pass"]
    story.check(good == wanted, "Each was verified: calls would flow in both directions.")


def _tell_conflict(story: Story, box: Sandbox, carrier: Provider, taken: ProviderNumber) -> None:
    story.chapter(f"{carrier.info.label}: a number that somebody else uses")
    before = len(box.writes)
    refused = carrier.import_numbers([taken.number])
    output.show_report(refused)
    story.check(
        refused.counts == {"conflict": 1} and len(box.writes) == before,
        "It was refused by default; nothing was written.",
    )
    report = carrier.import_numbers([taken.number], on_conflict="overwrite")
    story.check(report.counts == {"imported": 1}, "Taken over on purpose; the report keeps a snapshot of how it was.")
    if not isinstance(carrier, SupportsRestore):
        return
    restored = carrier.restore_numbers(report.snapshot)
    output.show_report(restored, done="restored")
    now = next(number for number in carrier.list_numbers() if number.number == taken.number)
    story.check(restored.ok and now.routing == taken.routing, "Restored: it is routed exactly as before.")


def _words(answer: bool | None) -> str:
    return output.flag(answer).plain


# --- A broken one ----------------------------------------------------------------------------------------------------


def _tell_broken(story: Story) -> None:
    incident = INCIDENTS[_BROKEN]
    box = Sandbox()
    box.incident(incident.name)
    affected = [info for info in simulated(box) if info.id in incident.carriers and carrier_ready(info.extra)]
    with box.serve() as url:
        for info in affected:
            story.chapter(f"{info.label}: a broken account, as people really bring them ({incident.name})")
            story.say(incident.summary)
            with _opened(info, box, url) as carrier:
                found = carrier.test_credentials()
            output.show_checks(found.failures)
            told = all(check.fix for check in found.failures)
            story.check(
                bool(found.credentials_valid)
                and found.outbound_authorized is False
                and found.status == "fail"
                and told,
                "The key is good and one direction is dead: the test says which object breaks it, and what to do.",
            )


# --- A real one ------------------------------------------------------------------------------------------------------


def _live(account: Account) -> int:
    """Read only: an import is a decision that a demonstration does not take."""
    with account.open() as carrier:
        found = carrier.test_credentials()
        output.line(Text.assemble(f"{carrier.info.label}: credential test ", output.status(found.status)))
        output.show_checks(found.checks)
        if not found.credentials_valid:
            return FAILED if found.failures else NOT_ASKED
        numbers = list(islice(carrier.list_numbers(), _LIVE_SHOWN))
        output.line(f"The first {len(numbers)} numbers, verified by the route that each has now:")
        verified = list(carrier.verify_numbers(numbers))
        output.show_verifications(verified)
    output.line(f"Nothing was written. To route one: voipkit import {carrier.info.id} NUMBER --route ... --dry-run")
    return FAILED if found.failures or any(v.status == "fail" for v in verified) else OK


LIVE = Annotated[
    str | None,
    typer.Option("--live", metavar="CARRIER", help="Test, list and verify a real account; nothing is written."),
]
command = with_account(demo, carrier=LIVE, default=None)
