"""``voipkit sandbox --sip``: the scripted trunk as users run it."""

from __future__ import annotations

import json
import shlex
import signal
import subprocess
import sys

import pytest

from tests.sip.peers.client import Client
from tests.sip.peers.processes import free_port
from voipkit.sandbox.sip_peer import SipPeer
from voipkit.sandbox.sip_scenarios import SCENARIOS

COMMAND = [sys.executable, "-m", "voipkit.cli", "sandbox"]


def ended(*arguments):
    return subprocess.run([*COMMAND, *arguments], capture_output=True, text=True, timeout=60, check=False)


def test_it_runs_beside_the_carriers_until_ctrl_c():
    arguments = ["--port", "0", "--sip", "--sip-port", "0", "--sip-scenario", "sha-256", "--json"]
    # A shell's background job would start with SIGINT ignored.
    process = subprocess.Popen(
        [*COMMAND, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),  # noqa: PLW1509 (no threads yet)
    )  # fmt: skip
    try:
        given = json.loads(process.stdout.readline())
        trunk = given["sip"]
        assert given["url"].startswith("http://127.0.0.1:")
        for transport in ("udp", "tcp", "tls"):
            address = (trunk["host"], trunk[f"{transport}_port"])
            with Client(address, transport, trunk["ca_file"], password=trunk["password"]) as client:
                assert client.register() == [401, 200]
                assert "SHA-256" in client.answer("REGISTER", "sip:x", challenged(client))
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=20)
        assert process.returncode == 0, errors
        assert "Traceback" not in errors
    finally:
        process.kill()
        process.communicate()


def test_what_it_says_can_be_pasted():
    process = subprocess.Popen(
        [*COMMAND, "--port", "0", "--sip", "--sip-port", "0"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        text=True,
    )  # fmt: skip
    try:
        line = next(line.strip() for line in process.stdout if " voipkit sip " in line)
        asked = line.replace(" voipkit ", f" {shlex.join(COMMAND[:-1])} ")
        result = subprocess.run(asked, shell=True, capture_output=True, text=True, timeout=60, check=False)
        assert result.returncode == 0, result.stderr
        assert "401 Unauthorized" in result.stdout
    finally:
        process.kill()
        process.communicate()


def challenged(client):
    client.send("REGISTER", "sip:trunk.test")
    return client.receive()


def test_without_the_option_there_is_no_trunk(monkeypatch):
    monkeypatch.setattr(SipPeer, "__enter__", lambda _: pytest.fail("a trunk was started"))
    monkeypatch.setattr("voipkit.cli.local._until_interrupted", lambda: None)
    from typer.testing import CliRunner

    from voipkit.cli.app import app

    assert CliRunner().invoke(app, ["sandbox", "--port", "0"]).exit_code == 0


def test_an_unknown_scenario_and_a_taken_port_are_the_users_error():
    wrong = ended("--sip", "--sip-scenario", "perfect", "--port", "0", "--sip-port", "0")
    assert wrong.returncode == 2
    assert "There is no scenario 'perfect'" in wrong.stderr
    with SipPeer(port=free_port("udp", "tcp")) as peer:
        taken = ended("--sip", "--port", "0", "--sip-port", str(peer.port("udp")))
    assert taken.returncode == 2
    assert "--sip-port" in taken.stderr
    assert "Traceback" not in wrong.stderr + taken.stderr


def test_the_scenarios_are_listed():
    listed = json.loads(ended("--list-incidents", "--json").stdout)
    assert {scenario["name"] for scenario in listed["sip_scenarios"]} == set(SCENARIOS)
    assert "late-200" in ended("--list-incidents").stdout
