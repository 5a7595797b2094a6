"""Peers to speak SIP with: real ones from Debian packages, and the scripted one that needs nothing."""

from __future__ import annotations

import pytest

from tests.sip.peers.kamailio import BOB, kamailio
from voipkit.sandbox.sip_peer import SipPeer


@pytest.fixture(scope="session")
def carrier(tmp_path_factory):
    """Run kamailio with MD5 digest, on UDP, TCP and TLS."""
    with kamailio(tmp_path_factory.mktemp("kamailio-md5"), "MD5") as running:
        yield running
        assert running.bindings() == running.bindings(BOB) == [], "a test left a binding"


@pytest.fixture(scope="session")
def carrier_sha256(tmp_path_factory):
    """Run kamailio with SHA-256 digest."""
    with kamailio(tmp_path_factory.mktemp("kamailio-sha256"), "SHA-256") as running:
        yield running
        assert running.bindings() == running.bindings(BOB) == [], "a test left a binding"


@pytest.fixture
def peer():
    """Run the scripted peer; at the end nothing is left at it, nothing strayed, and no RFC was broken."""
    with SipPeer() as running:
        yield running
        left = running.settle(5)
        assert (left, running.journal.violations, running.journal.strays) == ((), [], [])


@pytest.fixture
def loose_peer():
    """Run the scripted peer for a test that judges what is left itself."""
    with SipPeer() as running:
        yield running
