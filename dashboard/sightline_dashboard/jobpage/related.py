"""Other jobs that have to do with one: what it came from, what it waits for, what had the same images."""

from dataclasses import dataclass

from sightline import ids
from sightline.jobs.models import Job, JobMedia

SHOWN = 8


@dataclass(frozen=True, kw_only=True)
class Related:
    """Public ids, and the newest jobs with an image of this one."""

    replay_of: str
    source: str
    same_image: list[Job]
    causes: list[str]
    """Fingerprints of its failed attempts, the latest first."""

    @property
    def anything(self) -> bool:
        return bool(self.replay_of or self.source or self.same_image or self.causes)


def related(job: Job, *, fingerprints: list[str]) -> Related:
    """Two queries, over indexes of the images."""
    own = list(JobMedia.objects.filter(job=job).values_list("media_id", flat=True)[:SHOWN])
    same: list[Job] = []
    if own:
        rows = JobMedia.objects.filter(media_id__in=own).exclude(job=job).order_by("-id").values("job_id")
        same = list(
            Job.objects.filter(pk__in=list(dict.fromkeys(row["job_id"] for row in rows[: 2 * SHOWN]))[:SHOWN])
            .only("id", "kind", "status", "created_at", "replay_of")
            .order_by("-id")
        )
    return Related(
        replay_of=ids.encode(ids.JOB, job.replay_of) if job.replay_of else "",
        source=ids.encode(ids.JOB, job.source) if job.source else "",
        same_image=same,
        causes=list(dict.fromkeys(mark for mark in fingerprints if mark)),
    )
