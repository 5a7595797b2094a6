"""Cassettes: the contract over recorded answers, the requests still the same, and no secret in any file."""

from __future__ import annotations

import base64
import inspect
import json
import os
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path
from urllib.parse import quote, quote_plus, urlsplit
from xml.etree import ElementTree

import pytest
import yaml

import voipkit
from tests.test_canary import Marks
from voipkit import registry
from voipkit.errors import MissingExtra, VoipkitError
from voipkit.sandbox import Sandbox
from voipkit.testing import ProviderTests, SandboxAccount, cassettes
from voipkit.testing.cassettes import RECORDED, cassette_path
from voipkit.testing.live import LiveAccount
from voipkit.testing.recording import RecordingAccount, recording
from voipkit.testing.replaying import ReplayedAccount
from voipkit.testing.sandboxed import simulated_carriers
from voipkit.testing.scrubbing import Scrubber
from voipkit.testing.stage import Stage

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "cassettes"
FILES = sorted(FOLDER.glob("*/*.yaml"))
CARRIERS = sorted(set(simulated_carriers()) & set(registry.names()))
OWN_HOSTS = {
    "cloudonix": (".cloudonix.io",),
    "plivo": (".plivo.com",),
    "signalwire": (".signalwire.com",),
    "telnyx": (".telnyx.com",),
    "twilio": (".twilio.com",),
    "vobiz": (".vobiz.ai",),
    "vonage": (".nexmo.com", ".vonage.com"),
}


def contract(*options, env=None):
    """Run the contract as pytest does, in a process of its own; return the exit code, the output, and the cases."""
    report = Path(options[-1])
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", *options[:-1]]
    done = subprocess.run(
        [*command, f"--junitxml={report}"], capture_output=True, text=True, check=False, cwd=ROOT, env=env
    )
    cases = list(ElementTree.parse(report).iter("testcase")) if report.is_file() else []
    found = Counter(
        next((part.tag for part in case if part.tag in ("skipped", "failure", "error")), "passed") for case in cases
    )
    skips = {part.get("message") for case in cases for part in case.iter("skipped")}
    return done.returncode, done.stdout + done.stderr, found, skips


def interactions(path):
    return yaml.safe_load(path.read_text(encoding="utf-8"))["interactions"]


def metadata_of(path):
    return yaml.safe_load(path.read_text(encoding="utf-8"))["metadata"]


# --- the contract over recorded answers ------------------------------------------------------------------------------


@pytest.mark.parametrize("carrier", CARRIERS)
def test_the_contract_holds_over_what_was_recorded(carrier, tmp_path):
    """Every cassette is replayed, and what has none is skipped and says so."""
    suite = f"tests/conformance/test_{carrier}.py"
    code, output, found, skips = contract(suite, "--voipkit-wire=cassette", tmp_path / "report.xml")

    assert code == 0, output
    assert found["passed"] == len(list((FOLDER / carrier).glob("*.yaml"))) > 0
    assert found["passed"] + found["skipped"] == sum(found.values())
    assert all(reason.startswith(f"no recording: {carrier}/c") for reason in skips), skips


@pytest.mark.parametrize("carrier", CARRIERS)
def test_recording_again_yields_the_same_requests(carrier, tmp_path):
    suite = ("--pyargs", "voipkit.testing.suite", "--voipkit-carrier", carrier)
    options = ("--voipkit-record", "--voipkit-cassettes", str(tmp_path))
    code, output, found, _ = contract(*suite, *options, tmp_path / "report.xml")

    assert code == 0, output
    assert found["failure"] + found["error"] == 0
    new = {path.name: path for path in (tmp_path / carrier).glob("*.yaml")}
    old = {path.name: path for path in (FOLDER / carrier).glob("*.yaml")}
    assert set(new) == set(old), f"run `python tools/record.py {carrier}`"
    for name, path in old.items():
        if metadata_of(path)["recorded_from"] == "sandbox":
            assert asked(new[name]) == asked(path), f"{carrier}/{name}: run `python tools/record.py {carrier}`"


def asked(path):
    sent = [(i["request"]["method"], i["request"]["uri"], i["request"]["body"]) for i in interactions(path)]
    return sorted(sent), metadata_of(path).get("observed")


def test_every_carrier_has_happy_and_sad_paths():
    tests = {carrier: {path.stem for path in (FOLDER / carrier).glob("*.yaml")} for carrier in CARRIERS}
    missing = {
        carrier: sorted({"c10", "c11", "c25-401", "c25-429", "c41", "c43", "c66", "c71"} - found)
        for carrier, found in tests.items()
    }

    assert {carrier: names for carrier, names in missing.items() if names} == {}
    assert all(found <= RECORDED for found in tests.values())


# --- what it notices -------------------------------------------------------------------------------------------------


def replayed(path, name, carrier="twilio"):
    """Run one test of the contract on a cassette; return what is said afterwards, and what the test raised."""
    account = ReplayedAccount(path, SandboxAccount(carrier))
    stage = Stage(account)
    test = getattr(ProviderTests(), next(each for each in dir(ProviderTests) if each.startswith(f"test_{name}_")))
    wanted = inspect.signature(test).parameters
    raised = None
    try:
        test(**{each: stage if each == "stage" else stage.carrier for each in wanted})
    except (AssertionError, VoipkitError) as error:
        raised = error
    finally:
        stage.close()
    return account.finish(passed=raised is None), raised


@pytest.fixture
def edited(tmp_path):
    """Copy a cassette and change it."""

    def edit(name, change, carrier="twilio"):
        document = yaml.safe_load((FOLDER / carrier / f"{name}.yaml").read_text(encoding="utf-8"))
        change(document)
        path = tmp_path / carrier / f"{name}.yaml"
        path.parent.mkdir(exist_ok=True)
        path.write_text(yaml.safe_dump(document), encoding="utf-8")
        return path

    return edit


def test_an_unchanged_cassette_is_all_used(edited):
    assert replayed(edited("c44", lambda _: None), "c44") == (None, None)


def writes(document):
    return next(i for i in document["interactions"] if i["request"]["method"] != "GET")


def reads(document):
    return next(i for i in document["interactions"] if i["request"]["method"] == "GET")


def put(interaction, **fields):
    interaction["request"].update(fields)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        pytest.param(
            lambda d: put(writes(d), method="PATCH"), ("method: POST != PATCH",), id="method"
        ),
        pytest.param(
            lambda d: put(reads(d), uri=reads(d)["request"]["uri"].replace("PageSize=1000", "PageSize=50")),
            ("query: PageSize was '50', and is '1000'",),
            id="query",
        ),
        pytest.param(
            lambda d: put(reads(d), uri=reads(d)["request"]["uri"] + "&Beta="),
            ("query: Beta was '', and is absent",),
            id="a field without a value",
        ),
        pytest.param(
            lambda d: put(reads(d), uri=reads(d)["request"]["uri"].replace("IncomingPhone", "Outgoing")),
            ("path: ", "OutgoingNumbers"),
            id="path",
        ),
        pytest.param(
            lambda d: put(reads(d), uri=reads(d)["request"]["uri"].replace("api.twilio.com", "api.dublin.twilio.com")),
            ("host: api.twilio.com != api.dublin.twilio.com",),
            id="host",
        ),
        pytest.param(
            lambda d: put(writes(d), body="TrunkSid=TK00"),
            ("body: ", "TrunkSid was 'TK00', and is 'TK"),
            id="body",
        ),
        pytest.param(
            lambda d: put(writes(d), body=writes(d)["request"]["body"] + "&VoiceUrl="),
            ("body: VoiceUrl was '', and is absent",),
            id="a field of the body without a value",
        ),
    ],
)  # fmt: skip
def test_a_changed_request_fails_and_says_what_changed(change, said, edited):
    problem, _ = replayed(edited("c44", change), "c44")

    assert problem is not None
    assert "was not recorded. The closest recording is" in problem
    assert [words for words in said if words not in problem] == [], problem
    assert "docs/recording.md" in problem


def test_a_changed_json_body_names_the_field(edited):
    def change(document):
        recorded = writes(document)
        recorded["request"]["body"] = json.dumps({**json.loads(recorded["request"]["body"]), "tags": ["a", "b"]})

    problem, _ = replayed(edited("c44", change, "telnyx"), "c44", "telnyx")

    assert "tags[0] was 'a', and is absent; tags[1] was 'b', and is absent" in problem


def test_a_request_that_was_not_recorded_fails(edited):
    problem, raised = replayed(edited("c25-500", lambda d: d["interactions"].clear()), "c10")

    assert "Nothing like it was recorded" in problem
    assert raised is not None


def test_a_request_that_is_sent_more_often_fails(edited):
    problem, _ = replayed(edited("c94", lambda d: d["interactions"].pop(), "telnyx"), "c94", "telnyx")

    assert "sent more often now" in problem


def test_an_unused_recording_fails(edited):
    problem, raised = replayed(edited("c44", lambda d: d["interactions"].append(reads(d))), "c44")

    assert raised is None
    assert "was recorded, and is not sent any more" in problem


def test_a_test_that_arranges_something_else_fails(edited):
    def change(document):
        document["metadata"]["observed"][1]["about"][0] = "+14155550999"

    _, raised = replayed(edited("c44", change), "c44")

    assert "recorded was put_route('+14155550999'" in str(raised)


def test_a_test_that_no_longer_looks_fails(edited):
    def change(document):
        document["metadata"]["observed"].append({"asked": "numbers", "answer": []})

    problem, raised = replayed(edited("c44", change), "c44")

    assert raised is None
    assert "numbers was looked at or arranged when recorded" in problem


@pytest.mark.parametrize(
    ("mutation", "test", "said"),
    [
        ("sends-twice", "c10", "sent more often now"),
        ("writes-while-verifying", "c70", "the test asks its account for route_of"),
    ],
)
def test_a_changed_adapter_fails_in_pytest(mutation, test, said, tmp_path):
    code, output, found, _ = contract(
        "tests/conformance/test_telnyx.py", "-k", test, "--voipkit-wire=cassette", "--voipkit-mutation", mutation,
        tmp_path / "report.xml",
    )  # fmt: skip

    assert (code, found["failure"]) == (1, 1)
    assert said in output


def test_an_unused_recording_fails_in_pytest(edited, tmp_path):
    edited("c10", lambda d: d["interactions"].append(reads(d)))
    code, output, _, skips = contract(
        "tests/conformance/test_twilio.py", "-k", "c10 or c11", "--voipkit-wire=cassette",
        "--voipkit-cassettes", str(tmp_path), tmp_path / "report.xml",
    )  # fmt: skip

    assert code == 1
    assert "is not sent any more" in output
    assert skips == {"no recording: twilio/c11.yaml"}


def test_what_was_arranged_is_counted_anew():
    """A test that looks at how many requests came looks at those of now."""
    account = ReplayedAccount(FOLDER / "twilio" / "c44.yaml", SandboxAccount("twilio"))
    assert (account.requests(), account.writes()) == (0, 0)

    stage = Stage(account)
    ProviderTests().test_c44_a_conflict_is_overwritten_on_purpose(stage, stage.carrier)
    sent = [i["request"]["method"] for i in interactions(FOLDER / "twilio" / "c44.yaml")]
    assert account.requests() == len(stage.exchanges) == len(sent)
    assert account.writes() == len([method for method in sent if method != "GET"])


# --- the files -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_a_cassette_says_what_it_is(path):
    about, cassette = cassettes.load(path)

    assert (about.carrier, about.test) == (path.parent.name, path.stem)
    assert about.recorded_from in ("sandbox", "live")
    assert re.fullmatch(r"[\w-]+/\d[\w.]*", about.sdk)
    assert re.fullmatch(r"\d+\.\d+\.\d+\S*", about.voipkit)
    for request in cassette.requests:
        assert urlsplit(request.uri).scheme == "https"
        assert urlsplit(request.uri).hostname.endswith(OWN_HOSTS[about.carrier])
        assert set(request.headers) <= {"accept", "content-type"}


def test_they_are_small():
    assert sum(path.stat().st_size for path in FILES) < 2_000_000


def test_plain_vcrpy_plays_them():
    """The format is vcrpy's own: somebody without voipkit's wire can use the files."""
    import httpx
    import vcr

    path = FOLDER / "telnyx" / "c25-429.yaml"
    (recorded,) = interactions(path)
    with (
        vcr.use_cassette(str(path), record_mode="none") as cassette,
        httpx.Client(trust_env=False, timeout=30) as client,
    ):
        answer = client.get(recorded["request"]["uri"])

    assert (answer.status_code, answer.text) == (429, recorded["response"]["body"]["string"])
    assert cassette.all_played


@pytest.mark.parametrize("carrier", ["twilio", "telnyx"])
def test_vcrpy_alone_hears_nothing(carrier, tmp_path):
    """Why requests are recorded at the wire; when this fails, vcrpy patches httpcore and our own way may go."""
    import vcr

    box = Sandbox()
    with box.serve() as url, vcr.use_cassette(str(tmp_path / "c.yaml")) as cassette:
        options = voipkit.HttpOptions(base_url=url)
        with voipkit.open_provider(
            carrier, box.credentials(carrier), sip_config=box.sip_config(carrier), http=options
        ) as p:
            assert list(p.list_numbers())

    assert box.requests
    assert len(cassette) == 0


# --- secrets ---------------------------------------------------------------------------------------------------------

SECRET = 'c4nary/+ "tok\\en" 0123=ü'
UNKNOWN = "n0b0dy-t0ld-us-0123456789"


@pytest.mark.parametrize("carrier", CARRIERS)
def test_no_committed_file_holds_a_secret(carrier):
    account = SandboxAccount(carrier)
    info = registry.provider_info(carrier)
    secret = {
        name for m in info.setup_methods for f in (*m.fields, *m.sip_fields) if f.secret for name in (f.name, f.alias)
    }
    given = {**account.sip_config, **account.credentials}
    marks = Marks(*(str(value) for name, value in given.items() if name in secret))
    everything = "\n".join(path.read_text(encoding="utf-8") for path in (FOLDER / carrier).glob("*.yaml"))

    assert everything
    assert marks.forms
    assert marks.found_in(everything) == []


def spelled(secret):
    """Every way in which the places below hold a secret."""
    raw = secret.encode()
    yield from (secret, quote(secret), quote(secret, safe=""), quote_plus(secret), quote(quote(secret, safe="")))
    yield from (json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1], json.dumps(json.dumps(secret)))
    yield from (json.dumps(secret)[1:-1].replace("/", r"\/"), raw.hex(), raw.hex().upper())
    for before in ("", "A", "AC", "ACx:"):
        yield base64.b64encode(f"{before}{secret}".encode()).decode()
        yield base64.urlsafe_b64encode(f"{before}{secret}xyz".encode()).decode()
        yield quote(base64.b64encode(f"{before}{secret}".encode()).decode(), safe="")


@pytest.fixture
def planted(monkeypatch, tmp_path):
    """Record one exchange of an account whose secret is `SECRET`, with whatever is planted into it."""

    def record(*, url="https://api.twilio.com/x", headers=None, body=b"", answered=None, content=b"{}"):
        account = SandboxAccount("twilio")
        account.credentials = {**account.credentials, "auth_token": SECRET}
        recorder = RecordingAccount(account, tmp_path / "c10.yaml", lambda *_: (200, answered or {}, content))
        recorder.wire("POST", url, {"user-agent": "voipkit/1 twilio/9 python/3", **(headers or {})}, body)
        return recorder

    return record


@pytest.mark.parametrize("text", list(dict.fromkeys(spelled(SECRET))))
@pytest.mark.parametrize("place", ["url", "query", "header", "form", "json", "text", "answer header", "answer"])
def test_a_planted_secret_is_in_no_file(place, text, planted, tmp_path):
    plant = {
        "url": lambda: {"url": f"https://api.twilio.com/{text}/x"},
        "query": lambda: {"url": f"https://api.twilio.com/x?a=1&b={text}"},
        "header": lambda: {"headers": {"accept": text, "content-type": f"text/plain; {text}"}},
        "form": lambda: {"body": f"a=1&b={text}&c=2".encode()},
        "json": lambda: {"body": f'{{"a": "{text}"}}'.encode()},
        "text": lambda: {"content": f"<p>We do not know {text}.</p>".encode()},
        "answer header": lambda: {"answered": {"Link": f"<https://x.example/?p={text}>", "Retry-After": text}},
        "answer": lambda: {"content": f'{{"detail": "{text} was not accepted"}}'.encode()},
    }[place]()
    assert planted(**plant).finish(passed=True) is None

    written = (tmp_path / "c10.yaml").read_text(encoding="utf-8")
    assert "****" in written
    assert text not in written
    assert Scrubber({"token": SECRET}).leaks(written) == []
    assert "c4nary" not in written


@pytest.mark.parametrize(
    "plant",
    [
        {"headers": {"Authorization": f"Bearer {UNKNOWN}", "X-Auth-Token": UNKNOWN, "Cookie": f"s={UNKNOWN}"}},
        {"answered": {"Set-Cookie": f"session={UNKNOWN}", "X-Auth-Token": UNKNOWN, "Authorization": UNKNOWN}},
        {
            "content": json.dumps(
                {"auth_token": UNKNOWN, "sip": [{"sipPassword": UNKNOWN, "api-key": UNKNOWN}]}
            ).encode()
        },
        {"content": json.dumps({"client_secret": f'a"{UNKNOWN}', "said": f"Authorization: Basic {UNKNOWN}"}).encode()},
        {"content": f'{{"password" : "{UNKNOWN}", "trunc'.encode()},
        {"body": f"user=a&password={UNKNOWN}&access_token={UNKNOWN}".encode()},
        {"url": f"https://api.twilio.com/x?api_key={UNKNOWN}&token={UNKNOWN}"},
        {"url": f"https://user:{UNKNOWN}@api.twilio.com/x"},
        {"body": json.dumps({"uri": f"sip:acme:{UNKNOWN}@sip.example.com"}).encode()},
    ],
    ids=["asked", "answered", "json", "quoted", "truncated", "form", "query", "url", "sip"],
)
def test_a_secret_that_nobody_told_us_is_found_by_its_name(plant, planted, tmp_path):
    assert planted(**plant).finish(passed=True) is None

    assert UNKNOWN not in (tmp_path / "c10.yaml").read_text(encoding="utf-8")


def test_what_is_no_secret_is_kept(planted, tmp_path):
    page = "https://api.twilio.com/x?PageToken=PAabc&page[after]=cursor&api_version=2"
    answer = {"auth_token": "", "next_page_uri": page, "tokens_left": 3, "sid": "AC0123456789abcdef0123456789abcdef"}
    planted(url=page, content=json.dumps(answer).encode()).finish(passed=True)
    (kept,) = interactions(tmp_path / "c10.yaml")

    assert kept["request"]["uri"] == page
    assert json.loads(kept["response"]["body"]["string"]) == answer


def test_what_the_scrubber_misses_is_not_written(planted, tmp_path, monkeypatch):
    """The last look at the file shares no pattern with the scrubber."""
    monkeypatch.setattr(Scrubber, "text", lambda _, text: text)
    for text in dict.fromkeys(spelled(SECRET)):
        problem = planted(content=json.dumps({"detail": text}).encode()).finish(passed=True)

        assert problem == "c10.yaml was not written: it would hold auth_token", text
        assert list(tmp_path.iterdir()) == []


def test_a_secret_too_short_to_be_told_apart_is_refused():
    with pytest.raises(ValueError, match="pin: shorter than 6"):
        Scrubber({"pin": "12345"})


def test_the_scrubber_shows_no_secret():
    assert "auth_token" in repr(Scrubber({"auth_token": SECRET}))
    assert "c4nary" not in repr(Scrubber({"auth_token": SECRET}))


# --- what is recorded, and what is not -------------------------------------------------------------------------------


def test_a_test_that_failed_leaves_no_cassette(planted, tmp_path):
    assert planted().finish(passed=False) is None
    assert list(tmp_path.iterdir()) == []


def test_an_answer_that_never_came_leaves_no_cassette(tmp_path):
    def lost(*_):
        raise TimeoutError

    recorder = RecordingAccount(SandboxAccount("twilio"), tmp_path / "c10.yaml", lost)
    with pytest.raises(TimeoutError):
        recorder.wire("GET", "https://api.twilio.com/x", {}, b"")

    assert recorder.finish(passed=True) is None
    assert list(tmp_path.iterdir()) == []


def test_what_is_too_large_is_not_recorded(planted, tmp_path):
    assert planted(content=b"x" * cassettes.LARGEST).finish(passed=True) is None
    assert list(tmp_path.iterdir()) == []


def test_a_real_account_is_recorded_and_replayed(monkeypatch, tmp_path):
    """A sandbox stands in for the network; another account's public fields come from the cassette."""
    box = Sandbox(seed=7)
    for name, value in (*box.credentials("twilio").items(), *box.sip_config("twilio").items()):
        monkeypatch.setenv(f"VOIPKIT_TWILIO_{name.upper()}", value)
    for name in ("c10", "c71"):
        with recording(LiveAccount("twilio", network=box.wire), tmp_path / f"{name}.yaml") as recorded:
            stage = Stage(recorded)
            getattr(ProviderTests(), next(n for n in dir(ProviderTests) if n.startswith(f"test_{name}_")))(
                stage.carrier
            )
            assert recorded.finish(passed=True) is None
        about, _ = cassettes.load(tmp_path / f"{name}.yaml")

        assert (about.recorded_from, about.routes) == ("live", None)
        assert about.credentials == {"account_sid": box.twilio.account.sid}
        assert box.twilio.account.auth_token not in (tmp_path / f"{name}.yaml").read_text(encoding="utf-8")
        assert replayed(tmp_path / f"{name}.yaml", name) == (None, None)
    assert box.writes == []


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("test_c10_working_credentials_pass", "telnyx/c10.yaml"),
        ("test_c25_an_error_is_never_an_empty_list[html-502]", "telnyx/c25-html-502.yaml"),
    ],
)
def test_a_cassette_is_named_after_its_test(name, path):
    assert cassette_path(Path("x"), "telnyx", name) == Path("x") / path


def test_every_test_that_is_to_be_recorded_exists():
    names = {match[1] for name in dir(ProviderTests) if (match := re.match(r"test_(c\d\d)_", name))}

    assert {test.partition("-")[0] for test in RECORDED} <= names
    recorded = {path.stem for path in FILES}
    assert recorded == RECORDED, "a test that no carrier records is not in the list for anything"


def test_without_vcrpy_the_cure_is_named(monkeypatch):
    monkeypatch.setattr("voipkit.testing.cassettes.find_spec", lambda _: None)

    with pytest.raises(MissingExtra, match="vcrpy") as caught:
        cassettes.load(FILES[0])
    assert "voipkit[test]" in caught.value.fix


def test_a_recording_of_a_recording_is_refused(tmp_path):
    code, output, _, _ = contract(
        "tests/conformance", "--voipkit-record", "--voipkit-wire=cassette", tmp_path / "r.xml"
    )

    assert code == 4
    assert "--voipkit-record needs somebody who answers" in output


def test_the_tool_says_what_a_live_recording_needs():
    environment = {name: value for name, value in os.environ.items() if not name.startswith("VOIPKIT_VONAGE")}
    tool = ROOT / "tools" / "record.py"
    if not tool.is_file():
        pytest.skip("tools/ is no part of the wheel")
    command = [sys.executable, str(tool), "--live", "vonage", "--into", os.devnull]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)

    assert done.returncode == 1
    assert "VOIPKIT_VONAGE_API_SECRET" in done.stderr
