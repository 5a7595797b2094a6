"""What `import voipkit` gives, and what it costs."""

from __future__ import annotations

import subprocess
import sys
import textwrap

import pytest

import voipkit
from voipkit.protocols import CAPABILITIES, Provider, capabilities_of
from voipkit.registry import _METHODS


def fresh_python(code):
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def test_every_public_name_resolves():
    for name in voipkit.__all__:
        assert getattr(voipkit, name) is not None
    assert sorted(voipkit.__all__) == list(voipkit.__all__) == dir(voipkit)


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'open_providr'"):
        voipkit.open_providr  # noqa: B018
    assert not hasattr(voipkit, "Twilio")


def test_importing_loads_nothing():
    heavy = "pydantic cryptography jwt phonenumbers httpcore httpx requests twilio telnyx anyio typer rich"
    loaded = fresh_python(f"""
        import sys, voipkit
        dir(voipkit)
        print(*(m for m in "{heavy}".split() if m in sys.modules), *(m for m in sys.modules if m.startswith("voipkit.")))
    """)

    assert loaded == []


@pytest.mark.parametrize("first", sorted(set(voipkit.__all__) - {"__version__"}))
def test_every_name_can_be_the_first_that_is_asked_for(first):
    """Import cycles show only in a fresh interpreter, and only for some orders."""
    assert fresh_python(f"import voipkit; print(voipkit.{first} is not None)") == ["True"]


def test_version_is_the_installed_one():
    from importlib.metadata import version

    assert voipkit.__version__ == version("voipkit")


def test_names_of_functions_survive_their_modules():
    """`voipkit.providers` is a function and a package: importing the package must not shadow the function."""
    (kind,) = fresh_python("""
        import voipkit, voipkit.providers.twilio
        assert "twilio" in [info.id for info in voipkit.providers()]
        print("ok")
    """)

    assert kind == "ok"


def test_built_in_carriers_are_providers(opened):
    for name in ("twilio", "telnyx"):
        carrier = opened(name)
        assert isinstance(carrier, Provider)
        with carrier as entered:
            assert entered is carrier
        assert carrier.info.id == name
        assert voipkit.provider_info(name).capabilities == capabilities_of(type(carrier))


def test_every_capability_is_a_protocol_of_methods_with_a_name():
    from voipkit import protocols

    declared = {getattr(protocols, name) for name in protocols.__all__ if name.startswith("Supports")}

    assert set(CAPABILITIES.values()) == declared
    for name, protocol in CAPABILITIES.items():
        assert name.isidentifier()
        assert protocol.__doc__
        assert not isinstance(object(), protocol)


def test_the_registry_asks_for_the_methods_of_the_protocol():
    members = {name for name in vars(Provider) if not name.startswith("_")}

    assert set(_METHODS) == members - {"info", "credentials", "sip_config", "setup_method"}
