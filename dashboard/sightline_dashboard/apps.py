from django.apps import AppConfig
from django.db.models.signals import post_migrate


class DashboardConfig(AppConfig):
    name = "sightline_dashboard"
    label = "sightline_dashboard"

    def ready(self) -> None:
        from sightline_dashboard import boards, roles

        boards.register()
        # After every app has its permissions: this one is migrated last, as it stands last in INSTALLED_APPS.
        post_migrate.connect(roles.make, sender=self)
