"""One line appended to a file for each thing that really happened."""

import os


def record(path: str | None, line: str) -> None:
    """Append `line` in one write, so that lines of parallel runs and processes never mix."""
    if not path:
        return
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        os.write(descriptor, f"{line}\n".encode())
    finally:
        os.close(descriptor)
