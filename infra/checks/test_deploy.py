"""infra/deploy does what it says: the first deployment, the image, the parameters, the dry run."""

import json
import re
import shlex
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

import deploying
import template
from deploying import (
    BASE,
    IMAGE,
    MODEL,
    ROOT,
    TAG,
    fake_aws,
    is_change,
    running,
)
from imaging import building


def plain(line):
    """A command without what differs from run to run."""
    line = re.sub(r"deploy-\d{8}-\d{6}-[0-9a-f]{6}", "CHANGE-SET", line)
    # What only a build can tell.
    return re.sub(
        r"\(known once it is built\)|sha256:a{64}|(?<=\"WorkerTasksMax\", \"ParameterValue\": \")3", "LATER", line
    ).replace("'", "")


def shown(text):
    """The commands that a run prints."""
    return [plain(line[2:]) for line in text.splitlines() if line.startswith("+ ")]


class Deployments(deploying.OnASmallAccount):
    """What is made, in which order, from what."""

    def test_the_first_deployment_makes_repository_image_storage_and_fleet_in_this_order(self):
        account = self.account()
        said = self.done(account.deploy("--model", MODEL, "--yes", "--platform", "linux/amd64"))
        self.assertEqual(
            account.changes(),
            [
                *(
                    # The account's first call of a model subscribes to it, which workers may not.
                    "aws bedrock-runtime converse",
                    # The roles of ECS and of its scaling, in an account that never had a cluster.
                    "aws iam create-service-linked-role",
                    "aws iam create-service-linked-role",
                    "aws ecr create-repository",
                    "aws ecr put-lifecycle-policy",
                    "docker login",
                    "docker buildx",
                    "docker push",
                ),
                *("aws cloudformation create-change-set", "aws cloudformation execute-change-set"),
                # fleet.yaml is too large for a request: it goes through the bucket that storage made.
                *(
                    "aws s3api put-object",
                    "aws cloudformation create-change-set",
                    "aws cloudformation execute-change-set",
                ),
            ],
        )
        self.assertEqual(account.parameters("annexa-fleet")["ImageUri"], IMAGE)
        for words in (
            "s3://annexa-inbox-123456789012-eu-central-1/inbox/",
            "annexa --stack annexa",
            "https://dashboard.example",
            fake_aws.ACCOUNT,
            MODEL,
        ):
            self.assertIn(words, said)

    def test_the_fleet_gets_the_arns_of_its_models_and_as_many_workers_as_the_quota_feeds(self):
        account = self.account()
        self.done(
            account.deploy(
                "--model",
                MODEL,
                "--model",
                "anthropic.claude-x",
                "--tokens-per-minute",
                "50000",
                "--yes",
                "--param",
                "CallsInFlightPerWorker=16",
            )
        )
        told = account.parameters("annexa-fleet")
        self.assertEqual(told["DefaultModelId"], MODEL)
        self.assertEqual(
            told["FoundationModelArns"],
            f"arn:aws:bedrock:*::foundation-model/{BASE},arn:aws:bedrock:eu-central-1::foundation-model/anthropic.claude-x",
        )
        self.assertEqual(
            told["InferenceProfileArns"], f"arn:aws:bedrock:eu-central-1:123456789012:inference-profile/{MODEL}"
        )
        self.assertEqual(told["WorkerTasksMax"], "3")
        asked = [call["argv"] for call in account.calls() if call["argv"][:2] == ["docker", "run"]][-1]
        self.assertIn(IMAGE, asked)
        self.assertEqual(
            asked[asked.index("capacity") :],
            ["capacity", "--model", MODEL, "--json", "--tokens-per-minute", "50000", "--calls-in-flight", "16"],
        )

    def test_where_nobody_can_say_what_the_quota_feeds_the_templates_default_stands_and_it_is_said(self):
        account = self.account(broken=["run"])
        said = self.done(account.deploy("--model", MODEL, "--yes"))
        self.assertNotIn("WorkerTasksMax", account.parameters("annexa-fleet"))
        self.assertIn("WorkerTasksMax stays as it is", said)

    def test_the_image_is_built_from_the_whole_clone_for_the_platform_and_pushed_under_the_same_name(self):
        account = self.account()
        self.done(account.deploy("--model", MODEL, "--yes", "--platform", "linux/arm64"))
        built = next(call["argv"] for call in account.calls() if call["argv"][1:3] == ["buildx", "build"])
        name = f"{fake_aws.REGISTRY}/annexa:{TAG.removesuffix('amd64')}arm64"
        self.assertEqual(built[-3:], ["--tag", name, str(ROOT)])
        self.assertEqual(fake_aws.flag(built, "--platform"), "linux/arm64")
        # One image under the tag, and not an index: its digest is what ECS is told.
        self.assertIn("--provenance=false", built)
        self.assertIn(["docker", "push", name], [call["argv"] for call in account.calls()])
        self.assertEqual(account.parameters("annexa-fleet")["CpuArchitecture"], "ARM64")

    def test_a_model_that_does_not_answer_is_said_and_no_more(self):
        words = "An error occurred (AccessDeniedException) when calling the Converse operation: no access to the model"
        account = self.account(refused={"bedrock-runtime converse": [words]})
        said = self.done(account.deploy("--model", MODEL, "--yes"))
        self.assertIn(f"{MODEL} does not answer you yet", said)
        self.assertIn("no access to the model", said)

    def test_i10_an_account_that_logs_what_is_sent_to_models_is_pointed_out(self):
        to_bucket = {"s3Config": {"bucketName": "prompts"}, "textDataDeliveryEnabled": True}
        for logging, is_said in (
            (to_bucket, True),
            ({**to_bucket, "textDataDeliveryEnabled": False}, False),
            ({}, False),
        ):
            account = self.account(logging={"loggingConfig": logging} if logging else {})
            said = self.done(account.deploy("--model", MODEL, "--dry-run"))
            self.assertEqual("report text will lie in prompts" in said, is_said)

    def test_no_more_workers_are_asked_for_than_the_template_takes(self):
        most = template.load(ROOT / "infra" / "fleet.yaml")["Parameters"]["WorkerTasksMax"]["MaxValue"]
        account = self.account(feeds=most + 1)
        self.assertIn("raise CallsInFlightPerWorker", self.done(account.deploy("--model", MODEL, "--yes")))
        self.assertEqual(account.parameters("annexa-fleet")["WorkerTasksMax"], str(most))

    def test_an_account_gets_those_of_the_services_own_roles_that_it_lacks(self):
        roles = {role: service for service, role in fake_aws.SERVICE_ROLES.items()}
        for there in ([], ["AWSServiceRoleForECS"], list(roles)):
            with self.subTest(there=there):
                account = self.account(service_roles=list(there))
                self.done(account.deploy("--model", MODEL, "--yes"))
                made = [call["argv"] for call in account.calls() if "create-service-linked-role" in call["argv"]]
                self.assertEqual(
                    [fake_aws.flag(argv, "--aws-service-name") for argv in made],
                    [service for role, service in roles.items() if role not in there],
                )
                (Path(self.folder) / "calls.jsonl").unlink()

    def test_podman_is_told_the_machines_platform_which_docker_knows_by_itself(self):
        account = self.account(programs=("aws", "podman", "git"))
        self.done(account.deploy("--model", MODEL, "--yes", "--platform", "linux/arm64"))
        built = next(call["argv"] for call in account.calls() if call["argv"][:2] == ["podman", "build"])
        self.assertIn(f"BUILDPLATFORM={building.host_platform()}", built)
        self.assertEqual(fake_aws.flag(built, "--platform"), "linux/arm64")

    def test_the_registrys_password_is_handed_over_unseen(self):
        account = self.account()
        said = self.done(account.deploy("--model", MODEL, "--yes"))
        login = next(call for call in account.calls() if call["argv"][:2] == ["docker", "login"])
        self.assertEqual(login["stdin"].strip(), "the-password")
        self.assertNotIn("the-password", said)
        self.assertFalse([call for call in account.calls() if "the-password" in call["argv"]])

    def test_a_commit_that_was_built_before_is_not_built_again(self):
        account = self.account(**running(repositories={"annexa": [TAG]}))
        self.done(account.deploy("--yes"))
        self.assertNotIn("docker buildx", account.changes())
        self.assertEqual(account.parameters("annexa-fleet")["ImageUri"], IMAGE)

    def test_the_offline_model_needs_no_access_to_any(self):
        account = self.account()
        self.done(account.deploy("--yes", "--model", "precedents"))
        told = account.parameters("annexa-fleet")
        self.assertEqual(
            (told["FoundationModelArns"], told["InferenceProfileArns"], told.get("WorkerTasksMax")), ("", "", None)
        )

    def test_a_dry_run_prints_the_commands_of_the_real_run_and_runs_none(self):
        for state in ({}, running()):
            with self.subTest(first=not state):
                account = self.account(**json.loads(json.dumps(state)))
                said = self.done(account.deploy("--dry-run", "--model", MODEL))
                self.assertEqual(account.changes(), [])
                real = self.done(account.deploy("--yes", "--model", MODEL))
                self.assertEqual(shown(said), shown(real))
                self.assertGreater(len(shown(said)), 8)
                # What is shown is what is run; of a pipe, its end changes something.
                ran = [plain(shlex.join(call["argv"])) for call in account.calls() if is_change(call["argv"])]
                self.assertEqual(
                    ran,
                    [
                        line.rpartition(" | ")[2]
                        for line in shown(real)
                        if " validate-template " not in line and not line.startswith("docker run")
                    ],
                )
                (Path(self.folder) / "calls.jsonl").unlink()

    def test_a_dry_run_needs_no_credentials(self):
        account = self.account(no_credentials=True)
        result = account.deploy("--dry-run", "--model", MODEL)
        said = self.done(result)
        self.assertIn("the real run will refuse: no AWS credentials that work", said)
        self.assertEqual(account.changes(), [])
        self.assertEqual(len([line for line in shown(said) if "create-change-set" in line]), 2)
        last = result.stdout.splitlines()[-1]
        self.assertTrue(last.startswith("not checked: credentials;"), last)
        self.assertIn(f"whether {MODEL} is there", last)

    def test_a_dry_run_shows_what_tools_would_do_that_are_not_here_and_says_which(self):
        with_all = self.done(self.account(no_credentials=True).deploy("--dry-run", "--model", MODEL))
        for program in ("aws", "docker"):
            (Path(self.folder) / program).unlink()
        said = self.done(self.account(programs=("git",)).deploy("--dry-run", "--model", MODEL))
        self.assertEqual(shown(said), shown(with_all))
        self.assertGreater(len(shown(said)), 8)
        for words in ("the real run will refuse: the AWS CLI is not here", "will refuse: no image builder is here"):
            self.assertIn(words, said)

    def test_a_dry_run_that_could_ask_says_nothing_of_what_was_not_checked(self):
        for state in ({}, running()):
            self.assertNotIn("not checked", self.done(self.account(**state).deploy("--dry-run", "--model", MODEL)))

    def test_storage_alone_ends_with_its_buckets_and_what_comes_next(self):
        account = self.account()
        own = ("--param", "InputDays=30", "--param", "InboxPrefix=inbox/")
        said = self.done(account.deploy("--storage-only", "--yes", "--name", "other", *own))
        for words in (
            "inbox     s3://other-inbox-123456789012-eu-central-1/inbox/",
            "results   s3://other-results-123456789012-eu-central-1",
            "next      infra/deploy --name other --model ID",
        ):
            self.assertIn(words, said)
        self.assertEqual(
            account.changes(), ["aws cloudformation create-change-set", "aws cloudformation execute-change-set"]
        )
        self.assertIn("the fleet is there", self.done(self.account(**running()).deploy("--storage-only", "--yes")))

    def test_where_docker_has_no_engine_another_builder_is_used(self):
        account = self.account(programs=("aws", "docker", "podman", "git"), no_daemon=True)
        self.done(account.deploy("--yes", "--model", MODEL))
        self.assertFalse([name for name in account.changes() if name.startswith("docker")])
        self.assertEqual(
            [name for name in account.changes() if name.startswith("podman")],
            ["podman login", "podman build", "podman push"],
        )

    def test_alarms_that_nobody_would_hear_of_and_a_mail_to_be_confirmed_are_pointed_out(self):
        topic = "arn:aws:sns:eu-central-1:123456789012:ours"
        for there, arguments, is_told, confirms in (
            ("", (), False, False),
            ("", ("--alarm-email", "a@example.com"), True, True),
            ("", ("--param", f"AlarmTopicArn={topic}"), True, False),
            ("a@example.com", (), True, False),
            ("a@example.com", ("--alarm-email", "a@example.com"), True, False),
            ("a@example.com", ("--alarm-email", "b@example.com"), True, True),
            ("a@example.com", ("--param", "AlarmEmail="), False, False),
        ):
            with self.subTest(there=there, arguments=arguments):
                found = running()
                found["stacks"]["annexa-fleet"]["Parameters"].append(
                    {"ParameterKey": "AlarmEmail", "ParameterValue": there}
                )
                said = self.done(self.account(**found).deploy("--yes", *arguments))
                self.assertEqual("nobody is told: --alarm-email ADDRESS" in said, not is_told)
                self.assertEqual("confirm   the mail that AWS sends to" in said, confirms)

    def test_the_idle_cost_is_that_of_the_network_that_is_asked_for_or_there(self):
        account = self.account()
        for arguments in (("--network", "private"), ("--param", "Network=private")):
            self.assertIn("about 77.40 US", self.done(account.deploy("--dry-run", "--model", MODEL, *arguments)))
        found = running()
        found["stacks"]["annexa-fleet"]["Parameters"].append({"ParameterKey": "Network", "ParameterValue": "private"})
        account = self.account(**found)
        self.assertIn("about 77.40 US", self.done(account.deploy("--dry-run")))
        self.assertIn("about 4.40 US", self.done(account.deploy("--dry-run", "--network", "public")))

    def test_where_fargate_spot_is_not_known_to_be_a_new_fleet_does_without_and_says_so(self):
        for region, state, arguments, capacity in (
            ("us-gov-west-1", {}, (), "on-demand"),
            ("cn-north-1", {}, (), "on-demand"),
            ("us-gov-west-1", {}, ("--param", "WorkerCapacity=spot"), "spot"),
            ("us-gov-west-1", running(), (), None),
            (fake_aws.REGION, {}, (), None),
        ):
            with self.subTest(region=region, arguments=arguments, first=not state):
                account = self.account(**json.loads(json.dumps(state)))
                said = self.done(account.deploy("--yes", "--model", "anthropic.claude-x", *arguments, region=region))
                self.assertEqual(account.parameters("annexa-fleet").get("WorkerCapacity"), capacity)
                self.assertEqual("has Fargate Spot is not known" in said, capacity == "on-demand")

    def test_reports_that_may_leave_their_geography_are_pointed_out(self):
        account = self.account()
        self.assertIn("reports can leave", self.done(account.deploy("--model", "global." + BASE, "--yes")))
        told = account.parameters("annexa-fleet")["FoundationModelArns"]
        self.assertEqual(
            told, f"arn:aws:bedrock:eu-central-1::foundation-model/{BASE},arn:aws:bedrock:::foundation-model/{BASE}"
        )


if __name__ == "__main__":
    unittest.main()
