"""Alerts: what fires, the rules with their state, what was; and the channels that are told."""

from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from unfold.admin import ModelAdmin
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget, UnfoldAdminTextInputWidget

from sightline.alerts import message
from sightline.alerts.models import Alert, AlertState, Channel, Rule
from sightline.alerts.services import channels, evaluate, rules
from sightline.errors import Problem
from sightline.webhooks.models import Delivery
from sightline_dashboard.admin.pressed import pressed
from sightline_dashboard.admin.read_only import NamedList, actor
from sightline_dashboard.home.database_time import database_now

SHOWN = 50
_MUTE_HOURS = 8


def told(alert: Alert) -> dict[str, Any]:
    """An alert and what its line shows of it."""
    return {
        "alert": alert,
        "value": message.shown(alert.rule, alert.value),
        "peak": message.shown(alert.rule, alert.peak),
        "path": message.path(alert.rule, alert.subject),
    }


class RuleForm(forms.ModelForm):  # type: ignore[type-arg]
    """The services have the last word on what makes sense."""

    class Meta:
        model = Rule
        fields = (*rules.FIELDS, "channels")
        widgets = {"channels": UnfoldAdminCheckboxSelectMultipleWidget}

    def clean(self) -> dict[str, Any]:
        values = super().clean() or {}
        if not self.errors:
            try:
                rules.check(Rule(**{name: values[name] for name in rules.FIELDS}))
            except Problem as problem:
                raise ValidationError(problem.detail) from problem
        return values


@admin.register(Rule)
class RuleAdmin(ModelAdmin):  # type: ignore[misc]
    form = RuleForm
    fieldsets = (
        (None, {"fields": ("name", "enabled", "metric", "scope", "channels")}),
        ("Broken", {"fields": ("threshold", "for_s", "least_jobs")}),
        ("Good again", {"fields": ("clear_below", "clear_for_s")}),
    )

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        if not self.has_view_or_change_permission(request):
            raise PermissionDenied
        now = database_now()
        firing = evaluate.firing()
        alerts = Alert.objects.select_related("rule")
        found = list(Rule.objects.prefetch_related("channels").order_by("-enabled", "name"))
        context = {
            **self.admin_site.each_context(request),
            "title": "Alerts",
            "opts": self.opts,
            "firing": [told(alert) for alert in alerts.filter(state=AlertState.FIRING).order_by("fired_at")],
            "pending": [told(alert) for alert in alerts.filter(state=AlertState.PENDING).order_by("since")],
            "history": [told(alert) for alert in alerts.filter(state=AlertState.RESOLVED)[:SHOWN]],
            "rules": [
                {
                    "rule": rule,
                    "condition": message.condition(rule),
                    "firing": firing.get(rule.pk, 0),
                    "muted": bool(rule.muted_until and rule.muted_until > now),
                }
                for rule in found
            ],
            "channels": Channel.objects.count(),
            "may_change": self.has_change_permission(request),
            "may_add": self.has_add_permission(request),
            "mute_hours": _MUTE_HOURS,
            "now": now,
        }
        return TemplateResponse(request, "sightline_dashboard/alerts.html", context)

    def save_model(self, request: HttpRequest, obj: Rule, form: RuleForm, change: bool) -> None:
        values = {name: form.cleaned_data[name] for name in rules.FIELDS}
        told = list(form.cleaned_data["channels"])
        if change:
            rules.change(rule=obj, actor=actor(request), values=values, channels=told)
        else:
            obj.pk = rules.create(actor=actor(request), values=values, channels=told).pk

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """The service has written the channels already."""

    def delete_model(self, request: HttpRequest, obj: Rule) -> None:
        rules.delete(rule=obj, actor=actor(request))

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        return [path("<uuid:key>/act/", view(self.act_view), name="alerts_rule_act"), *super().get_urls()]

    def act_view(self, request: HttpRequest, key: Any) -> HttpResponse:
        """Mute, unmute, test, switch on or off: what the pressed button names."""
        return pressed(
            request,
            lambda: _act(rules.find(key), request.POST.get("act", ""), actor(request)),
            may=self.has_change_permission(request),
            back=reverse("admin:alerts_rule_changelist"),
        )


def _act(rule: Rule | None, word: str, who: str) -> str:
    if rule is None:
        raise Http404
    match word:
        case "mute":
            rules.mute(rule=rule, actor=who, hours=_MUTE_HOURS)
            return f"{rule.name} tells nobody for {_MUTE_HOURS} hours."
        case "unmute":
            rules.mute(rule=rule, actor=who, hours=0)
            return f"{rule.name} tells again."
        case "test":
            sent = rules.test(rule=rule, actor=who)
            many = "s" * (sent != 1)
            return (
                f"A test is on its way to {sent} channel{many}. The channel's page shows whether it arrived."
            )
        case "on" | "off":
            rules.change(rule=rule, actor=who, values={"enabled": word == "on"})
            return f"{rule.name} is switched {word}."
    raise Http404


class ChannelForm(forms.ModelForm):  # type: ignore[type-arg]
    class Meta:
        model = Channel
        fields = ("description", "url")
        labels = {"description": "Name", "url": "Address"}
        widgets = {"url": UnfoldAdminTextInputWidget}

    def clean_url(self) -> str:
        url: str = self.cleaned_data["url"]
        try:
            channels.check(url)
        except Problem as problem:
            raise ValidationError(problem.detail) from problem
        return url

    def clean_description(self) -> str:
        name = " ".join(self.cleaned_data["description"].split())
        if not name:
            raise ValidationError("A channel needs a name.")
        return name


@admin.register(Channel)
class ChannelAdmin(NamedList):
    """An address does not change: a new channel is made, so that its log is about one."""

    form = ChannelForm
    list_display = ("__str__", "url", "state", "failures", "created_at")
    ordering = ("description",)

    def has_change_permission(self, request: HttpRequest, obj: Channel | None = None) -> bool:
        return False

    def has_switch_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("alerts.change_channel")

    @admin.display(description="State")
    def state(self, channel: Channel) -> str:
        return f"off: {channel.disabled_reason}" if channel.disabled_at else "on"

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        channel = self.get_object(request, object_id)
        if not self.has_view_permission(request):
            raise PermissionDenied
        if channel is None:
            raise Http404
        deliveries = Delivery.objects.filter(endpoint=channel).prefetch_related("attempts")
        may_switch = self.has_switch_permission(request)
        context = {
            **self.admin_site.each_context(request),
            "title": str(channel),
            "opts": self.opts,
            "channel": channel,
            "secret": channels.secret(channel=channel)
            if may_switch and channel.url.startswith("http")
            else "",
            "deliveries": [(row, list(row.attempts.all())) for row in deliveries[:SHOWN]],
            "may_switch": may_switch,
            "may_delete": self.has_delete_permission(request, channel),
        }
        return TemplateResponse(request, "sightline_dashboard/channel.html", context)

    def save_model(self, request: HttpRequest, obj: Channel, form: ChannelForm, change: bool) -> None:
        made = channels.create(
            actor=actor(request), name=form.cleaned_data["description"], url=form.cleaned_data["url"]
        )
        obj.pk = made.pk

    def delete_model(self, request: HttpRequest, obj: Channel) -> None:
        channels.delete(channel=obj, actor=actor(request))

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        return [
            path("<uuid:key>/switch/", view(self.switch_view), name="alerts_channel_switch"),
            *super().get_urls(),
        ]

    def switch_view(self, request: HttpRequest, key: Any) -> HttpResponse:
        return pressed(
            request,
            lambda: _switch(Channel.objects.filter(pk=key).first(), actor(request)),
            may=self.has_switch_permission(request),
            back=reverse("admin:alerts_channel_change", args=[key]),
        )


def _switch(channel: Channel | None, who: str) -> str:
    if channel is None:
        raise Http404
    on = channel.disabled_at is not None
    channels.switch(channel=channel, actor=who, on=on)
    return f"{channel} is switched {'on' if on else 'off'}."
