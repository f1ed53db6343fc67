"""What is there before a deployment: tools, account, Region, stacks. All that is wrong is said at once."""

import os
import re
import subprocess
from dataclasses import dataclass

from imaging import building

from . import options as given
from .commands import CommandFailed, Commands, Stop, warn
from .models import partition
from .models import problems as model_problems
from .stacks import Stacks, hindrance, is_under_way, made

# Stands for the account in a dry run without credentials.
UNKNOWN_ACCOUNT = "ACCOUNT"
# Task protection came with this version of the AWS CLI 1; any AWS CLI 2 of 2023 or later has it.
CLI_1 = (1, 27)


@dataclass
class Situation:
    """What was found."""

    commands: Commands
    stacks: Stacks
    account: str
    caller: str | None
    tool: str | None
    storage: dict | None
    fleet: dict | None

    @property
    def suffix(self):
        """The domain of AWS in this partition."""
        return "amazonaws.com.cn" if partition(self.commands.region) == "aws-cn" else "amazonaws.com"

    def parameter(self, name):
        """A parameter of the fleet as it runs, or an empty text."""
        found = {
            entry["ParameterKey"]: entry.get("ParameterValue", "") for entry in (self.fleet or {}).get("Parameters", [])
        }
        return found.get(name, "")

    def defaults(self):
        """What a fleet that is new gets where nothing is said, and the template cannot know.

        That Fargate Spot exists in GovCloud and in China is said nowhere that we know of.
        """
        is_usual = partition(self.commands.region) == "aws"
        return {} if self.fleet or is_usual else {"WorkerCapacity": "on-demand"}


def look(options, poll_s):
    """Looks at everything. Raises Stop with all that is wrong; in a dry run what needs credentials is left open."""
    wrong = given.problems(options)
    # A dry run shows what would be run with tools that are not here, too. A wait has nothing to show.
    is_shown = options.dry_run and not options.wait
    lacking = [] if is_shown else wrong
    version = cli_version()
    if version is None:
        lacking.append(
            "the AWS CLI is not here: https://docs.aws.amazon.com/cli/latest/userguide/getting-started-install.html"
        )
    elif version < CLI_1:
        wrong.append(f"the AWS CLI is {'.'.join(map(str, version))}: version 2 is needed")
    region = options.region or os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
    commands = Commands(region, options.profile, options.dry_run)
    if not region and version:
        commands.region = configured_region(commands)
    if not commands.region:
        wrong.append("no Region: say --region, or set AWS_REGION")
    elif not given.REGION.fullmatch(commands.region):
        wrong.append(f"'{commands.region}' is no Region: one like us-east-1 is expected")
        # Nobody can be asked there.
        version = None
    else:
        wrong += model_problems(options.model, commands.region)
    tool = building.builder(lambda name: not builder_problem(commands, name))
    if not (options.image or options.delete or options.storage_only or options.wait):
        if tool is None:
            lacking.append(
                "no image builder is here: install docker (with buildx), podman or buildah, or name an image by --image"
            )
        elif not options.dry_run and (problem := builder_problem(commands, tool)):
            wrong.append(problem)
    stacks = Stacks(commands, poll_s)
    account, caller, storage, fleet = UNKNOWN_ACCOUNT, None, None, None
    if version and commands.region:
        try:
            identity = commands.look("sts", "get-caller-identity")
            account, caller = identity["Account"], identity["Arn"]
        except CommandFailed as failure:
            lacking.append(f"no AWS credentials that work: {failure.words}")
    if caller and given.NAME.fullmatch(options.name):
        try:
            storage, fleet = (stacks.describe(f"{options.name}-{part}") for part in ("storage", "fleet"))
            if not options.delete:
                storage, fleet = made(storage), made(fleet)
            wrong += state_problems(options, commands, account, storage, fleet)
        except CommandFailed as failure:
            wrong.append(f"the stacks cannot be looked at: {failure.words}")
    if not (options.model or fleet or options.delete or options.storage_only or options.wait):
        wrong.append(
            "no --model: `annexa models` lists ids; the first deployment needs one, as us.anthropic.claude-haiku-5-5"
        )
    if wrong:
        raise Stop("\n".join(["nothing was done:", *(f"  - {text}" for text in wrong)]), 64)
    if is_shown:
        for text in lacking:
            warn(f"the real run will refuse: {text}")
        tool = tool or building.BUILDERS[0]
    return Situation(commands, stacks, account, caller, tool, storage, fleet)


def state_problems(options, commands, account, storage, fleet):
    """What of the stacks as they are stands in the way."""
    if options.wait:
        return [] if fleet else [f"there is no stack {options.name}-fleet to wait for"]
    if options.delete:
        found = nothing_to_delete(options, commands, account, storage, fleet)
        if found:
            return [found]
    stacks = {f"{options.name}-storage": storage, f"{options.name}-fleet": fleet}
    if options.delete:
        # One that failed can be deleted all the same.
        stacks = {name: stack for name, stack in stacks.items() if is_under_way(stack)}
    found = [text for name, stack in stacks.items() if (text := hindrance(name, stack))]
    if storage is None and not options.delete:
        found += leftovers(commands, options.name, account)
    return found


def nothing_to_delete(options, commands, account, storage, fleet):
    """Why there is nothing to take down, or None: a stack is there, or what a stack that is gone has kept."""
    if fleet or (storage and not options.keep_storage):
        return None
    if options.keep_storage:
        return f"there is no stack {options.name}-fleet in {commands.region}: no services are there to take down"
    if kept(commands, options.name, account):
        return None
    return f"there is no stack {options.name}-fleet or {options.name}-storage in {commands.region}"


def kept(commands, name, account):
    """Whether data of a fleet of this name is there, with stacks or without."""
    ends = f"{account}-{commands.region}"
    return (
        is_there(commands, "s3api", "head-bucket", "--bucket", f"{name}-inbox-{ends}")
        or is_there(commands, "s3api", "head-bucket", "--bucket", f"{name}-results-{ends}")
        or is_there(commands, "dynamodb", "describe-table", "--table-name", name)
    )


def is_there(commands, *look):
    """Whether a look finds something."""
    try:
        commands.look(*look)
    except CommandFailed:
        return False
    return True


def cli_version():
    """The version of the AWS CLI as numbers, or None where there is none."""
    try:
        said = subprocess.run(["aws", "--version"], capture_output=True, text=True, stdin=subprocess.DEVNULL)
    except OSError:
        return None
    found = re.search(r"aws-cli/(\d+)\.(\d+)", said.stdout + said.stderr)
    return tuple(map(int, found.groups())) if found else None


def configured_region(commands):
    """The Region of the profile, or None."""
    who = ["--profile", commands.profile] if commands.profile else []
    try:
        return commands.run(["aws", "configure", "get", "region", *who]).strip() or None
    except CommandFailed:
        return None


def builder_problem(commands, tool):
    """Why this builder cannot build, or None."""
    asked = [[tool, "info"]] + ([["docker", "buildx", "version"]] if tool == "docker" else [])
    for argv in asked:
        try:
            commands.run(argv)
        except CommandFailed as failure:
            return f"{tool} cannot build: {failure.words or failure}"
    return None


def leftovers(commands, name, account):
    """What an earlier fleet of this name left behind, and a new one would collide with."""
    bucket = f"{name}-inbox-{account}-{commands.region}"
    if not is_there(commands, "s3api", "head-bucket", "--bucket", bucket):
        return []
    return [
        f"bucket {bucket} is there, and no stack {name}-storage: an earlier fleet's data was kept. "
        "Take another --name, or remove it (docs/OPERATIONS.md, 'Tear-down')"
    ]
