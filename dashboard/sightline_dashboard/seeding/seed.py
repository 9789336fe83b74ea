"""Every state of every part, as a day with a bad quarter of an hour would leave it."""

import random
from datetime import datetime, timedelta

from django.contrib.auth import get_user_model

from sightline.alerts.models import Alert, AlertState, Channel, Rule
from sightline.fleet import queues
from sightline.fleet.models import EngineState, Group, Intake, Leader, Minute
from sightline.jobs.models import Job
from sightline.jobs.services.quarantine import block_media
from sightline.jobs.status import Status
from sightline.tenants import keys
from sightline.tenants.models import Tenant
from sightline.triage import causes, views
from sightline.triage.models import Cause, CauseState
from sightline.webhooks import secrets
from sightline_dashboard.home.database_time import database_now
from sightline_dashboard.seeding import stories
from sightline_dashboard.seeding.troubles import BUSY, DIED, UNPARSEABLE
from sightline_dashboard.seeding.writing import Fate, Place, write

HOST = "node1"
PLACES = (
    Place(group=f"gpu0@{HOST}", host=HOST, gpu="gpu0"),
    Place(group=f"gpu1@{HOST}", host=HOST, gpu="gpu1"),
)
# Fates that every kind meets once; the many that simply succeed come on top.
FATES = (
    Fate(status=Status.QUEUED),
    Fate(status=Status.QUEUED, troubles=(BUSY,)),
    Fate(status=Status.RUNNING),
    Fate(status=Status.SUCCEEDED),
    Fate(status=Status.SUCCEEDED, troubles=(BUSY,)),
    Fate(status=Status.INCOMPLETE),
    Fate(status=Status.FAILED, troubles=(BUSY, BUSY, BUSY)),
    Fate(status=Status.FAILED, troubles=(UNPARSEABLE,)),
    Fate(status=Status.CANCELLED, actor="admin:operator"),
    Fate(status=Status.EXPIRED),
    Fate(status=Status.QUARANTINED, troubles=(DIED, DIED)),
)
_RECENT = timedelta(seconds=40)
_AHEAD = timedelta(hours=12)
"""Heartbeats and leases lie ahead: nobody renews them, and the pages shall not turn red while somebody looks."""


def seed(*, count: int, dice: random.Random) -> list[Job]:
    """Write the fleet, the tenants, and at least `count` jobs; returns the jobs, oldest first."""
    now = database_now()
    tenants = [Tenant.objects.get_or_create(name=name)[0] for name in ("acme", "globex", "initech")]
    for tenant in tenants:
        keys.create(tenant=tenant.name, name=f"{tenant.name} backend")
    _fleet(now)
    told = [story() for story in stories.ALL]
    plans = [(story, fate) for story in _one_a_kind(told) for fate in FATES]
    plans += [
        (story, Fate(status=Status.INCOMPLETE if story.reply.finish != "stop" else Status.SUCCEEDED))
        for story in told
    ]
    while len(plans) < count:
        story = dice.choice([story for story in told if story.reply.finish == "stop"])
        plans.append((story, Fate(status=Status.SUCCEEDED)))
    dice.shuffle(plans)
    jobs = []
    for index, (story, fate) in enumerate(plans):
        age = timedelta(minutes=55) * (1 - index / len(plans)) + _RECENT
        if fate.status in (Status.QUEUED, Status.RUNNING):
            age = timedelta(seconds=dice.uniform(2, 40))
        jobs.append(
            write(
                story,
                fate,
                tenant=dice.choices(tenants, (6, 3, 1))[0],
                place=dice.choice(PLACES),
                created=now - age,
                dice=dice,
            )
        )
    jobs += _replays(jobs, now, dice)
    for job in jobs:
        if job.status == Status.QUARANTINED:
            block_media(job_id=job.pk, reason=DIED.message)
    Job.objects.filter(status=Status.RUNNING).update(lease_until=now + _AHEAD)
    _triage()
    _minutes(now, dice)
    _alerts(now)
    _views()
    return sorted(jobs, key=lambda job: job.pk)


def _replays(jobs: list[Job], now: datetime, dice: random.Random) -> list[Job]:
    """Of the latest success of some stories, asked for a moment ago."""
    made = []
    for tag, story in stories.REPLAYED:
        original = max(
            (job for job in jobs if tag in job.tags and job.status == Status.SUCCEEDED),
            key=lambda job: job.created_at,
        )
        fate = Fate(status=Status.SUCCEEDED)
        created = now - timedelta(seconds=dice.uniform(30, 40))
        made.append(
            write(
                story(),
                fate,
                tenant=original.tenant,
                place=dice.choice(PLACES),
                created=created,
                dice=dice,
                replay_of=original,
            )
        )
    return made


def _minutes(now: datetime, dice: random.Random) -> None:
    """A day of minutes, thin but for the last hour, with the bad quarter of an hour in it."""
    minute = now.replace(second=0, microsecond=0)
    backs = sorted({*range(1, 75), *range(75, 1440, 15)})
    rows = []
    for back in backs:
        at, bad = minute - timedelta(minutes=back), 20 <= back < 35
        for kind, wait, rate in (("gui", 180, 14), ("chat", 900, 25), ("ocr", 9000, 40)):
            late = dice.randint(2, 6) if bad else int(dice.random() < 0.1)
            values = {
                "depth": dice.randint(0, rate) * (8 if bad else 1),
                "ended": {
                    "succeeded": dice.randint(rate // 2, rate),
                    "failed": dice.randint(3, 9) if bad else 0,
                },
                "started": rate,
                "late": late,
                "wait_p95_ms": wait * dice.uniform(0.7, 1.4) * (6 if bad else 1),
            }
            rows.append(Minute(at=at, subject=f"queue:{kind}.default", values=values))
        for place in PLACES:
            values = {
                "kv_usage": dice.uniform(0.85, 0.98) if bad else dice.uniform(0.3, 0.6),
                "gpu_load": dice.uniform(0.2, 0.5) if bad else dice.uniform(0.8, 0.97),
            }
            rows.append(Minute(at=at, subject=f"group:{place.group}", values=values))
    Minute.objects.bulk_create(rows, ignore_conflicts=True)


def _triage() -> None:
    """Causes in several states: one is new, one is somebody's, one came back after it was resolved."""
    while causes.count():
        pass
    by_code = {cause.code: cause for cause in Cause.objects.all()}
    causes.acknowledge(fingerprint=by_code[BUSY.code].pk, actor="admin:operator", owner="operator")
    Cause.objects.filter(pk=by_code[DIED.code].pk).update(state=CauseState.REGRESSED)


def _alerts(now: datetime) -> None:
    """One rule fires, one has fired, one is muted; the others are off, as they come."""
    channel = Channel.objects.create(
        url="https://pager.example.com/hooks/sightline",
        description="Pager",
        secret=secrets.encrypt(secrets.new()),
    )
    rules = {
        rule.metric: rule for rule in Rule.objects.filter(metric__in=("engine_down", "failure_rate", "burn"))
    }
    for metric, name, threshold in (
        ("engine_down", "An engine is down", 1.0),
        ("failure_rate", "Many jobs fail", 0.1),
        ("burn", "A kind burns its error budget", 14.4),
    ):
        rule = rules.get(metric) or Rule(
            name=name, metric=metric, threshold=threshold, updated_at=now, updated_by="admin:operator"
        )
        rule.enabled = True
        rule.muted_until = now + _AHEAD if metric == "burn" else None
        rule.save()
        rule.channels.add(channel)
        rules[metric] = rule
    Alert.objects.create(
        rule=rules["engine_down"],
        subject=f"gpu2@{HOST}",
        state=AlertState.FIRING,
        value=1,
        peak=1,
        detail="restarting: exit code 1, next start in 16 s",
        since=now - timedelta(minutes=3),
        fired_at=now - timedelta(minutes=2),
        told_at=now - timedelta(minutes=2),
    )
    Alert.objects.create(
        rule=rules["failure_rate"],
        subject="ocr.default",
        state=AlertState.RESOLVED,
        value=0.18,
        peak=0.31,
        detail="2 of 61 in the last minutes",
        since=now - timedelta(minutes=34),
        fired_at=now - timedelta(minutes=32),
        told_at=now - timedelta(minutes=32),
        resolved_at=now - timedelta(minutes=18),
    )


def _views() -> None:
    """What a shift looks at, where there is somebody to own it."""
    owner = get_user_model().objects.filter(is_superuser=True).order_by("pk").first()
    if owner is not None:
        for name, search, shared in (
            ("Failed today", "status:failed,quarantined created:>1d", True),
            ("Waits on a retry", "status:queued run:>0", True),
            ("Invoices of acme", "tenant:acme tag:invoices", False),
        ):
            views.save(owner=owner, actor="admin:operator", name=name, search=search, shared=shared)


def _one_a_kind(told: list[stories.Story]) -> list[stories.Story]:
    return [next(story for story in told if story.kind == kind) for kind in ("gui", "ocr", "chat")]


def _fleet(now: datetime) -> None:
    seats = {"gui": 16, "chat": 64, "ocr": 64}
    for place in PLACES:
        Group.objects.update_or_create(
            id=place.group,
            defaults={
                "name": place.gpu,
                "host": place.host,
                "tag": "default",
                "gpus": [f"GPU-5f1c0e2a-{place.gpu}"],
                "engine_url": "http://127.0.0.1:8101/v1",
                "state": EngineState.LIVE,
                "intake": Intake.OPEN,
                "seats": seats,
                "seats_started_with": seats,
                "kv_tokens": 184_320,
                "max_model_len": 32_768,
                "readings": {
                    "kv_usage": 0.43,
                    "running": 2,
                    "waiting": 0,
                    "tokens_per_s": 1840.5,
                    "gpu_load": 0.91,
                    "gpu_memory_bytes": 21 * 2**30,
                    "gpu_memory_total_bytes": 24 * 2**30,
                },
                "restarts": 2 if place.gpu == "gpu1" else 0,
                "detail": "restarted after the engine died" if place.gpu == "gpu1" else "",
                "started_at": now - timedelta(hours=9),
                "heartbeat_at": now + _AHEAD,
            },
        )
    Group.objects.update_or_create(
        id=f"gpu2@{HOST}",
        defaults={
            "name": "gpu2",
            "host": HOST,
            "tag": "default",
            "gpus": ["GPU-5f1c0e2a-gpu2"],
            "state": EngineState.RESTARTING,
            "intake": Intake.CLOSED,
            "seats": seats,
            "restarts": 4,
            "detail": "exit code 1, next start in 16 s",
            "started_at": now - timedelta(minutes=3),
            "heartbeat_at": now + _AHEAD,
        },
    )
    Leader.objects.update_or_create(
        name="sweeper", defaults={"holder": f"sweeper@{HOST}", "lease_until": now + _AHEAD}
    )
    queues.pause(name="ocr.default", actor="admin:operator", reason="The scanner is being moved")
