"""A blocking SIP client of a few lines, which judges the peers before the peers judge voipkit.

It shares nothing with `voipkit.sip`, nor with the scripted peer: three hands, so that two can disagree.
"""

from __future__ import annotations

import hashlib
import re
import secrets
import socket
import ssl
import time
from dataclasses import dataclass, field

ALGORITHMS = {"MD5": "md5", "SHA-256": "sha256", "SHA-512-256": "sha512_256"}


@dataclass
class Answer:
    code: int
    text: str
    size: int
    at: float

    def all(self, name):
        return re.findall(rf"(?im)^{re.escape(name)}\s*:\s*(.*?)\s*$", self.text)

    def get(self, name):
        return next(iter(self.all(name)), "")


@dataclass
class Client:
    """One flow to a peer; use it in a ``with`` block."""

    address: tuple[str, int]
    transport: str = "udp"
    ca_file: str | None = None
    domain: str = "trunk.test"
    user: str = "alice"
    password: str = "wonderland-7f3a"
    local: tuple[str, int] = ("127.0.0.1", 0)
    call_id: str = field(default_factory=lambda: secrets.token_hex(8))
    tag: str = field(default_factory=lambda: secrets.token_hex(4))
    cseq: int = 0

    def __enter__(self):
        if self.transport == "udp":
            self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            self.socket.bind(self.local)
            self.socket.connect(self.address)
        else:
            self.socket = socket.create_connection(self.address, timeout=3, source_address=self.local)
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self.transport == "tls":
                context = ssl.create_default_context(cafile=self.ca_file)
                self.socket = context.wrap_socket(self.socket, server_hostname=self.domain)
        self.rest = b""
        return self

    def __exit__(self, *_):
        self.socket.close()

    # --- Sending ------------------------------------------------------------------------------------------------------

    def message(self, method, uri, *, to=None, branch=None, cseq=None, caller=None, headers=(), body=""):
        if cseq is None:
            self.cseq += 1
            cseq = self.cseq
        self.branch = branch or "z9hG4bK" + secrets.token_hex(6)
        host, port = self.socket.getsockname()[:2]
        here = f"{host}:{port}"
        lines = [
            f"{method} {uri} SIP/2.0",
            f"Via: SIP/2.0/{self.transport.upper()} {here};branch={self.branch};rport",
            "Max-Forwards: 70",
            f"From: <sip:{caller or self.user}@{self.domain}>;tag={self.tag}",
            f"To: {to or f'<{uri}>'}",
            f"Call-ID: {self.call_id}",
            f"CSeq: {cseq} {method}",
            *headers,
            f"Content-Length: {len(body)}",
        ]
        return "\r\n".join([*lines, "", body]).encode()

    def send(self, *arguments, **options):
        data = self.message(*arguments, **options)
        self.socket.sendall(data)
        return data

    # --- Receiving ----------------------------------------------------------------------------------------------------

    def receive(self, timeout=3.0):
        """Return the next answer, or None after ``timeout`` seconds."""
        self.socket.settimeout(timeout)
        try:
            data = self.socket.recv(65535) if self.transport == "udp" else self._framed()
        except TimeoutError:
            return None
        text = data.decode("utf-8", "replace")
        status = re.match(r"SIP/2\.0 (\d{3})", text)
        return Answer(int(status[1]) if status else 0, text, len(data), time.monotonic())

    def _framed(self):
        while b"\r\n\r\n" not in self.rest:
            self.rest += self._more()
        head, _, self.rest = self.rest.partition(b"\r\n\r\n")
        length = int(re.search(rb"(?i)content-length:\s*(\d+)", head)[1])
        while len(self.rest) < length:
            self.rest += self._more()
        body, self.rest = self.rest[:length], self.rest[length:]
        return head + b"\r\n\r\n" + body

    def _more(self):
        data = self.socket.recv(65535)
        if not data:
            raise ConnectionResetError("the peer closed the connection")
        return data

    def final(self, timeout=5.0):
        """Return every answer up to and with the final one."""
        answers = []
        while not answers or answers[-1].code < 200:
            answer = self.receive(timeout)
            if answer is None:
                return answers
            answers.append(answer)
        return answers

    # --- Whole exchanges ----------------------------------------------------------------------------------------------

    def options(self):
        self.send("OPTIONS", f"sip:{self.domain}")
        return self.receive()

    def register(self, *, contact=None, user=None, headers=()):
        """Return the codes of REGISTER with digest; the last answer is kept in ``self.last``."""
        uri, to = f"sip:{self.domain}", f"<sip:{user or self.user}@{self.domain}>"
        more = (*headers, *([f"Contact: {contact}"] if contact else []))
        self.send("REGISTER", uri, to=to, headers=more)
        self.last = self.receive()
        codes = [self.last.code]
        if codes == [401]:
            self.send("REGISTER", uri, to=to, headers=(*more, self.answer("REGISTER", uri, self.last)))
            self.last = self.receive()
            codes.append(self.last.code)
        return codes

    def invite(self, called, *, caller=None, headers=()):
        """Send INVITE with digest; return the codes until the first one after 100, and keep what CANCEL and BYE need."""
        self.uri = f"sip:{called}@{self.domain}"
        contact = f"Contact: <sip:probe@{self.socket.getsockname()[0]}:{self.socket.getsockname()[1]}>"
        headers = (contact, *headers)
        self.send("INVITE", self.uri, caller=caller, headers=headers)
        answers = [self.receive()]
        if answers[0] is not None and answers[0].code in (401, 407):
            self.ack(answers[0], caller)
            proof = self.answer("INVITE", self.uri, answers[0])
            self.send("INVITE", self.uri, caller=caller, headers=(*headers, proof))
            answers.append(self.receive())
        self.invited, self.number, self.caller = self.branch, self.cseq, caller
        while answers[-1] is not None and answers[-1].code == 100:
            answers.append(self.receive(6))
        if answers[-1] is not None and answers[-1].code >= 300:
            self.ack(answers[-1], caller)
        self.last = answers[-1]
        return [answer.code if answer else None for answer in answers]

    def cancel(self):
        """Cancel the call and return the codes of what follows, up to the INVITE's final one, which is acknowledged."""
        self.send("CANCEL", self.uri, branch=self.invited, cseq=self.number, caller=self.caller)
        codes = []
        while (answer := self.receive(3)) is not None:
            codes.append(answer.code)
            if answer.get("CSeq").endswith("INVITE") and answer.code >= 200:
                self.last = answer
                if answer.code >= 300:
                    self.ack(answer, self.caller, branch=self.invited)
                break
        return codes

    def ack(self, answer, caller=None, branch=None):
        self.send("ACK", self.uri, to=answer.get("To"), branch=branch or self.branch, cseq=self.cseq, caller=caller)

    def hang_up(self, answer=None, *, route=True):
        """Acknowledge an answer and end the call, along the route set; return the code of the BYE."""
        answer = answer or self.last
        target = re.search(r"<(sip:[^>]+)>", answer.get("Contact"))[1]
        values = [part.strip() for value in answer.all("Record-Route") for part in value.split(",")]
        routes = [f"Route: {value}" for value in reversed(values)] if route else []
        common = {"to": answer.get("To"), "caller": self.caller, "headers": routes}
        self.send("ACK", target, cseq=self.number, **common)
        self.send("BYE", target, **common)
        while (got := self.receive()) is not None and not got.get("CSeq").endswith("BYE"):
            pass
        return got.code if got else None

    # --- Digest -------------------------------------------------------------------------------------------------------

    def answer(self, method, uri, challenge):
        """Return the header that answers the first challenge which this client can answer."""
        name = "Authorization" if challenge.code == 401 else "Proxy-Authorization"
        values = challenge.all("WWW-Authenticate" if challenge.code == 401 else "Proxy-Authenticate")
        asked = next(dict(re.findall(r'(\w+)="?([^",]*)"?', value)) for value in values)
        algorithm = asked.get("algorithm", "MD5")

        def h(text):
            return hashlib.new(ALGORITHMS[algorithm], text.encode()).hexdigest()

        first = h(f"{self.user}:{asked['realm']}:{self.password}")
        second = h(f"{method}:{uri}")
        parts = {"username": self.user, "realm": asked["realm"], "nonce": asked["nonce"], "uri": uri}
        if "qop" in asked:
            cnonce = secrets.token_hex(4)
            parts["response"] = h(f"{first}:{asked['nonce']}:00000001:{cnonce}:auth:{second}")
            tail = f', qop=auth, nc=00000001, cnonce="{cnonce}"'
        else:
            parts["response"], tail = h(f"{first}:{asked['nonce']}:{second}"), ""
        if "opaque" in asked:
            parts["opaque"] = asked["opaque"]
        quoted = ", ".join(f'{key}="{value}"' for key, value in parts.items())
        return f"{name}: Digest {quoted}, algorithm={algorithm}{tail}"
