"""SignalWire: the carrier. What is asked, and what is written; `checks` judges the answers."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from functools import cached_property, partial
from importlib import metadata
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn, Self
from urllib.parse import parse_qsl, urlsplit

from voipkit.adapting.checking import Answer, ask, ask_together, only_if_known
from voipkit.adapting.loading import loading_sdk
from voipkit.adapting.numbers import e164
from voipkit.adapting.paging import Page, by_cursor
from voipkit.adapting.reading import NOT_SHOWN
from voipkit.adapting.routing import Switchboard, import_numbers, require_route_kind, restore_numbers, wanted_numbers
from voipkit.adapting.translation import translating
from voipkit.adapting.transport import PLACEHOLDER, HttpOptions, basic, open_channel, requests_session
from voipkit.errors import InvalidNumber, InvalidRequest, MissingExtra, NotFound, UnexpectedResponse, Unsupported
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
)
from voipkit.providers._sip_route import SipLooks
from voipkit.providers.signalwire import checks, mapping
from voipkit.providers.signalwire.mapping import COMPANIONS, HANDLER, METHODS, RESOURCE, Json, text
from voipkit.providers.signalwire.settings import INFO, RULES, SignalWireCredentials, SignalWireSip

if TYPE_CHECKING:
    from signalwire.rest import RestClient

__all__ = ["SignalWire"]

_PAGE = 1000  # numbers; the most that GET /phone_numbers gives
_RESOURCES = 50  # gateways, applications, credentials: their listings take no page size


class SignalWire:
    """A SignalWire project."""

    info: ClassVar[ProviderInfo] = INFO

    def __init__(
        self,
        credentials: SignalWireCredentials,
        sip_config: SignalWireSip,
        *,
        setup_method: str,
        http: HttpOptions,
    ) -> None:
        self.credentials = credentials
        self.sip_config = sip_config
        self._http = http
        self.setup_method = setup_method
        self._space = credentials.space
        self._channel = open_channel(
            INFO.id,
            http,
            basic(credentials.project_id, credentials.api_token),
            hosts={self._space},
            sdk="signalwire-sdk",
            repeated={"GET"},  # a number is routed by PUT
        )
        self._learnt: NameSuggestion | None = None

    def __repr__(self) -> str:
        return f"<SignalWire {self._space} {self.credentials.project_id}>"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __reduce__(self) -> NoReturn:
        msg = "An opened carrier is not pickled: open it again where it is needed."
        raise TypeError(msg)

    def close(self) -> None:
        """Close the connections."""
        self._channel.close()

    # --- the five methods --------------------------------------------------------------------------------------------

    def test_credentials(self) -> CredentialTest:
        """Ask three questions of three scopes, and for what sip_config names: 3 to 5 requests, all at once."""
        operation, config = "test_credentials", self.sip_config
        resources = _Resources(self, operation)
        first, profile, project, _, credentials = ask_together(
            partial(self._first_number, operation),
            partial(self._sip_profile, operation),
            partial(self._project, operation),
            lambda: resources.look_up(self._default_route),
            lambda: self._sip_credentials(operation) if config.sip_username else [],
        )
        found = checks.account(self._space, first, profile, project)
        if found[0].status == "pass":
            found += self._target_checks(self._default_route, resources) or [checks.no_route_named()]
            found += checks.outbound(config, profile, credentials)
        else:
            found += [checks.not_asked("inbound"), checks.not_asked("outbound")]
        if checks.settled(first, project):
            self._learnt = checks.name(self._space, project, first)
        return CredentialTest(provider=INFO.id, setup_method=self.setup_method, checks=only_if_known(found))

    def suggest_name(self) -> NameSuggestion:
        """Suggest "SignalWire: <project> (<number>)": 0 requests after `test_credentials` learnt both, else 2."""
        if self._learnt is not None:
            return self._learnt
        operation = "suggest_name"
        first, project = ask_together(partial(self._first_number, operation), partial(self._project, operation))
        if first.error and project.error:
            raise first.error
        return checks.name(self._space, project, first)

    def list_numbers(self) -> Iterator[ProviderNumber]:
        """Yield the project's numbers, newest first, 1,000 a request, and the SIP gateways once where one is used."""
        operation = "list_numbers"
        resources = _Resources(self, operation)
        for raw in self._numbers(operation):
            yield mapping.number(raw, resources.uri_of)

    def import_numbers(
        self,
        numbers: Iterable[str | ProviderNumber],
        route: Route | None = None,
        on_conflict: OnConflict = "refuse",
        dry_run: bool = False,
    ) -> ImportReport:
        """Route numbers to a SIP gateway, a cXML webhook or a cXML application; see `voipkit.protocols.Provider`."""
        operation = "import_numbers"
        gateway_id = _Resources(self, operation).gateway_id
        return import_numbers(
            self._switchboard(operation),
            numbers,
            route or self._default_route,
            on_conflict,
            dry_run=dry_run,
            fields_for=lambda wanted: mapping.fields_for(wanted, gateway_id),
            conflict=lambda found, wanted: mapping.conflict(found, mapping.fields_for(wanted, gateway_id)),
        )

    def verify_number(self, number: str, route: Route | None = None) -> NumberVerification:
        """Follow a call to and from one number: 1 to 4 requests, at most 2 round trips deep."""
        return next(self.verify_numbers([e164(number)], route))

    def verify_numbers(
        self, numbers: Iterable[str | ProviderNumber], route: Route | None = None
    ) -> Iterator[NumberVerification]:
        """Verify many numbers with one listing and at most 4 requests for what they share."""
        require_route_kind(INFO, route)
        return self._verify(wanted_numbers(numbers), route or self._default_route)

    # --- capabilities

    def restore_numbers(self, snapshot: RoutingSnapshot) -> ImportReport:
        """Put routing back as a snapshot says; see `voipkit.protocols.SupportsRestore`."""
        return restore_numbers(self._switchboard("restore_numbers"), snapshot)

    # --- the SDK -----------------------------------------------------------------------------------------------------

    @cached_property
    def _client(self) -> RestClient:
        """Build the SDK's client with a placeholder for the token; what is left out would come from SIGNALWIRE_*."""
        _refuse_old_distribution()
        with loading_sdk(INFO.label, extra="signalwire"):
            from signalwire.rest import RequestOptions, RestClient

        # Its own retries send a POST again after a time-out (measured): off is the default, and said here all the same.
        options = RequestOptions(retries=0)
        client = RestClient(self.credentials.project_id, PLACEHOLDER, self._space, options)
        client._http._session = requests_session(self._channel)  # the SDK has no argument for it (3.7.5)
        return client

    def _asking(self, operation: str) -> AbstractContextManager[None]:
        return translating(INFO.id, operation, RULES, self._channel)

    # --- single questions

    def _project(self, operation: str) -> Json:
        wanted = self.credentials.project_id
        with self._asking(operation):
            answer = _object(self._client.projects.get(wanted), "project")
        if str(answer.get("id")).lower() != wanted.lower():
            raise _nonsense("project")
        return answer

    def _sip_profile(self, operation: str) -> Json:
        with self._asking(operation):
            answer = _object(self._client.sip_profile.get(), "SIP profile")
        if "domain" not in answer:
            raise _nonsense("SIP profile")
        return answer

    def _first_number(self, operation: str) -> ProviderNumber | None:
        with self._asking(operation):
            found = _page(self._client.phone_numbers.list(page_size=1), 1).items
        return mapping.number(found[0]) if found else None

    def _sip_gateways(self, operation: str) -> list[Json]:
        return list(self._listed(operation, lambda: self._client.fabric.sip_gateways.list, _RESOURCES))

    def _applications(self, operation: str) -> list[Json]:
        return list(self._listed(operation, lambda: self._client.fabric.cxml_applications.list, _RESOURCES))

    def _sip_credentials(self, operation: str) -> list[Json]:
        return list(self._listed(operation, lambda: self._credential_page, _RESOURCES))

    def _credential_page(self, **query: Any) -> object:
        """Get a page; the document of 2026-08-21 has it in an array, against every other listing, so both are read."""
        answer: object = self._client.fabric.sip_endpoints.list(**query)
        return answer[0] if isinstance(answer, list) and len(answer) == 1 else answer

    def _numbers(self, operation: str, **filters: str) -> Iterator[Json]:
        return self._listed(
            operation, lambda: self._client.phone_numbers.list, _PAGE, ("id", "number"), page_size=_PAGE, **filters
        )

    def _find(self, operation: str, wanted: frozenset[str]) -> Iterator[Json]:
        """Yield the project's numbers; one number is asked for by name (a partial match, so look at the answer)."""
        filters = {"filter_number": next(iter(wanted))} if len(wanted) == 1 else {}
        return self._numbers(operation, **filters)

    def _listed(
        self,
        operation: str,
        listing: Callable[[], Callable[..., Any]],
        size: int,
        needs: tuple[str, ...] = ("id",),
        **asked: Any,
    ) -> Iterator[Json]:
        """Yield every item of a listing. The SDK's own pager loses what came before an error, and ends at a loop.

        Args:
            operation: What voipkit is doing.
            listing: Gives the SDK's method.
            size: Items on a full page.
            needs: Fields that every item must have.
            asked: The first page's query; a later page's is named by the page before it.
        """

        def fetch(cursor: str | None) -> Page[Json]:
            with self._asking(operation):
                query = {} if cursor is None else dict(parse_qsl(cursor, keep_blank_values=True))
                return _page(listing()(**{**asked, **query}), size, needs)

        return by_cursor(INFO.id, fetch, key=lambda raw: str(raw["id"]))

    # --- routing -----------------------------------------------------------------------------------------------------

    @property
    def _default_route(self) -> Route | None:
        if self.sip_config.sip_uri:
            return Route.sip(self.sip_config.sip_uri)
        return Route.application(self.sip_config.application_id) if self.sip_config.application_id else None

    def _switchboard(self, operation: str) -> Switchboard:
        return Switchboard(
            info=INFO,
            find=lambda wanted: map(mapping.number, self._find(operation, wanted)),
            write=partial(self._write, operation),
            read=partial(self._read, operation),
            patience=self._http.retry_after_cap,
        )

    def _read(self, operation: str, found: ProviderNumber) -> ProviderNumber:
        with self._asking(operation):
            return mapping.number(_object(self._client.phone_numbers.get(found.id), "number"))

    def _write(self, operation: str, found: ProviderNumber, fields: Routing) -> tuple[ProviderNumber, int]:
        """Write what differs: by one update, or by assigning a resource and then updating what still differs."""
        handler, resource = {**found.routing, **fields}.get(HANDLER), fields.get(RESOURCE)
        if resource is None:
            if HANDLER in fields and handler is not None and handler not in COMPANIONS:
                which = "call handler" if handler == NOT_SHOWN else handler
                raise Unsupported(
                    f"SignalWire did not show which {which} the number had, so it cannot be put back.",
                    fix="Put it back in the dashboard, Phone Numbers.",
                )
            return self._update(operation, found, fields), 1
        seen = self._assign(operation, found, resource)
        rest = {name: value for name, value in fields.items() if name not in (HANDLER, RESOURCE)}
        arrived = (seen.routing.get(HANDLER), seen.routing.get(RESOURCE)) == (handler, resource)
        if not arrived or all(seen.routing.get(name) == value for name, value in rest.items()):
            return seen, 1  # what did not arrive is told by the reading back
        try:
            return self._update(operation, seen, rest), 2
        except InvalidRequest:  # its calls go where they should all the same; the reading back names what is left
            return seen, 1

    def _update(self, operation: str, found: ProviderNumber, fields: Routing) -> ProviderNumber:
        """Send the fields that differ; those left out stay as they are (the document requires none).

        The handler goes with its companion field, which the document requires beside it.
        """
        after = {**found.routing, **fields}
        changed = {name: value for name, value in fields.items() if found.routing.get(name) != value}
        changed.pop(RESOURCE, None)
        handler = after.get(HANDLER)
        if handler in COMPANIONS:
            changed |= {HANDLER: handler, COMPANIONS[handler]: after.get(COMPANIONS[handler])}
        elif handler is not None:
            changed.pop(HANDLER, None)
        # "" clears a text and leaves its method without a meaning. For the handler the document has no such value: null
        # is tried, in `extras`, since the SDK drops a None that is given by name.
        sent = {name: value for name, value in changed.items() if value is not None or name not in METHODS}
        body = {name: "" if value is None and name != HANDLER else value for name, value in sent.items()}
        try:
            with self._asking(operation):
                return mapping.number(_object(self._client.phone_numbers.update(found.id, extras=body), "number"))
        except InvalidRequest as error:
            if None not in body.values():
                raise
            words = f"SignalWire documents no way to clear a number's call handler, and refused to: {error.message}"
            raise Unsupported(words, fix="Clear it in the dashboard, Phone Numbers.") from error

    def _assign(self, operation: str, found: ProviderNumber, resource: str) -> ProviderNumber:
        """Assign a resource (SIP gateway, call flow, AI agent) to a number, and read the number again.

        Not checked against a live project: that the phone route's id is the number's. The answer shows the resource's
        address and not the number, so it proves nothing.
        """
        try:
            with self._asking(operation):
                assign = self._client.fabric.resources.assign_phone_route
                assign(resource, phone_route_id=found.id, handler="calling")
        except (InvalidRequest, NotFound) as error:
            words = f"SignalWire refused to route the number to resource {resource}: {error.message}"
            raise Unsupported(words, fix="Choose the resource for the number in the dashboard.") from error
        return self._read(operation, found)

    # --- verifying ---------------------------------------------------------------------------------------------------

    def _verify(self, wanted: Sequence[str | InvalidNumber], expected: Route | None) -> Iterator[NumberVerification]:
        operation, config = "verify_number", self.sip_config
        asked = frozenset(entry for entry in wanted if isinstance(entry, str))
        resources, looks = _Resources(self, operation), SipLooks(INFO.id, self._http)
        listing, _, profile, credentials = ask_together(
            lambda: self._owned(operation, asked) if asked else {},
            lambda: resources.look_up(expected if asked else None),
            lambda: self._sip_profile(operation) if asked and config.domain else {},
            lambda: self._sip_credentials(operation) if asked and config.sip_username else [],
        )
        if listing.error:
            raise listing.error
        for entry in wanted:
            raw = (listing.value or {}).get(str(entry))
            if raw is None:
                missing = _missing(entry)
                number = entry.given if isinstance(entry, InvalidNumber) else entry
                yield NumberVerification(provider=INFO.id, number=number, route=expected, checks=missing)
                continue
            found = mapping.number(raw, resources.uri_of)
            target = expected or found.route
            said = checks.number(found, expected, resources.gateways_if_asked)
            said += self._target_checks(target, resources)
            said += looks.at(target)
            said += checks.outbound(config, profile, credentials, found.number)
            counted = only_if_known(said)
            yield NumberVerification(provider=INFO.id, number=found.number, id=found.id, route=target, checks=counted)

    def _owned(self, operation: str, wanted: frozenset[str]) -> dict[str, Json]:
        """Look up which of the wanted numbers the project has; stop reading pages once all are found."""
        found: dict[str, Json] = {}
        for raw in self._find(operation, wanted):
            number = mapping.number(raw).number
            if number in wanted:
                found[number] = raw
                if len(found) == len(wanted):
                    break
        return found

    def _target_checks(self, route: Route | None, resources: _Resources) -> list[Check]:
        if route is None or route.kind == "webhook":
            return []
        if route.kind == "sip":
            return [checks.gateway(route.target, resources.gateways)]
        return [checks.application(route.target, resources.applications)]


class _Resources:
    """What several numbers share: SIP gateways and applications, each asked for once and only when needed."""

    def __init__(self, carrier: SignalWire, operation: str) -> None:
        self._carrier = carrier
        self._operation = operation

    @cached_property
    def gateways(self) -> Answer[Sequence[Json]]:
        return ask(lambda: self._carrier._sip_gateways(self._operation))

    @cached_property
    def applications(self) -> Answer[Sequence[Json]]:
        return ask(lambda: self._carrier._applications(self._operation))

    @cached_property
    def _uris(self) -> Mapping[str, str | None]:
        return {str(raw["id"]): checks.gateway_uri(raw) for raw in self.gateways.value or ()}

    @property
    def gateways_if_asked(self) -> Answer[Sequence[Json]] | None:
        return vars(self).get("gateways")

    def look_up(self, route: Route | None) -> None:
        """Ask for what a route needs, now."""
        if route is not None and route.kind in ("sip", "application"):
            getattr(self, "gateways" if route.kind == "sip" else "applications")

    def uri_of(self, gateway_id: str) -> str | None:
        """Return the SIP URI of a gateway, or None where it is not known."""
        return self._uris.get(gateway_id)

    def gateway_id(self, uri: str) -> str:
        """Find the gateway that leads to a URI; the first one where several do.

        Raises:
            NotFound: There is none.
            ProviderError: The gateways could not be asked for.
        """
        if self.gateways.error:
            raise self.gateways.error
        wanted = mapping.sip_key(uri)
        for gateway_id, known in self._uris.items():
            if mapping.sip_key(known or "") == wanted:
                return gateway_id
        listed = ", ".join([known for known in self._uris.values() if known][:3]) or "none"
        raise NotFound(
            f"No SIP gateway of the project leads to {uri}. There are: {listed}.",
            provider=INFO.id,
            operation=self._operation,
            fix="Add a SIP gateway with that URI in the dashboard, Resources; voipkit makes none unasked.",
        )


def _missing(entry: str | InvalidNumber) -> tuple[Check, ...]:
    if isinstance(entry, InvalidNumber):
        return (checks.not_e164(entry),)
    return (checks.not_owned(entry), checks.not_asked("inbound"), checks.not_asked("outbound"))


# --- reading answers -------------------------------------------------------------------------------------------------


def _page(answer: object, size: int, needs: Collection[str] = ("id",)) -> Page[Json]:
    """Read a page: {"data": [...], "links": {"next": ...}}."""
    body = _object(answer, "listing")
    items, links = body.get("data"), body.get("links")
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise _nonsense("listing")
    if not all(text(item.get(name)) for item in items for name in needs):
        raise _nonsense("listing")
    if not isinstance(links, dict) and len(items) >= size:
        raise _nonsense("listing")  # a full page that does not say whether there are more
    following = text(links.get("next")) if isinstance(links, dict) else None
    cursor = urlsplit(following).query if following else None
    if cursor == "":
        raise _nonsense("listing")  # there are more, and it does not say where
    return Page(items, next=cursor)


def _object(answer: object, what: str) -> Json:
    if not isinstance(answer, dict):
        raise _nonsense(what)
    return answer


def _nonsense(what: str) -> UnexpectedResponse:
    return UnexpectedResponse(
        f"SignalWire's answer is not the {what} that was asked for.",
        provider=INFO.id,
        fix="Try again; if it lasts, look for a proxy in between, and report it.",
    )


def _refuse_old_distribution() -> None:
    """Refuse to work beside `signalwire` 2.1 and older: it overwrites files of `signalwire-sdk`, which pip allows.

    Raises:
        MissingExtra: With the commands that repair it.
    """
    try:
        old = metadata.version("signalwire")
    except metadata.PackageNotFoundError:
        return
    raise MissingExtra(
        f"The old distribution signalwire {old} is installed. It and signalwire-sdk are both imported as 'signalwire' "
        "and overwrite each other's files.",
        fix="pip uninstall -y signalwire signalwire-sdk && pip install 'voipkit[signalwire]'",
    )
