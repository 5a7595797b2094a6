"""The OpenAPI document: an example for everything, and an API that does as it says (schemathesis)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import jsonschema
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from pydantic import SecretStr, TypeAdapter
from schemathesis.checks import not_a_server_error
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    ignored_auth,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)

from tests.web.conftest import Telnyx, client_of, make_service, server_of
from voipkit.sandbox import Sandbox
from voipkit.service import ConnectionService
from voipkit.store import MemoryStore
from voipkit.web import create_app
from voipkit.web.bodies import Body
from voipkit.web.problem import MEDIA_TYPE, Problem

METHODS = {"get", "post", "put", "patch", "delete"}
TOKEN = "a-token-of-a-test-run"


def operations(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, methods in document["paths"].items():
        for method in methods.keys() & METHODS:
            yield f"{method.upper()} {path}", methods[method]


@pytest.fixture
def document(host) -> dict[str, Any]:
    found: dict[str, Any] = host.openapi()
    return found


def resolved(schema: dict[str, Any], document: dict[str, Any]) -> dict[str, Any]:
    return {**schema, "components": document["components"]}


# --- examples --------------------------------------------------------------------------------------------------------


def test_every_body_has_an_example_that_is_accepted(document):
    bodies = {
        name: op["requestBody"]["content"]["application/json"]
        for name, op in operations(document)
        if "requestBody" in op
    }

    assert len(bodies) == 10
    for name, media in bodies.items():
        jsonschema.validate(media["example"], media["schema"]), name
        accepted = [
            cls
            for cls in Body.__subclasses__() + Body.__subclasses__()[0].__subclasses__()
            if _accepts(cls, media["example"])
        ]
        assert accepted, name


def _accepts(cls: type[Body], example: dict[str, Any]) -> bool:
    try:
        cls.model_validate(example)
    except ValueError:
        return False
    return True


def test_every_answer_and_every_problem_has_an_example_that_conforms(document):
    count = 0
    for name, operation in operations(document):
        for status, answer in operation["responses"].items():
            if status == "204":
                assert "content" not in answer
                continue
            ((media_type, media),) = answer["content"].items()
            assert media_type == (MEDIA_TYPE if int(status) >= 400 else "application/json"), (name, status)
            jsonschema.validate(media["example"], resolved(media["schema"], document))
            if int(status) >= 400:
                assert Problem.model_validate(media["example"]).status == int(status)
            count += 1
    assert count > 150


def test_waiting_is_announced(document):
    for name, operation in operations(document):
        for status in operation["responses"].keys() & {"429", "503"}:
            assert "Retry-After" in operation["responses"][status]["headers"], (name, status)


def test_not_found_is_said_where_there_is_an_id(document):
    for name, operation in operations(document):
        assert ("404" in operation["responses"]) == ("{" in name), name


def test_operations_are_named_once_and_described(document):
    named = [operation["operationId"] for _, operation in operations(document)]

    assert len(set(named)) == len(named)
    assert all(operation["description"] and operation["summary"] for _, operation in operations(document))


def test_no_answer_has_a_field_for_credentials(document):
    schemas = document["components"]["schemas"]
    shown = {field for name, schema in schemas.items() for field in schema.get("properties", ())}

    assert shown
    assert not shown & {"credentials", "api_key", "apiKey", "auth_token", "secret_key", "sealed"}


def test_the_problem_of_the_document_is_a_part_of_the_model(document):
    (_, operation), *_ = operations(document)
    shown = operation["responses"]["422"]["content"][MEDIA_TYPE]["schema"]

    assert shown["properties"].keys() <= TypeAdapter(Problem).json_schema()["properties"].keys()


# --- schemathesis ----------------------------------------------------------------------------------------------------

CHECKS = (
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    ignored_auth,
    response_headers_conformance,
    response_schema_conformance,
    negative_data_rejection,
    unsupported_method,
)


@pytest.fixture(scope="module")
def api() -> Iterator[Any]:
    """A server with a connection and a number, so that ids lead somewhere: 1 is what is tried most."""
    box = Sandbox()
    app = create_app(make_service(MemoryStore(), box), token=SecretStr(TOKEN), org_id="acme")
    telnyx = Telnyx(box)
    with client_of(app, TOKEN) as client:
        connection = telnyx.created(client)
        telnyx.imported(client, connection["id"], telnyx.available(client, connection["id"])[0])
    with server_of(app) as url:
        yield schemathesis.openapi.from_url(f"{url}/openapi.json")


def _tries() -> Iterator[tuple[str, str, GenerationMode]]:
    """Every operation, with what fits the document and, where anything can be wrong, with what does not."""
    nobody = object.__new__(ConnectionService)  # it is described, never called
    for path, methods in create_app(nobody, token=SecretStr(TOKEN)).openapi()["paths"].items():
        for method, operation in methods.items():
            yield path, method.upper(), GenerationMode.POSITIVE
            if "requestBody" in operation or operation.get("parameters"):
                yield path, method.upper(), GenerationMode.NEGATIVE


@pytest.mark.parametrize(("path", "method", "mode"), list(_tries()))
def test_the_api_does_as_its_document_says(api, path, method, mode):
    """With requests that fit the document, and with ones that do not. The server outlives them all."""

    @settings(max_examples=20, suppress_health_check=list(HealthCheck), derandomize=True, database=None)
    @given(case=api[path][method].as_strategy(generation_mode=mode))
    def try_one(case: Any) -> None:
        case.call_and_validate(headers={"Authorization": f"Bearer {TOKEN}"}, checks=CHECKS)

    try_one()
