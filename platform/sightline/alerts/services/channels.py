"""Where alerts go: addresses of the platform's own. Each act is on record, secrets are not."""

from django.db import transaction

from sightline.alerts.models import Channel
from sightline.audit import services as audit
from sightline.errors import Conflict, InvalidInput
from sightline.net.urls import check_url
from sightline.webhooks import mail, secrets
from sightline.webhooks.services import endpoints

MOST = 50


def create(*, actor: str, name: str, url: str) -> Channel:
    """A new channel: `https://…` or `mailto:…`. Raises InvalidInput for an address that cannot be told."""
    name = " ".join(name.split())
    if not 0 < len(name) <= 200:
        raise InvalidInput("A channel needs a name of 200 characters at most.")
    check(url)
    with transaction.atomic():
        if Channel.objects.count() >= MOST:
            raise Conflict(f"There are {MOST} channels already; delete one first.")
        channel = Channel.objects.create(
            tenant=None, url=url, description=name, secret=secrets.encrypt(secrets.new())
        )
        audit.write(actor=actor, action="channel.create", subject=name, after={"url": url})
    return channel


def check(url: str) -> None:
    if len(url) > 2048:
        raise InvalidInput("An address has 2048 characters at most.")
    if url.startswith(mail.SCHEME):
        mail.check(url)
    else:
        check_url(url)


def delete(*, channel: Channel, actor: str) -> None:
    """Nobody is told there any more; its log goes as well."""
    with transaction.atomic():
        audit.write(
            actor=actor, action="channel.delete", subject=channel.description, before={"url": channel.url}
        )
        channel.rules.clear()
        with audit.unrecorded():
            endpoints.delete(endpoint=channel, actor=actor)


def switch(*, channel: Channel, actor: str, on: bool) -> None:
    """Tell it, or tell it no more. One that failed fifty times in a row has switched itself off."""
    with transaction.atomic():
        if on:
            endpoints.enable(endpoint=channel)
        else:
            endpoints.disable(endpoint=channel, reason=f"Switched off by {actor}.")
        audit.write(
            actor=actor, action="channel.enable" if on else "channel.disable", subject=channel.description
        )


def secret(*, channel: Channel) -> str:
    """What its messages are signed with."""
    return secrets.decrypt(channel.secret)
