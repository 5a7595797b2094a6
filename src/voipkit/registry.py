"""From names to carriers, through entry points: built-in carriers come the same way as strangers.

`names` reads package metadata only; `info` and `providers` load a carrier's module, which imports no SDK;
`open_provider` checks the credentials and opens the carrier.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from importlib import metadata
from typing import Any, cast

from pydantic import Secret, SecretBytes, SecretStr, ValidationError

from voipkit.adapting.transport import HttpOptions
from voipkit.errors import (
    BrokenProvider,
    ConfigurationError,
    CredentialsInvalid,
    DuplicateProvider,
    FieldProblem,
    MissingExtra,
    UnknownProvider,
    Unsupported,
)
from voipkit.models import ProviderInfo, Settings, SetupMethod
from voipkit.protocols import Provider, capabilities_of

__all__ = ["GROUP", "Masked", "masked", "names", "open_provider", "provider_info", "providers"]

GROUP = "voipkit.providers"
"""The entry-point group in which a distribution offers carriers."""

_METHODS = (
    "test_credentials", "suggest_name", "list_numbers", "import_numbers", "verify_number", "verify_numbers", "close",
)  # fmt: skip
_FIELD_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,30}")  # shorter than any carrier's key or token (32 and more)


def names() -> tuple[str, ...]:
    """Return the name of every installed carrier, sorted, without importing any.

    Raises:
        DuplicateProvider: Two distributions offer the same name.
    """
    found = _entry_points()
    for name in found:
        _single(name, found)
    return tuple(sorted(found))


def providers() -> tuple[ProviderInfo, ...]:
    """Describe every installed carrier. No SDK is imported.

    Returns:
        One entry a carrier, sorted by name; a carrier that cannot be loaded is there too, with ``broken`` set.

    Raises:
        DuplicateProvider: Two distributions offer the same name.
    """
    return tuple(_info_or_broken(name) for name in names())


def provider_info(name: str) -> ProviderInfo:
    """Describe one carrier: set-up methods, form fields, JSON Schemas, routes, capabilities.

    Args:
        name: The carrier's id.

    Raises:
        UnknownProvider: No installed distribution offers it.
        DuplicateProvider: Two do.
        BrokenProvider: It cannot be loaded.
        MissingExtra: Its module says itself what has to be installed first.
    """
    name = _printable(name)
    return _describe(name, _load(name))


def open_provider(
    name: str,
    credentials: Mapping[str, Any],
    *,
    sip_config: Mapping[str, Any] | None = None,
    setup_method: str | None = None,
    http: HttpOptions | None = None,
) -> Provider:
    """Open a carrier account. No request is sent.

    Args:
        name: The carrier's id, such as ``telnyx``.
        credentials: Fields by their name, in snake_case or camelCase; see `provider_info`.
        sip_config: The carrier's SIP configuration, in the same way.
        setup_method: One of the carrier's set-up methods; None takes its first.
        http: How requests are sent.

    Returns:
        The opened carrier. Close it when done; it is a context manager too.

    Raises:
        UnknownProvider: No installed distribution offers it.
        CredentialsInvalid: A field is missing, unknown or of the wrong form; every such field is named.
        Unsupported: The carrier has no such set-up method.
        BrokenProvider: The carrier cannot be loaded.
        ConfigurationError: ``http`` is not `HttpOptions`.

    The carrier's SDK is loaded at the first request, which raises `MissingExtra` where it is not installed.
    """
    # Tracebacks may show this frame's arguments (Sentry does): keep secrets masked from the first line on.
    given, credentials = masked(credentials), {}
    given_sip, sip_config = masked({} if sip_config is None else sip_config), None
    name = _printable(name)
    if http is not None and not isinstance(http, HttpOptions):
        raise ConfigurationError(
            f"http is HttpOptions, not a {type(http).__name__}.", fix="Pass http=voipkit.HttpOptions(...)."
        )
    carrier = _load(name)
    method = _method(carrier.info, setup_method)
    outcomes = (
        _validated(method.credentials, given, "credentials"),
        _validated(method.sip_config, given_sip, "sip_config"),
    )
    problems = tuple(problem for outcome in outcomes if isinstance(outcome, tuple) for problem in outcome)
    if problems:
        raise CredentialsInvalid(
            f"{carrier.info.label}: {'; '.join(str(problem) for problem in problems)}",
            problems=problems,
            fix=f"See {carrier.info.docs_url}" if carrier.info.docs_url else None,
        )
    opened = carrier(*outcomes, setup_method=method.id, http=http or HttpOptions())
    return cast("Provider", opened)


# --- entry points ----------------------------------------------------------------------------------------------------


def _entry_points() -> dict[str, list[metadata.EntryPoint]]:
    found: dict[str, list[metadata.EntryPoint]] = {}
    for point in metadata.entry_points(group=GROUP):
        same = found.setdefault(point.name, [])
        if (point.value, _distribution(point)[0]) not in [(p.value, _distribution(p)[0]) for p in same]:
            same.append(point)
    return found


def _printable(name: object) -> str:
    """Never show what is no text: credentials, when the arguments came in the wrong order."""
    return name if isinstance(name, str) else f"<{type(name).__name__}>"


def _distribution(point: metadata.EntryPoint) -> tuple[str | None, str | None]:
    """Name and version; an interrupted uninstall leaves entry points without either."""
    if point.dist is None:
        return None, None
    try:
        # Not `dist.name`: asking for an absent field warns since Python 3.12.
        found = [(point.dist.metadata.get_all(field) or [None])[0] for field in ("Name", "Version")]
    except FileNotFoundError:  # of importlib_metadata 10.2, which finds for everybody once anybody has imported it
        return None, None
    return found[0], found[1]


def _single(name: str, found: Mapping[str, list[metadata.EntryPoint]]) -> metadata.EntryPoint:
    points = found.get(name, [])
    if len(points) > 1:
        owners = " and ".join(sorted(f"'{_distribution(point)[0] or point.value}'" for point in points))
        raise DuplicateProvider(f"Both {owners} offer a carrier named '{name}'.", fix="Uninstall one of them.")
    if not points:
        near = difflib.get_close_matches(name.lower(), found, n=1, cutoff=0.5)
        hint = f"Did you mean '{near[0]}'?" if near else "Install the distribution that offers it."
        raise UnknownProvider(
            f"No carrier named '{name}' is installed; there are: {', '.join(sorted(found)) or 'none'}.",
            fix=hint,
        )
    return points[0]


def _load(name: str) -> Any:
    """Import a carrier's class. Its module imports no SDK, so what fails here is the plugin itself."""
    point = _single(name, _entry_points())
    owner = _distribution(point)[0] or point.value
    try:
        carrier = point.load()
    except MissingExtra:
        raise
    except (Exception, SystemExit) as error:  # a plugin that calls sys.exit() shall not end the host
        raise BrokenProvider(
            f"The carrier '{name}' of '{owner}' cannot be loaded: {type(error).__name__}: {error}",
            fix=f"Upgrade or uninstall '{owner}'.",
        ) from error
    wrong = _misfit(name, carrier)
    if wrong:
        raise BrokenProvider(f"The carrier '{name}' of '{owner}' {wrong}.", fix=f"Upgrade or uninstall '{owner}'.")
    return carrier


def _misfit(name: str, carrier: object) -> str | None:
    """Say in what a loaded object is no carrier, so that it is found out here and not in the middle of a call."""
    if not isinstance(carrier, type):
        return "is not a class"
    info = getattr(carrier, "info", None)
    if not isinstance(info, ProviderInfo):
        return "has no 'info' of type ProviderInfo"
    if info.id != name:
        return f"calls itself '{info.id}'"
    if not info.setup_methods:
        return "has no set-up method"
    missing = [method for method in _METHODS if not callable(getattr(carrier, method, None))]
    return f"lacks {', '.join(missing)}" if missing else None


def _describe(name: str, carrier: Any) -> ProviderInfo:
    distribution, version = _distribution(_single(name, _entry_points()))
    update = {"capabilities": capabilities_of(carrier), "distribution": distribution, "version": version}
    info: ProviderInfo = carrier.info
    try:
        info.model_dump()  # draws every form and schema
    except Exception as error:
        raise BrokenProvider(
            f"The forms of the carrier '{name}' cannot be drawn: {type(error).__name__}: {error}",
            fix=f"Upgrade or uninstall '{distribution or name}'.",
        ) from error
    return info.model_copy(update=update)


def _info_or_broken(name: str) -> ProviderInfo:
    try:
        return provider_info(name)
    except (BrokenProvider, MissingExtra) as error:
        distribution, version = _distribution(_single(name, _entry_points()))
        return ProviderInfo(id=name, label=name, distribution=distribution, version=version, broken=str(error))


# --- credentials -----------------------------------------------------------------------------------------------------


def _method(info: ProviderInfo, method_id: str | None) -> SetupMethod:
    method = info.setup_method(method_id)
    if method is None:
        raise Unsupported(
            f"{info.label} has no set-up method '{method_id}'.",
            fix=f"Use one of: {', '.join(m.id for m in info.setup_methods)}.",
        )
    return method


class Masked(dict[str, Any]):
    """Fields as they were given, every value behind a `Secret`; not even a name is shown, as it may be a value.

    Attributes:
        instead: The type of what was given where that is no mapping, else None.
    """

    instead: str | None = None

    def __repr__(self) -> str:
        return "<masked>"


def masked(given: Mapping[str, Any]) -> Masked:
    """Hide every value, so that no later frame holds a plain one. Masking twice is fine.

    It never raises: a traceback would show what was given. `open_provider` refuses what is no mapping.
    """
    if isinstance(given, Masked):
        return given
    if not isinstance(given, Mapping):
        wrong = Masked()
        wrong.instead = type(given).__name__
        return wrong
    return Masked((str(name), _hidden(value)) for name, value in given.items())


def _hidden(value: object) -> object:
    if isinstance(value, str):
        return SecretStr(value)
    shown = value is None or isinstance(value, bool | SecretStr | SecretBytes | Secret)
    return value if shown else Secret(value)


def _validated(model: type[Settings], given: Masked, section: str) -> Settings | tuple[FieldProblem, ...]:
    """Build the model, or say what is wrong; pydantic's own error knows the values and stays in here."""
    if given.instead:
        text = f"must be a mapping of field names to values, such as a dict, not a {given.instead}."
        return (FieldProblem("", "", section, text),)
    try:
        return model.model_validate(dict(given))
    except ValidationError as error:
        found = error.errors(include_input=False, include_url=False, include_context=False)
        return tuple(_problem(model, section, str(entry["loc"][0]) if entry["loc"] else "", entry) for entry in found)


def _problem(model: type[Settings], section: str, name: str, entry: Mapping[str, Any]) -> FieldProblem:
    known = {field.alias or key: key for key, field in model.model_fields.items()}
    field = known.get(name, name)
    alias = next((a for a, key in known.items() if key == field), name)
    if entry["type"] == "extra_forbidden":
        near = difflib.get_close_matches(name, [*known, *known.values()], n=1, cutoff=0.5)
        hint = f"did you mean '{near[0]}'?" if near else f"there are: {', '.join(known) or 'none'}."
        if not _FIELD_NAME.fullmatch(name):
            return FieldProblem(
                "", "", section, f"one name is not a field's; it may be a value and is not shown; {hint}"
            )
        return FieldProblem(name, name, section, f"no such field; {hint}")
    if entry["type"] == "missing":
        wants = model.model_fields[field].title or field
        return FieldProblem(field, alias, section, f"is required ({wants}).")
    places = [f"item {step + 1}: " for step in entry["loc"][1:2] if isinstance(step, int)]
    return FieldProblem(field, alias, section, "".join([*places, str(entry["msg"])]))
