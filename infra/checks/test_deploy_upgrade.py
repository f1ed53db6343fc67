"""infra/deploy on a fleet that runs: settings stay, busy tasks are let go, images come back, fleets are taken down."""

import json
import re
import shlex
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

import deploying
from deploying import (
    cli,
    IMAGE,
    MODEL,
    fake_aws,
    running,
)


class Upgrades(deploying.OnASmallAccount):
    """A fleet that runs."""

    def test_s16_s21_busy_tasks_of_the_old_version_do_not_hold_up_an_upgrade(self):
        account = self.account(**running(renews=(0, 2, 1)))
        said = self.done(account.deploy("--yes"))
        let_go = [call["argv"] for call in account.calls() if "update-task-protection" in call["argv"]]
        # The second task protects itself twice more, and its protection is taken away each time.
        second = fake_aws.task(1, fake_aws.OLD)["arn"]
        self.assertEqual(len([argv for argv in let_go if second in argv]), 3)
        self.assertTrue(all("--no-protection-enabled" in argv for argv in let_go))
        self.assertEqual(account.tasks(), [])
        # It is said once for each task.
        self.assertEqual(said.count("is old and busy"), 3)

    def test_s22_tasks_of_the_new_version_keep_their_protection(self):
        found = running(renews=(0,))
        found["tasks"].append(fake_aws.task(7, fake_aws.NEW))
        account = self.account(**found)
        self.done(account.deploy("--yes"))
        new = found["tasks"][-1]["arn"]
        self.assertFalse(
            [call for call in account.calls() if "update-task-protection" in call["argv"] and new in call["argv"]]
        )

    def test_an_update_that_was_begun_elsewhere_is_looked_after(self):
        found = running(renews=(1,), going={"annexa-fleet": "UPDATE_COMPLETE"}, deployment=fake_aws.NEW)
        found["stacks"]["annexa-fleet"]["StackStatus"] = "UPDATE_IN_PROGRESS"
        account = self.account(**found)
        self.assertIn("annexa-fleet: UPDATE_COMPLETE", self.done(account.deploy("--wait")))
        self.assertEqual(account.changes(), ["aws ecs update-task-protection"] * 2)

    def test_s22_a_deployment_that_was_forced_is_looked_after_with_a_stack_that_rests(self):
        # As after `aws ecs update-service --force-new-deployment`: same task definition, another deployment.
        for status in ("UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE"):
            with self.subTest(status):
                found = running(renews=(2, 0), deployment=fake_aws.NEW)
                found["stacks"]["annexa-fleet"]["StackStatus"] = status
                new = fake_aws.task(7, fake_aws.NEW)
                found["tasks"].append(new)
                account = self.account(**found)
                self.assertIn("each has one deployment", self.done(account.deploy("--wait")))
                self.assertEqual(account.tasks(), [new])
                self.assertEqual(set(account.changes()), {"aws ecs update-task-protection"})

    def test_a_deployment_that_failed_meanwhile_is_said(self):
        # One that ECS has gone back from, and one that it stays with.
        for renews, failed in ((0, fake_aws.OLD), (99, fake_aws.NEW)):
            with self.subTest(failed=failed):
                found = running(renews=(renews,), deployment=fake_aws.NEW, failed_deployment=failed)
                said = self.done(self.account(**found).deploy("--wait"), 1)
                self.assertIn(f": ECS deployment {failed} is FAILED.", said)

    def test_services_that_cannot_be_looked_at_are_waited_for_with_patience(self):
        words = "An error occurred (ThrottlingException) when calling the DescribeServices operation: Rate exceeded"
        for times, code in ((7, 0), (8, 1)):
            account = self.account(**running(refused={"ecs describe-services": [words] * times}))
            self.assertEqual("lost sight" in self.done(account.deploy("--wait"), code), code == 1)

    def test_the_failure_of_an_update_that_was_begun_elsewhere_says_its_reasons(self):
        event = {
            "LogicalResourceId": "WorkerService",
            "ResourceType": "AWS::ECS::Service",
            "ResourceStatus": "UPDATE_FAILED",
            "ResourceStatusReason": "said so",
            "ClientRequestToken": "another's",
        }
        found = running(going={"annexa-fleet": "UPDATE_ROLLBACK_COMPLETE"}, events=[event])
        found["stacks"]["annexa-fleet"]["StackStatus"] = "UPDATE_IN_PROGRESS"
        account = self.account(**found)
        self.assertIn("WorkerService (AWS::ECS::Service): said so", self.done(account.deploy("--wait"), 1))

    def test_an_upgrade_goes_on_when_a_look_fails(self):
        refused = {
            "ecs list-tasks": [
                "An error occurred (ThrottlingException) when calling the ListTasks operation: Rate exceeded"
            ]
        }
        account = self.account(**running(renews=(0,), refused=refused))
        self.assertIn("was not looked at", self.done(account.deploy("--yes")))

    def test_many_tasks_are_let_go_ten_at_a_time(self):
        account = self.account(**running(renews=[0] * 23))
        self.done(account.deploy("--yes"))
        sizes = [
            len(fake_aws.values(call["argv"], "--tasks"))
            for call in account.calls()
            if "update-task-protection" in call["argv"]
        ]
        self.assertEqual(sizes, [10, 10, 3])

    def test_what_is_not_said_stays_as_it_is(self):
        account = self.account(**running())
        self.done(account.deploy("--yes", "--param", "StuckAfterMinutes=60"))
        self.assertEqual(account.parameters("annexa-storage"), {"FleetName": "annexa", "InputDays": True})
        told = account.parameters("annexa-fleet")
        self.assertEqual((told["DefaultModelId"], told["TokensPerMinute"], told["WorkerTasksMax"]), (True, True, True))
        self.assertEqual(told["StuckAfterMinutes"], "60")

    def test_nothing_to_change_is_no_failure(self):
        account = self.account(**running(unchanged=["annexa-storage", "annexa-fleet"]))
        self.assertEqual(self.done(account.deploy("--yes")).count("nothing to change"), 2)
        self.assertNotIn("aws cloudformation execute-change-set", account.changes())

    def test_going_back_to_an_image_builds_nothing(self):
        account = self.account(**running())
        self.done(account.deploy("--yes", "--image", IMAGE))
        self.assertFalse([name for name in account.changes() if name.startswith(("docker", "aws ecr"))])
        self.assertEqual(account.parameters("annexa-fleet")["ImageUri"], IMAGE)

    def test_an_image_is_never_deployed_by_a_tag(self):
        account = self.account(**running(repositories={"annexa": ["one"]}))
        self.done(account.deploy("--yes", "--image", f"{fake_aws.REGISTRY}/annexa:one"))
        self.assertEqual(account.parameters("annexa-fleet")["ImageUri"], IMAGE)
        self.assertIn(
            "name it by digest", self.done(account.deploy("--yes", "--image", "elsewhere.example/annexa:one"), 64)
        )

    def test_a_new_quota_is_turned_into_workers_with_the_model_that_runs(self):
        account = self.account(**running())
        self.done(account.deploy("--yes", "--tokens-per-minute", "90000"))
        asked = [call["argv"] for call in account.calls() if call["argv"][:2] == ["docker", "run"]][-1]
        self.assertEqual(
            asked[asked.index("capacity") :], ["capacity", "--model", MODEL, "--json", "--tokens-per-minute", "90000"]
        )
        self.assertEqual(account.parameters("annexa-fleet")["WorkerTasksMax"], "3")

    def test_tear_down_takes_the_fleet_first_and_busy_tasks_with_it_and_says_what_stays(self):
        account = self.account(**running(renews=(1,)))
        said = self.done(account.deploy("--delete", "--yes"))
        deleted = [
            fake_aws.flag(call["argv"], "--stack-name") for call in account.calls() if "delete-stack" in call["argv"]
        ]
        self.assertEqual(deleted, ["annexa-fleet", "annexa-storage"])
        for words in (
            "s3://annexa-results-123456789012-eu-central-1",
            "delete-table --table-name annexa",
            "delete-repository --repository-name annexa",
            "schedule-key-deletion --key-id arn:key",
        ):
            self.assertIn(words, said)

    def test_the_commands_that_remove_what_stays_are_ones_that_the_aws_cli_has(self):
        account = self.account(**running())
        lines = [
            line.strip()
            for line in self.done(account.deploy("--delete", "--yes")).splitlines()
            if line.startswith("  aws ")
        ]
        checked = [
            cli.read(shlex.split(re.sub(r"\s{4,}\(.*\)$", "", line))[1:])
            for line in lines
            if not line.startswith("aws s3 ")
        ]
        self.assertEqual({service for service, *_ in checked}, {"s3", "dynamodb", "ecr", "logs", "kms"})

    def test_a_stack_that_failed_can_be_taken_down_and_one_that_is_under_way_cannot(self):
        for status, code in (("ROLLBACK_COMPLETE", 0), ("UPDATE_IN_PROGRESS", 64)):
            found = running()
            found["stacks"]["annexa-fleet"]["StackStatus"] = status
            self.done(self.account(**found).deploy("--delete", "--keep-storage", "--yes"), code)

    def test_an_image_that_sleeping_services_have_not_started_is_said_with_a_way_to_see_it(self):
        for desired, arguments, words in (
            ({"splitter": 0, "worker": 0}, (), "asleep    splitter, worker: this image has not started there yet"),
            ({}, (), None),
            # The image that ran before.
            ({"worker": 0}, ("--image", IMAGE.replace("a" * 64, "b" * 64)), None),
        ):
            with self.subTest(desired=desired, arguments=arguments):
                found = running(desired=desired)
                image = {"ParameterKey": "ImageUri", "ParameterValue": arguments[-1] if arguments else "old"}
                found["stacks"]["annexa-fleet"]["Parameters"][-1] = image
                said = self.done(self.account(**found).deploy("--yes", *arguments))
                self.assertEqual("--model precedents --again --wait" in said, bool(words))
                self.assertIn(words or "", said)

    def test_what_is_dropped_while_the_services_are_away_is_told_its_time_and_the_way_back(self):
        said = self.done(self.account(**running()).deploy("--delete", "--keep-storage", "--yes"))
        inbox = "s3://annexa-inbox-123456789012-eu-central-1/inbox/NAME.csv"
        self.assertIn("14 days at most", said)
        self.assertIn(f"aws s3 cp {inbox} {inbox} --metadata-directive REPLACE --region eu-central-1", said)

    def test_the_services_alone_can_be_taken_down(self):
        account = self.account(**running())
        self.done(account.deploy("--delete", "--keep-storage", "--yes"))
        deleted = [
            fake_aws.flag(call["argv"], "--stack-name") for call in account.calls() if "delete-stack" in call["argv"]
        ]
        self.assertEqual(deleted, ["annexa-fleet"])


if __name__ == "__main__":
    unittest.main()
