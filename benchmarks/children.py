"""What runs in processes of its own: ``python -m benchmarks.children WORK JSON``. Imports nothing before it is needed."""

from __future__ import annotations

import json
import sys
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


def first_answer(who: str, carrier: str, url: str, credentials: dict[str, str]) -> dict[str, float]:
    """Get a first answer from a carrier, and say when it was there, what CPU it took, and the memory held then."""
    if who == "import telnyx":
        import telnyx
    elif who == "ours, test_credentials":
        _ours(carrier, url, credentials).test_credentials()
    elif who == "ours, list_numbers":
        next(_ours(carrier, url, credentials).list_numbers())
    elif who == "SDK, balance.retrieve":
        import telnyx

        client = telnyx.Telnyx(api_key=credentials["api_key"], base_url=f"{url}/api.telnyx.com/v2")
        assert client.balance.retrieve().data
    else:
        from benchmarks.plain import Numbers

        assert Numbers(carrier, credentials, url).first()
    at, cpu = time.monotonic(), time.process_time()
    import psutil

    return {"at": at, "cpu": cpu, "rss": psutil.Process().memory_info().rss}


def memory(carrier: str, url: str, credentials: dict[str, str], total: int, page: int, traced: bool) -> dict[str, Any]:
    """Stream many numbers; report memory before, at page 2, after a tenth, the most, and at the end."""
    import gc
    import tracemalloc

    import psutil

    import voipkit

    http = voipkit.HttpOptions(base_url=url, rate=10_000)
    account = voipkit.open_provider(carrier, credentials, http=http)
    process = psutil.Process()
    if traced:
        tracemalloc.start()

    def now() -> int:
        gc.collect()
        return tracemalloc.get_traced_memory()[0] if traced else process.memory_info().rss

    seen, before = [], now()
    count = 0
    for count, _ in enumerate(account.list_numbers(), 1):
        if count == page + 1 or count % (total // 20) == 0:
            seen.append(now())
    held = {"second_page": seen[0], "most": max(seen), "tenth": max(seen[1:3]), "end": seen[-1]}
    return {"count": count, "before": before, **held}


def serve(latency: float, numbers: int, carriers: list[str]) -> None:
    """Serve a sandbox until standard input ends; each line on it asks for the requests since the last one."""
    from collections import Counter

    from benchmarks.measuring import CARRIERS
    from benchmarks.recorded import stocked

    box = stocked(numbers, *carriers)
    with box.serve(latency=latency) as url:
        known = {
            "credentials": {name: box.credentials(name) for name in CARRIERS},
            "sip_config": {name: box.sip_config(name) for name in CARRIERS},
        }
        print(json.dumps({"url": url, **known}), flush=True)
        for _ in sys.stdin:
            print(json.dumps(Counter(request.operation for request in box.requests)), flush=True)
            box.clear()


def _ours(carrier: str, url: str, credentials: dict[str, str]) -> Any:
    import voipkit

    return voipkit.open_provider(carrier, credentials, http=voipkit.HttpOptions(base_url=url))


if __name__ == "__main__":
    works: dict[str, Callable[..., object]] = {"first_answer": first_answer, "memory": memory, "serve": serve}
    work = works[sys.argv[1]]
    given = json.loads(sys.argv[2])
    reported = work(**given) if isinstance(given, dict) else work(*given)
    if reported is not None:
        print(json.dumps(reported))
