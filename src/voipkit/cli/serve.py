"""``voipkit serve``: the HTTP API on this machine, for one tenant, on SQLite unless told otherwise."""

from __future__ import annotations

import os
import secrets
import signal
import socket
from typing import TYPE_CHECKING, Annotated

import typer
from pydantic import SecretStr
from rich.text import Text

from voipkit.adapting.transport import HttpOptions
from voipkit.cli import output
from voipkit.cli.db import Where, opened_store
from voipkit.cli.guard import OK
from voipkit.cli.options import AsJson, CaBundle
from voipkit.errors import ConfigurationError, MissingExtra
from voipkit.evidence import KeyRing

if TYPE_CHECKING:
    from fastapi import FastAPI

__all__ = ["serve"]

_TOKEN = "VOIPKIT_API_TOKEN"  # noqa: S105 - the name of a variable
_BACKLOG = 2048  # connections that wait to be accepted; uvicorn's own default
_DRAIN = 30  # seconds that requests under way have to end after Ctrl-C


def serve(
    *,
    host: Annotated[str, typer.Option(metavar="ADDRESS", help="Listen here.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, metavar="PORT", help="0 takes a free one.")] = 8000,
    database: Where = None,
    org: Annotated[str, typer.Option(metavar="TENANT", help="The tenant that everything belongs to.")] = "default",
    ca_bundle: CaBundle = None,
    base_url: Annotated[str | None, typer.Option(envvar="VOIPKIT_BASE_URL", hidden=True)] = None,
    as_json: AsJson = False,
) -> int:
    """Serve the HTTP API on this machine.

    One tenant and one token, which is read from VOIPKIT_API_TOKEN; without it, one is made for this run and printed.
    Needs VOIPKIT_SECRET_KEY and voipkit[web,sql]. The database's tables are brought up to date first. For many
    tenants, include the router in an application of yours (docs/embedding.md).
    """
    ring = KeyRing.from_env()
    given = os.environ.get(_TOKEN, "").strip()
    token = SecretStr(given or secrets.token_urlsafe(32))
    http = HttpOptions(base_url=base_url, ca_bundle=ca_bundle, proxies=os.environ.get("VOIPKIT_PROXY") or None)
    with opened_store(database) as store:
        from voipkit.service import ConnectionService
        from voipkit.web import create_app

        app = create_app(ConnectionService(store, ring, http=http), token=token, org_id=org)
        store.upgrade()
        _run(app, host, port, made=None if given else token, as_json=as_json)
    return OK


def _run(app: FastAPI, host: str, port: int, *, made: SecretStr | None, as_json: bool) -> None:
    try:
        import uvicorn
    except ModuleNotFoundError as error:
        raise MissingExtra("`voipkit serve` needs uvicorn.", fix="pip install 'voipkit[web]'") from error
    config = uvicorn.Config(
        app, log_level="warning", access_log=False, server_header=False, timeout_graceful_shutdown=_DRAIN
    )
    try:
        listening = _listening(host, port)
    except OSError as error:
        raise ConfigurationError(
            f"{host} port {port} cannot be used: {error.strerror}.", fix="Choose another with --port, or 0 for any."
        ) from None
    with listening:
        shown = f"[{host}]" if ":" in host else host
        _announce(f"http://{shown}:{listening.getsockname()[1]}", made, as_json=as_json)
        # uvicorn shuts down in order and then raises the signal again: SIGTERM, too, must let the store be closed.
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        try:
            uvicorn.Server(config).run(sockets=[listening])
        except KeyboardInterrupt:
            output.note("\nStopped.")


def _listening(host: str, port: int) -> socket.socket:
    """Listen before the address is announced; uvicorn's own way would exit the process where it cannot."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family, backlog=_BACKLOG)


def _announce(url: str, made: SecretStr | None, *, as_json: bool) -> None:
    """Say where it is. A token that was made is shown once, here: nobody could use it otherwise."""
    token = made.get_secret_value() if made else None
    if as_json:
        output.emit_line({"url": url, "openapi": f"{url}/openapi.json", "token": token})
    else:
        output.line(Text.assemble("voipkit at ", (url, "bold green"), "  (Ctrl-C stops it)"))
        output.line(f"OpenAPI: {url}/openapi.json", "dim")
        if token:
            output.line(f"Token for this run: {token}")
        output.line(f"curl -H 'Authorization: Bearer ...' {url}/v1/voip-connections", "dim")
    output.flush()
