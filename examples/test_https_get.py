"""A client of HTTP over TLS against servers of Python's: good ones, and some that are not to be trusted."""
import http.server
import os
import socket
import ssl
import subprocess
import threading

import https_files
from test_http import check

PAGE = os.urandom(1_000_000)


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        text = self.headers["Host"] if self.path == "/host" else self.path
        self.wfile.write(PAGE if self.path == "/page?x=1" else text.encode())

    def log_message(self, *words):
        pass


class Server(http.server.ThreadingHTTPServer):
    """With `cut`, without a farewell at its end."""

    def __init__(self, certificate, key, cut=False):
        super().__init__(("127.0.0.1", 0), Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        self.socket = context.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)
        self.cut = cut
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def shutdown_request(self, request):
        try:
            if not self.cut:
                request.unwrap()
        except OSError:
            pass
        self.close_request(request)

    def handle_error(self, request, address):
        pass


def test(program, work):
    roots = https_files.make_root(work)
    certificate, key = https_files.make_certificate(work)

    def run(url, *words):
        return subprocess.run([program, url, *map(str, words)], capture_output=True, timeout=60)

    with Server(certificate, key) as server:
        port = server.server_port
        page = run(f"https://localhost:{port}/page?x=1", roots)
        check("page", (page.returncode, page.stdout == PAGE), (0, True))
        assert b"TLS 1.3, " in page.stderr and b"CN=localhost" in page.stderr, page.stderr
        assert b"< HTTP/1.0 200 OK" in page.stderr, page.stderr
        check("by address", run(f"https://127.0.0.1:{port}", roots).stdout, b"/")
        check("host", run(f"https://localhost:{port}/host", roots).stdout, f"localhost:{port}".encode())
        unknown = run(f"https://localhost:{port}/")
        check("unknown root", (unknown.returncode, unknown.stdout), (1, b""))
        assert b"certificate" in unknown.stderr, unknown.stderr
        wrong = run(f"https://127.0.0.2:{port}/", roots)  # nobody is there, or one with another name
        check("wrong address", (wrong.returncode, wrong.stdout), (1, b""))
    with Server(certificate, key, cut=True) as server:
        cut = run(f"https://localhost:{server.server_port}/page?x=1", roots)
        check("cut off", cut.returncode, 1)
        assert b"close_notify" in cut.stderr, cut.stderr
    with socket.create_server(("127.0.0.1", 0)) as plain:
        client = subprocess.Popen([program, f"https://127.0.0.1:{plain.getsockname()[1]}/"],
                                  stderr=subprocess.PIPE)
        connection, _ = plain.accept()
        connection.sendall(b"220 I speak something else\r\n")
        assert b"handshake" in client.communicate(timeout=60)[1]
        connection.close()
    for url in ("http://localhost/", "https://", "https:///x", "https://localhost:x/",
                "https://localhost:99999/"):
        refused = run(url)
        check(url, (refused.returncode, refused.stdout), (1, b""))
