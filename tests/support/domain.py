"""What tests of the domain say often: submit, claim, finish, fail, let a lease lapse."""

from typing import Any

from django.conf import settings

from sightline.clock import After
from sightline.fleet.models import EngineState, Group, Intake
from sightline.jobs.claims import Claim, Claimant, Failure, Result
from sightline.jobs.models import Job
from sightline.jobs.services.claim import claim
from sightline.jobs.services.fail import fail
from sightline.jobs.services.finish import finish
from sightline.jobs.services.submit import Submission, submit
from sightline.jobs.status import AttemptOutcome, Status
from sightline.tenants.models import Tenant

OCR = "ocr.default"
GPU0 = "gpu0@host"


class Domain:
    """The domain's services with the arguments that a test does not care about."""

    def tenant(self, name: str = "acme", *, weight: int = 1) -> Tenant:
        return Tenant.objects.get_or_create(name=name, defaults={"weight": weight})[0]

    def submission(self, *, tenant: Tenant | None = None, kind: str = "ocr", **more: Any) -> Submission:
        values: dict[str, Any] = {
            "tenant": tenant or self.tenant(),
            "api_key": None,
            "kind": kind,
            "model": "default",
            "input": {"images": []},
            "params": {},
            "images": [],
            "cost": 1,
            "max_attempts": settings.MAX_ATTEMPTS,
            "retention_s": settings.RETENTION_S,
        }
        return Submission(**{**values, **more})

    def submit(self, **more: Any) -> Job:
        job = submit(submission=self.submission(**more))
        assert isinstance(job, Job)
        return job

    def claim(self, queue: str = OCR, *, worker: str = "worker-1", group: str = "") -> Claim | None:
        return claim(queue=queue, claimant=Claimant(worker=worker, group=group, engine="http://engine"))

    def claimed(self, queue: str = OCR, **more: Any) -> Claim:
        taken = self.claim(queue, **more)
        assert taken is not None
        return taken

    def result(self, text: str = "read", *, complete: bool = True) -> Result:
        return Result(
            output={"text": text},
            complete=complete,
            finish_reason="stop" if complete else "length",
            usage={"input_tokens": 7, "image_tokens": 5, "output_tokens": 3},
            timings={"prepare": 1.0, "ttft": 2.0, "decode": 3.0, "total": 6.0},
        )

    def finish(self, taken: Claim, text: str = "read", *, complete: bool = True) -> bool:
        return finish(claim=taken, result=self.result(text, complete=complete))

    def fail(
        self, taken: Claim, outcome: AttemptOutcome, *, lapsed: bool = False, **more: Any
    ) -> Status | None:
        values = {"outcome": outcome, "code": "engine_error", "message": "the engine said no"}
        return fail(claim=taken, failure=Failure(**{**values, **more}), lapsed=lapsed)

    def lapse(self, taken: Claim) -> None:
        """The lease of this claim passed: its worker was silent for too long."""
        Job.objects.filter(pk=taken.job_id).update(lease_until=After(-1))

    def unpark(self, job: Job) -> None:
        """The backoff of this job ended."""
        Job.objects.filter(pk=job.pk).update(parked_until=After(-1))

    def group(self, intake: Intake, *, id: str = GPU0) -> Group:
        name, _, host = id.partition("@")
        group, _ = Group.objects.update_or_create(
            id=id,
            defaults={
                "name": name,
                "host": host,
                "tag": "default",
                "state": EngineState.LIVE,
                "intake": intake,
                "heartbeat_at": After(),
            },
        )
        return group

    def events(self, job: Job) -> list[str]:
        return list(job.events.order_by("id").values_list("type", flat=True))
