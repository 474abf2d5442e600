"""Every console block of the README and the docs is run, and what it prints is compared.

A block's lines that begin with ``$ `` are commands, the others what they print on stdout. ``...`` stands for
anything, within a line or as a line of its own. Blocks of one page run in order, in one folder, which holds
nothing but docs/ and the files that the page shows in blocks with a name (```python mine.py). CONTRIBUTING is
performed in a copy of the repository. What needs real data, or minutes, stands in ``sh`` blocks, which are
not run.
"""

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
CONTRIBUTING = ROOT / "CONTRIBUTING.md"
NUMBER = re.compile(r"\d[\d,]*(?:\.\d+)?")
FILE = re.compile(r"^```\w+ (\S+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
COPIED = ("idim_cli", "recipes", "tests", "docs", "pyproject.toml")
BLOCK = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def commands(page: Path) -> list[tuple[str, str]]:
    """The (command, expected stdout) pairs of a page, in order."""
    found: list[tuple[str, str]] = []
    for block in BLOCK.findall(page.read_text(encoding="utf-8")):
        for line in block.splitlines():
            if line.startswith("$ "):
                found.append((line[2:], ""))
            else:
                command, printed = found.pop()
                found.append((command, printed + line + "\n"))
    return found


def matches(expected: str, printed: str) -> bool:
    """Whether `printed` is `expected`, with ``...`` for anything and numbers equal to within a tenth.

    Accuracies, and so readings of d_int, differ a little between processors. Spaces count for nothing.
    """
    pattern = r".*?".join(map(with_numbers, tidy(expected).split("...")))
    found = re.fullmatch(pattern, tidy(printed), re.DOTALL)
    wanted = [number(text) for part in tidy(expected).split("...") for text in NUMBER.findall(part)]
    return found is not None and all(
        abs(number(text) - want) <= 0.1 * abs(want) for text, want in zip(found.groups(), wanted, strict=True)
    )


def with_numbers(text: str) -> str:
    """`text` as a pattern in which every number is a group."""
    words = [re.escape(word) for word in NUMBER.split(text)]
    return f"({NUMBER.pattern})".join(words).replace(r"\ ", r"\s+").replace("\\\n", r"\s+")


def number(text: str) -> float:
    return float(text.replace(",", ""))


def tidy(text: str) -> str:
    return "\n".join(re.sub(r"\s+", " ", line).strip() for line in text.strip().splitlines())


def perform(page: Path, folder: Path, **more: str) -> None:
    """Write the files that a page shows, run its commands in `folder`, and compare what they print."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "NO_COLOR": "1", "COLUMNS": "80", **more}
    for name in ("IDIM_DATA", "IDIM_OUT"):
        environment.pop(name, None)
    for name, content in FILE.findall(page.read_text(encoding="utf-8")):
        (folder / name).write_text(content, encoding="utf-8")
    for command, expected in commands(page):
        done = subprocess.run(
            ["bash", "-c", command],
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert done.returncode == 0, f"$ {command}\n{done.stdout}{done.stderr}"
        assert matches(expected, done.stdout), f"$ {command}\n{done.stdout}\n--- the page says\n{expected}"


@pytest.mark.parametrize("page", [p for p in PAGES if commands(p)], ids=lambda p: p.name)
def test_what_a_page_shows_is_what_is_printed(page, tmp_path):
    (tmp_path / "docs").symlink_to(ROOT / "docs")
    perform(page, tmp_path)


def test_the_walk_through_of_contributing(tmp_path):
    for name in COPIED:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, tmp_path / name)
    assert len(commands(CONTRIBUTING)) >= 5
    perform(CONTRIBUTING, tmp_path, PYTHONPATH=str(tmp_path))


def test_pages_and_blocks_are_found():
    counts = {page.name: len(commands(page)) for page in PAGES}
    assert counts["README.md"] >= 4
    assert sum(counts.values()) >= 8


def test_every_command_shown_exists():
    from idim_cli.cli.app import app

    known = {info.name for info in [*app.registered_commands, *app.registered_groups]}
    pattern = re.compile(r"^(?:\$ )?(?:\S*/)?idim (\w+)", re.MULTILINE)
    shown = {verb for page in PAGES for verb in pattern.findall(page.read_text(encoding="utf-8"))}
    assert shown <= known
    assert known <= shown, "each verb is shown somewhere"


def test_links_lead_somewhere():
    count = 0
    for page in [*PAGES, CONTRIBUTING]:
        for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
            if "://" not in target:
                count += 1
                assert (page.parent / target).exists(), f"{page.name}: {target}"
    assert count >= 5


def test_ci_runs_the_readmes_test_command():
    readme, ci = (ROOT / "README.md").read_text(), (ROOT / ".ci" / "run").read_text()
    command = re.search(r"^\.venv/bin/.* && \.venv/bin/(python -m pytest.*)$", readme, re.MULTILINE)
    assert command
    assert shlex.split(command[1]) in [
        shlex.split(line, comments=True) for line in ci.splitlines() if "'" not in line
    ]


@pytest.mark.parametrize(
    ("expected", "printed", "same"),
    [
        ("a b", "a b\n", True),
        ("a ... c", "a b c", True),
        ("a\n...\nd", "a\nb\nc\nd", True),
        ("a", "a b", False),
        ("1.0", "1x0", False),
        ("d = 110 of 1,000", "d =   112 of 1,001", True),
        ("d = 110", "d = 150", False),
        ("d = 110", "d = x", False),
    ],
)
def test_the_comparison_itself(expected, printed, same):
    assert matches(expected, printed) == same
