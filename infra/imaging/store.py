"""Images and containers of the check, in a store of their own under target/, so that a stand-in under another's name is
never met by anything else on the machine. buildah builds, podman starts."""

import json

from .commands import ROOT, TARGET, Stop, run

FOLDER = TARGET / "image"


class Store:
    """Containers-storage in a folder."""

    def __init__(self, folder=FOLDER):
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.place = ["--root", str(folder / "storage"), "--runroot", str(folder / "run")]

    def buildah(self, *words, **options):
        """What buildah says. Raises Stop."""
        return run("buildah", *self.place, *words, **options)

    def podman(self, *words, **options):
        """What podman says. Raises Stop."""
        return run(*self.podman_command(*words), **options)

    def podman_command(self, *words):
        """A command line of podman."""
        return ["podman", *self.place, "--runtime", "runc", *(str(word) for word in words)]

    def has(self, image):
        """Whether an image is there."""
        try:
            self.buildah("inspect", "--type", "image", image)
        except Stop:
            return False
        return True

    def inspect(self, image):
        """What podman knows of an image."""
        return json.loads(self.podman("image", "inspect", image))[0]

    def build(self, tag, arguments, registry, settings):
        """Builds the Dockerfile as it stands. `registry`: cargo's, with all that is needed in it; `settings`: the
        configuration of cargo for it. Raises Stop."""
        given = [word for name, value in arguments.items() for word in ("--build-arg", f"{name}={value}")]
        self.buildah(
            *("build", "--pull-never", "--isolation", "chroot", "--network", "host", "--layers", "--format", "docker"),
            *("--volume", f"{registry}:/usr/local/cargo/registry", "--secret", f"id=cargo-config,src={settings}"),
            *(*given, "--tag", tag, str(ROOT)),
            log=self.folder / "build.log",
        )
