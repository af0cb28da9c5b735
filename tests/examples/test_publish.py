"""The graph `publish`, in this process."""

import contextlib
from pathlib import Path
from typing import Any

import pytest

from examples.publish.checks import Finding, Report
from examples.publish.graph import Approve, Edit, Job, Publication, Published, Reject, Rejected, publish
from examples.publish.summary import draft_summary
from temporal_graph import AnswerRefusedError, GraphRunError, LocalRun

TEXT = "# Guide\n\nSome words.\n\n## First | steps\n\nA [link](nowhere.md) and [another](#gudie).\n\n## Last\n"
DRAFT = """\
# Release summary: Guide

`guide.md` has 3 sections and 6 words. The checks found 3 problems.

## Sections

| Line | Section        | Words |
|------|----------------|-------|
| 1    | Guide          | 2     |
| 5    | First \\| steps | 4     |
| 9    | Last           | 0     |

## Findings

| Line | Section        | Finding                                                    |
|------|----------------|------------------------------------------------------------|
| 7    | First \\| steps | The link `nowhere.md` leads to a file that does not exist. |
| 7    | First \\| steps | The link `#gudie` leads to no heading. Is `#guide` meant?  |
| 9    | Last           | There is nothing under the heading.                        |
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "guide.md"
    path.write_text(TEXT, encoding="utf-8")
    return path


async def waiting(file: Path) -> LocalRun[Published | Rejected, Publication]:
    run = publish.local()
    stop = await run.proceed(inputs=Job(file))
    assert [interrupt.interrupt_id for interrupt in stop.interrupts] == ["review:1.0"]
    assert not file.with_name("guide.release.md").exists()
    return run


async def test_it_checks_and_asks(file: Path) -> None:
    run = publish.local()
    stop = await run.proceed(inputs=Job(file))
    assert stop.state.draft == DRAFT
    assert (stop.state.title, stop.state.words, stop.state.findings) == ("Guide", 6, 3)
    [asked] = stop.interrupts
    assert asked.value == {
        "question": "Publish guide.release.md?",
        "file": str(file),
        "findings": 3,
        "draft": stop.state.draft,
    }


async def test_approved(file: Path) -> None:
    run = await waiting(file)
    stop = await run.proceed(Approve())
    output = file.with_name("guide.release.md")
    assert stop.output == Published(output)
    assert output.read_text(encoding="utf-8") == stop.state.draft


@pytest.mark.parametrize("answer", [Edit(text="# Mine ✓"), {"verdict": "edit", "text": "# Mine ✓\n"}])
async def test_edited(file: Path, answer: Any) -> None:
    run = await waiting(file)
    stop = await run.proceed(answer)
    assert stop.output == Published(file.with_name("guide.release.md"))
    assert stop.output.file.read_text(encoding="utf-8") == "# Mine ✓\n"


async def test_rejected(file: Path) -> None:
    run = await waiting(file)
    stop = await run.proceed(Reject(reason="not yet"))
    assert stop.output == Rejected("not yet")
    assert [path.name for path in file.parent.iterdir()] == ["guide.md"]


@pytest.mark.parametrize(
    "answer", ["yes", None, {"verdict": "maybe"}, {"verdict": "edit"}, {"verdict": "edit", "text": ""}]
)
async def test_an_answer_that_is_none_leaves_the_question_open(file: Path, answer: Any) -> None:
    run = await waiting(file)
    with pytest.raises(AnswerRefusedError) as refused:
        await run.resume(answer)
    assert refused.value.reason == "invalid"
    stop = await run.proceed(Approve())
    assert stop.is_end


@pytest.mark.parametrize("answer", [{}, {"text": "x"}])
async def test_an_answer_without_a_verdict_approves_nothing(file: Path, answer: Any) -> None:
    run = await waiting(file)
    with contextlib.suppress(AnswerRefusedError):
        await run.proceed(answer)
    assert [interrupt.interrupt_id for interrupt in run.pending_interrupts()] == ["review:1.0"]
    assert [path.name for path in file.parent.iterdir()] == ["guide.md"]
    stop = await run.proceed(Approve())
    assert stop.is_end


async def test_where_the_summary_goes(file: Path, tmp_path: Path) -> None:
    run = publish.local()
    await run.proceed(inputs=Job(file, output=tmp_path / "new" / "folder" / "out.md"))
    stop = await run.proceed(Approve())
    assert stop.output == Published(tmp_path / "new" / "folder" / "out.md")


async def test_published_twice(file: Path) -> None:
    for _ in range(2):
        await (await waiting(file)).proceed(Approve())
        file.with_name("guide.release.md").rename(file.with_name("before"))
    assert sorted(path.name for path in file.parent.iterdir()) == ["before", "guide.md"]


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (None, r"there is no file '.*guide\.md' on the worker's machine"),
        (b"", r"'.*guide\.md' is empty"),
        (b" \n\t\n", r"'.*guide\.md' is empty"),
        (b"\xef\xbb\xbf\n", r"'.*guide\.md' is empty"),
        (b"# Caf\xe9\n", r"'.*guide\.md' is not UTF-8 text: byte 5"),
        ("# UTF-16\n".encode("utf-16"), r"'.*guide\.md' is not UTF-8 text: byte 0"),
    ],
)
async def test_a_file_that_cannot_be_published(tmp_path: Path, content: bytes | None, problem: str) -> None:
    if content is not None:
        (tmp_path / "guide.md").write_bytes(content)
    with pytest.raises(GraphRunError, match=problem) as failed:
        await publish.local().proceed(inputs=Job(tmp_path / "guide.md"))
    assert (failed.value.node_id, failed.value.error_type) == ("split", "DocumentError")


async def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(GraphRunError, match="is no file; name a Markdown file"):
        await publish.local().proceed(inputs=Job(tmp_path))


async def test_a_file_without_sections(tmp_path: Path) -> None:
    (tmp_path / "guide.md").write_text("[nothing]: but-a-reference\n")
    run = publish.local()
    stop = await run.proceed(inputs=Job(tmp_path / "guide.md"))
    assert "has 0 sections and 0 words. The checks found no problems." in stop.state.draft


def test_a_draft_depends_on_nothing_but_what_was_found() -> None:
    reports = [Report("B_c *d*", 2, 9, 1_000, [Finding(9, "b"), Finding(8, "a")]), Report("", 0, 1, 1, [])]
    draft = draft_summary(Path("x.md"), "", 1_001, reports)
    assert draft == draft_summary(Path("x.md"), "", 1_001, reports[::-1])
    assert draft == (
        "# Release summary: x.md\n\n"
        "`x.md` has 2 sections and 1,001 words. The checks found 2 problems.\n\n"
        "## Sections\n\n"
        "| Line | Section                      | Words |\n"
        "|------|------------------------------|-------|\n"
        "| 1    | *(before the first heading)* | 1     |\n"
        "| 9    | B_c \\*d\\*                    | 1000  |\n\n"
        "## Findings\n\n"
        "| Line | Section   | Finding |\n"
        "|------|-----------|---------|\n"
        "| 8    | B_c \\*d\\* | a       |\n"
        "| 9    | B_c \\*d\\* | b       |\n"
    )
