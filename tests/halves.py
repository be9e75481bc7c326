"""All tests in two halves side by side: they wait for processes and databases more than they compute.

`python -m tests.halves`, which is what `make test` runs. The first half is shown as it goes, the second when both
have ended. What is not named here is in the second half, so nothing is left out.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

FIRST = ("access", "bench", "cases", "cli", "contacts", "deploy", "domain", "e2e", "query")


def main() -> int:
    """Run both; 0 when both passed."""
    tests = Path(__file__).parent
    paths = [str(tests / name) for name in FIRST]
    pytest = [sys.executable, "-m", "pytest"]
    with tempfile.TemporaryFile() as output:
        second = subprocess.Popen(
            [*pytest, str(tests), *(f"--ignore={path}" for path in paths)], stdout=output, stderr=subprocess.STDOUT
        )
        try:
            first = subprocess.run([*pytest, *paths], check=False)
            second.wait()
        finally:
            second.kill()
        output.seek(0)
        sys.stdout.flush()
        sys.stdout.buffer.write(output.read())
    return first.returncode or second.returncode


if __name__ == "__main__":
    sys.exit(main())
