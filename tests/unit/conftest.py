"""Tests of the model import transformers, which imports torchvision: the shim has to be there first."""

import sightline_workers.models  # noqa: F401
