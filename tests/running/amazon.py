"""Amazon's end of a linking: an HTTPS server that takes the browser back, as the redirect URLs do.

`/api/skill/link/<VENDOR>` hops on to another origin, as Amazon does: a Content-Security-Policy
whose `form-action` forgets the chain stops the browser here.
"""

import datetime
import ipaddress
import ssl
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.running.ports import LOOPBACK

HOP = "https://skills-store.amazon.com/linked"


class Amazon:
    """Keeps every request as the full URL that the browser asked for."""

    def __init__(self, folder: Path) -> None:
        self.requests: list[str] = []
        seen = self.requests

        class Answer(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                seen.append(f"https://{self.headers['host']}{self.path}")
                if self.path.startswith("/api/skill/link/"):
                    self.send_response(302)
                    self.send_header("Location", HOP)
                    self.send_header("Content-Length", "0")
                    self.end_headers()
                    return
                body = b"<!doctype html><title>Linked</title><p>Your account has been linked."
                self.send_response(200)
                self.send_header("Content-Type", "text/html")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer((LOOPBACK, 0), Answer)
        self.server.daemon_threads = True
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(_certificate(folder))
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True, do_handshake_on_connect=False)
        self.port = int(self.server.server_address[1])

    def start(self) -> None:
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def stop(self) -> None:
        self.server.shutdown()
        self.server.server_close()

    def returns(self) -> list[str]:
        """The redirect URLs that were called, with their queries, oldest first."""
        return [url for url in self.requests if "/api/skill/link/" in url]


def _certificate(folder: Path) -> Path:
    """A self-signed certificate and its key in one file; the browser under test is told to ignore who signed it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "amazon.com")])
    now = datetime.datetime.now(datetime.UTC)
    names = [x509.DNSName("*.amazon.com"), x509.DNSName("*.amazon.co.jp")]
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([*names, x509.IPAddress(ipaddress.ip_address(LOOPBACK))]), False)
        .sign(key, hashes.SHA256())
    )
    path = folder / "amazon.pem"
    path.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    return path
