"""All tests in three parts side by side: they wait for processes and databases more than they compute.

`python -m tests.parts`, which is what `make test` runs. The first part is shown as it goes, the others when all have
ended. What is not named here is in the last part, so nothing is left out.
"""

import contextlib
import subprocess
import sys
import tempfile
from pathlib import Path

STARTING = ("access", "bench", "cli", "contacts", "contract", "deploy", "e2e", "embedded", "eventlog")
"""Rooms whose tests start servers and processes of their own, and wait for them."""
DOING = ("cases", "domain", "query")


def main() -> int:
    """Run all; 0 when all passed."""
    tests = Path(__file__).parent
    named = [[str(tests / name) for name in part] for part in (DOING, STARTING)]
    rest = [str(tests), *(f"--ignore={path}" for part in named for path in part)]
    pytest = [sys.executable, "-m", "pytest"]
    with contextlib.ExitStack() as stack:
        beside = []
        for paths in (named[1], rest):
            output = stack.enter_context(tempfile.TemporaryFile())
            process = subprocess.Popen([*pytest, *paths], stdout=output, stderr=subprocess.STDOUT)
            stack.callback(process.kill)
            beside.append((process, output))
        codes = [subprocess.run([*pytest, *named[0]], check=False).returncode]
        for process, output in beside:
            codes.append(process.wait())
            output.seek(0)
            sys.stdout.flush()
            sys.stdout.buffer.write(output.read())
    return next((code for code in codes if code), 0)


if __name__ == "__main__":
    sys.exit(main())
