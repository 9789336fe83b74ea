"""`/api/v1/alerts`, `/api/v1/alert-rules` and `/api/v1/alert-channels`: the platform's own, for operators."""

from typing import Any, TypeVar

from django.conf import settings
from django.db.models import Model, QuerySet
from django.http import HttpResponse
from rest_framework.request import Request

from sightline import ids
from sightline.alerts import message
from sightline.alerts.models import Alert, AlertState, Channel, Rule
from sightline.alerts.services import channels, evaluate, rules
from sightline.api.native import alert_documents as documents
from sightline.api.native.alert_schemas import ChannelPatch, Mute, NewChannel, NewRule, RulePatch
from sightline.api.native.listing import read_limit, refuse_query
from sightline.api.native.representation import moment
from sightline.api.native.request import validate
from sightline.api.native.view import NativeView, answer
from sightline.api.parsers import json_body
from sightline.errors import InvalidInput, NotFound

T = TypeVar("T", bound=Model)


class OperatorView(NativeView):
    """Nothing here belongs to a tenant."""

    scopes = dict.fromkeys(("GET", "HEAD", "POST", "PATCH", "DELETE"), "admin") | {"OPTIONS": "read"}


class AlertsView(OperatorView):
    """What fires and what fired."""

    @documents.alerts
    def get(self, request: Request) -> HttpResponse:
        rows = Alert.objects.select_related("rule").order_by("-id")
        if (state := request.query_params.get("state")) is not None:
            if state not in AlertState.values:
                raise refuse_query("state", "state is one of " + ", ".join(AlertState.values) + ".")
            rows = rows.filter(state=state)
        found = rows[: read_limit(request.query_params.get("limit"))]
        return answer({"object": "list", "data": [_alert(alert) for alert in found]})


class RulesView(OperatorView):
    """All rules."""

    @documents.rules
    def get(self, request: Request) -> HttpResponse:
        firing = evaluate.firing()
        rows = Rule.objects.prefetch_related("channels")
        return answer({"object": "list", "data": [_rule(row, firing.get(row.pk, 0)) for row in rows]})

    @documents.create_rule
    def post(self, request: Request) -> HttpResponse:
        new = validate(NewRule, json_body(request))
        made = rules.create(
            actor=self.principal.actor,
            values=new.model_dump(exclude={"channels"}),
            channels=_channels(new.channels),
        )
        return answer(_rule(made), status=201, headers={"Location": f"/api/v1/alert-rules/{made.public_id}"})


class RuleView(OperatorView):
    """One rule."""

    @documents.rule
    def get(self, request: Request, rule_id: str) -> HttpResponse:
        return answer(_rule(_found_rule(rule_id)))

    @documents.change_rule
    def patch(self, request: Request, rule_id: str) -> HttpResponse:
        rule = _found_rule(rule_id)
        patch = validate(RulePatch, json_body(request))
        given = patch.model_dump(exclude_unset=True, exclude={"channels"})
        values = {name: value for name, value in given.items() if value is not None or name == "clear_below"}
        told = None if patch.channels is None else _channels(patch.channels)
        return answer(
            _rule(rules.change(rule=rule, actor=self.principal.actor, values=values, channels=told))
        )

    @documents.delete_rule
    def delete(self, request: Request, rule_id: str) -> HttpResponse:
        rules.delete(rule=_found_rule(rule_id), actor=self.principal.actor)
        return HttpResponse(status=204)


class RuleMuteView(OperatorView):
    """Tell nobody for a while."""

    @documents.mute
    def post(self, request: Request, rule_id: str) -> HttpResponse:
        rule = _found_rule(rule_id)
        hours = validate(Mute, json_body(request)).hours
        return answer(_rule(rules.mute(rule=rule, actor=self.principal.actor, hours=hours)))


class RuleTestView(OperatorView):
    """See whether it arrives."""

    @documents.test
    def post(self, request: Request, rule_id: str) -> HttpResponse:
        sent = rules.test(rule=_found_rule(rule_id), actor=self.principal.actor)
        return answer({"object": "alert_test", "channels": sent}, status=202)


class ChannelsView(OperatorView):
    """All channels."""

    @documents.channels
    def get(self, request: Request) -> HttpResponse:
        return answer({"object": "list", "data": [_channel(row) for row in Channel.objects.order_by("id")]})

    @documents.create_channel
    def post(self, request: Request) -> HttpResponse:
        new = validate(NewChannel, json_body(request))
        made = channels.create(actor=self.principal.actor, name=new.name, url=new.url)
        return answer({**_channel(made), "secret": channels.secret(channel=made)}, status=201)


class ChannelView(OperatorView):
    """One channel."""

    @documents.change_channel
    def patch(self, request: Request, channel_id: str) -> HttpResponse:
        channel = _found(Channel.objects.all(), ids.CHANNEL, channel_id, "channel")
        on = validate(ChannelPatch, json_body(request)).enabled
        channels.switch(channel=channel, actor=self.principal.actor, on=on)
        channel.refresh_from_db()
        return answer(_channel(channel))

    @documents.delete_channel
    def delete(self, request: Request, channel_id: str) -> HttpResponse:
        channel = _found(Channel.objects.all(), ids.CHANNEL, channel_id, "channel")
        channels.delete(channel=channel, actor=self.principal.actor)
        return HttpResponse(status=204)


def _found(rows: QuerySet[T], prefix: str, public_id: str, noun: str) -> T:
    try:
        row = rows.filter(pk=ids.decode(prefix, public_id)).first()
    except ids.InvalidId:
        row = None
    if row is None:
        raise NotFound(f"There is no {noun} {public_id[:60]}.")
    return row


def _found_rule(public_id: str) -> Rule:
    return _found(Rule.objects.prefetch_related("channels"), ids.RULE, public_id, "rule")


def _channels(public_ids: list[str]) -> list[Channel]:
    try:
        keys = [ids.decode(ids.CHANNEL, public_id) for public_id in public_ids]
    except ids.InvalidId as error:
        raise InvalidInput("channels holds ids such as channel_01J….") from error
    found = Channel.objects.in_bulk(keys)
    if missing := [key for key in keys if key not in found]:
        raise InvalidInput(f"There is no channel {ids.encode(ids.CHANNEL, missing[0])}.")
    return list(found.values())


def _rule(rule: Rule, firing: int | None = None) -> dict[str, Any]:
    number = evaluate.firing().get(rule.pk, 0) if firing is None else firing
    return {
        "id": rule.public_id,
        "object": "alert_rule",
        **{name: getattr(rule, name) for name in rules.FIELDS},
        "channels": [ids.encode(ids.CHANNEL, channel.pk) for channel in rule.channels.all()],
        "muted_until": moment(rule.muted_until),
        "firing": number,
        "updated_at": moment(rule.updated_at),
        "updated_by": rule.updated_by,
    }


def _alert(alert: Alert) -> dict[str, Any]:
    return {
        "id": alert.public_id,
        "object": "alert",
        "rule": alert.rule.public_id,
        "name": alert.rule.name,
        "metric": alert.rule.metric,
        "subject": alert.subject,
        "state": alert.state,
        "value": alert.value,
        "peak": alert.peak,
        "detail": alert.detail,
        "since": moment(alert.since),
        "fired_at": moment(alert.fired_at),
        "told_at": moment(alert.told_at),
        "resolved_at": moment(alert.resolved_at),
        "url": settings.PUBLIC_URL + message.path(alert.rule, alert.subject),
    }


def _channel(channel: Channel) -> dict[str, Any]:
    return {
        "id": ids.encode(ids.CHANNEL, channel.pk),
        "object": "alert_channel",
        "name": channel.description,
        "url": channel.url,
        "enabled": channel.disabled_at is None,
        "failures": channel.failures,
        "disabled_reason": channel.disabled_reason,
        "created_at": moment(channel.created_at),
    }
