"""A carrier from outside: a small HTTP API, its simulator and its adapter, with nothing of the sandbox's."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any, ClassVar, NoReturn, Self

from pydantic import SecretStr

from voipkit.adapting.checking import Answer, ask, ask_together, could_not_ask
from voipkit.adapting.numbers import canonical, country_of, e164
from voipkit.adapting.paging import Page, by_number
from voipkit.adapting.routing import Switchboard, import_numbers, require_route_kind, restore_numbers, wanted_numbers
from voipkit.adapting.translation import Facts, Rule, Rules, translating
from voipkit.adapting.transport import HttpOptions, bearer, httpx_client, open_channel
from voipkit.errors import CredentialsRejected, InvalidNumber, NotFound, PermissionDenied
from voipkit.models import (
    Check,
    CredentialTest,
    ImportReport,
    NameSuggestion,
    NumberVerification,
    OnConflict,
    ProviderInfo,
    ProviderNumber,
    Route,
    Routing,
    RoutingSnapshot,
    Settings,
    SetupMethod,
    setting,
)
from voipkit.testing import FaultyWire, Kind

_SIZE = 50


class AcmeCredentials(Settings):
    api_key: SecretStr = setting("API key", help="In the console.", pattern=r"acme-[0-9a-f]{24}", wants="acme-...")
    trunk: str | None = setting("Trunk", help="Where imported numbers go.", default=None)


INFO = ProviderInfo(
    id="acme",
    label="Acme",
    setup_methods=(SetupMethod(id="api_key", label="API key", credentials=AcmeCredentials),),
    route_kinds=("trunk",),
    docs_url="https://docs.acme.example/",
)
RULES = Rules(
    label="Acme",
    exceptions=(Rule("httpx.HTTPStatusError", read=lambda error: Facts(status=error.response.status_code)),),
)


class Acme:
    """An Acme account."""

    info: ClassVar[ProviderInfo] = INFO

    def __init__(
        self, credentials: AcmeCredentials, sip_config: Settings, *, setup_method: str, http: HttpOptions
    ) -> None:
        self.credentials, self.sip_config, self.setup_method = credentials, sip_config, setup_method
        key = bearer(credentials.api_key)
        self._channel = open_channel("acme", http, key, hosts=("api.acme.example",), sdk="httpx")
        self._name: NameSuggestion | None = None

    def __repr__(self) -> str:
        return "<Acme>"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __reduce__(self) -> NoReturn:
        raise TypeError("not pickled")

    def close(self) -> None:
        self._channel.close()

    def test_credentials(self) -> CredentialTest:
        account, trunk = ask_together(lambda: self._get("account"), lambda: self._trunk(self.credentials.trunk))
        found = [self._judged("account", "Account", "acme.account", account)]
        for direction in ("inbound", "outbound"):
            found.append(self._judged(direction, "Trunk", f"acme.trunk.{direction}", trunk))
        if found[0].status == "pass":
            self._name = _name(account.value)
        return CredentialTest(provider="acme", setup_method=self.setup_method, checks=tuple(found))

    def suggest_name(self) -> NameSuggestion:
        self._name = self._name or _name(self._get("account"))
        return self._name

    def list_numbers(self) -> Iterator[ProviderNumber]:
        yield from map(_number, self._rows())

    def import_numbers(
        self,
        numbers: Iterable[str | ProviderNumber],
        route: Route | None = None,
        on_conflict: OnConflict = "refuse",
        dry_run: bool = False,
    ) -> ImportReport:
        return import_numbers(
            self._board(),
            numbers,
            route or self._route,
            on_conflict,
            dry_run=dry_run,
            fields_for=lambda wanted: {"trunk": wanted.target},
            conflict=lambda number, _: f"Its calls go to {number.route}." if number.route else None,
        )

    def restore_numbers(self, snapshot: RoutingSnapshot) -> ImportReport:
        return restore_numbers(self._board(), snapshot)

    def verify_number(self, number: str, route: Route | None = None) -> NumberVerification:
        return next(self.verify_numbers([e164(number)], route))

    def verify_numbers(
        self, numbers: Iterable[str | ProviderNumber], route: Route | None = None
    ) -> Iterator[NumberVerification]:
        require_route_kind(INFO, route)
        return self._verified(wanted_numbers(numbers), route or self._route)

    def _verified(self, wanted: Sequence[str | InvalidNumber], route: Route | None) -> Iterator[NumberVerification]:
        owned = {number.number: number for number in self.list_numbers()}
        trunk = ask(lambda: self._trunk(route.target if route else None))
        for each in wanted:
            text = each.given if isinstance(each, InvalidNumber) else each
            found = owned.get(text)
            if found is None:
                checks = [_check("account", "Number", "fail", "acme.number.not_owned", "Not in this account.")]
            elif found.route is None or (route and found.route != route):
                checks = [_check("inbound", "Routing", "fail", "acme.number.routed_elsewhere", "It goes elsewhere.")]
            else:
                checks = [
                    self._judged("inbound", "Trunk", "acme.trunk.inbound", trunk),
                    self._judged("outbound", "Trunk", "acme.trunk.outbound", trunk),
                ]
            yield NumberVerification(
                provider="acme", number=text, id=found.id if found else None, route=route, checks=tuple(checks)
            )

    @property
    def _route(self) -> Route | None:
        return Route.trunk(self.credentials.trunk) if self.credentials.trunk else None

    @cached_property
    def _client(self) -> Any:
        return httpx_client(self._channel)

    def _ask(self, method: str, path: str, **given: Any) -> Any:
        with translating("acme", path.partition("/")[0], RULES, self._channel):
            reply = self._client.request(method, f"https://api.acme.example/v1/{path}", **given)
            reply.raise_for_status()
            return reply.json()

    def _get(self, path: str) -> Mapping[str, Any]:
        answer = self._ask("GET", path)
        with translating("acme", path.partition("/")[0], RULES):
            return {"id": answer["id"], **answer}

    def _trunk(self, trunk: str | None) -> Mapping[str, Any] | None:
        return self._get(f"trunks/{trunk}") if trunk else None

    def _rows(self) -> Iterator[Mapping[str, Any]]:
        def fetch(page: int) -> Page[Mapping[str, Any]]:
            answer = self._ask("GET", "numbers", params={"page": page, "size": _SIZE})
            with translating("acme", "list_numbers", RULES):
                rows = [{**row, "id": row["id"], "number": row["number"]} for row in answer["numbers"]]
                return Page(rows, pages=int(answer["pages"]), total=int(answer["total"]))

        return by_number("acme", fetch, size=_SIZE, key=lambda row: row["id"], workers=2)

    def _board(self) -> Switchboard:
        return Switchboard(
            info=INFO,
            find=lambda _: self.list_numbers(),
            write=self._write,
            read=lambda number: _number(self._get(f"numbers/{number.id}")),
        )

    def _write(self, number: ProviderNumber, fields: Routing) -> tuple[ProviderNumber, int]:
        return _number(self._ask("PATCH", f"numbers/{number.id}", json=dict(fields))), 1

    def _judged(self, direction: Any, name: str, code: str, answer: Answer[Any]) -> Check:
        if answer.error is None:
            text = "It is there." if answer.value else "None is named."
            return _check(direction, name, "pass" if answer.value else "skipped", f"{code}.ok", text)
        if isinstance(answer.error, CredentialsRejected):
            return _check(direction, name, "fail", f"{code}.rejected", answer.error.message)
        if isinstance(answer.error, PermissionDenied | NotFound):
            return _check(direction, name, "fail", f"{code}.{answer.error.kind}", answer.error.message)
        return could_not_ask(name, direction, code, answer)


def _check(direction: Any, name: str, status: Any, code: str, message: str) -> Check:
    fix = "See the console." if status == "fail" else None
    return Check(name=name, direction=direction, status=status, code=code, message=message, fix=fix)


def _name(account: Mapping[str, Any] | None) -> NameSuggestion:
    name = (account or {}).get("name")
    return NameSuggestion(name=f"Acme: {name}" if name else "Acme", inferred=bool(name))


def _number(raw: Mapping[str, Any]) -> ProviderNumber:
    with translating("acme", "read_number", RULES):
        number = canonical(raw["number"])
        voice = raw.get("features")
        return ProviderNumber(
            id=raw["id"],
            number=number,
            raw=raw["number"],
            country=country_of(number),
            capabilities=tuple(sorted(word.lower() for word in voice)) if isinstance(voice, list) else None,
            route=Route.trunk(raw["trunk"]) if raw.get("trunk") else None,
            routing={"trunk": raw.get("trunk") or None},
        )


# --- the simulator and the account -----------------------------------------------------------------------------------


class AcmeAccount:
    """What the conformance kit needs: `FaultyWire` around `_answer`."""

    carrier = "acme"
    credentials: ClassVar[Mapping[str, object]] = {"api_key": "acme-0123456789abcdef01234567", "trunk": "T1"}
    sip_config: ClassVar[Mapping[str, object]] = {}
    routes = (Route.trunk("T1"),)
    foreign_route = Route.trunk("T2")
    page_size = _SIZE

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._numbers: dict[str, dict[str, Any]] = {}
        self.wire = FaultyWire(self._answer, _asked, required=frozenset({"id", "number", "numbers", "pages", "total"}))
        self.serve, self.fail = self.wire.serve, self.wire.fail
        self.requests, self.writes = self.wire.requests, self.wire.writes
        self.add_numbers(3)

    serve: Any
    fail: Any

    def numbers(self) -> Sequence[str]:
        return list(self._numbers)

    def add_numbers(self, count: int) -> Sequence[str]:
        return [self._add(["voice"]) for _ in range(count)]

    def add_silent_number(self) -> str:
        return self._add(["sms"])

    def _add(self, features: list[str]) -> str:
        number = f"+1415{2000000 + len(self._numbers):07d}"
        self._numbers[number] = {"id": f"N{len(self._numbers)}", "number": number, "trunk": None, "features": features}
        return number

    def remove_numbers(self) -> None:
        self._numbers.clear()

    def put_route(self, number: str, route: Route | None) -> None:
        self._numbers[number]["trunk"] = route.target if route else None

    def state_of(self, number: str) -> Mapping[str, object]:
        return dict(self._numbers[number])

    def route_of(self, number: str) -> Route | None:
        trunk = self._numbers[number]["trunk"]
        return Route.trunk(trunk) if trunk else None

    def _answer(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes
    ) -> tuple[int, Mapping[str, str], bytes]:
        with self._lock:
            status, document = self._document(method, url, headers, body)
        return status, {"content-type": "application/json"}, json.dumps(document).encode()

    def _document(self, method: str, url: str, headers: Mapping[str, str], body: bytes) -> tuple[int, object]:
        if headers.get("authorization") != f"Bearer {self.credentials['api_key']}":
            return 401, {"error": "who are you?"}
        path, _, query = url.partition("/v1/")[2].partition("?")
        asked = dict(pair.split("=") for pair in query.split("&") if pair)
        if path == "account":
            return 200, {"id": "A1", "name": "Acme Main"}
        if path in ("trunks/T1", "trunks/T2"):
            return 200, {"id": path.partition("/")[2]}
        if path == "numbers":
            page, size, rows = int(asked["page"]), int(asked["size"]), list(self._numbers.values())
            pages = max(1, -(-len(rows) // size))
            return 200, {"numbers": rows[(page - 1) * size : page * size], "pages": pages, "total": len(rows)}
        found = next((row for row in self._numbers.values() if path == f"numbers/{row['id']}"), None)
        if found is None:
            return 404, {"error": "no such thing"}
        if method == "PATCH":
            found.update(json.loads(body))
        return 200, dict(found)


def _asked(method: str, url: str) -> tuple[Kind, int | None]:
    page = re.search(r"/v1/numbers\?page=(\d+)", url)
    if page:
        return "list", int(page[1])
    return ("write" if method == "PATCH" else "read"), None
