"""Rules are judged by what queues and engines do; their channels are told once, over webhooks and mail."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from standardwebhooks import Webhook
from support.mail_server import MailServer, taking_mails
from support.site import Site, answer, serving

from sightline import clock
from sightline.alerts import message
from sightline.alerts.models import Alert, AlertState, Channel, Rule
from sightline.alerts.services import channels, evaluate, rules
from sightline.audit.models import Entry
from sightline.clock import After
from sightline.errors import Conflict, InvalidInput
from sightline.fleet.models import EngineState, Group, Intake, Minute
from sightline.jobs.models import Job
from sightline.net.addresses import AddressRefused
from sightline.webhooks.models import Delivery, DeliveryState
from sightline.webhooks.services.deliver import deliver_next

pytestmark = pytest.mark.django_db(transaction=True)

WHO = "admin:ada"
HOOK = "/alerts"


@pytest.fixture(autouse=True)
def no_rules(transactional_db: None) -> None:
    """Without the usual ones, which a new database has."""
    Rule.objects.all().delete()


@pytest.fixture
def site(settings: Any) -> Iterator[Site]:
    settings.ALLOWED_NETWORKS = ("127.0.0.0/8",)
    with serving() as site:
        site.pages[HOOK] = answer()
        yield site


@pytest.fixture
def mails(settings: Any) -> Iterator[MailServer]:
    with taking_mails() as server:
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"  # pytest-django's keeps them
        settings.EMAIL_CONFIGURED, settings.EMAIL_HOST, settings.EMAIL_PORT = True, "127.0.0.1", server.port
        yield server


@pytest.fixture
def hook(domain: Any, site: Site) -> Channel:
    return channels.create(actor=WHO, name="pager", url=site.url(HOOK))


def rule(*told: Channel, **values: Any) -> Rule:
    usual = {"name": "long queue", "metric": "depth", "threshold": 2, "for_s": 0, "clear_for_s": 0}
    return rules.create(actor=WHO, values={**usual, **values}, channels=told)


def later(alert: Alert, seconds: float, *names: str) -> None:
    """The named times of the alert lie so much further back."""
    alert.refresh_from_db()
    for name in names:
        setattr(alert, name, getattr(alert, name) - timedelta(seconds=seconds))
    alert.save()


def told() -> list[str]:
    return list(Delivery.objects.order_by("id").values_list("type", flat=True))


def minute(queue: str, *, back: int, **values: Any) -> None:
    at = clock.now().replace(second=0, microsecond=0) - timedelta(minutes=back)
    Minute.objects.create(at=at, subject=f"queue:{queue}", values=values)


class TestJudging:
    def test_a_rule_fires_once_and_resolves_once(self, domain: Any, hook: Channel) -> None:
        rule(hook)
        domain.submit()
        assert evaluate.evaluate() == 0
        job = domain.submit()
        for _ in range(3):
            evaluate.evaluate()
        alert = Alert.objects.get()
        assert (alert.state, alert.subject, alert.value) == (AlertState.FIRING, "ocr.default", 2.0)
        domain.submit()
        evaluate.evaluate()
        assert told() == [message.FIRING]
        Job.objects.exclude(pk=job.pk).delete()
        for _ in range(3):
            evaluate.evaluate()
        alert.refresh_from_db()
        assert (alert.state, alert.peak) == (AlertState.RESOLVED, 3.0)
        assert told() == [message.FIRING, message.RESOLVED]
        domain.submit()
        evaluate.evaluate()
        assert Alert.objects.count() == 2  # the next time is another one
        assert told()[2:] == [message.FIRING]

    def test_two_leaders_at_once_tell_once(self, domain: Any, hook: Channel, in_parallel: Any) -> None:
        rule(hook)
        domain.submit()
        domain.submit()
        in_parallel(4, lambda _: evaluate.evaluate())
        assert [alert.state for alert in Alert.objects.all()] == [AlertState.FIRING]
        assert told() == [message.FIRING]
        Job.objects.all().delete()
        in_parallel(4, lambda _: evaluate.evaluate())
        assert told() == [message.FIRING, message.RESOLVED]

    def test_what_is_over_before_its_time_never_fired(self, domain: Any, hook: Channel) -> None:
        rule(hook, for_s=60)
        domain.submit()
        domain.submit()
        evaluate.evaluate()
        alert = Alert.objects.get()
        later(alert, 59, "since")
        evaluate.evaluate()
        assert Alert.objects.get().state == AlertState.PENDING
        Job.objects.all().delete()
        evaluate.evaluate()
        assert not Alert.objects.exists()
        assert told() == []

    def test_what_lasts_for_its_time_fires(self, domain: Any, hook: Channel) -> None:
        rule(hook, for_s=60)
        domain.submit()
        domain.submit()
        evaluate.evaluate()
        later(Alert.objects.get(), 61, "since")
        evaluate.evaluate()
        assert Alert.objects.get().state == AlertState.FIRING

    def test_between_the_thresholds_nothing_changes(self, domain: Any, hook: Channel) -> None:
        rule(hook, threshold=3, clear_below=2, clear_for_s=60)
        jobs = [domain.submit() for _ in range(3)]
        evaluate.evaluate()
        jobs[0].delete()
        evaluate.evaluate()
        alert = Alert.objects.get()
        assert (alert.state, alert.good_since) == (AlertState.FIRING, None)
        jobs[1].delete()
        evaluate.evaluate()
        later(alert, 30, "good_since")
        domain.submit()  # two again: no longer good, so its time starts anew
        evaluate.evaluate()
        alert.refresh_from_db()
        assert alert.good_since is None
        jobs[2].delete()
        evaluate.evaluate()
        later(alert, 61, "good_since")
        evaluate.evaluate()
        alert.refresh_from_db()
        assert alert.state == AlertState.RESOLVED

    def test_a_mute_holds_the_message_back_until_it_ends(self, domain: Any, hook: Channel) -> None:
        muted = rules.mute(rule=rule(hook), actor=WHO, hours=1)
        domain.submit()
        domain.submit()
        evaluate.evaluate()
        assert Alert.objects.get().state == AlertState.FIRING
        assert told() == []
        rules.mute(rule=muted, actor=WHO, hours=0)
        evaluate.evaluate()
        evaluate.evaluate()
        assert told() == [message.FIRING]

    def test_who_was_not_told_that_it_fires_is_not_told_that_it_is_over(
        self, domain: Any, hook: Channel
    ) -> None:
        rules.mute(rule=rule(hook), actor=WHO, hours=1)
        domain.submit()
        domain.submit()
        evaluate.evaluate()
        Job.objects.all().delete()
        evaluate.evaluate()
        assert Alert.objects.get().state == AlertState.RESOLVED
        assert told() == []

    def test_a_rule_that_is_switched_off_resolves(self, domain: Any, hook: Channel) -> None:
        on = rule(hook)
        domain.submit()
        domain.submit()
        evaluate.evaluate()
        rules.change(rule=on, actor=WHO, values={"enabled": False})
        evaluate.evaluate()
        alert = Alert.objects.get()
        assert (alert.state, alert.detail) == (AlertState.RESOLVED, "the rule was switched off")
        assert told() == [message.FIRING, message.RESOLVED]

    def test_a_scope_is_a_kind_or_a_queue(self, domain: Any) -> None:
        rule(name="kind", scope="chat", threshold=1)
        rule(name="queue", scope="ocr.default", threshold=1)
        for kind in ("gui", "chat", "ocr"):
            domain.submit(kind=kind)
        evaluate.evaluate()
        assert {(alert.rule.name, alert.subject) for alert in Alert.objects.all()} == {
            ("kind", "chat.default"),
            ("queue", "ocr.default"),
        }


class TestMetrics:
    def test_a_job_that_waits_long(self, domain: Any) -> None:
        rule(metric="oldest_age_s", threshold=30)
        domain.submit()
        evaluate.evaluate()
        assert not Alert.objects.exists()
        Job.objects.update(created_at=After(-31))
        evaluate.evaluate()
        assert Alert.objects.get().value >= 31

    def test_a_failure_rate_of_few_jobs_says_nothing(self, domain: Any) -> None:
        rule(metric="failure_rate", threshold=0.1, least_jobs=20)
        minute("ocr.default", back=1, ended={"succeeded": 9, "failed": 9})
        evaluate.evaluate()
        assert not Alert.objects.exists()
        minute("ocr.default", back=2, ended={"succeeded": 17, "quarantined": 1})
        minute("chat.default", back=1, ended={"succeeded": 95, "failed": 5})
        minute("chat.default", back=30, ended={"failed": 500})
        evaluate.evaluate()
        alert = Alert.objects.get()
        assert (alert.subject, alert.detail) == ("ocr.default", "10 of 36 in the last minutes")

    def test_a_budget_burns_over_both_windows(self, domain: Any) -> None:
        rule(metric="burn", threshold=14.4)
        minute("gui.default", back=1, started=10, late=10)
        for back in range(10, 50):
            minute("gui.default", back=back, started=10, late=0)
        evaluate.evaluate()
        assert not Alert.objects.exists()  # five bad minutes are no bad hour
        Minute.objects.update(values={"started": 10, "late": 9})
        evaluate.evaluate()
        assert Alert.objects.get().value == pytest.approx(18.0)

    def test_an_engine_that_does_not_serve(self, domain: Any) -> None:
        rule(metric="engine_down", threshold=1)
        group = domain.group(Intake.OPEN)
        evaluate.evaluate()
        assert not Alert.objects.exists()
        for state, detail, down in (
            (EngineState.RESTARTING, "exit code 1", True),
            (EngineState.STOPPED, "shut down", False),
            (EngineState.STOPPED, "its supervisor stopped reporting", True),
            (EngineState.LIVE, "", False),
        ):
            Group.objects.filter(pk=group.pk).update(state=state, detail=detail)
            evaluate.evaluate()
            assert Alert.objects.filter(state=AlertState.FIRING).exists() is down, (state, detail)
        Group.objects.filter(pk=group.pk).update(heartbeat_at=After(-60))
        evaluate.evaluate()
        assert Alert.objects.filter(state=AlertState.FIRING).get().detail == "live: it stopped reporting"

    def test_a_look_asks_a_fixed_number_of_queries(self, domain: Any, hook: Channel) -> None:
        group = domain.group(Intake.OPEN)
        for number, metric in enumerate(("depth", "oldest_age_s", "failure_rate", "burn", "engine_down")):
            rule(hook, name=metric, metric=metric, threshold=1 if number > 1 else 1e9)
        for _ in range(3):
            domain.submit()
        with CaptureQueriesContext(connection) as asked:
            evaluate.evaluate()
        for number in range(10):
            domain.submit()
            domain.group(Intake.OPEN, id=f"gpu{number}@other")
        with CaptureQueriesContext(connection) as more:
            evaluate.evaluate()
        assert len(more) == len(asked) <= 8
        assert group.pk


class TestTelling:
    def test_a_webhook_is_signed_and_leads_to_the_jobs(self, domain: Any, hook: Channel, site: Site) -> None:
        own = rule(hook)
        domain.submit()
        domain.submit()
        evaluate.evaluate()
        assert deliver_next() is not None
        (seen,) = site.seen
        got = Webhook(channels.secret(channel=hook)).verify(seen.body, seen.headers)
        alert = Alert.objects.get()
        assert got["type"] == "alert.firing"
        data = got["data"]
        assert (data["id"], data["rule"], data["subject"]) == (alert.public_id, own.public_id, "ocr.default")
        assert (data["value"], data["threshold"]) == (2.0, 2.0)
        assert data["url"].endswith("/admin/jobs/job/?q=queue%3Aocr.default+status%3Aqueued")
        assert "ocr.default: 2 since" in data["text"]

    def test_a_mail_arrives_with_its_subject_and_link(self, domain: Any, mails: MailServer) -> None:
        ops = channels.create(actor=WHO, name="ops", url="mailto:ops@example.com")
        rule(ops, name="Gui waits\ntoo long", metric="oldest_age_s", threshold=30)
        domain.submit()
        Job.objects.update(created_at=After(-60))
        evaluate.evaluate()
        assert deliver_next() is not None
        (mail,) = mails.mails
        delivery = Delivery.objects.get()
        assert mail["To"] == "ops@example.com"
        assert mail["Subject"] == "[Sightline] Firing: Gui waits too long (ocr.default)"
        assert mail["Message-ID"].startswith(f"<{delivery.public_id}@")
        text = mail.get_content()
        assert "Waiting: 1." in text
        assert "/admin/jobs/job/?q=queue%3Aocr.default+status%3Aqueued&oldest=1" in text
        assert delivery.state == DeliveryState.DELIVERED

    def test_a_mail_that_is_refused_is_tried_again(self, domain: Any, mails: MailServer) -> None:
        ops = channels.create(actor=WHO, name="ops", url="mailto:ops@example.com")
        mails.refuse = "451 later"
        rules.test(rule=rule(ops), actor=WHO)
        assert deliver_next() is not None
        delivery = Delivery.objects.get()
        attempt = delivery.attempts.get()
        assert (delivery.state, delivery.tries, attempt.status) == (DeliveryState.PENDING, 1, 451)
        mails.refuse = ""
        Delivery.objects.update(due_at=After(-1))
        assert deliver_next() is not None
        assert [mail["Subject"] for mail in mails.mails] == ["[Sightline] Test: long queue"]

    def test_a_mail_server_that_is_away_is_a_failed_try(self, domain: Any, settings: Any) -> None:
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_CONFIGURED, settings.EMAIL_HOST, settings.EMAIL_PORT = True, "127.0.0.1", 1
        ops = channels.create(actor=WHO, name="ops", url="mailto:ops@example.com")
        rules.test(rule=rule(ops), actor=WHO)
        assert deliver_next() is not None
        assert "could not be reached" in Delivery.objects.get().attempts.get().error

    def test_a_private_address_is_not_told(self, domain: Any, settings: Any) -> None:
        settings.ALLOWED_NETWORKS = ()
        with pytest.raises(AddressRefused):
            channels.create(actor=WHO, name="metadata", url="http://169.254.169.254/")

    def test_the_channels_of_operators_are_no_tenants(self, domain: Any, hook: Channel) -> None:
        job = domain.submit()
        rule(hook, threshold=1)
        evaluate.evaluate()
        delivery = Delivery.objects.get()
        assert (delivery.tenant_id, delivery.job_id) == (None, None)
        domain.finish(domain.claimed())
        assert Delivery.objects.count() == 1  # a job's end is nothing that they hear of
        job.tenant.refresh_from_db()
        assert not job.tenant.has_webhooks


class TestOperators:
    def test_every_act_is_on_record(self, domain: Any, hook: Channel) -> None:
        own = rule(hook)
        rules.change(rule=own, actor=WHO, values={"threshold": 5})
        rules.mute(rule=own, actor=WHO, hours=2)
        rules.test(rule=own, actor=WHO)
        rules.delete(rule=own, actor=WHO)
        channels.switch(channel=hook, actor=WHO, on=False)
        channels.delete(channel=hook, actor=WHO)
        entries = list(Entry.objects.order_by("id"))
        assert [entry.action for entry in entries] == [
            "channel.create",
            "alert.create",
            "alert.change",
            "alert.mute",
            "alert.test",
            "alert.delete",
            "channel.disable",
            "channel.delete",
        ]
        assert (entries[2].before["threshold"], entries[2].after["threshold"]) == (2, 5)
        assert "whsec_" not in str([entry.after for entry in entries])

    @pytest.mark.parametrize(
        "values",
        [
            {"name": " "},
            {"metric": "weather"},
            {"threshold": 0},
            {"metric": "failure_rate", "threshold": 5},
            {"clear_below": 3},
            {"for_s": 10**7},
        ],
    )
    def test_a_rule_that_makes_no_sense_is_refused(self, domain: Any, values: dict[str, Any]) -> None:
        with pytest.raises(InvalidInput):
            rule(**values)
        assert not Rule.objects.exists()

    def test_two_rules_of_one_name_are_refused(self, domain: Any) -> None:
        rule()
        with pytest.raises(Conflict):
            rule()

    def test_a_rule_without_channels_cannot_be_tested(self, domain: Any, hook: Channel) -> None:
        with pytest.raises(Conflict):
            rules.test(rule=rule(), actor=WHO)
        channels.switch(channel=hook, actor=WHO, on=False)
        with pytest.raises(Conflict):
            rules.test(rule=rule(hook, name="other"), actor=WHO)

    def test_mail_needs_a_server(self, domain: Any, settings: Any) -> None:
        settings.EMAIL_CONFIGURED = False
        with pytest.raises(InvalidInput, match="SIGHTLINE_EMAIL_URL"):
            channels.create(actor=WHO, name="ops", url="mailto:ops@example.com")
