"""`verify --online` against real servers on this machine: what is fetched, what is refused, and what is bounded."""

from __future__ import annotations

import contextlib
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import make_credentials as kit
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509 import ocsp
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID

import facevalue as fv
from facevalue.provenance import fetch as module
from facevalue.provenance.fetch import FetchError, fetch, is_public, public_address

Answer = Callable[[BaseHTTPRequestHandler, bytes], None]
PIECE = bytes(64 << 10)


class Server:
    """Answers by path, and remembers what it was asked."""

    def __init__(self, tls: Path | None = None) -> None:
        self.answers: dict[str, Answer] = {}
        self.asked: list[tuple[str, str, bytes]] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                outer.asked.append((self.command, self.path, body))
                with contextlib.suppress(OSError):  # the client may hang up at any time
                    outer.answers.get(self.path, status(404))(self, body)

            do_POST = do_GET

            def log_message(self, *_: Any) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(tls)
            self.http.socket = context.wrap_socket(self.http.socket, server_side=True)
        self.base = f"{'https' if tls else 'http'}://localhost:{self.http.server_address[1]}"
        threading.Thread(target=self.http.serve_forever, daemon=True).start()

    def close(self) -> None:
        self.http.shutdown()
        self.http.server_close()


def whole(data: bytes) -> Answer:
    def answer(handler: BaseHTTPRequestHandler, _: bytes) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(data)))
        handler.end_headers()
        handler.wfile.write(data)

    return answer


def status(code: int, location: str | None = None) -> Answer:
    def answer(handler: BaseHTTPRequestHandler, _: bytes) -> None:
        handler.send_response(code)
        if location:
            handler.send_header("Location", location)
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    return answer


def endless(handler: BaseHTTPRequestHandler, _: bytes) -> None:
    handler.send_response(200)
    handler.end_headers()
    for _ in range(2_000):
        handler.wfile.write(PIECE)


def cut_off(handler: BaseHTTPRequestHandler, _: bytes) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", "1000")
    handler.end_headers()
    handler.wfile.write(b"not a thousand")
    handler.close_connection = True


def dripping(handler: BaseHTTPRequestHandler, _: bytes) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", "100000")
    handler.end_headers()
    for _ in range(200):
        handler.wfile.write(b".")
        time.sleep(0.05)


def dripping_headers(handler: BaseHTTPRequestHandler, _: bytes) -> None:
    handler.wfile.write(b"HTTP/1.1 200 OK\r\n")
    for number in range(90):
        handler.wfile.write(b"X-%d: y\r\n" % number)
        time.sleep(0.05)


@pytest.fixture
def network(monkeypatch: pytest.MonkeyPatch) -> None:
    """The network is on, and this machine's own addresses count as public ones."""
    monkeypatch.delenv("FACEVALUE_OFFLINE")
    monkeypatch.setattr(module, "is_public", lambda address: address in ("127.0.0.1", "::1"))
    resolve = module.socket.getaddrinfo
    monkeypatch.setattr(module.socket, "getaddrinfo", lambda host, *a, **k: resolve("127.0.0.1", *a, **k))


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    yield server
    server.close()


@pytest.fixture
def secure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """A server whose certificate the system's own list is made to vouch for."""
    names = x509.SubjectAlternativeName([x509.DNSName("localhost")])
    wish = kit.Wish("localhost", ekus=(ExtendedKeyUsageOID.SERVER_AUTH,), extra=((names, False),))
    party = kit.issue(wish, kit.root())
    kind = serialization.PrivateFormat.PKCS8
    key = party.key.private_bytes(serialization.Encoding.PEM, kind, serialization.NoEncryption())
    (tmp_path / "tls.pem").write_bytes(key + party.pem().encode())
    (tmp_path / "ca.pem").write_text(kit.root().pem())
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    server = Server(tmp_path / "tls.pem")
    yield server
    server.close()


def get(server: Server, path: str, **options: Any) -> bytes:
    return fetch(server.base + path, **({"schemes": ("http", "https"), "most_bytes": 100_000} | options))


@pytest.mark.usefixtures("network")
class TestFetch:
    def test_a_body_arrives_whole(self, server: Server) -> None:
        server.answers["/a?b=c"] = whole(b"x" * 99_999)
        assert get(server, "/a?b=c") == b"x" * 99_999
        assert get(server, "/a?b=c", body=b"question", content_type="text/plain") == b"x" * 99_999
        assert [(method, body) for method, _, body in server.asked] == [("GET", b""), ("POST", b"question")]

    @pytest.mark.parametrize(
        ("answer", "options", "why"),
        [
            (status(404), {}, "answers 404"),
            (status(500), {}, "answers 500"),
            (endless, {}, "larger than 100,000 bytes"),
            (whole(b"x" * 100_001), {}, "larger than"),
            (cut_off, {}, "cut off|IncompleteRead"),
            (dripping, {"seconds": 0.4}, "too long"),
            (dripping_headers, {"seconds": 0.4}, "too long"),
            (status(302, "http://elsewhere.example/m"), {}, "another place, elsewhere.example"),
            (status(302, "https://localhost/m"), {}, "another place"),
            (status(302, "file:///etc/passwd"), {}, "address is not one of"),
            (status(302, "http://localhost@elsewhere.example/"), {}, "address is not one of"),
            (status(302), {}, "redirects more than 3 times"),
            (status(307, "/b"), {"body": b"x"}, "answers 307"),
        ],
    )
    def test_what_is_refused_says_why(self, server: Server, answer: Answer, options: dict[str, Any], why: str) -> None:
        server.answers["/"] = answer
        with pytest.raises(FetchError, match=why):
            get(server, "/", **options)

    def test_a_redirect_within_the_same_server_is_followed(self, server: Server) -> None:
        server.answers |= {
            "/one": status(302, "/two"),
            "/two": status(308, server.base + "/three"),
            "/three": whole(b"here"),
        }
        assert get(server, "/one") == b"here"
        server.answers["/three"] = status(301, "/one")
        with pytest.raises(FetchError, match="redirects more than 3 times"):
            get(server, "/one")

    @pytest.mark.parametrize(
        "url",
        [
            *(7, None, "", "file:///x", "ftp://a.example/", "https://", "https://[", "http://a b/", "//localhost/"),
            *(
                "http://u:p@localhost/",
                "http://localhost:99999/",
                "http://localhost/\r\nX: y",
                "http://a/" + "x" * 3_000,
            ),
        ],
    )
    def test_a_strange_address_is_refused(self, url: object) -> None:
        with pytest.raises(FetchError, match="its address"):
            fetch(url, schemes=("http", "https"), most_bytes=10)

    def test_nobody_listens_there(self, server: Server) -> None:
        server.close()
        with pytest.raises(FetchError, match="cannot be asked"):
            get(server, "/")

    def test_a_certificate_that_nobody_vouches_for_is_refused(
        self, secure: Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        secure.answers["/"] = whole(b"secret")
        assert get(secure, "/") == b"secret"
        (tmp_path / "other.pem").write_text(kit.stranger().pem())
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "other.pem"))
        with pytest.raises(FetchError, match="over TLS"):
            get(secure, "/")


class TestAddresses:
    def test_the_network_is_refused_offline(self) -> None:
        with pytest.raises(fv.OfflineError):
            fetch("https://a.example/", schemes=("https",), most_bytes=10)

    @pytest.mark.parametrize(
        "address",
        [
            *("127.0.0.1", "::1", "10.1.2.3", "169.254.169.254", "0.0.0.0", "::ffff:10.0.0.1", "2002:7f00:1::"),
            *("224.0.0.1", "fe80::1", "100.64.0.1", "192.168.0.1", "::"),
        ],
    )
    def test_addresses_of_this_network_are_not_public(self, address: str) -> None:
        assert not is_public(address)

    def test_public_ones_are(self) -> None:
        assert is_public("93.184.216.34")
        assert is_public("2606:4700::1111")

    def test_one_private_address_among_several_is_enough_to_refuse(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def resolve(host: str, *_: Any, **__: Any) -> list[Any]:
            found = {"good.example": ["93.184.216.34"], "mixed.example": ["93.184.216.34", "10.0.0.7"]}
            if host not in found:
                raise OSError
            return [(2, 1, 6, "", (address, 443)) for address in found[host]]

        monkeypatch.setattr(module.socket, "getaddrinfo", resolve)
        assert public_address("good.example", 443) == "93.184.216.34"
        with pytest.raises(FetchError, match="private or local network"):
            public_address("mixed.example", 443)
        with pytest.raises(FetchError, match="is not known"):
            public_address("gone.example", 443)

    def test_a_file_cannot_make_this_machine_ask_itself(self, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("FACEVALUE_OFFLINE")
        with pytest.raises(FetchError, match="private or local network"):
            get(server, "/")
        assert server.asked == []


@pytest.mark.usefixtures("network")
class TestManifest:
    def remote(self, secure: Server, path: str = "/m.c2pa") -> tuple[bytes, bytes]:
        return kit.sign_aside(kit.picture(), remote=secure.base + path)

    def test_a_manifest_kept_elsewhere_is_fetched_and_verified(self, secure: Server, trust: Path) -> None:
        data, store = self.remote(secure)
        secure.answers["/m.c2pa"] = whole(store)
        found = fv.verify(data, trust=trust, online=True)
        assert (found.state, found.remote, found.sidecar) == (fv.State.VERIFIED, secure.base + "/m.c2pa", False)
        assert "The manifest was fetched" in found.notes[0]
        assert len(secure.asked) == 1
        assert fv.verify(data, trust=trust).state is fv.State.NO_CREDENTIALS  # not asked for, not fetched
        assert len(secure.asked) == 1
        altered = fv.verify(kit.flipped(data, -20), trust=trust, online=True)
        assert altered.state is fv.State.ALTERED

    @pytest.mark.parametrize(
        ("answer", "state", "told"),
        [
            (status(404), fv.State.NO_CREDENTIALS, "could not be fetched: localhost answers 404"),
            (status(302, "https://elsewhere.example/m"), fv.State.NO_CREDENTIALS, "redirects to another place"),
            (whole(b""), fv.State.NO_CREDENTIALS, "the answer is empty"),
            (whole(b"this is no manifest store"), fv.State.ERROR, "was fetched"),
        ],
    )
    def test_what_does_not_come_or_is_none_is_said(
        self, secure: Server, answer: Answer, state: fv.State, told: str
    ) -> None:
        data, _ = self.remote(secure)
        secure.answers["/m.c2pa"] = answer
        found = fv.verify(data, online=True)
        assert (found.state, told in found.notes[0]) == (state, True), found.notes

    def test_plain_http_is_not_fetched(self, server: Server) -> None:
        data, _ = kit.sign_aside(kit.picture(), remote=server.base + "/m.c2pa")
        found = fv.verify(data, online=True)
        assert found.state is fv.State.NO_CREDENTIALS
        assert "could not be fetched: its address is not one of https" in found.notes[0]
        assert server.asked == []

    def test_online_is_refused_offline(self, secure: Server, monkeypatch: pytest.MonkeyPatch) -> None:
        data, _ = self.remote(secure)
        monkeypatch.setenv("FACEVALUE_OFFLINE", "1")
        with pytest.raises(fv.OfflineError):
            fv.verify(data, online=True)
        assert secure.asked == []


@pytest.mark.usefixtures("network")
class TestRevocation:
    def signer(self, server: Server) -> kit.Party:
        place = x509.UniformResourceIdentifier(server.base + "/ocsp")
        access = x509.AuthorityInformationAccess([x509.AccessDescription(AuthorityInformationAccessOID.OCSP, place)])
        return kit.issue(kit.Wish("Asked signer", extra=((access, False),)), kit.intermediate())

    def response(self, leaf: kit.Party, state: ocsp.OCSPCertStatus, by: kit.Party | None = None, age: int = 0) -> bytes:
        by = by or kit.intermediate()
        gone = kit.NOW - kit.DAY if state is ocsp.OCSPCertStatus.REVOKED else None
        start = kit.NOW - age * kit.DAY
        builder = ocsp.OCSPResponseBuilder().add_response(
            leaf.certificate,
            kit.intermediate().certificate,
            hashes.SHA1(),
            state,
            start,
            start + 2 * kit.DAY,
            gone,
            None,
        )
        builder = builder.responder_id(ocsp.OCSPResponderEncoding.HASH, by.certificate)
        return builder.sign(by.key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)

    def test_a_good_answer_is_of_now(self, server: Server, trust: Path) -> None:
        party = self.signer(server)
        server.answers["/ocsp"] = whole(self.response(party, ocsp.OCSPCertStatus.GOOD))
        found = fv.verify(kit.sign(kit.picture(), by=party), trust=trust, online=True)
        axis = found.axes["revocation"]
        assert (found.state, str(axis.status)) == (fv.State.VERIFIED, "passed")
        assert "asked now" in axis.summary
        ((method, _, body),) = server.asked
        assert method == "POST"
        assert ocsp.load_der_ocsp_request(body).serial_number == party.certificate.serial_number

    def test_a_revoked_signer_is_not_trusted(self, server: Server, trust: Path) -> None:
        party = self.signer(server)
        server.answers["/ocsp"] = whole(self.response(party, ocsp.OCSPCertStatus.REVOKED))
        data = kit.sign(kit.picture(), by=party)
        assert fv.verify(data, trust=trust).state is fv.State.VERIFIED  # nobody was asked
        found = fv.verify(data, trust=trust, online=True)
        assert (found.state, str(found.axes["revocation"].status)) == (fv.State.UNTRUSTED_SIGNER, "failed")

    def test_answers_that_prove_nothing(self, server: Server, trust: Path) -> None:
        party = self.signer(server)
        data = kit.sign(kit.picture(), by=party)
        namesake = kit.issue(kit.Wish("Test intermediate", ca=True))
        for answer, wanted in (
            (whole(self.response(party, ocsp.OCSPCertStatus.GOOD, age=30)), "unknown"),  # an old one, played again
            (whole(self.response(party, ocsp.OCSPCertStatus.GOOD, by=kit.stranger())), "unknown"),
            (whole(self.response(party, ocsp.OCSPCertStatus.GOOD, by=namesake)), "unknown"),
            (whole(self.response(kit.signer(), ocsp.OCSPCertStatus.GOOD)), "not_asked"),  # about somebody else
            (whole(b"rubbish"), "not_asked"),
            (status(503), "not_available"),
            (endless, "not_available"),
        ):
            server.answers["/ocsp"] = answer
            found = fv.verify(data, trust=trust, online=True)
            assert (found.state, str(found.axes["revocation"].status)) == (fv.State.VERIFIED, wanted)

    def test_a_certificate_that_names_nobody(self, signed: bytes, trust: Path) -> None:
        axis = fv.verify(signed, trust=trust, online=True).axes["revocation"]
        assert (str(axis.status), "names nobody to ask" in axis.summary) == ("not_asked", True)
