"""What the tests of infra/deploy share: a small account, and the check that its calls are ones that AWS has.

The small account (fake_aws.py) plays what we think that AWS says, so every call and every answer is held to botocore's
service models (cli.py).
"""

import json
import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

HERE = Path(__file__).resolve().parent
INFRA = HERE.parent
ROOT = INFRA.parent
sys.path[:0] = [str(HERE), str(INFRA)]

# botocore and its models come with the emulator.
EMULATOR = [sys.executable, str(ROOT / "localstack" / "emulator.py")]
VENV = Path(os.environ.get("CARGO_TARGET_DIR") or ROOT / "target").resolve() / "emulator"
subprocess.run([*EMULATOR, "--install"], check=True)
sys.path.append(str(next((VENV / "lib").glob("python3*/site-packages"))))

import fake_aws

import cli

MODEL = "eu.anthropic.claude-haiku-4-5-20251001-v1:0"
BASE = "anthropic.claude-haiku-4-5-20251001-v1:0"
IMAGE = f"{fake_aws.REGISTRY}/annexa@{fake_aws.DIGEST}"
TAG = "0.1.0-0123456789ab-amd64"
# Commands that change something; all others only look.
CHANGES = ("create-", "put-", "execute-", "delete-", "update-", "push", "buildx", "build", "login", "converse")


class Account:
    """A small account, with its programs on a PATH of their own."""

    def __init__(self, folder, programs=("aws", "docker", "git"), **state):
        self.folder = Path(folder)
        self.state = {
            "stacks": {},
            "going": {},
            "change_sets": {},
            "repositories": {},
            "tasks": [],
            "buckets": [],
            "service_roles": [],
            "deployment": fake_aws.OLD,
            "token": "",
        }
        self.state.update(state)
        (self.folder / "state.json").write_text(json.dumps(self.state))
        for program in programs:
            path = self.folder / program
            path.write_text(
                # Without site packages it starts at once.
                f"#!{sys.executable} -IS\nimport sys\nsys.path.insert(0, {str(HERE)!r})\n"
                f"import fake_aws\nsys.exit(fake_aws.main({program!r}, {str(folder)!r}))\n"
            )
            path.chmod(0o755)

    def deploy(self, *arguments, region=fake_aws.REGION):
        """Runs infra/deploy there."""
        # No program of this clone is found: what there is is in the folder.
        environment = {"PATH": str(self.folder), "HOME": str(self.folder), "CARGO_TARGET_DIR": str(self.folder)}
        environment["ANNEXA_DEPLOY_POLL_S"] = "0"
        if region:
            environment["AWS_REGION"] = region
        command = [sys.executable, "-IS", str(INFRA / "deploy"), *arguments]
        return subprocess.run(
            command, env=environment, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=120
        )

    def tasks(self):
        """The tasks that are there now."""
        return json.loads((self.folder / "state.json").read_text())["tasks"]

    def calls(self):
        """All calls so far."""
        path = self.folder / "calls.jsonl"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def changes(self):
        """The calls that change something, as `program command` or `aws service command`, in order."""
        return [short(call["argv"]) for call in self.calls() if is_change(call["argv"])]

    def parameters(self, name):
        """What the last change set of a stack said about parameters: value, or True for 'as before'."""
        last = [call["argv"] for call in self.calls() if "create-change-set" in call["argv"] and name in call["argv"]][
            -1
        ]
        told = json.loads(fake_aws.flag(last, "--parameters"))
        return {one["ParameterKey"]: one.get("ParameterValue", one.get("UsePreviousValue")) for one in told}


def short(argv):
    """What a command does, without its arguments."""
    return " ".join(argv[:3] if argv[0] == "aws" else argv[:2])


def is_change(argv):
    word = argv[2] if argv[0] == "aws" and len(argv) > 2 else argv[1]
    return (
        argv[0] != "git"
        and argv[1:] != ["buildx", "version"]
        and word.startswith(CHANGES)
        and word != "delete-change-set"
    )


def running(renews=(), **state):
    """A fleet that runs, and busy tasks of its deployment, one for each number of renewals."""
    parameters = {
        "FleetName": "annexa",
        "DefaultModelId": MODEL,
        "TokensPerMinute": "50000",
        "CpuArchitecture": "X86_64",
        "StorageStack": "annexa-storage",
        "WorkerTasksMax": "2",
        "ImageUri": "old",
    }
    return {
        "stacks": {
            "annexa-storage": fake_aws.stack(
                "annexa-storage",
                parameters={"FleetName": "annexa", "InputDays": "30"},
                outputs=fake_aws.storage_outputs("annexa"),
            ),
            "annexa-fleet": fake_aws.stack("annexa-fleet", parameters=parameters, outputs=fake_aws.FLEET_OUTPUTS),
        },
        "repositories": {"annexa": []},
        "service_roles": list(fake_aws.SERVICE_ROLES.values()),
        "tasks": [fake_aws.task(number, fake_aws.OLD, times) for number, times in enumerate(renews)],
        **state,
    }


class OnASmallAccount(unittest.TestCase):
    """Deployments where AWS, the image builder and git are played."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def account(self, **state):
        """An account whose calls and answers are held to the service models in the end."""
        account = Account(self.folder, **state)
        self.addCleanup(self.check_calls, account)
        return account

    def check_calls(self, account):
        for call in account.calls():
            if call["argv"][0] == "aws" and call["argv"][1:] != ["--version"]:
                service, operation, _, _ = cli.read(call["argv"][1:])
                if operation and isinstance(call.get("out"), dict):
                    cli.conforms(service, operation, call["out"])

    def done(self, result, code=0):
        """The output of a run that ended with this exit code."""
        self.assertEqual(result.returncode, code, result.stdout + result.stderr)
        return result.stdout + result.stderr
