"""Network namespaces, where they are permitted: two hosts with addresses of their own, and a cable between them."""

from __future__ import annotations

import contextlib
import os
import subprocess
import uuid

import pytest

from tests.sip.peers.processes import need

NEAR, FAR = "10.213.7.1", "10.213.7.2"


@contextlib.contextmanager
def two_hosts():
    """Give the names of two namespaces, `NEAR` in the first and `FAR` in the second.

    Creating them takes privileges that a container or a laptop need not give: without them the test is skipped, in CI
    too, and says so.
    """
    need("ip")
    tag = uuid.uuid4().hex[:8]
    near, far = f"vk{tag}a", f"vk{tag}b"
    try:
        _ip("netns", "add", near)
    except subprocess.CalledProcessError as error:
        pytest.skip(
            f"network namespaces are not permitted here ({error.stderr.strip()}). NOT TESTED between two hosts."
        )
    try:
        _ip("netns", "add", far)
        _ip("link", "add", f"v{tag}a", "netns", near, "type", "veth", "peer", "name", f"v{tag}b", "netns", far)
        for space, device, address in ((near, f"v{tag}a", NEAR), (far, f"v{tag}b", FAR)):
            _ip("-n", space, "address", "add", f"{address}/24", "dev", device)
            _ip("-n", space, "link", "set", device, "up")
            _ip("-n", space, "link", "set", "lo", "up")
        yield near, far
    finally:
        for space in (near, far):
            subprocess.run(["ip", "netns", "delete", space], capture_output=True, check=False)


def inside(space, *command):
    """Return a command that runs inside a namespace."""
    return ["ip", "netns", "exec", space, *command]


def _ip(*arguments):
    subprocess.run(
        ["ip", *arguments], check=True, capture_output=True, text=True, timeout=10, env={**os.environ, "LC_ALL": "C"}
    )
