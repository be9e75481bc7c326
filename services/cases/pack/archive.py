"""A zip archive whose bytes depend on its files alone: one date, one order, one way of packing."""

import hashlib
import tempfile
import zipfile
from typing import IO

from services.sheets.writing import SPOOL_BYTES, Written

_DATE = (1980, 1, 1, 0, 0, 0)
_FILE_MODE = 0o644 << 16
_UNIX = 3
MANIFEST = "MANIFEST.sha256"


class Archive:
    """Takes files in and gives one archive out, with a list of their hashes that `sha256sum -c` reads."""

    def __init__(self) -> None:
        self._file: IO[bytes] = tempfile.SpooledTemporaryFile(SPOOL_BYTES)  # noqa: SIM115
        self._zip = zipfile.ZipFile(self._file, "w", zipfile.ZIP_DEFLATED, compresslevel=6)
        self.hashes: dict[str, str] = {}

    def add(self, name: str, content: bytes | IO[bytes]) -> None:
        """One file; a file object is read to its end and closed."""
        info = zipfile.ZipInfo(name, _DATE)
        info.compress_type, info.external_attr, info.create_system = zipfile.ZIP_DEFLATED, _FILE_MODE, _UNIX
        hashed = hashlib.sha256()
        with self._zip.open(info, "w", force_zip64=True) as target:
            if isinstance(content, bytes):
                hashed.update(content)
                target.write(content)
            else:
                with content:
                    while piece := content.read(1 << 20):
                        hashed.update(piece)
                        target.write(piece)
        self.hashes[name] = hashed.hexdigest()

    def finished(self) -> Written:
        """The archive, standing at its beginning, with its manifest as the last file."""
        lines = "".join(f"{digest}  {name}\n" for name, digest in sorted(self.hashes.items()))
        count = len(self.hashes)
        self.add(MANIFEST, lines.encode())
        self._zip.close()
        size = self._file.tell()
        self._file.seek(0)
        hashed = hashlib.sha256()
        while piece := self._file.read(1 << 20):
            hashed.update(piece)
        self._file.seek(0)
        return Written(self._file, size, hashed.hexdigest(), count, hashlib.sha256(lines.encode()).hexdigest())

    def close(self) -> None:
        """Give up: the temporary file goes."""
        self._file.close()
