from django.apps import AppConfig


class DashboardConfig(AppConfig):
    name = "sightline_dashboard"
    label = "sightline_dashboard"
