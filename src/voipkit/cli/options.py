"""Arguments and options that several commands share, said once."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from voipkit import registry
from voipkit.adapting.transport import HttpOptions
from voipkit.cli.inputs import gather
from voipkit.errors import ConfigurationError
from voipkit.models import Route
from voipkit.protocols import Provider

__all__ = ["Account", "AsJson", "CaBundle", "Numbers", "NumbersFile", "RouteText", "Yes", "parse_route", "with_account"]

_ACCOUNT = "Account"
_CONNECTION = "Connection"

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for programs (docs/cli.md).")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask for confirmation.")]
Numbers = Annotated[
    list[str] | None, typer.Argument(metavar="[NUMBER]...", help="Phone numbers in E.164, such as +15550001234.")
]
NumbersFile = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="More numbers, one a line (or `voipkit numbers --json`); - is standard input."),
]
RouteText = Annotated[
    str | None,
    typer.Option(
        "--route",
        metavar="ROUTE",
        help="Where calls shall go: trunk:ID, application:ID, webhook:URL, webhook:GET:URL or sip:URI. "
        "Without it, the route that the credentials or the SIP configuration name.",
    ),
]
CaBundle = Annotated[
    Path | None,
    typer.Option(
        "--ca-bundle",
        metavar="FILE",
        envvar="VOIPKIT_CA_BUNDLE",
        rich_help_panel=_CONNECTION,
        help="Certificate authorities (PEM) in place of certifi's.",
    ),
]

_Carrier = Annotated[str, typer.Argument(metavar="CARRIER", help="The carrier's id; see `voipkit providers`.")]
_COMMON: dict[str, tuple[Any, Any]] = {
    "credentials": (
        Annotated[
            Path | None,
            typer.Option(
                "--credentials",
                metavar="FILE",
                rich_help_panel=_ACCOUNT,
                help='JSON: `{"credentials": {...}, "sip_config": {...}}`, or the credential fields alone; - is '
                "standard input. Without it: the variables `VOIPKIT_<CARRIER>_<FIELD>`, else a prompt.",
            ),
        ],
        None,
    ),
    "setup_method": (
        Annotated[
            str | None,
            typer.Option(
                metavar="ID", rich_help_panel=_ACCOUNT, help="How to connect; the carrier's first by default."
            ),
        ],
        None,
    ),
    "timeout": (
        Annotated[
            float | None,
            typer.Option(
                metavar="SECONDS", rich_help_panel=_CONNECTION, help="Longest wait for each read of an answer; 20."
            ),
        ],
        None,
    ),
    "deadline": (
        Annotated[
            float | None,
            typer.Option(
                metavar="SECONDS",
                rich_help_panel=_CONNECTION,
                help="Longest time for one request, retries included; 60.",
            ),
        ],
        None,
    ),
    "ca_bundle": (CaBundle, None),
    "allow_private": (
        Annotated[
            bool,
            typer.Option(
                "--allow-private",
                rich_help_panel=_CONNECTION,
                help="Let hosts that the credentials name (a SIP trunk) have addresses that are not public.",
            ),
        ],
        False,
    ),
    "probe_sip": (
        Annotated[
            bool,
            typer.Option(
                "--probe-sip",
                rich_help_panel=_CONNECTION,
                help="Also ask the SIP URI that calls go to whether it is there; no call is placed.",
            ),
        ],
        False,
    ),
    "base_url": (Annotated[str | None, typer.Option(envvar="VOIPKIT_BASE_URL", hidden=True)], None),
}


@dataclass(frozen=True, slots=True)
class Account:
    """The carrier account that a command is about; nothing is read or asked before it is opened."""

    carrier: str | None
    credentials: Path | None
    setup_method: str | None
    http: HttpOptions

    @contextmanager
    def open(self) -> Iterator[Provider]:
        """Collect the credentials and open the carrier; closes it again."""
        if self.carrier is None:
            raise ConfigurationError("No carrier was named.", fix="`voipkit providers` lists them.")
        given = gather(registry.provider_info(self.carrier), self.credentials, self.setup_method)
        provider = registry.open_provider(
            self.carrier,
            given.credentials,
            sip_config=given.sip_config,
            setup_method=given.setup_method,
            http=self.http,
        )
        try:
            yield provider
        finally:
            provider.close()


def with_account(
    command: Callable[..., int], *, carrier: Any = _Carrier, default: Any = inspect.Parameter.empty
) -> Callable[..., int]:
    """Give a command the carrier and the common options, and pass them on as its first argument, an `Account`.

    Args:
        command: Takes an `Account` and its own parameters.
        carrier: How the carrier is named on the command line.
        default: What an absent carrier becomes; required when left out.

    Returns:
        A function whose signature Typer reads: the carrier, the command's own parameters, the common options.
    """

    def run(carrier: str | None, **given: Any) -> int:
        common = {name: given.pop(name) for name in _COMMON}
        http = _http_options(
            common["timeout"],
            common["deadline"],
            common["ca_bundle"],
            common["base_url"],
            allow_private=common["allow_private"],
            probe_sip=common["probe_sip"],
        )
        return command(Account(carrier, common["credentials"], common["setup_method"], http), **given)

    own = list(inspect.signature(command, eval_str=True).parameters.values())[1:]
    keyword = inspect.Parameter.KEYWORD_ONLY
    parameters = [
        inspect.Parameter("carrier", keyword, annotation=carrier, default=default),
        *(p.replace(kind=keyword) for p in own),
        *(inspect.Parameter(name, keyword, annotation=a, default=d) for name, (a, d) in _COMMON.items()),
    ]
    run.__signature__ = inspect.Signature(parameters, return_annotation=int)  # type: ignore[attr-defined]
    run.__annotations__ = {p.name: p.annotation for p in parameters}
    run.__name__, run.__doc__, run.__module__ = command.__name__, command.__doc__, command.__module__
    return run


def _http_options(
    timeout: float | None,
    deadline: float | None,
    ca_bundle: Path | None,
    base_url: str | None,
    *,
    allow_private: bool,
    probe_sip: bool,
) -> HttpOptions:
    defaults = HttpOptions()
    connect, _ = defaults.timeout
    return HttpOptions(
        timeout=defaults.timeout if timeout is None else (min(connect, timeout), timeout),
        deadline=defaults.deadline if deadline is None else deadline,
        ca_bundle=ca_bundle,
        proxies=os.environ.get("VOIPKIT_PROXY") or None,  # its URL may hold a password, so there is no option for it
        base_url=base_url,
        allow_private=allow_private,
        probe_sip=probe_sip,
    )


def parse_route(text: str | None) -> Route | None:
    """Read a route from an option.

    Raises:
        ConfigurationError: It is none.
    """
    try:
        return None if text is None else Route.parse(text)
    except ValueError:
        raise ConfigurationError(
            "The route is not understood.",
            fix="Write trunk:ID, application:ID, webhook:URL, webhook:GET:URL or sip:URI.",
        ) from None
