import django.db.models.deletion
from django.db import migrations, models

BATCH = 500


def _digests(value):
    """The images that a bound input names: `{"media": {"sha256": …}}`, wherever they stand."""
    if isinstance(value, dict):
        media = value.get("media")
        if isinstance(media, dict) and isinstance(media.get("sha256"), str):
            yield media["sha256"]
        for item in value.values():
            yield from _digests(item)
    elif isinstance(value, list):
        for item in value:
            yield from _digests(item)


def link(apps, schema_editor):
    """Jobs that are there already keep their images, too."""
    Job, JobMedia = apps.get_model("jobs", "Job"), apps.get_model("jobs", "JobMedia")
    Media = apps.get_model("media", "Media")
    rows = []
    jobs = Job.objects.exclude(images=[]).values_list("id", "tenant_id", "input")
    for job_id, tenant_id, input in jobs.iterator(chunk_size=BATCH):
        digests = set(_digests(input))
        if digests:
            found = Media.objects.filter(tenant_id=tenant_id, sha256__in=digests).values_list("id", flat=True)
            rows += [JobMedia(job_id=job_id, media_id=media_id) for media_id in found]
        if len(rows) >= BATCH:
            JobMedia.objects.bulk_create(rows)
            rows = []
    JobMedia.objects.bulk_create(rows)


class Migration(migrations.Migration):

    dependencies = [
        ('jobs', '0004_cache_and_followers'),
        ('media', '0001_initial'),
        ('tenants', '0003_cache_and_followers'),
    ]

    operations = [
        migrations.CreateModel(
            name='JobMedia',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('job', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='media_rows', to='jobs.job')),
                ('media', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='job_rows', to='media.media')),
            ],
            options={
                'indexes': [
                    models.Index(fields=['job', 'media'], name='jobmedia_job'),
                    models.Index(fields=['media'], name='jobmedia_media'),
                ],
            },
        ),
        migrations.AddField(
            model_name='job',
            name='metered',
            field=models.BooleanField(default=False, help_text='Its tokens count for a quota of its tenant'),
        ),
        migrations.AddField(
            model_name='job',
            name='replay_of',
            field=models.UUIDField(help_text='The job that this one was made from; a number only, that one may be gone', null=True),
        ),
        migrations.AddIndex(
            model_name='job',
            index=models.Index(condition=models.Q(('ended_at__isnull', False)), fields=['retention_s', 'ended_at'], name='job_retention'),
        ),
        migrations.RunPython(link, migrations.RunPython.noop, elidable=True),
    ]
