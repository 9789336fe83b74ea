"""Which path does what in a simulated engine."""

import json
import time
from typing import Any
from urllib.parse import parse_qs

from . import chat, metrics
from .engine import TwinEngine
from .errors import Refusal
from .http1 import Connection, HttpRequest


class Routes:
    """vLLM's paths, and `/twin/…` to steer the twin and to look inside."""

    def __init__(self, engine: TwinEngine) -> None:
        self._engine = engine

    def handle(self, connection: Connection, request: HttpRequest) -> None:
        """Answer one request."""
        match request.method, request.path:
            case "POST", "/v1/chat/completions":
                chat.serve(self._engine, connection, request)
            case "GET", "/health":
                connection.respond(200, b"")
            case "GET", "/v1/models":
                self._json(connection, self._models())
            case "GET", "/metrics":
                engine = self._engine
                page = metrics.page(engine)
                connection.respond(200, page, kind="text/plain; version=0.0.4; charset=utf-8")
            case "GET", "/twin/stats":
                self._json(connection, self._engine.record.as_json(self._gauges()))
            case "GET", "/twin/requests":
                since = int(parse_qs(request.query).get("since", ["0"])[0])
                self._json(connection, self._engine.record.since(since))
            case "GET", "/twin/faults":
                self._json(connection, vars(self._engine.faults))
            case "POST", "/twin/faults":
                self._set_faults(connection, request.body)
            case "DELETE", "/twin/faults":
                self._set_faults(connection, json.dumps(vars(self._engine.initial_faults())).encode())
            case _:
                connection.respond(404, Refusal(404, "Not Found").body())

    @staticmethod
    def _json(connection: Connection, value: object) -> None:
        connection.respond(200, json.dumps(value).encode())

    def _gauges(self) -> dict[str, int | float]:
        scheduler = self._engine.scheduler
        return {"running": scheduler.running, "waiting": scheduler.waiting, "kv_used": scheduler.kv_used}

    def _models(self) -> dict[str, Any]:
        options = self._engine.options
        card = {
            "id": options.model,
            "object": "model",
            "created": int(time.time()),
            "owned_by": "sightline",
            "root": "twin",
            "max_model_len": options.max_model_len,
        }
        return {"object": "list", "data": [card]}

    def _set_faults(self, connection: Connection, body: bytes) -> None:
        scheduler, faults = self._engine.scheduler, self._engine.faults
        scheduler.before_faults_change()
        try:
            faults.update(json.loads(body))
        except (ValueError, AttributeError) as error:
            connection.respond(400, Refusal(400, str(error)).body())
            return
        if faults.crash:
            self._engine.die()
        scheduler.faults_changed()
        self._json(connection, vars(faults))
