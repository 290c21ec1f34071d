"""The oldest SDK that we promise to serve, in an environment of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from functools import cache

from support.server import REPOSITORY

ENVIRONMENT = REPOSITORY / ".venvs" / "sdk-0.2.4"
REQUIREMENTS = REPOSITORY / "tests" / "sdk_old" / "requirements.txt"


@cache
def old_python() -> str:
    """The interpreter that has it; `OLD_SDK_PYTHON` names it, else it is made."""
    if given := os.environ.get("OLD_SDK_PYTHON"):
        return given
    python = ENVIRONMENT / "bin" / "python"
    if not (ENVIRONMENT / "stamp").exists():  # which `make test` leaves when it has made it
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(ENVIRONMENT)], check=True)
        pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, "--requirement", str(REQUIREMENTS)], check=True)
        (ENVIRONMENT / "stamp").touch()
    return str(python)
