"""The feature matrix: drawn from results of the contract, and from nothing else."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from voipkit import registry
from voipkit.cli.app import app
from voipkit.errors import ConfigurationError
from voipkit.testing import ProviderTests, results
from voipkit.testing.contract import sentences
from voipkit.testing.mutations import MUTATIONS
from voipkit.testing.running import Kill, Sentence

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "docs" / "providers" / "conformance.json"
sys.path.append(str(ROOT / "tools"))

import generate  # noqa: E402 - tools/ is no package

HELD = (
    Sentence("c01", "It describes itself.", "pass", 1),
    Sentence("c20", "It lists.", "skip", 2, ("one answer holds all numbers", "and more")),
    Sentence("c41", "It routes.", "pass", 1),
)
KILLED = (
    Kill("first-page-only", "It ends.", "killed", "c20", "assert False"),
    Kill("restores-blindly", "It overwrites.", "skip", reason="no restoring"),
)


def changed(number, result):
    return tuple(Sentence(s.number, s.text, result if s.number == number else s.result, 1, s.reasons) for s in HELD)


# --- the file --------------------------------------------------------------------------------------------------------


def test_the_file_holds_every_carrier_of_ours_whole():
    """tests/testing/test_kit.py runs the contract and compares; here nothing is missing and nothing is of old."""
    kept = results.read(RESULTS).carriers

    assert set(kept) == {info.id for info in registry.providers() if info.distribution == "voipkit"}
    for carrier, found in kept.items():
        assert list(found.sentences) == list(sentences(ProviderTests)), f"{carrier}: run `make matrix`"
        assert list(found.mutations) == list(MUTATIONS), f"{carrier}: run `make matrix`"
        assert found.versions["voipkit"]


def test_results_are_summed_up():
    found = results.summed_up("telnyx", HELD, KILLED)

    assert found.sentences == {"c01": "pass", "c20": "skip: one answer holds all numbers; and more", "c41": "pass"}
    assert found.mutations == {"first-page-only": "killed", "restores-blindly": "skip: no restoring"}
    assert (found.routes, found.capabilities) == (("trunk", "application"), ("restore",))
    assert {"voipkit", "telnyx", "httpx"} <= set(found.versions)


@pytest.mark.parametrize("result", ["fail", "skip"])
def test_what_was_not_shown_is_not_claimed(result):
    without_routes = results.summed_up("telnyx", changed("c41", result))
    without_anything = results.summed_up("telnyx", changed("c01", result))

    assert (without_routes.routes, without_routes.capabilities) == ((), ("restore",))
    assert (without_anything.routes, without_anything.capabilities) == ((), ())


def test_other_carriers_results_are_kept_unless_all_are_new(tmp_path):
    path = tmp_path / "conformance.json"
    one = results.summed_up("telnyx", HELD, KILLED)
    results.write(path, results.Results(carriers={"telnyx": one}), whole=True)
    results.write(path, results.Results(carriers={"plivo": one}), whole=False)
    assert list(results.read(path).carriers) == ["plivo", "telnyx"]

    results.write(path, results.Results(carriers={"vonage": one}), whole=True)
    assert results.read(path).carriers == {"vonage": one}


@pytest.mark.parametrize("text", ["", "[]", '{"carriers": {"telnyx": {}}}', '{"carriers": {}, "more": 1}'])
def test_what_is_no_file_of_results_is_not_read_and_not_overwritten(text, tmp_path):
    path = tmp_path / "conformance.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigurationError, match="is no file of results"):
        results.read(path)
    with pytest.raises(ConfigurationError):
        results.write(path, results.Results(carriers={}), whole=False)

    assert path.read_text(encoding="utf-8") == text


def test_a_file_that_cannot_be_written_is_said_so(tmp_path):
    with pytest.raises(ConfigurationError, match="cannot be written"):
        results.write(tmp_path / "absent" / "conformance.json", results.Results(carriers={}), whole=True)


# --- the command -----------------------------------------------------------------------------------------------------


@pytest.fixture
def tried(monkeypatch):
    """Answer for the contract itself, which takes minutes."""
    monkeypatch.setattr("voipkit.cli.conformance.registry.names", lambda: ("telnyx", "twilio"))
    monkeypatch.setattr("voipkit.cli.conformance.try_contract", lambda _: HELD)
    monkeypatch.setattr("voipkit.cli.conformance.try_mutations", lambda *_: iter(KILLED))
    return monkeypatch


def conformance(*arguments):
    return CliRunner().invoke(app, ["conformance", *map(str, arguments)])


def test_all_carriers_are_tried_and_kept(tried, tmp_path):
    done = conformance("--all", "--mutate", "--write", tmp_path / "c.json")

    assert done.exit_code == 0, done.output
    assert done.output.count("2 pass, 1 skip") == 2
    assert set(results.read(tmp_path / "c.json").carriers) == {"telnyx", "twilio"}


def test_one_that_fails_is_named_and_kept_as_failed(tried, tmp_path):
    tried.setattr(
        "voipkit.cli.conformance.try_contract", lambda carrier: HELD if carrier == "twilio" else changed("c41", "fail")
    )
    done = conformance("--all", "--write", tmp_path / "c.json")

    assert done.exit_code == 1
    assert "c41" in done.output
    kept = results.read(tmp_path / "c.json").carriers
    assert [kept[name].sentences["c41"] for name in ("telnyx", "twilio")] == ["fail", "pass"]
    assert kept["telnyx"].routes == ()


def test_one_that_cannot_be_tried_stops_no_other_and_is_a_failure(tried):
    def refuse(carrier):
        if carrier == "telnyx":
            raise ConfigurationError("Nobody offers a simulated account of 'telnyx'.")
        return HELD

    tried.setattr("voipkit.cli.conformance.try_contract", refuse)
    found = conformance("--all", "--json")

    assert found.exit_code == 1
    document = json.loads(found.output)
    assert set(document["carriers"]) == {"twilio"}
    assert document["untried"] == {"telnyx": "Nobody offers a simulated account of 'telnyx'."}


def test_a_planted_fault_that_survived_is_a_failure(tried):
    survivor = Kill("writes-on-dry-run", "It writes.", "survived")
    tried.setattr("voipkit.cli.conformance.try_mutations", lambda *_: iter((*KILLED, survivor)))
    done = conformance("--all", "--mutate")

    assert done.exit_code == 1
    assert "writes-on-dry-run" in done.output


def test_one_carriers_results_are_written_beside_the_others(tried, tmp_path):
    conformance("--all", "--mutate", "--write", tmp_path / "c.json")
    tried.setattr("voipkit.cli.conformance.try_contract", lambda _: changed("c20", "pass"))
    assert conformance("telnyx", "--mutate", "--write", tmp_path / "c.json").exit_code == 0

    kept = results.read(tmp_path / "c.json").carriers
    assert [kept[name].sentences["c20"].partition(":")[0] for name in ("telnyx", "twilio")] == ["pass", "skip"]


@pytest.mark.parametrize("arguments", [[], ["telnyx", "--all"]])
def test_either_one_carrier_or_all(arguments):
    done = conformance(*arguments)

    assert done.exit_code == 2
    assert "name one carrier, or --all" in done.output + done.stderr


# --- the table -------------------------------------------------------------------------------------------------------


@pytest.fixture
def drawn(monkeypatch):
    """Draw the matrix from other results; returns its rows by title, for one carrier."""

    def draw(found, carrier="telnyx"):
        monkeypatch.setattr(generate, "_results", lambda: {carrier: found} if found else {})
        lines = [[cell.strip() for cell in line.split(" | ")] for line in generate._matrix().splitlines()]
        place = next(at for at, cell in enumerate(lines[0]) if f"({carrier}.md)" in cell)
        return {line[0].removeprefix("| "): line[place].removesuffix(" |") for line in lines[2:]}

    return draw


def test_the_table_shows_what_was_found(drawn):
    rows = drawn(results.summed_up("telnyx", HELD, KILLED))

    assert rows["Lists every number (c20 to c38)"] == "0 of 19, 1 skipped, 18 not tried"
    assert rows["Planted faults noticed"] == "1 of 1"
    assert (rows["Route to trunk"], rows["Route to webhook"], rows["Capability: restore"]) == ("yes", "no", "yes")
    assert "telnyx 4" in rows["Tried with"]


def test_the_table_shows_failures_and_survivors(drawn):
    survivor = Kill("writes-on-dry-run", "It writes.", "survived")
    rows = drawn(results.summed_up("telnyx", changed("c41", "fail"), (*KILLED, survivor)))

    assert "1 **fail**" in rows["Imports numbers (c40 to c59)"]
    assert rows["Route to trunk"] == "no"
    assert rows["Planted faults noticed"] == "1 of 2"


def test_a_carrier_without_results_is_not_tried(drawn):
    rows = drawn(None)

    assert {rows["Route to trunk"], rows["Tried with"], rows["Planted faults noticed"]} == {"not tried"}
    assert "Capability: restore" not in rows


def test_every_part_of_the_contract_has_a_row():
    """No sentence is left out of the table, and none is counted twice."""
    from voipkit.testing import contract

    counted = [n for name in generate._PARTS_OF_THE_CONTRACT for n in contract.sentences(getattr(contract, name))]

    assert sorted(counted) == list(contract.sentences(ProviderTests))
