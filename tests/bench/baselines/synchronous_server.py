"""Baseline 1: a web server that handles one request at a time and calls the engine inside the request.

`python synchronous_server.py ENGINE_URL`. As the published description has it: no queue, no concurrency, the next
client waits in the listen backlog. It passes the client's body on, so that it does no more work than it must.
"""

import http.client
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer
from urllib.parse import urlsplit

ENGINE = urlsplit(sys.argv[1])
_engine = http.client.HTTPConnection(ENGINE.hostname or "", ENGINE.port)


class Handler(BaseHTTPRequestHandler):
    # HTTP/1.0: the connection ends with its request, else one idle client would hold the server.
    protocol_version = "HTTP/1.0"
    # Nor may one that connected and said nothing.
    timeout = 5

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        try:
            _engine.request("POST", "/v1/chat/completions", body, {"Content-Type": "application/json"})
            answer = _engine.getresponse()
            status, text = answer.status, answer.read()
        except (OSError, http.client.HTTPException) as error:
            _engine.close()
            status, text = 502, str(error).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing a request."""


class Server(HTTPServer):
    request_queue_size = 1024


if __name__ == "__main__":
    server = Server(("127.0.0.1", 0), Handler)
    print(f"listening on http://127.0.0.1:{server.server_port}", flush=True)
    server.serve_forever()
