"""docs/semantics.md: every example is there, and every test it names exists."""

import re
from pathlib import Path

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "semantics.md"
LINK = re.compile(r"\[(test_\w+)\]\(\.\./([\w/.]+)\)")


def links_of_examples() -> dict[str, list[tuple[str, str]]]:
    """E1 … E21 -> the (test, file) it names."""
    rows = re.findall(r"^\| (E\d+) \|(.*)$", PAGE.read_text(), re.MULTILINE)
    return {number: LINK.findall(row) for number, row in rows}


def test_every_example_names_its_tests_and_they_exist() -> None:
    examples = links_of_examples()
    assert list(examples) == [f"E{n}" for n in range(1, 22)]
    for number, links in examples.items():
        folders = {Path(file).parts[1] for _, file in links}
        assert {"domain", "http"} <= folders, number
        for test, file in links:
            assert test.startswith(f"test_{number.lower()}_"), (number, test)
            assert re.search(rf"def {test}\(", (ROOT / file).read_text()), f"{number}: {file} has no {test}"


def test_every_file_it_links_exists() -> None:
    for target in re.findall(r"\]\((\.\./[\w/.]+)\)", PAGE.read_text()):
        assert (PAGE.parent / target).exists(), target
