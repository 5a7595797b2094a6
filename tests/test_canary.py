"""The canary: marked credentials go in, everything that comes out is searched for them.

Every operation runs in success and in failure, over the in-process wire and over a socket. What is searched: every log
record at DEBUG of every logger, reprs, JSON dumps, pickles, notebook HTML, tracebacks with the locals of every frame,
exception chains, evidence tokens, cassettes, and the sandbox's journal of answers as the adapter saw them.
"""

from __future__ import annotations

import base64
import gc
import json
import logging
import pickle
import traceback
from collections.abc import Iterator
from urllib.parse import quote

import pytest

import voipkit
from tests.records import e164
from voipkit import evidence
from voipkit.errors import ProviderError, VoipkitError
from voipkit.sandbox import Fault, Sandbox
from voipkit.sandbox.sip_peer import SipPeer
from voipkit.sandbox.sip_registrar import SipAccount
from voipkit.testing import SandboxAccount, cassettes
from voipkit.testing.recording import recording
from voipkit.testing.stage import Stage

CARRIERS = ("twilio", "twilio-key", "telnyx", "signalwire", "vonage", "plivo", "vobiz", "cloudonix")
SECRETS = {
    "twilio": "auth_token",
    "telnyx": "api_key",
    "signalwire": "api_token",
    "vonage": "api_secret",
    "plivo": "auth_token",
    "vobiz": "auth_token",
    "cloudonix": "api_key",
}
USERS = {"twilio": "account_sid", "signalwire": "project_id", "vonage": "api_key", "plivo": "auth_id"}
SDKS = ("twilio", "telnyx", "signalwire", "vonage_http_client", "plivo", "vobiz", "httpx")
FAULTS = {
    "none": None,
    "401": Fault.status(401),
    "403": Fault.status(403),
    "404": Fault.status(404),
    "429": Fault.status(429),
    "500": Fault.status(500),
    "html": Fault.html(200),
    "truncated": Fault.truncated_json(),
    "{}": Fault.body(b"{}"),
    "timeout": Fault.timeout(),
    "reset": Fault.reset(),
    "echo": Fault.echo_secret(),
}


class Marks:
    """The secrets of one account, in every form in which they could show up."""

    def __init__(self, *secrets: str, pairs: tuple[str, ...] = ()) -> None:
        self.forms = set()
        for text in (*secrets, *pairs):
            raw = text.encode()
            self.forms |= {text, quote(text, safe=""), raw.hex()}
            for padded in (raw, b"_" + raw, b"__" + raw):  # base64 of the text at each of the three alignments
                self.forms.add(base64.b64encode(padded)[4:-4].decode())
        assert min(map(len, self.forms)) > 12

    def found_in(self, text: str) -> list[str]:
        return [form for form in self.forms if form in text]


class Everything(logging.Handler):
    """Keeps every record of every logger, with its arguments."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(f"{record.name} {record.getMessage()} {record.args!r} {record.exc_text or ''}")


@pytest.fixture
def logs() -> Iterator[Everything]:
    handler, root = Everything(), logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    named = [logging.getLogger(name) for name in list(logging.root.manager.loggerDict)]
    levels = [(logger, logger.level) for logger in named]
    for logger in named:
        logger.setLevel(logging.DEBUG)
    yield handler
    root.removeHandler(handler)
    root.setLevel(level)
    for logger, was in levels:
        logger.setLevel(was)


def account(box: Sandbox, which: str) -> tuple[str, dict[str, str], Marks]:
    """Marked credentials: the sandbox's own secrets are random enough to be marks."""
    if which == "twilio-key":
        sid, secret = box.twilio.add_api_key("main")
        token = box.twilio.account.auth_token
        given = {"account_sid": box.twilio.account.sid, "api_key": sid, "api_secret": secret}
        return "twilio", given, Marks(secret, token, pairs=(f"{sid}:{secret}",))
    given = dict(box.credentials(which))
    secret = given[SECRETS[which]]
    return which, given, Marks(secret, pairs=(f"{given.get(USERS.get(which, ''))}:{secret}",))


def shown(value: object) -> Iterator[str]:
    """Every way in which a result or an error is usually shown or kept."""
    yield repr(value)
    yield str(value)
    yield repr(getattr(value, "__dict__", ""))
    if hasattr(value, "model_dump_json"):
        yield value.model_dump_json(by_alias=True)
        yield pickle.dumps(value).decode("latin-1")
    if hasattr(value, "_repr_html_"):
        yield value._repr_html_()
    if isinstance(value, BaseException):
        yield from shown_error(value)


def shown_error(error: BaseException) -> Iterator[str]:
    """The error, its causes and contexts, each frame's locals (ours and the SDK's, not this file's), and its pickle."""
    seen: BaseException | None = error
    while seen is not None:
        yield repr(seen) + str(seen) + repr(vars(seen)) + repr(seen.args)
        for name in ("response", "body", "request"):
            yield repr(getattr(seen, name, ""))
            yield repr(getattr(getattr(seen, name, None), "headers", ""))
        frame = seen.__traceback__
        while frame is not None:
            if not frame.tb_frame.f_code.co_filename.startswith(str(__file__)):
                yield from (f"{name}={value!r}" for name, value in frame.tb_frame.f_locals.items() if name != "box")
            frame = frame.tb_next
        seen = seen.__cause__ or seen.__context__
    if isinstance(error, VoipkitError):
        yield pickle.dumps(error).decode("latin-1")
        yield "".join(traceback.format_exception(error))


def outcomes(carrier: voipkit.Provider, box: Sandbox) -> Iterator[object]:
    """Run every operation; yield what it gives or raises."""
    numbers = [e164(number) for number in getattr(box, carrier.info.id).numbers]
    ring = evidence.KeyRing.from_text(evidence.generate_key())
    state: dict[str, object] = {}

    def issue() -> object:
        return evidence.issue(ring, carrier, state["test"])  # type: ignore[arg-type]

    def verify() -> object:
        return evidence.verify(ring, state["token"], carrier, spent=None)  # type: ignore[arg-type]

    steps = {
        "test": carrier.test_credentials,
        "token": issue,
        "verified": verify,
        "explained": lambda: evidence.explain(str(state["token"]), ring),
        "name": carrier.suggest_name,
        "listed": lambda: list(carrier.list_numbers()),
        "planned": lambda: carrier.import_numbers(numbers, dry_run=True),
        "imported": lambda: carrier.import_numbers(numbers),
        "one": lambda: carrier.verify_number(numbers[0]),
        "many": lambda: list(carrier.verify_numbers(numbers)),
        "restored": lambda: carrier.restore_numbers(state["imported"].snapshot),  # type: ignore[attr-defined]
    }
    for name, step in steps.items():
        try:
            state[name] = step()
        except VoipkitError as error:
            yield error
        except (KeyError, AttributeError):
            continue  # an earlier step failed, as this fault wants it
        else:
            yield state[name]
    yield carrier
    yield carrier.credentials
    yield carrier.sip_config
    yield ring


@pytest.mark.parametrize("which", CARRIERS)
@pytest.mark.parametrize("name", FAULTS)
def test_nothing_that_comes_out_holds_a_secret(name, which, box, logs):
    carrier_id, given, marks = account(box, which)
    fault = FAULTS[name]
    if fault:
        box.fail(carrier_id, "*", fault)
    options = voipkit.HttpOptions(wire=box.wire, retries=0, rate=10_000)
    ran = 0
    with voipkit.open_provider(carrier_id, given, sip_config=box.sip_config(carrier_id), http=options) as carrier:
        for outcome in outcomes(carrier, box):
            ran += 1
            assert not isinstance(outcome, Exception) or isinstance(outcome, VoipkitError)
            for number, text in enumerate(shown_or_refused(outcome)):
                assert not marks.found_in(text), (type(outcome), number)

    assert ran >= 8
    assert not marks.found_in("\n".join(logs.lines))
    assert any("voipkit.http" in line for line in logs.lines)


def shown_or_refused(outcome: object) -> Iterator[str]:
    try:
        yield from shown(outcome)
    except TypeError as refused:
        if "pickled" not in str(refused):  # settings and carriers hold secrets, so they refuse to be
            raise


@pytest.mark.parametrize("which", CARRIERS)
@pytest.mark.parametrize("name", ["none", "401", "echo"])
def test_nothing_is_logged_over_a_socket_either(name, which, box, logs):
    carrier_id, given, marks = account(box, which)
    if FAULTS[name]:
        box.fail(carrier_id, "*", FAULTS[name])
    with box.serve() as url:
        options = voipkit.HttpOptions(base_url=url, retries=0, rate=10_000)
        with voipkit.open_provider(carrier_id, given, sip_config=box.sip_config(carrier_id), http=options) as carrier:
            list(outcomes(carrier, box))

    assert any(line.startswith("httpcore") for line in logs.lines)
    assert not marks.found_in("\n".join(logs.lines))


@pytest.mark.parametrize("which", CARRIERS)
def test_no_object_that_the_sdk_keeps_holds_the_secret(which, box):
    """Not even the SDK's client: it was built with a placeholder."""
    carrier_id, given, marks = account(box, which)
    options = voipkit.HttpOptions(wire=box.wire)
    gc.collect()
    held = gc.get_objects()  # other tests use the plain SDKs; held, so that no id is given away again
    earlier = {id(each) for each in held}
    with voipkit.open_provider(carrier_id, given, sip_config=box.sip_config(carrier_id), http=options) as carrier:
        list(carrier.list_numbers())
        new = [each for each in gc.get_objects() if id(each) not in earlier]
        kept = [each for each in new if str(type(each).__module__).split(".")[0] in SDKS]
        assert kept
        for each in kept:
            assert not marks.found_in(repr(getattr(each, "__dict__", "")))


@pytest.mark.parametrize("carrier", list(SECRETS))
def test_a_refused_form_repeats_no_value(carrier, box):
    marks = Marks("s3cr3t-canary-0123456789-abcdefghij")
    secret = "s3cr3t-canary-0123456789-abcdefghij\n"
    field = SECRETS[carrier]
    with pytest.raises(VoipkitError) as caught:
        voipkit.open_provider(carrier, {**box.credentials(carrier), field: secret}, sip_config={"nonsense": secret})

    for text in shown(caught.value):
        assert not marks.found_in(text)


@pytest.mark.parametrize("carrier_id", list(SECRETS))
@pytest.mark.parametrize("name", ["none", "401", "echo"])
def test_no_cassette_holds_a_secret(name, carrier_id, tmp_path, monkeypatch):
    """Recorded over a socket: what is sent holds the secret, and with `echo` what is answered too."""
    monkeypatch.setattr(cassettes, "LARGEST", 1 << 20)
    simulated = SandboxAccount(carrier_id)
    if FAULTS[name]:
        simulated.fail("any", FAULTS[name])
    given, sip = simulated.credentials, simulated.sip_config
    secret = str(given[SECRETS[carrier_id]])
    kept = [str(value) for field, value in sip.items() if "password" in field]
    marks = Marks(secret, *kept, pairs=(f"{given.get(USERS.get(carrier_id, ''))}:{secret}",))
    with recording(simulated, tmp_path / "c80.yaml") as recorded:
        stage = Stage(recorded)
        list(outcomes(stage.carrier, simulated.sandbox))
        stage.close()
        assert recorded.finish(passed=True) is None
    text = (tmp_path / "c80.yaml").read_text(encoding="utf-8")

    assert marks.found_in(text) == []
    assert text.count("uri: https://") > 2
    assert name != "echo" or "******" in text


@pytest.mark.parametrize("transport", ["udp", "tls"])
@pytest.mark.parametrize("scenario", ["normal", "wrong-403", "basic-only", "no-registrar-405", "silent", "odd-realm"])
def test_a_sip_trunk_leaks_nothing(scenario, transport, logs):
    """Neither the password nor an answer made with it: whoever has that can try passwords offline."""
    from voipkit.sip import forget_rejections

    forget_rejections()
    owner = SipAccount("alice", "s3cr3t-canary-0123456789-abcdefghij")
    with SipPeer(scenario, accounts=(owner,)) as peer:
        marks = Marks(peer.account.password)
        given = {"host": peer.host, "port": peer.port(transport), "transport": transport, "username": "alice",
                 "password": peer.account.password}  # fmt: skip
        config = {"domain": "trunk.test", "numbers": ["+14155550100"], "probe_number": "+14155550199",
                  "allow_outbound_call": True}  # fmt: skip
        http = voipkit.HttpOptions(allow_private=True, ca_bundle=peer.ca_file, timeout=(0.5, 0.5))
        ring, state, shown_ones = evidence.KeyRing.from_text(evidence.generate_key()), [], []
        with voipkit.open_provider("manual", given, sip_config=config, http=http) as carrier:
            steps = (
                lambda: state.append(carrier.test_credentials()) or state[0],
                lambda: evidence.issue(ring, carrier, state[0]),
                carrier.suggest_name,
                lambda: carrier.import_numbers(["+14155550100"]),
                lambda: carrier.verify_number("+14155550100"),
            )
            for step in steps:
                try:
                    shown_ones.append(step())
                except VoipkitError as error:
                    shown_ones.append(error)
            shown_ones += [carrier, carrier.credentials, carrier.sip_config]
            for value in shown_ones:
                for text in shown_or_refused(value):
                    assert not marks.found_in(text), type(value)
                    assert "response=" not in text
        everything = "\n".join(logs.lines)
        assert not marks.found_in(everything)
        assert "response=" not in everything


def test_forms_have_no_secret_default():
    for info in voipkit.providers():
        for method in info.setup_methods:
            assert all(field.default is None for field in method.fields if field.secret)
            assert any(field.secret for field in method.fields)
            properties = method.credential_schema["properties"]
            assert all(not properties[field.alias].get("default") for field in method.fields if field.secret)


def test_the_canary_sings():
    """The search itself finds a secret in each place that it is meant to watch."""
    marks = Marks("0123456789abcdef0123456789abcdef")

    def leak(secret: str) -> None:
        raise ProviderError("refused")

    frame: dict[str, object] = {}
    exec("def leaking(secret, leak):\n    leak(secret)", frame)  # a frame that is not of this file
    with pytest.raises(ProviderError) as caught:
        frame["leaking"]("0123456789abcdef0123456789abcdef", leak)  # type: ignore[operator]

    assert any(marks.found_in(text) for text in shown_error(caught.value))
    encoded = base64.b64encode(b"AC1:0123456789abcdef0123456789abcdef").decode()
    assert marks.found_in(json.dumps({"authorization": encoded}))
