"""Checking one section."""

from pathlib import Path

import pytest

from examples.publish.checks import Report, check_section
from examples.publish.files import DocumentError, paths, read_document, write


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A repository with a few files."""
    (tmp_path / ".git").mkdir()
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "guide.md").write_text('# Guide\n\n## First steps\n\n<a id="made"></a>\n')
    (tmp_path / "with space.md").write_text("# S\n")
    (tmp_path / "latin.md").write_bytes("# Überschrift\n".encode("latin-1"))
    (tmp_path / "code.py").write_text("pass\n")
    return tmp_path


def check(folder: Path, text: str) -> list[Report]:
    file = folder / "README.md"
    file.write_text(text, encoding="utf-8")
    return [check_section(section, file) for section in read_document(file).sections]


def problems(folder: Path, text: str) -> list[tuple[int, str]]:
    return [(finding.line, finding.problem) for report in check(folder, text) for finding in report.findings]


@pytest.mark.parametrize(
    "target",
    [
        "docs/guide.md",
        "./docs/../docs/guide.md",
        "docs",
        "docs/",
        "with%20space.md",
        "<with space.md>",
        "docs/guide.md#first-steps",
        "docs/guide.md#made",
        "docs/guide.md?plain=1",
        "/docs/guide.md#guide",
        "#here",
        "#user-content-here",
        "#top",
        "#",
        "code.py#L1",
        "latin.md#what-its-anchors-are-nobody-knows",
        "https://example.com/nowhere#at-all",
        "//example.com/nowhere",
        "mailto:nobody@example.com",
        "../../issues",
    ],
)
def test_links_that_lead_somewhere(folder: Path, target: str) -> None:
    assert problems(folder, f"# Here\n\n[link]({target})\n") == []


@pytest.mark.parametrize(
    ("target", "problem"),
    [
        ("nowhere.md", "The link `nowhere.md` leads to a file that does not exist."),
        ("no%20where.md#a", "The link `no where.md#a` leads to a file that does not exist."),
        ("/guide.md", "The link `/guide.md` leads to a file that does not exist."),
        ("code.py/x", "The link `code.py/x` leads to a file that does not exist."),
        ("#hera", "The link `#hera` leads to no heading. Is `#here` meant?"),
        ("#Here", "The link `#Here` leads to no heading. Is `#here` meant?"),
        ("#xyz", "The link `#xyz` leads to no heading."),
        (
            "docs/guide.md#steps",
            "The link `docs/guide.md#steps` leads to no heading of `guide.md`. Is `#first-steps` meant?",
        ),
        ("docs/guide.md#top", "The link `docs/guide.md#top` leads to no heading of `guide.md`."),
        ("", "A link leads nowhere: it has no target."),
    ],
)
def test_links_that_lead_nowhere(folder: Path, target: str, problem: str) -> None:
    assert problems(folder, f"# Here\n\n\n[link]({target})\n") == [(4, problem)]


def test_a_link_that_is_none(folder: Path) -> None:
    assert problems(folder, 'Look <a href="http://[x">there</a>.\n') == [(1, "The link `http://[x` is no valid URL.")]


def test_images_and_html_are_links_too(folder: Path) -> None:
    text = '# Here\n\n![i](i.png)\n\n<p>\n<img src="j.png">\n</p>\n'
    assert [line for line, _ in problems(folder, text)] == [3, 6]


def test_outside_of_a_repository(tmp_path: Path) -> None:
    found = problems(tmp_path, "# Here\n\n[from the root](/nobody-knows.md), [beside](nowhere.md)\n")
    assert found == [(3, "The link `nowhere.md` leads to a file that does not exist.")]


def test_a_new_version_of_another_file_is_noticed(folder: Path) -> None:
    text = "# Here\n\n[link](docs/guide.md#second-steps)\n"
    assert len(problems(folder, text)) == 1
    (folder / "docs" / "guide.md").write_text("# Guide\n\n## Second steps\n")
    assert problems(folder, text) == []


def test_headings(folder: Path) -> None:
    text = "## Begins with the second level\n\ntext\n\n#### Jumps\n\ntext\n\n#### Jumps\n\ntext\n\n#\n\n# Empty\n"
    assert problems(folder, text) == [
        (5, "The heading jumps from level 2 to level 4."),
        (9, "The heading is there already, in line 5."),
        (13, "The heading is empty."),
        (13, "There is nothing under the heading."),
        (15, "There is nothing under the heading."),
    ]


def test_a_changelog_may_repeat_itself(folder: Path) -> None:
    assert problems(folder, "# Changes\n\n## 2.0\n\n### Added\n\nthis\n\n## 1.0\n\n### Added\n\nthat\n") == []


def test_where_the_summary_goes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert paths(Path("a/b.md"), None) == (tmp_path / "a" / "b.md", tmp_path / "a" / "b.release.md")
    assert paths(Path("a/../b.md"), Path("c.md")) == (tmp_path / "b.md", tmp_path / "c.md")
    with pytest.raises(DocumentError, match=r"overwrite the file itself, '.*b\.md'"):
        paths(Path("b.md"), Path("./b.md"))


def test_writing_leaves_one_file_however_often(tmp_path: Path) -> None:
    file = tmp_path / "new" / "out.md"
    for text in ("first\n", "second ✓\n", "second ✓\n"):
        write(file, text)
    assert file.read_bytes() == "second ✓\n".encode()
    assert [path.name for path in file.parent.iterdir()] == ["out.md"]


def test_a_write_that_fails_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    file = tmp_path / "out.md"
    write(file, "first\n")
    with pytest.raises(UnicodeEncodeError):
        write(file, "second \ud800\n")
    assert file.read_text() == "first\n"
    assert [path.name for path in tmp_path.iterdir()] == ["out.md"]
