"""Which tests one process of `pytest -n` runs, so that what they share is started once."""

from typing import Any

from xdist.scheduler import LoadScopeScheduling

TOGETHER = (
    "tests/acceptance/test_vllm",  # one engine for all
    "tests/acceptance/",  # one platform on vLLM after the other: each takes 3 GB of memory and a core
    "tests/integration/v1/",  # one platform for all
    "tests/integration/cli/",  # likewise
)
"""Tests whose files begin so share more than a file's fixtures."""
APART = ("tests/faults/test_faults_every_line.py",)
"""Files whose tests share nothing and take a minute each."""

EARLY = ("tests/integration/v1/",)
"""One piece that takes long begins first, so that no process is alone with it while the others have nothing left to do.
None of these use the tests' own database, whose order is pytest-django's: what rolls back before what flushes."""


class Sharing(LoadScopeScheduling):
    """A file's tests stay together. The order is that of the collection: what takes long first, unit tests last."""

    def __init__(self, config: Any, log: Any = None) -> None:
        super().__init__(config, log)
        self.config.option.loadscopereorder = False

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        if file in APART:
            return nodeid
        return next((start for start in TOGETHER if file.startswith(start)), file)
