"""The programs, as users run them: in this process's place, without a server."""

from pathlib import Path

import pytest

from tests.examples.programs import run_example


def test_greet() -> None:
    done = run_example("examples.greet", answers="Bob\n")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "Hello, what is your name? Goodbye, Bob!\n"


def test_greet_without_an_answer() -> None:
    done = run_example("examples.greet")
    assert (done.returncode, done.stderr) == (1, "Error: nobody answered: the input is at its end.\n")


def test_fan_out() -> None:
    # Two of the three shops take hours to answer: this only ends because they are cancelled.
    done = run_example("examples.fan_out")
    assert (done.returncode, done.stderr) == (0, "")
    assert [line.split()[0] for line in done.stdout.splitlines()] == ["apples", "bread", "tea"]
    assert all(line.endswith("corner shop") for line in done.stdout.splitlines())


def test_fan_out_of_one_thing() -> None:
    done = run_example("examples.fan_out", "salt", "salt")
    assert (done.returncode, done.stdout.split()) == (0, ["salt", "4.11", "corner", "shop"])


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "notes.md"
    path.write_text("# Notes\n\nSome words.\n", encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("answers", "written"),
    [
        ("a\n", "# Release summary: Notes\n"),
        ("what?\n\napprove\n", "# Release summary: Notes\n"),
        ("e\n# Mine\n.\n", "# Mine\n"),
        ("e\n.\nedit\n# Second try\n.\n", "# Second try\n"),
    ],
)
def test_publish(file: Path, answers: str, written: str) -> None:
    done = run_example("examples.publish", file, answers=answers)
    assert (done.returncode, done.stderr) == (0, "")
    output = file.with_name("notes.release.md")
    assert done.stdout.endswith(f"Written: {output}\n")
    assert output.read_text(encoding="utf-8").splitlines(keepends=True)[0] == written


def test_publish_nothing(file: Path) -> None:
    done = run_example("examples.publish", file, answers="r\nnot yet\n")
    assert done.stdout.endswith("Rejected, nothing is written: not yet\n")
    assert (done.returncode, [path.name for path in file.parent.iterdir()]) == (0, ["notes.md"])


def test_publish_says_what_is_wrong_in_a_line(tmp_path: Path) -> None:
    done = run_example("examples.publish", tmp_path / "nowhere.md")
    assert (done.returncode, done.stdout) == (1, "")
    [line] = done.stderr.splitlines()
    assert line.startswith("Error: 'split' failed with DocumentError: there is no file ")


def test_no_server() -> None:
    done = run_example("examples.greet", "--address", "127.0.0.1:1")
    assert done.returncode == 1
    assert done.stderr == ("Error: no Temporal server answers at '127.0.0.1:1'. Start one: temporal server start-dev\n")
