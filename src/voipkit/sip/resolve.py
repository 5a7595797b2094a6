"""From a configured host to addresses that may be spoken to: RFC 3263, and the guard on every step.

A name is looked up once for a probe, every address is judged, and the probe stays with what was judged. What DNS may
choose is narrow: one level of NAPTR, few SRV targets and addresses, and the ports of `voipkit.sip.target`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from voipkit.addresses import literal
from voipkit.errors import MissingExtra
from voipkit.sip.message import clean
from voipkit.sip.outcomes import Hop, Resolution
from voipkit.sip.target import Target, Transport, port_refusal, split_host_port
from voipkit.sip.verdicts import outcome

if TYPE_CHECKING:
    from dns.asyncresolver import Resolver

__all__ = ["resolve"]

_DEFAULT_PORT: dict[Transport, int] = {"udp": 5060, "tcp": 5060, "tls": 5061}
_SRV_PREFIX: dict[Transport, str] = {"udp": "_sip._udp.", "tcp": "_sip._tcp.", "tls": "_sips._tcp."}
_NAPTR_SERVICES: dict[str, Transport] = {"SIP+D2U": "udp", "SIP+D2T": "tcp", "SIPS+D2T": "tls"}
_MOST_SERVICES = 8
_MOST_HOSTS = 8
_MOST_ADDRESSES = 8


@dataclass(frozen=True, slots=True)
class _Service:
    """A host to look up: what NAPTR and SRV lead to."""

    host: str
    port: int
    transport: Transport
    from_dns: bool


class _Denied(Exception):
    """Something on the way may not be probed, or does not exist."""

    def __init__(self, verdict: str, detail: str) -> None:
        super().__init__(verdict)
        self.verdict, self.detail = verdict, detail


async def resolve(target: Target, *, timeout: float = 2.0) -> Resolution:  # noqa: ASYNC109 - bounds DNS, answers in words
    """Find out where a target's packets go.

    Args:
        target: The trunk.
        timeout: Seconds for all look-ups together.

    Returns:
        Addresses, best first, or what went wrong. An address that is not public makes the whole answer
        ``address.denied``, even beside public ones: a name that mixes them is not to be trusted.

    Raises:
        MissingExtra: The host is a name, and dnspython is not installed.
    """
    loop = asyncio.get_running_loop()
    began = loop.time()
    host, port = target.send_to
    steps: list[str] = []
    hops: tuple[Hop, ...] = ()
    verdict, detail = "dns.resolved", ""
    try:
        address = literal(host)
        if address is not None:
            transport = target.transport or "udp"  # RFC 3263 section 4.1: a numeric address without transport is UDP
            hops = _judged(target, [Hop(str(address), port or _DEFAULT_PORT[transport], transport)])
            verdict = "dns.literal"
        else:
            look_up = _LookUp(target, steps, ends=began + timeout)
            async with asyncio.timeout(timeout):
                hops = _judged(target, await look_up.hops(host, port))
            detail = ", ".join(str(hop) for hop in hops)
    except _Denied as denied:
        verdict, detail = denied.verdict, denied.detail
    except TimeoutError:
        verdict, detail = "dns.unanswered", f"no answer within {timeout:g} s"
    found = outcome(verdict, host=host, detail=detail, elapsed=loop.time() - began)
    return Resolution(hops=hops, steps=tuple(steps), outcome=found)


def _judged(target: Target, hops: list[Hop]) -> tuple[Hop, ...]:
    for hop in hops:
        why = target.policy.refusal(hop.address)
        if why:
            raise _Denied("address.denied", why)
    return tuple(hops[:_MOST_ADDRESSES])


class _LookUp:
    """The look-ups of one resolution, by one resolver, until one moment."""

    def __init__(self, target: Target, steps: list[str], *, ends: float) -> None:
        self._target = target
        self._steps = steps
        self._ends = ends
        self._resolver = _resolver(target.nameservers)

    async def hops(self, host: str, port: int | None) -> list[Hop]:
        """Return the addresses of a host name, in the order of RFC 3263 section 4."""
        services = await self._services(host, port)
        found: list[Hop] = []
        missing = ""
        for service in services[:_MOST_HOSTS]:
            why = port_refusal(service.port, configured=not service.from_dns, lab=self._target.allow_private)
            if why:
                raise _Denied("port.denied", why)
            addresses, state = await self._addresses(service.host)
            missing = missing or state
            found += [Hop(address, service.port, service.transport, service.host) for address in addresses]
            if len(found) >= _MOST_ADDRESSES:
                break
        if not found:
            raise _Denied(missing or "dns.no_address", f"{services[0].transport}, port {services[0].port}")
        return found

    async def _services(self, host: str, port: int | None) -> list[_Service]:
        chosen = self._target.transport
        if port is not None:  # section 4.2: a port means that there is no SRV look-up
            return [_Service(host, port, chosen or "udp", from_dns=False)]
        names: list[tuple[Transport, str]] = (
            [(chosen, _SRV_PREFIX[chosen] + host)] if chosen else await self._naptr(host)
        )
        listed = await asyncio.gather(*(self._srv(transport, name) for transport, name in names))
        services = [service for services in listed for service in services]
        plain = chosen or "udp"
        return services or [_Service(host, _DEFAULT_PORT[plain], plain, from_dns=False)]

    async def _naptr(self, host: str) -> list[tuple[Transport, str]]:
        """Return SRV names in the order of the NAPTR records; without any, those of every transport, section 4.1."""
        records, _ = await self._ask(host, "NAPTR")
        found: list[tuple[Transport, str]] = []
        for record in records:
            service = record.service.decode("ascii", "replace").upper()
            if record.flags.lower() == b"s" and not record.regexp and service in _NAPTR_SERVICES:
                found.append((_NAPTR_SERVICES[service], record.replacement.to_text(omit_final_dot=True)))
        return found[:_MOST_SERVICES] or [(transport, prefix + host) for transport, prefix in _SRV_PREFIX.items()]

    async def _srv(self, transport: Transport, name: str) -> list[_Service]:
        records, _ = await self._ask(name, "SRV")
        targets = [(record.target.to_text(omit_final_dot=True), record.port) for record in records]
        if targets and all(host in ("", "@", ".") for host, _ in targets):
            if self._target.transport:
                raise _Denied("dns.no_service", name)
            return []
        return [_Service(host, port, transport, from_dns=True) for host, port in targets[:_MOST_HOSTS]]

    async def _addresses(self, host: str) -> tuple[list[str], str]:
        """Return IPv4 addresses, then IPv6 ones: carriers' trunks are IPv4 first; and what is the matter with none."""
        if literal(host) is not None:  # an SRV target must be a name, RFC 2782; a literal is judged like any address
            return [host], ""
        (four, first), (six, second) = await asyncio.gather(self._ask(host, "A"), self._ask(host, "AAAA"))
        addresses = [record.address for record in (*four, *six)]
        state = "dns.unanswered" if "dns.unanswered" in (first, second) else first
        return addresses, "" if addresses else state

    async def _ask(self, name: str, kind: str) -> tuple[list[Any], str]:
        """Ask one question; return the records in the order in which to use them, or the verdict on their absence."""
        import dns.exception
        import dns.name
        import dns.resolver

        left = max(0.01, self._ends - asyncio.get_running_loop().time())
        try:
            absolute = dns.name.from_text(name + ".")
            answer = await self._resolver.resolve(absolute, kind, search=False, lifetime=left)
        except dns.resolver.NXDOMAIN:
            return self._note(name, kind, "does not exist", "dns.no_host")
        except dns.resolver.NoAnswer:
            return self._note(name, kind, "no record", "dns.no_address")
        except dns.exception.DNSException as error:
            return self._note(name, kind, f"no answer ({type(error).__name__})", "dns.unanswered")
        except OSError as error:
            return self._note(name, kind, f"no answer ({error.strerror})", "dns.unanswered")
        records = list(cast("Iterable[Any]", answer.rrset.processing_order() if answer.rrset else ()))
        shown = "; ".join(record.to_text() for record in records[:_MOST_ADDRESSES])
        self._steps.append(clean(f"{kind} {name}: {shown}", 500))
        return records, ""

    def _note(self, name: str, kind: str, what: str, verdict: str) -> tuple[list[Any], str]:
        self._steps.append(clean(f"{kind} {name}: {what}", 500))
        return [], verdict


def _resolver(nameservers: tuple[str, ...]) -> Resolver:
    try:
        import dns.asyncresolver
        import dns.nameserver
        import dns.resolver
    except ImportError as error:
        raise MissingExtra("Looking up SIP hosts needs dnspython.", fix="pip install 'voipkit[sip]'") from error
    if nameservers:
        resolver = dns.asyncresolver.Resolver(configure=False)
        pairs = (split_host_port(each) for each in nameservers)
        resolver.nameservers = [dns.nameserver.Do53Nameserver(address, port or 53) for address, port in pairs]
    else:
        try:
            resolver = dns.asyncresolver.Resolver()
        except dns.resolver.NoResolverConfiguration:
            raise _Denied("dns.unanswered", "this machine has no name servers") from None
    resolver.timeout = 1.0  # a lost packet is asked again within the budget
    return resolver
