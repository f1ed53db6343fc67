"""Virtual environments with pinned Python packages under target/, each made once however many ask at the same time."""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

TARGET = Path(os.environ.get("CARGO_TARGET_DIR") or Path(__file__).resolve().parent.parent / "target").resolve()


def python(name):
    """Where the python of an environment is, or will be."""
    return TARGET / name / "bin" / "python"


def install(name, requirements):
    """Makes the environment target/NAME as a file of hashed requirements says, unless it is there; gives its python."""
    if sys.version_info < (3, 11):
        sys.exit(f"{name}: Python 3.11 or later is needed: put one on the PATH as python3")
    wanted = hashlib.sha256(requirements.read_bytes()).hexdigest()
    home = TARGET / name
    # Holds the digest of what is installed, and is written last: without it the installation is not complete.
    marker = home / "installed"
    is_installed = lambda: marker.exists() and marker.read_text() == wanted
    if is_installed():
        return python(name)
    TARGET.mkdir(parents=True, exist_ok=True)
    with open(TARGET / f"{name}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if is_installed():
            return python(name)
        print(f"{name}: installing into {home}", file=sys.stderr)
        shutil.rmtree(home, ignore_errors=True)
        subprocess.run([sys.executable, "-m", "venv", str(home)], check=True, stdout=sys.stderr)
        pip = [str(python(name)), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
        subprocess.run(
            [*pip, "--require-hashes", "-r", str(requirements)], check=True, stdin=subprocess.DEVNULL, stdout=sys.stderr
        )
        marker.write_text(wanted)
    return python(name)
