"""Starts the image and looks whether it does what a fleet needs of it; then measures its size and how soon it is ready."""

import csv
import os
import shutil
import statistics
import subprocess
import time
from pathlib import Path

from . import contents
from .commands import ROOT, Stop, run
from .container import Container, wait_for_ready
from .place import Place, free_port
from .report import Report

SERVICES = contents.SERVICES
USER = 65532
SIZE_MB = 100
STARTS = 9
EXAMPLE = ROOT / "examples/maude_sample.csv"
BUNDLE = f"/{contents.CERTIFICATES}"


def all(store, image, version):
    """The whole trial; 0, or 1 if something is not as it should be. Raises Stop."""
    report = Report()
    if not store.has(image):
        raise Stop(f"{image} is not in {store.folder}: infra/image check builds it")
    root = Path(store.podman("image", "mount", image).strip())
    shutil.rmtree(store.folder / "trial", ignore_errors=True)
    trial = Trial(store, image, report)
    try:
        contents.check(root, report, version)
        labels(store.inspect(image), report, version)
        trial.names(version)
        trial.run_alone()
        with Place(store.folder / "trial") as place:
            # The image's own certificates, and the authority of this trial.
            bundle = place.folder / "bundle.pem"
            bundle.write_text((root / contents.CERTIFICATES).read_text() + (place.folder / "ca.pem").read_text())
            trial.certificates(place)
            trial.fleet(place, bundle)
            trial.starts(place, bundle, root)
        sizes(store, image, root, report)
    finally:
        trial.end()
        store.podman("image", "unmount", image)
    print("the image is as it should be" if not report.failures else f"{report.failures} things are not as they should be")
    return 1 if report.failures else 0


def labels(about, report, version):
    """What the image says of itself."""
    config = about["Config"]
    report.same("user", config["User"], f"{USER}:{USER}")
    report.same("entry point", config["Entrypoint"], ["/usr/local/bin/annexa"])
    report.same("stop signal", config["StopSignal"], "SIGTERM")
    report.same("health check", about.get("Healthcheck", {}).get("Test"), ["CMD", "/usr/local/bin/annexa-worker", "health"])
    label = "org.opencontainers.image."
    report.same("label version", config["Labels"].get(f"{label}version"), version)
    report.same("label licenses", config["Labels"].get(f"{label}licenses"), "Apache-2.0")
    has_revision = config["Labels"].get(f"{label}revision") not in (None, "", "unknown")
    report.holds("label revision", has_revision, "none")


class Trial:
    """The containers of one trial."""

    def __init__(self, store, image, report):
        self.store, self.image, self.report = store, image, report
        self.containers = []

    def start(self, entry, *words, env=None, mounts=()):
        """A container of the image."""
        (self.store.folder / "trial").mkdir(parents=True, exist_ok=True)
        container = Container(self.store, self.image, entry, words, env, mounts)
        self.containers.append(container)
        return container

    def end(self):
        """Ends what still runs."""
        for container in self.containers:
            container.remove()

    def names(self, version):
        """Each of the four names is its own program."""
        for name in ("annexa", *(f"annexa-{service}" for service in SERVICES)):
            program = self.start(name, "--version")
            self.report.same(f"{name} --version: exit code", program.wait(), 0)
            self.report.same(f"{name} --version", program.words().strip(), f"{name} {version}")

    def run_alone(self):
        """`annexa run` with nothing to write to but a folder at /data."""
        folder = self.store.folder / "trial" / "data"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        shutil.copy(EXAMPLE, folder)
        os.chown(folder, USER, USER)
        program = self.start("annexa", "run", EXAMPLE.name, mounts=[f"{folder}:/data"])
        self.report.same("annexa run on the example: exit code", program.wait(), 0)
        results = folder / f"{EXAMPLE.stem}-annexa" / "results.csv"
        self.report.same("annexa run on the example: rows", rows(results), rows(EXAMPLE))

    def service(self, place, name, mounts, **more):
        """A service at the place."""
        env = {**place.env, "ANNEXA_HEALTH_PORT": str(free_port()), **more}
        return self.start(f"annexa-{name}", env=env, mounts=[f"{place.resolv_conf}:/etc/resolv.conf:ro", *mounts])

    def certificates(self, place):
        """A server must show a certificate of a known authority. That they are looked for where the image has its own
        shows the fleet, for which this trial's authority is added to that very file."""
        stranger = self.service(place, "worker", [])
        code, said = stranger.wait(), stranger.words()
        is_refused = code != 0 and "UnknownIssuer" in said
        self.report.holds("an authority that the image does not know: refused", is_refused, f"{code}: {said[-600:]}")
        named = self.service(place, "worker", [f"{place.folder}/ca.pem:/ca.pem:ro"], SSL_CERT_FILE="/ca.pem")
        named.ready()
        self.report.line("an authority in SSL_CERT_FILE: ready", "ok")
        named.remove()

    def fleet(self, place, bundle):
        """The three services and a simulated Bedrock code the example; each is asked for its health, and drained."""
        mounts = [f"{bundle}:{BUNDLE}:ro"]
        port = free_port()
        place.env["AWS_ENDPOINT_URL_BEDROCK_RUNTIME"] = f"http://127.0.0.1:{port}"
        self.start("annexa", "sim-bedrock", "--port", str(port), "--latency-ms", "20")
        services = {name: self.service(place, name, mounts) for name in SERVICES}
        for name, service in services.items():
            service.ready()
            binary = f"/usr/local/bin/annexa-{name}"
            self.report.same(f"{name}: health", service.ask(binary, "health"), 0)
            self.report.same(f"{name}: health --ready", service.ask(binary, "health", "--ready"), 0)
            fields, root = service.status()
            self.report.same(f"{name}: user of its process", fields["Uid"].split(), [str(USER)] * 4)
            self.report.same(f"{name}: capabilities", int(fields["CapEff"], 16), 0)
            self.report.same(f"{name}: new privileges are refused", fields["NoNewPrivs"], "1")
            self.report.holds(f"{name}: its root folder cannot be written to", "ro" in root, root)
            self.report.line(f"{name}: memory when ready", f"{int(fields['VmHWM'].split()[0]) / 1024:.0f} MiB")
        self.report.same("worker: health on a port where nobody is", self.health_of_nobody(), 1)
        self.job(place, mounts)
        for service in services.values():
            service.signal("TERM")
        for name, service in services.items():
            self.report.same(f"{name}: exit code after SIGTERM", service.wait(), 0)

    def health_of_nobody(self):
        return self.start("annexa-worker", "health", env={"ANNEXA_HEALTH_PORT": str(free_port())}).wait()

    def job(self, place, mounts):
        """The example, submitted and waited for."""
        words = ("submit", f"/{EXAMPLE.name}", "--problem", "both", "--wait")
        mounts = [f"{place.resolv_conf}:/etc/resolv.conf:ro", f"{EXAMPLE}:/{EXAMPLE.name}:ro", *mounts]
        job = self.start("annexa", *words, env=place.env, mounts=mounts)
        code = job.wait(600)
        # The simulated model may leave rows failed: 3. That every row came out is what the image has to show.
        self.report.holds("the fleet codes the example: exit code", code in (0, 3), f"{code}: {job.words()[-600:]}")

    def starts(self, place, bundle, root):
        """How soon a worker is ready: as a container, and the program alone."""
        taken = []
        for _ in range(STARTS):
            worker = self.service(place, "worker", [f"{bundle}:{BUNDLE}:ro"])
            taken.append(worker.ready())
            worker.remove()
        tell_times(self.report, f"start to ready, container (of {STARTS})", taken)
        taken = [self.bare_start(place, root) for _ in range(STARTS)]
        tell_times(self.report, f"start to ready, program alone (of {STARTS})", taken)

    def bare_start(self, place, root):
        """The program without a container's setting up. Names come from the machine here, so this one asks the emulator
        without TLS."""
        port = str(free_port())
        env = {**place.env, "ANNEXA_HEALTH_PORT": port, "AWS_ENDPOINT_URL": place.plain}
        log = self.store.folder / "trial" / "bare.log"
        began = time.monotonic()
        with open(log, "wb") as out:
            process = subprocess.Popen([root / "usr/local/bin/annexa-worker"], env=env, stdin=subprocess.DEVNULL, stdout=out, stderr=out)
        try:
            return wait_for_ready(port, began, process, lambda: log.read_text(errors="replace"))
        finally:
            process.kill()
            process.wait()


def tell_times(report, name, taken):
    """Median and range of seconds."""
    milliseconds = sorted(one * 1000 for one in taken)
    report.line(name, f"{statistics.median(milliseconds):.0f} ms ({milliseconds[0]:.0f} to {milliseconds[-1]:.0f})")


def rows(path):
    """Rows of a CSV; -1 if there is none."""
    if not path.exists():
        return -1
    csv.field_size_limit(1 << 24)
    with open(path, newline="", encoding="utf-8") as file:
        return sum(1 for _ in csv.DictReader(file))


def sizes(store, image, root, report):
    """Of the program, of all files, and of what is pulled: layers as a registry keeps them, gzip."""
    program = (root / "usr/local/bin/annexa").stat().st_size
    whole = sum((root / name).lstat().st_size for name in contents.files(root))
    pushed = store.folder / "pushed"
    shutil.rmtree(pushed, ignore_errors=True)
    store.buildah("push", "--quiet", "--compression-format", "gzip", "--format", "v2s2", image, f"dir:{pushed}")
    layers = sum(path.stat().st_size for path in pushed.iterdir() if path.name not in ("manifest.json", "version"))
    shutil.rmtree(pushed)
    report.line("program", f"{program / 1e6:.1f} MB")
    report.under("image with all four programs", whole / 1e6, SIZE_MB, "MB")
    report.line("image as it is pulled (gzip)", f"{layers / 1e6:.1f} MB")
