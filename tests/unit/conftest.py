"""What all unit tests need before they are loaded."""

from hypothesis import HealthCheck, settings

# The model's tests import transformers, which imports torchvision: the shim has to be there first.
import sightline_workers.models  # noqa: F401

# An example that takes long says that the machine is busy, nothing else.
settings.register_profile(
    "patient", settings.default, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("patient")
