"""What could come next in a search: qualifiers, then their values, by queries that do not grow with the table."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from django.conf import settings
from django.db.models import Q

from sightline.fleet import queues
from sightline.fleet.models import Group
from sightline.jobs.models import Job, JobTag
from sightline.jobs.status import Status
from sightline.kinds.registry import KINDS
from sightline.tenants.models import Tenant
from sightline.triage.models import Cause
from sightline.triage.search import LONGEST, QUALIFIERS

MOST = 12
_LATEST_TAGS = 3_000
"""Tags are suggested from the latest so many, the most frequent first."""
_LATEST_JOBS = 200


@dataclass(frozen=True, kw_only=True)
class Suggestion:
    """One line of the list below the search box."""

    text: str
    """The whole word, as it would stand in the search; one that ends in a colon waits for its value."""
    about: str
    """What it means, or how often it occurs; for people, may be empty."""


def suggest(text: str) -> list[Suggestion]:
    """For the last word of `text`, which is the search up to the cursor: a dozen at most, each longer than the word."""
    word = _last_word(text[-LONGEST:])
    sign = "-" if word.startswith("-") else ""
    name, colon, value = word.removeprefix("-").partition(":")
    if not colon:
        return list(_first(_names(name, sign)))
    if name not in QUALIFIERS or (sign and not QUALIFIERS[name].turns):
        return []
    *before, value = value.split(",") if name in ("kind", "status") else [value]
    start = "".join(f"{item}," for item in before)
    quoted = value.startswith('"')
    found = _VALUES[name](value.removeprefix('"')) if name in _VALUES else ()
    return list(
        _first(
            Suggestion(text=f"{sign}{name}:{start}{_quoted(option, quoted)}", about=about)
            for option, about in found
            if option != value and option not in before
        )
    )


def _last_word(text: str) -> str:
    """From the last space that stands in no quotes."""
    start, inside = 0, False
    for place, character in enumerate(text):
        if character == '"':
            inside = not inside
        elif character.isspace() and not inside:
            start = place + 1
    return text[start:]


def _quoted(value: str, begun: bool) -> str:
    clean = value.replace('"', "")
    return f'"{clean}"' if begun or any(character.isspace() for character in clean) else clean


def _first(found: Iterable[Suggestion]) -> Iterator[Suggestion]:
    for count, suggestion in enumerate(found):
        if count == MOST:
            return
        yield suggestion


Options = Iterable[tuple[str, str]]
"""(value, what is said about it)."""


def _names(start: str, sign: str) -> Iterator[Suggestion]:
    for qualifier in QUALIFIERS.values():
        if qualifier.name.startswith(start.lower()) and (not sign or qualifier.turns):
            yield Suggestion(
                text=f"{sign}{qualifier.name}:", about=f"{qualifier.about}, as {qualifier.example}"
            )
    if start and not sign:  # a plain word is a tag
        for tag, about in _tags(start):
            yield Suggestion(text=f"tag:{_quoted(tag, False)}", about=about)


def _among(choices: Callable[[], Iterable[str]]) -> Callable[[str], Options]:
    def options(start: str) -> Options:
        return [(choice, "") for choice in choices() if choice.lower().startswith(start.lower())]

    return options


def _tenants(start: str) -> Options:
    found = Tenant.objects.filter(name__istartswith=start).order_by("name")
    return [(name, "") for name in found.values_list("name", flat=True)[: MOST + 1]]


def _tags(start: str) -> Options:
    latest = JobTag.objects.order_by("-id").values_list("tag", flat=True)[:_LATEST_TAGS]
    counts = Counter(tag for tag in latest if tag.lower().startswith(start.lower()))
    return [(tag, f"{count} lately") for tag, count in counts.most_common(MOST + 1)]


def _groups(start: str) -> Options:
    found = Group.objects.filter(pk__istartswith=start).order_by("pk").values_list("pk", "state")
    return list(found[: MOST + 1])


def _gpus(start: str) -> Options:
    names = dict.fromkeys(Group.objects.order_by("name").values_list("name", flat=True)[:500])
    values = (name.removeprefix("gpu") if name.removeprefix("gpu").isdigit() else name for name in names)
    return [(value, "on any host") for value in values if value.startswith(start)]


def _workers(start: str) -> Options:
    running = Job.objects.filter(status=Status.RUNNING).values_list("worker", flat=True).order_by()
    ended = Job.objects.exclude(worker="").order_by("-id").values_list("worker", flat=True)
    counts = Counter([*running[:_LATEST_JOBS], *ended[:_LATEST_JOBS]])
    return [(worker, "") for worker in sorted(counts) if worker.startswith(start)]


def _errors(start: str) -> Options:
    causes = Cause.objects.filter(Q(code__icontains=start) | Q(message__icontains=start)).order_by(
        "-last_seen"
    )
    found: dict[str, str] = {}
    for code, message, count in causes.values_list("code", "message", "count")[:50]:
        if code and start.lower() in code.lower():
            found.setdefault(code, "code")
        if message:
            found.setdefault(
                message[:80].rsplit(" ", 1)[0] if len(message) > 80 else message, f"{count} failures"
            )
    return found.items()


def _causes(start: str) -> Options:
    found = Cause.objects.filter(Q(pk__startswith=start) | Q(code__istartswith=start)).order_by("-last_seen")
    rows = found.values_list("pk", "code", "message")[: MOST + 1]
    return [(key, f"{code}: {message[:60]}") for key, code, message in rows]


def _times(start: str) -> Options:
    sign = start[:1] if start[:1] in ("<", ">") else ">"
    word = "later than" if sign == ">" else "earlier than"
    ages = {
        "15m": "15 minutes ago",
        "1h": "an hour ago",
        "6h": "6 hours ago",
        "1d": "a day ago",
        "7d": "a week ago",
    }
    return [
        (f"{sign}{age}", f"{word} {told}") for age, told in ages.items() if f"{sign}{age}".startswith(start)
    ]


_VALUES: dict[str, Callable[[str], Options]] = {
    "kind": _among(lambda: KINDS),
    "status": _among(lambda: Status.values),
    "model": _among(lambda: settings.MODELS),
    "queue": _among(queues.names),
    "served": _among(lambda: ("engine", "cache", "coalesced", "near")),
    "run": _among(lambda: (">1", ">2", "1", "2", "3")),
    "tenant": _tenants,
    "tag": _tags,
    "group": _groups,
    "gpu": _gpus,
    "worker": _workers,
    "error": _errors,
    "cause": _causes,
    "fingerprint": _causes,
    "created": _times,
}
