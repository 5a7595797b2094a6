"""The SIP trunk that a command of `voipkit sip` is about, from its options; the password never comes from one."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from pydantic import SecretStr

from voipkit.cli.inputs import interactive, read_text
from voipkit.errors import ConfigurationError

if TYPE_CHECKING:
    from voipkit.sip import Outcome, Prober, Target, Trace

__all__ = ["PASSWORD", "Line", "host_and_port", "with_line"]

PASSWORD = "VOIPKIT_SIP_PASSWORD"  # noqa: S105 - the variable's name
_TRUNK = "Trunk"


@dataclass(frozen=True, slots=True)
class Line:
    """The trunk that a command is about, and where the exchange is recorded."""

    target: Target
    trace: Trace
    shows_trace: bool

    def ask(self, question: Callable[[Prober], Coroutine[Any, Any, Outcome]]) -> Outcome:
        """Ask one question over a connection of its own."""
        from voipkit.sip import Prober, run

        async def session() -> Outcome:
            async with Prober(self.target, trace=self.trace) as prober:
                return await question(prober)

        return run(session())


_Host = Annotated[str, typer.Argument(metavar="HOST", help="The trunk's host, or HOST:PORT.")]
_COMMON: dict[str, tuple[Any, Any]] = {
    "transport": (
        Annotated[
            str | None,
            typer.Option(metavar="udp|tcp|tls", rich_help_panel=_TRUNK, help="What DNS says by default, else UDP."),
        ],
        None,
    ),
    "domain": (
        Annotated[
            str | None,
            typer.Option(metavar="NAME", rich_help_panel=_TRUNK, help="The SIP domain, where it is not the host."),
        ],
        None,
    ),
    "username": (
        Annotated[
            str | None,
            typer.Option(
                metavar="USER",
                rich_help_panel=_TRUNK,
                help=f"The trunk's user; its password is read from {PASSWORD}, --password-file or a prompt.",
            ),
        ],
        None,
    ),
    "auth_username": (
        Annotated[
            str | None,
            typer.Option(metavar="USER", rich_help_panel=_TRUNK, help="The user of the digest, where it is another."),
        ],
        None,
    ),
    "password_file": (
        Annotated[
            Path | None,
            typer.Option(metavar="FILE", rich_help_panel=_TRUNK, help="Holds the password; - is standard input."),
        ],
        None,
    ),
    "from_user": (
        Annotated[str | None, typer.Option(metavar="USER", rich_help_panel=_TRUNK, help="The user in From.")],
        None,
    ),
    "outbound_proxy": (
        Annotated[
            str | None,
            typer.Option(metavar="HOST", rich_help_panel=_TRUNK, help="The host to send to instead of the host."),
        ],
        None,
    ),
    "ca_bundle": (
        Annotated[
            Path | None,
            typer.Option(
                metavar="FILE",
                envvar="VOIPKIT_CA_BUNDLE",
                rich_help_panel=_TRUNK,
                help="Certificate authorities (PEM) in place of the usual ones.",
            ),
        ],
        None,
    ),
    "allow_private": (
        Annotated[
            bool,
            typer.Option(
                "--allow-private", rich_help_panel=_TRUNK, help="Let the host have an address that is not public."
            ),
        ],
        False,
    ),
    "trace": (
        Annotated[bool, typer.Option("--trace", help="Show the exchange as a ladder; secrets are masked.")],
        False,
    ),
}


def with_line(command: Callable[..., int]) -> Callable[..., int]:
    """Give a command the trunk's host and options, and pass them on as its first argument, a `Line`."""

    def run(host: str, **given: Any) -> int:
        common = {name: given.pop(name) for name in _COMMON}
        return command(_line(host, common), **given)

    own = list(inspect.signature(command, eval_str=True).parameters.values())[1:]
    keyword = inspect.Parameter.KEYWORD_ONLY
    parameters = [
        inspect.Parameter("host", keyword, annotation=_Host),
        *(p.replace(kind=keyword) for p in own),
        *(inspect.Parameter(name, keyword, annotation=a, default=d) for name, (a, d) in _COMMON.items()),
    ]
    run.__signature__ = inspect.Signature(parameters, return_annotation=int)  # type: ignore[attr-defined]
    run.__annotations__ = {p.name: p.annotation for p in parameters}
    run.__name__, run.__doc__, run.__module__ = command.__name__, command.__doc__, command.__module__
    return run


def _line(host: str, common: dict[str, Any]) -> Line:
    from voipkit.sip import Target, Trace

    name, port = host_and_port(host)
    user = common["auth_username"] or common["username"]
    target = Target(
        host=name,
        port=port,
        transport=common["transport"],
        domain=common["domain"],
        username=common["username"],
        auth_username=common["auth_username"],
        password=_password(common["password_file"]) if user else None,
        from_user=common["from_user"],
        proxy=common["outbound_proxy"],
        ca_file=str(common["ca_bundle"]) if common["ca_bundle"] else None,
        allow_private=common["allow_private"],
    )
    return Line(target, Trace(), common["trace"])


def host_and_port(text: str) -> tuple[str, int | None]:
    """Take ``HOST``, ``HOST:PORT`` or ``[IPv6]:PORT`` apart; the host's form is not judged here."""
    name, colon, port = text.rpartition(":")
    if colon and port.isdecimal() and (":" not in name or name.endswith("]")):
        return name, int(port)
    return text, None


def _password(file: Path | None) -> SecretStr:
    """Read the password; it never comes from an argument, which every user of the machine may see."""
    if file is not None:
        return SecretStr(read_text(file).removesuffix("\n"))
    if os.environ.get(PASSWORD):
        return SecretStr(os.environ[PASSWORD])
    if interactive():
        return SecretStr(str(typer.prompt("Password", hide_input=True, err=True)))
    raise ConfigurationError("A user was named, and no password.", fix=f"Set {PASSWORD}, or use --password-file.")
