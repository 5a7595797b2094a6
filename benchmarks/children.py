"""What runs in processes of its own: ``python -m benchmarks.children WORK JSON``. Imports nothing before it is needed."""

from __future__ import annotations

import json
import sys
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


def first_answer(who: str, url: str, credentials: dict[str, str]) -> dict[str, float]:
    """Get a first answer from Telnyx, and say when it was there, what CPU it took, and the memory held then."""
    if who == "ours, test_credentials":
        _ours("telnyx", url, credentials).test_credentials()
    elif who == "ours, list_numbers":
        next(_ours("telnyx", url, credentials).list_numbers())
    else:
        import telnyx

        client = who != "import telnyx" and telnyx.Telnyx(
            api_key=credentials["api_key"], base_url=f"{url}/api.telnyx.com/v2"
        )
        if not client:
            pass
        elif who == "SDK, balance.retrieve":
            assert client.balance.retrieve().data
        else:
            assert client.phone_numbers.list(page_size=250, page_number=1).data
    at, cpu = time.monotonic(), time.process_time()
    import psutil

    return {"at": at, "cpu": cpu, "rss": psutil.Process().memory_info().rss}


def memory(carrier: str, total: int, traced: bool) -> dict[str, Any]:
    """Stream many numbers from answers made on the fly; report memory at page 2, after a tenth, and the most."""
    import gc
    import tracemalloc

    import psutil

    import voipkit
    from benchmarks.canned import Canned

    canned = Canned(carrier, total)
    account = voipkit.open_provider(carrier, canned.credentials, http=voipkit.HttpOptions(wire=canned.wire))
    process = psutil.Process()
    if traced:
        tracemalloc.start()

    def now() -> int:
        gc.collect()
        return tracemalloc.get_traced_memory()[0] if traced else process.memory_info().rss

    seen = []
    count = 0
    for count, _ in enumerate(account.list_numbers(), 1):
        if count == canned.size + 1 or count % (total // 20) == 0:
            seen.append(now())
    return {"count": count, "second_page": seen[0], "most": max(seen), "tenth": max(seen[1:3]), "end": seen[-1]}


def serve(latency: float, numbers: int | None) -> None:
    """Serve a sandbox until standard input ends; each line on it asks for the requests since the last one."""
    from collections import Counter

    from voipkit.sandbox import Sandbox

    box = Sandbox(keep_bodies=False)
    if numbers is not None:
        for simulator in (box.twilio, box.telnyx):
            simulator.numbers.clear()
            simulator.seed_numbers(numbers)
    with box.serve(latency=latency) as url:
        known = {
            "credentials": {name: box.credentials(name) for name in ("twilio", "telnyx")},
            "sip_config": {name: box.sip_config(name) for name in ("twilio", "telnyx")},
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
