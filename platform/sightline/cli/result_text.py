"""A job's result as a person reads it in a terminal."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sightline.client import Job


FINISHES = {
    "length": "cut off at the token limit",
    "repetition": "stopped because the model fell into a loop",
}
"""Why an output is no whole one, by the reason at which the engine stopped."""


def why(job: "Job") -> str:
    """Why an ended job did not succeed, in a few words; empty where there is nothing to tell."""
    error, reason = job.error or {}, str(job.document.get("finish_reason") or "")
    if job.status == "incomplete":
        return FINISHES.get(reason, reason)
    return str(error.get("message") or error.get("code") or "")


def result_text(job: "Job") -> str:
    """The text that was read, the action to take, or the answer; for a job without output why it ended."""
    if job.output is None:
        return f"{job.status}: {why(job) or 'no output'}"
    read = {"ocr": _ocr, "gui": _gui, "chat": _chat}.get(job.kind)
    return read(job.output) if read else str(job.output)


def _ocr(output: dict[str, Any]) -> str:
    return "\n\f".join(_page(page) for page in output.get("pages", []))


def _page(page: dict[str, Any]) -> str:
    for form in ("text", "markdown", "html"):
        if page.get(form):
            return str(page[form])
    return "\n".join(
        f"{block.get('bbox_px')} {block.get('text_content', '')}" for block in page.get("blocks", [])
    )


def _gui(output: dict[str, Any]) -> str:
    arguments = dict(output.get("arguments") or {})
    resolved = output.get("resolved") or {}
    action = str(arguments.pop("action", "no action"))
    if resolved.get("point_px"):
        arguments.pop("coordinate", None)
        arguments["at"] = "{} px".format(resolved["point_px"])
    details = ", ".join(f"{name} {value}" for name, value in arguments.items())
    if action == "no action":
        return f"no action; the model wrote: {output.get('raw') or 'nothing'}"
    said = output.get("description") or output.get("thought")
    return f"{action} {details}".rstrip() + (f"\n{said}" if said else "")


def _chat(output: dict[str, Any]) -> str:
    choices = output.get("choices") or [{}]
    return str((choices[0].get("message") or {}).get("content") or "")
