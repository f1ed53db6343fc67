"""Running other programs, and what they are told about this repository."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
TARGET = Path(os.environ.get("CARGO_TARGET_DIR") or ROOT / "target").resolve()
# Of what a program said, shown if it fails.
LAST_WORDS = 3_000


class Stop(Exception):
    """What is wrong and what to do about it, for people."""


def say(text):
    """A line for whoever watches; figures alone go to standard output."""
    print(f"image: {text}", file=sys.stderr, flush=True)


def run(*command, log=None, **options):
    """Runs a program and gives what it wrote to standard output, or keeps all that it says in `log`. Raises Stop."""
    words = [str(word) for word in command]
    try:
        if log:
            with open(log, "wb") as out:
                done = subprocess.run(words, stdout=out, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, **options)
            said = ""
        else:
            done = subprocess.run(words, capture_output=True, text=True, stdin=subprocess.DEVNULL, **options)
            said = done.stdout
    except FileNotFoundError:
        raise Stop(f"{words[0]} is not installed") from None
    if done.returncode:
        complaint = Path(log).read_text(errors="replace") if log else done.stdout + done.stderr
        raise Stop(f"{' '.join(words)}: exit code {done.returncode}\n{complaint[-LAST_WORDS:]}")
    return said
