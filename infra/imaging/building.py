"""How the image is built for use, by infra/image and infra/deploy alike: with which program, in which words, from what."""

import platform as host
import shutil
import subprocess
import tomllib

from .commands import ROOT

# In order of preference.
BUILDERS = ("docker", "podman", "buildah")


def builder(works):
    """The first builder that is installed and of which `works(name)` is true, else the first installed, or None."""
    found = [name for name in BUILDERS if shutil.which(name)]
    return next((name for name in found if works(name)), found[0] if found else None)


def host_platform():
    """The platform of this machine: what builds without emulation."""
    return "linux/arm64" if host.machine().lower() in ("arm64", "aarch64") else "linux/amd64"


def version():
    """The version in Cargo.toml."""
    with open(ROOT / "Cargo.toml", "rb") as file:
        return tomllib.load(file)["package"]["version"]


def revision():
    """The commit, and whether nothing differs from it; ("unknown", False) outside of a clone."""
    git = ["git", "-C", str(ROOT)]
    try:
        commit = subprocess.run([*git, "rev-parse", "HEAD"], capture_output=True, text=True, check=True).stdout.strip()
        changes = subprocess.run(
            [*git, "status", "--porcelain"], capture_output=True, text=True, check=True
        ).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown", False
    return commit, not changes


def labels(source=""):
    """The build arguments that become the image's labels."""
    commit, is_clean = revision()
    changed = "" if is_clean or commit == "unknown" else "-changed"
    return {"VERSION": version(), "REVISION": f"{commit}{changed}", "SOURCE": source}


def command(tool, name, platform, source=""):
    """The command line that builds the image `name` for `platform` with `tool`."""
    if tool == "docker":
        # Without provenance the tag is one image, and not an index of an image and its attestation.
        head = ("docker", "buildx", "build", "--load", "--provenance=false")
    else:
        # The OCI format has no health check. Older versions have to be told what docker knows by itself: the machine's own
        # platform, on which the compiler runs.
        head = (tool, "build", "--layers", "--format", "docker", "--build-arg", f"BUILDPLATFORM={host_platform()}")
    arguments = [word for key, value in labels(source).items() for word in ("--build-arg", f"{key}={value}")]
    return [*head, "--platform", platform, *arguments, "--tag", name, str(ROOT)]
