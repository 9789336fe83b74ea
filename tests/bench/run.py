"""Run the benchmarks: `python tests/bench/run.py [--quick] [name …]`; results go to `report/`.

Each one starts the real platform in a throw-away folder and compares what it measures within one run: nothing
asserts a wall-clock time.
"""

import argparse
import shutil
import sys
import tempfile
import time
import traceback
from importlib import import_module
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
NAMES = ("path", "intake", "media", "vllm", "baselines", "open_loop", "near", "priority", "fleet", "pages")
MORE = ("priority_vllm", "fleet_poison")
"""Only when they are named: they take long, or say what another one says."""


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "names", nargs="*", metavar="name", help=f"which: {', '.join(NAMES)} by default; {', '.join(MORE)}"
    )
    parser.add_argument("--quick", action="store_true", help="short windows, to see that everything runs")
    parser.add_argument("--report", type=Path, default=ROOT / "report", help="folder to write to")
    parser.add_argument("--keep", action="store_true", help="keep the throw-away folder with its logs")
    parser.add_argument(
        "--publish",
        action="store_true",
        help="keep pages and plots in tests/bench/report, too, and show them in the README",
    )
    options = parser.parse_args()
    if unknown := set(options.names) - {*NAMES, *MORE}:
        parser.error(
            f"there is no benchmark {', '.join(sorted(unknown))}; there are {', '.join((*NAMES, *MORE))}"
        )

    # A platform of its own, whose sockets must fit into 107 bytes: a short folder.
    folder = Path(tempfile.mkdtemp(prefix="slbench-"))
    failed = []
    try:
        from driver.machine import Machine
        from driver.report import Report
        from driver.scale import Scale

        report = Report(options.report, Machine.look(folder))
        for name in options.names or NAMES:
            began = time.monotonic()
            own = folder / name
            own.mkdir()
            (own / "engine").mkdir()
            print(f"\n… {name}", flush=True)
            try:
                finding = import_module(f"benchmarks.{name}").run(Scale(folder=own, quick=options.quick))
            except Exception:  # the others are worth having without this one
                traceback.print_exc()
                failed.append(name)
                continue
            report.add(finding, seconds=time.monotonic() - began)
        if options.publish:
            report.publish(Path(__file__).with_name("report"), ROOT / "README.md")
        print(f"\n=== Summary (tables and plots: {options.report / 'bench.md'})\n{report.summary()}")
    finally:
        if options.keep or failed:
            print(f"logs: {folder}")
        else:
            shutil.rmtree(folder, ignore_errors=True)
    if failed:
        print(f"failed: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
