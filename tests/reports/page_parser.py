"""A page as tests look at it."""

import re
from html.parser import HTMLParser

VOID = {"meta", "input", "br", "link", "img", "hr"}


class Page(HTMLParser):
    """What a page is made of; an assertion fails where tags do not match."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.open, self.tags, self.texts = [], [], []
        self.classes = []  # of the tag that each text follows
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        assert len(attributes) == len(dict(attributes)), f"{tag}: an attribute twice"
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)
        self.classes.append(self.tags[-1][1].get("class") if self.tags else None)

    def all(self, name):
        return [attributes for tag, attributes in self.tags if tag == name]

    def texts_of(self, name):
        """What stands in the tags of a class, without what tags inside them say."""
        both = zip(self.texts, self.classes, strict=True)
        return [text.strip() for text, kind in both if kind == name and text.strip()]

    @property
    def text(self):
        return re.sub(r"\s+", " ", " ".join(self.texts))
