"""Asks whoever sits at the terminal what is to become of a draft."""

from __future__ import annotations

import asyncio
import os
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

from examples.publish.graph import Approve, Edit, Reject
from examples.terminal import ExampleError, ask


async def ask_verdict(draft: str, *, margin: str = "") -> Approve | Edit | Reject:
    """Ask until there is an answer.

    Raises:
        ExampleError: The input is at its end, or the editor cannot be run.
    """
    while True:
        answer = (await ask(f"{margin}Approve, edit or reject? [a/e/r] ")).strip().lower()
        if not answer:
            continue
        if "approve".startswith(answer):
            return Approve()
        if "reject".startswith(answer):
            return Reject(reason=(await ask(f"{margin}Why? ")).strip())
        if "edit".startswith(answer):
            text = await _edit(draft, margin)
            if text.strip():
                return Edit(text=text)
            print(f"{margin}An empty text cannot be published.")
        else:
            print(
                f"{margin}{answer!r} is none of them. Type a to publish the draft as it is, e to change it first, "
                "r to publish nothing."
            )


async def _edit(draft: str, margin: str) -> str:
    editor = os.environ.get("VISUAL") or os.environ.get("EDITOR")
    if editor and sys.stdin.isatty():
        return await asyncio.to_thread(_edit_with, editor, draft)
    print(f"{margin}Type the new text, and then a line with nothing but a dot. (Set EDITOR to use an editor.)")
    lines: list[str] = []
    while (line := await ask("")) != ".":
        lines.append(line + "\n")
    return "".join(lines)


def _edit_with(editor: str, draft: str) -> str:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "draft.md")
        file.write_text(draft, encoding="utf-8")
        try:
            subprocess.run([*shlex.split(editor), str(file)], check=True)
            return file.read_text(encoding="utf-8")
        except (OSError, ValueError, subprocess.CalledProcessError) as error:
            raise ExampleError(f"the editor {editor!r} failed: {error}") from error
