"""What a guest without Stead needs to get as far as its ssh server: an address by DHCP, and a metadata service."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

HOST, GUEST = "10.77.0.1", "10.77.0.2"
METADATA = "169.254.169.254"


class _Metadata(BaseHTTPRequestHandler):
    """Says the same to whatever is asked."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"bench")

    do_PUT = do_GET

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: standard error is for what fails."""


@contextmanager
def serving(tap: str) -> Iterator[None]:
    for address in (f"{HOST}/24", f"{METADATA}/32"):
        subprocess.run(["ip", "address", "add", address, "dev", tap], check=True)
    subprocess.run(["ip", "link", "set", tap, "up"], check=True)
    options = [f"--interface={tap}", "--bind-interfaces", "--port=0", f"--dhcp-range={GUEST},{GUEST},255.255.255.0"]
    files = ["--conf-file=/dev/null", "--pid-file", "--dhcp-leasefile=/dev/null"]
    dnsmasq = subprocess.Popen(["dnsmasq", "--keep-in-foreground", *options, *files], stderr=subprocess.DEVNULL)
    try:
        with ThreadingHTTPServer((METADATA, 80), _Metadata) as server:
            Thread(target=server.serve_forever, daemon=True).start()
            yield
            server.shutdown()
    finally:
        dnsmasq.kill()
        dnsmasq.wait()
