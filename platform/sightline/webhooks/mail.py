"""A message as a mail: an endpoint whose address is `mailto:…` gets it with the same retries and the same log."""

import json
import smtplib
import time
from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.mail import EmailMessage
from django.core.validators import validate_email

from sightline.errors import InvalidInput
from sightline.webhooks.sender import Response

SCHEME = "mailto:"
_ACCEPTED = 250
"""SMTP's word for a mail that was taken over (RFC 5321)."""


def check(url: str) -> None:
    """Raises InvalidInput unless it is `mailto:` and one address, and there is a server to hand mails to."""
    try:
        validate_email(url.removeprefix(SCHEME))
    except ValidationError as error:
        raise InvalidInput("mailto: needs one address, as mailto:ops@example.com.") from error
    if not settings.EMAIL_CONFIGURED:
        raise InvalidInput("No mail can be sent: SIGHTLINE_EMAIL_URL names no server.")


def send(*, to: str, message_id: str, body: str) -> Response:
    """Hand the mail over. Its Message-ID is the same in every try, so that a mail program shows it once."""
    began = time.monotonic()
    subject, text = _words(json.loads(body)["data"])
    host = settings.DEFAULT_FROM_EMAIL.rpartition("@")[2].rstrip(">") or "sightline"
    mail = EmailMessage(
        subject=subject,
        body=text,
        to=[to.removeprefix(SCHEME)],
        headers={"Message-ID": f"<{message_id}@{host}>", "Auto-Submitted": "auto-generated"},
    )
    status, error = None, ""
    try:
        mail.send()
        status = _ACCEPTED
    except smtplib.SMTPResponseException as refused:
        status, error = refused.smtp_code, f"The mail server answered {refused.smtp_code}."
    except smtplib.SMTPRecipientsRefused as refused:
        status = next((code for code, _ in refused.recipients.values()), None)
        error = f"The mail server refused the address: {status}."
    except (smtplib.SMTPException, OSError) as failure:
        error = f"The mail server could not be reached: {failure}"
    duration_ms = round((time.monotonic() - began) * 1000, 2)
    return Response(duration_ms=duration_ms, status=status, error=error)


def _words(data: Mapping[str, Any]) -> tuple[str, str]:
    """(subject, text). A subject is one line, whatever a rule is called."""
    subject = " ".join(str(data.get("title", "Sightline")).split())[:200]
    return subject, f"{data.get('text', '')}\n\n{data.get('url', '')}\n"
