"""The part of ``voipkit demo`` without an API: a SIP trunk, proved by speaking SIP to a scripted one."""

from __future__ import annotations

import socket
from typing import Protocol

from rich.text import Text

from voipkit import registry
from voipkit.adapting.transport import HttpOptions
from voipkit.cli import output
from voipkit.protocols import SupportsDialIn
from voipkit.sandbox.sip_peer import SipPeer

__all__ = ["tell_trunk"]

_TRUNK = "manual"
_FIRST, _SECOND, _PROBE = "+14155550100", "+14155550101", "+14155550199"  # kept for fiction


class Story(Protocol):
    """Tells what happens, and remembers whether it happened as told."""

    def chapter(self, title: str) -> None:
        """Begin a part."""

    def say(self, text: str | Text) -> None:
        """Tell what cannot go wrong."""

    def check(self, holds: bool, text: str) -> None:
        """Tell what is claimed to have happened."""


def tell_trunk(story: Story) -> None:
    """Tell of a trunk whose credentials, calls out and calls in are proved, and of a wrong password.

    Args:
        story: Told to.
    """
    with SipPeer() as peer:
        _tell_good(story, peer)
        _tell_wrong(story, peer)
        story.check(peer.settle() == (), "No call, no registration and no connection is left at the trunk.")


def _tell_good(story: Story, peer: SipPeer) -> None:
    from voipkit.sip.witness import ListenerWitness

    story.chapter("SIP trunk: no API at all, so it is asked in SIP, over verified TLS")
    port = _free_port()
    peer.routes[_FIRST] = ("127.0.0.1", port)  # the carrier delivers this number's calls to us
    with registry.open_provider(_TRUNK, _credentials(peer), sip_config=_SIP, http=_http(peer)) as trunk:
        found = trunk.test_credentials()
        output.show_checks(found.checks)
        story.check(
            found.status == "pass" and bool(found.outbound_authorized),
            "The password is proved by a REGISTER that registers nothing, and a call was let out and cancelled.",
        )
        report = trunk.import_numbers([_FIRST, _SECOND])
        story.check(report.ok and not report.writes, "Its numbers are recorded; nothing was written upstream.")
        assert isinstance(trunk, SupportsDialIn)
        story.say(f"A dial-in call, before it is placed: {trunk.dial_in_cost(_FIRST).note}")
        verified = trunk.verify_number(_FIRST, witness=ListenerWitness("127.0.0.1", port))
    output.show_verifications([verified])
    story.check(
        verified.status == "pass",
        f"{_FIRST} was called and the call arrived: it rang for a moment, was refused, and the refusal came back.",
    )


def _tell_wrong(story: Story, peer: SipPeer) -> None:
    story.chapter("SIP trunk: a wrong password")
    peer.journal.clear()
    given = {**_credentials(peer), "password": "not-the-password"}
    with registry.open_provider(_TRUNK, given, sip_config=_SIP, http=_http(peer)) as trunk:
        found = trunk.test_credentials()
    output.show_checks(found.failures)
    told = [check.code for check in found.failures] == ["manual.credentials.rejected"]
    once = peer.journal.methods.count("REGISTER") == 2  # noqa: PLR2004 - the question, and one answer
    story.check(told and once, "It was tried once, so that no account is locked, and no call followed.")


_SIP = {
    "domain": "trunk.test",
    "numbers": [_FIRST, _SECOND],
    "caller_id": _SECOND,
    "probe_number": _PROBE,
    "allow_outbound_call": True,
}


def _credentials(peer: SipPeer) -> dict[str, str | int]:
    account = peer.account
    return {
        "host": peer.host,
        "port": peer.port("tls"),
        "transport": "tls",
        "username": account.username,
        "password": account.password,
    }


def _http(peer: SipPeer) -> HttpOptions:
    return HttpOptions(allow_private=True, ca_bundle=peer.ca_file)


def _free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.bind(("127.0.0.1", 0))
        return int(udp.getsockname()[1])
