from django.apps import AppConfig


class ResponsesConfig(AppConfig):
    name = "sightline.responses"
    label = "responses"
