"""sipp as the far end: the PSTN side of a carrier, odd callees, and callers. Its exit code judges the other side.

0: every call went as its scenario has it. 1: some did not. 255: sipp itself could not go on.
"""

from __future__ import annotations

import contextlib
import socket
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from tests.sip.peers.processes import need, stop

# What is answered after a CANCEL must carry the INVITE's headers: [last_...] would be the CANCEL's.
_RECV_INVITE = """
  <recv request="INVITE" crlf="true"><action>
    <ereg regexp="[0-9]+" search_in="hdr" header="CSeq:" check_it="true" assign_to="cseq"/>
    <ereg regexp=".*" search_in="hdr" header="Via:" occurrence="1" check_it="true" assign_to="via1"/>
    <ereg regexp=".*" search_in="hdr" header="Via:" occurrence="2" assign_to="via2"/>
    <ereg regexp=".*" search_in="hdr" header="Record-Route:" assign_to="rr"/>
    <ereg regexp=".*" search_in="hdr" header="From:" check_it="true" assign_to="from"/>
    <ereg regexp=".*" search_in="hdr" header="To:" check_it="true" assign_to="to"/>
  </action></recv>
  <nop><action>
    <log message="[$cseq] [$via1] [$via2] [$rr] [$from] [$to]"/>
  </action></nop>"""


def _reply(code, reason, *, tag="1", via2=True, extra=""):
    second = "\n    Via:[$via2]" if via2 else ""
    to = "To:[$to]" + (f";tag=[pid]SIPp{tag}[call_number]" if code > 100 else "")
    return f"""
  <send><![CDATA[

    SIP/2.0 {code} {reason}
    Via:[$via1]{second}
    Record-Route:[$rr]
    From:[$from]
    {to}
    Call-ID: [call_id]
    CSeq: [$cseq] INVITE
    Contact: <sip:[local_ip]:[local_port]>{extra}
    Content-Length: 0

  ]]></send>"""


def _same(code, reason, *, tag="", via="[last_Via:]", cseq="[last_CSeq:]"):
    """Answer the request that came last."""
    return f"""
  <send><![CDATA[

    SIP/2.0 {code} {reason}
    {via}
    [last_From:]
    [last_To:]{tag}
    [last_Call-ID:]
    {cseq}
    Content-Length: 0

  ]]></send>"""


def _pause(milliseconds):
    return f'\n  <pause milliseconds="{milliseconds}"/>'


def _recv(request, timeout=8000, *, optional=False):
    more = ' optional="true"' if optional else f' timeout="{timeout}"'
    return f'\n  <recv request="{request}"{more} crlf="true"/>'


_RING = _RECV_INVITE + _reply(180, "Ringing")
_CANCELLED = _recv("CANCEL") + _same(200, "OK")

CALLEES = {
    # Rings for ever, ends only by CANCEL, and wants its ACK.
    "ring": _RING + _CANCELLED + _reply(487, "Request Terminated") + _recv("ACK"),
    "early-media": _RECV_INVITE
    + _reply(183, "Session Progress")
    + _CANCELLED
    + _reply(487, "Request Terminated")
    + _recv("ACK"),
    # The answer crosses the CANCEL: exit code 0 means that the caller acknowledged it and hung up.
    "race": _RING + _CANCELLED + _pause(50) + _reply(200, "OK") + _recv("ACK") + _recv("BYE") + _same(200, "OK"),
    "instant-answer": _RECV_INVITE + _reply(200, "OK") + _recv("ACK") + _recv("BYE") + _same(200, "OK"),
}
CODES = {403: "Forbidden", 404: "Not Found", 480: "Temporarily Unavailable", 486: "Busy Here", 488: "Not Acceptable Here", 503: "Service Unavailable", 603: "Decline"}  # fmt: skip
for _code, _reason in CODES.items():
    CALLEES[f"reject-{_code}"] = _RING + _pause(100) + _reply(_code, _reason) + _recv("ACK")

# Called with nobody in between, so that the prober itself sees what a proxy would have kept from it.
_TAG = ";tag=[pid]SIPp1[call_number]"
_STRANGE = "Via: SIP/2.0/UDP 192.0.2.9:5060;branch=z9hG4bKsomebodyelse"
_RINGS = _recv("INVITE") + _same(180, "Ringing", tag=_TAG)
_BUSY = _pause(100) + _same(486, "Busy Here", tag=_TAG)
DIRECT = {
    "ringing-thrice": _RINGS + 2 * _same(180, "Ringing", tag=_TAG) + _BUSY + _recv("ACK"),
    # An answer to somebody else's request and bytes that are no SIP come before the right answer.
    "malformed": _recv("INVITE")
    + _same(200, "OK", tag=_TAG, via=_STRANGE)
    + _same(699, "Odd", via=_STRANGE)
    + "\n  <send><![CDATA[\n\n    HTTP/1.1 200 OK\n    Content-Length: 0\n\n  ]]></send>"
    + _same(180, "Ringing", tag=_TAG)
    + _BUSY
    + _recv("ACK"),
}

CALLING = """
  <send retrans="500"><![CDATA[

    INVITE sip:[service]@[remote_ip]:[remote_port] SIP/2.0
    Via: SIP/2.0/UDP [local_ip]:[local_port];branch=[branch]
    From: <sip:+15550300@[local_ip]:[local_port]>;tag=[pid]SIPp[call_number]
    To: <sip:[service]@trunk.test>
    Call-ID: [call_id]
    CSeq: 1 INVITE
    Contact: <sip:[local_ip]:[local_port]>
    Max-Forwards: 70
    Content-Length: 0

  ]]></send>
  <recv response="100" optional="true"/>
  <recv response="180" optional="true"/>
  <recv response="{code}" timeout="8000"/>
  <send><![CDATA[

    ACK sip:[service]@[remote_ip]:[remote_port] SIP/2.0
    [last_Via:]
    [last_From:]
    [last_To:]
    [last_Call-ID:]
    CSeq: 1 ACK
    Max-Forwards: 70
    Content-Length: 0

  ]]></send>"""

REGISTRAR = """
  <recv request="REGISTER" crlf="true"/>
  <send><![CDATA[

    SIP/2.0 401 Unauthorized
    [last_Via:]
    [last_From:]
    [last_To:];tag=[pid]SIPp1
    [last_Call-ID:]
    [last_CSeq:]
    WWW-Authenticate: Digest realm="odd, \\"quoted\\" realm", nonce="aaaa", algorithm=SHA3-512, qop="auth"
    WWW-Authenticate: Digest realm="trunk.test", nonce="bbbb", algorithm=MD5, qop="auth-int,auth", opaque="zz"
    WWW-Authenticate: Basic realm="trunk.test"
    Content-Length: 0

  ]]></send>
  <recv request="REGISTER" crlf="true" timeout="8000"><action>
    <ereg regexp="Digest" search_in="hdr" header="Authorization:" check_it="true" assign_to="digest"/>
    <verifyauth assign_to="valid" username="alice" password="wonderland-7f3a"/>
    <log message="[$digest] [$valid]"/>
  </action></recv>
  <nop test="valid" next="good"/>
  <send next="end"><![CDATA[

    SIP/2.0 403 Forbidden
    [last_Via:]
    [last_From:]
    [last_To:];tag=[pid]SIPp1
    [last_Call-ID:]
    [last_CSeq:]
    Content-Length: 0

  ]]></send>
  <label id="good"/>
  <send><![CDATA[

    SIP/2.0 200 OK
    [last_Via:]
    [last_From:]
    [last_To:];tag=[pid]SIPp1
    [last_Call-ID:]
    [last_CSeq:]
    Content-Length: 0

  ]]></send>
  <label id="end"/>"""


@dataclass
class Sipp:
    """A running sipp."""

    process: subprocess.Popen
    folder: Path

    def judgement(self, timeout=12.0):
        """Wait for its end; return the exit code and what it complained about."""
        try:
            code = self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            return -1, "sipp still waits"
        errors = self.folder / "errors"
        return code, errors.read_text(errors="replace") if errors.exists() else ""


@contextlib.contextmanager
def sipp(folder, scenario, port, *, remote=None, service="+15550200", calls=1, transport="u1", seconds=15):
    """Run a scenario: a callee listens at ``port``; a caller, given ``remote``, calls ``service`` there.

    Args:
        folder: Where its files go.
        scenario: The XML between ``<scenario>`` and its end.
        port: Local port.
        remote: Address and port to call; None to listen.
        service: Number to call.
        calls: How many calls there are before it ends.
        transport: ``u1`` (UDP) or ``t1`` (TCP).
        seconds: After which it gives up.
    """
    binary = need("sipp")
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "scenario.xml"
    path.write_text(f'<?xml version="1.0" encoding="UTF-8"?>\n<scenario name="s">{scenario}\n</scenario>\n')
    command = [
        binary, *([f"{remote[0]}:{remote[1]}"] if remote else []), "-sf", str(path), "-i", "127.0.0.1", "-p", str(port),
        "-t", transport, "-nostdin", "-skip_rlimit", "-m", str(calls), "-timeout", str(seconds), "-s", service,
        "-trace_err", "-error_file", str(folder / "errors"),
    ]  # fmt: skip
    with (folder / "output").open("wb") as output:
        process = subprocess.Popen(
            command,
            stdout=output,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            cwd=folder,
            start_new_session=True,
        )
    try:
        if remote is None:
            _wait_until_bound(process, port, folder, transport)
        yield Sipp(process, folder)
    finally:
        stop(process)


def _wait_until_bound(process, port, folder, transport):
    """Return once sipp holds its port: a datagram socket cannot be asked, so try to bind it too."""
    kind = socket.SOCK_DGRAM if transport == "u1" else socket.SOCK_STREAM
    end = time.monotonic() + 5
    while time.monotonic() < end and process.poll() is None:
        with socket.socket(socket.AF_INET, kind) as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                return
        time.sleep(0.01)
    raise RuntimeError(f"sipp did not come up:\n{(folder / 'output').read_text(errors='replace')[-2000:]}")
