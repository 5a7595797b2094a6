"""Ask a SIP trunk what a call would meet, without a call that costs money.

    target = Target("sip.example.com", transport="tls", username="alice", password=SecretStr("..."))
    async with Prober(target) as prober:
        print(await prober.options())
        print(await prober.credentials())
        print(await prober.outbound("+15550001234", "+15550005678", allow_outbound_call=True))

One prober is one probe: one resolution, one address, one flow at a time, one answer to a challenge for each operation.
Whatever the far end says, nothing is sent to an address that it names, and no 3xx is followed.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from types import TracebackType
from typing import Self

from voipkit.errors import ConfigurationError
from voipkit.sip.call import Call, Patience
from voipkit.sip.compose import Composer, Offer
from voipkit.sip.digest import Challenge, Credentials, challenges_of, choose
from voipkit.sip.message import Request, Response
from voipkit.sip.numbers import check_called, check_caller
from voipkit.sip.opening import Settled, Way
from voipkit.sip.outcomes import Outcome, Resolution
from voipkit.sip.reading import UNAUTHORIZED, accepted_by, proved_by_call, reason_of, retry_after_of, second_challenge
from voipkit.sip.restraint import FLIGHTS, REJECTIONS
from voipkit.sip.running import in_background
from voipkit.sip.target import Budgets, Target
from voipkit.sip.trace import Trace
from voipkit.sip.transaction import NonInvite
from voipkit.sip.transport import Flow
from voipkit.sip.uri import parse_uri
from voipkit.sip.verdicts import credentials_verdict, options_verdict, outbound_verdict

__all__ = ["Prober"]

_log = logging.getLogger("voipkit.sip")

_BYE_PATIENCE = 2.0  # seconds that an answered call's BYE is waited for before it is reported
_MD5_IN_CLEAR = (
    "The carrier asks for MD5 without TLS: whoever listens on the way can guess the password offline. "
    "Use TLS if it is offered."
)
_CALL_VERDICTS = {"credentials.rejected": "outbound.credentials_rejected"}


class Prober:
    """Probe one trunk. Use it as an asynchronous context manager, on one event loop, one operation at a time.

    Args:
        target: The trunk.
        budgets: Seconds for each part.
        trace: Records the exchange, secrets masked.
    """

    def __init__(self, target: Target, *, budgets: Budgets | None = None, trace: Trace | None = None) -> None:
        self._target = target
        self._budgets = budgets or Budgets()
        self._way = Way(target, self._budgets, trace)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the flow; under `voipkit.sip.run` a guard over a call goes on in the background."""
        await self.aclose(wait=not in_background())

    async def aclose(self, *, wait: bool = True) -> None:
        """Close the flow when no call can be up any more.

        Args:
            wait: Wait for that, at most `Budgets.linger` and a little; False lets it happen by itself.
        """
        await self._way.close(wait=wait)

    # --- operations ---------------------------------------------------------------------------------------------------

    async def resolve(self) -> Resolution:
        """Find the address; asked once for the life of the prober, then kept.

        Raises:
            MissingExtra: The host is a name, and dnspython is not installed.
        """
        return await self._way.resolve()

    async def connect(self) -> Outcome:
        """Open the flow: TCP, or TLS with a certificate for the configured domain. UDP has nothing to open.

        Raises:
            ConfigurationError: The CA file cannot be read, or dnspython is not installed.
        """

        async def opened() -> Outcome:
            flow = await self._way.flow()
            code = {"udp": "transport.connectionless", "tcp": "transport.open", "tls": "tls.open"}[flow.hop.transport]
            return self._way.outcome(code, detail=flow.tls or "")

        return await self._timed(opened)

    async def options(self) -> Outcome:
        """Ask whether anybody is there, with OPTIONS: any SIP answer shows it. Nothing is changed or billed.

        Raises:
            ConfigurationError: As for `connect`.
        """

        async def asked() -> Outcome:
            flow = await self._way.flow()
            composer = Composer.begin(self._target, flow.hop.transport, flow.local)
            final, codes = await self._ask(flow, composer.options(), self._budgets.options, "reachability.silent")
            return self._answer(options_verdict(final.status), final, codes, composer)

        return await self._timed(asked)

    async def credentials(self, called: str | None = None, *, allow_outbound_call: bool = False) -> Outcome:
        """Find out whether the carrier accepts user and password.

        REGISTER without Contact: it proves the password and changes no binding (RFC 3261 section 10.2.3). Where the
        carrier takes no registrations, an INVITE can prove it instead, if that is allowed and a number is named.
        A wrong password is sent once, and then not again for a while: see `voipkit.sip.restraint`.

        Args:
            called: The number for that INVITE, E.164: one of your own.
            allow_outbound_call: Whether that call may be placed.

        Raises:
            InvalidNumber: ``called`` is no international number.
            ConfigurationError: ``called`` may not be called; or as for `connect`.
        """
        if called is not None and allow_outbound_call:
            check_called(called)
        if not self._target.digest_user or self._target.password is None:
            return self._way.outcome("credentials.none_given")

        async def asked() -> Outcome:
            self._restrain("credentials.held_back")
            found = await self._register()
            elsewhere = found.verdict in ("credentials.no_registrar", "credentials.unproven")
            if elsewhere and called is not None and allow_outbound_call:
                call, accepted = await self._call(called, self._caller(None), hold=0.0, offer="unanswerable")
                found = proved_by_call(call, accepted=accepted, registered=found)
            return self._remembered(found)

        return await self._alone(asked)

    async def outbound(
        self,
        called: str,
        caller: str | None = None,
        *,
        allow_outbound_call: bool = False,
        hold: float = 0.0,
        offer: Offer = "unanswerable",
    ) -> Outcome:
        """Find out whether the carrier would put a call through, and end it before anybody can answer.

        The call offers a codec that nobody has, and is cancelled at the first ringing. If it is answered all the same
        it is hung up at once, and the outcome says so (``billable_risk``).

        Args:
            called: The number to call, E.164: one of your own.
            caller: The caller ID; None takes the target's ``from_user`` or ``username``.
            allow_outbound_call: Must be True, or nothing is sent.
            hold: Seconds to let it ring before it is cancelled, at most `Budgets.ring`: for a witness that refuses it.
            offer: ``ordinary`` for a witness behind something that looks at codecs.

        Raises:
            InvalidNumber: ``called`` is no international number.
            ConfigurationError: ``called`` may not be called; or as for `connect`.
        """
        if not allow_outbound_call:
            return self._way.outcome("outbound.not_allowed")
        check_called(called)
        calling = self._caller(caller)

        async def asked() -> Outcome:
            if self._target.password is not None:
                self._restrain("outbound.held_back")
            found, _ = await self._call(called, calling, hold=hold, offer=offer)
            return self._remembered(found)

        return await self._alone(asked)

    # --- REGISTER -----------------------------------------------------------------------------------------------------

    async def _register(self) -> Outcome:
        flow = await self._way.flow()
        composer = Composer.begin(self._target, flow.hop.transport, flow.local)
        silence = "credentials.silent"
        final, codes = await self._ask(flow, composer.register(1), self._budgets.register, silence)
        if final.status not in UNAUTHORIZED:
            return self._answer(credentials_verdict(final.status, challenged=False), final, codes, composer)
        previous: Challenge | None = None
        notes: tuple[str, ...] = ()
        for number in (2, 3):
            challenge = self._challenge(final, codes, composer, "credentials.unsupported_challenge")
            if previous is not None and (why := second_challenge(previous, challenge)):
                return self._answer(why, final, codes, composer, notes)
            notes = self._warnings(challenge, flow)
            header = self._credentials(challenge).header("REGISTER", composer.register_uri)
            final, more = await self._ask(
                flow, composer.register(number, (header,)), self._budgets.register, silence, codes
            )
            codes += more
            if final.status not in UNAUTHORIZED:
                return self._answer(credentials_verdict(final.status, challenged=True), final, codes, composer, notes)
            previous = challenge
        return self._answer("credentials.stale_again", final, codes, composer, notes)

    # --- INVITE -------------------------------------------------------------------------------------------------------

    async def _call(self, called: str, caller: str, *, hold: float, offer: Offer) -> tuple[Outcome, bool]:
        """Place a call that is not to be answered; return the outcome, and whether a digest was accepted on the way."""
        flow = await self._way.flow()
        composer = Composer.begin(self._target, flow.hop.transport, flow.local)
        _log.info("INVITE over %s, Call-ID %s", flow.hop, composer.call_id)
        call = await self._invite(flow, composer.invite(called, caller, 1, offer), hold, None)
        codes = list(call.codes)
        previous: Challenge | None = None
        notes: tuple[str, ...] = ()
        for number in (2, 3):
            final = call.final
            if final is None or final.status not in UNAUTHORIZED or call.answered:
                break
            challenge = self._challenge(final, codes, composer, "outbound.unsupported_challenge")
            if previous is not None and (why := second_challenge(previous, challenge)):
                return self._answer(_CALL_VERDICTS.get(why, "outbound.odd"), final, codes, composer, notes), False
            if self._target.password is None or not self._target.digest_user:
                return self._answer("outbound.credentials_needed", final, codes, composer), False
            notes = self._warnings(challenge, flow)
            proof = self._credentials(challenge)
            header = proof.header("INVITE", composer.invite_uri(called))
            call = await self._invite(flow, composer.invite(called, caller, number, offer, (header,)), hold, proof)
            codes += call.codes
            previous = challenge
        return self._judged(flow, call, codes, composer, notes), previous is not None and accepted_by(call)

    async def _invite(self, flow: Flow, request: Request, hold: float, proof: Credentials | None) -> Call:
        """Drive one INVITE until its outcome is known; whatever happens here, it is hung up."""
        budgets = self._budgets
        patience = Patience(
            first=min(budgets.first_provisional, self._way.left()),
            ring=budgets.ring,
            hold=min(hold, budgets.ring),
            linger=budgets.linger,
        )
        call = Call(request, flow.now, reliable=flow.reliable, patience=patience, credentials=proof)
        flow.drive(call)
        self._way.calls.append(call)
        try:
            await flow.until(lambda: call.decided_at is not None, self._way.left())
            if call.answered:
                await flow.until(lambda: not call.may_be_up, _BYE_PATIENCE)
        finally:
            flow.hang_up(call)
        return call

    def _judged(self, flow: Flow, call: Call, codes: list[int], composer: Composer, notes: tuple[str, ...]) -> Outcome:
        risk = call.answered or (call.may_be_up and bool(call.codes))
        if call.answered:
            ended = "its BYE was confirmed" if not call.may_be_up else "its BYE was not confirmed yet"
            detail = f"{len(call.dialogs)} times" if len(call.dialogs) > 1 else "once"
            return self._answer(
                "outbound.answered", call.final, codes, composer, notes, detail=f"{detail}; {ended}", risk=risk
            )
        if call.final is None and not call.codes and flow.lost is not None:
            lost, call_id = flow.lost, composer.call_id
            return self._way.outcome(lost.verdict, detail=lost.detail, call_id=call_id, codes=tuple(codes))
        code = outbound_verdict(
            call.final.status if call.final else None,
            rang=call.rang_at is not None,
            cancelled=call.cancelled,
            tried=bool(call.codes),
        )
        held = None
        if call.final is not None and call.rang_at is not None and call.decided_at is not None and not call.cancelled:
            held = call.decided_at - call.rang_at
        return self._answer(code, call.final, codes, composer, notes, held=held, risk=risk)

    # --- one step -----------------------------------------------------------------------------------------------------

    async def _ask(
        self, flow: Flow, request: Request, budget: float, silence: str, before: Sequence[int] = ()
    ) -> tuple[Response, list[int]]:
        """Send a request and wait for its final response; where none comes, stop with what there was instead.

        Args:
            flow: To send it on.
            request: Any but INVITE.
            budget: Seconds.
            silence: The verdict on no answer at all.
            before: Status codes of the requests before.

        Returns:
            The final response, and every status code.
        """
        left = self._way.left()
        if left <= 0:
            raise Settled(self._way.outcome("probe.out_of_time"))
        odd = flow.odd
        asking = NonInvite(request, flow.now, reliable=flow.reliable)
        flow.drive(asking)
        try:
            await flow.until(lambda: asking.settled, min(budget, left))
        finally:
            asking.stop()
        if asking.final is not None:
            return asking.final, asking.codes
        code, detail = silence, ""
        if flow.lost is not None:
            code, detail = flow.lost.verdict, flow.lost.detail
        elif flow.odd > odd and not asking.codes:
            code, detail = "answer.malformed", f"{flow.odd - odd} messages"
        call_id = request.first("call-id")
        raise Settled(self._way.outcome(code, detail=detail, call_id=call_id, codes=(*before, *asking.codes)))

    def _challenge(self, final: Response, codes: list[int], composer: Composer, unsupported: str) -> Challenge:
        asked = challenges_of(final)
        chosen = choose(asked)
        if chosen is not None:
            return chosen
        detail = ", ".join(f"{each.scheme} {each.algorithm}" for each in asked) or "no challenge"
        raise Settled(self._answer(unsupported, final, codes, composer, detail=detail))

    def _credentials(self, challenge: Challenge) -> Credentials:
        assert self._target.digest_user
        assert self._target.password is not None
        return Credentials(self._target.digest_user, self._target.password.get_secret_value(), challenge)

    def _caller(self, caller: str | None) -> str:
        calling = caller or self._target.from_user or self._target.username
        if calling is None:
            raise ConfigurationError(
                "A call needs a caller ID, and none was given.",
                fix="Name one: callerId of a SIP configuration, --caller-id of a command, or the argument caller.",
            )
        check_caller(calling)
        return calling

    def _warnings(self, challenge: Challenge, flow: Flow) -> tuple[str, ...]:
        return (_MD5_IN_CLEAR,) if challenge.hash_name == "MD5" and flow.hop.transport != "tls" else ()

    # --- restraint ----------------------------------------------------------------------------------------------------

    async def _alone(self, asked: Callable[[], Awaitable[Outcome]]) -> Outcome:
        """Run an operation that may send the password, or place a call: one at a time for each trunk."""
        loop = asyncio.get_running_loop()
        came = loop.time()
        async with FLIGHTS.one(self._target, self._budgets.whole) as mine:
            self._way.extend(loop.time() - came)
            return await self._timed(asked) if mine else self._way.outcome("probe.busy")

    def _restrain(self, code: str) -> None:
        wait = REJECTIONS.wait(self._target)
        if wait is not None:
            raise Settled(
                self._way.outcome(code, detail=f"a short while ago (next try in {wait:.0f} s)", retry_after=wait)
            )

    def _remembered(self, found: Outcome) -> Outcome:
        if found.verdict in ("credentials.rejected", "outbound.credentials_rejected"):
            REJECTIONS.refused(self._target)
        elif found.verdict in ("credentials.valid", "credentials.accepted_by_call"):
            REJECTIONS.accepted(self._target)
        return found

    # --- words --------------------------------------------------------------------------------------------------------

    async def _timed(self, asked: Callable[[], Awaitable[Outcome]]) -> Outcome:
        loop = asyncio.get_running_loop()
        began = loop.time()
        try:
            found = await asked()
        except Settled as settled:
            found = settled.found
        return replace(found, elapsed=loop.time() - began)

    def _answer(
        self,
        code: str,
        final: Response | None,
        codes: list[int],
        composer: Composer,
        notes: tuple[str, ...] = (),
        *,
        detail: str = "",
        held: float | None = None,
        risk: bool = False,
    ) -> Outcome:
        if final is not None and 300 <= final.status < 400:  # noqa: PLR2004 - 3xx
            contact = parse_uri(next(iter(final.listed("contact")), ""))
            detail = f", to {contact.host}" if contact else ""
        return self._way.outcome(
            code,
            detail=detail,
            sip_code=final.status if final else None,
            reason=reason_of(final) if final else "",
            call_id=composer.call_id,
            codes=tuple(codes),
            retry_after=retry_after_of(final) if final else None,
            notes=notes,
            held=held,
            billable_risk=risk,
        )
