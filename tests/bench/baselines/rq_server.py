"""Baseline 2, the front: takes a job into an RQ queue and answers polls.

`python rq_server.py REDIS_SOCKET ENGINE_URL`.
"""

import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from redis import Redis
from rq import Queue
from rq.job import Job

_redis = Redis(unix_socket_path=sys.argv[1])
_queue = Queue("bench", connection=_redis)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        job = _queue.enqueue("rq_job.call_engine", sys.argv[2], body.decode(), result_ttl=60, failure_ttl=60)
        self._answer(202, {"id": job.id})

    def do_GET(self) -> None:
        job = Job.fetch(self.path.rpartition("/")[2], connection=_redis)
        status = job.get_status(refresh=False).value
        self._answer(200, {"status": status, "result": job.return_value() if job.is_finished else None})

    def _answer(self, status: int, value: object) -> None:
        text = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing a request."""


class Server(ThreadingHTTPServer):
    request_queue_size = 1024
    daemon_threads = True


if __name__ == "__main__":
    server = Server(("127.0.0.1", 0), Handler)
    print(f"listening on http://127.0.0.1:{server.server_port}", flush=True)
    server.serve_forever()
