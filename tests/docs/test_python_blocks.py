"""Every python block of the docs runs, those of one page after the other in one process, without a warning.

Blocks that have a file's name belong to the page's console blocks; docs/own-loop.md has tests of its own.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
ELSEWHERE = {"own-loop.md"}  # tests/examples


def blocks(page: Path) -> list[str]:
    return BLOCK.findall(page.read_text(encoding="utf-8"))


PAGES = [page for page in sorted(DOCS.rglob("*.md")) if blocks(page) and page.name not in ELSEWHERE]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_blocks_of_a_page_run(page, tmp_path):
    (tmp_path / "docs").symlink_to(DOCS)
    script = tmp_path / "blocks.py"
    script.write_text("\n".join(blocks(page)), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-W", "error", script.name],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": ""},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    printing = sum(bool(re.search(r"\bprint\(", block)) for block in blocks(page))
    assert len(done.stdout.splitlines()) >= printing


def test_pages_with_blocks_are_found():
    assert {"python-api.md", "add-a-component.md"} <= {page.name for page in PAGES}
    assert sum(len(blocks(page)) for page in PAGES) >= 5


def test_the_page_of_the_api_names_all_of_it():
    import idim_cli

    words = set(re.findall(r"\w+", (DOCS / "python-api.md").read_text(encoding="utf-8")))
    assert set(idim_cli.__all__) <= words
