"""Secrets stay in, the environment stays out, and every wait ends."""

from __future__ import annotations

import base64
import logging
import pickle
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from voipkit.errors import ProviderError, ProviderTimeout, ProviderUnavailable, VoipkitError
from voipkit.protocols import Provider, SupportsRestore
from voipkit.sandbox import Fault
from voipkit.testing.contract.base import ContractBase
from voipkit.testing.stage import Stage, listed, within

__all__ = ["SecrecyTests", "WaitTests"]

FAULTS = (
    pytest.param(None, id="none"),
    pytest.param(Fault.status(401), id="401"),
    pytest.param(Fault.status(403), id="403"),
    pytest.param(Fault.status(404), id="404"),
    pytest.param(Fault.status(409), id="409"),
    pytest.param(Fault.status(422), id="422"),
    pytest.param(Fault.status(429), id="429"),
    pytest.param(Fault.status(500), id="500"),
    pytest.param(Fault.html(502), id="html-502"),
    pytest.param(Fault.html(200), id="html-200"),
    pytest.param(Fault.truncated_json(), id="truncated"),
    pytest.param(Fault.json_array(), id="array"),
    pytest.param(Fault.empty_body(), id="empty"),
    pytest.param(Fault.body(b"{}"), id="object"),
    pytest.param(Fault.body(b"null"), id="null"),
    pytest.param(Fault.nulls(), id="nulls"),
    pytest.param(Fault.timeout(), id="timeout"),
    pytest.param(Fault.reset(), id="reset"),
    pytest.param(Fault.echo_secret(), id="echo-secret"),
)
_OURS = tuple(str(Path(__file__).parents[1] / name) for name in ("contract", "stage.py", "plugin.py"))
_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy")
_NAMES = ("BASE_URL", "API_BASE", "HOST", "REGION", "EDGE", "CUSTOM_HEADERS", "AUTH_ID", "AUTH_TOKEN", "API_KEY")


class SecrecyTests(ContractBase):
    """What comes out, and what gets in."""

    @pytest.mark.parametrize("fault", FAULTS)
    def test_c80_nothing_that_comes_out_holds_a_secret(self, fault: Fault | None, stage: Stage) -> None:
        """No result, error, cause, traceback, log or repr holds a secret, not even one that the carrier echoes."""
        marks = _forms(stage.secrets)
        if fault:
            stage.fail("any", fault)
        with _logged() as lines:
            carrier = stage.open()
            for outcome in outcomes(stage, carrier):
                for text in _shown(outcome):
                    assert not [name for name, forms in marks.items() if any(form in text for form in forms)]
        everything = "\n".join(lines)
        assert not [name for name, forms in marks.items() if any(form in everything for form in forms)]

    @pytest.mark.parametrize("fault", FAULTS)
    def test_c81_only_voipkits_own_errors_come_out(self, fault: Fault | None, stage: Stage, carrier: Provider) -> None:
        """Whatever the carrier answers, only voipkit's own errors come out; without a fault, there are none."""
        if fault:
            stage.fail("any", fault)
        found = list(outcomes(stage, carrier))
        errors = [outcome for outcome in found if isinstance(outcome, BaseException)]

        assert all(isinstance(error, VoipkitError) for error in errors), errors
        assert fault or not errors, errors[0]

    @pytest.mark.voipkit_live
    def test_c82_what_holds_a_secret_is_not_pickled(self, carrier: Provider) -> None:
        """An opened carrier and its credentials refuse to be pickled."""
        for holder in (carrier, carrier.credentials):
            with pytest.raises(TypeError):
                pickle.dumps(holder)

    def test_c83_the_environment_stays_out(self, stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
        """No environment variable changes who asks, where, or what."""
        stage.needs_http("its requests do not pass through the wire that is watched")
        for name in self._planted(stage):
            monkeypatch.setenv(name, "https://planted.example/planted")
        carrier = stage.open()
        errors = [outcome for outcome in outcomes(stage, carrier) if isinstance(outcome, BaseException)]

        assert not errors, errors[0]
        assert stage.account.requests() == len(stage.exchanges) > 0
        assert "planted" not in repr(stage.exchanges)

    def _planted(self, stage: Stage) -> Iterator[str]:
        yield from _PROXIES
        yield from ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE")
        prefix = stage.account.carrier.upper().replace("-", "_")
        fields = [f.name.upper() for f in (*stage.method.fields, *stage.method.sip_fields)]
        yield from (f"{prefix}_{name}" for name in dict.fromkeys((*fields, *_NAMES)))


class WaitTests(ContractBase):
    """Over a real socket."""

    def test_c90_a_socket_gives_the_same_answers(self, stage: Stage, carrier: Provider) -> None:
        """Over a real socket the account looks as it does in process."""
        expected = listed(carrier)
        with stage.account.serve() as url:
            assert listed(stage.open(base_url=url)) == expected

    def test_c91_every_wait_ends(self, stage: Stage) -> None:
        """An answer that never comes, or that drips in, ends in ProviderTimeout by the deadline of the options."""
        with stage.account.serve() as url:
            stage.fail("list", Fault.slow_drip(0.05))
            carrier = stage.open(base_url=url, timeout=(0.5, 0.5), deadline=0.5)
            began = time.monotonic()
            with pytest.raises(ProviderTimeout):
                within(4, lambda: listed(carrier))

            assert time.monotonic() - began < 3  # noqa: PLR2004 - seconds; the deadline and a slow machine

    def test_c92_a_silent_carrier_is_a_timeout(self, stage: Stage) -> None:
        """A carrier that takes the request and never answers is ProviderTimeout."""
        with stage.account.serve() as url:
            stage.fail("list", Fault.timeout())
            carrier = stage.open(base_url=url, timeout=(0.3, 0.3), deadline=0.5)
            with pytest.raises(ProviderTimeout):
                within(4, lambda: listed(carrier))

    def test_c93_a_lost_connection_is_unavailable(self, stage: Stage) -> None:
        """A connection that is lost in the middle of an answer is ProviderUnavailable."""
        with stage.account.serve() as url:
            stage.fail("list", Fault.reset_mid_body())
            with pytest.raises(ProviderUnavailable):
                within(4, lambda: listed(stage.open(base_url=url)))

    def test_c94_trying_again_ends(self, stage: Stage) -> None:
        """A carrier that keeps failing is asked once and as often again as the options say, no more."""
        stage.fail("list", Fault.status(503, retry_after=0))
        carrier = stage.open(retries=2)
        with pytest.raises(ProviderError):
            within(10, lambda: listed(carrier))

        assert stage.account.requests("list") == 3  # noqa: PLR2004


def outcomes(stage: Stage, carrier: Provider) -> Iterator[object]:
    """Do everything that a carrier can do; yield what it gives or raises."""
    numbers = list(stage.account.numbers())
    route = stage.route() if stage.info.route_kinds else None
    snapshots = []
    steps: tuple[Callable[[], object], ...] = (
        carrier.test_credentials,
        carrier.suggest_name,
        lambda: listed(carrier),
        lambda: carrier.import_numbers(numbers, route, dry_run=True),
        lambda: carrier.import_numbers(numbers, route),
        lambda: carrier.verify_number(numbers[0], route),
        lambda: list(carrier.verify_numbers(numbers, route)),
    )
    for step in steps:
        try:
            result = step()
        except Exception as error:
            yield error
        else:
            snapshots += [result.snapshot] if hasattr(result, "snapshot") and not result.dry_run else []  # type: ignore[attr-defined]
            yield result
    if isinstance(carrier, SupportsRestore):
        for snapshot in snapshots:
            try:
                yield carrier.restore_numbers(snapshot)
            except Exception as error:
                yield error
    yield carrier
    yield carrier.credentials
    yield carrier.sip_config


# --- where a secret could show up -------------------------------------------------------------------------------------


def _forms(secrets: Mapping[str, str]) -> dict[str, set[str]]:
    """Return every form in which each secret could show up: plain, escaped, hexadecimal, and base64 at any offset."""
    found: dict[str, set[str]] = {}
    for name, text in secrets.items():
        raw = text.encode()
        found[name] = {text, quote(text, safe=""), raw.hex()}
        found[name] |= {base64.b64encode(padded)[4:-4].decode() for padded in (raw, b"_" + raw, b"__" + raw)}
    return found


def _shown(value: object) -> Iterator[str]:
    """Yield every way in which a result or an error is usually shown or kept."""
    yield repr(value)
    yield str(value)
    yield repr(getattr(value, "__dict__", ""))
    if hasattr(value, "model_dump_json"):
        yield value.model_dump_json(by_alias=True)
    if hasattr(value, "_repr_html_"):
        yield value._repr_html_()
    if isinstance(value, BaseException):
        yield from _shown_error(value)


def _shown_error(error: BaseException) -> Iterator[str]:
    """Yield an error, its causes and contexts, with the locals of every frame that is not of this kit."""
    yield "".join(traceback.format_exception(error))
    seen: BaseException | None = error
    while seen is not None:
        yield repr(seen) + str(seen) + repr(vars(seen)) + repr(seen.args)
        for name in ("response", "body", "request"):
            part: Any = getattr(seen, name, "")
            yield repr(part) + repr(getattr(part, "headers", "")) + repr(getattr(part, "text", ""))
        frame = seen.__traceback__
        while frame is not None:
            if not frame.tb_frame.f_code.co_filename.startswith(_OURS):
                yield from (f"{name}={value!r}" for name, value in frame.tb_frame.f_locals.items())
            frame = frame.tb_next
        seen = seen.__cause__ or seen.__context__


class _Everything(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(f"{record.name} {record.getMessage()} {record.args!r} {record.exc_text or ''}")


@contextmanager
def _logged() -> Iterator[list[str]]:
    """Collect every record of every logger that is there, at DEBUG."""
    handler, root = _Everything(), logging.getLogger()
    loggers = [root, *(logging.getLogger(name) for name in list(root.manager.loggerDict))]
    levels = [logger.level for logger in loggers]
    root.addHandler(handler)
    for logger in loggers:
        logger.setLevel(logging.DEBUG)
    try:
        yield handler.lines
    finally:
        root.removeHandler(handler)
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
