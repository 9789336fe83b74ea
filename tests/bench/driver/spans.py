"""The traces that vLLM sends of its requests: when each one arrived there and when the engine scheduled it."""

import re
import threading
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

_JOB = re.compile(r"job_[0-9A-Za-z]+-\d+-\d+")
_TTFT = "gen_ai.latency.time_to_first_token"
_PREFILL = "gen_ai.latency.time_in_model_prefill"
_REQUEST = "gen_ai.request.id"


@dataclass(frozen=True, kw_only=True)
class Scheduled:
    """One request of ours in vLLM; seconds since the epoch."""

    arrived: float
    """At vLLM's front end."""
    scheduled: float
    """First token less the prefill: late by what it takes to tell the front end, some milliseconds at most."""


class Spans:
    """A receiver of OpenTelemetry traces over HTTP."""

    def __init__(self) -> None:
        self.requests: dict[str, Scheduled] = {}
        """By the request id that the worker gave: job, run and number of the call."""
        spans = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                spans._take(self.rfile.read(int(self.headers["Content-Length"])))
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *args: object) -> None:
                """Silent."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    def __enter__(self) -> "Spans":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def argv(self) -> tuple[str, ...]:
        """What vLLM's command needs."""
        return ("--otlp-traces-endpoint", f"http://127.0.0.1:{self._server.server_address[1]}/v1/traces")

    env = {"OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "http/protobuf", "OTEL_BSP_SCHEDULE_DELAY": "500"}
    """What its environment needs."""

    def _take(self, body: bytes) -> None:
        from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

        sent = ExportTraceServiceRequest.FromString(body)
        for resource in sent.resource_spans:
            for scope in resource.scope_spans:
                for span in scope.spans:
                    self._add(span)

    def _add(self, span: Any) -> None:
        values = {pair.key: pair.value for pair in span.attributes}
        found = _JOB.search(values[_REQUEST].string_value) if _REQUEST in values else None
        if found is None or _TTFT not in values:
            return
        arrived = span.start_time_unix_nano / 1e9
        first_token = arrived + values[_TTFT].double_value
        self.requests[found[0]] = Scheduled(
            arrived=arrived, scheduled=first_token - values[_PREFILL].double_value
        )
