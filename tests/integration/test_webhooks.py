"""Webhooks: rows written with the ending, signed after Standard Webhooks, delivered to a real receiver."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from standardwebhooks import Webhook, WebhookVerificationError
from support.site import Seen, Site, answer, serving

from sightline import ids
from sightline.celery import DELIVER
from sightline.clock import After
from sightline.jobs import wakeups
from sightline.jobs.models import Job
from sightline.jobs.services.cancel import cancel
from sightline.jobs.services.sweep import expire_deadlines
from sightline.jobs.status import AttemptOutcome
from sightline.webhooks import secrets, sender
from sightline.webhooks.models import Delivery, DeliveryState, Endpoint
from sightline.webhooks.schedule import RETRIES_S
from sightline.webhooks.services import claim as claiming
from sightline.webhooks.services import endpoints, outbox, sweep
from sightline.webhooks.services.deliver import deliver_next
from sightline.webhooks.services.record import MOST_FAILURES
from sightline.webhooks.services.redeliver import redeliver
from sightline_workers.delivering import Deliverer

Domain = Any
HOOK = "/hook"


@pytest.fixture
def site(settings: Any) -> Iterator[Site]:
    settings.ALLOWED_NETWORKS = ("127.0.0.0/8",)
    with serving() as site:
        site.pages[HOOK] = answer()
        yield site


@pytest.fixture
def endpoint(domain: Domain, site: Site) -> Endpoint:
    return endpoints.create(tenant=domain.tenant(), url=site.url(HOOK), actor="tests")


def verified(seen: Seen, secret: str) -> dict[str, Any]:
    """The message, verified by the reference implementation."""
    found: dict[str, Any] = Webhook(secret).verify(seen.body, seen.headers)
    return found


def make_due(delivery: Delivery) -> None:
    """Its pause, or the lease of its worker, ended."""
    Delivery.objects.filter(pk=delivery.pk).update(due_at=After(-1))


def end_one(domain: Domain, **more: Any) -> Job:
    job: Job = domain.submit(**more)
    assert domain.finish(domain.claimed())
    return job


def delivered(delivery: Delivery) -> list[int | None]:
    """The HTTP status of each attempt."""
    return list(delivery.attempts.values_list("status", flat=True))


# --- what is announced ------------------------------------------------------------------------------------------


def test_a_finished_job_is_told_signed_and_thin(domain: Domain, endpoint: Endpoint, site: Site) -> None:
    job = end_one(domain)
    assert deliver_next() == (Delivery.objects.get().public_id, DeliveryState.DELIVERED)
    (seen,) = site.seen
    message = verified(seen, secrets.decrypt(endpoint.secret))
    assert seen.headers["webhook-id"] == Delivery.objects.get().public_id
    assert message["type"] == "job.succeeded"
    link = {"self": f"/api/v1/jobs/{job.public_id}"}
    assert message["data"] == {"id": job.public_id, "kind": "ocr", "status": "succeeded", "links": link}
    assert deliver_next() is None


def test_a_body_that_was_changed_on_its_way_does_not_verify(
    domain: Domain, endpoint: Endpoint, site: Site
) -> None:
    end_one(domain)
    deliver_next()
    forged = site.seen[0].body.replace(b"succeeded", b"cancelled")
    with pytest.raises(WebhookVerificationError):
        Webhook(secrets.decrypt(endpoint.secret)).verify(forged, site.seen[0].headers)


def test_every_way_to_end_is_announced_once(domain: Domain, endpoint: Endpoint) -> None:
    end_one(domain)
    domain.submit()
    domain.finish(domain.claimed(), complete=False)
    domain.submit()
    domain.fail(domain.claimed(), AttemptOutcome.PERMANENT)
    cancel(job=domain.submit(), actor="tests")
    domain.submit()
    cancel(job=Job.objects.get(pk=domain.claimed().job_id), actor="tests")
    late = domain.submit(deadline_ms=60_000)
    Job.objects.filter(pk=late.pk).update(deadline_at=After(-1))
    assert expire_deadlines() == 1
    types = sorted(Delivery.objects.values_list("type", flat=True))
    assert types == [
        *("job.cancelled", "job.cancelled", "job.expired", "job.failed", "job.incomplete", "job.succeeded")
    ]


def test_a_failure_that_is_tried_again_is_not_announced(domain: Domain, endpoint: Endpoint) -> None:
    domain.submit()
    domain.fail(domain.claimed(), AttemptOutcome.TRANSIENT)
    assert not Delivery.objects.exists()


def test_an_ending_that_is_fenced_off_announces_nothing(domain: Domain, endpoint: Endpoint) -> None:
    job = domain.submit()
    taken = domain.claimed()
    cancel(job=job, actor="tests")
    assert not domain.finish(taken)
    assert list(Delivery.objects.values_list("type", flat=True)) == ["job.cancelled"]


def test_a_job_without_webhooks_costs_no_query(domain: Domain) -> None:
    domain.submit()
    taken = domain.claimed()
    with CaptureQueriesContext(
        connection,
    ) as queries:
        domain.finish(taken)
    assert not [q for q in queries.captured_queries if "webhooks_" in q["sql"]]


def test_a_tenant_remembers_whether_anybody_listens(domain: Domain, endpoint: Endpoint) -> None:
    assert domain.tenant().has_webhooks
    endpoints.change(endpoint=endpoint, changes={"disabled": True}, actor="tests")
    assert not domain.tenant().has_webhooks
    endpoints.change(endpoint=endpoint, changes={"disabled": False}, actor="tests")
    assert domain.tenant().has_webhooks
    endpoints.delete(endpoint=endpoint, actor="tests")
    assert not domain.tenant().has_webhooks


def test_an_endpoint_hears_only_of_what_it_asked_for_and_of_its_tenant(domain: Domain, site: Site) -> None:
    endpoints.create(tenant=domain.tenant(), url=site.url(HOOK), events=["job.failed"], actor="tests")
    endpoints.create(tenant=domain.tenant("other"), url=site.url(HOOK), actor="tests")
    end_one(domain)
    assert not Delivery.objects.exists()
    domain.submit()
    domain.fail(domain.claimed(), AttemptOutcome.PERMANENT)
    assert Delivery.objects.get().type == "job.failed"


def test_a_job_may_name_an_address_of_its_own(domain: Domain, site: Site) -> None:
    end_one(domain, webhook_url=site.url(HOOK))
    deliver_next()
    own = Endpoint.objects.get(tenant=domain.tenant(), one_off=True)
    assert verified(site.seen[0], secrets.decrypt(own.secret))["type"] == "job.succeeded"


def test_an_ending_wakes_the_cpu_worker(domain: Domain, endpoint: Endpoint) -> None:
    end_one(domain)
    assert wakeups.waiting(queue=DELIVER) == 1


# --- row 18: receivers that misbehave ---------------------------------------------------------------------------


def test_a_receiver_that_fails_is_tried_again_later_with_the_same_id_and_body(
    domain: Domain, endpoint: Endpoint, site: Site
) -> None:
    site.pages[HOOK] = answer(b"out of order", 500)
    end_one(domain)
    for number, pause in enumerate((*RETRIES_S, None), start=1):
        made = deliver_next()
        delivery = Delivery.objects.annotate(now=After()).get()
        assert made is not None
        if pause is None:
            assert made[1] is DeliveryState.FAILED
        else:
            assert made[1] is DeliveryState.PENDING
            left = (delivery.due_at - delivery.now).total_seconds()
            assert pause - 5 <= left <= pause * 1.2
            assert deliver_next() is None
            make_due(delivery)
        assert delivery.tries == number
    assert {seen.headers["webhook-id"] for seen in site.seen} == {delivery.public_id}
    assert len({seen.body for seen in site.seen}) == 1
    assert delivered(delivery) == [500] * 7
    assert delivery.attempts.last().response == "out of order"
    assert deliver_next() is None


def test_a_redirect_is_not_followed(domain: Domain, endpoint: Endpoint, site: Site) -> None:
    site.pages[HOOK] = answer(b"", 307, Location=site.url("/elsewhere"))
    site.pages["/elsewhere"] = answer()
    end_one(domain)
    made = deliver_next()
    assert made is not None
    assert made[1] is DeliveryState.PENDING
    assert [seen.path for seen in site.seen] == [HOOK]


def test_a_receiver_that_never_answers_is_given_up_at_the_time_limit(site: Site) -> None:
    site.pages[HOOK] = lambda handler: site.released.wait(30) and None
    response = post(site, timeout_s=0.3)
    assert (response.status, response.delivered) == (None, False)
    assert "no answer" in response.error
    assert response.duration_ms < 5_000


def test_headers_that_come_byte_by_byte_end_at_the_time_limit(site: Site) -> None:
    def drip(handler: Any) -> None:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nX-A: ")
        while not site.released.wait(0.02):
            handler.wfile.write(b"a")

    site.pages[HOOK] = drip
    response = post(site, timeout_s=0.5)
    assert (response.status, response.delivered) == (None, False)


@pytest.mark.parametrize(("status", "delivered"), [(200, True), (500, False)])
def test_a_body_without_end_is_not_read(site: Site, status: int, delivered: bool) -> None:
    def endless(handler: Any) -> None:
        handler.send_response(status)
        handler.send_header("Connection", "close")
        handler.end_headers()
        try:
            while not site.released.is_set():
                handler.wfile.write(b"x" * 65536)
        except OSError:
            site.released.set()  # the sender hung up, as it should

    site.pages[HOOK] = endless
    response = post(site, timeout_s=10)
    assert (response.status, response.delivered) == (status, delivered)
    assert len(response.excerpt) == (0 if delivered else 1000)
    assert response.duration_ms < 5_000
    assert site.released.wait(10)


def test_an_answer_that_is_no_http_is_a_failure(site: Site) -> None:
    site.pages[HOOK] = lambda handler: handler.wfile.write(b"\x00\x01\x02\r\n\r\n") and None
    assert not post(site, timeout_s=5).delivered


def post(site: Site, *, timeout_s: float) -> sender.Response:
    from sightline.net.addresses import from_settings

    return sender.post(
        url=site.url(HOOK),
        body="{}",
        headers={"webhook-id": "x"},
        policy=from_settings(),
        timeout_s=timeout_s,
    )


# --- row 13: addresses ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:{port}/hook",
        "http://localhost:{port}/hook",
        "http://2130706433:{port}/hook",
        "http://0x7f.1:{port}/hook",
        "http://[::ffff:127.0.0.1]:{port}/hook",
        "http://169.254.169.254/hook",
    ],
)
def test_a_private_address_gets_no_delivery(domain: Domain, site: Site, settings: Any, url: str) -> None:
    settings.ALLOWED_NETWORKS = ()
    end_one(domain, webhook_url=url.format(port=site.port))
    made = deliver_next()
    assert made is not None
    assert made[1] is DeliveryState.PENDING
    assert "not allowed" in Delivery.objects.get().attempts.get().error
    assert site.seen == []


# --- endpoints --------------------------------------------------------------------------------------------------


def test_while_a_secret_rotates_both_verify_and_then_only_the_new_one(
    domain: Domain, endpoint: Endpoint, site: Site
) -> None:
    old = secrets.decrypt(endpoint.secret)
    new = endpoints.rotate(endpoint=endpoint, actor="tests")
    assert new != old
    end_one(domain)
    deliver_next()
    for secret in (old, new):
        verified(site.seen[0], secret)
    Endpoint.objects.update(previous_until=After(-1))
    end_one(domain)
    deliver_next()
    verified(site.seen[1], new)
    with pytest.raises(WebhookVerificationError):
        verified(site.seen[1], old)


def test_a_secret_is_encrypted_where_it_is_stored(endpoint: Endpoint) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT secret FROM webhooks_endpoint")
        (stored,) = cursor.fetchone()
    assert "whsec_" not in stored
    assert secrets.decrypt(stored).startswith("whsec_")


def test_after_a_change_of_secret_key_the_attempt_says_so_and_the_fallback_helps(
    domain: Domain, endpoint: Endpoint, site: Site, settings: Any
) -> None:
    before = settings.SECRET_KEY
    settings.SECRET_KEY = "another"
    end_one(domain)
    deliver_next()
    assert "SECRET_KEY" in Delivery.objects.get().attempts.get().error
    settings.SECRET_KEY_FALLBACKS = [before]
    make_due(Delivery.objects.get())
    made = deliver_next()
    assert made is not None
    assert made[1] is DeliveryState.DELIVERED


def test_an_endpoint_that_only_fails_is_disabled_and_hears_again_once_enabled(
    domain: Domain, endpoint: Endpoint, site: Site
) -> None:
    site.pages[HOOK] = answer(b"", 500)
    Endpoint.objects.update(failures=MOST_FAILURES - 1)
    end_one(domain)
    waiting = end_one(domain)
    deliver_next()
    endpoint.refresh_from_db()
    assert endpoint.disabled_at is not None
    assert set(Delivery.objects.values_list("state", flat=True)) == {DeliveryState.FAILED}
    end_one(domain)
    assert not Delivery.objects.filter(created_at__gt=endpoint.disabled_at).exists()
    endpoints.enable(endpoint=endpoint)
    site.pages[HOOK] = answer()
    redeliver(delivery=Delivery.objects.get(job_id=waiting.pk))
    made = deliver_next()
    assert made is not None
    assert made[1] is DeliveryState.DELIVERED


def test_one_success_forgets_the_failures(domain: Domain, endpoint: Endpoint) -> None:
    Endpoint.objects.update(failures=MOST_FAILURES - 1)
    end_one(domain)
    deliver_next()
    endpoint.refresh_from_db()
    assert (endpoint.failures, endpoint.disabled_at) == (0, None)


def test_a_receiver_that_says_gone_is_disabled_at_once(
    domain: Domain, endpoint: Endpoint, site: Site
) -> None:
    site.pages[HOOK] = answer(b"", 410)
    end_one(domain)
    deliver_next()
    endpoint.refresh_from_db()
    assert "410" in endpoint.disabled_reason


# --- the queue --------------------------------------------------------------------------------------------------


def test_a_message_is_redelivered_under_its_id_with_a_new_timestamp(
    domain: Domain, endpoint: Endpoint, site: Site
) -> None:
    end_one(domain)
    deliver_next()
    redeliver(delivery=Delivery.objects.get())
    deliver_next()
    first, second = site.seen
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert first.body == second.body
    verified(second, secrets.decrypt(endpoint.secret))
    assert delivered(Delivery.objects.get()) == [200, 200]


def test_a_deliverer_that_is_killed_costs_no_message_and_its_heir_uses_the_same_id(
    domain: Domain, endpoint: Endpoint, site: Site
) -> None:
    child: list[subprocess.Popen[bytes]] = []

    def kill(handler: Any) -> None:
        os.kill(child[0].pid, signal.SIGKILL)

    site.pages[HOOK] = kill
    end_one(domain)
    code = (
        "import django; django.setup()\n"
        "from django.conf import settings; settings.ALLOWED_NETWORKS = ('127.0.0.0/8',)\n"
        "from sightline.webhooks.services.deliver import deliver_next; deliver_next()"
    )
    environment = {**os.environ, **_database()}
    child.append(subprocess.Popen([sys.executable, "-c", code], env=environment))
    assert child[0].wait(90) == -signal.SIGKILL
    delivery = Delivery.objects.get()
    assert delivery.state == DeliveryState.SENDING
    assert deliver_next() is None  # leased
    make_due(delivery)
    site.pages[HOOK] = answer()
    assert deliver_next() == (delivery.public_id, DeliveryState.DELIVERED)
    assert [seen.headers["webhook-id"] for seen in site.seen] == [delivery.public_id] * 2


def _database() -> dict[str, str]:
    """The test database, for another process."""
    database = connection.settings_dict
    if connection.vendor == "sqlite":
        return {"SIGHTLINE_DATABASE_URL": f"sqlite:///{database['NAME']}"}
    base, _, _ = settings.DATABASE_URL.rpartition("/")
    return {"SIGHTLINE_DATABASE_URL": f"{base}/{database['NAME']}"}


def test_an_attempt_whose_lease_passed_writes_nothing(domain: Domain, endpoint: Endpoint) -> None:
    from sightline.webhooks.services.record import record

    end_one(domain)
    late = claiming.claim()
    assert late is not None
    make_due(late.delivery)
    assert deliver_next() is not None
    assert record(parcel=late, response=sender.Response(duration_ms=1.0, error="late")) is None
    delivery = Delivery.objects.get()
    assert (delivery.state, delivered(delivery)) == (DeliveryState.DELIVERED, [200])


def test_two_deliverers_never_have_the_same_message(
    domain: Domain, endpoint: Endpoint, in_parallel: Any, site: Site
) -> None:
    for number in range(6):
        outbox.announce(
            job_id=ids.new_id(),
            tenant_id=domain.tenant().pk,
            kind="ocr",
            status="succeeded",
            url=f"x{number}",
        )
    made = sum(in_parallel(4, lambda _: Deliverer(at_once=1).run()))
    made += Deliverer(at_once=1).run()
    assert made == Delivery.objects.count() == 12
    received = [seen.headers["webhook-id"] for seen in site.seen]
    assert len(received) == len(set(received)) == 6


def test_one_endpoint_that_never_answers_leaves_places_to_the_others(domain: Domain, site: Site) -> None:
    slow = endpoints.create(tenant=domain.tenant("slow"), url=site.url(HOOK), actor="tests")
    for _ in range(claiming.MOST_AT_ONCE + 2):
        outbox.announce(job_id=ids.new_id(), tenant_id=slow.tenant_id, kind="ocr", status="failed", url="")
    assert all(claiming.claim() for _ in range(claiming.MOST_AT_ONCE))
    assert claiming.claim() is None
    endpoints.create(tenant=domain.tenant("quick"), url=site.url(HOOK), actor="tests")
    outbox.announce(
        job_id=ids.new_id(), tenant_id=domain.tenant("quick").pk, kind="ocr", status="failed", url=""
    )
    parcel = claiming.claim()
    assert parcel is not None
    assert parcel.delivery.tenant_id == domain.tenant("quick").pk


def test_the_sweeper_wakes_for_what_became_due(domain: Domain, endpoint: Endpoint, redis_server: Any) -> None:
    end_one(domain)
    redis_server.flush()
    assert sweep.top_up() == 1
    assert sweep.top_up() == 0
    assert wakeups.waiting(queue=DELIVER) == 1


def test_deliveries_are_kept_for_their_retention(domain: Domain, endpoint: Endpoint) -> None:
    end_one(domain)
    deliver_next()
    assert sweep.apply_retention() == 0
    old = timedelta(seconds=settings.WEBHOOK_RETENTION_S + 1)
    Delivery.objects.update(ended_at=timezone.now() - old)
    assert sweep.apply_retention() == 1
    assert not Delivery.objects.exists()


def test_the_body_is_json_without_blanks(domain: Domain, endpoint: Endpoint) -> None:
    end_one(domain)
    body = Delivery.objects.get().body
    assert json.dumps(json.loads(body), separators=(",", ":")) == body
