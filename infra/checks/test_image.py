"""What the Dockerfile promises, read from it without building: infra/image check shows the rest on the image itself."""

import json
import re
import subprocess
import sys
import tempfile
import tomllib
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
HADOLINT = Path(sys.executable).parent / "hadolint"


def instructions(text):
    """(NAME, rest) of each instruction; comments are gone, and continued lines are one."""
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    joined = re.sub(r"\\\n\s*", "", "\n".join(lines))
    found = [line.split(None, 1) for line in joined.splitlines() if line.strip()]
    if not found:
        raise LookupError("the Dockerfile has no instruction")
    return [(name.upper(), rest) for name, rest in found]


def stages(found):
    """The instructions of each stage, FROM first; what stands before the first FROM is the stage 0."""
    parts = [[]]
    for instruction in found:
        if instruction[0] == "FROM":
            parts.append([])
        parts[-1].append(instruction)
    return parts


def of(stage, name):
    """What stands behind the instruction `name`; there must be one at least."""
    rest = [rest for found, rest in stage if found == name]
    if not rest:
        raise LookupError(f"no {name}")
    return rest


class Image(unittest.TestCase):
    def setUp(self):
        self.all = instructions((ROOT / "Dockerfile").read_text(encoding="utf-8"))
        self.head, *self.stages = stages(self.all)
        self.last = self.stages[-1]
        self.cargo = tomllib.loads((ROOT / "Cargo.toml").read_text(encoding="utf-8"))

    def test_the_base_image_is_pinned_to_the_toolchain_of_the_repository(self):
        builder = next(rest for rest in of(self.head, "ARG") if rest.startswith("BUILDER="))
        channel = tomllib.loads((ROOT / "rust-toolchain.toml").read_text(encoding="utf-8"))["toolchain"]["channel"]
        self.assertRegex(builder, rf"^BUILDER=docker\.io/library/rust:{re.escape(channel)}-slim-[a-z]+(@sha256:[0-9a-f]{{64}})?$")
        bases = [re.sub(r"--platform=\S+ ", "", rest).split()[0] for stage in self.stages for rest in of(stage, "FROM")]
        self.assertEqual(bases, ["${BUILDER}", "scratch"])

    def test_the_compiler_runs_on_the_builders_own_platform(self):
        self.assertIn("--platform=${BUILDPLATFORM} ", of(self.stages[0], "FROM")[0])

    def test_the_image_runs_as_the_user_of_the_task_definitions_and_not_as_root(self):
        self.assertEqual(of(self.last, "USER"), ["65532:65532"])

    def test_nothing_is_run_in_the_final_stage_and_no_shell_is_needed(self):
        self.assertNotIn("RUN", [name for name, _ in self.last])
        self.assertNotIn("SHELL", [name for name, _ in self.last])
        self.assertNotIn("ADD", [name for name, _ in self.all])

    def test_programs_are_started_in_exec_form(self):
        programs = {f"/usr/local/bin/{one['name']}" for one in self.cargo["bin"]}
        self.assertIn(json.loads(of(self.last, "ENTRYPOINT")[0])[0], programs)
        self.assertIsInstance(json.loads(of(self.last, "CMD")[0]), list)
        health = of(self.last, "HEALTHCHECK")[0].partition(" CMD ")[2]
        program, word = json.loads(health)
        self.assertIn(program, programs)
        self.assertEqual(word, "health")

    def test_the_image_has_every_program_of_the_package(self):
        script = (ROOT / "infra/imaging/root").read_text(encoding="utf-8")
        services = re.search(r"^for service in (.*); do$", script, re.MULTILINE)[1].split()
        self.assertEqual({"annexa", *(f"annexa-{service}" for service in services)}, {one["name"] for one in self.cargo["bin"]})

    def test_a_stop_is_the_signal_that_drains(self):
        self.assertEqual(of(self.last, "STOPSIGNAL"), ["SIGTERM"])

    def test_labels_say_version_revision_source_and_licence(self):
        labels = dict(re.findall(r'org\.opencontainers\.image\.(\w+)="([^"]*)"', of(self.last, "LABEL")[0]))
        arguments = dict(rest.partition("=")[::2] for rest in of(self.last, "ARG"))
        self.assertEqual(labels["version"], "${VERSION}")
        self.assertEqual(arguments["VERSION"], self.cargo["package"]["version"])
        self.assertEqual((labels["revision"], labels["source"]), ("${REVISION}", "${SOURCE}"))
        self.assertEqual(labels["licenses"], self.cargo["package"]["license"])

    def test_dependencies_are_built_before_any_source_is_copied(self):
        steps = [(name, rest) for name, rest in self.stages[0] if name in ("COPY", "RUN")]
        builds = [at for at, (name, rest) in enumerate(steps) if name == "RUN" and "cargo build" in rest]
        source = steps.index(("COPY", "src src"))
        self.assertEqual([at < source for at in builds], [True, False])
        # The same command, or cargo builds the dependencies twice.
        self.assertEqual(len({steps[at][1].rpartition("cargo build")[2] for at in builds}), 1)

    def test_no_secret_and_no_credential_is_a_build_argument(self):
        names = [rest.partition("=")[0] for name, rest in self.all if name in ("ARG", "ENV")]
        self.assertFalse([name for name in names if re.search("KEY|SECRET|TOKEN|PASSWORD|CREDENTIAL", name, re.IGNORECASE)])

    def test_the_context_is_what_is_copied_and_nothing_else(self):
        lines = [line for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines() if line and line[0] != "#"]
        self.assertEqual(lines[0], "*", "everything is left out first: target, .git, results, environment files")
        let_in = {line[1:] for line in lines if line[0] == "!"}
        # A folder that is only passed through is closed again at once.
        let_in -= {line.removesuffix("/*") for line in lines[1:] if line.endswith("/*")}
        copied = {part for rest in of(self.stages[0], "COPY") for part in rest.split()[:-1]}
        self.assertEqual(let_in, copied)
        self.assertFalse([part for part in copied if not (ROOT / part).exists()])

    def test_the_profile_of_the_image_unwinds_because_panics_are_caught(self):
        profile = self.cargo["profile"]["dist"]
        self.assertEqual(profile.get("panic", "unwind"), "unwind")
        self.assertEqual(profile["strip"], "symbols")

    def test_hadolint_finds_nothing(self):
        self.assertTrue(HADOLINT.exists(), f"{HADOLINT} is not installed: infra/requirements.txt pins it")
        done = subprocess.run([HADOLINT, ROOT / "Dockerfile"], capture_output=True, text=True)
        self.assertEqual((done.returncode, done.stdout + done.stderr), (0, ""))


class Building(unittest.TestCase):
    """infra/image build, with builders that only say what they were told."""

    def test_it_builds_with_what_is_there_and_says_the_tag(self):
        for tools, head in [(("docker", "podman"), ["docker", "buildx", "build"]), (("buildah",), ["buildah", "build"])]:
            with self.subTest(tools), tempfile.TemporaryDirectory() as folder:
                told = Path(folder) / "told"
                for tool in tools:
                    path = Path(folder) / tool
                    path.write_text(f'#!/bin/sh\n[ "$1" = info ] || echo {tool} "$@" >> {told}\n')
                    path.chmod(0o755)
                done = self.image("build", "--tag", "some:tag", "--platform", "linux/arm64", path=folder)
                self.assertEqual((done.returncode, done.stdout.strip()), (0, "some:tag"), done.stderr)
                words = told.read_text().split()
                self.assertEqual(words[: len(head)], head)
                self.assertEqual(words[-3:], ["--tag", "some:tag", str(ROOT)])
                self.assertIn("linux/arm64", words)

    def test_wrong_words_and_no_builder_are_told_apart(self):
        self.assertEqual(self.image("biuld", path="").returncode, 64)
        done = self.image("build", path="/nowhere")
        self.assertEqual(done.returncode, 1)
        self.assertIn("install one", done.stderr)

    def image(self, *words, path):
        command = [sys.executable, str(ROOT / "infra/image"), *words]
        return subprocess.run(command, env={"PATH": path}, capture_output=True, text=True, timeout=60)
