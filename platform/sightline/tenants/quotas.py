"""How much of a kind a tenant may use: four numbers for each kind, kept with the tenant so that reading them is free.

`{"ocr": {"per_minute": 60}, "*": {"in_flight": 500}}`; `*` holds for every kind, each by itself, that has no number
of its own.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction

from sightline.audit import services as audit
from sightline.kinds.registry import KINDS
from sightline.tenants.models import Tenant

EVERY = "*"
MOST = 2**53


@dataclass(frozen=True, kw_only=True)
class Quota:
    """What a tenant may use of one kind; None: no bound. A job counts for the kind whose seats it takes."""

    in_flight: int | None = None
    """Jobs that wait or run at once."""
    queued: int | None = None
    """Jobs that wait at once."""
    per_minute: int | None = None
    """Jobs accepted in a minute by the database's clock."""
    tokens_per_day: int | None = None
    """Tokens, input and output, of jobs that ended on a day in UTC. A job that is accepted below it runs to its end."""


NAMES = tuple(field.name for field in fields(Quota))


def of(tenant: Tenant, kind: str) -> Quota:
    """The quota of a kind: its own numbers, else those of every kind."""
    found = {**tenant.quotas.get(EVERY, {}), **tenant.quotas.get(kind, {})}
    return Quota(**found) if found else NONE


def change(*, tenant: Tenant, kind: str, numbers: Mapping[str, int | None], actor: str) -> Tenant:
    """Set some numbers of a kind (or of `*`), None removes one. Raises ValidationError for what is none."""
    before = tenant.quotas.get(kind, {})
    row = {**before, **numbers}
    kept = {name: number for name, number in row.items() if number is not None}
    quotas = {**tenant.quotas, kind: kept}
    if not kept:
        del quotas[kind]
    validate(quotas)
    tenant.quotas = quotas
    with transaction.atomic():
        tenant.save(update_fields=["quotas"])
        audit.write(
            actor=actor,
            action="tenant.quota",
            subject=tenant.name,
            before={kind: before},
            after={kind: kept},
        )
    return tenant


def validate(value: Any) -> None:
    """What may stand in `Tenant.quotas`; ValidationError says what may not."""
    if not isinstance(value, dict):
        raise ValidationError('Quotas are an object by kind: {"ocr": {"per_minute": 60}}.')
    for kind, numbers in value.items():
        if kind != EVERY and kind not in KINDS:
            raise ValidationError(f"{kind!r} is no kind: {', '.join((*KINDS, EVERY))}.")
        if not isinstance(numbers, dict) or set(numbers) - set(NAMES):
            raise ValidationError(f"A quota has the numbers {', '.join(NAMES)}.")
        for name, number in numbers.items():
            if type(number) is not int or not 0 <= number <= MOST:
                raise ValidationError(f"{name} is a whole number from 0 on.")


def shown(quota: Quota) -> dict[str, int]:
    """The numbers that are set."""
    return {name: number for name, number in asdict(quota).items() if number is not None}


NONE = Quota()
