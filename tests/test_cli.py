"""The command line as people and programs meet it: against the served sandbox, through the real SDKs."""

from __future__ import annotations

import json
import os
import re
import select
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import certifi
import pytest
import typer
from typer.testing import CliRunner

import voipkit.cli
from voipkit import registry
from voipkit.cli import demo as demo_module
from voipkit.cli import guard, imports, inputs, installed, local, output
from voipkit.cli.app import app
from voipkit.errors import (
    CredentialsInvalid,
    CredentialsRejected,
    EvidenceExpired,
    MissingExtra,
    PermissionDenied,
    ProviderTimeout,
    RateLimited,
    UnexpectedResponse,
    Unsupported,
)
from voipkit.evidence import generate_key
from voipkit.models import NumberVerification
from voipkit.sandbox import INCIDENTS, Fault, Sandbox
from voipkit.sandbox.box import Outcome

CARRIERS = tuple(info.id for info in local.simulated(Sandbox()))
ESCAPE = "\x1b"

each_carrier = pytest.mark.parametrize("carrier", CARRIERS)
posix_only = pytest.mark.skipif(os.name != "posix", reason="needs a pseudo-terminal, modes or signals")


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch, tmp_path):
    """Each test starts with no voipkit variables, a fixed width, and an empty directory to save files in."""
    for name in list(os.environ):
        if name.startswith("VOIPKIT_") or name in ("NO_COLOR", "FORCE_COLOR", "COLUMNS"):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def box():
    return Sandbox()


@pytest.fixture
def url(box):
    with box.serve() as url:
        yield url


@pytest.fixture
def voipkit_(box, url, monkeypatch):
    """Run a command in process, with working credentials of both carriers in the environment."""
    for name, value in variables(box).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("VOIPKIT_BASE_URL", url)
    return run


def run(*arguments, **more):
    return CliRunner().invoke(app, [str(argument) for argument in arguments], **more)


def variables(box):
    """The environment that names both of the sandbox's accounts."""
    found = {}
    for carrier in CARRIERS:
        info = registry.provider_info(carrier)
        method = info.setup_methods[0]
        for section, fields in (("credentials", box.credentials(carrier)), ("sip_config", box.sip_config(carrier))):
            found |= {inputs.variable(info, method, section, name): value for name, value in fields.items()}
    return found


def secrets(box):
    """The secrets of both accounts: what no output may ever hold."""
    return [
        box.credentials(carrier)[field.name]
        for carrier in CARRIERS
        for field in registry.provider_info(carrier).setup_methods[0].fields
        if field.secret and field.name in box.credentials(carrier)
    ]


def fresh_numbers(box, carrier, count=2):
    """Numbers that nobody has routed yet."""
    return [n.phone_number for n in getattr(box, carrier).seed_numbers(count)]


def subprocess_run(*arguments, env=None, **more):
    clean = {k: v for k, v in os.environ.items() if not k.startswith("VOIPKIT_")}
    command = [sys.executable, "-m", "voipkit.cli", *arguments]
    return subprocess.run(
        command, env=clean | (env or {}), capture_output=True, text=True, timeout=60, check=False, **more
    )


def error_of(result):
    return json.loads(result.stdout)["error"]


class TestFrame:
    """What holds for every command."""

    def test_help_names_every_command(self):
        text = run("--help").stdout
        names = [
            "providers",
            "test",
            "suggest-name",
            "numbers",
            "import",
            "verify",
            "restore",
            "evidence",
            "sandbox",
            "demo",
            "doctor",
        ]
        assert all(re.search(rf"^  {name} ", text, re.MULTILINE) for name in names)

    def test_version(self):
        assert run("--version").stdout == f"voipkit {voipkit.__version__}\n"

    def test_module_and_script_are_the_same(self):
        assert subprocess_run("--version").stdout == f"voipkit {voipkit.__version__}\n"
        script = Path(sys.executable).with_name("voipkit")
        if script.exists():
            found = subprocess.run([script, "--version"], capture_output=True, text=True, check=True, timeout=60)
            assert found.stdout == f"voipkit {voipkit.__version__}\n"

    def test_it_starts_with_no_other_extra_than_cli(self):
        """``pip install 'voipkit[cli]'``: no SDK, HTTP client, database or web framework is there to be imported."""
        absent = sorted(
            {r.name for extra in installed.extras() if extra != "cli" for r in installed.requirements(extra)}
        )
        modules = {"dnspython": "dns", "pyyaml": "yaml", "pytest-xdist": "xdist"}
        names = [modules.get(name, name.replace("-", "_")) for name in absent]
        assert {"sqlalchemy", "fastapi", "dns", "httpx", "requests", "twilio", "pytest"} <= set(names)
        code = (
            f"import sys; sys.modules.update(dict.fromkeys({names})); sys.argv[0] = 'voipkit'; "
            "from voipkit.cli import main; main()"
        )
        for arguments in (["--help"], ["providers", "--json"]):
            found = subprocess.run(
                [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False, timeout=60
            )
            assert (found.returncode, found.stderr) == (0, "")

    @pytest.mark.parametrize("missing", ["typer", "rich"])
    def test_without_the_extra_it_says_what_to_install(self, missing, monkeypatch, capsys):
        monkeypatch.setattr(voipkit.cli, "find_spec", lambda name: None if name == missing else object())
        with pytest.raises(SystemExit) as stopped:
            voipkit.cli.main()
        assert stopped.value.code == 2
        assert "pip install 'voipkit[cli]'" in capsys.readouterr().err

    def test_no_argument_or_option_can_carry_a_secret(self):
        secret_fields = {
            field.name
            for info in registry.providers()
            for method in info.setup_methods
            for field in (*method.fields, *method.sip_fields)
            if field.secret
        }
        assert secret_fields
        commands = list(leaves(typer.main.get_command(app)))
        positional = {p.name for c in commands for p in c.params if p.param_type_name == "argument"}
        options = {p.name for c in commands for p in c.params if p.param_type_name == "option"}
        assert positional == {"carrier", "name", "numbers", "token", "snapshot", "host", "called"}
        assert not options & (secret_fields | {"proxy", "password", "secret", "key", "token"})

    def test_a_secret_as_an_option_is_refused(self):
        assert run("test", "twilio", "--auth-token", "x" * 32).exit_code == 2

    def test_an_unforeseen_exception_shows_no_traceback_and_no_text(self, voipkit_, monkeypatch):
        def broken(*_, **__):
            canary = "s3cr3t-canary"
            raise RuntimeError(canary)

        monkeypatch.setattr(registry, "open_provider", broken)
        for arguments in (["test", "twilio"], ["test", "twilio", "--json"]):
            result = voipkit_(*arguments)
            assert result.exit_code == 70
            assert "s3cr3t-canary" not in result.output
            assert "Traceback" not in result.output
            assert "RuntimeError" in result.output
            assert "report" in result.output
        assert error_of(result)["kind"] == "internal_error"

    @pytest.mark.parametrize(
        ("error", "code"),
        [
            (CredentialsInvalid("x"), 2),
            (MissingExtra("x"), 2),
            (Unsupported("x"), 2),
            (CredentialsRejected("x"), 1),
            (PermissionDenied("x"), 1),
            (RateLimited("x"), 3),
            (ProviderTimeout("x"), 3),
            (UnexpectedResponse("x"), 3),
            (PermissionDenied("x", retryable=True), 3),
            (EvidenceExpired("x"), 4),
        ],
    )
    def test_exit_codes(self, error, code):
        assert guard.exit_code(error) == code


def leaves(command):
    for child in getattr(command, "commands", {}).values():
        yield from leaves(child) if hasattr(child, "commands") else [child]


class TestProviders:
    def test_lists_them(self):
        result = run("providers")
        assert result.exit_code == 0
        for info in registry.providers():
            assert info.id in result.stdout
            assert info.label in result.stdout

    @each_carrier
    def test_explains_every_field_in_both_spellings(self, carrier):
        text = run("providers", carrier).stdout
        info = registry.provider_info(carrier)
        for method in info.setup_methods:
            for section, fields in (("credentials", method.fields), ("sip_config", method.sip_fields)):
                for field in fields:
                    assert field.name in text
                    assert field.alias in text
                    assert inputs.variable(info, method, section, field.name) in text

    def test_json_is_the_library_s_own(self):
        listed = json.loads(run("providers", "--json").stdout)["providers"]
        one = json.loads(run("providers", CARRIERS[0], "--json").stdout)
        assert one in listed
        assert one["extra_installed"] is True
        assert {"id", "label", "setup_methods", "route_kinds", "capabilities", "distribution", "version"} <= one.keys()

    def test_an_unknown_one_is_wrong_usage_and_names_the_nearest(self):
        result = run("providers", "twillio")
        assert result.exit_code == 2
        assert "Did you mean 'twilio'?" in result.stderr


class TestCredentials:
    """Where secrets may come from."""

    def test_missing_ones_are_named_with_their_variables(self):
        result = run("test", "telnyx")
        assert result.exit_code == 2
        assert "VOIPKIT_TELNYX_API_KEY" in result.stderr
        assert "Traceback" not in result.output

    def test_alternatives_are_named_as_such(self):
        result = run("test", "twilio", env={"VOIPKIT_TWILIO_ACCOUNT_SID": "AC" + "0" * 32})
        assert result.exit_code == 2
        assert re.search(r"VOIPKIT_TWILIO_AUTH_TOKEN\), or .* and .*VOIPKIT_TWILIO_API_SECRET", result.stderr)
        assert "VOIPKIT_TWILIO_ACCOUNT_SID" not in result.stderr

    def test_a_misspelt_variable_is_named(self):
        result = run("test", "telnyx", env={"VOIPKIT_TELNYX_APIKEY": "x"})
        assert "VOIPKIT_TELNYX_APIKEY" in result.stderr

    def test_missing_ones_as_json(self):
        error = error_of(run("test", "telnyx", "--json"))
        assert error["kind"] == "credentials_invalid"
        assert [p["field"] for p in error["problems"]] == ["api_key"]
        assert set(error) == {
            "kind", "message", "fix", "provider", "operation", "status", "code", "retryable", "retry_after",
            "request_id", "docs_url", "problems",
        }  # fmt: skip

    @each_carrier
    @pytest.mark.parametrize("shape", ["nested", "camel", "flat"])
    def test_from_a_file(self, carrier, shape, box, url):
        credentials, sip = box.credentials(carrier), box.sip_config(carrier)
        camel = {f.name: f.alias for f in registry.provider_info(carrier).setup_methods[0].fields}
        document = {
            "nested": {"credentials": credentials, "sip_config": sip},
            "camel": {"credentials": {camel[k]: v for k, v in credentials.items()}, "sipConfig": sip},
            "flat": credentials,
        }[shape]
        file = saved("account.json", document)
        result = run("suggest-name", carrier, "--credentials", file, "--base-url", url)
        assert result.exit_code == 0, result.output
        assert registry.provider_info(carrier).label in result.stdout

    def test_from_standard_input(self, box, url):
        text = json.dumps(box.credentials("telnyx"))
        assert run("suggest-name", "telnyx", "--credentials", "-", "--base-url", url, input=text).exit_code == 0

    @pytest.mark.parametrize(
        "command",
        [
            ["import", "telnyx", "--numbers-file", "-"],
            ["verify", "telnyx", "--numbers-file", "-"],
            ["restore", "telnyx", "-"],
            ["evidence", "verify", "-", "--provider", "telnyx"],
            ["evidence", "verify", "x", "--provider", "telnyx", "--jwks", "-"],
        ],
    )
    def test_standard_input_serves_one_thing(self, command, box, url):
        text = json.dumps(box.credentials("telnyx"))
        result = run(*command, "--credentials", "-", "--base-url", url, "--json", input=text)
        assert result.exit_code == 2
        assert "standard input" in error_of(result)["message"]
        assert box.requests == []

    def test_standard_input_is_utf_8_whatever_the_locale_says(self):
        """A C locale would take any bytes, and guess at the letters."""
        text = json.dumps({"api_key": "KEYü", "connection_id": "1"}, ensure_ascii=False)
        for encoding, message in (("latin-1", "not UTF-8"), ("utf-8-sig", "api_key")):
            found = subprocess.run(
                [sys.executable, "-m", "voipkit.cli", "test", "telnyx", "--credentials", "-", "--json"],
                env={**os.environ, "LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"},
                input=text.encode(encoding), capture_output=True, check=False, timeout=60,
            )  # fmt: skip
            assert found.returncode == 2, found
            assert message in json.loads(found.stdout)["error"]["message"]

    @posix_only
    def test_closed_standard_input_is_said(self):
        command = f"{sys.executable} -m voipkit.cli test telnyx --credentials - --json <&-"
        found = subprocess.run(command, shell=True, capture_output=True, text=True, check=False, timeout=60)
        assert found.returncode == 2, found
        assert "cannot be read" in json.loads(found.stdout)["error"]["message"]

    def test_a_file_is_not_completed_from_the_environment(self, box, url):
        file = saved("account.json", {"account_sid": box.credentials("twilio")["account_sid"]})
        result = run("test", "twilio", "--credentials", file, "--base-url", url, env=variables(box))
        assert result.exit_code == 2
        assert "auth_token" in result.stderr
        assert box.requests == []

    @posix_only
    def test_a_file_that_others_may_read_is_warned_about(self, box, url):
        file = saved("account.json", box.credentials("telnyx"))
        assert "chmod 600" not in run("suggest-name", "telnyx", "--credentials", file, "--base-url", url).stderr
        file.chmod(0o644)
        assert "chmod 600" in run("suggest-name", "telnyx", "--credentials", file, "--base-url", url).stderr

    @pytest.mark.parametrize(
        "text", ["{'api_key': 's3cr3t-canary'}", '["s3cr3t-canary"]', '{"credentials": "s3cr3t-canary"}']
    )
    def test_a_bad_file_is_refused_without_repeating_it(self, text):
        Path("bad.json").write_text(text, encoding="utf-8")
        result = run("test", "telnyx", "--credentials", "bad.json")
        assert result.exit_code == 2
        assert "s3cr3t-canary" not in result.output

    def test_an_absent_file(self):
        result = run("test", "telnyx", "--credentials", "absent.json")
        assert result.exit_code == 2
        assert "absent.json cannot be read" in result.stderr

    def test_an_unknown_set_up_method(self, voipkit_):
        result = voipkit_("test", "telnyx", "--setup-method", "carrier_pigeon")
        assert result.exit_code == 2
        assert "api_key" in result.stderr

    def test_a_wrong_field_is_named_and_its_value_is_not(self, voipkit_, monkeypatch):
        monkeypatch.setenv("VOIPKIT_TWILIO_AUTH_TOKEN", "s3cr3t-canary")
        result = voipkit_("test", "twilio")
        assert result.exit_code == 2
        assert "auth_token" in result.stderr
        assert "s3cr3t-canary" not in result.output

    def test_prompts_for_the_form_where_somebody_is_there(self, box, url, monkeypatch):
        monkeypatch.setattr(inputs, "interactive", lambda: True)
        credentials = box.credentials("twilio")
        trunk = box.sip_config("twilio")["trunk_sid"]
        # The alternative first (there is no 7; 1: auth token), then the fields, then the SIP configuration.
        answers = ["7", "1", credentials["account_sid"], credentials["auth_token"], "", trunk, "", ""]
        result = run("test", "twilio", "--base-url", url, input="\n".join(answers) + "\n")
        assert result.exit_code == 0, result.output
        assert "Which one" in result.stderr
        assert credentials["auth_token"] not in result.output
        assert trunk in result.stdout

    def test_an_interrupted_prompt_is_130(self, monkeypatch):
        monkeypatch.setattr(inputs, "interactive", lambda: True)
        result = run("test", "telnyx", input="")  # the end of the input is how a runner interrupts
        assert result.exit_code == 130
        assert "Traceback" not in result.output

    @posix_only
    def test_a_real_terminal_does_not_show_the_secret(self, box, url):
        secret = box.credentials("telnyx")["api_key"]
        seen, code = in_terminal(["suggest-name", "telnyx", "--base-url", url], [("API key", secret)] + [(":", "")] * 4)
        assert code == 0, seen
        assert "Telnyx" in seen
        assert secret not in seen

    @posix_only
    def test_ctrl_c_at_a_real_terminal_is_130(self, url):
        seen, code = in_terminal(["test", "telnyx", "--base-url", url], [("API key", None)])
        assert code == 130
        assert "Traceback" not in seen


def saved(name, document):
    file = Path(name)
    file.write_text(json.dumps(document), encoding="utf-8")
    file.chmod(0o600)
    return file.absolute()


def _hears_ctrl_c() -> None:
    """Undo what a job in the background inherits: there SIGINT is ignored, and Python then raises no interrupt."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def in_terminal(arguments, conversation):
    """Run the command line in a pseudo-terminal; answer None is Ctrl-C. Returns what was shown, and the exit code."""
    import pty

    main_end, other_end = pty.openpty()
    env = {k: v for k, v in os.environ.items() if not k.startswith("VOIPKIT_")}
    process = subprocess.Popen(
        [sys.executable, "-m", "voipkit.cli", *arguments],
        stdin=other_end, stdout=other_end, stderr=other_end, env=env | {"TERM": "xterm"}, start_new_session=True, preexec_fn=_hears_ctrl_c,  # noqa: PLW1509
    )  # fmt: skip
    os.close(other_end)
    seen, unanswered = "", list(conversation)
    answered_at = 0
    try:
        while True:
            readable, _, _ = select.select([main_end], [], [], 20)
            try:
                chunk = os.read(main_end, 4096) if readable else b""
            except OSError:  # the other end is closed: the process has ended
                break
            if not chunk:
                break
            seen += chunk.decode()
            if unanswered and unanswered[0][0] in seen[answered_at:] and seen.rstrip().endswith(":"):
                _, answer = unanswered.pop(0)
                answered_at = len(seen)
                time.sleep(0.05)  # the prompt is shown just before the terminal's echo is turned off
                if answer is None:
                    process.send_signal(signal.SIGINT)
                else:
                    os.write(main_end, f"{answer}\n".encode())
        return seen, process.wait(timeout=20)
    finally:
        process.kill()
        process.wait()
        os.close(main_end)


class TestTest:
    @each_carrier
    def test_a_good_account(self, carrier, voipkit_):
        result = voipkit_("test", carrier)
        assert result.exit_code == 0, result.output
        assert "credential test pass" in result.stdout
        assert f"{carrier}." in result.stdout
        assert "outbound authorized: yes" in result.stdout

    @each_carrier
    def test_json(self, carrier, voipkit_):
        document = json.loads(voipkit_("test", carrier, "--json").stdout)
        assert document["status"] == "pass"
        assert document["credentials_valid"] is True
        assert document["evidence"] is None
        assert {"provider", "setup_method", "checks", "inbound_reachable", "outbound_authorized"} <= document.keys()

    @each_carrier
    def test_refused_credentials_are_1(self, carrier, voipkit_, box):
        box.fail(carrier, "*", Fault.status(401))
        result = voipkit_("test", carrier)
        assert result.exit_code == 1
        assert "credential test fail" in result.stdout

    @each_carrier
    def test_a_carrier_that_cannot_be_asked_is_3(self, carrier, voipkit_, box):
        box.fail(carrier, "*", Fault.reset())
        result = voipkit_("test", carrier, "--deadline", "1")
        assert result.exit_code == 3
        assert "credentials valid: not known" in result.stdout

    def test_a_broken_direction_says_what_to_do(self, voipkit_, box):
        incident = INCIDENTS["telnyx-d38"]
        box.incident(incident.name)
        document = json.loads(voipkit_("test", incident.carriers[0], "--json").stdout)
        assert document["credentials_valid"] is True
        assert document["outbound_authorized"] is False
        result = voipkit_("test", incident.carriers[0])
        assert result.exit_code == 1
        failed = next(check for check in document["checks"] if check["status"] == "fail")
        assert failed["code"] in result.stdout

    def test_evidence_needs_a_key_before_the_carrier_is_asked(self, voipkit_, box):
        result = voipkit_("test", "telnyx", "--evidence")
        assert result.exit_code == 2
        assert "VOIPKIT_SECRET_KEY" in result.stderr
        assert box.requests == []

    def test_no_evidence_of_a_failed_test(self, voipkit_, box, monkeypatch):
        monkeypatch.setenv("VOIPKIT_SECRET_KEY", generate_key())
        box.fail("telnyx", "*", Fault.status(401))
        result = voipkit_("test", "telnyx", "--evidence")
        assert result.exit_code == 1
        assert "No evidence" in result.stderr
        assert json.loads(voipkit_("test", "telnyx", "--evidence", "--json").stdout)["evidence"] is None


class TestNumbers:
    @each_carrier
    def test_lists_them_all(self, carrier, voipkit_, box):
        fresh_numbers(box, carrier, 300)
        result = voipkit_("numbers", carrier)
        assert result.exit_code == 0
        assert all(n.phone_number in result.stdout for n in getattr(box, carrier).numbers)
        assert f"{len(getattr(box, carrier).numbers)} numbers." in result.stderr

    @each_carrier
    def test_json_is_one_object_a_line(self, carrier, voipkit_, box):
        result = voipkit_("numbers", carrier, "--json")
        rows = [json.loads(row) for row in result.stdout.splitlines()]
        assert [row["number"] for row in rows]
        assert len(rows) == len(getattr(box, carrier).numbers)
        assert {"id", "number", "route", "routing", "monthly_fee", "currency"} <= rows[0].keys()

    @each_carrier
    def test_a_limit_says_that_it_stopped(self, carrier, voipkit_, box):
        fresh_numbers(box, carrier, 5)
        result = voipkit_("numbers", carrier, "--limit", "2", "--json")
        assert len(result.stdout.splitlines()) == 2
        assert "Stopped after 2" in result.stderr

    @each_carrier
    def test_a_page_that_breaks_is_3_and_ends_the_stream_with_the_error(self, carrier, voipkit_, box):
        box.fail(carrier, "*", Fault.reset())
        result = voipkit_("numbers", carrier, "--json", "--deadline", "1")
        assert result.exit_code == 3
        error = json.loads(result.stdout.splitlines()[-1])["error"]
        assert error["provider"] == carrier
        assert error["operation"] == "list_numbers"
        assert error["retryable"] is True

    def test_a_name_cannot_steer_the_terminal(self, voipkit_, box):
        box.twilio.numbers[0].friendly_name = f"{ESCAPE}[31mEvil{ESCAPE}]0;title\x07 [bold]not markup[/bold]"
        result = voipkit_("numbers", "twilio")
        assert "Evil" in result.stdout
        assert "[bold]not markup[/bold]" in result.stdout
        assert ESCAPE not in result.stdout
        assert "\x07" not in result.stdout


class TestImport:
    """Plan, show, save, ask, write."""

    @each_carrier
    def test_a_dry_run_shows_the_diff_and_changes_nothing(self, carrier, voipkit_, box):
        numbers = fresh_numbers(box, carrier)
        result = voipkit_("import", carrier, *numbers, "--dry-run")
        assert result.exit_code == 0, result.output
        assert all(number in result.stdout for number in numbers)
        # At Cloudonix an unrouted number leads to the application that drops calls, which has an id like others.
        assert re.search(r"\w+: (\(not set\)|\d+) -> \w+", result.stdout)
        assert "nothing was written" in result.stdout
        assert box.writes == []
        assert list(Path().iterdir()) == []

    @each_carrier
    def test_a_dry_run_saves_a_snapshot_where_one_is_asked_for(self, carrier, voipkit_, box):
        number, *_ = fresh_numbers(box, carrier)
        result = voipkit_("import", carrier, number, "--dry-run", "--snapshot", "plan.json", "--json")
        document = json.loads(result.stdout)
        assert document["dry_run"] is True
        assert document["snapshot_file"] == "plan.json"
        assert json.loads(Path("plan.json").read_text())["numbers"] == document["snapshot"]["numbers"]

    @each_carrier
    def test_without_a_terminal_and_without_yes_it_refuses(self, carrier, voipkit_, box):
        number, *_ = fresh_numbers(box, carrier)
        result = voipkit_("import", carrier, number)
        assert result.exit_code == 2
        assert "--yes" in result.stderr
        assert number in result.stdout
        assert box.writes == []
        assert list(Path().iterdir()) == []

    @each_carrier
    def test_no_is_no(self, carrier, voipkit_, box, monkeypatch):
        monkeypatch.setattr(imports, "interactive", lambda: True)
        number, *_ = fresh_numbers(box, carrier)
        result = voipkit_("import", carrier, number, input="n\n")
        assert result.exit_code == 1
        assert "Nothing was written" in result.stderr
        assert box.writes == []
        assert list(Path().iterdir()) == []

    @each_carrier
    def test_yes_is_yes_and_restore_undoes_it(self, carrier, voipkit_, box, monkeypatch):
        monkeypatch.setattr(imports, "interactive", lambda: True)
        if carrier == "plivo":  # it has no way to take a number off every application again
            desk = box.plivo.add_application("Front desk")
            numbers = [n.phone_number for n in box.plivo.seed_numbers(2, app_id=desk.app_id)]
        else:
            numbers = fresh_numbers(box, carrier)
        before = routings(voipkit_, carrier)
        result = voipkit_("import", carrier, *numbers, "--overwrite", input="y\n")
        assert result.exit_code == 0, result.output
        [file] = Path().iterdir()
        assert re.fullmatch(rf"voipkit-snapshot-{carrier}-\d{{8}}T\d{{6}}Z\.json", file.name)
        if os.name == "posix":
            assert stat.S_IMODE(file.stat().st_mode) == 0o600
        after = routings(voipkit_, carrier)
        assert {n for n in after if after[n] != before[n]} == set(numbers)

        restored = voipkit_("restore", carrier, file, "--yes", "--json")
        assert restored.exit_code == 0, restored.output
        assert json.loads(restored.stdout)["counts"] == {"imported": 2}
        assert routings(voipkit_, carrier) == before

    @each_carrier
    def test_the_snapshot_is_on_the_disk_before_the_first_write(self, carrier, box, monkeypatch):
        """A crash or a lost connection in the middle must leave the way back behind."""
        numbers = fresh_numbers(box, carrier)
        there, answer = [], box.exchange

        def lose_answers_to_writes(method, url, headers, body):
            saved_before, writes = Path("back.json").exists(), len(box.writes)
            outcome = answer(method, url, headers, body)
            if len(box.writes) == writes:
                return outcome
            there.append(saved_before)
            return Outcome(500, {"Content-Type": "application/json"}, b"{}")

        monkeypatch.setattr(box, "exchange", lose_answers_to_writes)
        with box.serve() as url:
            env = variables(box) | {"VOIPKIT_BASE_URL": url}
            run("import", carrier, *numbers, "--yes", "--snapshot", "back.json", "--deadline", "2", env=env)
        assert there
        assert all(there)
        kept = json.loads(Path("back.json").read_text())
        assert [n["number"] for n in kept["numbers"]] == numbers

    @each_carrier
    def test_an_existing_snapshot_is_never_overwritten(self, carrier, voipkit_, box):
        Path("kept.json").write_text("precious")
        number, *_ = fresh_numbers(box, carrier)
        result = voipkit_("import", carrier, number, "--yes", "--snapshot", "kept.json")
        assert result.exit_code == 2
        assert Path("kept.json").read_text() == "precious"
        assert box.writes == []

    def test_a_snapshot_that_cannot_be_saved_stops_the_import(self, voipkit_, box):
        number, *_ = fresh_numbers(box, "twilio")
        result = voipkit_("import", "twilio", number, "--yes", "--snapshot", "no/such/folder/s.json")
        assert result.exit_code == 2
        assert box.writes == []

    @each_carrier
    def test_with_nothing_to_write_it_does_not_ask(self, carrier, voipkit_, box):
        number, *_ = fresh_numbers(box, carrier)
        assert voipkit_("import", carrier, number, "--yes").exit_code == 0
        writes = len(box.writes)
        result = voipkit_("import", carrier, number, "--json")
        assert result.exit_code == 0
        document = json.loads(result.stdout)
        assert document["counts"] == {"unchanged": 1}
        assert document["dry_run"] is False
        assert document["snapshot_file"] is None
        assert len(box.writes) == writes

    @each_carrier
    def test_a_number_that_is_routed_elsewhere_is_refused_and_taken_over_on_purpose_only(self, carrier, voipkit_, box):
        box.incident("number-on-foreign-trunk")
        taken = getattr(box, carrier).numbers[0].phone_number
        free, *_ = fresh_numbers(box, carrier)
        result = voipkit_("import", carrier, taken, free, "--yes", "--json")
        assert result.exit_code == 1
        document = json.loads(result.stdout)
        assert [(r["number"], r["status"]) for r in document["results"]] == [(taken, "conflict"), (free, "imported")]
        assert "--overwrite" in voipkit_("import", carrier, taken).stdout
        before = routings(voipkit_, carrier)
        assert voipkit_("import", carrier, taken, "--overwrite", "--yes", "--snapshot", "s.json").exit_code == 0
        assert routings(voipkit_, carrier)[taken] != before[taken]
        assert voipkit_("restore", carrier, "s.json", "--yes").exit_code == 0
        assert routings(voipkit_, carrier) == before

    @each_carrier
    def test_each_bad_number_has_its_own_answer(self, carrier, voipkit_, box):
        good, *_ = fresh_numbers(box, carrier)
        result = voipkit_("import", carrier, "12345", good, "+12025550199", good, "--yes", "--json")
        assert result.exit_code == 1
        statuses = [(r["number"], r["status"], r["code"]) for r in json.loads(result.stdout)["results"]]
        assert statuses == [
            ("12345", "failed", "import.not_e164"),
            (good, "imported", "import.imported"),
            ("+12025550199", "not_owned", "import.not_owned"),
            (good, "failed", "import.duplicate"),
        ]

    @each_carrier
    def test_numbers_from_a_listing(self, carrier, voipkit_, box):
        wanted = fresh_numbers(box, carrier)
        rows = voipkit_("numbers", carrier, "--json").stdout.splitlines()
        Path("numbers.txt").write_text(f"# fresh ones\n\n{wanted[0]}  # the first\n")
        piped = "\n".join(row for row in rows if json.loads(row)["number"] == wanted[1])
        assert voipkit_("import", carrier, "--numbers-file", "numbers.txt", "--yes").exit_code == 0
        result = voipkit_(
            "import", carrier, "--numbers-file", "-", "--yes", "--json", "--snapshot", "2.json", input=piped
        )
        assert [r["number"] for r in json.loads(result.stdout)["results"]] == [wanted[1]]

    @pytest.mark.parametrize("row", ['{"number": null}', "{}", '{"number": ""}', '{"number": 15550001234}'])
    def test_a_row_without_a_number_is_refused(self, row, voipkit_, box):
        good, *_ = fresh_numbers(box, "telnyx")
        text = f'{{"number": "{good}"}}\n{row}\n'
        result = voipkit_("import", "telnyx", "--numbers-file", "-", "--yes", "--json", input=text)
        assert result.exit_code == 2
        assert "line 2" in error_of(result)["message"]
        assert box.writes == []

    def test_the_file_holds_what_was_found_when_routing_changed_while_the_question_stood(
        self, voipkit_, box, monkeypatch
    ):
        number = box.twilio.seed_numbers(1)[0]

        def change_meanwhile(*_, **__):
            number.voice_url = "https://elsewhere.example/voice"

        monkeypatch.setattr(imports, "_confirm", change_meanwhile)
        voipkit_("import", "twilio", number.phone_number, "--overwrite", "--snapshot", "s.json")
        [kept] = json.loads(Path("s.json").read_text())["numbers"]
        assert kept["before"]["voice_url"] == "https://elsewhere.example/voice"
        assert [file.name for file in Path().iterdir()] == ["s.json"]

    @pytest.mark.parametrize("route", ["pigeon:1", "trunk:", "webhook:ftp://x", ""])
    def test_a_route_that_is_none(self, route, voipkit_, box):
        result = voipkit_("import", "twilio", "+15550001234", "--route", route)
        assert result.exit_code == 2
        assert "trunk:ID" in result.stderr
        assert box.requests == []

    def test_a_kind_of_route_that_the_carrier_lacks(self, voipkit_, box):
        result = voipkit_("import", "twilio", "+15550001234", "--route", "sip:a@b.example", "--json")
        assert result.exit_code == 2
        assert error_of(result)["kind"] == "unsupported"
        assert box.writes == []

    def test_no_numbers(self, voipkit_):
        assert voipkit_("import", "twilio").exit_code == 2

    @pytest.mark.parametrize("text", ["", "{}", "[1]", '{"provider": "twilio", "numbers": 3}'])
    def test_restore_refuses_what_is_no_snapshot(self, text, voipkit_, box):
        Path("s.json").write_text(text)
        assert voipkit_("restore", "twilio", "s.json", "--yes").exit_code == 2
        assert box.requests == []

    def test_restore_refuses_another_carrier_s_snapshot(self, voipkit_, box):
        first, second = CARRIERS[:2]
        number, *_ = fresh_numbers(box, first)
        voipkit_("import", first, number, "--yes", "--snapshot", "s.json")
        writes = len(box.writes)
        assert voipkit_("restore", second, "s.json", "--yes").exit_code == 2
        assert len(box.writes) == writes

    def test_restore_asks_too(self, voipkit_, box):
        number, *_ = fresh_numbers(box, "twilio")
        voipkit_("import", "twilio", number, "--yes", "--snapshot", "s.json")
        writes = len(box.writes)
        result = voipkit_("restore", "twilio", "s.json")
        assert result.exit_code == 2
        assert re.search(r"trunk_sid: TK\w+ -> \(not set\)", result.stdout)
        assert len(box.writes) == writes


def routings(voipkit_, carrier):
    rows = voipkit_("numbers", carrier, "--json").stdout.splitlines()
    return {row["number"]: row["routing"] for row in map(json.loads, rows)}


class TestVerify:
    @each_carrier
    def test_one(self, carrier, voipkit_, box):
        number, *_ = fresh_numbers(box, carrier)
        voipkit_("import", carrier, number, "--yes")
        result = voipkit_("verify", carrier, number)
        assert result.exit_code == 0, result.output
        assert f"{number}: pass" in result.stdout

    @each_carrier
    def test_all_of_them_as_json(self, carrier, voipkit_, box):
        result = voipkit_("verify", carrier, "--all", "--json")
        document = json.loads(result.stdout)
        assert document["provider"] == carrier
        assert len(document["verifications"]) == len(getattr(box, carrier).numbers)
        assert sum(document["counts"].values()) == len(document["verifications"])

    @each_carrier
    def test_a_failed_one_is_1_and_many_are_told_apart(self, carrier, voipkit_, box):
        number, *_ = fresh_numbers(box, carrier)
        voipkit_("import", carrier, number, "--yes")
        result = voipkit_("verify", carrier, number, "+12025550199")
        assert result.exit_code == 1
        assert number in result.stdout
        assert "+12025550199" in result.stdout

    def test_the_route_that_is_shown_is_called_the_expected_one(self, voipkit_, box, monkeypatch):
        monkeypatch.setenv("COLUMNS", "160")
        ours, theirs = box.twilio.trunks[0].sid, "https://theirs.example.com/in"
        number, *_ = fresh_numbers(box, "twilio")
        voipkit_("import", "twilio", number, "--route", f"webhook:{theirs}", "--yes")
        result = voipkit_("verify", "twilio", number, "+12025550199", "--route", f"trunk:{ours}")
        header, _, row, *rest = result.stdout.splitlines()
        assert "expected route" in header
        assert ours in row
        assert any(theirs in text for text in rest), "where its calls go instead is said below the table"

    def test_all_and_some_is_wrong_usage(self, voipkit_):
        assert voipkit_("verify", "twilio", "+15550001234", "--all").exit_code == 2

    def test_not_known_is_3(self):
        from voipkit.cli.app import _verified_code

        unknown = NumberVerification(provider="x", number="+15550001234", checks=())
        assert _verified_code([unknown]) == 3


class TestEvidence:
    @pytest.fixture
    def token(self, voipkit_, monkeypatch):
        monkeypatch.setenv("VOIPKIT_SECRET_KEY", run("evidence", "keygen").stdout.strip())
        result = voipkit_("test", "telnyx", "--evidence")
        return result.stdout.strip().splitlines()[-1]

    def test_keygen(self):
        first, second = (run("evidence", "keygen").stdout for _ in range(2))
        assert len(first.strip()) == 43
        assert first != second
        assert len(json.loads(run("evidence", "keygen", "--json").stdout)["secret_key"]) == 43

    def test_good_evidence(self, token):
        shown = run("evidence", "show", token)
        assert shown.exit_code == 0
        assert "telnyx by api_key" in shown.stdout
        for _ in range(2):  # looking does not use it up
            result = run("evidence", "verify", token, "--provider", "telnyx")
            assert result.exit_code == 0, result.output
            assert "not used up" in result.stdout

    def test_from_standard_input_as_json(self, token):
        document = json.loads(
            run("evidence", "verify", "-", "--provider", "telnyx", "--json", input=f"{token}\n").stdout
        )
        assert document["provider"] == "telnyx"
        assert document["credentials_valid"] is True
        shown = json.loads(run("evidence", "show", "-", "--json", input=token).stdout)
        assert shown["error"] is None
        assert shown["evidence"]["id"] == document["id"]

    def test_with_public_keys_alone(self, token, monkeypatch):
        Path("jwks.json").write_text(run("evidence", "jwks").stdout)
        monkeypatch.delenv("VOIPKIT_SECRET_KEY")
        assert run("evidence", "verify", token, "--jwks", "jwks.json").exit_code == 0
        assert run("evidence", "verify", token, "--jwks", "jwks.json", "--provider", "twilio").exit_code == 4
        assert run("evidence", "show", token, "--jwks", "jwks.json").exit_code == 0
        assert run("evidence", "verify", token, "--jwks", "jwks.json", "--max-age", "5").exit_code == 2

    def test_changed_evidence_is_4(self, token):
        changed = token[:-6] + ("AAAAAA" if not token.endswith("AAAAAA") else "BBBBBB")
        assert run("evidence", "verify", changed, "--provider", "telnyx").exit_code == 4
        assert run("evidence", "show", changed).exit_code == 4
        assert error_of(run("evidence", "verify", "x", "--provider", "telnyx", "--json"))["kind"] == "evidence_invalid"

    def test_other_credentials_are_4(self, token, box, monkeypatch):
        monkeypatch.setenv("VOIPKIT_TELNYX_CONNECTION_ID", "1234567890123456789")
        result = run("evidence", "verify", token, "--provider", "telnyx", "--json")
        assert result.exit_code == 4
        assert error_of(result)["kind"] == "evidence_credentials_mismatch"

    def test_what_is_required(self, token):
        require = ["--require", "inbound_reachable", "--require", "outbound_authorized", "--max-age", "60"]
        assert run("evidence", "verify", token, "--provider", "telnyx", *require).exit_code == 0
        assert run("evidence", "verify", token, "--provider", "telnyx", "--require", "luck").exit_code == 2

    @pytest.mark.parametrize("age", ["nan", "1e400", "-inf", "-1", "1e300"])
    def test_an_age_that_is_none_is_refused(self, age, token):
        result = run("evidence", "verify", token, "--provider", "telnyx", f"--max-age={age}", "--json")
        assert result.exit_code == 2
        assert "--max-age" in error_of(result)["message"]

    def test_without_a_key_it_says_so(self, token, monkeypatch):
        monkeypatch.delenv("VOIPKIT_SECRET_KEY")
        assert run("evidence", "verify", token, "--provider", "telnyx").exit_code == 2
        assert run("evidence", "jwks").exit_code == 2
        assert run("evidence", "show", token).exit_code == 0

    def test_without_a_provider_it_says_so(self, token):
        assert "--provider" in run("evidence", "verify", token).stderr


class TestSandboxCommand:
    def test_lists_incidents(self):
        text = run("sandbox", "--list-incidents").stdout
        assert all(name in text for name in INCIDENTS)
        assert len(json.loads(run("sandbox", "--list-incidents", "--json").stdout)["incidents"]) == len(INCIDENTS)

    def test_an_unknown_incident(self):
        result = run("sandbox", "--incident", "meteor")
        assert result.exit_code == 2
        assert "telnyx-d38" in result.stderr

    @posix_only
    def test_serves_until_ctrl_c(self):
        command = [sys.executable, "-m", "voipkit.cli", "sandbox", "--port", "0", "--numbers", "7", "--json"]
        process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=_hears_ctrl_c,  # noqa: PLW1509
        )
        try:
            found = json.loads(process.stdout.readline())
            account = saved("account.json", found["accounts"]["twilio"])
            listed = run("numbers", "twilio", "--credentials", account, "--base-url", found["url"], "--json")
            assert len(listed.stdout.splitlines()) >= 7
            process.send_signal(signal.SIGINT)
            _, stderr = process.communicate(timeout=20)
            assert process.returncode == 0
            assert "Traceback" not in stderr
        finally:
            process.kill()
            process.communicate()

    @pytest.fixture
    def announced(self, monkeypatch):
        """What it prints while it serves; it ends by itself."""
        monkeypatch.setattr(local, "_until_interrupted", lambda: None)
        return lambda *arguments: run("sandbox", "--port", "0", *arguments)

    @pytest.mark.parametrize("columns", ["80", "120"])
    def test_it_fits_a_screen(self, announced, monkeypatch, columns):
        """One line a carrier: what to type for its keys, and where its API is."""
        monkeypatch.setenv("COLUMNS", columns)
        text = announced().stdout
        assert all(len(line) <= 80 for line in text.splitlines())
        assert len(text.splitlines()) <= 14
        (url,) = re.findall(r"^Sandbox at (\S+)", text)
        box = Sandbox()
        lines = dict(re.findall(r"^ *voipkit sandbox (\w+) +(\S+)$", text, re.MULTILINE))
        assert lines.keys() == set(CARRIERS)
        for carrier, base in lines.items():
            simulator = getattr(box, carrier)
            assert base == f"{url}/{simulator.host}"
            assert simulator.product(simulator.host) is not None
        assert not [value for value in variables(box).values() if len(value) > 12 and value in text]

    @pytest.mark.parametrize("carrier", [*CARRIERS, "--verbose"])
    def test_what_it_prints_can_be_pasted(self, announced, carrier):
        text = announced(carrier).stdout
        exports = dict(re.findall(r"export (VOIPKIT_\w+)=(\S+)", text))
        wanted = variables(Sandbox()) if carrier == "--verbose" else {
            name for name in variables(Sandbox()) if name.startswith(f"VOIPKIT_{carrier.upper()}_")
        }  # fmt: skip
        assert set(exports) == {"VOIPKIT_BASE_URL", *wanted}
        codes = re.findall(r"carrier = (open_provider.*)", text)
        assert len(codes) == (len(CARRIERS) if carrier == "--verbose" else 1)
        for code in codes:
            opened = eval(code, {"open_provider": registry.open_provider, "HttpOptions": voipkit.HttpOptions})
            opened.close()

    def test_a_named_carrier_is_the_only_one_in_the_json(self, announced):
        assert json.loads(announced("telnyx", "--json").stdout)["accounts"].keys() == {"telnyx"}
        assert json.loads(announced("--json").stdout)["accounts"].keys() == set(CARRIERS)

    def test_a_carrier_that_is_not_simulated(self, announced):
        result = announced("manual")
        assert result.exit_code == 2
        assert "telnyx" in result.stderr

    def test_a_taken_port(self, url):
        result = run("sandbox", "--port", url.rpartition(":")[2])
        assert result.exit_code == 2
        assert "--port" in result.stderr


class TestDemo:
    def test_tells_the_truth_quickly(self):
        began = time.process_time()  # of the demo and its simulated carriers, in this process
        result = run("demo")
        assert result.exit_code == 0, result.output
        assert time.process_time() - began < 20
        assert "NOT AS TOLD" not in result.stdout
        assert "Everything went as told" in result.stdout
        assert all(registry.provider_info(carrier).label in result.stdout for carrier in CARRIERS)
        assert "telnyx-d38" in result.stdout

    def test_notices_when_it_does_not(self, monkeypatch):
        monkeypatch.setattr(Sandbox, "incident", lambda *_: None)
        result = run("demo")
        assert result.exit_code == 1
        assert "NOT AS TOLD" in result.stdout

    def test_what_is_not_installed_is_left_out_and_named(self, monkeypatch):
        there = {"twilio"}
        monkeypatch.setattr(demo_module, "carrier_ready", lambda extra: extra in there)
        result = run("demo")
        assert result.exit_code == 0, result.output
        assert "== Twilio" in result.stdout
        assert not any(f"== {label}" in result.stdout for label in ("Telnyx", "Plivo", "SIP trunk"))
        (said,) = re.findall(r"Left out, as not installed: (.*)\. For all", " ".join(result.stdout.split()))
        assert said.split(", ") == [
            *(registry.provider_info(carrier).label for carrier in CARRIERS if carrier not in there),
            "SIP trunks",
            "connections",
        ]

    def test_with_no_carrier_installed_nothing_is_claimed(self, monkeypatch):
        monkeypatch.setattr(demo_module, "carrier_ready", lambda _: False)
        result = run("demo")
        assert result.exit_code == 1
        assert "nothing was shown" in result.stdout

    @each_carrier
    def test_live_writes_nothing(self, carrier, voipkit_, box):
        result = voipkit_("demo", "--live", carrier)
        assert result.exit_code in (0, 1), result.output
        assert "Nothing was written" in result.stdout
        assert box.requests
        assert box.writes == []

    def test_live_needs_credentials(self):
        assert run("demo", "--live", "telnyx").exit_code == 2


class TestDoctor:
    def test_all_is_well(self):
        result = run("doctor")
        assert result.exit_code == 0, result.output
        assert "All is well." in result.stdout
        assert all(f"carrier {carrier}" in result.stdout for carrier in CARRIERS)

    def test_never_shows_a_value(self):
        key = generate_key()
        env = {
            "VOIPKIT_SECRET_KEY": key, "TWILIO_AUTH_TOKEN": "s3cr3t-canary", "HTTPS_PROXY": "http://u:s3cr3t-canary@p:1",
            "VOIPKIT_TELNYX_API_KEY": "s3cr3t-canary", "VOIPKIT_TELNYX_APIKEY": "s3cr3t-canary",
        }  # fmt: skip
        for arguments in (["doctor"], ["doctor", "--json"]):
            result = run(*arguments, env=env)
            assert key not in result.output
            assert "s3cr3t-canary" not in result.output
        findings = json.loads(result.stdout)["findings"]
        told = " ".join(f"{f['message']} {f['fix']}" for f in findings)
        assert "TWILIO_AUTH_TOKEN" in told
        assert "HTTPS_PROXY" in told
        assert "Did you mean VOIPKIT_TELNYX_API_KEY?" in told

    def test_a_malformed_key_is_wrong(self):
        result = run("doctor", "--json", env={"VOIPKIT_SECRET_KEY": "tooshort"})
        assert result.exit_code == 1
        [finding] = [f for f in json.loads(result.stdout)["findings"] if f["status"] == "fail"]
        assert finding["topic"] == "VOIPKIT_SECRET_KEY"
        assert "tooshort" not in result.output

    def test_a_sandbox_in_the_environment_is_warned_about(self):
        findings = json.loads(run("doctor", "--json", env={"VOIPKIT_BASE_URL": "http://127.0.0.1:1"}).stdout)[
            "findings"
        ]
        assert ("VOIPKIT_BASE_URL", "warn") in [(f["topic"], f["status"]) for f in findings]

    @pytest.mark.parametrize("arguments", [["doctor"], ["doctor", "--network"]])
    def test_a_bundle_and_a_proxy_that_cannot_be_used_are_wrong(self, arguments):
        Path("broken.pem").write_text("no certificate")
        env = {"VOIPKIT_CA_BUNDLE": "broken.pem", "VOIPKIT_PROXY": "socks5://user:s3cr3t-canary@proxy:1"}
        result = run(*arguments, "--json", env=env)
        assert result.exit_code == 1
        bad = [f["topic"] for f in json.loads(result.stdout)["findings"] if f["status"] == "fail"]
        assert bad == ["VOIPKIT_CA_BUNDLE", "VOIPKIT_PROXY"]
        assert "s3cr3t-canary" not in result.output

    def test_a_bundle_and_a_proxy_that_can_be_used_are_named(self):
        env = {"VOIPKIT_CA_BUNDLE": certifi.where(), "VOIPKIT_PROXY": "http://user:s3cr3t-canary@proxy:1"}
        result = run("doctor", "--json", env=env)
        assert result.exit_code == 0
        found = {f["topic"]: f["status"] for f in json.loads(result.stdout)["findings"]}
        assert (found["VOIPKIT_CA_BUNDLE"], found["VOIPKIT_PROXY"]) == ("ok", "info")
        assert "s3cr3t-canary" not in result.output

    def test_broken_and_duplicate_plugins(self, monkeypatch, tmp_path):
        for name, line in (("acme-broken", "acme = no_such_module:Acme"), ("acme-twice", "twilio = json:JSONDecoder")):
            home = tmp_path / f"{name.replace('-', '_')}-1.0.dist-info"
            home.mkdir()
            (home / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
            (home / "entry_points.txt").write_text(f"[voipkit.providers]\n{line}\n")
        monkeypatch.syspath_prepend(tmp_path)
        result = run("doctor", "--json")
        assert result.exit_code == 1
        bad = {f["topic"]: f["message"] for f in json.loads(result.stdout)["findings"] if f["status"] == "fail"}
        assert set(bad) == {"carrier acme", "carrier twilio"}
        assert "acme-broken" in bad["carrier acme"]
        assert "acme-twice" in bad["carrier twilio"]
        assert run("providers").exit_code == 2

    @pytest.mark.parametrize(
        ("version", "fits"),
        [("9.10.1", True), ("9.13.0", True), ("9.9", False), ("10.0", False), (None, False), ("9.10.1rc1", True)],
    )
    def test_versions_outside_the_range_are_seen(self, version, fits):
        assert installed.Requirement("twilio", "<10,>=9.10.1", version).fits is fits

    def test_network_asks_each_host_of_a_credential_test(self, monkeypatch):
        from voipkit.cli import doctor

        asked = []

        def refuse(address, **_):
            asked.append(address[0])
            raise ConnectionRefusedError(111, "Connection refused")

        monkeypatch.setattr(doctor.socket, "create_connection", refuse)
        result = run("doctor", "--network", "--json")
        assert result.exit_code == 1
        assert {"api.telnyx.com", "api.twilio.com"} <= set(asked)


class TestOutput:
    def test_no_escape_codes_without_a_terminal(self, voipkit_):
        for arguments in (
            ["test", "twilio"],
            ["providers"],
            ["numbers", "twilio"],
            ["doctor"],
            ["--help"],
            ["test", "no"],
        ):
            assert ESCAPE not in voipkit_(*arguments).output

    def test_colour_on_a_terminal_but_not_with_no_color(self, voipkit_, monkeypatch):
        monkeypatch.setenv("FORCE_COLOR", "1")
        monkeypatch.setenv("TERM", "xterm-256color")
        assert ESCAPE in voipkit_("test", "twilio").stdout
        monkeypatch.setenv("NO_COLOR", "1")
        assert ESCAPE not in voipkit_("test", "twilio").output

    @pytest.mark.parametrize("columns", ["20", "40", "72"])
    def test_a_narrow_terminal_cuts_no_number_and_no_code(self, columns, voipkit_, box, monkeypatch):
        monkeypatch.setenv("COLUMNS", columns)
        number, *_ = fresh_numbers(box, "twilio")
        shown = voipkit_("import", "twilio", number, "--yes", "--snapshot", "s.json").stdout
        assert box.sip_config("twilio")["trunk_sid"] in shown
        assert number in voipkit_("verify", "twilio", number, "+12025550199").stdout
        text = voipkit_("test", "twilio").stdout
        for check in json.loads(voipkit_("test", "twilio", "--json").stdout)["checks"]:
            assert check["code"] in text
        assert "\u2026" not in text

    def test_money_and_unknowns(self):
        from voipkit.cli.app import _money

        assert _money(115) == "1.15"
        assert output.flag(None).plain == "not known"
        assert output.clean(f"a{ESCAPE}b\x9bc\nd") == "a\ufffdb\ufffdc\nd"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
class TestOutputThatCannotBeWritten:
    """One line says so, and an exit code of its own: what was done is known, only not shown."""

    @pytest.mark.parametrize(
        "command",
        [["--help"], ["--version"], ["providers"], ["providers", "--json"], ["test", "no", "--json"], ["doctor"],
         ["evidence", "keygen", "--json"], ["sandbox", "--list-incidents"]],
    )  # fmt: skip
    def test_a_full_device_is_one_line_and_74(self, command):
        found = to_device(command, "/dev/full")
        assert found.returncode == 74, found.stderr
        assert re.fullmatch(r"Error: .*No space left on device.*\n", found.stderr)

    def test_nothing_is_left_to_say_it_to(self):
        with Path("/dev/full").open("w") as full:
            command = [sys.executable, "-m", "voipkit.cli", "providers", "--json"]
            assert subprocess.run(command, stdout=full, stderr=full, check=False, timeout=60).returncode == 74

    def test_an_import_that_is_not_shown_before_it_writes_writes_nothing(self, box, url):
        number, *_ = fresh_numbers(box, "telnyx")
        found = to_device(["import", "telnyx", number, "--yes"], "/dev/full", box, url)
        assert found.returncode == 74
        assert box.writes == []

    def test_an_import_that_has_written_says_so_and_where_the_way_back_is(self, box, url):
        number, *_ = fresh_numbers(box, "telnyx")
        asked = ["import", "telnyx", number, "--yes", "--json", "--snapshot", "back.json"]
        found = to_device(asked, "/dev/full", box, url)
        assert found.returncode == 74
        assert "Traceback" not in found.stderr
        said = found.stderr.splitlines()[-1]
        assert "written" in said
        assert "back.json" in said
        assert len(box.writes) == 1
        assert json.loads(Path("back.json").read_text())["numbers"]

        box.clear()
        found = to_device(["restore", "telnyx", "back.json", "--yes", "--json"], "/dev/full", box, url)
        assert found.returncode == 74
        assert "written" in found.stderr.splitlines()[-1]
        assert len(box.writes) == 1

    def test_so_does_one_whose_reader_has_gone(self, box, url):
        number, *_ = fresh_numbers(box, "telnyx")
        reader, writer = os.pipe()
        os.close(reader)
        asked = ["import", "telnyx", number, "--yes", "--json", "--snapshot", "back.json"]
        found = to_device(asked, writer, box, url)
        os.close(writer)
        assert found.returncode == 74
        assert "back.json" in found.stderr.splitlines()[-1]
        assert len(box.writes) == 1

    def test_a_reader_who_has_enough_ends_a_listing_quietly(self, box, url):
        reader, writer = os.pipe()
        os.close(reader)
        for command in (["numbers", "telnyx", "--json"], ["numbers", "telnyx"]):
            found = to_device(command, writer, box, url)
            assert found.returncode == 1
            assert "Error" not in found.stderr
            assert "Traceback" not in found.stderr
        os.close(writer)


def to_device(command, device, box=None, url=None):
    """Run a command whose standard output goes to a device, or to an open file descriptor."""
    env = {**os.environ, **(variables(box) | {"VOIPKIT_BASE_URL": url} if box else {})}
    with open(device, "w", closefd=isinstance(device, str)) as stream:
        return subprocess.run(
            [sys.executable, "-m", "voipkit.cli", *command],
            env=env, stdout=stream, stderr=subprocess.PIPE, text=True, check=False, timeout=60,
        )  # fmt: skip


class TestSecretsStayInside:
    """A canary over everything that is printed."""

    @each_carrier
    def test_no_command_prints_a_secret(self, carrier, voipkit_, box, monkeypatch):
        monkeypatch.setenv("VOIPKIT_SECRET_KEY", key := generate_key())
        number, *_ = fresh_numbers(box, carrier)
        commands = [
            ["test", carrier, "--evidence"],
            ["test", carrier, "--json"],
            ["suggest-name", carrier],
            ["numbers", carrier],
            ["numbers", carrier, "--json"],
            ["import", carrier, number, "--yes", "--snapshot", "s.json"],
            ["verify", carrier, number],
            ["verify", carrier, "--all", "--json"],
            ["restore", carrier, "s.json", "--yes"],
            ["demo", "--live", carrier],
            ["doctor"],
            ["evidence", "jwks"],
        ]
        texts = [voipkit_(*command).output for command in commands]
        box.fail(carrier, "*", Fault.echo_secret())
        texts += [voipkit_(*command).output for command in commands]
        texts.append(Path("s.json").read_text())
        for text in texts:
            assert text
            assert key not in text
            assert not [secret for secret in secrets(box) if secret in text]

    def test_collected_credentials_are_masked_in_memory(self, box, monkeypatch):
        for name, value in variables(box).items():
            monkeypatch.setenv(name, value)
        given = inputs.gather(registry.provider_info("twilio"), None, None)
        assert not [secret for secret in secrets(box) if secret in repr(given)]


class TestStrangerCarrier:
    """Forms of other shapes than the built-in carriers have."""

    def test_a_sip_field_of_the_same_name_has_a_variable_of_its_own(self):
        method = SimpleNamespace(fields=[SimpleNamespace(name="region")], sip_fields=[SimpleNamespace(name="region")])
        info = SimpleNamespace(id="my-carrier")
        assert inputs.variable(info, method, "credentials", "region") == "VOIPKIT_MY_CARRIER_REGION"
        assert inputs.variable(info, method, "sip_config", "region") == "VOIPKIT_MY_CARRIER_SIP_REGION"

    def test_lists_are_separated_by_commas(self, box, monkeypatch):
        monkeypatch.setenv("VOIPKIT_TELNYX_API_KEY", box.credentials("telnyx")["api_key"])
        monkeypatch.setenv("VOIPKIT_TELNYX_DESTINATIONS", "US, DE")
        given = inputs.gather(registry.provider_info("telnyx"), None, None)
        assert given.sip_config == {"destinations": ["US", "DE"]}


def test_the_demo_s_incidents_exist():
    assert {demo_module._BROKEN, demo_module._TAKEN} <= INCIDENTS.keys()
