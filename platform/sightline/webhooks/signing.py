"""Signatures and headers after Standard Webhooks 1.0 (https://www.standardwebhooks.com)."""

import time
from collections.abc import Sequence
from datetime import UTC, datetime

from standardwebhooks import Webhook


def headers(*, message_id: str, body: str, secrets: Sequence[str]) -> dict[str, str]:
    """`webhook-id`, `webhook-timestamp` of now, and a signature by each secret, so that either verifies."""
    # The receiver compares the timestamp with its own clock: the host's is the right one here.
    moment = int(time.time())
    at = datetime.fromtimestamp(moment, UTC)
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(moment),
        "webhook-signature": " ".join(Webhook(secret).sign(message_id, at, body) for secret in secrets),
    }
