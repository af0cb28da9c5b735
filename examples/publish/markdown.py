"""Takes Markdown apart: sections, links, and the anchors that GitHub would give it."""

from __future__ import annotations

import contextlib
import itertools
import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from html.parser import HTMLParser

from markdown_it import MarkdownIt
from markdown_it.token import Token

_PARSER = MarkdownIt("commonmark").enable(["table", "strikethrough"])
_FRONT_MATTER = re.compile(r"\A(---|\+\+\+)[ \t]*\n(.*?\n)??(\1|\.\.\.)[ \t]*(\n|\Z)", re.DOTALL)
_TITLE = re.compile(r"^title[ \t]*[:=][ \t]*(.+?)[ \t]*$", re.MULTILINE)
_WORD = re.compile(r"\w+(?:['’.\-]\w+)*")


@dataclass(frozen=True)
class Link:
    """A link or an image.

    Attributes:
        target: Where it leads, as it is written (but `%20` and the like are kept).
        line: The line it is on, from 1.
    """

    target: str
    line: int


@dataclass
class Section:
    """A heading with what follows it, up to the next heading.

    Attributes:
        heading: The heading's text; empty if it has none.
        level: 1 to 6; 0 for what comes before the first heading.
        line: The line that it begins on, from 1.
        level_before: The level of the heading before; 0 if there is none.
        first_line: The line of the first heading with the same text under the same parent: its own, if it is the first.
        words: How many words there are, without the heading and without blocks of code.
        is_empty: Whether there is nothing at all in it, not even a section of a lower level.
        links: Its links and images.
    """

    heading: str
    level: int
    line: int
    level_before: int = 0
    first_line: int = 0
    words: int = 0
    is_empty: bool = True
    links: list[Link] = field(default_factory=list[Link])


@dataclass
class Document:
    """A Markdown file, taken apart.

    Attributes:
        title: Of the front matter, or the first heading, or empty.
        sections: In the order of the file.
        anchors: What a link's `#...` can lead to.
    """

    title: str
    sections: list[Section]
    anchors: set[str]


def parse(text: str) -> Document:
    """Take Markdown apart."""
    text = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    title, text = _without_front_matter(text)
    reader = _Reader()
    reader.read(_PARSER.parse(text))
    _look_around(reader.sections)
    headings = [section.heading for section in reader.sections if section.heading]
    return Document(title or reader.title or next(iter(headings), ""), reader.sections, reader.anchors.known)


def _without_front_matter(text: str) -> tuple[str, str]:
    """The title in the front matter, and the text with empty lines in its place, so that lines keep their numbers."""
    found = _FRONT_MATTER.match(text)
    if found is None:
        return "", text
    title = _TITLE.search(found[0])
    return title[1].strip("\"'") if title else "", "\n" * found[0].count("\n") + text[found.end() :]


def _look_around(sections: Sequence[Section]) -> None:
    """Fill in what a section knows of the others."""
    parents: list[tuple[int, dict[str, int]]] = [(-1, {})]  # level, and the lines of the headings below it by text
    before = 0
    for section in sections:
        while parents[-1][0] >= section.level:
            parents.pop()
        section.first_line = parents[-1][1].setdefault(section.heading.casefold(), section.line)
        parents.append((section.level, {}))
        section.level_before, before = before, section.level
    for section, following in itertools.pairwise(sections):
        if following.level > section.level:
            section.is_empty = False


class Anchors:
    """Gives headings their anchors, as GitHub does."""

    def __init__(self) -> None:
        self.known: set[str] = set()
        self._count: dict[str, int] = {}

    def add_heading(self, text: str) -> str:
        """The anchor of a heading; a second one of the same text gets `-1` at its end."""
        anchor = first = slug(text)
        while anchor in self._count:
            self._count[first] += 1
            anchor = f"{first}-{self._count[first]}"
        self._count[anchor] = 0
        self.known.add(anchor)
        return anchor


def slug(heading: str) -> str:
    """The anchor of a heading, if no other has it: letters, digits, `-` and `_` in lower case, `-` for each space."""
    kept = (c for c in heading.strip().lower() if c in " -" or unicodedata.category(c)[0] in "LMN" or c in "_‿⁀⁔")
    return "".join(kept).replace(" ", "-")


class _Reader:
    """Walks through the parser's tokens once, and collects."""

    def __init__(self) -> None:
        self.title = ""
        self.sections: list[Section] = []
        self.anchors = Anchors()
        self._line = 1

    def read(self, tokens: Sequence[Token]) -> None:
        stream = iter(tokens)
        for token in stream:
            if token.map is not None:
                self._line = token.map[0] + 1
            if token.type == "heading_open":
                self._read_heading(token, next(stream))
            elif token.type == "inline":
                self._section().words += len(_WORD.findall(plain(token)))
                self._read_links(token)
            elif token.type in ("fence", "code_block", "hr"):
                self._section().is_empty = False
            elif token.type == "html_block":
                self._read_html(token.content, self._line)

    def _section(self) -> Section:
        """The section that we are in, which turns out to have something in it."""
        if not self.sections:
            self.sections.append(Section("", level=0, line=self._line))
        self.sections[-1].is_empty = False
        return self.sections[-1]

    def _read_heading(self, opening: Token, inline: Token) -> None:
        text = plain(inline).strip()
        self.anchors.add_heading(text)
        if opening.level == 0:  # not in a quotation or a list
            self.sections.append(Section(text, level=int(opening.tag[1:]), line=self._line))
            self._read_links(inline)
            self.sections[-1].is_empty = True
        else:
            self._section().words += len(_WORD.findall(text))
            self._read_links(inline)

    def _read_links(self, inline: Token) -> None:
        line = self._line
        for token in _flat(inline.children or []):
            if token.type in ("softbreak", "hardbreak"):
                line += 1
            elif token.type == "link_open":
                self._section().links.append(Link(str(token.attrs.get("href", "")), line))
            elif token.type == "image":
                self._section().links.append(Link(str(token.attrs.get("src", "")), line))
            elif token.type == "html_inline":
                self._read_html(token.content, line)

    def _read_html(self, html: str, line: int) -> None:
        reader = _HtmlReader()
        with contextlib.suppress(AssertionError):  # what the standard library makes of `<![>`
            reader.feed(html)
            reader.close()
        self.anchors.known |= reader.ids
        for heading in reader.headings:
            self.anchors.add_heading(heading)
            self.title = self.title or heading
        words = len(_WORD.findall(" ".join(reader.text)))
        if words or reader.links:
            section = self._section()
            section.words += words
            section.links += [Link(target, line + offset) for target, offset in reader.links]


def plain(inline: Token) -> str:
    """The text of a line, without marks."""
    text: list[str] = []
    for token in inline.children or []:
        if token.type in ("text", "code_inline"):
            text.append(token.content)
        elif token.type in ("softbreak", "hardbreak"):
            text.append(" ")
    return "".join(text)


def _flat(tokens: Sequence[Token]) -> Iterator[Token]:
    for token in tokens:
        yield token
        yield from _flat(token.children or [])


class _HtmlReader(HTMLParser):
    """Collects what counts in a piece of HTML: ids, links with their lines from 0, headings, text."""

    def __init__(self) -> None:
        super().__init__()
        self.ids: set[str] = set()
        self.links: list[tuple[str, int]] = []
        self.headings: list[str] = []
        self.text: list[str] = []
        self._is_heading = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if value is None:
                continue
            if name == "id" or (name == "name" and tag == "a"):
                self.ids.add(value)
            elif (name == "href" and tag == "a") or (name == "src" and tag == "img"):
                self.links.append((value, self.getpos()[0] - 1))
        if re.fullmatch("h[1-6]", tag):
            self._is_heading = True
            self.headings.append("")

    def handle_endtag(self, tag: str) -> None:
        if re.fullmatch("h[1-6]", tag) and self._is_heading:
            self._is_heading = False
            self.headings[-1] = " ".join(self.headings[-1].split())

    def handle_data(self, data: str) -> None:
        if self._is_heading:
            self.headings[-1] += data
        else:
            self.text.append(data)
