"""Runs a worker: `python worker/main.py --graph examples.publish.graph:publish --task-queue graphs`.

`--help` lists the flags. This file only sees to it that modules are found and that the exit code is ours; the command
itself is in `worker/command.py`.
"""

from __future__ import annotations

import sys
import traceback
from pathlib import Path

FOLDER = Path(__file__).resolve().parent


def run() -> None:
    """Run the command, and end the process with its exit code."""
    # Python puts this folder first for a script, and `import logs` would mean one of ours. Our own imports come from
    # the project, even where another package is called `worker`; the user's come from the current folder.
    others = [path for path in sys.path if path and Path(path).resolve() not in (FOLDER, FOLDER.parent)]
    sys.path[:] = [str(FOLDER.parent), *others]
    import worker
    from worker.command import main
    from worker.stopping import leave

    sys.path[:] = [str(Path.cwd()), *others, str(FOLDER.parent)]
    # Graphs may be in a folder that is called `worker`, too.
    worker.__path__.append(str(Path.cwd() / "worker"))
    try:
        code = main()
    except SystemExit as done:
        code = done.code if isinstance(done.code, int) else 0
    except BaseException:
        traceback.print_exc()
        code = 1
    leave(code)


if __name__ == "__main__":
    run()
