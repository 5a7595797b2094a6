"""How a carrier's module looks at a SIP host that its user named: the one place where HTTP options meet the prober.

Used by the SIP trunk, and by carriers whose numbers can be routed to a SIP URI. The prober is loaded when it is needed:
describing a carrier loads none of it.
"""

from __future__ import annotations

import ipaddress
import re
from typing import TYPE_CHECKING

from voipkit.adapting.transport import HttpOptions
from voipkit.errors import ConfigurationError
from voipkit.models import CarrierObject, Check, Route

if TYPE_CHECKING:
    from voipkit.sip.checks import Reach

__all__ = ["SipLooks", "reach_of", "refuse_to_leave"]

_THIS_MACHINE = ("127.0.0.0/8", "::1/128")
_HOST = re.compile(r"sips?:(?:[^@]*@)?(\[[^\]]*\]|[^:;?>]+)", re.IGNORECASE)


def reach_of(http: HttpOptions) -> Reach:
    """Say what a probe may reach and how long it may take: the usual waits, or less where the options say so.

    Args:
        http: The options that the carrier was opened with.
    """
    from voipkit.sip import Budgets
    from voipkit.sip.checks import Reach

    usual, (connect, read) = Budgets(), http.timeout
    return Reach(
        allow_private=http.allow_private,
        allow_networks=_THIS_MACHINE if _stays_here(http) else (),
        ca_file=str(http.ca_bundle) if http.ca_bundle else None,
        budgets=Budgets(
            dns=min(usual.dns, connect),
            connect=min(usual.connect, connect),
            tls=min(usual.tls, connect),
            options=min(usual.options, read),
            register=min(usual.register, read),
            first_provisional=min(usual.first_provisional, read),
            ring=usual.ring,
            linger=usual.linger,
            whole=min(usual.whole, http.deadline),
        ),
    )


def refuse_to_leave(http: HttpOptions, host: str) -> None:
    """Refuse to leave this machine where the caller believes that nothing does.

    A test seam promises that, and SIP does not pass through it.

    Raises:
        ConfigurationError: A test seam is set, and the host is not this machine.
    """
    if _stays_here(http) and not _is_loopback(host):
        raise ConfigurationError(
            "HttpOptions.wire or base_url is set, so that nothing leaves this machine, but the SIP host is elsewhere.",
            fix="Name a trunk on 127.0.0.1 (voipkit sandbox --sip), or open it without wire and base_url.",
        )


class SipLooks:
    """Looks at the SIP URIs that numbers' calls go to, each once, where `HttpOptions.probe_sip` asks for it."""

    def __init__(self, provider: str, http: HttpOptions) -> None:
        """Prepare.

        Args:
            provider: The carrier's id, put before the checks' codes.
            http: The options that it was opened with.
        """
        self._provider = provider
        self._http = http
        self._seen: dict[str, list[Check]] = {}

    def at(self, route: Route | None) -> list[Check]:
        """Look at a route; no check comes of one that is no SIP URI, or where nobody asked for it.

        Args:
            route: Where a number's calls go.
        """
        if route is None or route.kind != "sip" or not self._http.probe_sip:
            return []
        if route.target not in self._seen:
            self._seen[route.target] = self._look(route.target)
        return self._seen[route.target]

    def _look(self, uri: str) -> list[Check]:
        from voipkit.sip.checks import target_checks

        try:
            host = _HOST.match(uri)
            refuse_to_leave(self._http, host[1] if host else "")
            return target_checks(uri, provider=self._provider, reach=reach_of(self._http))
        except ConfigurationError as error:  # MissingExtra is one
            return [
                Check(
                    name="Inbound target",
                    direction="network",
                    status="unknown",
                    code=f"{self._provider}.target.not_asked",
                    message=f"The SIP host was not asked: {error.message}",
                    fix=error.fix,
                    object=CarrierObject(type="sip_uri", id=uri),
                )
            ]


def _stays_here(http: HttpOptions) -> bool:
    return http.wire is not None or http.base_url is not None


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
