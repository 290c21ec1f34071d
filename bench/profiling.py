"""A look into the server while a cell is played: py-spy's samples, as a budget and a picture."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import Sequence
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from attrs import evolve, frozen

from bench.budget import budget
from bench.cells import OURS
from bench.options import Options
from bench.processes import py_spy
from bench.results import CellResult, by_thread
from bench.servers import Server

_RATE = 250
"""Samples a second."""
_SECONDS = 6.0


@frozen
class Profiler:
    """Profiles cells in turns of their own, whose figures are not counted."""

    folder: Path
    """For the samples (`.txt`, collapsed stacks) and flame graphs (`.svg`)."""
    patterns: Sequence[str]
    """The cells that are profiled; without any, those that the targets ask about."""
    seconds: float = _SECONDS

    def wants(self, result: CellResult) -> bool:
        if self.patterns:
            return any(fnmatch(result.name, pattern) for pattern in self.patterns)
        return result.cell.profiled

    def profile(self, result: CellResult, server: Server, options: Options) -> dict[str, Any]:
        """
        Returns:
            Stage to its share and CPU-ms a run; the picture's file name.

        Raises:
            RuntimeError: py-spy is missing or may not look into the server.
        """
        threads = by_thread(result, OURS)
        if not threads:
            raise RuntimeError("what CPU time each thread takes is not known")
        self.folder.mkdir(parents=True, exist_ok=True)
        name = f"profile-{result.name.replace('/', '-')}"
        samples, picture = self.folder / f"{name}.txt", self.folder / f"{name}.svg"
        self._record("raw", samples, result, server, options)
        self._record("flamegraph", picture, result, server, options)
        with samples.open(encoding="utf-8") as lines:
            found = budget(lines, threads)
        each = result.median(OURS, "cpu_ms_each")
        return {"cpu_ms_each": each, "picture": picture.name, **found}

    def _record(
        self, form: str, to: Path, result: CellResult, server: Server, options: Options
    ) -> None:
        if (spy := py_spy()) is None:
            raise RuntimeError("py-spy is not installed (it is part of the extra `bench`)")
        assert result.cell.play is not None
        command = [spy, "record", "--pid", str(server.pid), "--duration", f"{self.seconds:.0f}"]
        command += ["--rate", str(_RATE), "--nonblocking", "--threads", "--full-filenames"]
        command += ["--format", form, "--output", str(to)]
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        # Longer than the samples are taken: an idle server at the end would be sampled too.
        longer = evolve(options, seconds=self.seconds + 1.5)
        try:
            asyncio.run(asyncio.wait_for(_played(result, server, longer), self.seconds + 60))
        finally:
            told, _ = _ended(process)
        if process.returncode:
            raise RuntimeError(told.decode(errors="replace").strip()[-300:])


def _ended(process: subprocess.Popen[bytes]) -> tuple[bytes, bytes | None]:
    try:
        return process.communicate(timeout=60)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.communicate()


async def _played(result: CellResult, server: Server, options: Options) -> None:
    assert result.cell.play is not None
    await result.cell.play(server, options)
