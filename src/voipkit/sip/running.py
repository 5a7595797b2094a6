"""Probes for code that is not asynchronous: one event loop in one thread, for as long as the process lives.

A call that may still be answered is guarded for 32 s after its result was reported. On a loop of its own the guard goes
on while the caller does other things; at the process's end it is waited for.
"""

from __future__ import annotations

import asyncio
import atexit
import os
import threading
from collections.abc import Coroutine
from typing import Any, TypeVar

from voipkit.errors import ConfigurationError

__all__ = ["GUARDS", "drain", "in_background", "in_background_thread", "run"]

T = TypeVar("T")

_LONGEST_GUARD = 35.0
GUARDS: set[asyncio.Task[None]] = set()
"""Flows that are being wound up, on any loop: asyncio itself keeps only weak references to tasks."""


class _Background:
    """The loop and its thread."""

    def __init__(self) -> None:
        self.pid = os.getpid()
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._serve, name="voipkit-sip", daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        asyncio.set_event_loop(self.loop)
        self.loop.run_forever()

    def owns_this_thread(self) -> bool:
        """Tell whether this is the loop's thread."""
        return threading.current_thread() is self._thread

    def stop(self) -> None:
        """End the thread and close the loop."""
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(timeout=2.0)
        if not self.loop.is_running():
            self.loop.close()


_lock = threading.Lock()
_background: _Background | None = None


def run(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine on the background loop, and wait for it; works where another loop is running, too.

    Args:
        coroutine: Such as one that uses a `voipkit.sip.Prober`; its budgets bound the wait.

    Returns:
        What the coroutine returns; what it raises is raised.

    Raises:
        ConfigurationError: It was called from inside itself, and would wait for ever.
    """
    if in_background_thread():
        coroutine.close()
        raise ConfigurationError("voipkit.sip.run was called inside itself.", fix="Await the coroutine there instead.")
    future = asyncio.run_coroutine_threadsafe(coroutine, _running().loop)
    try:
        return future.result()
    except BaseException:
        future.cancel()  # Ctrl-C: the probe is cancelled, its call is hung up
        raise


def drain(timeout: float = _LONGEST_GUARD) -> bool:
    """Wait until no call of `run` is guarded any more.

    Args:
        timeout: Seconds.

    Returns:
        Whether all guards ended in time.
    """
    background = _background
    if background is None or background.pid != os.getpid() or background.loop.is_closed():
        return True
    return asyncio.run_coroutine_threadsafe(_guards_done(timeout), background.loop).result()


async def _guards_done(timeout: float) -> bool:  # noqa: ASYNC109 - it answers, not raises
    mine = [task for task in GUARDS if task.get_loop() is asyncio.get_running_loop()]
    return not mine or not (await asyncio.wait(mine, timeout=timeout))[1]


def in_background() -> bool:
    """Tell whether the running loop is the background loop."""
    return _background is not None and asyncio.get_running_loop() is _background.loop


def in_background_thread() -> bool:
    """Tell whether this is the background loop's thread, where waiting for it would never end."""
    return _background is not None and _background.owns_this_thread()


def _running() -> _Background:
    global _background
    with _lock:
        if _background is None or _background.pid != os.getpid():  # a fork inherits no threads
            _background = _Background()
            atexit.register(_finish, _background)
        return _background


def _finish(background: _Background) -> None:
    if background.pid == os.getpid() and not background.loop.is_closed():
        drain()
        background.stop()
