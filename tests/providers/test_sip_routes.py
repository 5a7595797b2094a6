"""Carriers that route to a SIP URI ask it, where they were told to, whether it is there."""

from __future__ import annotations

import builtins

import pytest

from voipkit import HttpOptions, open_provider
from voipkit.models import Route
from voipkit.sandbox.sip_peer import SipPeer

CARRIERS = ("signalwire", "vonage")


@pytest.fixture
def peer():
    with SipPeer() as running:
        yield running
        assert running.settle() == ()


def verified(box, carrier, uri, **options):
    """Verify the account's first numbers against a SIP route."""
    http = HttpOptions(**{"wire": box.wire, "rate": 10_000, "timeout": (1, 1), **options})
    with open_provider(carrier, box.credentials(carrier), sip_config=box.sip_config(carrier), http=http) as opened:
        numbers = [number.number for number in opened.list_numbers()][:2]
        return list(opened.verify_numbers(numbers, Route.sip(uri)))


def looks(found):
    return [check for check in found.checks if ".target." in check.code]


@pytest.mark.parametrize("carrier", CARRIERS)
class TestSipRoutes:
    def test_nobody_is_asked_unless_it_was_wanted(self, carrier, box, peer):
        found = verified(box, carrier, f"sip:voice@127.0.0.1:{peer.port('udp')};transport=udp")
        assert [looks(each) for each in found] == [[], []]
        assert peer.journal.requests == []

    def test_a_target_that_answers_is_asked_once_and_proves_no_calls(self, carrier, box, peer):
        uri = f"sip:voice@127.0.0.1:{peer.port('udp')};transport=udp"
        plain, found = (verified(box, carrier, uri, probe_sip=wanted) for wanted in (False, True))
        assert [check.code for check in looks(found[0])][-1] == f"{carrier}.target.reachability.answered"
        assert {check.direction for each in found for check in looks(each)} == {"network"}
        assert [each.inbound_reachable for each in found] == [each.inbound_reachable for each in plain]
        assert peer.journal.methods == ["OPTIONS"]

    def test_a_certificate_of_another_name_fails_inbound(self, carrier, box):
        with SipPeer(certificate_names=("other.example",)) as peer:
            uri = f"sips:voice@127.0.0.1:{peer.port('tls')}"
            found = verified(box, carrier, uri, probe_sip=True, ca_bundle=peer.ca_file)
        assert [each.inbound_reachable for each in found] == [False, False]
        assert all(looks(each)[-1].fix for each in found)

    @pytest.mark.parametrize("uri", ["sip:voice@voice.example.com", "sip:voice@198.51.100.7"])
    def test_nothing_leaves_the_machine_through_a_test_seam(self, carrier, uri, box):
        found = verified(box, carrier, uri, probe_sip=True)
        assert [(check.code, check.status) for check in looks(found[0])] == [(f"{carrier}.target.not_asked", "unknown")]

    def test_without_the_extra_it_is_unknown(self, carrier, box, monkeypatch):
        really = builtins.__import__

        def without_dnspython(name, *args, **more):
            if name.partition(".")[0] == "dns":
                raise ImportError(name)
            return really(name, *args, **more)

        monkeypatch.setattr(builtins, "__import__", without_dnspython)
        monkeypatch.setattr("voipkit.providers._sip_route.refuse_to_leave", lambda *_: None)
        (check,) = looks(verified(box, carrier, "sip:voice@voice.example.com", probe_sip=True)[0])
        assert (check.status, "pip install" in check.fix) == ("unknown", True)
