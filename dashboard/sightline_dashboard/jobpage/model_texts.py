"""What the model wrote, before a kind made an output of it."""

from dataclasses import dataclass

from sightline.jobs.models import Job
from sightline_dashboard.jobpage.ocr import MOST_PAGES


@dataclass(frozen=True, kw_only=True)
class ModelText:
    """The raw text of an action, of an answer, or of one page."""

    of: str
    """Which page, where there are several."""
    text: str


def model_texts(job: Job) -> list[ModelText]:
    """One for a gui or chat job, one a page for ocr. A page that is as the model wrote it keeps no other text."""
    output = job.output or {}
    if isinstance(raw := output.get("raw"), str):
        return [ModelText(of="", text=raw)]
    answers = [choice.get("message") or {} for choice in output.get("choices") or ()]
    found = [ModelText(of="", text=answer["content"]) for answer in answers if answer.get("content")]
    pages = output.get("pages") or []
    for page in pages[:MOST_PAGES]:
        if "raw" not in page:  # it was read before raw text was kept
            continue
        shown = next((page[name] for name in ("markdown", "html", "text") if page.get(name)), "")
        text = shown if page["raw"] is None else page["raw"]
        found.append(ModelText(of=f"page {page['page']}" if len(pages) > 1 else "", text=text))
    return found
