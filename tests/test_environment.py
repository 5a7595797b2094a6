"""Nothing from the environment or from ~/.netrc reaches a request: planted all at once, watched on a real socket."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from voipkit.sandbox import Sandbox

PLANTED = {
    "TWILIO_ACCOUNT_SID": "AC" + "e" * 32,
    "TWILIO_AUTH_TOKEN": "e" * 32,
    "TWILIO_REGION": "au1",
    "TWILIO_EDGE": "sydney",
    "TELNYX_API_KEY": "KEYplanted-planted-planted",
    "TELNYX_PUBLIC_KEY": "planted-public",
    "TELNYX_CLIENT_ID": "planted-client",
    "TELNYX_CLIENT_SECRET": "planted-client-secret",
    "TELNYX_BASE_URL": "https://planted.example/v2",
    "TELNYX_CUSTOM_HEADERS": "X-Planted: yes\nAuthorization: Bearer planted",
    "SIGNALWIRE_PROJECT_ID": "eeeeeeee-eeee-eeee-eeee-eeeeeeeeeeee",
    "SIGNALWIRE_API_TOKEN": "PTplanted-planted-planted",
    "SIGNALWIRE_SPACE": "planted.signalwire.com",
    "SIGNALWIRE_REST_CA_FILE": "/nonexistent/planted.pem",
    "SIGNALWIRE_LOG_LEVEL": "debug",
    "VONAGE_API_KEY": "PLANTED1",
    "VONAGE_API_SECRET": "planted-planted",
    "NEXMO_API_KEY": "PLANTED1",
    "NEXMO_API_SECRET": "planted-planted",
    "PLIVO_AUTH_ID": "MA" + "PLANTED" + "E" * 11,
    "PLIVO_AUTH_TOKEN": "planted-planted-planted",
    "VOBIZ_AUTH_ID": "MA_PLANTED",
    "VOBIZ_AUTH_TOKEN": "planted-planted-planted",
    "HTTP_PROXY": "http://planted:planted@127.0.0.1:9",
    "HTTPS_PROXY": "http://planted:planted@127.0.0.1:9",
    "ALL_PROXY": "http://planted:planted@127.0.0.1:9",
    "http_proxy": "http://planted:planted@127.0.0.1:9",
    "https_proxy": "http://planted:planted@127.0.0.1:9",
    "all_proxy": "http://planted:planted@127.0.0.1:9",
    "REQUESTS_CA_BUNDLE": "/nonexistent/planted.pem",
    "CURL_CA_BUNDLE": "/nonexistent/planted.pem",
    "SSL_CERT_FILE": "/nonexistent/planted.pem",
    "SSL_CERT_DIR": "/nonexistent/planted",
}

PROGRAM = """
import json, sys, voipkit
carrier, url, given = sys.argv[1], sys.argv[2], json.load(sys.stdin)
http = voipkit.HttpOptions(base_url=url, retries=0, rate=10_000)
with voipkit.open_provider(carrier, given["credentials"], sip_config=given["sip_config"], http=http) as p:
    assert p.test_credentials().status == "pass", p.test_credentials().failures
    numbers = [n.number for n in p.list_numbers()]
    report = p.import_numbers(numbers, on_conflict="overwrite")
    assert report.ok, report.results
    assert [v.status for v in p.verify_numbers(numbers)], numbers
    assert p.restore_numbers(report.snapshot).ok
"""


@pytest.mark.parametrize("carrier", ["twilio", "telnyx", "signalwire", "vonage", "plivo", "vobiz", "cloudonix"])
def test_planted_environment_and_netrc_stay_out(carrier: str, box: Sandbox, tmp_path: Path) -> None:
    """In a fresh process, so that what SDKs read at import time counts too."""

    for number in box.plivo.numbers:  # a number that never had an application could not be put back
        number.app_id = box.plivo.default_application.app_id
    netrc = tmp_path / ".netrc"
    netrc.write_text("default login planted password planted\n")
    netrc.chmod(0o600)
    keys = tmp_path / "tls-keys"
    environment = {**os.environ, **PLANTED, "HOME": str(tmp_path), "NETRC": str(netrc), "SSLKEYLOGFILE": str(keys)}
    given = json.dumps({"credentials": box.credentials(carrier), "sip_config": box.sip_config(carrier)})
    with box.serve() as url:
        done = subprocess.run(
            [sys.executable, "-W", "error", "-c", PROGRAM, carrier, url],
            input=given,
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    assert done.returncode == 0, done.stderr
    assert {request.carrier for request in box.requests} == {carrier}
    assert "unknown" not in {request.operation for request in box.requests}
    names = {name for request in box.requests for name in request.request_headers}
    allowed = {"host", "accept", "accept-encoding", "user-agent", "content-type", "content-length"}
    assert names <= allowed | ({"x-auth-id"} if carrier == "vobiz" else set())
    everything = repr([(r.url, r.request_headers, r.request_body) for r in box.requests])
    assert "planted" not in everything
    assert "PLANTED" not in everything
    assert not keys.exists()
