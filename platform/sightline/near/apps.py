from django.apps import AppConfig


class NearConfig(AppConfig):
    name = "sightline.near"
    label = "near"
