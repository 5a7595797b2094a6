"""The commands that need no carrier account: what is installed, and the sandbox."""

from __future__ import annotations

import contextlib
import shlex
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.text import Text

from voipkit import registry
from voipkit.cli import output
from voipkit.cli.guard import OK
from voipkit.cli.inputs import variable
from voipkit.cli.installed import carrier_ready
from voipkit.cli.options import AsJson
from voipkit.errors import ConfigurationError
from voipkit.models import FormField, ProviderInfo, SetupMethod
from voipkit.sandbox import INCIDENTS, Sandbox
from voipkit.sandbox.sip_scenarios import SCENARIOS

if TYPE_CHECKING:
    from voipkit.sandbox.sip_peer import SipPeer

__all__ = ["providers", "sandbox", "simulated"]


# --- providers -------------------------------------------------------------------------------------------------------


def providers(
    name: Annotated[str | None, typer.Argument(metavar="[CARRIER]", help="Show this carrier's fields.")] = None,
    *,
    as_json: AsJson = False,
) -> int:
    """List the carriers, or explain one.

    With a carrier's id: its set-up methods and every field that they ask for.
    """
    if name is not None:
        info = registry.provider_info(name)
        if as_json:
            output.emit(_document(info))
        else:
            _show_provider(info)
        return OK
    found = registry.providers()
    if as_json:
        output.emit({"providers": [_document(info) for info in found]})
        return OK
    rows = (
        (i.id, i.label, _methods(i), ", ".join(i.route_kinds), ", ".join(i.capabilities), _ready(i), _origin(i))
        for i in found
    )
    header = ("carrier", "name", "set-up methods", "routes", "capabilities", "ready", "from")
    output.show_table(header, rows, prose=("name", "set-up methods", "routes", "capabilities", "ready"))
    return OK


def _document(info: ProviderInfo) -> dict[str, Any]:
    return {**info.model_dump(mode="json"), "extra_installed": carrier_ready(info.extra)}


def _methods(info: ProviderInfo) -> str:
    return ", ".join(method.id for method in info.setup_methods)


def _origin(info: ProviderInfo) -> str:
    return " ".join(part for part in (info.distribution, info.version) if part)


def _ready(info: ProviderInfo) -> Text:
    if info.broken:
        return Text(f"broken: {output.clean(info.broken)}", "bold red")
    return Text("yes", "green") if carrier_ready(info.extra) else Text(_install(info), "yellow")


def _install(info: ProviderInfo) -> str:
    return f"no: pip install 'voipkit[{info.extra}]'"


def _show_provider(info: ProviderInfo) -> None:
    output.line(
        Text.assemble((f"{info.label}", "bold"), f" ({info.id}), from {_origin(info) or 'an unknown distribution'}")
    )
    output.line(Text.assemble("ready: ", _ready(info)))
    output.line(f"routes: {', '.join(info.route_kinds) or 'none'}")
    output.line(f"capabilities: {', '.join(info.capabilities) or 'none'}")
    if info.docs_url:
        output.line(f"docs: {info.docs_url}")
    for method in info.setup_methods:
        output.line()
        output.line(Text.assemble(("Set-up method ", ""), (method.id, "bold"), f": {output.clean(method.label)}"))
        for section, fields in (("credentials", method.fields), ("sip_config", method.sip_fields)):
            if fields:
                output.line()
                _show_fields(info, method, section, fields)


def _show_fields(info: ProviderInfo, method: SetupMethod, section: str, fields: tuple[FormField, ...]) -> None:
    rows = (
        (
            Text.assemble(f.name, ("" if f.alias == f.name else f"\n{f.alias}", "dim")),
            "required" if f.required else f"one of ({f.one_of})" if f.one_of else "optional",
            "secret" if f.secret else f.type,
            variable(info, method, section, f.name),
            _help(f),
        )
        for f in fields
    )
    output.show_table((section, "needed", "kind", "variable", "help"), rows, prose=("help",))


def _help(f: FormField) -> str:
    options = f" One of: {', '.join(f.options)}." if f.options else ""
    default = "" if f.default in (None, "", ()) else f" Default: {f.default}."
    return f"{f.label}. {f.help}{options}{default}"


# --- sandbox ---------------------------------------------------------------------------------------------------------


def simulated(box: Sandbox) -> tuple[ProviderInfo, ...]:
    """Return the installed carriers that a sandbox simulates too."""
    return tuple(info for info in registry.providers() if not info.broken and _has(box, info.id))


def _has(box: Sandbox, carrier: str) -> bool:
    try:
        box.credentials(carrier)
    except ValueError:
        return False
    return True


def sandbox(
    name: Annotated[
        str | None, typer.Argument(metavar="[CARRIER]", help="Show this carrier's keys, and code to paste.")
    ] = None,
    *,
    port: Annotated[int, typer.Option(min=0, max=65535, metavar="PORT", help="0 takes a free one.")] = 8080,
    incident: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Put the accounts into a known trouble; may be repeated.")
    ] = None,
    numbers: Annotated[int, typer.Option(min=0, metavar="N", help="Add N numbers to each account.")] = 0,
    latency: Annotated[float, typer.Option(min=0, metavar="SECONDS", help="Wait before each answer.")] = 0.0,
    sip: Annotated[bool, typer.Option("--sip", help="Run a SIP trunk beside them.")] = False,
    sip_scenario: Annotated[str, typer.Option(metavar="NAME", help="What the trunk does.")] = "normal",
    sip_port: Annotated[
        int,
        typer.Option(min=0, max=65534, metavar="PORT", help="Its UDP and TCP port; TLS has the next. 0 for any."),
    ] = 5060,
    list_incidents: Annotated[
        bool, typer.Option("--list-incidents", help="Show the incidents and the trunk's scenarios, and stop.")
    ] = False,
    verbose: Annotated[bool, typer.Option("--verbose", help="Show every carrier's keys and code.")] = False,
    as_json: AsJson = False,
) -> int:
    """Run simulated carriers on this machine.

    They listen on the loopback interface until Ctrl-C. Their credentials are made up and no secret, and the same each
    time.
    """
    if list_incidents:
        _show_incidents(as_json=as_json)
        return OK
    box = _prepared(incident or [], numbers)
    shown = _chosen(box, name)
    with contextlib.ExitStack() as running:
        trunk = running.enter_context(_trunk(sip_scenario, sip_port)) if sip else None
        try:
            url = running.enter_context(box.serve(port, latency=latency))
        except OSError as error:
            raise _taken(f"Port {port}", "--port", error) from None
        if as_json:
            _emit(box, url, shown, trunk)
        else:
            _announce(box, url, shown, trunk, pasteable=verbose or name is not None)
        _until_interrupted()
    return OK


def _chosen(box: Sandbox, name: str | None) -> tuple[ProviderInfo, ...]:
    carriers = simulated(box)
    chosen = tuple(info for info in carriers if name in (None, info.id))
    if not chosen:
        known = ", ".join(info.id for info in carriers)
        raise ConfigurationError(f"No carrier '{name}' is simulated.", fix=f"Choose from: {known}.")
    return chosen


@contextlib.contextmanager
def _trunk(scenario: str, port: int) -> Iterator[SipPeer]:
    """Run the scripted SIP trunk."""
    if scenario not in SCENARIOS:
        raise ConfigurationError(
            f"There is no scenario '{scenario}'.", fix="Choose one that --list-incidents shows under the SIP trunk."
        )
    from voipkit.sandbox.sip_peer import SipPeer  # with asyncio and cryptography, which no other command needs

    peer = SipPeer(scenario, port=port, tls_port=port + 1 if port else 0)
    try:
        peer.__enter__()
    except OSError as error:
        raise _taken(f"Port {port} or {port + 1}", "--sip-port", error) from None
    try:
        yield peer
    finally:
        peer.__exit__()


def _taken(port: str, option: str, error: OSError) -> ConfigurationError:
    return ConfigurationError(
        f"{port} cannot be used: {error.strerror}.", fix=f"Choose another with {option}, or 0 for a free one."
    )


def _prepared(incidents: list[str], numbers: int) -> Sandbox:
    box = Sandbox()
    for info in simulated(box):
        getattr(box, info.id).seed_numbers(numbers)
    for name in incidents:
        if name not in INCIDENTS:
            raise ConfigurationError(
                f"There is no incident '{name}'.", fix=f"Choose from: {', '.join(INCIDENTS)}; see --list-incidents."
            )
        box.incident(name)
    return box


def _show_incidents(*, as_json: bool) -> None:
    if as_json:
        output.emit(
            {
                "incidents": [
                    {"name": i.name, "carriers": i.carriers, "summary": i.summary} for i in INCIDENTS.values()
                ],
                "sip_scenarios": [{"name": s.name, "summary": s.summary} for s in SCENARIOS.values()],
            }
        )
        return
    rows = ((i.name, ", ".join(i.carriers), i.summary) for i in INCIDENTS.values())
    output.show_table(("incident", "carriers", "what is wrong"), rows, prose=("what is wrong",))
    output.line()
    scenarios = ((s.name, s.summary) for s in SCENARIOS.values())
    output.show_table(("SIP trunk, --sip-scenario", "what it does"), scenarios, prose=("what it does",))


def _emit(box: Sandbox, url: str, carriers: tuple[ProviderInfo, ...], trunk: SipPeer | None) -> None:
    """Print what a program needs, in one line: its reader need not wait for the end."""
    accounts = {info.id: _account(box, info) for info in carriers}
    output.emit_line({"url": url, "accounts": accounts, **({"sip": _trunk_facts(trunk)} if trunk else {})})
    output.flush()


def _announce(
    box: Sandbox, url: str, carriers: tuple[ProviderInfo, ...], trunk: SipPeer | None, *, pasteable: bool
) -> None:
    """Say how to use it: in a screen, or with keys and code that are ready to be pasted."""
    output.line(Text.assemble(("Sandbox at ", ""), (url, "bold green"), "  (Ctrl-C stops it)"))
    output.line()
    if pasteable:
        _show_accounts(box, url, carriers)
    else:
        _show_carriers(box, url, carriers)
    if trunk:
        output.line()
        _show_trunk(trunk)
    output.flush()


def _show_carriers(box: Sandbox, url: str, carriers: tuple[ProviderInfo, ...]) -> None:
    """Show a line for each; not a table, which a narrow terminal would break into blocks."""
    widest = max(len(info.id) for info in carriers)
    output.line(f"{'Keys, and code to paste':{widest + 16}}  Base URL of the carrier's API", "dim")
    for info in carriers:
        command = Text.assemble("voipkit sandbox ", (f"{info.id:{widest}}", "bold"))
        output.line(Text.assemble(command, f"  {url}/{getattr(box, info.id).host}"))
    output.line("--verbose shows the keys of all.", "dim")


def _show_accounts(box: Sandbox, url: str, carriers: tuple[ProviderInfo, ...]) -> None:
    output.line("For voipkit's own commands, in another shell:", "dim")
    output.line(f"  export VOIPKIT_BASE_URL={url}")
    for info in carriers:
        for name, value in _variables(info, _account(box, info)):
            output.line(f"  export {name}={shlex.quote(value)}")
    output.line()
    output.line("In Python:", "dim")
    output.line("  from voipkit import HttpOptions, open_provider")
    for info in carriers:
        account = _account(box, info)
        sip = f", sip_config={account['sip_config']!r}" if account["sip_config"] else ""
        given = f"{info.id!r}, {account['credentials']!r}{sip}, http=HttpOptions(base_url={url!r})"
        output.line(f"  carrier = open_provider({given})")


def _show_trunk(trunk: SipPeer) -> None:
    script = trunk.scenario
    output.line(Text.assemble("SIP trunk: ", (script.name, "bold green"), f". {script.summary}"))
    for fact, known in _trunk_facts(trunk).items():
        output.line(f"  {fact}: {known}")
    output.line("To ask it, in another shell:", "dim")
    output.line(
        f"  VOIPKIT_SIP_PASSWORD={trunk.account.password} voipkit sip credentials "
        f"{trunk.host}:{trunk.port('udp')} --username {trunk.account.username} --domain trunk.test "
        "--transport udp --allow-private --trace"
    )


def _account(box: Sandbox, info: ProviderInfo) -> dict[str, dict[str, str]]:
    return {"credentials": box.credentials(info.id), "sip_config": box.sip_config(info.id)}


def _trunk_facts(trunk: SipPeer) -> dict[str, str | int]:
    """Return what a client needs; the password is made up and no secret."""
    ports = {f"{transport}_port": trunk.port(transport) for transport in ("udp", "tcp", "tls")}
    account = {"username": trunk.account.username, "password": trunk.account.password}
    return {"host": trunk.host, **ports, "domain": "trunk.test", **account, "ca_file": str(trunk.ca_file)}


def _variables(info: ProviderInfo, account: dict[str, dict[str, str]]) -> list[tuple[str, str]]:
    method = info.setup_methods[0]
    return [
        (variable(info, method, section, name), value)
        for section, fields in account.items()
        for name, value in fields.items()
    ]


def _until_interrupted() -> None:
    """Wait for Ctrl-C, which is how a sandbox is meant to end."""
    try:
        threading.Event().wait()
    except KeyboardInterrupt:
        output.note("\nStopped.")
