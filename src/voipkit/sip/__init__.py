"""A SIP prober: what would a call through this trunk meet? It is no phone: nothing is ever answered, no media is sent.

    found = run(probe(target))                     # from code that is not asynchronous

    async def probe(target: Target) -> Outcome:
        async with Prober(target) as prober:
            return await prober.credentials()

Read on, from the wire upwards; each module imports only what stands before it: `uri`, `message`, `digest` (bytes and
pure functions), `transaction`, `call`, `serving` (state machines without sockets or clocks), `target` and `outcomes`
(what goes in, what comes out), `table` and `verdicts` (what each answer means, as data), `trace`, `resolve`,
`transport`, `compose` (DNS, sockets, requests), `numbers`, `restraint`, `running` (whom not to call, not too often,
and the loop in the background), `opening`, `reading`, `probe` (the questions), `witness`, `witnesses` (who sees a
call arrive) and `checks` (outcomes as `voipkit.models.Check`).
"""

from voipkit.sip.outcomes import Hop, Outcome, Resolution
from voipkit.sip.probe import Prober
from voipkit.sip.restraint import forget_rejections
from voipkit.sip.running import drain, run
from voipkit.sip.target import Budgets, Target, Transport
from voipkit.sip.trace import Entry, Trace
from voipkit.sip.verdicts import VERDICTS, Verdict
from voipkit.sip.witness import ListenerWitness

__all__ = [
    "VERDICTS",
    "Budgets",
    "Entry",
    "Hop",
    "ListenerWitness",
    "Outcome",
    "Prober",
    "Resolution",
    "Target",
    "Trace",
    "Transport",
    "Verdict",
    "drain",
    "forget_rejections",
    "run",
]
