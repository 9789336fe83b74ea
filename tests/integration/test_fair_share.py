"""Fair shares on the running platform: a backlog of one tenant holds up nobody else."""

from typing import Any

import pytest
from support.platform import SEATS, TENANTS, Platform
from support.waiting import until

BACKLOG = 10_000
_SUBMIT = """
import django, io, sys
django.setup()
from django.conf import settings
from django.db import transaction
from PIL import Image
from sightline.jobs.services.submit import Submission
from sightline.jobs.services.submit_many import submit_many
from sightline.kinds.images import media as bound
from sightline.media import services as media
from sightline.tenants.models import Tenant
tenant, count = Tenant.objects.get(name=sys.argv[1]), int(sys.argv[2])
page = io.BytesIO()
Image.new("RGB", (64, 48), "white").save(page, "PNG")
stored = media.ingest(tenant=tenant, data=page.getvalue())
one = Submission(tenant=tenant, api_key=None, kind="ocr", model="default", params={}, cost=1, max_attempts=3,
                 input={"mode": "text", "images": [bound(media.stored_image(stored))], "fields": None},
                 images=[stored.pixel_sha256], media=(stored.pk,), retention_s=settings.RETENTION_S)
with transaction.atomic():
    submit_many(submissions=[one] * count)
"""


@pytest.fixture
def platform(request: pytest.FixtureRequest, database_kind: str) -> Any:
    postgres = request.getfixturevalue("postgres_server") if database_kind == "postgres" else None
    with Platform(groups=1, postgres=postgres, twin_options=("profile=published",)) as running:
        yield running


def ended(platform: Platform, tenant: str) -> int:
    """Jobs of a tenant that have ended."""
    counted = platform.rows(
        "SELECT COUNT(*) AS n FROM jobs_job j JOIN tenants_tenant t ON t.id = j.tenant_id"
        " WHERE t.name = ? AND j.ended_at IS NOT NULL",
        tenant,
    )
    return int(counted[0]["n"])


def test_ten_jobs_end_long_before_the_ten_thousand_that_came_first(platform: Platform) -> None:
    big, small = TENANTS[0], TENANTS[1]
    platform.pause("ocr")
    platform.python(_SUBMIT, big, str(BACKLOG))
    platform.python(_SUBMIT, small, "10")
    platform.resume("ocr")
    until(lambda: ended(platform, small) == 10, what="the ten end", within_s=200)
    # Turn by turn: for each of the ten one of the others, and those that ended while we looked.
    assert ended(platform, big) <= 10 + 10 * SEATS["ocr"]
