"""One container of the image, started as ECS would start it, and stricter: read-only without any tmpfs, no capabilities,
no new privileges, the image's own user, names from DNS alone."""

import os
import subprocess
import time
import urllib.error
import urllib.request

from .commands import Stop

ISOLATION = [
    *("--pull", "never", "--network", "host", "--no-hosts", "--read-only", "--read-only-tmpfs=false"),
    *("--cap-drop", "all", "--security-opt", "no-new-privileges", "--log-driver", "none"),
    # Podman would have systemd run it; it is run by hand here.
    "--no-healthcheck",
    # Podman asks for more than the system lets it have.
    *("--ulimit", "nofile=1024:1024", "--ulimit", "nproc=1000:1000"),
]
READY_S = 60
DRAIN_S = 120
LOOK_S = 0.002
direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class Container:
    """A container that runs; its words go to a file."""

    started = 0

    def __init__(self, store, image, entry, words=(), env=None, mounts=()):
        Container.started += 1
        self.store = store
        self.name = f"annexa-trial-{os.getpid()}-{Container.started}"
        self.log = store.folder / "trial" / f"{Container.started}-{entry}.log"
        self.port = (env or {}).get("ANNEXA_HEALTH_PORT")
        given = [word for name, value in (env or {}).items() for word in ("--env", f"{name}={value}")]
        volumes = [word for mount in mounts for word in ("--volume", mount)]
        entry = f"/usr/local/bin/{entry}"
        command = store.podman_command("run", "--rm", "--name", self.name, *ISOLATION, *given, *volumes, "--entrypoint", entry, image, *words)
        self.began = time.monotonic()
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def words(self):
        """What it has said so far."""
        return self.log.read_text(errors="replace")

    def ready(self):
        """Waits until it takes work; seconds since its start. Raises Stop."""
        return wait_for_ready(self.port, self.began, self.process, self.words)

    def ask(self, *command):
        """Runs a program in it, as a health check is run; its exit code."""
        done = subprocess.run(self.store.podman_command("exec", self.name, *command), capture_output=True, stdin=subprocess.DEVNULL)
        return done.returncode

    def status(self):
        """/proc/PID/status of its first process, and how its root is mounted."""
        pid = self.store.podman("inspect", "--format", "{{.State.Pid}}", self.name).strip()
        with open(f"/proc/{pid}/status", encoding="utf-8") as file:
            fields = dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)
        with open(f"/proc/{pid}/mounts", encoding="utf-8") as file:
            root = next(line.split()[3].split(",") for line in file if line.split()[1] == "/")
        return fields, root

    def signal(self, name):
        """Sends a signal to its first process. Raises Stop."""
        self.store.podman("kill", "--signal", name, self.name)

    def wait(self, seconds=DRAIN_S):
        """Its exit code. Raises Stop."""
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise Stop(f"{self.log.stem} did not end within {seconds} s:\n{self.words()[-2_000:]}") from None

    def remove(self):
        """Ends it, if it has not ended."""
        if self.process.poll() is None:
            subprocess.run(self.store.podman_command("rm", "--force", "--time", "0", self.name), capture_output=True)
            self.process.wait(60)


def wait_for_ready(port, began, process, words):
    """Waits until /ready answers 200; seconds since `began`. Raises Stop."""
    while time.monotonic() < began + READY_S:
        try:
            with direct.open(f"http://127.0.0.1:{port}/ready", timeout=5):
                return time.monotonic() - began
        except (OSError, urllib.error.HTTPError):
            pass
        if process.poll() is not None:
            raise Stop(f"it ended with {process.returncode} before it was ready:\n{words()[-2_000:]}")
        time.sleep(LOOK_S)
    raise Stop(f"it was not ready within {READY_S} s:\n{words()[-2_000:]}")
