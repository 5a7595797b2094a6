"""The registry, over real distributions: a module, a .dist-info, and the path."""

from __future__ import annotations

import base64
import importlib
import importlib.metadata
import pickle
import subprocess
import sys
import textwrap
import traceback

import pytest

import voipkit
from voipkit import registry
from voipkit.errors import (
    BrokenProvider,
    ConfigurationError,
    CredentialsInvalid,
    DuplicateProvider,
    MissingExtra,
    UnknownProvider,
    Unsupported,
)

GOOD = """
from pydantic import SecretStr
from voipkit.models import ProviderInfo, Settings, SetupMethod, setting

class Credentials(Settings):
    api_key: SecretStr = setting("API key", help="The key.")
    tags: tuple[str, ...] = setting("Tags", help="Some words.", default=())

class {name}:
    info = ProviderInfo(
        id="{id}", label="{name}",
        setup_methods=(SetupMethod(id="api_key", label="API key", credentials=Credentials),),
    )
    def __init__(self, credentials, sip_config, *, setup_method, http):
        self.credentials, self.sip_config, self.setup_method = credentials, sip_config, setup_method
    def test_credentials(self): ...
    def suggest_name(self): ...
    def list_numbers(self): ...
    def import_numbers(self, numbers, route=None, on_conflict="refuse", dry_run=False): ...
    def verify_number(self, number, route=None): ...
    def verify_numbers(self, numbers, route=None): ...
    def close(self): ...
"""


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Install a distribution that offers carriers: a module for each, and the metadata that an installer writes."""
    sites = 0

    def make(distribution, entry_points, metadata=True, version="1.2", **modules):
        nonlocal sites
        sites += 1
        site = tmp_path / f"site{sites}"
        info = site / f"{distribution.replace('-', '_')}-{version}.dist-info"
        info.mkdir(parents=True)
        lines = "".join(f"{name} = {target}\n" for name, target in entry_points.items())
        (info / "entry_points.txt").write_text(f"[voipkit.providers]\n{lines}")
        if metadata:
            (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {version}\n")
        for module, source in modules.items():
            (site / f"{module}.py").write_text(textwrap.dedent(source))
            monkeypatch.delitem(sys.modules, module, raising=False)
        monkeypatch.syspath_prepend(site)
        importlib.invalidate_caches()
        return site

    yield make
    for name in [n for n in sys.modules if n.startswith("acme_")]:
        del sys.modules[name]


def acme(identifier="acme", name="Acme"):
    return GOOD.replace("{name}", name).replace("{id}", identifier)


def fresh_python(code):
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


# --- what is loaded --------------------------------------------------------------------------------------------------

SDKS = "twilio telnyx requests httpx httpcore urllib3 anyio phonenumbers"


def test_names_import_no_carrier():
    loaded = fresh_python("""
        import sys
        from voipkit import registry
        assert {"telnyx", "twilio"} <= set(registry.names())
        print(*(m for m in sys.modules if m.startswith("voipkit.providers") or m in ("twilio", "telnyx")))
    """)

    assert loaded == []


def test_names_do_not_import_a_plugin(install):
    install("acme-explosive", {"acme": "acme_explosive:Acme"}, acme_explosive="raise SystemExit('imported')")

    assert "acme" in registry.names()
    assert "acme_explosive" not in sys.modules


def test_describing_every_carrier_imports_no_sdk():
    loaded = fresh_python(f"""
        import sys, voipkit
        for info in voipkit.providers():
            assert info.broken is None, info
            assert info.model_dump_json()
        print(*(m for m in "{SDKS}".split() if m in sys.modules))
    """)

    assert loaded == []


def test_opening_a_carrier_imports_no_sdk():
    loaded = fresh_python("""
        import sys, voipkit
        voipkit.open_provider("telnyx", {"api_key": "KEY" + "0" * 20}).close()
        voipkit.open_provider("twilio", {"account_sid": "AC" + "0" * 32, "auth_token": "0" * 32}).close()
        print(*(m for m in ("twilio", "telnyx", "requests", "httpx") if m in sys.modules))
    """)

    assert loaded == []


@pytest.mark.parametrize("carrier", ["twilio", "telnyx"])
def test_missing_sdk_names_the_exact_command(carrier):
    (fix,) = fresh_python(f"""
        import sys
        sys.modules["{carrier}"] = None
        import voipkit
        from voipkit.sandbox import Sandbox
        box = Sandbox()
        p = voipkit.open_provider("{carrier}", box.credentials("{carrier}"), http=voipkit.HttpOptions(wire=box.wire))
        assert voipkit.provider_info("{carrier}").setup_methods[0].fields
        try:
            list(p.list_numbers())
        except voipkit.errors.MissingExtra as error:
            assert not box.requests
            print(error.fix.replace(" ", "_"))
    """)

    assert fix == f"pip_install_'voipkit[{carrier}]'"


# --- plugins ---------------------------------------------------------------------------------------------------------


def test_a_plugin_is_described_with_its_distribution(install):
    install("acme-voip", {"acme": "acme_good:Acme"}, acme_good=acme())
    info = voipkit.provider_info("acme")

    assert (info.label, info.distribution, info.version, info.broken) == ("Acme", "acme-voip", "1.2", None)
    assert info.capabilities == ()
    assert [field.alias for field in info.setup_methods[0].fields] == ["apiKey", "tags"]
    assert voipkit.open_provider("acme", {"apiKey": "k", "tags": ["a"]}).credentials.tags == ("a",)


def test_a_distribution_without_metadata_is_no_obstacle(install):
    """An interrupted uninstall leaves a .dist-info with entry points and nothing else."""
    install("acme-rest", {"acme": "acme_rest:Acme"}, metadata=False, acme_rest=acme())

    assert voipkit.provider_info("acme").label == "Acme"


def test_nor_is_it_where_a_backport_looks_for_distributions(install, monkeypatch):
    """importlib_metadata, once anybody imports it, finds distributions for everybody; 10.2 raises for absent metadata."""

    class Strict(importlib.metadata.PathDistribution):
        @property
        def metadata(self):
            raise FileNotFoundError("No package metadata was found.")

    class Finder(importlib.metadata.DistributionFinder):
        def find_distributions(self, context=importlib.metadata.DistributionFinder.Context()):  # noqa: B008 - its API
            return [Strict(info) for info in site.glob("*.dist-info")]

        def find_spec(self, *_):
            return None  # modules are found as ever

    site = install("acme-rest", {"acme": "acme_rest:Acme"}, metadata=False, acme_rest=acme())
    monkeypatch.setattr(sys, "meta_path", [Finder(), *sys.meta_path])

    assert voipkit.provider_info("acme").label == "Acme"


BROKEN = {
    "import raises": ("raise RuntimeError('no licence')", "RuntimeError: no licence"),
    "import exits": ("import sys; sys.exit('bye')", "SystemExit: bye"),
    "no such module": ("import acme_sdk_that_is_not_there", "acme_sdk_that_is_not_there"),
    "syntax": ("class Acme(:", "SyntaxError"),
    "no class": ("Other = 1", "AttributeError"),
    "no info": ("class Acme: pass", "no 'info'"),
    "info of another type": ("class Acme: info = {'id': 'acme'}", "no 'info'"),
    "instance": (acme() + "\nAcme = Acme(None, None, setup_method='', http=None)", "not a class"),
    "other id": (acme("acme2"), "calls itself 'acme2'"),
    "a method missing": (acme().replace("def verify_numbers", "def verify_nmbers"), "lacks verify_numbers"),
    "no set-up method": (
        acme().replace('(SetupMethod(id="api_key", label="API key", credentials=Credentials),)', "()"),
        "no set-up method",
    ),
    "forms that cannot be drawn": (
        acme()
        .replace("tags: tuple[str, ...] =", "tags: type[int] | object =")
        .replace("default=()", "default=object()"),
        "cannot be drawn",
    ),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_a_broken_plugin_is_listed_with_its_cause_and_hides_nobody(kind, install):
    source, cause = BROKEN[kind]
    install("acme-broken", {"acme": "acme_broken:Acme"}, acme_broken=source)
    listed = {info.id: info for info in voipkit.providers()}

    assert {"acme", "telnyx", "twilio"} <= set(listed)
    assert cause in (listed["acme"].broken or "")
    assert (listed["acme"].distribution, listed["acme"].version) == ("acme-broken", "1.2")
    assert listed["twilio"].broken is None
    with pytest.raises(BrokenProvider, match="acme") as caught:
        voipkit.provider_info("acme")
    assert "acme-broken" in str(caught.value)


def test_the_cause_of_a_broken_plugin_is_kept(install):
    install("acme-broken", {"acme": "acme_broken:Acme"}, acme_broken="raise RuntimeError('no licence')")
    with pytest.raises(BrokenProvider) as caught:
        voipkit.open_provider("acme", {})

    assert isinstance(caught.value.__cause__, RuntimeError)


def test_a_plugin_that_says_what_to_install_is_heard(install):
    source = "from voipkit.errors import MissingExtra\nraise MissingExtra('No SDK.', fix='pip install acme[sdk]')"
    install("acme-extra", {"acme": "acme_extra:Acme"}, acme_extra=source)
    with pytest.raises(MissingExtra) as caught:
        voipkit.open_provider("acme", {})

    assert caught.value.fix == "pip install acme[sdk]"
    (listed,) = (info for info in voipkit.providers() if info.id == "acme")
    assert "pip install acme[sdk]" in (listed.broken or "")


def test_two_distributions_with_one_name_are_both_named(install):
    install("acme-voip", {"acme": "acme_one:Acme"}, acme_one=acme())
    install("other-voip", {"acme": "acme_two:Acme"}, acme_two=acme())
    for call in (registry.names, voipkit.providers, lambda: voipkit.provider_info("acme")):
        with pytest.raises(DuplicateProvider) as caught:
            call()
        assert "'acme-voip'" in str(caught.value)
        assert "'other-voip'" in str(caught.value)


def test_a_stranger_cannot_take_over_a_built_in_carrier(install):
    install("evil-voip", {"twilio": "acme_evil:Acme"}, acme_evil="raise SystemExit('imported')")
    with pytest.raises(DuplicateProvider, match="'evil-voip' and 'voipkit'"):
        voipkit.open_provider("twilio", {})

    assert "acme_evil" not in sys.modules


def test_a_duplicate_leaves_the_other_carriers_usable(install):
    install("acme-voip", {"acme": "acme_one:Acme"}, acme_one=acme())
    install("other-voip", {"acme": "acme_two:Acme"}, acme_two=acme())

    assert voipkit.provider_info("twilio").label == "Twilio"


def test_one_distribution_found_twice_on_the_path_is_one(install):
    """As with an editable checkout beside an installed wheel."""
    install("acme-voip", {"acme": "acme_one:Acme"}, acme_one=acme())
    install("acme-voip", {"acme": "acme_one:Acme"}, acme_one=acme())

    assert voipkit.provider_info("acme").distribution == "acme-voip"


# --- bad input -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "hint"), [("telnix", "telnyx"), ("TWILIO", "twilio"), ("Twilio ", "twilio"), ("zzz", "Install")]
)
def test_unknown_carrier_names_the_nearest(name, hint):
    with pytest.raises(UnknownProvider) as caught:
        voipkit.open_provider(name, {})

    assert hint in (caught.value.fix or "")


@pytest.mark.parametrize("name", [None, 7, b"twilio", ["twilio"], {"api_key": "KEY-canary"}])
def test_a_carrier_that_is_no_text(name):
    for call in (lambda: voipkit.open_provider(name, {}), lambda: voipkit.provider_info(name)):
        with pytest.raises(UnknownProvider) as caught:
            call()
        assert "canary" not in str(caught.value)


def test_http_that_is_no_options():
    with pytest.raises(ConfigurationError, match="HttpOptions"):
        voipkit.open_provider("telnyx", {"api_key": "KEY0"}, http={"timeout": 3})


@pytest.mark.parametrize("section", ["credentials", "sip_config"])
@pytest.mark.parametrize("given", ["text", [], ["a"], 0, b"", ("api_key", "KEY0"), object()])
def test_what_is_no_mapping_is_refused_with_its_section(given, section):
    sections = {"credentials": {"api_key": "KEY0"}, section: given}
    with pytest.raises(CredentialsInvalid, match=f"{section}: must be a mapping"):
        voipkit.open_provider("telnyx", sections["credentials"], sip_config=sections.get("sip_config"))


def test_unknown_set_up_method_lists_those_there_are():
    with pytest.raises(Unsupported, match="api_key"):
        voipkit.open_provider("telnyx", {"api_key": "KEY0"}, setup_method="oauth")


# --- secrets ---------------------------------------------------------------------------------------------------------

CANARY = "5ec2e7" * 5 + "ab"  # 32 hexadecimal digits: a good auth token
SID = "AC" + "a" * 32
GIVEN = {
    "text instead of a mapping": CANARY,
    "list instead of a mapping": [CANARY],
    "pairs instead of a mapping": [("auth_token", CANARY)],
    "bytes": {"account_sid": SID, "auth_token": CANARY.encode()},
    "list": {"account_sid": SID, "auth_token": [CANARY]},
    "nested mapping": {"account_sid": SID, "auth_token": {"value": CANARY}},
    "tuple in an unknown field": {"account_sid": SID, "token": (CANARY,)},
    "swapped": {"account_sid": CANARY, "auth_token": SID},
    "key and value swapped": {CANARY: SID},
    "as an option": {"account_sid": SID, "auth_token": CANARY, "region": CANARY},
    "newline": {"account_sid": SID, "auth_token": CANARY + "\n"},
    "spaces": {"account_sid": SID, "auth_token": f" {CANARY} "},
    "non-ASCII": {"account_sid": SID, "auth_token": CANARY + "é"},
    "both spellings": {"account_sid": SID, "auth_token": CANARY, "authToken": CANARY},
    "half a key": {"account_sid": SID, "api_secret": CANARY},
    "two ways in": {"account_sid": SID, "auth_token": CANARY, "api_key": "SK" + "a" * 32, "api_secret": CANARY},
    "account missing": {"auth_token": CANARY},
}


def spelled(secret):
    encoded = base64.b64encode(secret.encode()).decode().rstrip("=")
    return (secret, encoded, base64.b64encode(f"{SID}:{secret}".encode()).decode())


def assert_silent(error, secret):
    """Neither the error nor its chain nor any frame's locals, this file's excepted, may show the secret."""
    emitted = [str(error), repr(error), str(vars(error)), pickle.dumps(error).decode("latin-1")]
    chain, seen = [error], set()
    while chain:
        each = chain.pop()
        if each is None or id(each) in seen:
            continue
        seen.add(id(each))
        chain += [each.__cause__, each.__context__]
        shown = traceback.TracebackException.from_exception(each, capture_locals=True)
        emitted += [str(each), repr(each)]
        emitted += [str(frame.locals) for frame in shown.stack if frame.filename != __file__]
    for form in spelled(secret):
        assert not [text for text in emitted if form in text]


@pytest.mark.parametrize("case", GIVEN)
@pytest.mark.parametrize("section", ["credentials", "sip_config"])
def test_bad_credentials_never_show_a_secret(case, section):
    sections = {"credentials": {"account_sid": SID, "auth_token": "0" * 32}, section: GIVEN[case]}
    with pytest.raises(CredentialsInvalid) as caught:
        voipkit.open_provider("twilio", sections["credentials"], sip_config=sections.get("sip_config"))

    assert caught.value.problems
    assert_silent(caught.value, CANARY)


def test_arguments_in_the_wrong_order_never_show_a_secret():
    with pytest.raises(UnknownProvider) as caught:
        voipkit.open_provider({"auth_token": CANARY}, "twilio")

    assert_silent(caught.value, CANARY)


def test_a_good_credential_beside_a_bad_one_is_not_shown():
    with pytest.raises(CredentialsInvalid) as caught:
        voipkit.open_provider("twilio", {"account_sid": SID, "auth_token": CANARY}, sip_config={"trunk_sid": "x"})

    assert_silent(caught.value, CANARY)


def test_a_name_with_a_line_break_is_not_repeated():
    """A field's name goes into log lines."""
    with pytest.raises(CredentialsInvalid) as caught:
        voipkit.open_provider("telnyx", {"api_key": "KEY0", "x\nERROR forged line": "1"})

    assert "forged" not in str(caught.value)


def test_masking_twice_is_masking_once():
    once = registry.masked({"api_key": CANARY, "n": [CANARY]})

    assert registry.masked(once) is once
    assert CANARY not in repr(once) + str(dict(once))
