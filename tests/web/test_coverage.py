"""Every row of docs/coverage.md is run over HTTP and in Python; a row that nothing ran fails."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.web.conftest import Client, Telnyx, client_of, make_host, make_service
from voipkit.errors import Unsupported
from voipkit.sandbox import Sandbox
from voipkit.service import ConnectionService

sys.path.append(str(Path(__file__).resolve().parents[2] / "tools"))

from seed_coverage import BEYOND, ROWS, SEEDS


def test_every_endpoint_is_in_the_table_and_the_other_way_round(host):
    ours = {f"{method.upper()} {path}" for path, methods in host.openapi()["paths"].items() for method in methods}

    assert ours == {row.http for row in (*ROWS, *BEYOND)}
    assert not {row.http for row in ROWS} & {row.http for row in BEYOND}


# The endpoint tables of the four contracts, as they stand there.
ASKED = re.findall(
    r"^[A-Z]+ .+$",
    """
GET /v1/voip-connections
POST /v1/voip-connections
GET /v1/voip-connections/{connection_id}
PATCH /v1/voip-connections/{connection_id}
DELETE /v1/voip-connections/{connection_id}
POST /v1/voip-connections/test
POST /v1/voip-connections/suggest-name
GET /v1/voip-connections/{connection_id}/available-numbers
POST /v1/voip-connections/{connection_id}/import-numbers
GET /v1/phone-numbers
POST /v1/phone-numbers
GET /v1/phone-numbers/{phone_number_id}
PUT /v1/phone-numbers/{phone_number_id}
PATCH /v1/phone-numbers/{phone_number_id}
DELETE /v1/phone-numbers/{phone_number_id}
POST /v1/phone-numbers/{phone_number_id}/transfer
GET /v1/phone-numbers/{phone_number_id}/versions
POST /v1/phone-numbers/{phone_number_id}/verify-voip
GET /organizations/telephony-configs
POST /organizations/telephony-configs
GET /organizations/telephony-configs/{id}
PUT /organizations/telephony-configs/{id}
DELETE /organizations/telephony-configs/{id}
POST /organizations/telephony-configs/{id}/set-default-outbound
GET /organizations/telephony-configs/{id}/phone-numbers
POST /organizations/telephony-configs/{id}/phone-numbers
DELETE /organizations/telephony-configs/{id}/phone-numbers/{pid}
GET /organizations/telephony-providers/metadata
GET /organizations/telephony-config-warnings
""",
    re.MULTILINE,
)


def test_every_operation_of_the_contracts_is_in_the_table():
    assert len(ASKED) == 29
    assert [asked for asked in ASKED if asked not in {row.asked for row in ROWS}] == []
    assert {row.seed for row in ROWS} == set(SEEDS)


def test_the_paths_of_001_and_002_are_ours():
    for row in ROWS:
        assert row.http == row.asked or row.seed not in ("001", "002"), row


# --- over HTTP -------------------------------------------------------------------------------------------------------


class Recorder(Client):
    """A client that remembers which routes were answered, and how."""

    def __init__(self, client: Client, host: Any) -> None:
        super().__init__(client._portal, client._client)
        self.seen: dict[str, set[int]] = {}
        templates = sorted(host.openapi()["paths"], key=lambda path: path.count("{"))  # /test before /{connection_id}
        self._paths = [(template, re.compile(re.sub(r"{\w+}", "[^/]+", template))) for template in templates]

    def request(self, method: str, path: str, **more: Any) -> httpx.Response:
        answer = super().request(method, path, **more)
        template = self._template(answer.request.url.path)
        self.seen.setdefault(f"{method} {template}", set()).add(answer.status_code)
        return answer

    def _template(self, path: str) -> str:
        return next(template for template, form in self._paths if form.fullmatch(path))


def run_over_http(client: Client, telnyx: Telnyx) -> None:
    """The life of a connection, as a customer's backend drives it."""

    def ok(method: str, path: str, status: int = 200, **more: Any) -> Any:
        answer = client.request(method, path, **more)
        assert answer.status_code == status, (method, path, answer.text)
        return answer.json() if answer.content else None

    base = "/v1/voip-connections"
    assert {p["id"] for p in ok("GET", "/v1/voip-providers/metadata")} >= {"telnyx"}
    assert ok("POST", f"{base}/suggest-name", json=telnyx.given)["suggested_connection_name"]
    one = f"{base}/{telnyx.created(client)['id']}"
    assert len(ok("GET", base)) == 1
    free = [n["number"] for n in ok("GET", f"{one}/available-numbers")]
    body = {"numbers": free[:2], "on_conflict": "overwrite"}
    first, second = ok("POST", f"{one}/import-numbers", json=body)["results"]
    number = f"/v1/phone-numbers/{first['id']}"
    assert ok("POST", f"{number}/verify-voip")["status"] == "active"
    assert ok("PATCH", number, json={"inbound_agent_id": 12})["inbound_agent_id"] == 12
    assert ok("PUT", number, json={"outbound_agent_id": "b"})["inbound_agent_id"] == 12
    assert ok("GET", number)["outbound_agent_id"] == "b"
    assert len(ok("GET", "/v1/phone-numbers")) == 2
    assert len(ok("GET", f"{number}/versions")) >= 2
    added = ok("POST", f"{one}/phone-numbers", 201, json={"phone_number": free[2], "label": "Office"})
    assert len(ok("GET", f"{one}/phone-numbers")) == 3
    assert ok("DELETE", f"{one}/phone-numbers/{added['id']}", 204) is None
    assert ok("POST", f"{one}/test")["status"] == "pass"
    assert ok("POST", f"{one}/set-default-outbound")["default_outbound"]
    assert ok("GET", one)["capacity"] == 1
    assert ok("GET", f"{one}/warnings")
    assert ok("GET", "/v1/voip-connection-warnings")["total"]
    rotation = {"credentials": telnyx.given["credentials"], "verification_evidence_id": telnyx.tested(client)}
    assert ok("PATCH", one, json=rotation)["status"] == "connected"
    assert ok("POST", f"/v1/phone-numbers/{second['id']}/transfer", json={"to_org_id": "globex"})["number"] == free[1]
    ok("DELETE", number, 204)
    ok("DELETE", one, 204)
    assert ok("GET", base) == []
    assert ok("POST", "/v1/phone-numbers", 422, json={"area_code": "415"})["code"] == "unsupported"
    guided = {**telnyx.given, "setup_method": "guided_telnyx"}
    assert ok("POST", f"{base}/test", 422, json=guided)["code"] == "unsupported"


def test_every_row_over_http(each_store, box):
    service = make_service(each_store, box)
    host = make_host(service)
    with client_of(host) as client:
        recorder = Recorder(client, host)
        run_over_http(recorder, Telnyx(box))

    for row in (*ROWS, *BEYOND):
        statuses = recorder.seen.get(row.http, set())
        assert 422 in statuses if row.later else statuses & {200, 201, 204}, row


# --- in Python -------------------------------------------------------------------------------------------------------


class Spy:
    """A service that remembers which methods came back."""

    def __init__(self, service: ConnectionService) -> None:
        self._service = service
        self.seen: set[str] = set()

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._service, name)

        def called(*args: Any, **kwargs: Any) -> Any:
            result = method(*args, **kwargs)
            self.seen.add(name)
            return result

        return called


def run_in_python(service: Any, box: Sandbox) -> None:
    given = {"credentials": box.credentials("telnyx"), "sip_config": box.sip_config("telnyx")}

    def evidence() -> str:
        found: str = service.test("acme", "telnyx", **given).verification_evidence_id
        return found

    assert [info for info in service.provider_metadata() if info.id == "telnyx"]
    assert service.suggest_name("acme", "telnyx", **given).name
    one = service.create("acme", provider="telnyx", evidence=evidence(), **given).id
    assert [c.id for c in service.list("acme").items] == [one]
    free = [n.number for n in service.available_numbers("acme", one)]
    done = service.import_numbers("acme", one, free[:3], on_conflict="overwrite")
    first, second, third = (result.id for result in done.results)
    assert service.verify_number("acme", first).number.status == "active"
    assert service.update_number("acme", first, inbound_agent_id=12).inbound_agent_id == 12
    assert service.update_number("acme", third, label="Office").label == "Office"
    assert service.number("acme", first).inbound_agent_id == 12
    assert len(service.numbers("acme", connection_id=one).items) == 3
    assert service.number_versions("acme", first).items
    assert service.retest("acme", one).status == "pass"
    assert service.set_default_outbound("acme", one).default_outbound
    assert service.get("acme", one).capacity == service.capacity("acme").active_numbers == 1
    assert service.warnings("acme", one).counts
    assert service.update("acme", one, evidence=evidence(), **given).status == "connected"
    assert service.transfer_number("acme", second, "globex").number == free[1]
    service.release_number("acme", first)
    assert service.delete("acme", one).numbers_kept >= 1
    with pytest.raises(Unsupported):
        service.test("acme", "telnyx", **given, setup_method="guided_telnyx")


def test_every_row_in_python(each_store, box):
    spy = Spy(make_service(each_store, box))
    run_in_python(spy, box)

    named = {row.python for row in (*ROWS, *BEYOND) if row.python}
    assert named <= spy.seen
    assert all(hasattr(ConnectionService, name) for name in named)
