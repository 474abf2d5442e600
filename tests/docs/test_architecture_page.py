"""The file tree of docs/architecture.md is that of the package; its blocks are run by test_python_blocks."""

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
CONTRACTS = ("Split", "Task", "Method", "Job", "Fingerprint", "Projector and Subspace")


def tree():
    """The paths of the page's tree, folders with a slash, and their comments."""
    (block,) = re.findall(r"^```text\nidim_cli/\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    folders, found = [""], {}
    for line in block.splitlines():
        indent, name, comment = re.fullmatch(r"( +)(\S+) {2,}(\S.*)", line).groups()
        depth = len(indent) // 2
        path = folders[depth - 1] + name
        folders[depth:] = [path] if name.endswith("/") else []
        found[path] = comment
    return found


def test_the_tree_names_every_folder_and_only_files_that_exist():
    package = ROOT / "idim_cli"
    folders = {f"{path.parent.relative_to(package)}/" for path in package.glob("*/**/__init__.py")}
    named = tree()
    assert {path for path in named if path.endswith("/")} == folders
    files = [path for path in named if not path.endswith("/")]
    assert len(files) >= 15
    assert [path for path in files if not (package / path).is_file()] == []


def test_packages_are_in_the_order_in_which_they_may_import():
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    (layers,) = (one["layers"] for one in contracts if one["type"] == "layers")
    allowed = [{name.strip().removeprefix("idim_cli.") for name in layer.split("|")} for layer in layers]
    order = [path.rstrip("/") for path in tree() if path.count("/") == 1 and path.endswith("/")]
    depth = [next(at for at, layer in enumerate(allowed) if name in layer) for name in order]
    assert depth == sorted(depth, reverse=True)
    assert len(order) == sum(map(len, allowed))


def test_every_contract_has_an_example_of_about_ten_lines():
    for name in CONTRACTS:
        (section,) = re.findall(rf"^### {name}\n(.*?)(?=^##)", PAGE, re.MULTILINE | re.DOTALL)
        examples = re.findall(r"^```python\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)
        assert len(examples) == (0 if name == "Job" else 1), name  # planned: there is no code of it
        assert all("assert" in example for example in examples)


def test_source_files_that_pages_name_exist():
    pages = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")]
    text = "".join(page.read_text(encoding="utf-8") for page in pages)
    named = set(re.findall(r"`((?:\w+/)+\w+\.(?:py|sh|md))`", text))
    assert len(named) >= 15
    assert [name for name in named if not {*ROOT.glob(name), *ROOT.glob(f"idim_cli/{name}")}] == []
