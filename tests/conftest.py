"""What every test gets: a sandbox, carriers opened on it, and a watch over every exchange."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator

import pytest
from hypothesis import HealthCheck, settings

import voipkit
from tests.postgres import postgres, postgres_url  # noqa: F401 - fixtures
from voipkit.sandbox import Sandbox

# How long an example takes says something of the machine; what must be quick has a test or a benchmark of its own.
settings.register_profile("voipkit", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("voipkit")


@pytest.fixture
def box(every_exchange_conforms: object) -> Sandbox:
    """A fresh sandbox with all carriers."""
    return Sandbox()


@pytest.fixture
def opened(box: Sandbox) -> Iterator[Callable[..., voipkit.Provider]]:
    """Open a carrier on the sandbox; keyword arguments change the credentials, SIP configuration or options."""
    carriers = []

    def make(
        carrier: str,
        credentials: dict[str, object] | None = None,
        sip_config: dict[str, object] | None = None,
        **options: object,
    ) -> voipkit.Provider:
        options.setdefault("wire", box.wire)
        options.setdefault("rate", 10_000)  # the sandbox need not be spared
        carriers.append(
            voipkit.open_provider(
                carrier,
                box.credentials(carrier) if credentials is None else credentials,
                sip_config=box.sip_config(carrier) if sip_config is None else sip_config,
                http=voipkit.HttpOptions(**options),
            )
        )
        return carriers[-1]

    yield make
    for each in carriers:
        each.close()


@pytest.fixture(autouse=True)
def every_exchange_conforms(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Hold every request and every answer of every sandbox of the test against the vendors' documents."""
    boxes: list[Sandbox] = []
    build = Sandbox.__init__

    def watched(self: Sandbox, *args: object, **kwargs: object) -> None:
        build(self, *args, **kwargs)
        boxes.append(self)

    monkeypatch.setattr(Sandbox, "__init__", watched)
    yield
    if not boxes:
        return
    from tests.openapi import Documents

    documents = Documents.find()
    if documents is None:  # test_fidelity says so, loudly; in CI the folder's absence fails there
        return
    wrong = [
        f"{r.operation} {r.method} {r.url}: {v}" for b in boxes for r in b.requests for v in documents.violations(r)
    ]
    assert wrong == []


# --- What could not be checked ----------------------------------------------------------------------------------------


def _unchecked() -> dict[str, int]:
    """Return how many exchanges this process saw with each host that no vendor document describes."""
    from tests.openapi import Documents

    documents = Documents.find()
    return dict(documents.unchecked) if documents else {}


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Hand a worker's counts to the process that reports."""
    output = getattr(session.config, "workeroutput", None)
    if output is not None:
        output["unchecked"] = _unchecked()


class _Counts:
    """Add up the counts of all workers (pytest-xdist) and of this process, and name them at the end."""

    def __init__(self) -> None:
        self.found: Counter[str] = Counter()

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: object) -> None:
        self.found.update(getattr(node, "workeroutput", {}).get("unchecked", {}))

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        for host, count in sorted((self.found + Counter(_unchecked())).items()):
            terminalreporter.write_line(f"NOT CHECKED against a vendor document: {count} exchanges with {host}")


def pytest_configure(config: pytest.Config) -> None:
    """Count what could not be checked."""
    config.pluginmanager.register(_Counts())
