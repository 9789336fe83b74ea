"""An answer that could not be parsed is kept with the attempt, for whoever looks for the cause."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("jobs", "0009_search_indexes")]
    operations = [
        migrations.AddField(
            model_name="attempt",
            name="said",
            field=models.JSONField(
                null=True, help_text="What the model wrote, call by call, that could not be parsed"
            ),
        ),
    ]
