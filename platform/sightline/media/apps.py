from django.apps import AppConfig


class MediaConfig(AppConfig):
    name = "sightline.media"
    label = "media"
