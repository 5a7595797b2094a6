"""What a carrier says of itself, and what it asks for: no request, no SDK."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from importlib import metadata

import pytest

from voipkit.errors import CredentialsInvalid
from voipkit.models import FormField, ProviderInfo
from voipkit.protocols import Provider, capabilities_of
from voipkit.testing.contract.base import ContractBase
from voipkit.testing.stage import Stage

__all__ = ["FormTests"]

_PROGRAM = """
import json, sys
from voipkit import registry
registry.provider_info(sys.argv[1])
print(json.dumps(sorted({name.partition(".")[0] for name in sys.modules})))
"""
_REQUIREMENT = re.compile(r"^([A-Za-z0-9._-]+)")
_NONSENSE = "no-such-field-of-any-carrier"
_CANARY = "canary-0123456789-abcdefghij-value\n"


class FormTests(ContractBase):
    """The carrier before anything was asked."""

    def test_c01_a_carrier_describes_itself(self, stage: Stage, carrier: Provider) -> None:
        """A carrier says who it is, which routes it takes and what it can do beyond the five methods."""
        info = stage.info

        assert info.id == stage.account.carrier
        assert info.label
        assert info.docs_url.startswith("https://")
        assert info.setup_methods
        assert len(set(info.route_kinds)) == len(info.route_kinds)
        assert info.route_kinds or info.protocol == "sip"  # nobody can route at a trunk that has no API
        assert {route.kind for route in stage.account.routes} == set(info.route_kinds)
        assert isinstance(carrier, Provider)
        assert info.capabilities == capabilities_of(type(carrier))

    @pytest.mark.voipkit_live
    def test_c02_describing_it_loads_no_sdk(self, stage: Stage) -> None:
        """Describing a carrier and drawing its form loads no SDK."""
        done = subprocess.run(  # noqa: S603 - our own program
            [sys.executable, "-c", _PROGRAM, stage.account.carrier], capture_output=True, text=True, check=False
        )

        assert done.returncode == 0, done.stderr
        assert set(json.loads(done.stdout)) & set(_sdk_modules(stage.info)) == set()

    @pytest.mark.voipkit_live
    def test_c03_both_spellings_open_it(self, stage: Stage) -> None:
        """Credentials are taken in snake_case and in camelCase, and mean the same."""
        plain = stage.open(_spelled(stage, "name")).credentials
        camel = stage.open(_spelled(stage, "alias")).credentials

        assert plain == camel

    @pytest.mark.voipkit_live
    def test_c04_no_secret_has_a_default(self, stage: Stage) -> None:
        """A secret is marked as one, is drawn masked, and has no default."""
        for method in stage.info.setup_methods:
            for f in (*method.fields, *method.sip_fields):
                assert f.secret == (f.type == "password")
            for model in (method.credentials, method.sip_config):
                secret = [f for f in (*method.fields, *method.sip_fields) if f.secret and f.name in model.model_fields]
                for f in secret:
                    assert model.model_fields[f.name].is_required() or model.model_fields[f.name].default is None

    @pytest.mark.voipkit_live
    def test_c05_its_json_schemas_are_valid_and_take_what_works(self, stage: Stage) -> None:
        """The JSON Schemas are valid (2020-12) and accept working credentials."""
        jsonschema = pytest.importorskip("jsonschema")
        for method in stage.info.setup_methods:
            for schema in (method.credential_schema, method.sip_schema):
                jsonschema.Draft202012Validator.check_schema(schema)
                json.dumps(schema)
        given = _spelled(stage, "alias")

        jsonschema.validate(given, stage.method.credential_schema, cls=jsonschema.Draft202012Validator)

    @pytest.mark.voipkit_live
    def test_c06_every_field_can_be_drawn(self, stage: Stage) -> None:
        """Every field has a label, help in words, and a pattern that working credentials match."""
        given = _spelled(stage, "name")
        for method in stage.info.setup_methods:
            for f in (*method.fields, *method.sip_fields):
                assert f.label
                assert f.help
                assert re.fullmatch(r"[a-z][a-z0-9_]*", f.name)
        for f in stage.method.fields:
            if f.pattern and f.name in given:
                assert re.fullmatch(f.pattern, str(given[f.name])), f.name

    def test_c07_wrong_fields_are_named_and_nothing_is_sent(self, stage: Stage) -> None:
        """Wrong, missing and unknown fields are each named before any request is sent, and no value is repeated."""
        stage.open()
        given = _spelled(stage, "name")
        required = [f.name for f in stage.method.fields if f.required]
        cases: list[tuple[dict[str, object], str]] = [({**given, _NONSENSE: "x"}, _NONSENSE)]
        cases += [({n: v for n, v in given.items() if n != name}, name) for name in required]
        cases += [({**given, f.name: _CANARY}, f.name) for f in stage.method.fields if f.type in ("text", "password")]
        for credentials, field in cases:
            with pytest.raises(CredentialsInvalid) as caught:
                stage.open(credentials)

            assert field in [problem.field for problem in caught.value.problems]
            assert _CANARY.strip() not in str(caught.value)
        assert stage.account.requests() == 0

    @pytest.mark.voipkit_live
    def test_c08_opening_sends_nothing(self, stage: Stage, carrier: Provider) -> None:
        """Opening a carrier sends no request, and says how it was opened."""
        assert carrier.setup_method == stage.method.id
        assert isinstance(carrier.credentials, stage.method.credentials)
        assert isinstance(carrier.sip_config, stage.method.sip_config)
        assert stage.account.requests() == 0

    @pytest.mark.voipkit_live
    def test_c09_closing_twice_is_fine(self, stage: Stage) -> None:
        """A carrier is a context manager, and closing it twice is fine."""
        with stage.open() as carrier:
            next(iter(carrier.list_numbers()))
        carrier.close()
        carrier.close()


def _spelled(stage: Stage, spelling: str) -> dict[str, object]:
    """Return the working credentials in one spelling."""
    given = stage.account.credentials
    return {getattr(f, spelling): given[name] for f in stage.method.fields for name in _names(f) if name in given}


def _names(f: FormField) -> tuple[str, ...]:
    return tuple(dict.fromkeys((f.name, f.alias)))


def _sdk_modules(info: ProviderInfo) -> Iterator[str]:
    """Yield the top-level modules of what the carrier needs beyond voipkit itself."""
    needed = set(_required("voipkit", info.extra))
    if info.distribution and info.distribution != "voipkit":
        needed |= set(_required(info.distribution, info.extra)) | set(_required(info.distribution, None))
    core = {*_required("voipkit", None), "voipkit"}
    for module, owners in metadata.packages_distributions().items():
        if {_plain(owner) for owner in owners} & (needed - core):
            yield module


def _required(distribution: str, extra: str | None) -> Iterator[str]:
    for text in metadata.requires(distribution) or ():
        marker = re.search(r"extra\s*==\s*['\"]([^'\"]+)['\"]", text)
        name = _REQUIREMENT.match(text)
        if name and (marker[1] if marker else None) == extra:
            yield _plain(name[1])


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
