from django.apps import AppConfig


class TriageConfig(AppConfig):
    name = "sightline.triage"
    label = "triage"
