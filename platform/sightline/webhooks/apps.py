from django.apps import AppConfig


class WebhooksConfig(AppConfig):
    name = "sightline.webhooks"
    label = "webhooks"
