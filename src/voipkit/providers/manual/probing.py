"""What is sent to a trunk: one connection a question, one digest answer, and no call that was not allowed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from voipkit.adapting.transport import HttpOptions
from voipkit.errors import ConfigurationError
from voipkit.models import Check, PlacedCall
from voipkit.providers._sip_route import reach_of, refuse_to_leave
from voipkit.providers.manual.settings import INFO, ManualCredentials, ManualSipConfig
from voipkit.sip import Outcome, Prober, Target, Transport, run
from voipkit.sip.checks import placed_call, target_checks
from voipkit.sip.uri import parse_uri

__all__ = ["Seen", "Trunk"]


@dataclass(frozen=True, slots=True)
class Seen:
    """What a trunk answered; what comes after a step that did not succeed is None.

    Attributes:
        dns: The look-up.
        transport: The connection, with TLS where that is spoken.
        options: OPTIONS.
        credentials: REGISTER without a Contact, or the digest of an INVITE.
        outbound: An INVITE to the probe number.
        not_called: Why there was no such INVITE, where the number itself forbids it.
    """

    dns: Outcome
    transport: Outcome | None = None
    options: Outcome | None = None
    credentials: Outcome | None = None
    outbound: Outcome | None = None
    not_called: ConfigurationError | None = None


class Trunk:
    """A trunk that can be probed."""

    def __init__(self, credentials: ManualCredentials, sip_config: ManualSipConfig, http: HttpOptions) -> None:
        self._http = http
        self._sip_config = sip_config
        self.reach = reach_of(http)
        self._target = Target(
            host=credentials.host,
            port=credentials.port,
            transport=cast("Transport | None", credentials.transport),  # its options are these
            domain=sip_config.domain,
            username=credentials.username,
            auth_username=credentials.auth_username,
            password=credentials.password,
            from_user=sip_config.from_user,
            proxy=sip_config.proxy,
            ca_file=self.reach.ca_file,
            allow_private=self.reach.allow_private,
            allow_networks=self.reach.allow_networks,
        )

    @property
    def may_call(self) -> bool:
        """Whether the probe number may be called."""
        return self._sip_config.allow_outbound_call and self._sip_config.probe_number is not None

    def examine(self, caller: str | None) -> Seen:
        """Ask everything that a credential test is about.

        Args:
            caller: The caller ID of the probe call, where one is allowed.
        """
        refuse_to_leave(self._http, self._target.send_to[0])
        return run(self._examine(caller))

    def call(self, called: str, caller: str | None) -> Outcome:
        """Place one call that cannot be answered, and cancel it as soon as it rings.

        Args:
            called: E.164.
            caller: E.164, or None for the trunk's user.

        Raises:
            ConfigurationError: The number may not be called (premium, emergency, satellite).
        """
        refuse_to_leave(self._http, self._target.send_to[0])
        return run(self._call(called, caller, 0.0))

    def place(self, called: str, caller: str | None, ring: float) -> PlacedCall:
        """Place one call that a witness is to see; it is ended at once where somebody answers.

        Args:
            called: E.164.
            caller: E.164, or None for the trunk's user.
            ring: Seconds that it may ring.
        """
        refuse_to_leave(self._http, self._target.send_to[0])
        return placed_call(run(self._call(called, caller, ring)))

    def look_at(self, uri: str) -> list[Check]:
        """Ask the SIP URI that calls go to whether it is there; no call is placed.

        Args:
            uri: A SIP URI.
        """
        parsed = parse_uri(uri)
        if parsed is not None:
            refuse_to_leave(self._http, parsed.host)
        return target_checks(uri, provider=INFO.id, reach=self.reach)

    async def _examine(self, caller: str | None) -> Seen:
        async with Prober(self._target, budgets=self.reach.budgets) as prober:
            dns = (await prober.resolve()).outcome
            if dns.status in ("fail", "unknown"):
                return Seen(dns)
            transport = await prober.connect()
            if transport.status in ("fail", "unknown"):
                return Seen(dns, transport)
            options = await prober.options()
            credentials = await prober.credentials()
            if credentials.status == "fail" or not self.may_call:
                return Seen(dns, transport, options, credentials)
            try:
                outbound = await self._probe_call(prober, caller)
            except ConfigurationError as error:
                return Seen(dns, transport, options, credentials, not_called=error)
            return Seen(dns, transport, options, credentials, outbound)

    async def _probe_call(self, prober: Prober, caller: str | None) -> Outcome:
        number = self._sip_config.probe_number
        assert number is not None
        return await prober.outbound(number, caller, allow_outbound_call=True)

    async def _call(self, called: str, caller: str | None, hold: float) -> Outcome:
        async with Prober(self._target, budgets=self.reach.budgets) as prober:
            allowed = self._sip_config.allow_outbound_call
            return await prober.outbound(
                called,
                caller,
                allow_outbound_call=allowed,
                hold=hold,
                offer="ordinary" if hold else "unanswerable",
            )
