"""The carriers' plain SDKs, as a user would make them, over a sandbox server or over canned answers."""

from __future__ import annotations

from typing import Any

from benchmarks.canned import Canned


def twilio_over(base_url: str, credentials: dict[str, str]) -> Any:
    """Make a Twilio client whose requests go to a sandbox server; its HTTP client is the SDK's own, pooled."""
    from twilio.http.http_client import TwilioHttpClient
    from twilio.rest import Client

    class Rewriting(TwilioHttpClient):
        def request(self, method: str, url: str, *args: Any, **named: Any) -> Any:  # type: ignore[override]
            return super().request(method, f"{base_url}/{url.removeprefix('https://')}", *args, **named)

    return Client(credentials["account_sid"], credentials["auth_token"], http_client=Rewriting())


def twilio_canned(canned: Canned) -> Any:
    """Make a Twilio client over canned answers. No requests session lies between: that favours the SDK."""
    from twilio.http import HttpClient
    from twilio.http.response import Response
    from twilio.rest import Client

    class Http(HttpClient):
        def __init__(self) -> None:
            pass

        def request(self, method: str, uri: str, params: Any = None, *_: Any, **__: Any) -> Response:  # noqa: ARG002
            return Response(200, canned.body(uri).decode())

    return Client(canned.credentials["account_sid"], canned.credentials["auth_token"], http_client=Http())


def telnyx_over(base_url: str, credentials: dict[str, str]) -> Any:
    """Make a Telnyx client whose requests go to a sandbox server."""
    import telnyx

    return telnyx.Telnyx(api_key=credentials["api_key"], base_url=f"{base_url}/api.telnyx.com/v2")


def telnyx_canned(canned: Canned) -> Any:
    """Make a Telnyx client over canned answers."""
    import httpx
    import telnyx

    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, headers={"Content-Type": "application/json"}, content=canned.body(str(request.url)))

    http = httpx.Client(transport=httpx.MockTransport(answer))
    return telnyx.Telnyx(api_key=canned.credentials["api_key"], http_client=http)


def telnyx_pages(client: Any, size: int) -> int:
    """Read every page by number, as Telnyx's documentation does; return how many numbers there were."""
    count, page, pages = 0, 1, 1
    while page <= pages:
        answer = client.phone_numbers.list(page_size=size, page_number=page)
        count += len(answer.data)
        page, pages = page + 1, answer.meta.total_pages
    return count
