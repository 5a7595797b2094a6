"""A sandbox whose every exchange is checked against the carriers' documents when the test is over."""

import base64
import json
from urllib.parse import urlencode

import pytest

from tests.openapi import Documents, validate_exchange
from voipkit.sandbox import Sandbox


class Caller:
    """Talk to a sandbox in process, as a program with no SDK would."""

    def __init__(self, box):
        self.box = box

    def twilio(self, method, url, form=None, *, user=None, secret=None):
        account = self.box.twilio.account
        pair = f"{user or account.sid}:{secret or account.auth_token}"
        headers = {"Authorization": "Basic " + base64.b64encode(pair.encode()).decode()}
        if form is not None:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        if not url.startswith("https:"):
            url = f"https://api.twilio.com/2010-04-01/Accounts/{account.sid}{url}"
        return self._send(method, url, headers, form.encode() if form is not None else None)

    def telnyx(self, method, path, body=None, *, key=None):
        headers = {"Authorization": f"Bearer {key or self.box.telnyx.api_key}"}
        raw = None
        if body is not None:
            headers["Content-Type"] = "application/json"
            raw = json.dumps(body).encode()
        url = path if path.startswith("https:") else f"https://api.telnyx.com/v2{path}"
        return self._send(method, url, headers, raw)

    def signalwire(self, method, path, body=None, *, token=None, host=None):
        pair = f"{self.box.signalwire.project_id}:{token or self.box.signalwire.api_token}"
        headers = {"Authorization": "Basic " + base64.b64encode(pair.encode()).decode()}
        raw = None
        if body is not None:
            headers["Content-Type"] = "application/json"
            raw = json.dumps(body).encode()
        url = path if path.startswith("https:") else f"https://{host or self.box.signalwire.host}/api/{path}"
        return self._send(method, url, headers, raw)

    def vonage(self, method, path, form=None, body=None, *, secret=None):
        pair = f"{self.box.vonage.api_key}:{secret or self.box.vonage.api_secret}"
        headers = {"Authorization": "Basic " + base64.b64encode(pair.encode()).decode()}
        raw = None
        if form is not None:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
            raw = urlencode(form).encode()
        if body is not None:
            headers["Content-Type"] = "application/json"
            raw = json.dumps(body).encode()
        host = "api.nexmo.com" if path.startswith(("/v2/", "/accounts/")) else "rest.nexmo.com"
        return self._send(method, f"https://{host}{path}", headers, raw)

    def cloudonix(self, method, path="", body=None, *, key=None):
        headers = {"Authorization": f"Bearer {key or self.box.cloudonix.api_key}"}
        raw = None
        if body is not None:
            headers["Content-Type"] = "application/json"
            raw = json.dumps(body).encode()
        if not path.startswith(("/customers", "/domains", "/tenants")):
            path = f"/customers/self/domains/{self.box.cloudonix.domain.domain}{path}"
        return self._send(method, f"https://api.cloudonix.io{path}", headers, raw)

    def _send(self, method, url, headers, body):
        status, self.headers, answer = self.box.wire(method, url, headers, body)
        self.raw = answer
        try:
            return status, json.loads(answer) if answer else None
        except ValueError:
            return status, None


def problems(box):
    """Return every violation in a box's journal; none when the documents are absent (test_fidelity says so)."""
    if Documents.find() is None:
        return []
    return [text for recorded in box.requests for text in validate_exchange(recorded)]


@pytest.fixture(autouse=True)
def every_exchange_conforms():
    """Replace the watch over every sandbox: here `box` is watched, and `loose_box` is there to break rules."""


@pytest.fixture
def box():
    made = Sandbox()
    yield made
    assert problems(made) == []


@pytest.fixture
def ask(box):
    return Caller(box)


@pytest.fixture
def loose_box():
    """A sandbox to which a test sends what the documents forbid."""
    return Sandbox()


@pytest.fixture
def loose(loose_box):
    return Caller(loose_box)
