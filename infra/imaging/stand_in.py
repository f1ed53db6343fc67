"""A base image for where no registry of images can be reached: Debian's packages and this machine's Rust toolchain.

It has what the official image rust:VERSION-slim-SUITE has and the Dockerfile uses (gcc, libc6-dev, ca-certificates, cargo
and rustc under /usr/local/cargo), and gets its very name, so that the Dockerfile is built as it stands. rustup is not in
it: it compiles for this machine's architecture alone.
"""

import os
import re
import shutil
import subprocess
from pathlib import Path

from .commands import ROOT, Stop, run, say

PACKAGES = "ca-certificates,gcc,libc6-dev"
MIRROR = os.environ.get("DEBIAN_MIRROR", "http://deb.debian.org/debian")


def base_name():
    """The name of the base image that the Dockerfile begins with."""
    found = re.search(r"^ARG BUILDER=(\S+)$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    if not found:
        raise Stop("Dockerfile: no line 'ARG BUILDER=...'")
    return found[1]


def make(store, name, folder):
    """Makes the image `name` in `store`; `folder` is for what lies around meanwhile. Raises Stop."""
    parts = re.fullmatch(r".*/rust:([0-9.]+)-slim-([a-z]+)(@.*)?", name)
    if not parts:
        raise Stop(f"{name}: rust:VERSION-slim-SUITE was expected, and nothing else can be stood in for")
    version, suite = parts[1], parts[2]
    root = folder / "base"
    shutil.rmtree(root, ignore_errors=True)
    say(f"stand-in for {name}: Debian {suite} by debootstrap")
    run("debootstrap", "--variant=minbase", f"--include={PACKAGES}", suite, root, MIRROR, log=folder / "debootstrap.log")
    toolchain = install_toolchain(root, version)
    for name_of_program in ("cargo", "rustc"):
        link = root / "usr/local/cargo/bin" / name_of_program
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(f"/{toolchain}/bin/{name_of_program}")
    container = store.buildah("from", "scratch").strip()
    store.buildah("add", "--quiet", container, root, "/")
    settings = {"RUSTUP_HOME": "/usr/local/rustup", "CARGO_HOME": "/usr/local/cargo", "RUST_VERSION": version}
    settings["PATH"] = "/usr/local/cargo/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    env = [word for key, value in settings.items() for word in ("--env", f"{key}={value}")]
    store.buildah("config", *env, "--label", "annexa.stand-in=yes", container)
    store.buildah("commit", "--quiet", "--rm", container, name)
    shutil.rmtree(root)


def install_toolchain(root, version):
    """Copies this machine's toolchain to where the official image has it; its path below `root`. Raises Stop."""
    found = subprocess.run(["rustc", f"+{version}", "--print", "sysroot"], capture_output=True, text=True)
    if found.returncode:
        raise Stop(f"rustc {version} is not here: rustup toolchain install {version}")
    source = Path(found.stdout.strip())
    target = root / "usr/local/rustup/toolchains" / source.name
    shutil.copytree(source, target, symlinks=True, ignore=shutil.ignore_patterns("doc", "man"))
    return target.relative_to(root)
