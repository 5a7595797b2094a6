"""Check exchanges of the sandbox against the carriers' own OpenAPI documents.

`validate_exchange` says what is wrong with one recorded exchange: first with the request (path, method, query,
form or JSON body), then with the answer (status, media type, body). The documents are not part of the project;
they are found through VOIPKIT_VENDOR_SPECS (default: ../shared/specs beside the checkout).

What is not checked, on purpose:

- formats other than date-time, date-time-rfc-2822 and uuid (Twilio sends "" and relative paths as ``uri``);
- in an array of more than 25 records, records of a shape (keys and JSON types) that came 25 times before: a
  listing of 1000 numbers is one shape, and its 26th record proves nothing that the first 25 did not;
- the answer of an exchange that a fault made or spoiled (``Recorded.faulted``); its request is checked;
- exchanges with hosts that no document describes (`UNDOCUMENTED`): `Documents.unchecked` counts them, and the end
  of a test run names them.
"""

from __future__ import annotations

import fnmatch
import json
import os
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from email.utils import parsedate_to_datetime
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit
from uuid import UUID

import pytest
import yaml
from jsonschema import Draft202012Validator, FormatChecker
from referencing import Registry
from referencing.jsonschema import DRAFT202012

from voipkit.sandbox import Recorded

CARRIERS = ("twilio", "telnyx", "signalwire", "vonage", "cloudonix")
ROOT = Path(__file__).resolve().parents[1]
METHODS = ("get", "put", "post", "delete", "patch", "head", "options")
FORM = "application/x-www-form-urlencoded"
SAME_SHAPE = 25
HERE = "document:"

# Host (without edge, region and space), and where a host has several documents the beginning of the path, too
# -> document below the folder, base path of its server. The longest entry counts.
DOCUMENTS = {
    "api.twilio.com": ("twilio/twilio_api_v2010.json", ""),
    "trunking.twilio.com": ("twilio/twilio_trunking_v1.json", ""),
    "voice.twilio.com": ("twilio/twilio_voice_v1.json", ""),
    "routes.twilio.com": ("twilio/twilio_routes_v2.json", ""),
    "pricing.twilio.com": ("twilio/twilio_pricing_v1.json", ""),
    "api.telnyx.com": ("telnyx/telnyx-v2.json", "/v2"),
    "api.cloudonix.io": ("cloudonix/cloudonix.yaml", ""),
    "space.signalwire.com": ("signalwire/signalwire-rest.yaml", ""),
    "rest.nexmo.com/account": ("vonage/account.yml", ""),
    "rest.nexmo.com/account/numbers": ("vonage/numbers.yml", ""),
    "rest.nexmo.com/number": ("vonage/numbers.yml", ""),
    "api.nexmo.com/accounts": ("vonage/account.yml", ""),
    "api.nexmo.com/v2/applications": ("vonage/application.v2.yml", "/v2/applications"),
}

# Hosts (and paths) that no document describes, and what the simulator was written from instead.
UNDOCUMENTED = {
    "api.plivo.com": "no OpenAPI document was found (2026-11-21); the SDK's source and the documentation pages",
    "api.vobiz.ai": "no OpenAPI document was found (2026-11-21); the SDK's source and the documentation pages",
    "rest.nexmo.com/account/get-pricing": "in no document of Vonage's (2026-11-21); the models of the SDK",
}

# Vonage's documents of 2021 want key and secret in the query; the SDK sends Basic, as the newer ones say (specs/README).
CREDENTIALS_IN_QUERY = frozenset({"api_key", "api_secret"})

# Host -> other spellings of a path, and the one that the document uses.
PATH_FAMILIES = {
    # "Tenants" are yesterday's customers, and a path may begin at the domain (info.description of the document).
    "api.cloudonix.io": (("^/tenants/", "/customers/"), ("^/domains/(?!.*/resources/)", "/customers/self/domains/")),
}
TELNYX_REGIONS = ("api.telnyx.eu", "api.telnyx.com.au", "api.telnyx.ca", "api.telnyx.me")


@dataclass(frozen=True)
class Quirk:
    """Name a place where a document is known to be wrong, why we think so, and when we looked.

    ``operation`` and ``where`` are globs over the operationId and over the place in the exchange. A path or method
    that the document lacks has no operationId: there ``operation`` is "-".
    """

    document: str
    operation: str
    where: str
    reason: str
    seen: str


QUIRKS = (
    Quirk(
        "twilio_*",
        "*",
        "response*.*_application_sid: ''*",
        "pattern AP..., but the documents' own examples spell 'no application' as ''",
        "2026-11-21",
    ),
    Quirk(
        "twilio_api_v2010",
        "UpdateIncomingPhoneNumber",
        "form.*ApplicationSid: ''*",
        "pattern AP..., but '' is how an application is cleared, and what the answer then says",
        "2026-11-21",
    ),
    Quirk(
        "twilio_api_v2010",
        "UpdateIncomingPhoneNumber",
        "form.TrunkSid: ''*",
        "pattern TK..., but outside us1 no documented call takes a number off its trunk; tried, and read back (unverified)",
        "2026-11-21",
    ),
    Quirk(
        "twilio_pricing_v1",
        "FetchPhoneNumberCountry",
        "response.phone_number_prices*.*_price: *",
        "type number, but the document's own example and the API send strings",
        "2026-11-21",
    ),
    Quirk(
        "telnyx-v2",
        "SlimListPhoneNumbers",
        "response.data*.tags: *: unknown key",
        "the parameter include_tags adds the field, which the record's schema forgets",
        "2026-11-21",
    ),
    Quirk(
        "telnyx-v2",
        "GetSipRegistrationStatus",
        "*credential_type: 'sip_credential_connection'*",
        "SDK 4.189 knows this value; the document of 2026-07-16 does not yet",
        "2026-11-21",
    ),
    Quirk(
        "signalwire-rest",
        "update_phone_number",
        "body.call_handler: None*",
        "enum without null, but answers say null, and no other call takes the handler off a number (unverified)",
        "2026-11-21",
    ),
    Quirk(
        "signalwire-rest",
        "list_sip_credentials",
        "response: {*: type 'array'",
        "the schema is an array of listings; every other listing is an object, and the SDK parses one",
        "2026-11-21",
    ),
    Quirk(
        "signalwire-rest",
        "*_sip_credential",
        "response*.call_handler: *",
        "requests call the outbound policy call_handler (default, passthrough, block-pstn, resource); the answer's "
        "schema was copied from the SIP endpoints, where the name means who takes calls",
        "2026-11-21",
    ),
    Quirk(
        "numbers",
        "getOwnedNumbers",
        "response.numbers*.app_id: *: unknown key",
        "Numbers API 1.1.0 (2026-10) and the SDK's model have the field",
        "2026-11-21",
    ),
    Quirk(
        "numbers",
        "getOwnedNumbers",
        "response.numbers*.limitations: *: unknown key",
        "Numbers API 1.1.0 (2026-10) has the field",
        "2026-11-21",
    ),
    Quirk(
        "numbers",
        "updateANumber",
        "form.voiceCallbackType: ''*",
        "enum sip, tel, app; '' is how moHttpUrl is cleared (unverified for this one)",
        "2026-11-21",
    ),
    Quirk(
        "numbers",
        "getOwnedNumbers",
        "response.error-code*: *: unknown key",
        "a refusal can come with HTTP 200: the SDK reads error-code in the body; the schema of the listing has none",
        "2026-11-21",
    ),
    Quirk(
        "account",
        "getAccountBalance",
        "response.error-code*: *: unknown key",
        "a refusal can come with HTTP 200: the SDK reads error-code in the body; the schema of the balance has none",
        "2026-11-21",
    ),
    Quirk(
        "application.v2",
        "getApplication",
        "response.keys: *: unknown key",
        "the schemas of POST and PUT have the public key, and the SDK's model of this answer has it, too",
        "2026-11-21",
    ),
    Quirk(
        "application.v2",
        "*",
        "response*._links: *: unknown key",
        "answers are HAL: the SDK's model of a listing requires _links, which the schemas forget",
        "2026-11-21",
    ),
    Quirk(
        "cloudonix",
        "domain*Update",
        "body: *: required *'domain'*",
        "the bodies of PUT and PATCH require a property 'domain' that they do not declare",
        "2026-11-21",
    ),
    Quirk(
        "cloudonix",
        "domainUpdate",
        "body.defaultApplication: *: unknown key",
        "the bodies of PUT (profile) and PATCH (defaultApplication) look swapped; dograh in production sends PUT",
        "2026-11-21",
    ),
    Quirk(
        "cloudonix",
        "-",
        "the document has no PATCH */applications/*",
        "dograh in production sends a part of an application (url, method); the document of 2021 has PATCH",
        "2026-11-21",
    ),
    Quirk(
        "cloudonix",
        "-",
        "the document has no such path: */applications/*/dnids",
        "dograh in production makes DNIDs below their application; the document of 2021 has the path",
        "2026-11-21",
    ),
    Quirk(
        "cloudonix",
        "trunkUpdate",
        "body.active: *: unknown key",
        "dograh in production takes a trunk out of service with {'active': false}",
        "2026-11-21",
    ),
    Quirk(
        "cloudonix",
        "trunk*",
        "*.port: *: type 'string'",
        "the document's own example is the integer 5060, and both are reported in answers",
        "2026-11-21",
    ),
    Quirk(
        "cloudonix",
        "trunk*",
        "response*.profile.*: unknown key",
        "an open object in requests; dograh and opbx keep domain and ruri-domain in it",
        "2026-11-21",
    ),
    Quirk(
        "cloudonix",
        "trunkCreate",
        "response: not JSON",
        "dograh found the body of a 200 empty, and lists again by name",
        "2026-11-21",
    ),
)

FORMATS = FormatChecker(formats=())
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@FORMATS.checks("date-time", raises=ValueError)
def _is_date_time(value: object) -> bool:
    return not isinstance(value, str) or datetime.fromisoformat(value).tzinfo is not None


@FORMATS.checks("date-time-rfc-2822", raises=(ValueError, TypeError))
def _is_rfc2822(value: object) -> bool:
    return not isinstance(value, str) or parsedate_to_datetime(value).tzinfo is not None


@FORMATS.checks("uuid", raises=ValueError)
def _is_uuid(value: object) -> bool:
    return not isinstance(value, str) or bool(UUID(value))


# --- Entry points -----------------------------------------------------------------------------------------------------


def validate_exchange(recorded: Recorded) -> list[str]:
    """Return every violation in one exchange; skip the calling test, aloud, when the documents are absent."""
    documents = Documents.find()
    if documents is None:
        pytest.skip("NOT CHECKED against the vendors' OpenAPI documents: set VOIPKIT_VENDOR_SPECS")
    return documents.violations(recorded)


def examples(document: str, operation: str) -> Iterator[Any]:
    """Yield the example answers of an operation, read from the document.

    Args:
        document: File name without suffix, e.g. ``"twilio_api_v2010"`` or ``"telnyx-v2"``.
        operation: The document's operationId.
    """
    documents = Documents.find()
    if documents is None:
        pytest.skip("no examples without the vendors' OpenAPI documents: set VOIPKIT_VENDOR_SPECS")
    yield from documents.named(document).examples(operation)


class Documents:
    """Hold the documents of one folder; each is read when it is first needed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._read: dict[str, Document] = {}
        self.unchecked: Counter[str] = Counter()

    @staticmethod
    @cache
    def find() -> Documents | None:
        """Return the documents, or None when their folder is absent.

        Raises:
            RuntimeError: The folder is absent and the environment says that this is CI.
        """
        folder = Path(os.environ.get("VOIPKIT_VENDOR_SPECS") or ROOT / ".." / "shared" / "specs").resolve()
        if all((folder / name).is_dir() for name in CARRIERS):
            return Documents(folder)
        if os.environ.get("CI"):
            raise RuntimeError(f"CI must check against the vendors' documents, and {folder} has none")
        return None

    def get(self, path: str) -> Document:
        """Return the document at a path below the folder."""
        if path not in self._read:
            self._read[path] = Document(self.folder / path)
        return self._read[path]

    def named(self, stem: str) -> Document:
        """Return the document with this file name, without its suffix."""
        path = next(path for path, _ in DOCUMENTS.values() if Path(path).stem == stem)
        return self.get(path)

    def operation(self, method: str, url: str) -> tuple[Operation, str] | str | None:
        """Return the operation that a request asks for and its path there, what is wrong, or None: no document."""
        address = _address(url)
        entry = _entry(address)
        if entry in UNDOCUMENTED:
            return None
        if entry not in DOCUMENTS:
            return "no document describes this host"
        path, base = DOCUMENTS[entry]
        host, _, rest = address.partition("/")
        local = f"/{rest}".removeprefix(base) or "/"
        for other, usual in PATH_FAMILIES.get(host, ()):
            local = re.sub(other, usual, local)
        operation = self.get(path).operation(method.lower(), local)
        return operation if isinstance(operation, str) else (operation, local)

    def violations(self, recorded: Recorded) -> list[str]:
        """Return every violation in one exchange, known quirks left out."""
        where = self.operation(recorded.method, recorded.url)
        if where is None:
            self.unchecked[_entry(_address(recorded.url))] += 1
            return []
        if isinstance(where, str):
            document = Path(DOCUMENTS.get(_entry(_address(recorded.url)), ("", ""))[0]).stem
            return [] if _excused(document, "-", where) else [f"{recorded.method} {recorded.url}: {where}"]
        operation, local = where
        found = [*operation.request_violations(recorded, local, urlsplit(recorded.url).query)]
        if not recorded.faulted and recorded.status:
            found += operation.response_violations(recorded)
        return [f"{recorded.method} {recorded.url}: {text}" for text in found if not operation.excused(text)]


def _address(url: str) -> str:
    """Return host and path, with the host that the documents name."""
    parts = urlsplit(url)
    return _plain_host(parts.hostname or "") + parts.path


def _plain_host(host: str) -> str:
    """Return the host that the documents name, for a host of an edge or region."""
    if host.endswith(".twilio.com"):
        return f"{host.partition('.')[0]}.twilio.com"
    if host.endswith(".signalwire.com"):
        return "space.signalwire.com"
    return "api.telnyx.com" if host in TELNYX_REGIONS else host


def _entry(address: str) -> str:
    """Return the longest entry of `DOCUMENTS` and `UNDOCUMENTED` that host and path begin with, or ""."""
    entries = [entry for entry in (*DOCUMENTS, *UNDOCUMENTED) if f"{address}/".startswith(f"{entry}/")]
    return max(entries, key=len, default="")


# --- One document -----------------------------------------------------------------------------------------------------


class Document:
    """Hold one OpenAPI document, 3.0 or 3.1, as JSON Schema of draft 2020-12."""

    def __init__(self, path: Path) -> None:
        self.name = path.stem
        self.root = _with_other_files(_loaded(path), path.parent)
        if self.root["openapi"].startswith("3.0"):
            self.root = _without_nullable(self.root)
        self.root = _anchored(self.root)
        self.registry = Registry().with_resource(HERE, DRAFT202012.create_resource(self.root))
        # More literal segments first: /Accounts.json before /Accounts/{Sid}.json, as OpenAPI asks.
        templates = sorted(self.root["paths"], key=lambda template: (template.count("{"), template))
        self._paths = [(re.compile(_pattern(template)), template) for template in templates]
        self._operations: dict[tuple[str, str], Operation] = {}

    def operation(self, method: str, path: str) -> Operation | str:
        """Return the operation for a request, or what is wrong with it."""
        plain = unquote(path)
        matching = [template for pattern, template in self._paths if pattern.fullmatch(plain)]
        if not matching:
            return f"the document has no such path: {plain}"
        # A literal path wins even where only the templated one has the method.
        template = matching[0]
        if method not in self.root["paths"][template]:
            return f"the document has no {method.upper()} {template}"
        if (method, template) not in self._operations:
            self._operations[method, template] = Operation(self, template, method)
        return self._operations[method, template]

    def follow(self, node: Any) -> Any:
        """Return what a reference points at, or the node itself."""
        while isinstance(node, dict) and "$ref" in node:
            target: Any = self.root
            for step in node["$ref"].removeprefix(HERE + "#/").split("/"):
                target = target[unquote(step).replace("~1", "/").replace("~0", "~")]
            node = target
        return node

    def validator(self, schema: Any) -> Draft202012Validator:
        """Compile a schema of this document."""
        return Draft202012Validator(schema, registry=self.registry, format_checker=FORMATS)

    def examples(self, operation_id: str) -> Iterator[Any]:
        """Yield the example answers of an operation; those of its schemas when it has none of its own."""
        for item in self.root["paths"].values():
            for method in METHODS:
                if item.get(method, {}).get("operationId") == operation_id:
                    yield from self._examples_in(item[method])
                    return
        raise KeyError(operation_id)

    def _examples_in(self, operation: Any) -> Iterator[Any]:
        for status, response in operation["responses"].items():
            content = self.follow(response).get("content", {}).get("application/json")
            if not status.startswith("2") or content is None:
                continue
            if "example" in content:
                yield content["example"]
            elif "examples" in content:
                yield from (self.follow(example)["value"] for example in content["examples"].values())
            else:
                made = self._example_of(content.get("schema", {}))
                if made is not None:
                    yield made

    def _example_of(self, schema: Any, depth: int = 0) -> Any:
        """Put an example together from the examples inside a schema; None when it holds none."""
        schema = self.follow(schema)
        if "example" in schema or depth > 8:
            return schema.get("example")
        if schema.get("examples"):
            return schema["examples"][0]
        if len(schema.get("allOf", ())) == 1:
            return self._example_of(schema["allOf"][0], depth + 1)
        if "properties" in schema:
            parts = {name: self._example_of(part, depth + 1) for name, part in schema["properties"].items()}
            return {name: part for name, part in parts.items() if part is not None} or None
        if "items" in schema:
            item = self._example_of(schema["items"], depth + 1)
            return None if item is None else [item]
        return None


def _loaded(path: Path) -> Any:
    """Read a JSON or YAML document; YAML's numeric keys (``200:``) and dates become text, as JSON has them."""
    text = path.read_text("utf-8")
    return json.loads(text) if path.suffix == ".json" else _text_keys(yaml.load(text, _LOADER))


def _text_keys(node: Any) -> Any:
    if isinstance(node, list):
        return [_text_keys(item) for item in node]
    if isinstance(node, date):
        return node.isoformat()
    return {str(key): _text_keys(value) for key, value in node.items()} if isinstance(node, dict) else node


def _excused(document: str, operation: str, text: str) -> bool:
    """Say whether a violation is a known quirk of the document."""
    return any(
        fnmatch.fnmatchcase(document, quirk.document)
        and fnmatch.fnmatchcase(operation, quirk.operation)
        and fnmatch.fnmatchcase(text, quirk.where)
        for quirk in QUIRKS
    )


def _with_other_files(root: Any, folder: Path) -> Any:
    """Move the files that a document refers to into it; they lie beside it, whatever folder a reference names."""

    def moved(node: Any, home: str) -> Any:
        if isinstance(node, list):
            return [moved(item, home) for item in node]
        if not isinstance(node, dict):
            return node
        made = {key: moved(value, home) for key, value in node.items()}
        if isinstance(made.get("$ref"), str):
            file, _, place = made["$ref"].partition("#")
            others.update([Path(file).name] if file else [])
            made["$ref"] = f"#/x-files/{Path(file).name}{place}" if file else f"#{home}{place}"
        return made

    others: set[str] = set()
    made = moved(root, "")
    files = {name: moved(_loaded(folder / name), f"/x-files/{name}") for name in sorted(others)}
    return {**made, "x-files": files} if files else made


def _pattern(template: str) -> str:
    return re.sub(r"\\\{[^}]+\\\}", "[^/]+", re.escape(template))


def _anchored(node: Any) -> Any:
    """Make every reference absolute, so that a schema can be compiled apart from its document."""
    if isinstance(node, list):
        return [_anchored(item) for item in node]
    if not isinstance(node, dict):
        return node
    return {
        key: HERE + value if key == "$ref" and isinstance(value, str) else _anchored(value)
        for key, value in node.items()
    }


def _without_nullable(node: Any) -> Any:
    """Translate the 3.0 word ``nullable`` into a JSON Schema type, and drop ``required: true`` inside a property.

    Cloudonix's document has the latter; it is a list of names or nothing, except in parameters and bodies.
    """
    if isinstance(node, list):
        return [_without_nullable(item) for item in node]
    if not isinstance(node, dict):
        return node
    made = {key: _without_nullable(value) for key, value in node.items()}
    if isinstance(made.get("required"), bool) and not made.keys() & {"in", "content"}:
        del made["required"]
    if made.get("nullable") is True and "type" in made:
        made["type"] = [made["type"], "null"]
        if "enum" in made:
            made["enum"] = [*made["enum"], None]
    return made


# --- One operation ----------------------------------------------------------------------------------------------------


class Operation:
    """Hold one operation with its schemas compiled."""

    def __init__(self, document: Document, template: str, method: str) -> None:
        self.document = document
        item = document.root["paths"][template]
        self.spec = item[method]
        self.id = self.spec.get("operationId", f"{method} {template}")
        self.template = template
        entries = [document.follow(entry) for entry in (*item.get("parameters", ()), *self.spec.get("parameters", ()))]
        self.parameters = [
            entry for entry in entries if entry["in"] != "query" or entry["name"] not in CREDENTIALS_IN_QUERY
        ]
        self._validators: dict[int, Draft202012Validator] = {}
        self._declared: dict[int, dict[str, list[Any]] | None] = {}
        self._keep: list[Any] = []

    def examples(self) -> Iterator[Any]:
        """Yield the example answers; those of its schemas when it has none of its own."""
        return self.document._examples_in(self.spec)

    def excused(self, text: str) -> bool:
        """Say whether a violation is a known quirk of the document."""
        return _excused(self.document.name, self.id, text)

    # The request.

    def request_violations(self, recorded: Recorded, path: str, query: str) -> Iterator[str]:
        """Yield what is wrong with the path, the query and the body."""
        yield from self._path_violations(path)
        yield from self._query_violations(parse_qsl(query, keep_blank_values=True))
        body = self.document.follow(self.spec.get("requestBody"))
        if body is None:
            if recorded.request_body not in (b"", b"{}"):
                yield "body: the operation takes none"
            return
        if not recorded.request_body and not body.get("required"):
            schema = next(iter(body["content"].values())).get("schema", {})
            missing = self.document.follow(schema).get("required", [])
            yield from (f"body: {name} is required" for name in missing)
            return
        media = recorded.request_headers.get("content-type", "").partition(";")[0].strip()
        if media not in body["content"]:
            yield f"body: media type {media!r} is not one of {sorted(body['content'])}"
            return
        schema = body["content"][media]["schema"]
        if media == FORM:
            yield from self._form_violations(schema, recorded.request_body)
        else:
            yield from self._json_violations("body", schema, recorded.request_body)

    def _path_violations(self, path: str) -> Iterator[str]:
        names = re.findall(r"\{([^}]+)\}", self.template)
        values = re.fullmatch(re.sub(r"\\\{[^}]+\\\}", "([^/]+)", re.escape(self.template)), unquote(path))
        sent = dict(zip(names, values.groups() if values else (), strict=False))
        for parameter in self.parameters:
            if parameter["in"] == "path" and parameter["name"] in sent:
                value = self._coerced(parameter["schema"], sent[parameter["name"]])
                yield from self._schema_violations(f"path.{parameter['name']}", parameter["schema"], value)

    def _query_violations(self, pairs: list[tuple[str, str]]) -> Iterator[str]:
        known = {parameter["name"]: parameter for parameter in self.parameters if parameter["in"] == "query"}
        sent: dict[str, Any] = {}
        for name, value in pairs:
            keys = [name.partition("[")[0], *re.findall(r"\[([^\]]*)\]", name)]
            parameter = known.get(keys[0])
            if parameter is None or (len(keys) > 1) != (parameter.get("style") == "deepObject"):
                yield f"query.{name}: the operation has no such parameter"
            else:
                _fold(sent, keys, value)
        for name, value in sent.items():
            coerced = self._coerced(known[name]["schema"], value)
            yield from self._schema_violations(f"query.{name}", known[name]["schema"], coerced)
        yield from (
            f"query.{name}: required" for name, entry in known.items() if entry.get("required") and name not in sent
        )

    def _form_violations(self, schema: Any, body: bytes) -> Iterator[str]:
        schema = self.document.follow(schema)
        sent = dict(parse_qsl(body.decode(), keep_blank_values=True))
        yield from (
            f"form.{name}: {sent[name]!r}: no such field" for name in sent.keys() - schema.get("properties", {}).keys()
        )
        yield from (f"form.{name}: required" for name in schema.get("required", ()) if name not in sent)
        for name in sent.keys() & schema.get("properties", {}).keys():
            part = schema["properties"][name]
            yield from self._schema_violations(f"form.{name}", part, self._coerced(part, sent[name]))

    # The answer.

    def response_violations(self, recorded: Recorded) -> Iterator[str]:
        """Yield what is wrong with the status, the media type and the body of the answer."""
        responses = self.spec["responses"]
        response = responses.get(str(recorded.status))
        if response is None and recorded.status >= 400:
            response = responses.get("default")
        if response is None:
            if recorded.status < 400:
                yield f"response: the operation never answers {recorded.status}"
            return
        content = self.document.follow(response).get("content")
        if not content:
            if recorded.response_body and recorded.status < 400:
                yield "response: the operation answers with no body"
            return
        headers = {name.lower(): value for name, value in recorded.response_headers.items()}
        media = headers.get("content-type", "").partition(";")[0].strip()
        if media not in content:
            yield f"response: media type {media!r} is not one of {sorted(content)}"
        elif "schema" in content[media]:
            yield from self._json_violations("response", content[media]["schema"], recorded.response_body)

    # Both.

    def _json_violations(self, where: str, schema: Any, body: bytes) -> Iterator[str]:
        try:
            value = json.loads(body)
        except ValueError:
            yield f"{where}: not JSON"
            return
        yield from self._schema_violations(where, schema, value)

    def _schema_violations(self, where: str, schema: Any, value: Any) -> Iterator[str]:
        thin = _thinned(value)
        validator = self._validators.get(id(schema))
        if validator is None:
            self._keep.append(schema)
            validator = self._validators[id(schema)] = self.document.validator(schema)
        for error in validator.iter_errors(thin):
            place = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in error.absolute_path)
            yield f"{where}{place}: {error.instance!r:.200}: {error.validator} {error.validator_value!r:.200}"
        yield from self._unknown_keys(where, schema, thin)

    def _unknown_keys(self, where: str, schema: Any, value: Any) -> Iterator[str]:
        """Yield keys that the schema does not declare; a schema that says nothing of other keys means none."""
        if isinstance(value, list):
            items = self.document.follow(schema).get("items")
            for place, item in enumerate(value if items is not None else ()):
                yield from self._unknown_keys(f"{where}[{place}]", items, item)
        if not isinstance(value, dict):
            return
        declared = self._declared_in(schema)
        if declared is None:
            return
        for name, part in value.items():
            if name not in declared:
                yield f"{where}.{name}: {part!r:.80}: unknown key"
            elif len(declared[name]) == 1:
                yield from self._unknown_keys(f"{where}.{name}", declared[name][0], part)

    def _declared_in(self, schema: Any) -> dict[str, list[Any]] | None:
        """Return the properties that a schema declares, those of its parts included; None when it is open."""
        schema = self.document.follow(schema)
        if id(schema) in self._declared:
            return self._declared[id(schema)]
        found: dict[str, list[Any]] | None = None
        if "additionalProperties" not in schema:
            for part in (schema, *schema.get("allOf", ()), *schema.get("oneOf", ()), *schema.get("anyOf", ())):
                inner = (
                    {n: [s] for n, s in schema.get("properties", {}).items()}
                    if part is schema
                    else self._declared_in(part)
                )
                for name, schemas in (inner or {}).items():
                    found = found or {}
                    found.setdefault(name, []).extend(schemas)
        self._declared[id(schema)] = found
        return found

    def _coerced(self, schema: Any, value: Any) -> Any:
        """Read text from a query or form as the type that its schema names."""
        schema = self.document.follow(schema)
        if isinstance(value, dict):
            parts = schema.get("properties", {})
            return {name: self._coerced(parts.get(name, {}), part) for name, part in value.items()}
        if isinstance(value, list):
            return [self._coerced(schema.get("items", {}), part) for part in value]
        types = schema.get("type", "string")
        types = [types] if isinstance(types, str) else types
        if "integer" in types and re.fullmatch(r"-?\d+", value):
            return int(value)
        if "boolean" in types and value in ("true", "false"):
            return value == "true"
        return value


def _fold(into: dict[str, Any], keys: list[str], value: str) -> None:
    """Put ``a[b][c]=value`` into ``{"a": {"b": {"c": value}}}``; ``a[b][]=value`` makes a list."""
    for key in keys[:-2] if keys[-1] == "" else keys[:-1]:
        into = into.setdefault(key, {})
    if keys[-1] == "":
        into.setdefault(keys[-2], []).append(value)
    else:
        into[keys[-1]] = value


def _thinned(value: Any) -> Any:
    """Leave out records of a shape that came `SAME_SHAPE` times before in the same array."""
    if isinstance(value, dict):
        return {key: _thinned(part) for key, part in value.items()}
    if not isinstance(value, list) or len(value) <= SAME_SHAPE:
        return value
    seen: Counter[Any] = Counter()
    kept = []
    for item in value:
        shape = _shape(item)
        seen[shape] += 1
        if seen[shape] <= SAME_SHAPE:
            kept.append(item)
    return kept


def _shape(value: Any) -> Any:
    if isinstance(value, dict):
        return tuple((key, _shape(part)) for key, part in value.items())
    if isinstance(value, list):
        return tuple({_shape(item) for item in value})
    return type(value)
