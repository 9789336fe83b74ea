from django.apps import AppConfig


class AlertsConfig(AppConfig):
    name = "sightline.alerts"
    label = "alerts"
