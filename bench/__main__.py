"""`python -m bench`: measure, print the table, write results/latest.json and the chart."""

import argparse
import sys

import uvloop
from rich.console import Console

from bench.chart import write_chart
from bench.run import GROUPS, run
from bench.sizes import SIZES
from bench.table import show
from domain.clock import SystemClock
from services import logs
from services.settings import load_settings


def main() -> int:
    """0, or 1 where an answer differs from the reference. A bar that is not met does not fail a run."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--size", choices=list(SIZES), default="small")
    parser.add_argument("--only", nargs="+", choices=GROUPS, default=GROUPS, help="groups of cases; nothing is written")
    parser.add_argument("--keep", action="store_true", help="keep the built data for the next run")
    given = parser.parse_args()
    logs.configure(load_settings(), quietly=True)
    console = Console(width=None if sys.stdout.isatty() else 200)
    results = uvloop.run(
        run(SIZES[given.size], console=console, began=SystemClock().now(), only=given.only, keep=given.keep)
    )
    show(results, console)
    if tuple(given.only) == GROUPS:
        console.print(f"Written: {results.write()}, {write_chart(results)}", highlight=False)
    return 1 if results.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
