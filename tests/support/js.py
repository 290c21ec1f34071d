"""The JavaScript SDKs, installed once into a folder of the checkout, and scripts that use them."""

from __future__ import annotations

import json
import shutil
import subprocess
from typing import Any

import pytest

from support.locks import locked
from support.server import REPOSITORY

SDKS = ("1.15.0", "2.0.0")
"""The living line, and what a plain install gets: npm calls the older one its latest."""
SCRIPTS = REPOSITORY / "tests" / "js"
ENVIRONMENT = REPOSITORY / ".venvs" / "js-sdk"
_PINS = ("package.json", "package-lock.json")


def install() -> None:
    """Install what the lock file says, unless that has been done (`make test` does it).

    Raises:
        Skipped: there is no Node.js; with CI=true a skipped test fails.
    """
    if shutil.which("npm") is None:
        pytest.skip("needs Node.js with npm")
    ENVIRONMENT.parent.mkdir(exist_ok=True)
    with locked(ENVIRONMENT.with_suffix(".lock")):
        if not (all(_same(name) for name in _PINS) and (ENVIRONMENT / "stamp").exists()):
            _install_anew()


def _install_anew() -> None:
    shutil.rmtree(ENVIRONMENT, ignore_errors=True)
    ENVIRONMENT.mkdir()
    for name in _PINS:
        shutil.copy(SCRIPTS / name, ENVIRONMENT)
    npm = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    subprocess.run(npm, cwd=ENVIRONMENT, check=True, timeout=110)
    (ENVIRONMENT / "stamp").touch()


def _same(name: str) -> bool:
    installed = ENVIRONMENT / name
    return installed.exists() and installed.read_bytes() == (SCRIPTS / name).read_bytes()


def run_script(name: str, **order: Any) -> Any:
    """What a script prints as JSON."""
    done = subprocess.run(
        ["node", str(SCRIPTS / name), str(ENVIRONMENT), json.dumps(order)],
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
