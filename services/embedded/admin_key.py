"""The embedded service's admin key: kept beside the data it opens, so that it can be shown at every start."""

import contextlib
import os
from pathlib import Path

from services.access.keys import generate_key


def remembered_key(data_dir: Path) -> str:
    """The key in `data_dir/admin.key`, made at first use. Readable to its owner only."""
    path = data_dir / "admin.key"
    data_dir.mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(FileExistsError):
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(generate_key() + "\n")
    return path.read_text().strip()
