from django.apps import AppConfig


class BatchesConfig(AppConfig):
    name = "sightline.batches"
    label = "batches"
