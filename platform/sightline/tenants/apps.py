from django.apps import AppConfig


class TenantsConfig(AppConfig):
    name = "sightline.tenants"
    label = "tenants"
