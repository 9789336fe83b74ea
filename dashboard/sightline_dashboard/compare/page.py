"""All that the side-by-side page shows of two jobs, gathered with a fixed number of queries."""

from dataclasses import dataclass
from typing import Any

from django.urls import reverse

from sightline.api.native.comparison import side
from sightline.comparison.jobs import Comparison, compare
from sightline.comparison.text import TextDifference
from sightline.jobs.models import Job
from sightline_dashboard.compare.figures import Figure, figures
from sightline_dashboard.compare.pages import DrawnPage, draw_pages
from sightline_dashboard.compare.pieces import Piece, pieces
from sightline_dashboard.compare.times import Bar, bars
from sightline_dashboard.jobpage import chat, gui
from sightline_dashboard.jobpage.follow import follow_url
from sightline_dashboard.jobpage.images import Shown, shown


@dataclass(frozen=True, kw_only=True)
class Column:
    """One of the two."""

    letter: str
    """A or B, as drawings and tables call it."""
    job: Job
    images: list[Shown]
    drawn: Any
    """What the kind's part of the job page draws; None for ocr, whose pages are drawn as pairs."""
    follow: str
    """Where its events are streamed; empty once it has ended."""


@dataclass(frozen=True, kw_only=True)
class Page:
    """What the template reads."""

    columns: tuple[Column, Column]
    found: Comparison
    figures: list[Figure]
    pages: list[DrawnPage]
    pieces: list[Piece]
    """Of the text of a gui or chat job."""
    bars: list[Bar]
    same_image: bool
    """Both were given the same first image, so that both answers can be drawn on it."""
    swapped: str
    """Address of the same page with the sides changed."""
    live: bool

    @property
    def first(self) -> Column:
        return self.columns[0]

    @property
    def second(self) -> Column:
        return self.columns[1]

    @property
    def text(self) -> TextDifference | None:
        return self.found.text


def address(first: Job, second: Job) -> str:
    """Where the second job is compared with the first."""
    return reverse("admin:jobs_job_compare", args=[first.public_id, second.public_id])


def build(first: Job, second: Job) -> Page:
    """Both of one kind. One query each for images, one each for the number of events while they live."""
    columns = (_column("A", first), _column("B", second))
    found = compare(side(first), side(second))
    digests = [column.images[0].sha256 if column.images else "" for column in columns]
    return Page(
        columns=columns,
        found=found,
        figures=figures(found),
        pages=draw_pages(found, first, second, columns[0].images, columns[1].images),
        pieces=pieces(found.text.runs) if found.text else [],
        bars=bars(first.timings, second.timings),
        same_image=bool(digests[0]) and digests[0] == digests[1],
        swapped=address(second, first),
        live=not (first.ended and second.ended),
    )


def _column(letter: str, job: Job) -> Column:
    images = shown(job)
    draw = {"gui": gui.draw, "chat": chat.draw}.get(job.kind)
    return Column(
        letter=letter,
        job=job,
        images=images,
        drawn=draw(job, images) if draw else None,
        follow=follow_url(job),
    )
