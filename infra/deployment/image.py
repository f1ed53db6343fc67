"""The image: its repository in ECR, built, pushed, and named by digest, so that no tag decides what runs."""

import json
import shlex
import shutil
import time

from imaging import building
from imaging.commands import TARGET

from .commands import CommandFailed, Stop, say

# Images beyond so many are removed, the oldest first: one that runs, and some to go back to, stay.
KEPT_IMAGES = 20
# Stands for what only AWS can tell, in a dry run.
UNKNOWN = "(known once it is built)"


def architecture(platform):
    """The template's word for a platform."""
    return {"linux/amd64": "X86_64", "linux/arm64": "ARM64"}[platform]


def tag(platform):
    """A tag for what would be built now: the same for the same commit, a new one where something is not committed."""
    commit, is_clean = building.revision()
    name = f"{building.version()}-{commit[:12]}-{platform.rpartition('/')[2]}"
    return name if is_clean else f"{name}-{time.strftime('%Y%m%dT%H%M%S', time.gmtime())}"


class Image:
    """The image of a fleet in the account's registry."""

    def __init__(self, commands, repository, account, suffix, platform, tool):
        self.commands = commands
        self.repository = repository
        self.registry = f"{account}.dkr.ecr.{commands.region}.{suffix}"
        self.uri = f"{self.registry}/{repository}"
        self.platform = platform
        self.tool = tool

    def ensure_repository(self, tags):
        """Makes the repository unless it is there. Raises CommandFailed."""
        try:
            self.commands.look("ecr", "describe-repositories", "--repository-names", self.repository)
            return
        except CommandFailed as failure:
            if "RepositoryNotFoundException" not in failure.words and not self.commands.dry_run:
                raise
        self.commands.change(
            *("ecr", "create-repository", "--repository-name", self.repository, "--image-tag-mutability", "IMMUTABLE"),
            *(
                "--image-scanning-configuration",
                "scanOnPush=true",
                "--encryption-configuration",
                "encryptionType=AES256",
            ),
            *("--tags", *(f"Key={key},Value={value}" for key, value in tags.items())),
        )
        rule = {
            "rulePriority": 1,
            "description": f"keep the newest {KEPT_IMAGES} images",
            "selection": {"tagStatus": "any", "countType": "imageCountMoreThan", "countNumber": KEPT_IMAGES},
            "action": {"type": "expire"},
        }
        policy = json.dumps({"rules": [rule]})
        self.commands.change(
            "ecr", "put-lifecycle-policy", "--repository-name", self.repository, "--lifecycle-policy-text", policy
        )

    def digest(self, image_tag):
        """The digest of a tag in the registry, or None. Raises CommandFailed."""
        try:
            found = self.commands.look(
                "ecr", "describe-images", "--repository-name", self.repository, "--image-ids", f"imageTag={image_tag}"
            )
        except CommandFailed as failure:
            if "NotFoundException" in failure.words or self.commands.dry_run:
                return None
            raise
        return found["imageDetails"][0]["imageDigest"]

    def publish(self, image_tag):
        """Builds and pushes the image unless this tag is there already; gives REPOSITORY@DIGEST. Raises Stop."""
        self.log_in()
        digest = self.digest(image_tag)
        if digest:
            say(f"image     {self.repository}:{image_tag} is there already")
            return f"{self.uri}@{digest}"
        name = f"{self.uri}:{image_tag}"
        self.commands.tool(*building.command(self.tool, name, self.platform))
        self.commands.tool(self.tool, "push", name)
        digest = self.digest(image_tag)
        if not digest and not self.commands.dry_run:
            raise Stop(f"{name} was pushed, and the registry does not have it")
        return f"{self.uri}@{digest or UNKNOWN}"

    def named(self, uri):
        """A given image by its digest. Raises Stop."""
        if "@sha256:" in uri:
            return uri
        head, _, image_tag = uri.rpartition(":")
        if head != self.uri:
            raise Stop(f"--image {uri}: name it by digest, or as {self.uri}:TAG", 64)
        digest = self.digest(image_tag)
        if not digest and not self.commands.dry_run:
            raise Stop(f"--image {uri}: there is no such tag in {self.repository}", 64)
        return f"{self.uri}@{digest or UNKNOWN}"

    def log_in(self):
        """Gives the builder the registry's password, which nobody sees and which lasts for 12 hours."""
        login = [self.tool, "login", "--username", "AWS", "--password-stdin", self.registry]
        ask = self.commands.aws("ecr", "get-login-password")[:-2]
        say(f"+ {shlex.join(ask)} | {shlex.join(login)}")
        if not self.commands.dry_run:
            self.commands.run(login, standard_input=self.commands.run(ask))


def capacity(commands, image, reference, model, quotas):
    """How many worker tasks a quota feeds, as `annexa capacity` says: from the image, else from an annexa that is here.

    `reference`: the image by digest. `quotas`: arguments. Gives a text for the template, or None where nobody could be
    asked.
    """
    asked = ("capacity", "--model", model, "--json", *quotas)
    tries = []
    if image.tool in ("docker", "podman"):
        run = (
            image.tool,
            "run",
            "--rm",
            "--network",
            "none",
            "--platform",
            image.platform,
            "--entrypoint",
            "/usr/local/bin/annexa",
        )
        tries.append([*run, reference, *asked])
    built = TARGET / "release/annexa"
    here = shutil.which("annexa") or (built if built.exists() else None)
    if here:
        tries.append([str(here), *asked])
    for argv in tries:
        commands.show(argv)
        if commands.dry_run:
            return UNKNOWN
        try:
            return str(int(json.loads(commands.run(argv))["worker_tasks_max"]))
        except (CommandFailed, ValueError, KeyError) as failure:
            say(f"          it could not say: {failure}")
    return None
