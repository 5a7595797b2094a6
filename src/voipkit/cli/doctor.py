"""``voipkit doctor``: what is installed, what is set, and what is wrong with it.

No secret is shown, and nothing is sent unless ``--network`` asks for it.
"""

from __future__ import annotations

import difflib
import os
import platform
import socket
import ssl
import sys
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

import typer

import voipkit
from voipkit import registry
from voipkit.adapting import network
from voipkit.adapting.transport import HttpOptions
from voipkit.cli import output
from voipkit.cli.guard import FAILED, OK
from voipkit.cli.inputs import known_variables, unknown_variables
from voipkit.cli.installed import Requirement, extras, requirements
from voipkit.cli.local import simulated
from voipkit.cli.options import AsJson
from voipkit.errors import ConfigurationError, VoipkitError
from voipkit.evidence import KeyRing
from voipkit.models import ProviderInfo
from voipkit.sandbox import Sandbox

__all__ = ["doctor"]

_OLDEST = (3, 11)
_BUNDLE, _PROXY = "VOIPKIT_CA_BUNDLE", "VOIPKIT_PROXY"
# What requests, httpx, urllib and OpenSSL would take from the environment.
_NETWORK = (
    "HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "NO_PROXY", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE",
    "SSL_CERT_DIR", "SSLKEYLOGFILE",
)  # fmt: skip
_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the diagnosis; only ``fail`` makes it a bad one."""

    topic: str
    status: Literal["ok", "info", "warn", "fail"]
    message: str
    fix: str | None = None


def doctor(
    *,
    reach: Annotated[
        bool, typer.Option("--network", help="Also look up each carrier's hosts and shake hands by TLS.")
    ] = False,
    as_json: AsJson = False,
) -> int:
    """Look for what is wrong here.

    Versions, carriers, keys and variables; never their values. Exit code 1 when something is wrong.
    """
    findings = [
        *_python(),
        *_packages(),
        *_plugins(),
        *_secret_key(),
        *_own_variables(),
        *_foreign_variables(),
        *(_reachable() if reach else ()),
    ]
    bad = any(finding.status == "fail" for finding in findings)
    if as_json:
        output.emit({"ok": not bad, "findings": [asdict(finding) for finding in findings]})
    else:
        rows = ((output.status(f.status), f.topic, f.message, f.fix) for f in findings)
        output.show_table(("status", "what", "found", "what to do"), rows, prose=("found", "what to do"))
        output.line()
        output.line("Something is wrong." if bad else "All is well.", "bold red" if bad else "green")
    return FAILED if bad else OK


# --- What is installed -----------------------------------------------------------------------------------------------


def _python() -> Iterator[Finding]:
    version = platform.python_version()
    good = sys.version_info[:2] >= _OLDEST
    wanted = ".".join(str(part) for part in _OLDEST)
    yield Finding("Python", "ok" if good else "fail", version, None if good else f"Use Python {wanted} or newer.")
    yield Finding("platform", "info", f"{platform.system()} {platform.release()} {platform.machine()}")


def _packages() -> Iterator[Finding]:
    yield _group("voipkit", f"{voipkit.__version__}: ", requirements(), "pip install --upgrade voipkit")
    for extra in extras():
        yield _group(f"extra {extra}", "", requirements(extra), f"pip install 'voipkit[{extra}]'")


def _group(topic: str, before: str, wanted: tuple[Requirement, ...], install: str) -> Finding:
    """Say which versions are there. A wrong version is wrong; an extra that is absent, or there by halves, may be."""
    text = before + ", ".join(f"{r.name} {r.version or 'not installed'}" for r in wanted)
    absent = [r for r in wanted if r.version is None]
    wrong = ", ".join(f"{r.name}{r.wanted}" for r in wanted if r.version is not None and not r.fits)
    if wrong:
        return Finding(topic, "fail", f"{text}; wants {wrong}", install)
    if not absent:
        return Finding(topic, "ok", text)
    return Finding(topic, "info" if len(absent) == len(wanted) else "warn", text, f"Where it is needed: {install}")


def _plugins() -> Iterator[Finding]:
    points = metadata.entry_points(group=registry.GROUP)
    for name in sorted({point.name for point in points}):
        try:
            info = registry.provider_info(name)
        except ConfigurationError as error:
            yield Finding(f"carrier {name}", "fail", error.message, error.fix)
        else:
            yield Finding(f"carrier {name}", "ok", f"{info.label}, from {info.distribution} {info.version}")
    if not points:
        yield Finding("carriers", "fail", "No carrier is installed.", "pip install --force-reinstall voipkit")


def _carriers() -> tuple[ProviderInfo, ...]:
    """Return the carriers that can be described; `_plugins` has told of the others."""
    try:
        return tuple(info for info in registry.providers() if not info.broken)
    except ConfigurationError:
        return ()


# --- What is set -----------------------------------------------------------------------------------------------------


def _secret_key() -> Iterator[Finding]:
    if not os.environ.get("VOIPKIT_SECRET_KEY"):
        text = "not set; needed for evidence only"
        yield Finding("VOIPKIT_SECRET_KEY", "info", text, "Make one with: voipkit evidence keygen")
        return
    try:
        ring = KeyRing.from_env()
    except ConfigurationError as error:
        yield Finding("VOIPKIT_SECRET_KEY", "fail", error.message, error.fix)
    else:
        yield Finding("VOIPKIT_SECRET_KEY", "ok", f"well-formed; key ids, newest first: {', '.join(ring.kids)}")


def _own_variables() -> Iterator[Finding]:
    if os.environ.get("VOIPKIT_BASE_URL"):
        text = "set: commands go there, and not to the carriers"
        yield Finding("VOIPKIT_BASE_URL", "warn", text, "Unset it to reach the carriers.")
    yield from _bundle_and_proxy()
    for info in _carriers():
        known = known_variables(info)
        there = sorted(known & os.environ.keys())
        if there:
            yield Finding(f"account {info.id}", "info", f"read from the environment: {', '.join(there)}")
        for name in unknown_variables(info):
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"Did you mean {near[0]}?" if near else f"`voipkit providers {info.id}` names them."
            yield Finding(f"account {info.id}", "warn", f"{name} is set, but {info.label} has no such field", hint)


def _bundle_and_proxy() -> Iterator[Finding]:
    """Say whether they can be used; a proxy's URL may hold a password, and is not shown."""
    if bundle := os.environ.get(_BUNDLE):
        try:
            network.tls_context(bundle)
        except ConfigurationError:
            fix = "Give the path of a PEM file of certificates, or unset it."
            yield Finding(_BUNDLE, "fail", f"{bundle} cannot be read as certificates", fix)
        else:
            yield Finding(_BUNDLE, "ok", f"{bundle}, in place of certifi's authorities")
    if proxy := os.environ.get(_PROXY):
        try:
            HttpOptions(proxies=proxy)
        except ConfigurationError:
            yield Finding(_PROXY, "fail", "set, but no http or https URL", "Write http://host:port, or unset it.")
        else:
            yield Finding(_PROXY, "info", "set: requests go through it; it is not tested here")


def _foreign_variables() -> Iterator[Finding]:
    """Name what an SDK would pick up by itself; voipkit does not, so that a backend's environment changes nothing."""
    prefixes = tuple(f"{info.id.upper()}_" for info in _carriers())
    seen = sorted(
        name
        for name, value in os.environ.items()
        if value and (name.upper() in _NETWORK or (prefixes and name.startswith(prefixes)))
    )
    if seen:
        yield Finding(
            "environment",
            "info",
            f"set, and ignored by voipkit: {', '.join(seen)}",
            "For a proxy or an authority of your own: VOIPKIT_PROXY, VOIPKIT_CA_BUNDLE, or HttpOptions.",
        )
    if (Path.home() / ".netrc").exists():
        yield Finding("environment", "info", "~/.netrc is there, and ignored by voipkit")
    if not seen:
        yield Finding("environment", "ok", "nothing set that an SDK would pick up by itself")


# --- What can be reached ---------------------------------------------------------------------------------------------


def _reachable() -> Iterator[Finding]:
    """Shake hands with the hosts that a credential test would ask. A proxy is not gone through."""
    try:
        context = network.tls_context(os.environ.get(_BUNDLE) or None)
    except ConfigurationError:  # `_bundle_and_proxy` has told
        return
    for info in simulated(Sandbox()):
        for host in _hosts(info):
            yield _shake_hands(host, context)


def _hosts(info: ProviderInfo) -> list[str]:
    """Learn a carrier's hosts from a credential test that is answered by the sandbox: nothing leaves this process."""
    box = Sandbox()
    hosts: dict[str, None] = {}

    def wire(method: str, url: str, headers: Mapping[str, str], body: bytes) -> tuple[int, Mapping[str, str], bytes]:
        hosts[urlsplit(url).hostname or ""] = None
        return box.wire(method, url, dict(headers), body)

    try:
        carrier = registry.open_provider(
            info.id, box.credentials(info.id), sip_config=box.sip_config(info.id), http=HttpOptions(wire=wire)
        )
        carrier.test_credentials()
        carrier.close()
    except VoipkitError:  # its SDK is not installed: `_packages` has told
        return []
    return list(hosts)


def _shake_hands(host: str, context: ssl.SSLContext) -> Finding:
    try:
        with (
            socket.create_connection((host, 443), timeout=_SECONDS) as plain,
            context.wrap_socket(plain, server_hostname=host) as secured,
        ):
            return Finding(f"network {host}", "ok", f"{plain.getpeername()[0]}, {secured.version()}")
    except socket.gaierror as error:
        return Finding(f"network {host}", "fail", f"name not found: {error.strerror}", "Look at DNS.")
    except ssl.SSLError as error:
        fix = "Something in between speaks TLS with its own authority: set VOIPKIT_CA_BUNDLE."
        return Finding(f"network {host}", "fail", f"TLS: {error.reason}", fix)
    except OSError as error:
        fix = "Look at the firewall; where a proxy is needed, set VOIPKIT_PROXY (it is not tested here)."
        return Finding(f"network {host}", "fail", f"no connection: {error.strerror or error}", fix)
