from django.db import migrations
from django.utils import timezone

# Off: whoever runs the platform knows what is much. They are there to be switched on and given channels.
USUAL = (
    ("An engine is down", "engine_down", "", 1.0, None, 60, 60),
    ("gui jobs wait too long", "oldest_age_s", "gui", 30.0, 10.0, 60, 60),
    ("chat jobs wait too long", "oldest_age_s", "chat", 120.0, 60.0, 60, 60),
    ("ocr jobs wait too long", "oldest_age_s", "ocr", 1800.0, 900.0, 300, 300),
    ("Many jobs fail", "failure_rate", "", 0.1, 0.05, 120, 300),
    # 14.4 over both windows: two percent of a month's budget within an hour (Google's SRE workbook, chapter 5).
    ("A kind burns its error budget", "burn", "", 14.4, 6.0, 60, 300),
    ("A queue is long", "depth", "", 50000.0, 40000.0, 300, 300),
)


def make(apps, schema_editor):
    Rule = apps.get_model("alerts", "Rule")
    for name, metric, scope, threshold, clear_below, for_s, clear_for_s in USUAL:
        Rule.objects.create(
            name=name,
            metric=metric,
            scope=scope,
            threshold=threshold,
            clear_below=clear_below,
            for_s=for_s,
            clear_for_s=clear_for_s,
            enabled=False,
            updated_at=timezone.now(),
            updated_by="sightline",
        )


class Migration(migrations.Migration):

    dependencies = [
        ('alerts', '0001_initial'),
    ]

    operations = [migrations.RunPython(make, migrations.RunPython.noop)]
