"""Taking Markdown apart."""

import pytest

from examples.publish.markdown import Document, Link, Section, parse, slug


def headings(document: Document) -> list[tuple[int, str, int]]:
    return [(section.level, section.heading, section.line) for section in document.sections]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("# One\n\ntext\n\n## Two\n", [(1, "One", 1), (2, "Two", 5)]),
        ("before\n\n# One\n", [(0, "", 1), (1, "One", 3)]),
        ("no heading at all\n", [(0, "", 1)]),
        ("One\n===\n\nTwo\n---\n", [(1, "One", 1), (2, "Two", 4)]),
        ("Two lines\nof heading\n===\n", [(1, "Two lines of heading", 1)]),
        ("# Closed #\n### Three ###   \n", [(1, "Closed", 1), (3, "Three", 2)]),
        ("#No space\n\n####### Seven\n", [(0, "", 1)]),
        ("   # Three spaces\n", [(1, "Three spaces", 1)]),
        ("    # Code\n", [(0, "", 1)]),
        ("# A\n\n```bash\n# no heading\n```\n\n# B\n", [(1, "A", 1), (1, "B", 7)]),
        ("~~~~\n~~~\n# no heading\n~~~~\n# B\n", [(0, "", 1), (1, "B", 5)]),
        ("# A\n\n```\n# never closed\n\n# still code\n", [(1, "A", 1)]),
        ("---\ntitle: T\n# a comment\n---\n# A\n", [(1, "A", 5)]),
        ("+++\ntitle = 'T'\n+++\n\n# A\n", [(1, "A", 5)]),
        ("---\n---\n# A\n", [(1, "A", 3)]),
        ("---\n\n# A\n", [(0, "", 1), (1, "A", 3)]),  # a line across the page: nothing closes it
        ("\ufeff# After a byte order mark\n", [(1, "After a byte order mark", 1)]),
        ("# A\r\n\r\n# B\r\n", [(1, "A", 1), (1, "B", 3)]),
        ("# A\r\r# B\r", [(1, "A", 1), (1, "B", 3)]),
        ("<!--\n# commented out\n-->\n\n# A\n", [(1, "A", 5)]),
        ("- # in a list\n\n> # in a quotation\n", [(0, "", 1)]),
        ("#\n\n## \n", [(1, "", 1), (2, "", 3)]),
        ("# `code` and *stress* and [a link](x) and \\# mark\n", [(1, "code and stress and a link and # mark", 1)]),
        ("", []),
        ("[a]: b\n", []),
        ("<div><![>\n\n# A\n", [(1, "A", 3)]),
    ],
)
def test_sections(text: str, expected: list[tuple[int, str, int]]) -> None:
    assert headings(parse(text)) == expected


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("# One\n## Two\n", "One"),
        ("before\n\n## Two\n", "Two"),
        ("---\ntitle: From the front\ndraft: true\n---\n# One\n", "From the front"),
        ('---\nauthor: A\ntitle: "In quotes"\n...\n# One\n', "In quotes"),
        ("+++\ntitle = 'T'\n+++\n# One\n", "T"),
        ('<h1 align="center">\n  In <b>HTML</b>\n</h1>\n\n## Two\n', "In HTML"),
        ("text\n", ""),
    ],
)
def test_title(text: str, title: str) -> None:
    assert parse(text).title == title


@pytest.mark.parametrize(
    ("heading", "anchor"),
    [
        ("Try it", "try-it"),
        ("What's new? (v1.2)", "whats-new-v12"),
        ("snake_case & C++", "snake_case--c"),
        ("  Spaces  ", "spaces"),
        ("a - b", "a---b"),
        ("Übergröße", "übergröße"),
        ("日本語", "日本語"),
        ("🚀 Launch", "-launch"),
        ("e\u0301", "e\u0301"),
        ("!!!", ""),
    ],
)
def test_anchor_of_a_heading(heading: str, anchor: str) -> None:
    assert slug(heading) == anchor


@pytest.mark.parametrize(
    ("text", "anchors"),
    [
        ("# A\n# A\n# A\n", {"a", "a-1", "a-2"}),
        ("# A\n# A-1\n# A\n", {"a", "a-1", "a-2"}),
        ("# A\n# A\n# A-1\n", {"a", "a-1", "a-1-1"}),
        ("# a\n# A!\n", {"a", "a-1"}),
        ("> # Quoted\n", {"quoted"}),
        ('<a name="old"></a>\n\ntext <a id="inner"></a>\n', {"old", "inner"}),
        ('<div id="box">\n<h2>In HTML</h2>\n</div>\n', {"box", "in-html"}),
        ("# [Linked](x) `code`\n", {"linked-code"}),
        ('```html\n<a id="no">\n```\n', set[str]()),
    ],
)
def test_anchors(text: str, anchors: set[str]) -> None:
    assert parse(text).anchors == anchors


@pytest.mark.parametrize(
    ("text", "links"),
    [
        ("[a](b.md)\n", [Link("b.md", 1)]),
        ("one\n[a](b.md) two\nthree ![i](i.png)\n", [Link("b.md", 2), Link("i.png", 3)]),
        ("[a][r], [r][], [r]\n\n[r]: there.md 'title'\n", [Link("there.md", 1)] * 3),
        ("[![badge](badge.svg)](page.md)\n", [Link("page.md", 1), Link("badge.svg", 1)]),
        ("[a](<with space.md>)\n", [Link("with%20space.md", 1)]),
        ("[a](x_(y).md)\n", [Link("x_(y).md", 1)]),
        ("`[a](b)` and \\[a](b)\n", []),
        ("```\n[a](b)\n```\n", []),
        ("<https://example.com>\n", [Link("https://example.com", 1)]),
        ("[a]()\n", [Link("", 1)]),
        ("| x |\n|---|\n| [a](b.md) |\n", [Link("b.md", 3)]),
        ("- one\n- [a](b.md)\n", [Link("b.md", 2)]),
        ('<p>\n<img src="logo.png">\n</p>\n\n', [Link("logo.png", 2)]),
        ('text <a href="b.md">b</a>\n', [Link("b.md", 1)]),
        ("# [In a heading](b.md)\n", [Link("b.md", 1)]),
        ("<!-- [a](b) -->\n", []),
    ],
)
def test_links(text: str, links: list[Link]) -> None:
    assert [link for section in parse(text).sections for link in section.links] == links


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("# Not counted\n\none two, three.\n", 3),
        ("one\ntwo **thr**ee\n", 3),
        ("don't well-known 3.11\n", 3),
        ("`code` counts\n\n```\nblocks do not\n```\n", 2),
        ("| a | b |\n|---|---|\n| c | d |\n", 4),
        ("<p>in HTML</p>\n", 2),
        ("<!-- not at all -->\n", 0),
        ("![not the image](x.png) [but the link](y)\n", 3),
    ],
)
def test_words(text: str, words: int) -> None:
    assert sum(section.words for section in parse(text).sections) == words


def test_a_section_knows_what_is_around_it() -> None:
    text = "# A\n\ntext\n\n### Same\n\n# B\n\n## Same\n\n## same\n\n## C\n\n---\n"
    known = [(s.heading, s.level_before, s.first_line, s.is_empty) for s in parse(text).sections]
    assert known == [
        ("A", 0, 1, False),
        ("Same", 1, 5, True),
        ("B", 3, 7, False),  # it has sections
        ("Same", 1, 9, True),  # the other one is under another heading
        ("same", 2, 9, True),
        ("C", 2, 13, False),  # it has a line across the page
    ]


def test_a_section_of_code_or_a_picture_is_not_empty() -> None:
    sections = parse("# A\n\n```\ncode\n```\n\n# B\n\n![](x.png)\n\n# C\n\n<!-- comment -->\n").sections
    assert [section.is_empty for section in sections] == [False, False, True]


def test_a_large_file() -> None:
    text = "".join(f"# Heading {i}\n\n[link](#heading-{i})\n\n" for i in range(2_000))
    document = parse(text)
    assert len(document.sections) == 2_000
    assert document.sections[-1] == Section(
        "Heading 1999", 1, 7_997, level_before=1, first_line=7_997, words=1, is_empty=False,
        links=[Link("#heading-1999", 7_999)],
    )  # fmt: skip
