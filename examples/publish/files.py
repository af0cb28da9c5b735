"""Reads and writes the files of `publish`."""

from __future__ import annotations

import os
import uuid
from pathlib import Path

from examples.publish.markdown import Document, parse


class DocumentError(ValueError):
    """A file that cannot be published; trying again would not help."""


def read_document(file: Path) -> Document:
    """Read a Markdown file.

    Raises:
        DocumentError: There is none, or nothing in it, or it is no text.
    """
    try:
        text = file.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        raise DocumentError(f"there is no file {str(file)!r} on the worker's machine.") from None
    except (IsADirectoryError, NotADirectoryError):
        raise DocumentError(f"{str(file)!r} is no file; name a Markdown file.") from None
    except PermissionError:
        raise DocumentError(f"the worker may not read {str(file)!r}.") from None
    except UnicodeDecodeError as error:
        raise DocumentError(f"{str(file)!r} is not UTF-8 text: byte {error.start} is no part of a character.") from None
    if not text.strip():
        raise DocumentError(f"{str(file)!r} is empty; there is nothing to publish.")
    return parse(text)


def paths(file: Path, output: Path | None) -> tuple[Path, Path]:
    """The file, and where its summary goes: beside it, unless the caller says where. Both are absolute.

    Raises:
        DocumentError: They are the same.
    """
    file = Path(os.path.abspath(file))
    output = Path(os.path.abspath(output)) if output else file.with_name(f"{file.stem}.release.md")
    if output == file:
        raise DocumentError(f"the summary would overwrite the file itself, {str(file)!r}; give another output.")
    return file, output


def write(file: Path, text: str) -> None:
    """Write a file at once or not at all: nobody ever sees half of it, and writing it twice is writing it once."""
    file.parent.mkdir(parents=True, exist_ok=True)
    # A name of its own: an attempt that was given up may still be writing while the next one does.
    unfinished = file.with_name(f".{file.name}.{uuid.uuid4().hex}.tmp")
    try:
        with unfinished.open("x", encoding="utf-8", newline="\n") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        unfinished.replace(file)
    finally:
        unfinished.unlink(missing_ok=True)
