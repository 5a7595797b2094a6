"""From names to carriers, through entry points: built-in carriers come the same way as strangers.

`names` reads package metadata only; `info` and `providers` load a carrier's module, which imports no SDK;
`open_provider` checks the credentials and opens the carrier.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from importlib import metadata
from typing import Any, NoReturn, cast

from pydantic import SecretStr, ValidationError

from voipkit.adapting.transport import HttpOptions
from voipkit.errors import (
    BrokenProvider,
    CredentialsInvalid,
    DuplicateProvider,
    FieldProblem,
    UnknownProvider,
    Unsupported,
)
from voipkit.models import ProviderInfo, Settings, SetupMethod
from voipkit.protocols import Provider, capabilities_of

__all__ = ["GROUP", "masked", "names", "open_provider", "provider_info", "providers"]

GROUP = "voipkit.providers"
"""The entry-point group in which a distribution offers carriers."""


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
    """
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

    The carrier's SDK is loaded at the first request, which raises `MissingExtra` where it is not installed.
    """
    # Tracebacks may show this frame's arguments (Sentry does): keep secrets masked from the first line on.
    given, credentials = masked(credentials), {}
    given_sip, sip_config = masked(sip_config or {}), None
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


def _distribution(point: metadata.EntryPoint) -> tuple[str | None, str | None]:
    return (point.dist.name, point.dist.version) if point.dist else (None, None)


def _single(name: str, found: Mapping[str, list[metadata.EntryPoint]]) -> metadata.EntryPoint:
    points = found.get(name, [])
    if len(points) > 1:
        owners = " and ".join(sorted(f"'{_distribution(point)[0] or point.value}'" for point in points))
        raise DuplicateProvider(f"Both {owners} offer a carrier named '{name}'.", fix="Uninstall one of them.")
    if not points:
        near = difflib.get_close_matches(str(name).lower(), found, n=1, cutoff=0.5)
        hint = f"Did you mean '{near[0]}'?" if near else "Install the distribution that offers it."
        raise UnknownProvider(
            f"No carrier named '{name}' is installed; there are: {', '.join(sorted(found)) or 'none'}.",
            fix=hint,
        )
    return points[0]


def _load(name: str) -> Any:
    """Import a carrier's class. Its module imports no SDK, so what fails here is the plugin itself."""
    point = _single(name, _entry_points())
    try:
        carrier = point.load()
        info = carrier.info
    except Exception as error:
        owner = _distribution(point)[0] or point.value
        raise BrokenProvider(
            f"The carrier '{name}' of '{owner}' cannot be loaded: {type(error).__name__}: {error}",
            fix=f"Upgrade or uninstall '{owner}'.",
        ) from error
    if not isinstance(info, ProviderInfo):
        raise BrokenProvider(f"The carrier '{name}' has no 'info' of type ProviderInfo.", fix="Ask its author.")
    return carrier


def _describe(name: str, carrier: Any) -> ProviderInfo:
    distribution, version = _distribution(_single(name, _entry_points()))
    update = {"capabilities": capabilities_of(carrier), "distribution": distribution, "version": version}
    info: ProviderInfo = carrier.info
    return info.model_copy(update=update)


def _info_or_broken(name: str) -> ProviderInfo:
    try:
        return provider_info(name)
    except BrokenProvider as error:
        distribution, version = _distribution(_single(name, _entry_points()))
        return ProviderInfo(id=name, label=name, distribution=distribution, version=version, broken=error.message)


# --- credentials -----------------------------------------------------------------------------------------------------


def _method(info: ProviderInfo, method_id: str | None) -> SetupMethod:
    method = info.setup_method(method_id)
    if method is None:
        raise Unsupported(
            f"{info.label} has no set-up method '{method_id}'.",
            fix=f"Use one of: {', '.join(m.id for m in info.setup_methods)}.",
        )
    return method


def masked(given: Mapping[str, Any]) -> dict[str, Any]:
    """Wrap every text in a `SecretStr`, so that no later frame holds a plain one. Masking twice is fine.

    Raises:
        CredentialsInvalid: It is not a mapping.
    """
    if not isinstance(given, Mapping):
        _not_a_mapping(type(given).__name__)
    return {str(name): SecretStr(value) if isinstance(value, str) else value for name, value in given.items()}


def _not_a_mapping(kind: str) -> NoReturn:
    raise CredentialsInvalid(
        f"Credentials are a mapping of field names to values, not a {kind}.",
        fix="Pass a dict, such as {'apiKey': ...}.",
    )


def _validated(model: type[Settings], given: dict[str, Any], section: str) -> Settings | tuple[FieldProblem, ...]:
    """Build the model, or say what is wrong; pydantic's own error knows the values and stays in here."""
    try:
        return model.model_validate(given)
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
        return FieldProblem(name, name, section, f"no such field; {hint}")
    if entry["type"] == "missing":
        wants = model.model_fields[field].title or field
        return FieldProblem(field, alias, section, f"is required ({wants}).")
    return FieldProblem(field, alias, section, str(entry["msg"]))
