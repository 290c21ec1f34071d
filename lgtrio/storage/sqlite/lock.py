"""One server a database file: a lock of the operating system, held as long as the server lives.

The lock ends with the process however it ends, so there is nothing to clean up after a crash.
The file stays where it is; removing it would race with the next server that opens it.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import orjson
from attrs import define, field

from lgtrio.errors import StorageUnavailable

if sys.platform == "win32":
    import msvcrt

    def _try_lock(descriptor: int) -> bool:
        try:
            # Far behind the text: locked bytes cannot be read by others on Windows.
            os.lseek(descriptor, 1 << 20, os.SEEK_SET)
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

else:
    import fcntl

    def _try_lock(descriptor: int) -> bool:
        # flock and not lockf: it also refuses a second server inside one process, and closing
        # another descriptor of the file does not drop it.
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


@define(eq=False)
class DatabaseLock:
    """The held lock of one database file; whoever acquired it releases it."""

    path: Path
    _descriptor: int | None = field(alias="descriptor")

    @classmethod
    def acquire(cls, database: Path) -> DatabaseLock:
        """Lock `<database>.lock`; symbolic links are followed, so two names make one lock.

        Raises:
            StorageUnavailable: another server has it; the sentence names its pid and port.
        """
        path = Path(f"{os.path.realpath(database)}.lock")
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            raise StorageUnavailable(f"The lock file {path} cannot be opened: {error}.") from error
        if not _try_lock(descriptor):
            os.close(descriptor)
            raise StorageUnavailable(f"The database {database} is in use by {_holder(path)}.")
        lock = cls(path, descriptor)
        lock.announce(port=None)
        return lock

    def announce(self, *, port: int | None) -> None:
        """Write who holds the lock; read by a server that is refused."""
        if self._descriptor is None:
            return
        text = orjson.dumps({"pid": os.getpid(), "port": port}) + b"\n"
        os.lseek(self._descriptor, 0, os.SEEK_SET)
        os.write(self._descriptor, text)
        os.ftruncate(self._descriptor, len(text))

    def release(self) -> None:
        """Let the next server in; may be called twice."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)


def _holder(path: Path) -> str:
    """The holder in words; less of them where it has not written its pid or port yet."""
    try:
        said = orjson.loads(path.read_bytes())
        pid, port = said["pid"], said["port"]
    except (OSError, ValueError, KeyError, TypeError):
        return "another lgtrio server"
    at = "which has no port yet" if port is None else f"port {port}"
    return f"another lgtrio server: pid {pid}, {at}"
