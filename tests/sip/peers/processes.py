"""Start daemons for tests, and always end them: by their own process id, never by name."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import time

import pytest

READY = 10.0  # seconds; each of them is there in less than 0.2
GONE = 5.0

PACKAGES = {
    "kamailio": "kamailio kamailio-tls-modules",
    "sipp": "sip-tester",
    "dnsmasq": "dnsmasq-base",
    "ip": "iproute2",
}


def need(binary):
    """Return the path of a binary; without it the test fails in CI, and is skipped loudly elsewhere."""
    found = shutil.which(binary, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
    if found:
        return found
    text = f"{binary} is missing: apt-get install {PACKAGES[binary]} (Debian). NOT TESTED against a real {binary}."
    if os.environ.get("CI") == "true":
        pytest.fail(text, pytrace=False)
    pytest.skip(text)


def free_port(*kinds, host="127.0.0.1"):
    """Return a port that is free for every kind (``udp``, ``tcp``), found without address reuse.

    kamailio binds UDP with address reuse: on a taken port it would share datagrams with whoever is there.
    """
    types = {"udp": socket.SOCK_DGRAM, "tcp": socket.SOCK_STREAM}
    for _ in range(50):
        with contextlib.ExitStack() as stack:
            port = 0
            try:
                for kind in kinds or ("udp", "tcp"):
                    made = stack.enter_context(socket.socket(socket.AF_INET, types[kind]))
                    made.bind((host, port))
                    port = made.getsockname()[1]
            except OSError:
                continue
            return port
    raise RuntimeError("no port is free for UDP and TCP")


@contextlib.contextmanager
def running(command, ready, *, log, env=None):
    """Run a daemon until the block ends.

    Args:
        command: Program and arguments.
        ready: Called until it returns true.
        log: Where its output goes; shown when it does not come up.
    """
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, stdout=output, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, start_new_session=True, env=env
        )
    try:
        end = time.monotonic() + READY
        while not ready():
            if process.poll() is not None or time.monotonic() > end:
                text = log.read_text(errors="replace")[-3000:]
                raise RuntimeError(f"{command[0]} did not come up (exit code {process.poll()}):\n{text}")
            time.sleep(0.01)
        yield process
    finally:
        stop(process)


def stop(process):
    """End a process and the children of its own session."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        if process.poll() is None:
            process.send_signal(number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(GONE)
            break
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
