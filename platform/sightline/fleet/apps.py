from django.apps import AppConfig


class FleetConfig(AppConfig):
    name = "sightline.fleet"
    label = "fleet"
