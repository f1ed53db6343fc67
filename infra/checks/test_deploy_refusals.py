"""infra/deploy says what is wrong: before it begins all at once, later with the reasons, and then it stops."""

import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

import deploying
from deploying import (
    MODEL,
    Account,
    fake_aws,
    running,
)


class Refusals(deploying.OnASmallAccount):
    """What is refused, and what failed."""

    def test_a_profile_that_the_region_does_not_have_is_refused_before_anything_is_made(self):
        words = (
            "An error occurred (ResourceNotFoundException) when calling the GetInferenceProfile operation: not there"
        )
        account = self.account(refused={"bedrock get-inference-profile": [words]})
        self.assertIn(
            "no profile 'eu.anthropic.claude-x' in eu-central-1",
            self.done(account.deploy("--yes", "--model", "eu.anthropic.claude-x"), 64),
        )
        self.assertEqual(account.changes(), [])

    def test_all_that_is_wrong_is_said_at_once(self):
        account = self.account(version="aws-cli/1.18.0 Python/2", no_daemon=True, no_credentials=True)
        said = self.done(
            account.deploy(
                "--name", "Not_A_Name", "--param", "NoSuch=1", "--param", "FleetName=x", "--network", "existing"
            ),
            64,
        )
        for words in (
            "Not_A_Name",
            "version 2 is needed",
            "Cannot connect to the Docker daemon",
            "Unable to locate credentials",
            "NoSuch",
            "set by this tool",
            "--vpc-id is needed",
            "--subnet-ids is needed",
            "no --model",
        ):
            self.assertIn(words, said)
        self.assertEqual(account.changes(), [])

    def test_values_that_the_templates_do_not_take_are_refused_all_at_once_before_anything_is_done(self):
        wrong = (
            ("--param", "WorkerTasksMax=many", "a number from 1 to 100 is expected"),
            ("--param", "StuckAfterMinutes=1", "a number from 5 to 1440 is expected"),
            ("--param", "WorkerCpu=500", "one of 256, 512"),
            ("--param", "LogRetentionDays=31", "one of 1, 3"),
            ("--param", "InboxPrefix=/inbox", "letters, digits, _ . - and / only"),
            ("--param", "TermsBucket=Not_A_Bucket", "it does not fit"),
            ("--alarm-email", "nobody", "--alarm-email 'nobody'"),
            ("--image", "annexa@sha256:1", "registry/repository@sha256:digest"),
            ("--network", "existing", None),
            ("--vpc-id", "vpc_1", "--vpc-id 'vpc_1'"),
            ("--subnet-ids", "subnet-1, subnet-2", "ids of subnets with commas between them"),
        )
        flags = [word for flag, value, _ in wrong for word in (flag, value)]
        for how in ("--yes", "--dry-run"):
            for state in ({}, running(), {"no_credentials": True}):
                account = self.account(**state)
                said = self.done(account.deploy(how, "--model", MODEL, *flags), 64)
                for _, value, words in wrong:
                    self.assertIn(words or "", said)
                    self.assertTrue(words is None or f"'{value.partition('=')[2] or value}'" in said, value)
                self.assertEqual(account.changes(), [])

    def test_model_ids_that_cannot_be_are_refused_all_at_once_also_where_nobody_can_be_asked(self):
        wrong = ("us.anthropic.claude-x", "eu.anthropic.Claude", "anthropic.claude x")
        flags = [word for model in wrong for word in ("--model", model)]
        for how, state in (("--yes", {}), ("--dry-run", {}), ("--dry-run", {"no_credentials": True})):
            account = self.account(**state)
            said = self.done(account.deploy(how, *flags), 64)
            for model in wrong:
                self.assertIn(f"--model '{model}'", said)
            self.assertEqual(account.changes(), [])

    def test_what_is_the_fleets_is_refused_where_storage_alone_is_deployed(self):
        flags = (
            ("--model", MODEL),
            ("--tokens-per-minute", "1"),
            ("--requests-per-minute", "1"),
            ("--network", "existing"),
            ("--vpc-id", "vpc-1"),
            ("--subnet-ids", "subnet-1"),
            ("--security-group-ids", "sg-1"),
            ("--platform", "linux/arm64"),
            ("--image", deploying.IMAGE),
            ("--alarm-email", "a@example.com"),
            ("--param", "WorkerCpu=1024"),
            ("--param", "SpendLimitUsdPerHour=5"),
        )
        for how in ("--yes", "--dry-run"):
            account = self.account()
            said = self.done(account.deploy(how, "--storage-only", *(word for pair in flags for word in pair)), 64)
            for flag, value in flags:
                word = f"--param {value.partition('=')[0]}" if flag == "--param" else flag
                self.assertIn(f"--storage-only: without {word}: that is the fleet's", said)
            self.assertEqual(account.changes(), [])

    def test_what_is_no_region_is_refused_and_nobody_is_asked(self):
        for region in ("frankfurt", "us-east1", "us-east-1a", "US-EAST-1", "us-east-1.example.com/"):
            for how in ("--yes", "--dry-run"):
                account = self.account()
                said = self.done(account.deploy(how, "--model", MODEL, "--region", region), 64)
                self.assertIn(f"'{region}' is no Region", said)
                self.assertFalse([call for call in account.calls() if "--region" in call["argv"]])

    def test_without_tools_or_region_it_says_what_to_install_and_set(self):
        account = Account(self.folder, programs=())
        said = self.done(account.deploy("--model", MODEL, region=None), 64)
        for words in ("the AWS CLI is not here", "no image builder is here", "no Region"):
            self.assertIn(words, said)

    def test_without_a_terminal_it_asks_nobody_and_does_nothing(self):
        account = self.account()
        self.assertIn("say --yes", self.done(account.deploy("--model", MODEL), 64))
        self.assertEqual(account.changes(), [])

    def test_a_stack_that_is_under_way_or_broken_is_left_alone(self):
        for status, words in (
            ("UPDATE_IN_PROGRESS", "wait until that is over"),
            ("UPDATE_ROLLBACK_FAILED", "continue-update-rollback"),
            ("ROLLBACK_COMPLETE", "delete-stack"),
        ):
            with self.subTest(status):
                found = running()
                found["stacks"]["annexa-fleet"]["StackStatus"] = status
                account = self.account(**found)
                self.assertIn(words, self.done(account.deploy("--yes"), 64))
                self.assertEqual(account.changes(), [])

    def test_a_deployment_that_broke_off_before_the_fleet_was_made_is_done_anew_as_the_first_one(self):
        words = "An error occurred (Throttling) when calling the ExecuteChangeSet operation: Rate exceeded"
        account = self.account(refused={"cloudformation execute-change-set": [None, words]})
        first = ("--yes", "--model", MODEL, "--network", "private")
        self.done(account.deploy(*first), 1)
        self.assertIn("no --model", self.done(account.deploy("--yes"), 64))
        self.assertIn("no stack annexa-fleet", self.done(account.deploy("--wait"), 64))
        self.done(account.deploy(*first))
        told = account.parameters("annexa-fleet")
        self.assertEqual((told["DefaultModelId"], told["Network"]), (MODEL, "private"))

    def test_a_stack_that_was_never_made_goes_with_the_fleet(self):
        found = running()
        found["stacks"]["annexa-fleet"] = fake_aws.stack("annexa-fleet", "REVIEW_IN_PROGRESS")
        account = self.account(**found)
        self.done(account.deploy("--delete", "--keep-storage", "--yes"))
        self.assertEqual(account.changes(), ["aws cloudformation delete-stack"])

    def test_where_nothing_is_there_nothing_is_said_to_be_taken_down(self):
        for there, arguments, words in (
            ({}, (), "there is no stack typo-fleet or typo-storage in eu-central-1"),
            ({}, ("--dry-run",), "there is no stack typo-fleet or typo-storage in eu-central-1"),
            ({}, ("--keep-storage",), "there is no stack typo-fleet in eu-central-1"),
            (
                {"typo-storage": fake_aws.stack("typo-storage", outputs=fake_aws.storage_outputs("typo"))},
                ("--keep-storage",),
                "there is no stack typo-fleet in eu-central-1",
            ),
        ):
            with self.subTest(there=list(there), arguments=arguments):
                account = self.account(stacks=there)
                said = self.done(account.deploy("--delete", "--yes", "--name", "typo", *arguments), 64)
                self.assertIn(words, said)
                self.assertNotIn("aws ", said)
                self.assertEqual(account.changes(), [])

    def test_where_only_data_is_left_the_way_to_remove_it_is_said_again(self):
        for left in (
            {"buckets": [f"annexa-inbox-{fake_aws.ACCOUNT}-{fake_aws.REGION}"]},
            {"buckets": [f"annexa-results-{fake_aws.ACCOUNT}-{fake_aws.REGION}"]},
            {"tables": ["annexa"]},
        ):
            with self.subTest(left):
                account = self.account(**left)
                said = self.done(account.deploy("--delete", "--yes"))
                self.assertIn("No stack is left; what was kept:", said)
                self.assertIn("aws dynamodb delete-table --table-name annexa --region eu-central-1", said)
                self.assertEqual(account.changes(), [])

    def test_a_wait_needs_credentials_also_as_a_dry_run(self):
        account = self.account(no_credentials=True)
        real = self.done(account.deploy("--wait"), 64)
        self.assertIn("no AWS credentials that work", real)
        self.assertEqual(self.done(account.deploy("--wait", "--dry-run"), 64), real)

    def test_what_an_earlier_fleet_left_is_not_run_into(self):
        account = self.account(buckets=[f"annexa-inbox-{fake_aws.ACCOUNT}-{fake_aws.REGION}"])
        self.assertIn("an earlier fleet's data was kept", self.done(account.deploy("--yes", "--model", MODEL), 64))
        self.assertEqual(account.changes(), [])

    def test_a_failure_says_its_reasons_and_what_to_do(self):
        events = [
            {
                "LogicalResourceId": "Cluster",
                "ResourceType": "AWS::ECS::Cluster",
                "ResourceStatus": "CREATE_FAILED",
                "ResourceStatusReason": "Resource creation cancelled",
            },
            {
                "LogicalResourceId": "WorkerService",
                "ResourceType": "AWS::ECS::Service",
                "ResourceStatus": "UPDATE_FAILED",
                "ResourceStatusReason": "ECS Deployment Circuit Breaker was triggered.",
            },
            {
                "LogicalResourceId": "Older",
                "ResourceType": "AWS::ECS::Service",
                "ResourceStatus": "UPDATE_FAILED",
                "ResourceStatusReason": "of another time",
                "ClientRequestToken": "other",
            },
        ]
        account = self.account(**running(ends={"annexa-fleet": "UPDATE_ROLLBACK_COMPLETE"}, events=events))
        said = self.done(account.deploy("--yes"), 1)
        for words in (
            "annexa-fleet is UPDATE_ROLLBACK_COMPLETE",
            "WorkerService (AWS::ECS::Service): ECS Deployment Circuit Breaker was triggered.",
            "as it was before",
        ):
            self.assertIn(words, said)
        for words in ("cancelled", "of another time"):
            self.assertNotIn(words, said)

    def test_a_change_that_would_lose_the_table_stops_unless_it_is_allowed(self):
        change = {
            "Action": "Modify",
            "LogicalResourceId": "Table",
            "ResourceType": "AWS::DynamoDB::Table",
            "Replacement": "True",
        }
        account = self.account(**running(changes={"annexa-storage": [change]}))
        self.assertIn("lose sight of what is in Table", self.done(account.deploy("--yes"), 1))
        self.assertNotIn("aws cloudformation execute-change-set", account.changes())
        self.done(account.deploy("--yes", "--allow-replacement"))


if __name__ == "__main__":
    unittest.main()
