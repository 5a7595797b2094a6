"""The one way out: what reaches the wire, what does not, and that every wait ends."""

from __future__ import annotations

import base64
import datetime
import gzip
import json
import logging
import socket
import threading
import time
import traceback
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import httpx
import pytest
import requests
from pydantic import SecretStr

from tests.adapting.server import localhost_context, reply, serving
from voipkit.adapting.transport import (
    PLACEHOLDER,
    HttpOptions,
    Reply,
    Unanswered,
    basic,
    bearer,
    httpx_client,
    open_channel,
    own_headers,
    requests_session,
)
from voipkit.errors import ConfigurationError, MissingExtra, ProviderUnavailable

SECRET = "s3cr3t-canary-0123456789"
URL = "https://api.acme.example/v1/things"


def channel(**options):
    return open_channel(
        "acme",
        HttpOptions(**options),
        bearer(SecretStr(SECRET)),
        hosts=("api.acme.example", "localhost"),
        sdk="acme",
        conceal=("auth_token",),
        wait_headers=("retry-after", "x-ratelimit-reset"),
    )


@pytest.fixture
def open_to():
    """Open channels that are closed at the end."""
    opened = []

    def make(**options):
        opened.append(channel(**options))
        return opened[-1]

    yield make
    for each in opened:
        each.close()


# --- what reaches the wire -------------------------------------------------------------------------------------------


def test_base_url_sends_to_host_and_path_below_it(open_to):
    with serving(lambda h, n: reply(h)) as (url, seen):
        open_to(base_url=url + "/sandbox").exchange("GET", URL + "?a=1&b=%2B", {}, b"")

    assert seen.requests[0][:2] == ("GET", "/sandbox/api.acme.example/v1/things?a=1&b=%2B")


def test_wire_gets_the_real_url_the_secret_and_the_body(open_to):
    calls = []

    def wire(method, url, headers, body):
        calls.append((method, url, dict(headers), body))
        return 201, {"X-Kept": "yes"}, b"made"

    got = open_to(wire=wire).exchange("POST", URL, {"Content-Type": "text/plain"}, b"hello")

    assert got == Reply(201, {"x-kept": "yes"}, b"made")
    method, url, headers, body = calls[0]
    assert (method, url, body) == ("POST", URL, b"hello")
    assert headers["authorization"] == f"Bearer {SECRET}"
    assert headers["content-type"] == "text/plain"


@pytest.mark.parametrize("shell", ["requests", "httpx"])
def test_environment_and_netrc_never_reach_a_request(shell, open_to, monkeypatch, tmp_path):
    """Every variable that requests, httpx and OpenSSL read, and a ~/.netrc for the very host."""
    netrc = tmp_path / ".netrc"
    netrc.write_text("default login stolen password stolen-password\nmachine 127.0.0.1 login a password b\n")
    netrc.chmod(0o600)
    keylog = tmp_path / "keys.log"
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR"):
        monkeypatch.setenv(name, str(tmp_path / "no-such-bundle"))
    monkeypatch.setenv("SSLKEYLOGFILE", str(keylog))
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("HOME", str(tmp_path))

    with serving(lambda h, n: reply(h)) as (url, seen):
        ours = open_to(base_url=url)
        if shell == "requests":
            answer = requests_session(ours).get(URL, auth=("user", PLACEHOLDER), headers={"X-Env": "leak"})
        else:
            answer = httpx_client(ours).get(URL, headers={"X-Env": "leak", "Authorization": "Bearer other"})

    assert answer.status_code == 200
    (_, _, headers, _) = seen.requests[0]
    assert headers["authorization"] == f"Bearer {SECRET}"
    assert set(headers) == {"host", "accept", "accept-encoding", "authorization", "user-agent"}
    assert not keylog.exists()


def test_user_agent_names_application_library_and_sdk(open_to):
    with serving(lambda h, n: reply(h)) as (url, seen):
        open_to(base_url=url, user_agent="shop/7").exchange("GET", URL, {"user-agent": "SDK/1"}, b"")

    assert seen.requests[0][2]["user-agent"].startswith("shop/7 voipkit/0.")


@pytest.mark.parametrize(
    "url", ["https://evil.example/", "http://api.acme.example/", "https://api.acme.example.evil.example/", "https:///x"]
)
def test_other_hosts_and_plain_http_are_refused(url, open_to):
    asked = []
    got = open_to(wire=lambda *a: asked.append(a) or (200, {}, b"")).exchange("GET", url, {}, b"")

    assert isinstance(got, Unanswered)
    assert got.kind == "refused"
    assert asked == []


def test_redirect_is_never_followed(open_to):
    """A redirect would carry the key to another host."""
    asked = []

    def wire(method, url, headers, body):
        asked.append(url)
        return 302, {"Location": "https://api.acme.example/elsewhere"}, b""

    ours = open_to(wire=wire)
    with_httpx = httpx_client(ours).get(URL, follow_redirects=True)
    with_requests = requests_session(ours).get(URL, allow_redirects=True)

    assert (with_httpx.status_code, with_requests.status_code) == (302, 302)
    assert asked == [URL, URL]


def test_proxy_is_used_when_asked_for(open_to):
    with serving(lambda h, n: reply(h)) as (proxy, seen):
        ours = open_to(base_url="http://127.0.0.1:9", proxies=proxy.replace("//", "//user:pw@"))
        got = ours.exchange("GET", URL, {}, b"")

    assert isinstance(got, Reply)
    method, target, headers, _ = seen.requests[0]
    assert target == "http://127.0.0.1:9/api.acme.example/v1/things"
    assert headers["proxy-authorization"] == "Basic " + base64.b64encode(b"user:pw").decode()


def test_user_and_password_of_a_proxy_are_percent_decoded(open_to):
    with serving(lambda h, n: reply(h)) as (proxy, seen):
        ours = open_to(base_url="http://127.0.0.1:9", proxies=proxy.replace("//", "//us%40er:p%40ss%3Aw%C3%BC@"))
        ours.exchange("GET", URL, {}, b"")

    assert seen.requests[0][2]["proxy-authorization"] == "Basic " + base64.b64encode("us@er:p@ss:wü".encode()).decode()


def test_a_proxy_may_have_an_ipv6_address(open_to, monkeypatch):
    """On a machine without IPv6 too: what is dialled is led to a proxy on IPv4."""
    dialled, dial = [], socket.create_connection

    def led(address, *arguments, **options):
        dialled.append(address)
        return dial(("127.0.0.1", address[1]), *arguments, **options)

    monkeypatch.setattr(socket, "create_connection", led)
    with serving(lambda h, n: reply(h)) as (proxy, seen):
        port = urlsplit(proxy).port
        open_to(base_url="http://127.0.0.1:9", proxies=f"http://[::1]:{port}").exchange("GET", URL, {}, b"")

    assert dialled == [("::1", port)]
    assert len(seen.requests) == 1


@pytest.mark.parametrize("carrier", ["twilio", "telnyx", "signalwire", "vonage", "plivo", "vobiz", "cloudonix"])
@pytest.mark.parametrize("status", [407, 502, None])
def test_what_a_proxy_does_is_never_laid_to_the_carrier(carrier, status, opened):
    """407 and 502 are its answers to CONNECT; None is a proxy that is not there."""
    with serving(lambda h, n: reply(h, status, b"<html>pr0xy-canary</html>")) as (proxy, seen):
        url = proxy if status else "http://127.0.0.1:1"
        proxied = url.replace("//", "//user:pr0xy-canary@")
        ours = opened(carrier, wire=None, proxies=proxied, deadline=5)
        with pytest.raises(ProviderUnavailable) as caught:
            list(ours.list_numbers())

    error = caught.value
    assert "the proxy" in error.message
    assert str(status or "not reached") in error.message
    assert "HttpOptions(proxies=...)" in error.fix
    assert "VOIPKIT_PROXY" in error.fix
    assert "pr0xy-canary" not in "".join(traceback.format_exception(error))
    assert len(seen.requests) == {407: 1, 502: 3, None: 0}[status]  # a refused password is not tried again


def test_a_proxy_that_refuses_a_plain_request_is_named_too(open_to):
    with serving(lambda h, n: reply(h, 407)) as (proxy, seen):
        got = open_to(base_url="http://127.0.0.1:9", proxies=proxy).exchange("GET", URL, {}, b"")

    assert isinstance(got, Unanswered)
    assert got.proxy
    assert len(seen.requests) == 1


def test_a_proxied_carrier_that_fails_is_not_the_proxys_fault(open_to):
    with serving(lambda h, n: reply(h, 503)) as (proxy, _):
        got = open_to(base_url="http://127.0.0.1:9", proxies=proxy, retries=0).exchange("GET", URL, {}, b"")

    assert isinstance(got, Reply)


# --- secrets ---------------------------------------------------------------------------------------------------------


def test_answers_never_repeat_the_secret(open_to):
    token = base64.b64encode(SECRET.encode()).decode()
    body = f'{{"echo": "{SECRET}", "b64": "{token}", "auth_token": "other-secret", "kept": 1}}'.encode()
    got = open_to(wire=lambda *a: (400, {"X-Echo": f"Bearer {SECRET}"}, body)).exchange("GET", URL, {}, b"")

    assert isinstance(got, Reply)
    shown = got.body.decode() + str(got.headers)
    assert SECRET not in shown
    assert token.rstrip("=") not in shown
    assert "other-secret" not in shown
    assert '"kept": 1' in shown


def test_basic_token_is_blanked_too(open_to):
    header = "Basic " + base64.b64encode(f"AC1:{SECRET}".encode()).decode()
    ours = open_channel(
        "acme",
        HttpOptions(wire=lambda m, u, h, b: (500, {}, h["authorization"].encode())),
        basic("AC1", SecretStr(SECRET)),
        hosts=("api.acme.example",),
        sdk="acme",
    )
    got = ours.exchange("POST", URL, {}, b"")

    assert isinstance(got, Reply)
    assert header.split()[1].encode() not in got.body


def test_headers_of_the_carriers_own_are_set_and_blanked():
    def wire(method, url, headers, body):
        return 200, {}, repr(dict(headers)).encode()

    ours = open_channel(
        "acme",
        HttpOptions(wire=wire),
        own_headers({"X-Auth-ID": "MA1"}, {"X-Auth-Token": SecretStr(SECRET)}),
        hosts=("api.acme.example",),
        sdk="acme",
    )
    got = ours.exchange("GET", URL, {"X-Auth-Token": PLACEHOLDER}, b"")

    assert isinstance(got, Reply)
    assert b"'x-auth-id': 'MA1'" in got.body
    assert b"'x-auth-token': '**********'" in got.body
    assert b"authorization" not in got.body


@pytest.mark.parametrize("raised", [TimeoutError, ConnectionResetError, RuntimeError])
def test_no_log_and_no_traceback_with_locals_holds_the_secret(raised, open_to, caplog):
    def wire(method, url, headers, body):
        raise raised(str(headers))

    caplog.set_level(logging.DEBUG)
    with pytest.raises(httpx.TransportError) as caught:
        httpx_client(open_to(wire=wire, retries=0)).get(URL)

    chain = "".join(traceback.TracebackException.from_exception(caught.value, capture_locals=True).format())
    assert SECRET not in chain
    assert SECRET not in caplog.text


def test_interrupt_leaves_without_the_frames_that_hold_the_secret(open_to):
    def wire(method, url, headers, body):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt) as caught:
        open_to(wire=wire).exchange("GET", URL, {}, b"")

    chain = "".join(traceback.TracebackException.from_exception(caught.value, capture_locals=True).format())
    assert SECRET not in chain
    assert "in wire" not in chain


def test_options_do_not_show_a_proxy_password():
    assert "hunter2" not in repr(HttpOptions(proxies="http://u:hunter2@proxy.example:3128"))


# --- time ------------------------------------------------------------------------------------------------------------


def took(work):
    began = time.monotonic()
    got = work()
    return got, time.monotonic() - began


def test_silence_ends_at_the_read_timeout(open_to):
    with serving(lambda h, n: time.sleep(5)) as (url, seen):
        ours = open_to(base_url=url, timeout=(1, 0.2), retries=0)
        got, seconds = took(lambda: ours.exchange("GET", URL, {}, b""))

    assert got == Unanswered("timeout", "no answer in time")
    assert seconds < 2


@pytest.mark.parametrize("part", ["headers", "body"])
def test_slow_drip_ends_at_the_deadline(part, open_to):
    """Every byte arrives within the read timeout, so only the deadline can end it."""

    def drip(handler, n):
        head = b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n"
        handler.wfile.write(head + (b"x-slow: " if part == "headers" else b"\r\n"))
        for _ in range(100):
            handler.wfile.write(b"a")
            time.sleep(0.05)

    with serving(drip) as (url, _):
        ours = open_to(base_url=url, timeout=(1, 1), deadline=0.4, retries=0)
        got, seconds = took(lambda: ours.exchange("GET", URL, {}, b""))

    assert isinstance(got, Unanswered)
    assert got.kind == "timeout"
    assert seconds < 2


@pytest.mark.parametrize("method", ["POST", "PATCH"])
@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_write_is_sent_once(method, status, open_to):
    with serving(lambda h, n: reply(h, status, headers={"retry-after": "0"})) as (url, seen):
        open_to(base_url=url, retries=3).exchange(method, URL, {}, b"x")

    assert len(seen.requests) == 1


def test_a_write_is_sent_once_when_its_answer_is_lost(open_to):
    def drop(handler, n):
        handler.connection.shutdown(socket.SHUT_RDWR)

    with serving(drop) as (url, seen):
        got = open_to(base_url=url, retries=3).exchange("POST", URL, {}, b"x")

    assert isinstance(got, Unanswered)
    assert got.kind == "unreachable"
    assert len(seen.requests) == 1


@pytest.mark.parametrize(("repeated", "times"), [({"GET"}, 1), ({"GET", "PUT"}, 4)])
def test_a_carrier_may_take_put_for_a_write(repeated, times):
    with serving(lambda h, n: reply(h, 503, headers={"retry-after": "0"})) as (url, seen):
        options = HttpOptions(base_url=url, retries=3)
        hosts = ("api.acme.example",)
        opened = open_channel("acme", options, bearer(SecretStr(SECRET)), hosts=hosts, sdk="acme", repeated=repeated)
        opened.exchange("PUT", URL, {}, b"x")
        opened.close()

    assert len(seen.requests) == times


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_a_read_is_repeated(status, open_to):
    with serving(lambda h, n: reply(h, status if n < 3 else 200)) as (url, seen):
        ours = open_to(base_url=url, retries=2)
        got = ours.exchange("GET", URL, {}, b"")

    assert isinstance(got, Reply)
    assert got.status == 200
    assert len(seen.requests) == 3
    assert ours.request_count == 3


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 422])
def test_a_refusal_is_not_repeated(status, open_to):
    with serving(lambda h, n: reply(h, status)) as (url, seen):
        open_to(base_url=url, retries=2).exchange("GET", URL, {}, b"")

    assert len(seen.requests) == 1


@pytest.mark.parametrize("name", ["retry-after", "x-ratelimit-reset"])
def test_retry_after_is_waited_for(name, open_to):
    with serving(lambda h, n: reply(h, 429 if n == 1 else 200, headers={name: "1"})) as (url, seen):
        got, seconds = took(lambda: open_to(base_url=url).exchange("GET", URL, {}, b""))

    assert isinstance(got, Reply)
    assert got.status == 200
    assert seconds >= 1


def test_retry_after_beyond_the_cap_is_told_not_waited_for(open_to):
    with serving(lambda h, n: reply(h, 429, headers={"retry-after": "3600"})) as (url, seen):
        ours = open_to(base_url=url, retry_after_cap=2)
        got, seconds = took(lambda: ours.exchange("GET", URL, {}, b""))

    assert isinstance(got, Reply)
    assert ours.retry_after(got) == 3600
    assert len(seen.requests) == 1
    assert seconds < 1


def test_retry_after_may_be_a_date(open_to):
    soon = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=90)
    reply_ = Reply(429, {"retry-after": soon.strftime("%a, %d %b %Y %H:%M:%S GMT")}, b"")

    assert 80 < open_to().retry_after(reply_) <= 90


@pytest.mark.parametrize(
    "nonsense",
    ["soon", "inf", "nan", "1e999", "Mon, 01 Jan 99999999999999999999 00:00:00 GMT", "Mon, 01 Jan 2026 99:00:00 GMT"],
)
def test_retry_after_that_makes_no_sense_counts_as_absent(nonsense, open_to):
    assert open_to().retry_after(Reply(429, {"retry-after": nonsense}, b"")) is None


@pytest.mark.parametrize(
    ("sent", "read"),
    [
        (rb'"Reception \ud83d"', "Reception \ufffd"),
        (rb'"\ude00\ud83d\uDE00\uD83D"', "\ufffd\U0001f600\ufffd"),
        (rb'"\\ud83d \\\ud83d"', "\\ud83d \\\ufffd"),
        (b'"\xed\xa0\xbd \xed\x95\x9c"', "\ufffd 한"),
        (rb'"caf\u00e9"', "café"),
        (rb'"a\u0000b"', "a\ufffdb"),
        (rb'"a\\u0000b"', r"a\u0000b"),
    ],
)
def test_half_a_character_does_not_get_in(sent, read, open_to):
    """A name that a carrier cut within an emoji would fail wherever it is printed, stored or sent on."""
    got = open_to(wire=lambda *_: (200, {"content-type": "application/json"}, sent)).exchange("GET", URL, {}, b"")

    assert json.loads(got.body) == read


def test_a_429_holds_back_everybody_with_that_credential(open_to):
    """Two opened accounts of one credential share the throttle."""
    with serving(lambda h, n: reply(h, 429 if n == 1 else 200, headers={"retry-after": "1"})) as (url, _):
        first, second = open_to(base_url=url, retries=0), open_to(base_url=url, retries=0)
        first.exchange("GET", URL, {}, b"")
        _, seconds = took(lambda: second.exchange("GET", URL, {}, b""))

    assert 0.9 <= seconds < 3


def test_no_more_requests_in_flight_than_allowed(open_to):
    def slow(handler, n):
        time.sleep(0.05)
        reply(handler)

    with serving(slow) as (url, seen), ThreadPoolExecutor(12) as pool:
        channels = [open_to(base_url=url, concurrency=3) for _ in range(2)]
        list(pool.map(lambda n: channels[n % 2].exchange("GET", URL, {}, b""), range(24)))

    assert seen.most_in_flight == 3


def test_rate_spreads_requests(open_to):
    ours = open_to(wire=lambda *a: (200, {}, b""), rate=20)
    _, seconds = took(lambda: [ours.exchange("GET", URL, {}, b"") for _ in range(5)])

    assert seconds >= 4 / 20


def test_waiting_for_the_throttle_ends_at_the_deadline(open_to):
    ours = open_to(wire=lambda *a: (429, {"retry-after": "20"}, b""), retries=0, deadline=0.3)
    ours.exchange("GET", URL, {}, b"")
    got, seconds = took(lambda: ours.exchange("GET", URL, {}, b""))

    assert isinstance(got, Unanswered)
    assert got.kind == "timeout"
    assert seconds < 2


# --- answers ---------------------------------------------------------------------------------------------------------


def test_reset_in_mid_body_is_no_answer(open_to):
    def cut(handler, n):
        handler.wfile.write(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n{")
        handler.close_connection = True

    with serving(cut) as (url, _):
        got = open_to(base_url=url, retries=0).exchange("GET", URL, {}, b"")

    assert isinstance(got, Unanswered)
    assert got.kind == "unreachable"


def test_nobody_listens(open_to):
    with socket.socket() as placeholder:
        placeholder.bind(("127.0.0.1", 0))
        port = placeholder.getsockname()[1]
    got = open_to(base_url=f"http://127.0.0.1:{port}", retries=0).exchange("GET", URL, {}, b"")

    assert isinstance(got, Unanswered)
    assert got.kind == "unreachable"


def test_gzip_is_unpacked_and_a_broken_one_is_no_answer(open_to):
    packed = gzip.compress(b'{"a": 1}')
    good = open_to(wire=lambda *a: (200, {"Content-Encoding": "gzip"}, packed)).exchange("GET", URL, {}, b"")
    bad = open_to(wire=lambda *a: (200, {"Content-Encoding": "gzip"}, b"nonsense"), retries=0)

    assert isinstance(good, Reply)
    assert good.body == b'{"a": 1}'
    assert isinstance(bad.exchange("GET", URL, {}, b""), Unanswered)


def test_a_gzip_bomb_is_no_answer(open_to, monkeypatch):
    monkeypatch.setattr("voipkit.adapting.network.MAX_BODY", 1000)
    bomb = gzip.compress(b"0" * 5000)
    got = open_to(wire=lambda *a: (200, {"content-encoding": "gzip"}, bomb), retries=0).exchange("GET", URL, {}, b"")

    assert isinstance(got, Unanswered)


@pytest.mark.parametrize("shell", [requests_session, httpx_client])
def test_shells_give_status_headers_and_body(shell, open_to):
    client = shell(open_to(wire=lambda m, u, h, b: (418, {"X-A": "1"}, b"tea: " + b)))
    answer = client.post(URL, data={"k": "v w"})

    assert (answer.status_code, answer.headers["x-a"], answer.text) == (418, "1", "tea: k=v+w")


def test_shells_raise_what_their_sdk_expects(open_to):
    def wire(*_):
        raise TimeoutError

    ours = open_to(wire=wire, retries=0)
    with pytest.raises(requests.ReadTimeout):
        requests_session(ours).get(URL)
    with pytest.raises(httpx.ReadTimeout):
        httpx_client(ours).get(URL)


def test_last_reply_is_kept_for_each_thread(open_to):
    ours = open_to(wire=lambda m, u, h, b: (200, {"x-n": u.rpartition("/")[2]}, b""))

    def ask(number):
        ours.exchange("GET", f"{URL}/{number}", {}, b"")
        time.sleep(0.001)
        return ours.last_reply.headers["x-n"]

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(ask, range(64))) == [str(n) for n in range(64)]


# --- TLS -------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def localhost_tls(tmp_path_factory):
    """A server context for localhost, and the file of the authority that vouches for it."""
    return localhost_context(tmp_path_factory.mktemp("tls"))


def test_a_certificate_is_checked_and_a_bundle_of_ones_own_is_trusted(localhost_tls, open_to, monkeypatch, tmp_path):
    context, pem = localhost_tls
    monkeypatch.setenv("SSL_CERT_FILE", str(pem))
    monkeypatch.setenv("SSLKEYLOGFILE", str(tmp_path / "keys"))
    with serving(lambda h, n: reply(h), context) as (url, _):
        trusted = open_to(ca_bundle=pem, retries=0).exchange("GET", url + "/x", {}, b"")
        stranger = open_to(retries=0).exchange("GET", url + "/x", {}, b"")

    assert isinstance(trusted, Reply)
    assert isinstance(stranger, Unanswered)
    assert not (tmp_path / "keys").exists()


def test_a_bundle_that_cannot_be_read_is_a_configuration_error(tmp_path):
    broken = tmp_path / "broken.pem"
    broken.write_text("not a certificate")
    for path in (tmp_path / "absent.pem", broken):
        with pytest.raises(ConfigurationError, match="ca_bundle"):
            HttpOptions(ca_bundle=path)


@pytest.mark.parametrize(
    "bad",
    [
        {"timeout": 5},
        {"timeout": (1,)},
        {"timeout": (0, 1)},
        {"timeout": (1, "2")},
        {"deadline": 0},
        {"deadline": "60"},
        {"deadline": float("nan")},
        {"deadline": float("inf")},
        {"concurrency": 0},
        {"concurrency": True},
        {"rate": 0},
        {"rate": -1},
        {"retries": -1},
        {"retries": 1.5},
        {"retry_after_cap": -1},
        {"user_agent": "shop\r\nX-Evil: 1"},
        {"user_agent": ""},
        {"base_url": "ftp://x"},
        {"base_url": "http://"},
        {"base_url": "http://host/\nx"},
        {"proxies": "proxy:1"},
        {"proxies": {"https": "socks5://x"}},
    ],
    ids=str,
)
def test_nonsense_options_are_refused(bad):
    with pytest.raises(ConfigurationError, match=f"HttpOptions.{next(iter(bad))}"):
        HttpOptions(**bad)


def test_missing_engine_says_what_to_install(monkeypatch):
    """Not an extra of voipkit's: a stranger's carrier has none here."""
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(MissingExtra, match="pip install httpcore"):
        channel()


def test_close_leaves_no_socket_and_twice_is_fine(open_to):
    with serving(lambda h, n: reply(h)) as (url, _):
        ours = open_to(base_url=url)
        threads = threading.active_count()
        ours.exchange("GET", URL, {}, b"")
        ours.close()
        ours.close()

        assert threading.active_count() <= threads + 1  # the server's own
