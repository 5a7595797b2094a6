"""From an SDK's exceptions to ours, by rules that are data.

A carrier lists its rules once; each names an SDK's exception class by its dotted name, so that no SDK need be imported
to read them. `translating` wraps every SDK call::

    with translating("acme", "list_numbers", RULES, channel):
        page = client.numbers.page()

In a generator the ``with`` goes around each fetch, never around the ``yield``: an error on page 2 is then translated,
and an exception that the caller throws in is not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import quote

from voipkit.adapting.transport import Channel
from voipkit.errors import (
    Conflict,
    CredentialsRejected,
    InvalidRequest,
    NotFound,
    PermissionDenied,
    ProviderError,
    ProviderTimeout,
    ProviderUnavailable,
    RateLimited,
    UnexpectedResponse,
    VoipkitError,
)

__all__ = ["CodeRule", "Facts", "Rule", "Rules", "by_status", "rule_for", "translating"]

_LONGEST_WORDS = 500  # characters of a carrier's message that an error repeats
_PROXY_FIX = (
    "Check the address, user and password in HttpOptions(proxies=...) or VOIPKIT_PROXY (special characters "
    "percent-encoded), and ask whoever runs the proxy."
)
_REQUEST_ID_HEADERS = ("x-request-id", "twilio-request-id", "request-id", "x-amzn-requestid")


@dataclass(frozen=True, slots=True)
class Facts:
    """What a carrier's error answer says.

    Attributes:
        status: HTTP status, or None when there was no answer.
        code: The carrier's own code.
        message: The carrier's own words.
        error: What it is, where the exception tells more than the status: an SDK that wraps time-outs and lost
            connections in one class.
    """

    status: int | None = None
    code: str | None = None
    message: str | None = None
    error: type[ProviderError] | None = None


@dataclass(frozen=True, slots=True)
class Rule:
    """One SDK exception class, and what it becomes.

    Attributes:
        exception: Dotted name, such as ``telnyx.APITimeoutError``. Subclasses are covered too.
        error: The error to raise; None lets the HTTP status and the carrier's code decide.
        read: Reads the facts out of the exception; None where it holds none.
    """

    exception: str
    error: type[ProviderError] | None = None
    read: Callable[[BaseException], Facts] | None = None


@dataclass(frozen=True, slots=True)
class CodeRule:
    """What one of the carrier's own codes means, where that is more than its HTTP status says."""

    error: type[ProviderError] | None = None
    fix: str | None = None


@dataclass(frozen=True, slots=True)
class Rules:
    """A carrier's rules.

    Attributes:
        label: The carrier's name for people.
        exceptions: The SDK's exception classes, most special first.
        codes: The carrier's own codes.
        statuses: Fixes for an HTTP status that the carrier gives without a code of its own.
        docs_url: Page on a code, with ``{code}`` in it, or None.
    """

    label: str
    exceptions: tuple[Rule, ...]
    codes: Mapping[str, CodeRule] = field(default_factory=dict)
    statuses: Mapping[int, str] = field(default_factory=dict)
    docs_url: str | None = None


COMMON = (
    # What `voipkit.adapting.transport` raises through a requests session or an httpx client, what these raise
    # themselves, and what a body that is not JSON raises in any SDK. requests' own JSONDecodeError is a subclass of
    # both json's and its RequestException.
    Rule("json.decoder.JSONDecodeError", UnexpectedResponse),
    Rule("builtins.TimeoutError", ProviderTimeout),
    Rule("builtins.ConnectionError", ProviderUnavailable),
    Rule("requests.exceptions.ConnectTimeout", ProviderTimeout),  # a ConnectionError first, a Timeout second
    Rule("requests.exceptions.Timeout", ProviderTimeout),
    Rule("requests.exceptions.ConnectionError", ProviderUnavailable),
    Rule("requests.exceptions.RequestException", UnexpectedResponse),
    Rule("requests.cookies.CookieConflictError", UnexpectedResponse),
    Rule("httpx.TimeoutException", ProviderTimeout),
    Rule("httpx.TransportError", ProviderUnavailable),
    Rule("httpx.HTTPError", UnexpectedResponse),
    Rule("httpx.InvalidURL", UnexpectedResponse),
    Rule("httpx.CookieConflict", UnexpectedResponse),
    Rule("httpx.StreamError", UnexpectedResponse),
    Rule("builtins.UnicodeDecodeError", UnexpectedResponse),
)

_BY_STATUS: dict[int, type[ProviderError]] = {
    400: InvalidRequest,
    401: CredentialsRejected,
    402: PermissionDenied,
    403: PermissionDenied,
    404: NotFound,
    407: ProviderUnavailable,  # said by a proxy in between, not by the carrier
    408: ProviderTimeout,
    409: Conflict,
    410: NotFound,
    422: InvalidRequest,
    423: Conflict,
    429: RateLimited,
    451: PermissionDenied,
}

_WORDS: dict[type[ProviderError], tuple[str, str | None]] = {
    CredentialsRejected: (
        "{label} does not accept these credentials.",
        "Check that the key is whole and not revoked.",
    ),
    PermissionDenied: (
        "{label} accepts the key but does not let it do this.",
        "Give the key the permission, or use another key.",
    ),
    NotFound: (
        "{label} has no such object, or not for this key.",
        "Check the id, and that it belongs to this account.",
    ),
    Conflict: (
        "{label} refuses this while the object is in its present state.",
        "Look at the object in the carrier's console.",
    ),
    InvalidRequest: (
        "{label} refuses a value that it was sent.",
        "Look up the carrier's code, correct the value, and try again.",
    ),
    RateLimited: ("{label} was asked too often.", "Wait, or lower HttpOptions.rate or HttpOptions.concurrency."),
    ProviderUnavailable: ("{label} could not be asked.", "Try again; if it lasts, see the carrier's status page."),
    ProviderTimeout: (
        "{label} did not answer in time.",
        "Try again, or raise HttpOptions.timeout or HttpOptions.deadline.",
    ),
    UnexpectedResponse: (
        "{label} gave an answer that makes no sense.",
        "Try again; if it lasts, look for a proxy in between, and report it.",
    ),
}


def by_status(status: int | None) -> type[ProviderError]:
    """Return the error for an HTTP status; None means that there was no answer."""
    if status is None:
        return ProviderUnavailable
    if status >= 500:  # noqa: PLR2004
        return ProviderUnavailable
    if 400 <= status < 500:  # noqa: PLR2004
        return _BY_STATUS.get(status, InvalidRequest)
    return UnexpectedResponse


def rule_for(kind: type[BaseException], rules: Rules) -> Rule | None:
    """Return the rule that covers an exception class, or None; the nearest ancestor wins."""
    table = {rule.exception: rule for rule in (*COMMON, *rules.exceptions)}
    for ancestor in kind.__mro__:
        rule = table.get(f"{ancestor.__module__}.{ancestor.__qualname__}")
        if rule is not None:
            return rule
    return None


@contextmanager
def translating(provider: str, operation: str, rules: Rules, channel: Channel | None = None) -> Iterator[None]:
    """Turn whatever an SDK raises inside the block into a `ProviderError`.

    Args:
        provider: The carrier's id.
        operation: What voipkit is doing, such as ``list_numbers``.
        rules: The carrier's rules.
        channel: Where the request went, to find Retry-After and the request id that SDKs drop.

    Raises:
        ProviderError: With the SDK's exception as ``__cause__``. TypeError, AttributeError, KeyError and the like,
            which no rule names, become `UnexpectedResponse`: SDKs raise these on answers that they did not expect.
    """
    try:
        yield
    except ProviderError as error:
        error.provider, error.operation = error.provider or provider, error.operation or operation
        raise
    except (VoipkitError, NameError, AssertionError, ImportError):
        raise  # ours, or a mistake in the program that no answer can cause
    except Exception as error:
        raise _translated(error, provider, operation, rules, channel) from error


def _translated(
    error: Exception, provider: str, operation: str, rules: Rules, channel: Channel | None
) -> ProviderError:
    rule = rule_for(type(error), rules)
    facts = _read(rule, error)
    code_rule = rules.codes.get(facts.code or "", CodeRule())
    named = rule.error if rule else UnexpectedResponse
    kind = code_rule.error or facts.error or named or by_status(facts.status)
    said = _one_line(facts.message)
    words, fix = next(_WORDS[ancestor] for ancestor in (*kind.__mro__, UnexpectedResponse) if ancestor in _WORDS)
    message = words.format(label=rules.label)
    proxy_fault = channel.proxy_fault if channel and issubclass(kind, (ProviderUnavailable, ProviderTimeout)) else None
    if proxy_fault:
        return ProviderUnavailable(
            f"{rules.label} could not be asked: {proxy_fault}.", provider=provider, operation=operation, fix=_PROXY_FIX
        )
    reply = channel.last_reply if channel else None
    return kind(
        f"{message} It says: {said}" if said else message,
        provider=provider,
        operation=operation,
        status=facts.status,
        code=facts.code,
        retry_after=channel.retry_after(reply) if channel and reply and facts.status else None,
        request_id=_request_id(reply.headers) if reply and facts.status else None,
        docs_url=rules.docs_url.format(code=quote(facts.code, safe="")) if rules.docs_url and facts.code else None,
        fix=code_rule.fix or rules.statuses.get(facts.status or 0) or fix,
    )


def _read(rule: Rule | None, error: Exception) -> Facts:
    if rule is None:
        return Facts(message=f"the SDK stopped with {type(error).__name__}")
    if rule.read is None:
        return Facts()
    try:
        return rule.read(error)
    except Exception as unreadable:  # an answer so odd that not even its error can be read is still an answer
        return Facts(200, message=f"an error that cannot be read ({type(unreadable).__name__})")


def _one_line(words: object) -> str:
    """Bring a carrier's own words, which may be a whole page or hold control characters, into one short line."""
    text = "" if words is None else " ".join(str(words)[: 2 * _LONGEST_WORDS].split())
    text = "".join(sign if sign.isprintable() else "?" for sign in text)
    return text if len(text) <= _LONGEST_WORDS else f"{text[:_LONGEST_WORDS]}..."


def _request_id(headers: Mapping[str, str]) -> str | None:
    return next((headers[name] for name in _REQUEST_ID_HEADERS if name in headers), None)
