"""The carriers' plain SDKs, as a user would write the listing of all numbers, over a sandbox server or over a wire.

Requests leave each SDK by its own HTTP client. Only the last step differs: a transport adapter of `requests`, or a
transport of httpx, sends them to the sandbox. Cloudonix has no SDK for Python, so httpx alone stands for it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from typing import Any

Wire = Callable[[str, str, Mapping[str, str], bytes], tuple[int, Mapping[str, str], bytes]]

LARGEST = {"twilio": 1000, "telnyx": 250, "signalwire": 1000, "vonage": 100, "plivo": 20, "vobiz": 100, "cloudonix": 0}
"""Numbers on the largest page that the carrier gives; 0 where there are no pages."""


class Numbers:
    """Lists an account's numbers by the plain SDK.

    Args:
        carrier: Carrier id.
        credentials: As the sandbox gives them.
        to: A sandbox server's URL, or a wire that answers in process.
    """

    def __init__(self, carrier: str, credentials: Mapping[str, str], to: str | Wire) -> None:
        self._pages: Callable[[int | None], Iterator[object]] = globals()[f"_{carrier}"](credentials, to)
        self._size = LARGEST[carrier]

    def largest(self) -> int:
        """List them with the largest pages, and return how many there were."""
        return _count(self._pages(self._size))

    def first(self) -> object:
        """Return the first number of the first page, of the largest size."""
        return next(iter(self._pages(self._size)))

    def default(self) -> int:
        """List them with the SDK's own page size, and return how many there were."""
        return _count(self._pages(None))


def _count(numbers: Iterator[object]) -> int:
    last = deque(enumerate(numbers, 1), maxlen=1)
    return last[0][0] if last else 0


# --- one loop for each SDK --------------------------------------------------------------------------------------------


def _twilio(given: Mapping[str, str], to: str | Wire) -> Any:
    from twilio.http.http_client import TwilioHttpClient
    from twilio.rest import Client

    http = TwilioHttpClient()
    http.session.mount("https://", _adapter(to))
    numbers = Client(given["account_sid"], given["auth_token"], http_client=http).incoming_phone_numbers
    return lambda size: numbers.stream(page_size=size) if size else numbers.stream()


def _telnyx(given: Mapping[str, str], to: str | Wire) -> Any:
    import telnyx

    if isinstance(to, str):
        client = telnyx.Telnyx(api_key=given["api_key"], base_url=f"{to}/api.telnyx.com/v2")
    else:
        client = telnyx.Telnyx(api_key=given["api_key"], http_client=_httpx(to))

    def pages(size: int | None) -> Iterator[object]:
        if size is None:
            yield from client.phone_numbers.list()
            return
        page, last = 1, 1
        while page <= last:
            answer = client.phone_numbers.list(page_size=size, page_number=page)
            yield from answer.data or ()
            page, last = page + 1, answer.meta.total_pages  # type: ignore[union-attr, assignment]

    return pages


def _signalwire(given: Mapping[str, str], to: str | Wire) -> Any:
    from signalwire.rest import RestClient

    client = RestClient(given["project_id"], given["api_token"], f"{given['space']}.signalwire.com")
    client._http._session.mount("https://", _adapter(to))
    numbers = client.phone_numbers
    return lambda size: numbers.paginate(page_size=size) if size else numbers.paginate()


def _vonage(given: Mapping[str, str], to: str | Wire) -> Any:
    from vonage_http_client import Auth, HttpClient
    from vonage_numbers import ListOwnedNumbersFilter, Numbers

    http = HttpClient(Auth(api_key=given["api_key"], api_secret=given["api_secret"]))
    http._session.mount("https://", _adapter(to))
    numbers = Numbers(http)

    def pages(size: int | None) -> Iterator[object]:
        following: int | None = 1
        while following:
            sized = {"size": size} if size else {}
            found, _, following = numbers.list_owned_numbers(ListOwnedNumbersFilter(index=following, **sized))
            yield from found

    return pages


def _plivo(given: Mapping[str, str], to: str | Wire) -> Any:
    import plivo

    client = plivo.RestClient(given["auth_id"], given["auth_token"])
    client.session.mount("https://", _adapter(to))

    def pages(size: int | None) -> Iterator[object]:
        offset, total = 0, 1
        while offset < total:
            answer = client.numbers.list(limit=size or 20, offset=offset)
            yield from answer.objects
            offset, total = offset + len(answer.objects), answer.meta.total_count

    return pages


def _vobiz(given: Mapping[str, str], to: str | Wire) -> Any:
    import vobiz

    client = vobiz.RestClient(given["auth_id"], given["auth_token"])
    client.session.mount("https://", _adapter(to))

    def pages(size: int | None) -> Iterator[object]:
        page, seen, total = 1, 0, 1
        while seen < total:
            answer = client.phone_numbers.list(page=page, **({"per_page": size} if size else {}))
            yield from answer["items"]
            page, seen, total = page + 1, seen + len(answer["items"]), answer["total"]

    return pages


def _cloudonix(given: Mapping[str, str], to: str | Wire) -> Any:
    import httpx

    host = "https://api.cloudonix.io"
    client = httpx.Client() if isinstance(to, str) else _httpx(to)
    base = f"{to}/api.cloudonix.io" if isinstance(to, str) else host
    url = f"{base}/customers/self/domains/{given['domain']}/dnids"
    secret = {"Authorization": f"Bearer {given['api_key']}"}
    return lambda _: iter(client.get(url, headers=secret).json())


# --- the last step ----------------------------------------------------------------------------------------------------


def _adapter(to: str | Wire) -> Any:
    """Make a transport adapter of `requests` that sends everything to a server or a wire."""
    import requests
    from requests.adapters import HTTPAdapter

    class Redirecting(HTTPAdapter):
        def send(self, request: requests.PreparedRequest, *args: Any, **named: Any) -> requests.Response:
            if isinstance(to, str):
                request.url = f"{to}/{(request.url or '').removeprefix('https://')}"
                return super().send(request, *args, **named)
            body = request.body or b""
            status, headers, content = to(
                request.method or "", request.url or "", request.headers, body if isinstance(body, bytes) else b""
            )
            answer = requests.Response()
            answer.status_code, answer.url, answer.request = status, request.url or "", request
            answer.headers.update(headers)
            answer._content, answer.encoding = content, "utf-8"
            return answer

    return Redirecting(pool_connections=32, pool_maxsize=32)


def _httpx(wire: Wire) -> Any:
    import httpx

    def answer(request: httpx.Request) -> httpx.Response:
        status, headers, body = wire(request.method, str(request.url), request.headers, request.content)
        return httpx.Response(status, headers=dict(headers), content=body)

    return httpx.Client(transport=httpx.MockTransport(answer))
