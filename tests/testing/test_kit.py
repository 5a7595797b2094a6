"""The conformance kit itself: numbered sentences, planted faults that are noticed, a command that says so."""

from __future__ import annotations

import inspect
import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from typer.testing import CliRunner

from voipkit import registry
from voipkit.cli.app import app
from voipkit.errors import ConfigurationError
from voipkit.sandbox import Fault, Sandbox
from voipkit.testing import Account, CannotArrange, FaultyWire, ProviderTests, SandboxAccount, plugin, results
from voipkit.testing.contract import sentences
from voipkit.testing.installed import account_of
from voipkit.testing.live import LiveAccount
from voipkit.testing.mutations import MUTATIONS
from voipkit.testing.running import Kill, Sentence, try_contract
from voipkit.testing.sandboxed import simulated_carriers
from voipkit.testing.stage import Stage

ROOT = Path(__file__).resolve().parents[2]
CONTRACT = sentences(ProviderTests)
TRIED = sorted(set(simulated_carriers()) & set(registry.names()))
OURS = sorted(info.id for info in registry.providers() if info.distribution == "voipkit")
RESULTS = ROOT / "docs" / "providers" / "conformance.json"


def conformance(*arguments, env=None):
    command = [sys.executable, "-m", "voipkit.cli", "conformance", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, env=env)


# --- the contract as data --------------------------------------------------------------------------------------------


def test_every_test_of_the_contract_is_a_numbered_sentence():
    named = [name for name in dir(ProviderTests) if name.startswith("test")]

    assert len(named) == len(CONTRACT) > 70
    assert all(text.endswith(".") for text in CONTRACT.values())


def test_a_number_is_given_once():
    class Twice(ProviderTests):
        def test_c10_again(self):
            """Again."""

    with pytest.raises(ValueError, match="taken"):
        sentences(Twice)


def test_every_mutation_breaks_a_sentence():
    assert len(MUTATIONS) >= 20
    assert {mutation.breaks for mutation in MUTATIONS.values()} <= set(CONTRACT)
    assert all(mutation.methods or mutation.http or mutation.info for mutation in MUTATIONS.values())


def test_every_carrier_of_the_sandbox_has_an_account():
    assert set(simulated_carriers()) == set(Sandbox()._carriers)


@pytest.mark.parametrize("carrier", TRIED)
def test_a_built_in_carrier_has_its_suite(carrier):
    """One small file a carrier: a class, one fixture."""
    module = __import__(f"tests.conformance.test_{carrier}", fromlist=["*"])
    (suite,) = (thing for name, thing in vars(module).items() if name.startswith("Test"))

    assert issubclass(suite, ProviderTests)


# --- faults are noticed ----------------------------------------------------------------------------------------------


@pytest.mark.mutation
@pytest.mark.parametrize("carrier", OURS)
def test_every_planted_fault_is_noticed(carrier):
    """The same run shows whether the results that the feature matrix is drawn from are still true."""
    done = conformance(carrier, "--mutate", "--json")
    found = json.loads(done.stdout)

    assert "error" not in found, found
    assert [kill for kill in found["mutations"] if kill["result"] == "survived"] == []
    assert found["counts"]["killed"] >= 20
    assert done.returncode == 0
    sentences, kills = [Sentence(**s) for s in found["sentences"]], [Kill(**k) for k in found["mutations"]]
    tried, kept = results.summed_up(carrier, sentences, kills), results.read(RESULTS).carriers[carrier]
    for part in ("sentences", "mutations", "routes", "capabilities"):
        assert getattr(tried, part) == getattr(kept, part), "run `make matrix`"


def test_a_mutant_is_a_subclass_of_the_carriers_own_class():
    carrier = Stage(SandboxAccount("telnyx"), MUTATIONS["first-page-only"]).open()
    plain = Stage(SandboxAccount("telnyx")).open()

    assert type(carrier).__mro__[1] is type(plain)
    assert len(list(plain.list_numbers())) == 3


def test_a_fault_of_restoring_is_not_planted_where_nothing_is_restored():
    stage = Stage(SandboxAccount("telnyx"))
    stage.__dict__["info"] = stage.info.model_copy(update={"capabilities": ()})

    assert MUTATIONS["restores-blindly"].lacks(stage)
    assert MUTATIONS["first-page-only"].lacks(stage) is None


# --- the command -----------------------------------------------------------------------------------------------------


def test_the_command_holds_a_carrier_against_the_contract():
    done = conformance("telnyx", "--json")
    found = json.loads(done.stdout)

    assert done.returncode == 0, done.stderr
    assert [sentence["number"] for sentence in found["sentences"]] == list(CONTRACT)
    assert found["counts"].get("fail", 0) == 0
    assert all(sentence["cases"] >= 1 for sentence in found["sentences"])


def test_the_command_runs_for_a_strangers_carrier(acme_installed):
    done = conformance("acme", env=acme_installed)

    assert done.returncode == 0, done.stdout + done.stderr
    assert "c31" in done.stdout
    assert "Acme does not count its numbers" in done.stdout


def test_a_failure_is_exit_code_1(monkeypatch):
    found = (
        Sentence("c10", "Working credentials pass.", "fail", 1, ("assert False",)),
        Sentence("c11", "Refused credentials fail.", "pass", 2),
    )
    monkeypatch.setattr("voipkit.cli.conformance.try_contract", lambda _: found)
    result = CliRunner().invoke(app, ["conformance", "twilio", "--failures"])

    assert result.exit_code == 1
    assert "assert False" in result.output
    assert "c11" not in result.output
    assert "1 fail, 1 pass" in result.output


def test_a_survivor_is_exit_code_1(monkeypatch):
    found = (
        Kill("drops-page-2", "The numbers of page 2 are left out.", "survived"),
        Kill("first-page-only", "The listing ends after its first page.", "killed", "c20", "assert False"),
    )
    monkeypatch.setattr("voipkit.cli.conformance.try_contract", lambda _: (Sentence("c10", "They pass.", "pass", 1),))
    monkeypatch.setattr("voipkit.cli.conformance.try_mutations", lambda *_: iter(found))
    result = CliRunner().invoke(app, ["conformance", "twilio", "--mutate"])

    assert result.exit_code == 1
    assert "drops-page-2" in result.output
    assert "1 killed, 1 survived" in result.output


@pytest.mark.parametrize(
    ("arguments", "said"),
    [(["nobody"], "No carrier named 'nobody'"), ([], "Missing argument")],
)
def test_a_wrong_call_is_exit_code_2(arguments, said):
    result = CliRunner().invoke(app, ["conformance", *arguments])

    assert result.exit_code == 2
    assert said in result.output + result.stderr


def test_without_pytest_the_command_names_the_cure(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name, *_: None if name == "pytest" else object())
    result = CliRunner().invoke(app, ["conformance", "twilio"])

    assert result.exit_code == 2
    assert "pip install 'voipkit[test]'" in result.stderr


def test_a_carrier_without_an_account_says_what_to_offer(monkeypatch):
    monkeypatch.setattr("voipkit.testing.installed.simulated_carriers", lambda: ())
    with pytest.raises(ConfigurationError, match=r"voipkit\.accounts"):
        try_contract("twilio")


def test_an_account_that_cannot_be_made_is_said_to_be_broken(acme_installed, monkeypatch):
    from voipkit_acme import testing

    monkeypatch.setattr(testing.AcmeAccount, "__init__", lambda self: 1 / 0)

    with pytest.raises(ConfigurationError, match="ZeroDivisionError"):
        account_of("acme")


# --- a real account --------------------------------------------------------------------------------------------------


def live(*options, env=None):
    command = [
        sys.executable,
        "-m",
        "pytest",
        "tests/conformance/test_twilio.py",
        "-q",
        "-rs",
        "--voipkit-wire=live",
        *options,
    ]
    return subprocess.run(command, capture_output=True, text=True, check=False, env=env, cwd=ROOT)


def test_without_credentials_the_live_wire_skips_everything():
    environment = {name: value for name, value in os.environ.items() if not name.startswith("VOIPKIT_TWILIO")}
    done = live(env=environment)

    assert done.returncode == 0, done.stdout
    assert "passed" not in done.stdout
    assert "VOIPKIT_TWILIO_AUTH_TOKEN" in done.stdout


@pytest.fixture
def as_if_live(monkeypatch):
    """A sandbox in place of the network, and its credentials in the environment."""
    box = Sandbox()
    for name, value in (*box.credentials("twilio").items(), *box.sip_config("twilio").items()):
        monkeypatch.setenv(f"VOIPKIT_TWILIO_{name.upper()}", value)
    return box


def test_a_live_account_keeps_what_can_be_tried_on_it(as_if_live):
    reads = [
        name
        for name in dir(ProviderTests)
        if any(mark.name == "voipkit_live" for mark in getattr(getattr(ProviderTests, name), "pytestmark", ()))
    ]
    for name in reads:
        stage = Stage(LiveAccount("twilio", network=as_if_live.wire))
        test = getattr(ProviderTests(), name)
        wanted = inspect.signature(test).parameters
        if set(wanted) <= {"stage", "carrier"}:
            test(**{each: stage if each == "stage" else stage.carrier for each in wanted})
        stage.close()

    assert len(reads) > 12
    assert as_if_live.writes == []


def test_the_live_wire_only_reads(as_if_live):
    stage = Stage(LiveAccount("twilio", network=as_if_live.wire))
    report = stage.carrier.import_numbers(stage.account.numbers()[:1])

    assert [result.status for result in report.results] == ["failed"]
    assert as_if_live.writes == []
    with pytest.raises(CannotArrange):
        stage.account.put_route(stage.account.numbers()[0], None)


def test_a_number_that_may_be_written_is_imported_and_put_back(as_if_live):
    number = as_if_live.twilio.numbers[0]
    stage = Stage(LiveAccount("twilio", may_write=number.phone_number, network=as_if_live.wire))
    ProviderTests().test_c66_an_import_by_the_usual_route_can_be_undone(stage, stage.carrier)

    assert len(as_if_live.writes) == 2
    assert number.trunk_sid is None


# --- its parts -------------------------------------------------------------------------------------------------------


def test_the_plugin_loads_nothing_heavy():
    """Every pytest run on the machine loads it."""
    program = (
        "import sys, pytest; before = set(sys.modules); import voipkit.testing.plugin;"
        "print(sorted(n for n in set(sys.modules) - before if n.partition('.')[0] != 'voipkit'),"
        "sorted(n for n in sys.modules if n.startswith('voipkit.')))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert "pydantic" not in done.stdout
    assert "voipkit.sandbox" not in done.stdout
    assert "voipkit.testing.contract" not in done.stdout


def test_a_test_that_hangs_is_a_failed_one(monkeypatch):
    monkeypatch.setattr(plugin, "_LIMIT", 0.05)
    item = SimpleNamespace(
        name="test_c99_waits",
        cls=ProviderTests,
        config=SimpleNamespace(getoption=lambda *_, **__: False),
        _fixtureinfo=SimpleNamespace(argnames=()),
        funcargs={},
        obj=lambda: time.sleep(1),
    )
    with pytest.raises(pytest.fail.Exception, match="still running"):
        plugin.pytest_pyfunc_call(item)


def test_other_tests_are_left_alone():
    assert plugin.pytest_pyfunc_call(SimpleNamespace(cls=None)) is None


def test_the_sandbox_fixture(voipkit_sandbox):
    assert isinstance(voipkit_sandbox, Sandbox)


@pytest.mark.parametrize("carrier", simulated_carriers())
def test_what_is_arranged_is_what_is_there(carrier):
    account = SandboxAccount(carrier)
    number = account.numbers()[0]
    untouched = account.state_of(number)
    for route in (*account.routes, account.foreign_route):
        account.put_route(number, route)
        assert account.route_of(number).target.removeprefix("sip:") == route.target.removeprefix("sip:")
        assert account.state_of(number) != untouched
    account.put_route(number, None)

    assert account.state_of(number) == untouched
    assert len(account.add_numbers(5)) == 5
    assert account.requests() == account.writes() == 0


def test_an_unknown_carrier_has_no_account():
    with pytest.raises(ValueError, match="simulates no carrier"):
        SandboxAccount("nobody")


def test_a_faulty_wire_counts_and_fails_as_told():
    wire = FaultyWire(
        lambda method, _url, _headers, _body: (200, {}, b'{"ok": 1}'),
        lambda method, _url: ("write" if method == "POST" else "read", None),
    )
    wire.fail("write", Fault.reset(applied=True), calls=2)
    wire.fail("read", Fault.echo_secret())

    assert wire("POST", "https://a.example/", {}, b"")[0] == 200
    with pytest.raises(ConnectionResetError):
        wire("POST", "https://a.example/", {}, b"")
    assert (wire.requests(), wire.requests("write"), wire.writes()) == (2, 2, 2)
    assert b"Bearer s3cret" in wire("GET", "https://a.example/", {"Authorization": "Bearer s3cret"}, b"")[2]
    with pytest.raises(CannotArrange):
        wire.fail("list", Fault.lying_total())


def test_the_documents_example_is_a_whole_test_file():
    page = (ROOT / "docs" / "conformance.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"^```python\n(.*?)^```$", page, re.DOTALL | re.MULTILINE)
    namespace: dict[str, object] = {}
    exec(compile(block, "docs/conformance.md", "exec"), namespace)

    assert issubclass(namespace["TestTelnyx"], ProviderTests)  # type: ignore[arg-type]


def test_the_document_names_every_member_of_an_account():
    page = (ROOT / "docs" / "conformance.md").read_text(encoding="utf-8")

    assert [name for name in vars(Account) if not name.startswith("_") and f"`{name}" not in page] == []
