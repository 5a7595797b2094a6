"""The sandbox over real sockets."""

import base64
import http.client
import json
import socket
import threading
import time
import urllib.error
import urllib.request
from statistics import median
from urllib.parse import urlsplit

import pytest

from voipkit.sandbox import Fault


@pytest.fixture
def auth(box):
    return {"Authorization": f"Bearer {box.telnyx.api_key}"}


@pytest.fixture
def connect(box):
    """Serve the box and open kept-alive connections to it."""
    opened = []

    def to(**options):
        serving = box.serve(**options)
        url = serving.__enter__()
        connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=5)
        opened.append((serving, connection))
        return connection

    yield to
    for serving, connection in opened:
        connection.close()
        serving.__exit__(None, None, None)


def balance(connection, auth):
    connection.request("GET", "/api.telnyx.com/v2/balance", headers=auth)
    response = connection.getresponse()
    return response, response.read()


def test_plain_http(box, auth):
    with box.serve() as url:
        assert url.startswith("http://127.0.0.1:")
        request = urllib.request.Request(f"{url}/api.telnyx.com/v2/balance", headers=auth)
        with urllib.request.urlopen(request, timeout=5) as answer:
            assert json.load(answer)["data"]["currency"] == "USD"
        with pytest.raises(urllib.error.HTTPError) as caught:
            urllib.request.urlopen(f"{url}/api.telnyx.com/v2/balance", timeout=5)
        caught.value.close()
        assert caught.value.code == 401
    assert [recorded.url for recorded in box.requests] == ["https://api.telnyx.com/v2/balance"] * 2


def test_a_kept_alive_connection_is_not_slowed_by_nagle(connect, auth):
    connection = connect()
    balance(connection, auth)
    took = []
    for _ in range(20):
        began = time.perf_counter()
        balance(connection, auth)
        took.append(time.perf_counter() - began)
    assert median(took) < 0.03  # Linux delays an acknowledgement by 40 ms, and Nagle would wait for it each time


def test_writes_with_a_body_and_answers_without(box, connect):
    connection, number, trunk = connect(), box.twilio.numbers[0], box.twilio.trunks[0]
    pair = f"{box.twilio.account.sid}:{box.twilio.account.auth_token}".encode()
    headers = {"Authorization": "Basic " + base64.b64encode(pair).decode()}
    form = {"Content-Type": "application/x-www-form-urlencoded", **headers}
    path = f"/trunking.twilio.com/v1/Trunks/{trunk.sid}/PhoneNumbers"
    connection.request("POST", path, f"PhoneNumberSid={number.sid}", form)
    response = connection.getresponse()
    response.read()
    assert (response.status, number.trunk_sid) == (201, trunk.sid)
    connection.request("DELETE", f"{path}/{number.sid}", headers=headers)
    response = connection.getresponse()
    assert (response.status, response.read(), number.trunk_sid) == (204, b"", None)
    assert response.headers["Content-Length"] is None


def test_latency(connect, auth):
    connection = connect(latency=0.1)
    started = time.perf_counter()
    balance(connection, auth)
    assert time.perf_counter() - started > 0.1


def test_a_timeout_ends_when_the_client_gives_up(box, connect, auth):
    connection = connect(patience=30)
    connection.timeout = 0.2
    box.fail("telnyx", "balance", Fault.timeout())
    with pytest.raises(TimeoutError):
        balance(connection, auth)
    connection.close()


def test_a_timeout_ends_when_patience_runs_out(box, connect, auth):
    connection = connect(patience=0.2)
    box.fail("telnyx", "balance", Fault.timeout())
    with pytest.raises(http.client.RemoteDisconnected):
        balance(connection, auth)


def test_a_reset_is_a_reset(box, connect, auth):
    connection = connect()
    box.fail("telnyx", "balance", Fault.reset())
    with pytest.raises(ConnectionResetError):
        balance(connection, auth)
    box.heal()
    connection.close()
    assert balance(connection, auth)[0].status == 200


def test_a_reset_in_the_middle_of_the_body(box, connect, auth):
    connection = connect()
    box.fail("telnyx", "balance", Fault.reset_mid_body())
    with pytest.raises((ConnectionResetError, http.client.IncompleteRead)):
        balance(connection, auth)


def test_a_slow_drip(box, connect, auth):
    connection = connect()
    box.fail("telnyx", "balance", Fault.slow_drip(0.002))
    started = time.perf_counter()
    _, body = balance(connection, auth)
    assert time.perf_counter() - started > 0.002 * len(body)
    assert json.loads(body)["data"]["currency"] == "USD"


def test_spoiled_bodies_have_an_honest_length(box, connect, auth):
    connection = connect()
    for fault in (Fault.truncated_json(), Fault.empty_body(), Fault.html()):
        box.heal()
        box.fail("telnyx", "balance", fault)
        response, body = balance(connection, auth)
        assert int(response.headers["Content-Length"]) == len(body)


def test_a_dead_host_is_a_dropped_connection(loose_box):
    with loose_box.serve() as url:
        connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=5)
        for host in ("api.ie1.twilio.com", "nobody.example.com"):
            connection.request("GET", f"/{host}/v1/Trunks")
            with pytest.raises(ConnectionResetError):
                connection.getresponse()
            connection.close()
    assert {recorded.operation for recorded in loose_box.requests} == {"unknown"}


def test_the_port_is_free_again_and_open_connections_end(box, auth):
    with box.serve() as url:
        connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=5)
        balance(connection, auth)
    assert connection.sock.recv(1) == b""
    connection.close()
    with box.serve(port=urlsplit(url).port) as again:
        assert again == url


def test_leaving_the_block_ends_a_slow_answer(box, auth):
    box.fail("telnyx", "balance", Fault.slow_drip(10))
    with box.serve() as url:
        connection = socket.create_connection(("127.0.0.1", urlsplit(url).port), timeout=5)
        connection.sendall(
            f"GET /api.telnyx.com/v2/balance HTTP/1.1\r\nAuthorization: {auth['Authorization']}\r\n\r\n".encode()
        )
        assert connection.recv(15) == b"HTTP/1.1 200 OK"
    connection.close()


def test_many_clients_at_once(box, auth):
    seen = []

    def ask():
        connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=10)
        for _ in range(5):
            seen.append(balance(connection, auth)[0].status)
        connection.close()

    with box.serve() as url:
        threads = [threading.Thread(target=ask) for _ in range(12)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert seen == [200] * 60


def test_a_client_that_dies_while_it_sends_has_sent_nothing(box, connect, auth):
    connection = connect()
    number = next(iter(box.telnyx.numbers))
    before = number.connection_id
    connection.putrequest("PATCH", f"/api.telnyx.com/v2/phone_numbers/{number.id}")
    for name, value in {**auth, "Content-Type": "application/json", "Content-Length": "100"}.items():
        connection.putheader(name, value)
    connection.endheaders(b'{"connection_id": "1"')
    connection.sock.shutdown(socket.SHUT_WR)

    assert connection.sock.recv(100) == b""
    assert number.connection_id == before
    assert box.requests == []
