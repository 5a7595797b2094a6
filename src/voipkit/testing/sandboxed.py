"""The conformance kit's account for carriers that the sandbox simulates: one class, and one entry a carrier."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, field
from typing import Any

from voipkit.adapting.transport import Wire
from voipkit.models import Route
from voipkit.sandbox import Fault, Sandbox
from voipkit.testing.accounts import CannotArrange, Kind

__all__ = ["SandboxAccount", "simulated_carriers"]

_HOOK = "https://voice.example.org/hook"
_FOREIGN_HOOK = "https://desk.example.net/answer"
_CLOCKS = frozenset({"updated"})  # what changes with every write, whatever was written


@dataclass(frozen=True, kw_only=True)
class Arrangement:
    """What is particular to one simulator; the functions get the simulator, and a number of it.

    Attributes:
        listing: Operations that are pages of the listing of numbers.
        writing: Operations that route a number.
        page_size: As `Account.page_size`.
        routes: As `Account.routes`; may add what they lead to.
        foreign: As `Account.foreign_route`; adds what it leads to.
        put: Routes a number, or takes it off every route.
        got: Reads a number's route.
        e164: Reads a number.
        parked: Fields of a number that is routed nowhere.
        silent: Fields of a number that cannot take calls; None where the carrier has none.
        state: Reads everything that is stored of a number.
        named: Changes the credentials so that the route in them is spelled as `got` spells it.
    """

    listing: tuple[str, ...]
    writing: tuple[str, ...]
    page_size: int | None
    routes: Callable[[Any], Sequence[Route]]
    foreign: Callable[[Any], Route]
    put: Callable[[Any, Any, Route | None], None]
    got: Callable[[Any, Any], Route | None]
    e164: Callable[[Any], str]
    parked: Callable[[Any], Mapping[str, Any]] = field(default=lambda _: {})
    silent: Mapping[str, Any] | None = None
    state: Callable[[Any], Mapping[str, object]] = asdict
    named: Callable[[Any], Mapping[str, object]] = field(default=lambda _: {})


class SandboxAccount:
    """An account at a simulated carrier: an `Account` for everything that `voipkit.sandbox.Sandbox` knows."""

    def __init__(self, carrier: str) -> None:
        """Make a fresh account.

        Args:
            carrier: The carrier's name, the same in the registry and in the sandbox.

        Raises:
            ValueError: The sandbox does not know the carrier.
        """
        if carrier not in _ARRANGEMENTS:
            msg = f"the sandbox simulates no carrier {carrier!r}; there are {', '.join(_ARRANGEMENTS)}"
            raise ValueError(msg)
        self.carrier = carrier
        self.sandbox = Sandbox()
        self._plan = _ARRANGEMENTS[carrier]
        self._simulator: Any = getattr(self.sandbox, carrier)
        named = self._plan.named(self._simulator)
        self.credentials: Mapping[str, object] = {**self.sandbox.credentials(carrier), **named}
        self.sip_config: Mapping[str, object] = self.sandbox.sip_config(carrier)
        self.routes = tuple(self._plan.routes(self._simulator))
        self.foreign_route = self._plan.foreign(self._simulator)
        self.page_size = self._plan.page_size
        for number in self._simulator.numbers:
            self._plan.put(self._simulator, number, None)
        self._by_number: dict[str, Any] = {}

    # --- Talking to it

    @property
    def wire(self) -> Wire:
        """The sandbox, in process."""
        return self.sandbox.wire

    def serve(self) -> AbstractContextManager[str]:
        """Serve the sandbox over HTTP on the loopback interface."""
        return self.sandbox.serve()

    # --- Arranging it

    def numbers(self) -> Sequence[str]:
        """Return the account's numbers."""
        return [self._plan.e164(number) for number in self._simulator.numbers]

    def add_numbers(self, count: int) -> Sequence[str]:
        """Add numbers that are routed nowhere."""
        return self._added(self._simulator.seed_numbers(count, **self._plan.parked(self._simulator)))

    def add_silent_number(self) -> str:
        """Add a number that cannot take calls."""
        if self._plan.silent is None:
            msg = "the carrier does not say which numbers take calls"
            raise CannotArrange(msg)
        fields = {**self._plan.parked(self._simulator), **self._plan.silent}
        return self._added(self._simulator.seed_numbers(1, **fields))[0]

    def remove_numbers(self) -> None:
        """Take all numbers out of the account."""
        self._simulator.numbers.clear()
        self._by_number.clear()

    def put_route(self, number: str, route: Route | None) -> None:
        """Route a number as somebody else would, in the carrier's console."""
        with self._simulator.lock:
            self._plan.put(self._simulator, self._number(number), None)
            if route is not None:
                self._plan.put(self._simulator, self._number(number), route)

    def fail(self, kind: Kind, fault: Fault, *, page: int | None = None, calls: int | None = None) -> None:
        """Let something go wrong from now on."""
        for operation in self._operations(kind):
            self.sandbox.fail(self.carrier, operation, fault, page=page, calls=calls)

    # --- Looking at it

    def state_of(self, number: str) -> Mapping[str, object]:
        """Return a number's record."""
        with self._simulator.lock:
            stored = self._plan.state(self._number(number))
        return {name: value for name, value in stored.items() if name not in _CLOCKS}

    def route_of(self, number: str) -> Route | None:
        """Return where a number's calls go."""
        with self._simulator.lock:
            return self._plan.got(self._simulator, self._number(number))

    def requests(self, kind: Kind = "any") -> int:
        """Count the requests so far."""
        journal = self.sandbox.requests
        if kind == "any":
            return len(journal)
        wanted = frozenset(self._operations(kind))
        return sum(1 for recorded in journal if recorded.operation in wanted)

    def writes(self) -> int:
        """Count the requests that changed something."""
        return len(self.sandbox.writes)

    # --- How it is done

    def _operations(self, kind: Kind) -> Iterable[str]:
        if kind == "any":
            return ("*",)
        if kind == "list":
            return self._plan.listing
        if kind == "write":
            return self._plan.writing
        other = {*self._plan.listing, *self._plan.writing}
        return [name for name in dict.fromkeys(self._simulator.operations) if name not in other]

    def _added(self, numbers: Iterable[Any]) -> list[str]:
        found = {self._plan.e164(number): number for number in numbers}
        self._by_number.update(found)
        return list(found)

    def _number(self, number: str) -> Any:
        if number not in self._by_number:
            self._by_number = {self._plan.e164(each): each for each in self._simulator.numbers}
        return self._by_number[number]


def simulated_carriers() -> tuple[str, ...]:
    """Return the carriers that `SandboxAccount` can be made for."""
    return tuple(_ARRANGEMENTS)


# --- Twilio ----------------------------------------------------------------------------------------------------------


def _twilio_put(_: Any, number: Any, route: Route | None) -> None:
    kind, target = (route.kind, route.target) if route else (None, None)
    number.trunk_sid = target if kind == "trunk" else None
    number.voice_application_sid = target if kind == "application" else ""
    number.voice_url = target if kind == "webhook" else ""
    number.voice_method = (route.method if route else None) or "POST"


def _twilio_got(_: Any, number: Any) -> Route | None:
    if number.trunk_sid:
        return Route.trunk(number.trunk_sid)
    if number.voice_application_sid:
        return Route.application(number.voice_application_sid)
    return Route.webhook(number.voice_url, number.voice_method) if number.voice_url else None


def _twilio_foreign(twilio: Any) -> Route:
    trunk = twilio.add_trunk("Front desk PBX", domain_name="front-desk.pstn.twilio.com")
    twilio.add_origination_url(trunk, "sip:desk.example.net")
    return Route.trunk(trunk.sid)


_TWILIO = Arrangement(
    listing=("list_numbers",),
    writing=("update_number", "attach_trunk_number", "detach_trunk_number"),
    page_size=1000,
    routes=lambda twilio: (
        Route.trunk(twilio.trunks[0].sid),
        Route.webhook(_HOOK),
        Route.application(twilio.applications[0].sid),
    ),
    foreign=_twilio_foreign,
    put=_twilio_put,
    got=_twilio_got,
    e164=lambda number: number.phone_number,
    parked=lambda _: {"voice_url": ""},
    silent={"capabilities": {"voice": False, "sms": True, "mms": False, "fax": False}},
)


# --- Telnyx ----------------------------------------------------------------------------------------------------------


def _telnyx_put(_: Any, number: Any, route: Route | None) -> None:
    number.connection_id = route.target if route else None


def _telnyx_application(telnyx: Any) -> Any:
    profile = telnyx.outbound_profiles[0].id
    hook = {"webhook_event_url": _HOOK, "outbound_voice_profile_id": profile}
    return telnyx.add_connection("call_control_application", "Acme agents", **hook)


_TELNYX = Arrangement(
    listing=("list_numbers", "list_numbers_slim", "list_voice"),
    writing=("update_number", "update_voice", "create_job"),
    page_size=250,
    routes=lambda telnyx: (
        Route.trunk(telnyx.connections[0].id),
        Route.application(_telnyx_application(telnyx).id),
    ),
    foreign=lambda telnyx: Route.trunk(telnyx.add_connection("ip_connection", "Front desk PBX").id),
    put=_telnyx_put,
    got=lambda _, number: Route.trunk(number.connection_id) if number.connection_id else None,
    e164=lambda number: number.phone_number,
    silent={"features": ["sms"]},
)


# --- Cloudonix -------------------------------------------------------------------------------------------------------

_BLACKHOLE, _CLOUDONIX_OWN = 0, 2  # places of a domain's applications: two are built in


def _cloudonix_put(cloudonix: Any, number: Any, route: Route | None) -> None:
    number.application_id = int(route.target) if route else cloudonix.applications[_BLACKHOLE].id


def _cloudonix_got(cloudonix: Any, number: Any) -> Route | None:
    dropped = number.application_id == cloudonix.applications[_BLACKHOLE].id
    return None if dropped else Route.application(str(number.application_id))


def _cloudonix_foreign(cloudonix: Any) -> Route:
    return Route.application(str(cloudonix.add_application("other-desk", url=_FOREIGN_HOOK).id))


_CLOUDONIX = Arrangement(
    listing=("list_dnids",),
    writing=("update_dnid", "create_dnid", "create_dnid_below", "delete_dnid"),
    page_size=None,
    routes=lambda cloudonix: (Route.application(str(cloudonix.applications[_CLOUDONIX_OWN].id)),),
    foreign=_cloudonix_foreign,
    put=_cloudonix_put,
    got=_cloudonix_got,
    e164=lambda number: number.source,
    parked=lambda cloudonix: {"application_id": cloudonix.applications[_BLACKHOLE].id},
    named=lambda cloudonix: {"application_name": str(cloudonix.applications[_CLOUDONIX_OWN].id)},
)


# --- Plivo -----------------------------------------------------------------------------------------------------------


def _plivo_put(_: Any, number: Any, route: Route | None) -> None:
    number.app_id, number.other_route = (route.target if route else None), None


def _plivo_got(plivo: Any, number: Any) -> Route | None:
    if number.app_id is None:
        return None
    return Route.trunk(number.app_id) if number.app_id in plivo.trunks else Route.application(number.app_id)


_PLIVO = Arrangement(
    listing=("list_numbers",),
    writing=("update_number", "release_number"),
    page_size=20,
    routes=lambda plivo: (
        Route.application(plivo.applications[0].app_id),
        Route.trunk(next(trunk.trunk_id for trunk in plivo.trunks if trunk.trunk_direction == "inbound")),
    ),
    foreign=lambda plivo: Route.application(plivo.add_application("Front-desk", answer_url=_FOREIGN_HOOK).app_id),
    put=_plivo_put,
    got=_plivo_got,
    e164=lambda number: f"+{number.number}",
    silent={"voice_enabled": False},
)


# --- SignalWire ------------------------------------------------------------------------------------------------------

_SIGNALWIRE_FIELDS = ("call_request_url", "call_request_method", "call_laml_application_id")


def _signalwire_put(signalwire: Any, number: Any, route: Route | None) -> None:
    number.call_handler = number.calling_handler_resource_id = None
    for name in _SIGNALWIRE_FIELDS:
        number.settings.pop(name, None)
    if route is None:
        return
    if route.kind == "sip":
        uri = route.target.removeprefix("sip:")
        signalwire.route(number, next(item for item in signalwire.resources if item.uri == uri))
    elif route.kind == "webhook":
        number.call_handler = "laml_webhooks"
        number.settings |= {"call_request_url": route.target, "call_request_method": route.method}
    else:
        number.call_handler = "laml_application"
        number.settings["call_laml_application_id"] = route.target


def _signalwire_got(signalwire: Any, number: Any) -> Route | None:
    if number.call_handler == "laml_webhooks":
        return Route.webhook(number.settings["call_request_url"])
    if number.call_handler == "laml_application":
        return Route.application(number.settings["call_laml_application_id"])
    resource = signalwire.resources.get(number.calling_handler_resource_id)
    return Route.sip(f"sip:{resource.uri}") if resource and resource.uri else None


def _signalwire_state(number: Any) -> Mapping[str, object]:
    """Return the record without what means nothing: "" is "not set", and so is the method of a URL that is not set."""
    kept = {name: value for name, value in number.settings.items() if value}
    if "call_request_url" not in kept:
        kept.pop("call_request_method", None)
    return {**asdict(number), "settings": kept}


def _signalwire_foreign(signalwire: Any) -> Route:
    return Route.sip(f"sip:{signalwire.add_gateway('Front desk PBX', 'desk.example.net').uri}")


_SIGNALWIRE = Arrangement(
    listing=("list_numbers",),
    writing=("update_number", "assign_phone_route", "create_gateway", "update_gateway", "delete_gateway"),
    page_size=1000,
    routes=lambda signalwire: (
        Route.sip(signalwire.sip_config["sip_uri"]),
        Route.webhook(_HOOK),
        Route.application(signalwire.add_resource("cxml_application", "Acme IVR", url=_HOOK).inner_id),
    ),
    foreign=_signalwire_foreign,
    put=_signalwire_put,
    got=_signalwire_got,
    e164=lambda number: number.number,
    silent={"capabilities": ["sms"]},
    state=_signalwire_state,
)


# --- Vobiz -----------------------------------------------------------------------------------------------------------


def _vobiz_put(_: Any, number: Any, route: Route | None) -> None:
    number.application_id = route.target if route and route.kind == "application" else None
    number.trunk_group_id = route.target if route and route.kind == "trunk" else None


def _vobiz_got(_: Any, number: Any) -> Route | None:
    if number.application_id:
        return Route.application(number.application_id)
    return Route.trunk(number.trunk_group_id) if number.trunk_group_id else None


_VOBIZ = Arrangement(
    listing=("list_numbers",),
    writing=("attach_application", "detach_application", "assign_trunk", "unassign_trunk", "release_number"),
    page_size=100,
    routes=lambda vobiz: (
        Route.application(vobiz.applications[0].app_id),
        Route.trunk(next(trunk.trunk_id for trunk in vobiz.trunks if trunk.trunk_direction == "inbound")),
    ),
    foreign=lambda vobiz: Route.application(vobiz.add_application("Front-desk", answer_url=_FOREIGN_HOOK).app_id),
    put=_vobiz_put,
    got=_vobiz_got,
    e164=lambda number: number.e164,
    silent={
        "voice_enabled": False,
        "capabilities": {"voice": False, "sms": True, "mms": False, "fax": False},
    },
)


# --- Vonage ----------------------------------------------------------------------------------------------------------


def _vonage_put(_: Any, number: Any, route: Route | None) -> None:
    for name in ("app_id", "voiceCallbackType", "voiceCallbackValue"):
        number.settings.pop(name, None)
    if route is not None and route.kind == "application":
        number.settings["app_id"] = route.target
    elif route is not None:
        number.settings |= {"voiceCallbackType": "sip", "voiceCallbackValue": route.target}


def _vonage_got(_: Any, number: Any) -> Route | None:
    if number.settings.get("voiceCallbackType") == "sip":
        return Route.sip(f"sip:{number.settings['voiceCallbackValue'].removeprefix('sip:')}")
    return Route.application(number.settings["app_id"]) if number.settings.get("app_id") else None


_VONAGE = Arrangement(
    listing=("list_numbers",),
    writing=("update_number", "update_application", "create_application", "delete_application"),
    page_size=100,
    routes=lambda vonage: (Route.application(vonage.applications[0].id), Route.sip("sip:acme@pbx.example.com")),
    foreign=lambda vonage: Route.application(vonage.add_application("Front desk", answer_url=_FOREIGN_HOOK).id),
    put=_vonage_put,
    got=_vonage_got,
    e164=lambda number: f"+{number.msisdn}",
    silent={"features": ["SMS"]},
)


_ARRANGEMENTS: Mapping[str, Arrangement] = {
    "cloudonix": _CLOUDONIX,
    "plivo": _PLIVO,
    "signalwire": _SIGNALWIRE,
    "telnyx": _TELNYX,
    "twilio": _TWILIO,
    "vobiz": _VOBIZ,
    "vonage": _VONAGE,
}
