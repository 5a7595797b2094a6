"""What a user types in: credentials and SIP configuration, and the form that asks for them.

A carrier declares each field once, with `setting`; validation, JSON Schema, form fields, CLI help and docs all
come from that declaration. No SDK is needed for any of it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import UnionType
from typing import Any, Literal, NoReturn, Union, get_args, get_origin

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    Secret,
    SecretBytes,
    SecretStr,
    ValidationError,
    ValidationInfo,
    computed_field,
    field_validator,
    model_validator,
)
from pydantic.alias_generators import to_camel
from pydantic.fields import FieldInfo
from pydantic_core import InitErrorDetails, PydanticCustomError

from voipkit.models.base import Model
from voipkit.models.numbers import RouteKind
from voipkit.models.templates import FormTemplate

__all__ = ["FormField", "NoSettings", "ProviderInfo", "Settings", "SetupMethod", "setting"]

_META = "x-voipkit"
# What `_check_text` lets pass where a field has no pattern of its own; `$` alone would allow a last newline in Python.
_ORDINARY_TEXT = r"^[!-~](?:[ -~]*[!-~])?$(?!\n)"


def setting(
    label: str,
    *,
    help: str,  # noqa: A002 - the word that a form uses
    default: Any = ...,
    pattern: str | None = None,
    wants: str | None = None,
    mistaken: tuple[tuple[str, str], ...] = (),
    options: tuple[str, ...] = (),
    one_of: str | None = None,
    docs_url: str | None = None,
) -> Any:
    """Declare one field of a `Settings` model; everything a form needs is said here and nowhere else.

    Args:
        label: The field's name for people, as the carrier's console spells it.
        help: One sentence: what it is and where to find it.
        default: What an absent field becomes; required when left out. Never a secret.
        pattern: A regular expression that the whole text must match.
        wants: The pattern in words ("AC and 32 hexadecimal digits"); needed with ``pattern``.
        mistaken: Pairs of a pattern and what a text of that form really is, to name a swapped field.
        options: The only values allowed.
        one_of: Name of the alternative that the field belongs to; a form asks for one alternative.
        docs_url: The carrier's page about it.

    Returns:
        A pydantic field.
    """
    meta = {
        "label": label, "help": help, "pattern": pattern, "wants": wants, "mistaken": mistaken,
        "options": options, "one_of": one_of, "docs_url": docs_url,
    }  # fmt: skip
    return Field(default, title=label, description=help, json_schema_extra={_META: meta})  # type: ignore[dict-item]


class Settings(BaseModel):
    """Base of a carrier's credentials and SIP configuration models.

    Unknown fields are refused, errors never repeat a value, and the model cannot be pickled: a pickle would hold
    the secrets in plain text.
    """

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        alias_generator=to_camel,
        validate_by_name=True,
        validate_by_alias=True,
        hide_input_in_errors=True,
    )

    @model_validator(mode="before")
    @classmethod
    def _one_spelling(cls, given: Any) -> Any:
        """Refuse a field that is given in both spellings: pydantic would silently drop one of the values."""
        fields = cls.model_fields.items() if isinstance(given, Mapping) else ()
        text = "is given twice, as '{name}' and as '{alias}'; give it once."
        twice = [
            InitErrorDetails(
                type=PydanticCustomError("both_spellings", text, {"name": name, "alias": field.alias}),
                loc=(name,),
                input=None,
            )
            for name, field in fields
            if field.alias and field.alias != name and name in given and field.alias in given
        ]
        if twice:
            raise ValidationError.from_exception_data(cls.__name__, twice, hide_input=True)
        return given

    @field_validator("*", mode="before")
    @classmethod
    def _well_formed(cls, value: object, info: ValidationInfo) -> object:
        assert info.field_name is not None
        field = cls.model_fields[info.field_name]
        plain = value.get_secret_value() if isinstance(value, SecretStr | SecretBytes | Secret) else value
        if plain is None and not {None, type(None), Any}.intersection(_types(field)):
            instead = "it is required" if field.is_required() else "leave it out to take the default"
            raise PydanticCustomError("null", "is null; {instead}.", {"instead": instead})
        if _is_text(field) and plain is not None:
            _check_text(plain, _meta(field))
        return value if _is_secret(field) else plain

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        msg = f"{type(self).__name__} holds credentials and is not pickled; open the provider again where it is needed."
        raise TypeError(msg)


class NoSettings(Settings):
    """The SIP configuration of a carrier that takes none."""


class FormField(Model):
    """One field that a UI can draw.

    Attributes:
        name: snake_case name.
        alias: camelCase name; both are accepted.
        label: For people.
        type: How to draw it.
        required: Whether it may be left out.
        secret: Whether to mask it, and never to show it again.
        pattern: Regular expression for the whole text, or None.
        options: The only values allowed; empty when free.
        default: What an absent field becomes; never a secret.
        help: One sentence for people.
        docs_url: The carrier's page about it.
        one_of: Name of the alternative that the field belongs to, or None; ask for one alternative only.
    """

    name: str
    alias: str
    label: str
    type: Literal["text", "password", "select", "list", "boolean", "number"]
    required: bool
    secret: bool
    pattern: str | None
    options: tuple[str, ...]
    default: str | int | bool | tuple[str, ...] | None
    help: str
    docs_url: str | None
    one_of: str | None


class SetupMethod(Model):
    """One way to connect to a carrier, and what it asks for.

    Attributes:
        id: Such as ``api_key``.
        label: For people.
        credentials: The credentials model; not part of the dump.
        sip_config: The SIP configuration model; not part of the dump.
        templates: The form filled in beforehand, for services that are known; most carriers need none.
    """

    id: str
    label: str
    credentials: type[Settings] = Field(exclude=True, repr=False)
    sip_config: type[Settings] = Field(default=NoSettings, exclude=True, repr=False)
    templates: tuple[FormTemplate, ...] = ()

    @computed_field  # type: ignore[prop-decorator]
    @property
    def fields(self) -> tuple[FormField, ...]:
        """The credentials, field by field, in the order in which to ask."""
        return _form(self.credentials)

    @computed_field  # type: ignore[prop-decorator]
    @property
    def sip_fields(self) -> tuple[FormField, ...]:
        """The SIP configuration, field by field."""
        return _form(self.sip_config)

    @computed_field  # type: ignore[prop-decorator]
    @property
    def credential_schema(self) -> dict[str, Any]:
        """JSON Schema (2020-12, camelCase) of the credentials."""
        return _schema(self.credentials)

    @computed_field  # type: ignore[prop-decorator]
    @property
    def sip_schema(self) -> dict[str, Any]:
        """JSON Schema (2020-12, camelCase) of the SIP configuration."""
        return _schema(self.sip_config)


class ProviderInfo(Model):
    """What is known of a carrier without its SDK and without a request.

    Attributes:
        id: The name in the registry, such as ``telnyx``.
        label: The carrier's name for people.
        extra: What to install: ``pip install 'voipkit[<extra>]'``, or a distribution of its own.
        setup_methods: The ways to connect, the default one first.
        route_kinds: The kinds of `Route` that it takes.
        capabilities: What it can do beyond the five methods every carrier has; see `voipkit.protocols`.
        protocol: What it speaks. Where that is SIP there is no API to ask: numbers are those that the user declares,
            nothing is written upstream, and `HttpOptions.wire` and ``base_url`` keep its probes on this machine.
        docs_url: The carrier's own API documentation.
        distribution: The installed distribution it comes from; filled in by the registry.
        version: That distribution's version; filled in by the registry.
        broken: Why it could not be loaded, or None. A broken carrier has no set-up methods.
    """

    id: str
    label: str
    extra: str | None = None
    setup_methods: tuple[SetupMethod, ...] = ()
    route_kinds: tuple[RouteKind, ...] = ()
    capabilities: tuple[str, ...] = ()
    protocol: Literal["http", "sip"] = "http"
    docs_url: str = ""
    distribution: str | None = None
    version: str | None = None
    broken: str | None = None

    def setup_method(self, method_id: str | None = None) -> SetupMethod | None:
        """Return the set-up method of that id (the first one for None), or None when there is none."""
        return next((m for m in self.setup_methods if method_id in (None, m.id)), None)


def _meta(field: FieldInfo) -> dict[str, Any]:
    extra = field.json_schema_extra
    meta = extra.get(_META) if isinstance(extra, dict) else None
    return meta if isinstance(meta, dict) else {}


def _types(field: FieldInfo) -> tuple[Any, ...]:
    """The alternatives of a union, else the type itself; a tuple stays a tuple."""
    union = get_origin(field.annotation) in (Union, UnionType)
    return get_args(field.annotation) if union else (field.annotation,)


def _is_secret(field: FieldInfo) -> bool:
    return SecretStr in _types(field)


def _is_text(field: FieldInfo) -> bool:
    return _is_secret(field) or str in _types(field)


def _check_text(value: object, meta: dict[str, Any]) -> None:
    """Refuse what no carrier ever issues, without repeating it: a value may be a secret."""
    wants = meta.get("wants") or "printable ASCII text"
    if not isinstance(value, str):
        raise PydanticCustomError("not_text", "is not text; it wants {wants}.", {"wants": wants})
    if not value.strip():
        raise PydanticCustomError("empty", "is empty; it wants {wants}.", {"wants": wants})
    if not value.isascii() or not value.isprintable() or value != value.strip():
        raise PydanticCustomError(
            "stray_characters",
            "has a space or newline at an end, or a character that is not printable ASCII; it wants {wants}.",
            {"wants": wants},
        )
    if meta.get("options") and value not in meta["options"]:
        for form, truth in meta.get("mistaken") or ():
            if re.fullmatch(form, value):
                raise PydanticCustomError("mistaken", "{truth}", {"truth": truth})
        raise PydanticCustomError("option", "must be one of {options}.", {"options": ", ".join(meta["options"])})
    if meta.get("pattern") and not re.fullmatch(meta["pattern"], value):
        truth = next((truth for form, truth in meta.get("mistaken") or () if re.fullmatch(form, value)), None)
        if truth:
            raise PydanticCustomError("mistaken", "{truth}", {"truth": truth})
        raise PydanticCustomError("pattern", "has the wrong form; it wants {wants}.", {"wants": wants})


def _form(model: type[Settings]) -> tuple[FormField, ...]:
    fields = []
    for name, field in model.model_fields.items():
        meta = _meta(field)
        secret = _is_secret(field)
        fields.append(
            FormField(
                name=name,
                alias=field.alias or name,
                label=meta.get("label") or name,
                type=_draw_as(field, meta),
                required=field.is_required(),
                secret=secret,
                pattern=meta.get("pattern"),
                options=tuple(meta.get("options") or ()),
                default=None if secret or field.is_required() else field.get_default(call_default_factory=True),
                help=meta.get("help") or "",
                docs_url=meta.get("docs_url"),
                one_of=meta.get("one_of"),
            )
        )
    return tuple(fields)


def _draw_as(
    field: FieldInfo, meta: dict[str, Any]
) -> Literal["text", "password", "select", "list", "boolean", "number"]:
    if _is_secret(field):
        return "password"
    if meta.get("options"):
        return "select"
    types = _types(field)
    if bool in types:
        return "boolean"
    if int in types:
        return "number"
    return "text" if str in types else "list"


def _schema(model: type[Settings]) -> dict[str, Any]:
    """JSON Schema of a settings model: it accepts what the model accepts, as far as single fields go."""
    schema = model.model_json_schema(by_alias=True)
    alternatives: dict[str, list[str]] = {}
    for name, field in model.model_fields.items():
        meta = _meta(field)
        alias = field.alias or name
        prop = schema["properties"][alias]
        prop.pop(_META, None)
        if meta.get("pattern"):
            prop["pattern"] = f"^(?:{meta['pattern']})$"
        if meta.get("options"):
            prop["enum"] = [*meta["options"], *([None] if type(None) in _types(field) else [])]
        elif _is_text(field):
            prop["allOf"] = [{"pattern": _ORDINARY_TEXT}]
        if meta.get("one_of"):
            alternatives.setdefault(meta["one_of"], []).append(alias)
    if alternatives:
        schema["oneOf"] = [_alternative(name, alternatives) for name in alternatives]
    return schema


def _alternative(chosen: str, alternatives: Mapping[str, list[str]]) -> dict[str, Any]:
    """Ask for every field of one alternative, and for none of the others; null counts as left out."""
    others = [alias for name, aliases in alternatives.items() if name != chosen for alias in aliases]
    asked = {alias: {"not": {"type": "null"}} for alias in alternatives[chosen]}
    return {"required": alternatives[chosen], "properties": asked | {alias: {"type": "null"} for alias in others}}
