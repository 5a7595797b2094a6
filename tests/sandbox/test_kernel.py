"""Faults, pages, the journal and the shelf, asked in process."""

import json
import subprocess
import sys
import threading
import time

import pytest

from voipkit.sandbox import Fault, Sandbox
from voipkit.sandbox._kernel import cut
from voipkit.sandbox._state import Mint, Shelf

NUMBERS = "/IncomingPhoneNumbers.json"


def pages_of_twilio(ask, size, limit=20):
    """Follow next_page_uri, at most ``limit`` pages."""
    pages, path = [], f"{NUMBERS}?PageSize={size}"
    while path and len(pages) < limit:
        pages.append(ask.twilio("GET", path)[1])
        following = pages[-1]["next_page_uri"]
        path = following and "https://api.twilio.com" + following
    return pages


class TestFaultsThatReplaceTheAnswer:
    @pytest.mark.parametrize("status", [401, 403, 404, 409, 422, 429, 500, 502, 503])
    def test_status_in_each_carriers_own_form(self, box, ask, status):
        box.fail("twilio", "*", Fault.status(status, retry_after=3, headers={"X-Proxy": "p"}))
        box.fail("telnyx", "*", Fault.status(status, code="99999"))
        assert ask.twilio("GET", NUMBERS)[1].keys() == {"code", "message", "more_info", "status"}
        assert (ask.headers["Retry-After"], ask.headers["X-Proxy"]) == ("3", "p")
        answer = ask.telnyx("GET", "/balance")
        assert (answer[0], answer[1]["errors"][0]["code"]) == (status, "99999")
        assert "Retry-After" not in ask.headers

    def test_the_carrier_does_not_act(self, box, ask):
        number, trunk_sid = box.twilio.numbers[0], box.twilio.trunks[0].sid
        for fault in (Fault.status(500), Fault.html(), Fault.html(200), Fault.body(b"{}"), Fault.echo_secret()):
            box.heal()
            box.fail("twilio", "update_number", fault)
            ask.twilio("POST", f"/IncomingPhoneNumbers/{number.sid}.json", f"TrunkSid={trunk_sid}")
        assert number.trunk_sid is None
        assert box.writes == []
        assert all(recorded.faulted for recorded in box.requests)

    def test_html_and_bytes(self, box, ask):
        box.fail("telnyx", "balance", Fault.html(200), calls=1)
        box.fail("telnyx", "balance", Fault.body(b"\xff\xfe", status=203), calls=2)
        assert ask.telnyx("GET", "/balance")[0] == 200
        assert ask.headers["Content-Type"].startswith("text/html")
        assert ask.raw.startswith(b"<!DOCTYPE html>")
        assert ask.telnyx("GET", "/balance")[0] == 203
        assert ask.raw == b"\xff\xfe"

    def test_echo_secret_repeats_what_was_sent(self, box, ask):
        box.fail("twilio", "*", Fault.echo_secret())
        box.fail("telnyx", "*", Fault.echo_secret())
        assert "hunter2" in ask.twilio("GET", NUMBERS, secret="hunter2")[1]["message"]
        assert "KEYhunter2" in ask.telnyx("GET", "/balance", key="KEYhunter2")[1]["errors"][0]["detail"]


class TestFaultsThatLoseTheAnswer:
    def test_timeouts_and_resets(self, box, ask):
        for fault, error in (
            (Fault.timeout(), TimeoutError),
            (Fault.reset(), ConnectionResetError),
            (Fault.reset_mid_body(), ConnectionResetError),
        ):
            box.heal()
            box.fail("telnyx", "balance", fault)
            with pytest.raises(error):
                ask.telnyx("GET", "/balance")
        assert [recorded.status for recorded in box.requests] == [0, 0, 0]

    @pytest.mark.parametrize(
        ("fault", "acted"),
        [
            (Fault.timeout(), False),
            (Fault.timeout(applied=True), True),
            (Fault.reset(applied=True), True),
            (Fault.reset_mid_body(), True),
        ],
    )
    def test_the_carrier_may_have_acted(self, box, ask, fault, acted):
        number, connection_id = box.telnyx.numbers[0], box.telnyx.connections[0].id
        box.fail("telnyx", "update_number", fault)
        with pytest.raises(OSError):
            ask.telnyx("PATCH", f"/phone_numbers/{number.id}", {"connection_id": connection_id})
        assert (number.connection_id == connection_id) is acted
        assert bool(box.writes) is acted

    def test_slow_drip_is_whole_in_process(self, box, ask):
        box.fail("telnyx", "balance", Fault.slow_drip(1.0))
        assert ask.telnyx("GET", "/balance")[1]["data"]["currency"] == "USD"


class TestFaultsThatSpoilTheAnswer:
    def spoiled(self, box, ask, fault):
        box.heal()
        box.fail("twilio", "*", fault)
        box.fail("telnyx", "*", fault)
        box.twilio.numbers[0].trunk_sid = box.twilio.trunks[0].sid
        twilio = ask.twilio("GET", NUMBERS)[1]
        return twilio, ask.telnyx("GET", "/phone_numbers")[1]

    def test_bodies_that_are_no_object(self, box, ask):
        for fault in (Fault.truncated_json(), Fault.empty_body()):
            assert self.spoiled(box, ask, fault) == (None, None)
        twilio, telnyx = self.spoiled(box, ask, Fault.json_array())
        assert len(twilio) == len(telnyx) == 1

    def test_nulls(self, box, ask):
        twilio, telnyx = self.spoiled(box, ask, Fault.nulls())
        record = twilio["incoming_phone_numbers"][0]
        assert (record["phone_number"], record["voice_url"], record["capabilities"]) == ("+14155550100", None, None)
        assert twilio["page_size"] == 50
        assert telnyx["data"][0]["connection_id"] is None
        assert telnyx["data"][0]["tags"] == []
        assert telnyx["meta"]["total_results"] == 3
        assert ask.telnyx("GET", "/balance")[1]["data"]["available_credit"] is None

    def test_empty_strings(self, box, ask):
        twilio, telnyx = self.spoiled(box, ask, Fault.empty_strings())
        assert twilio["incoming_phone_numbers"][0]["voice_url"] == ""
        assert telnyx["data"][0]["created_at"] != telnyx["data"][0]["updated_at"] == ""
        connection_id = box.telnyx.connections[0].id
        detail = ask.telnyx("GET", f"/fqdn_connections/{connection_id}")[1]["data"]
        assert detail["outbound"] == {"outbound_voice_profile_id": ""}

    def test_extra_field(self, box, ask):
        twilio, telnyx = self.spoiled(box, ask, Fault.extra_field())
        assert "x_unheard_of" in twilio
        assert "x_unheard_of" in twilio["incoming_phone_numbers"][0]
        assert "x_unheard_of" in telnyx["data"][0]
        account = ask.twilio("GET", ".json")[1]
        assert account["x_unheard_of"] == [1, "two", None]

    def test_an_error_answer_is_left_alone(self, box, ask):
        box.fail("telnyx", "*", Fault.nulls())
        assert ask.telnyx("GET", "/connections/1")[1]["errors"][0]["code"] == "10005"

    def test_an_empty_answer_stays_empty(self, box, ask):
        number, trunk = box.twilio.numbers[0], box.twilio.trunks[0]
        number.trunk_sid = trunk.sid
        box.fail("twilio", "detach_trunk_number", Fault.extra_field())
        url = f"https://trunking.twilio.com/v1/Trunks/{trunk.sid}/PhoneNumbers/{number.sid}"
        assert ask.twilio("DELETE", url) == (204, None)


class TestPageFaults:
    @pytest.fixture(autouse=True)
    def _seven(self, box):
        box.twilio.seed_numbers(4)
        box.telnyx.seed_numbers(4)

    def telnyx_page(self, ask, number):
        body = ask.telnyx("GET", f"/phone_numbers?page[size]=3&page[number]={number}")[1]
        return [item["id"] for item in body["data"]], body["meta"]

    def test_duplicate_at_page_edge(self, box, ask):
        box.fail("twilio", "list_numbers", Fault.duplicate_at_page_edge())
        box.fail("telnyx", "list_numbers", Fault.duplicate_at_page_edge())
        listed = [item["sid"] for page in pages_of_twilio(ask, 3) for item in page["incoming_phone_numbers"]]
        assert len(set(listed)) == 7
        assert listed[2] == listed[3]
        (first, _), (second, meta) = self.telnyx_page(ask, 1), self.telnyx_page(ask, 2)
        assert first[-1] == second[0]
        assert meta["total_results"] == 8

    def test_endless_pages(self, box, ask):
        box.fail("twilio", "list_numbers", Fault.endless_pages())
        box.fail("telnyx", "list_numbers", Fault.endless_pages())
        assert all(page["incoming_phone_numbers"] for page in pages_of_twilio(ask, 3, limit=9))
        assert self.telnyx_page(ask, 40)[1]["total_pages"] == 41
        assert self.telnyx_page(ask, 4)[0] == self.telnyx_page(ask, 1)[0]

    def test_repeat_page(self, box, ask):
        box.fail("twilio", "list_numbers", Fault.repeat_page())
        box.fail("telnyx", "list_numbers", Fault.repeat_page())
        first, second, third = pages_of_twilio(ask, 3, limit=3)
        assert first == second == third
        assert self.telnyx_page(ask, 2) == self.telnyx_page(ask, 1)

    def test_lying_total(self, box, ask):
        box.fail("twilio", "list_numbers", Fault.lying_total())
        box.fail("telnyx", "list_numbers", Fault.lying_total(), calls=1)
        box.fail("telnyx", "list_numbers", Fault.lying_total(-1), calls=2)
        assert [len(page["incoming_phone_numbers"]) for page in pages_of_twilio(ask, 3)] == [3, 3, 1, 0]
        assert self.telnyx_page(ask, 4) == (
            [],
            {"page_number": 4, "page_size": 3, "total_pages": 4, "total_results": 10},
        )
        assert self.telnyx_page(ask, 1)[1]["total_pages"] == 2

    def test_an_empty_listing_has_one_page(self):
        page = cut([], 0, 50)
        assert (page.items, page.pages, page.more) == ([], 1, False)
        assert cut([], 1, 50, Fault.duplicate_at_page_edge()).items == []


class TestWhichCallsFail:
    def statuses(self, ask, count):
        return [ask.telnyx("GET", "/balance")[0] for _ in range(count)]

    def test_the_third_call(self, box, ask):
        box.fail("telnyx", "balance", Fault.status(500), calls=3)
        assert self.statuses(ask, 4) == [200, 200, 500, 200]

    def test_some_calls(self, box, ask):
        box.fail("telnyx", "balance", Fault.status(500), calls={1, 4})
        assert self.statuses(ask, 4) == [500, 200, 200, 500]

    def test_the_first_two_calls(self, box, ask):
        box.fail("telnyx", "*", Fault.status(500), times=2)
        assert self.statuses(ask, 4) == [500, 500, 200, 200]

    def test_the_first_injection_wins_and_both_count(self, box, ask):
        box.fail("telnyx", "balance", Fault.status(500), calls=1)
        box.fail("telnyx", "balance", Fault.status(502), calls={1, 2})
        assert self.statuses(ask, 3) == [500, 502, 200]

    def test_one_page(self, box, ask):
        box.twilio.seed_numbers(4)
        box.fail("twilio", "list_numbers", Fault.status(503), page=2)
        query = f"{NUMBERS}?PageSize=3"
        assert ask.twilio("GET", query)[0] == 200
        assert ask.twilio("GET", f"{query}&Page=1&PageToken=x")[0] == 503
        assert ask.twilio("GET", f"{query}&Page=2&PageToken=x")[0] == 200

    def test_healing(self, box, ask):
        box.fail("telnyx", "balance", Fault.status(500))
        box.heal()
        assert self.statuses(ask, 1) == [200]

    def test_names_are_checked(self, box):
        with pytest.raises(ValueError, match="no carrier 'acme'"):
            box.fail("acme", "*", Fault.reset())
        with pytest.raises(ValueError, match="it has balance, "):
            box.fail("telnyx", "balnce", Fault.reset())
        with pytest.raises(ValueError, match="no incident 'twilio-d38'"):
            box.incident("twilio-d38")
        with pytest.raises(ValueError, match="no carrier"):
            box.credentials("acme")


class TestTheJournal:
    def test_it_keeps_everything_but_the_credential(self, box, ask):
        number = box.telnyx.numbers[0]
        ask.telnyx("PATCH", f"/phone_numbers/{number.id}", {"tags": ["a"]})
        (recorded,) = box.requests
        assert (recorded.carrier, recorded.operation, recorded.method) == ("telnyx", "update_number", "PATCH")
        assert recorded.url == f"https://api.telnyx.com/v2/phone_numbers/{number.id}"
        assert (recorded.status, recorded.write, recorded.faulted) == (200, True, False)
        assert json.loads(recorded.request_body) == {"tags": ["a"]}
        assert json.loads(recorded.response_body)["data"]["tags"] == ["a"]
        assert recorded.request_headers == {"content-type": "application/json"}
        assert box.telnyx.api_key not in repr(recorded)

    def test_clearing_it_keeps_the_state(self, box, ask):
        ask.telnyx("PATCH", f"/phone_numbers/{box.telnyx.numbers[0].id}", {"tags": ["a"]})
        box.clear()
        assert (box.requests, box.writes, box.telnyx.numbers[0].tags) == ([], [], ["a"])

    def test_unknown_paths_and_hosts(self, loose_box, loose):
        assert loose.twilio("GET", "/Nothing.json")[1]["code"] == 20404
        assert loose.telnyx("GET", "/nothing")[1]["errors"][0]["code"] == "10005"
        with pytest.raises(ConnectionError):
            loose_box.wire("GET", "https://api.example.com/", {}, None)
        assert [recorded.operation for recorded in loose_box.requests] == ["unknown"] * 3

    def test_bodies_can_be_left_out(self):
        small = Sandbox(keep_bodies=False)
        small.wire("GET", "https://api.telnyx.com/v2/balance", [("Authorization", "Bearer x")])
        assert small.requests[0].response_body == b""


class TestTheSeed:
    def test_two_boxes_with_one_seed_are_equal(self):
        one, two, other = Sandbox(), Sandbox(), Sandbox(seed=7)
        assert one.credentials("twilio") == two.credentials("twilio") != other.credentials("twilio")
        assert one.credentials("telnyx") == two.credentials("telnyx") != other.credentials("telnyx")
        assert one.twilio.seed_numbers(3) == two.twilio.seed_numbers(3)
        assert one.sip_config("twilio") == {"trunk_sid": one.twilio.trunks[0].sid}
        assert one.sip_config("telnyx") == {}

    def test_ten_thousand_numbers_are_quick_and_unique(self):
        started = time.process_time()
        added = Sandbox().twilio.seed_numbers(10_000)
        assert time.process_time() - started < 2
        assert len({number.phone_number for number in added}) == len({number.sid for number in added}) == 10_000

    def test_numbers_do_not_run_out_early(self):
        mint = Mint("x")
        mint._numbers = 5_000_000
        assert len(mint.phone_number()) == 12

    def test_uuids_have_the_right_shape(self):
        assert len(Mint("x").uuid()) == 36


class TestTheShelf:
    def test_by_place_by_id_and_by_slice(self):
        shelf = Shelf()
        for name in "abcd":
            shelf.add(name, name.upper())
        assert (shelf[0], shelf[-1], shelf["b"], shelf[1:3], shelf[::-1]) == ("A", "D", "B", ["B", "C"], list("DCBA"))
        assert ("a" in shelf, "z" in shelf, len(shelf), list(shelf)) == (True, False, 4, list("ABCD"))
        assert (shelf.get("z"), shelf.get(None), shelf.remove("a"), len(shelf)) == (None, None, "A", 3)
        for place in (3, -4):
            with pytest.raises(IndexError):
                shelf[place]
        shelf.clear()
        assert list(shelf) == []


def test_threads_see_whole_listings(box, ask):
    """While one thread writes, every other sees each number exactly once on its page."""
    box.twilio.seed_numbers(50)
    trunk_sid = box.twilio.trunks[0].sid
    failures = []

    def read():
        for _ in range(10):
            body = ask.box.wire("GET", url, auth)[2]
            sids = [item["sid"] for item in json.loads(body)["incoming_phone_numbers"]]
            if len(set(sids)) != 50:
                failures.append(sids)

    ask.twilio("GET", NUMBERS)
    url = box.requests[0].url
    import base64

    pair = f"{box.twilio.account.sid}:{box.twilio.account.auth_token}".encode()
    auth = {"Authorization": "Basic " + base64.b64encode(pair).decode()}
    threads = [threading.Thread(target=read) for _ in range(4)]
    for thread in threads:
        thread.start()
    for number in box.twilio.numbers[:20]:
        ask.twilio("POST", f"/IncomingPhoneNumbers/{number.sid}.json", f"TrunkSid={trunk_sid}")
    for thread in threads:
        thread.join()
    assert failures == []
    assert len(box.requests) == 61


def test_the_sandbox_needs_the_standard_library_only():
    code = (
        "import sys, voipkit.sandbox, voipkit.testing.plugin\n"
        "heavy = {'twilio', 'telnyx', 'requests', 'httpx', 'httpcore', 'pydantic', 'phonenumbers'} & set(sys.modules)\n"
        "ours = [n for n in sys.modules if n.startswith(('voipkit.adapting', 'voipkit.providers', 'voipkit.registry'))]\n"
        "sys.exit(str((heavy, ours)) if heavy or ours else 0)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_plugins_fixture(voipkit_sandbox):
    assert isinstance(voipkit_sandbox, Sandbox)
    assert voipkit_sandbox.requests == []
