from django.apps import AppConfig


class SessionsConfig(AppConfig):
    name = "sightline.sessions"
    label = "job_sessions"  # Django's own sessions, of browsers, have the shorter name
