"""An SVG file as an element of a page: unique ids, the colours of the page, words for screen readers."""

from __future__ import annotations

import re
from xml.etree import ElementTree

from idim_cli.reports.plots import style

_SVG, _XLINK = "{http://www.w3.org/2000/svg}", "{http://www.w3.org/1999/xlink}"
#: The page's name for each colour of `style`, so that the page can change it in the dark.
COLOURS = {
    style.BLUE: "blue", style.RED: "red", style.BLACK: "ink", style.GREY: "grey", style.FAINT: "faint",
    style.WHITE: "paper", style.LINE: "line", style.SMALL: "ink", style.GREEN: "green", style.PINK: "pink",
    style.ORANGE: "orange", style.SKY: "sky",
    **{colour: f"ramp{index}" for index, colour in enumerate(style.RAMP)},
}  # fmt: skip
_COLOUR = re.compile("|".join(COLOURS), re.IGNORECASE)
_REFERENCE = re.compile(r"#([\w.-]+)")
_STAMPS = ("metadata", "style")  # the page has a style of its own


def element(file: bytes, slug: str, title: str, alt: str) -> str:
    """The `file`, as matplotlib writes it, as one ``svg`` element.

    Args:
        slug: prefix of its ids, which are then unique in the page.
        title: its name.
        alt: its description.
    """
    root = ElementTree.fromstring(file)
    _remove_stamps(root)
    # Ids that nothing refers to only make the page larger.
    used = {
        name for part in root.iter() for value in part.attrib.values() for name in _REFERENCE.findall(value)
    }
    for part in root.iter():
        part.tag = part.tag.removeprefix(_SVG)
        part.attrib = {
            key.removeprefix(_XLINK): _adapted(key, value, slug)
            for key, value in part.attrib.items()
            if key != "id" or value in used
        }
    root.attrib = {
        "class": "chart", "role": "img", "aria-label": title, "aria-describedby": f"{slug}-alt",
        "viewBox": root.attrib["viewBox"],
    }  # fmt: skip
    described = ElementTree.Element("desc", {"id": f"{slug}-alt"})
    described.text = alt
    # As the first child, where SVG has descriptions of an element.
    root.insert(0, described)
    return ElementTree.tostring(root, encoding="unicode")


def _remove_stamps(root: ElementTree.Element) -> None:
    for parent in list(root.iter()):
        for child in list(parent):
            if child.tag.removeprefix(_SVG) in _STAMPS:
                parent.remove(child)


def _adapted(key: str, value: str, slug: str) -> str:
    if key == "id":
        return f"{slug}-{value}"
    if "#" not in value:
        return value
    # upper: matplotlib writes colours in lower case.
    coloured = _COLOUR.sub(lambda found: f"var(--{COLOURS[found[0].upper()]})", value)
    return _REFERENCE.sub(rf"#{slug}-\1", coloured)
