"""A job as OpenAI's response: what is known of it from the beginning, and what it comes to."""

from datetime import datetime
from typing import Any

from sightline.api.native.representation import in_session
from sightline.api.openai.names import of_response, tail
from sightline.api.openai.request import tier
from sightline.jobs.models import Job
from sightline.jobs.status import Status
from sightline.kinds.chat.kind import DEFAULTS
from sightline.responses.models import Response

Json = dict[str, Any]

_STATUSES = {
    Status.QUEUED: "queued",
    Status.RUNNING: "in_progress",
    Status.SUCCEEDED: "completed",
    Status.INCOMPLETE: "incomplete",
    Status.CANCELLED: "cancelled",
}


def shown(job: Job, row: Response) -> Json:
    """The response as it is now."""
    return {
        **base(job, row),
        **state(
            key=tail(job),
            status=job.status,
            output=job.output,
            usage=job.usage,
            error=job.error,
            ended_at=job.ended_at,
        ),
    }


def base(job: Job, row: Response) -> Json:
    """What was asked."""
    params = job.params
    choice = params.get("tool_choice", "auto")
    messages = job.input.get("messages") or []
    return {
        "id": of_response(job.pk),
        "object": "response",
        "created_at": int(job.created_at.timestamp()),
        "background": row.background,
        "instructions": messages[0]["content"] if row.instructed and messages else None,
        "max_output_tokens": params.get("max_tokens"),
        "max_tool_calls": None,
        "metadata": job.metadata,
        "model": job.model,
        "parallel_tool_calls": True,
        "previous_response_id": of_response(row.previous) if row.previous else None,
        "reasoning": {"effort": None, "summary": None},
        "service_tier": tier(job),
        "store": row.store,
        "temperature": params.get("temperature", DEFAULTS["temperature"]),
        "text": {"format": _format(params.get("response_format"))},
        "tool_choice": {"type": "function", **choice["function"]} if isinstance(choice, dict) else choice,
        "tools": [_tool(tool["function"]) for tool in params.get("tools") or []],
        "top_logprobs": 0,
        "top_p": params.get("top_p", DEFAULTS["top_p"]),
        "truncation": "disabled",
        "sightline": {"job": job.public_id, **({"session": seen} if (seen := in_session(job)) else {})},
    }


def state(
    *,
    key: str,
    status: str,
    output: Json | None = None,
    usage: Json | None = None,
    error: Json | None = None,
    ended_at: datetime | None = None,
) -> Json:
    """Where it stands, from the job's own words. `key` is what the ids of its items have in common."""
    word = _STATUSES.get(Status(status), "failed")
    failed = word == "failed"
    told = error or {}
    return {
        "status": word,
        "completed_at": int(ended_at.timestamp()) if ended_at and word == "completed" else None,
        "error": {
            "code": str(told.get("code", status)),
            "message": str(told.get("message", f"It was {status}.")),
        }
        if failed
        else None,
        "incomplete_details": {"reason": "max_output_tokens"} if word == "incomplete" else None,
        "output": items(key, output, complete=word == "completed") if output else [],
        "usage": _usage(usage) if usage else None,
    }


def items(key: str, output: Json, *, complete: bool) -> list[Json]:
    """The items of an answer: its reasoning, its message, its calls."""
    message = output["choices"][0]["message"]
    text, calls = message.get("content"), message.get("tool_calls") or []
    status = "completed" if complete else "incomplete"
    found = [reasoning(key, message["reasoning"], status)] if message.get("reasoning") else []
    if text or not calls:
        found.append(said(key, text or "", status))
    return found + [called(key, number, call) for number, call in enumerate(calls)]


def reasoning(key: str, text: str | None, status: str) -> Json:
    """A reasoning item; None: it is only beginning."""
    content = [{"type": "reasoning_text", "text": text}] if text is not None else []
    return {"id": f"rs_{key}", "type": "reasoning", "summary": [], "content": content, "status": status}


def said(key: str, text: str | None, status: str) -> Json:
    """A message item; None: it is only beginning."""
    content = [text_part(text)] if text is not None else []
    return {"id": f"msg_{key}", "type": "message", "role": "assistant", "status": status, "content": content}


def text_part(text: str) -> Json:
    """The text of a message."""
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}


def called(key: str, number: int, call: Json, *, begins: bool = False) -> Json:
    """A function_call item."""
    return {
        "id": f"fc_{key}_{number}",
        "type": "function_call",
        "call_id": call["id"],
        "name": call["function"]["name"],
        "arguments": "" if begins else call["function"]["arguments"],
        "status": "in_progress" if begins else "completed",
    }


def _usage(usage: Json) -> Json:
    read, written = usage.get("input_tokens", 0), usage.get("output_tokens", 0)
    return {
        "input_tokens": read,
        # OpenAI's clients need these numbers; the engine tells them of all requests together only.
        "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
        "output_tokens": written,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": read + written,
    }


def _format(wanted: Json | None) -> Json:
    if wanted is None:
        return {"type": "text"}
    if wanted["type"] != "json_schema":
        return {"type": wanted["type"]}
    return {"type": "json_schema", "description": None, "strict": None, **wanted["json_schema"]}


def _tool(function: Json) -> Json:
    return {"type": "function", "description": None, "parameters": None, "strict": None, **function}
