"""Forms and schemas: derived from the settings models, and of one mind with them."""

from __future__ import annotations

import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from pydantic import SecretStr, ValidationError

import voipkit
from voipkit.errors import CredentialsInvalid
from voipkit.models import ProviderInfo, Settings, SetupMethod, setting

CARRIERS = ("twilio", "telnyx")
WORKING = {
    "twilio": [
        {"accountSid": "AC" + "a" * 32, "authToken": "0" * 32},
        {"accountSid": "AC" + "A" * 32, "apiKey": "SK" + "0" * 32, "apiSecret": "s3cret of any form"},
        {"accountSid": "AC" + "a" * 32, "authToken": "0" * 32, "apiKey": None, "apiSecret": None, "region": "ie1"},
    ],
    "telnyx": [{"apiKey": "KEY0123_abc"}, {"apiKey": "KEY0123", "connectionId": "12345", "region": "eu"}],
}
WRONG = {
    "twilio": [
        {},
        {"accountSid": "AC" + "a" * 32},
        {"accountSid": "AC" + "a" * 32, "authToken": None},
        {"accountSid": "AC" + "a" * 32, "authToken": "0" * 31},
        {"accountSid": "AC" + "a" * 32 + "\n", "authToken": "0" * 32},
        {"accountSid": "AC" + "a" * 32, "authToken": "0" * 32, "region": "us2"},
        {"accountSid": "AC" + "a" * 32, "authToken": "0" * 32, "region": None},
        {"accountSid": "AC" + "a" * 32, "authToken": "0" * 32, "token": "x"},
        {"accountSid": "AC" + "a" * 32, "apiKey": "SK" + "0" * 32},
        {"accountSid": "AC" + "a" * 32, "apiKey": "SK" + "0" * 32, "apiSecret": ""},
        {"accountSid": "AC" + "a" * 32, "authToken": "0" * 32, "apiKey": "SK" + "0" * 32, "apiSecret": "x"},
        {"accountSid": "AC" + "a" * 32, "authToken": "0" * 32, "apiKey": "SK" + "0" * 32},
        {"accountSid": None, "authToken": "0" * 32},
        {"accountSid": 7, "authToken": "0" * 32},
    ],
    "telnyx": [
        {},
        {"apiKey": ""},
        {"apiKey": "KEY 0"},
        {"apiKey": "KEYé"},
        {"apiKey": "KEY0\n"},
        {"apiKey": ["KEY0"]},
        {"apiKey": "KEY0", "connectionId": 12345},
        {"apiKey": "KEY0", "connectionId": ""},
        {"apiKey": "KEY0", "api_kee": "x"},
    ],
}


def methods():
    return [(name, method) for name in CARRIERS for method in voipkit.provider_info(name).setup_methods]


def accepts(model, values):
    try:
        model.model_validate(values)
    except ValidationError:
        return False
    return True


# --- every carrier ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("carrier", "method"), methods())
def test_schemas_are_json_schema(carrier, method):
    for schema in (method.credential_schema, method.sip_schema):
        Draft202012Validator.check_schema(schema)
        assert json.loads(json.dumps(schema)) == schema
        assert "x-voipkit" not in json.dumps(schema)
        assert schema["additionalProperties"] is False


@pytest.mark.parametrize("carrier", CARRIERS)
def test_the_schema_and_the_model_agree_on_whole_credentials(carrier, box):
    method = voipkit.provider_info(carrier).setup_methods[0]
    schema = Draft202012Validator(method.credential_schema)
    live = method.credentials.model_validate(box.credentials(carrier))
    plain = {
        method.credentials.model_fields[name].alias: value.get_secret_value() if isinstance(value, SecretStr) else value
        for name, value in live
    }
    for values in [*WORKING[carrier], plain]:
        assert accepts(method.credentials, values)
        assert list(schema.iter_errors(values)) == []
    for values in WRONG[carrier]:
        assert not accepts(method.credentials, values), values
        assert not schema.is_valid(values), values


anything = st.one_of(
    st.text(max_size=40),
    st.text(alphabet="ACSKEYTabcdef0123456789 \n\té-", max_size=36),
    st.from_regex(r"(AC|SK|TK|KEY)?[0-9a-f]{32}\n?", fullmatch=True),
    st.none(),
    st.integers(),
    st.booleans(),
    st.lists(st.text(max_size=3), max_size=2),
    st.just({}),
)


@given(value=anything)
@example(value="KEY0\n")
@example(value=" ")
@example(value="us1\n")
def test_the_schema_and_the_model_agree_on_each_field(value):
    for _, method in methods():
        for model, schema, form in (
            (method.credentials, method.credential_schema, method.fields),
            (method.sip_config, method.sip_schema, method.sip_fields),
        ):
            for field in form:
                single = Draft202012Validator(schema["properties"][field.alias])
                wrong = {
                    error["loc"][0]
                    for error in _errors(model, {field.alias: value})
                    if error["loc"] and error["type"] != "missing"
                }
                assert single.is_valid(value) is (field.alias not in wrong), (field.alias, value)


def _errors(model, values):
    try:
        model.model_validate(values)
    except ValidationError as error:
        return error.errors()
    return []


@pytest.mark.parametrize(("carrier", "method"), methods())
def test_a_form_can_be_drawn(carrier, method):
    for model, form in ((method.credentials, method.fields), (method.sip_config, method.sip_fields)):
        assert [field.name for field in form] == list(model.model_fields)
        for field in form:
            assert field.label != field.name
            assert field.help.endswith(".")
            assert (field.type == "password") is field.secret
            assert (field.type == "select") is bool(field.options)
            assert field.required is model.model_fields[field.name].is_required()
            assert field.docs_url is None or field.docs_url.startswith("https://")
            if field.secret:
                assert field.default is None
            elif field.options:
                assert field.default in field.options


def test_twilio_form_in_detail():
    fields = {field.name: field for field in voipkit.provider_info("twilio").setup_methods[0].fields}

    assert (fields["account_sid"].alias, fields["account_sid"].type, fields["account_sid"].required) == (
        "accountSid",
        "text",
        True,
    )
    assert (fields["auth_token"].one_of, fields["api_secret"].one_of, fields["region"].one_of) == (
        "auth_token",
        "api_key",
        None,
    )
    assert fields["region"].options == ("us1", "ie1", "au1")
    assert fields["api_secret"].secret


@pytest.mark.parametrize("carrier", CARRIERS)
def test_a_description_is_json_in_both_spellings(carrier):
    info = voipkit.provider_info(carrier)
    snake, camel = json.loads(info.model_dump_json()), json.loads(info.model_dump_json(by_alias=True))

    assert snake["setup_methods"][0]["credential_schema"] == camel["setupMethods"][0]["credentialSchema"]
    assert camel["setupMethods"][0]["fields"][0]["docsUrl"] == snake["setup_methods"][0]["fields"][0]["docs_url"]
    assert ProviderInfo.model_json_schema(mode="serialization")  # a web framework documents its answers with it


# --- any plugin ------------------------------------------------------------------------------------------------------


class Odd(Settings):
    """Every kind of field that a plugin may declare."""

    api_key: SecretStr = setting("Key", help="A key.")
    pin: SecretStr | None = setting("PIN", help="A PIN.", default=None, pattern=r"\d{4}", wants="4 digits")
    colour: str | None = setting("Colour", help="A colour.", default=None, options=("red", "blue"))
    port: int = setting("Port", help="A port.", default=5060)
    secure: bool = setting("TLS", help="Whether to use TLS.", default=True)
    hosts: tuple[str, ...] = setting("Hosts", help="Some hosts.", default=("a", "b"))


METHOD = SetupMethod(id="odd", label="Odd", credentials=Odd)


def test_every_kind_of_field_has_its_widget():
    form = {field.name: field for field in METHOD.fields}

    assert {name: field.type for name, field in form.items()} == {
        "api_key": "password",
        "pin": "password",
        "colour": "select",
        "port": "number",
        "secure": "boolean",
        "hosts": "list",
    }
    assert (form["port"].default, form["secure"].default, form["hosts"].default) == (5060, True, ("a", "b"))


def test_null_is_allowed_where_the_model_allows_it():
    schema = Draft202012Validator(METHOD.credential_schema)

    assert accepts(Odd, {"apiKey": "k", "colour": None, "pin": None})
    assert schema.is_valid({"apiKey": "k", "colour": None, "pin": None})
    assert not accepts(Odd, {"apiKey": "k", "port": None})
    assert not schema.is_valid({"apiKey": "k", "port": None})


@pytest.mark.parametrize("spelling", ["api_key", "apiKey"])
def test_both_spellings_are_accepted(spelling):
    assert Odd.model_validate({spelling: "k"}).api_key.get_secret_value() == "k"


@pytest.mark.parametrize("values", [{"api_key": "a", "apiKey": "b"}, {"api_key": "a", "apiKey": "a"}])
def test_both_spellings_at_once_are_refused(values):
    """pydantic alone takes one of them and says nothing."""
    with pytest.raises(ValidationError, match="given twice") as caught:
        Odd.model_validate(values)

    assert caught.value.errors()[0]["loc"] == ("api_key",)


def test_settings_never_show_nor_give_away_a_secret():
    import copy
    import pickle

    odd = Odd(api_key="canary-canary", pin="1234")
    shown = repr(odd) + str(odd) + odd.model_dump_json() + str(odd.model_dump())

    assert "canary" not in shown
    with pytest.raises(TypeError, match="not pickled"):
        pickle.dumps(odd)
    assert copy.deepcopy(odd) == odd
    with pytest.raises(ValidationError):
        odd.pin = "1"


@pytest.mark.parametrize(
    ("given", "field", "says"),
    [
        ({"accountSid": "", "authToken": "0" * 32}, "account_sid", "empty"),
        ({"accountSid": " \t", "authToken": "0" * 32}, "account_sid", "empty"),
        ({"accountSid": "AC" + "a" * 32 + "\n", "authToken": "0" * 32}, "account_sid", "newline"),
        ({"accountSid": "AC" + "а" * 32, "authToken": "0" * 32}, "account_sid", "ASCII"),
        ({"accountSid": 7, "authToken": "0" * 32}, "account_sid", "not text"),
        ({"accountSid": None, "authToken": "0" * 32}, "account_sid", "is null; it is required"),
        ({"accountSid": "AC" + "a" * 32, "authToken": "0" * 32, "region": None}, "region", "leave it out"),
        ({"accountSid": "AC" + "a" * 32, "authTokn": "0" * 32}, "authTokn", "did you mean 'authToken'"),
        ({"accountSid": "AC" + "a" * 32, "authToken": "x", "auth_token": "x"}, "auth_token", "given twice"),
        ({"accountSid": "AC" + "a" * 32}, "", "give either auth_token"),
    ],
)
def test_each_mistake_is_named(given, field, says, box):
    with pytest.raises(CredentialsInvalid) as caught:
        voipkit.open_provider("twilio", given, http=voipkit.HttpOptions(wire=box.wire))

    (problem,) = [problem for problem in caught.value.problems if problem.field == field]
    assert says in problem.problem
    assert problem.section == "credentials"
    assert "credentials.:" not in str(caught.value)
    assert box.requests == []


def test_the_place_in_a_list_is_named():
    with pytest.raises(CredentialsInvalid, match="item 2"):
        voipkit.open_provider("telnyx", {"apiKey": "KEY0"}, sip_config={"destinations": ["DE", "Germany"]})
