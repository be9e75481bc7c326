"""docs/adr: numbered without gaps or doubles, each under its number; links lead somewhere."""

import re
from pathlib import Path

FOLDER = Path(__file__).parent.parent / "docs" / "adr"


def test_decisions_are_numbered_one_after_the_other() -> None:
    pages = sorted(FOLDER.glob("*.md"))
    assert [page.name[:4] for page in pages] == [f"{n:04d}" for n in range(1, len(pages) + 1)]
    for number, page in enumerate(pages, start=1):
        text = page.read_text()
        assert text.startswith(f"# {number}. "), page.name
        for target in re.findall(r"\]\(([\w./-]+)\)", text):
            assert (FOLDER / target).exists(), (page.name, target)
