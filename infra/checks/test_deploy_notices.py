"""infra/deploy looks at what the aggregator would not start without, and at what it could not reach."""

import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

import deploying
from deploying import fake_aws, running

WEBHOOK = ("--param", "NotifyWebhookUrl=https://example.com/hook")
SECRET = f"arn:aws:secretsmanager:{fake_aws.REGION}:{fake_aws.ACCOUNT}:secret:hook-a1b2c3"
SIGNED = (*WEBHOOK, "--param", f"NotifyWebhookSecretArn={SECRET}")
TEXT = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
KEY = f"arn:aws:kms:{fake_aws.REGION}:{fake_aws.ACCOUNT}:key/1234"


class Notices(deploying.OnASmallAccount):
    def test_a_secret_that_ecs_could_not_put_into_a_task_is_refused_before_anything_is_made(self):
        for secret, words in (
            (None, "no job would end: An error occurred (ResourceNotFoundException)"),
            ({"SecretString": '{"secret": "' + TEXT + '"}'}, "not JSON"),
            ({"SecretString": "whsec_c2hvcnQ="}, "24 to 64 bytes"),
            ({"SecretString": TEXT.removeprefix("whsec_")}, "whsec_ and"),
            ({"SecretString": TEXT + "?"}, "Base64"),
            ({}, "as plain text"),
            ({"SecretString": TEXT, "KmsKeyId": KEY}, f"with key {KEY}: say --param NotifyWebhookSecretKeyArn="),
        ):
            with self.subTest(secret):
                account = self.account(**running(), **({} if secret is None else {"secret": secret}))
                said = self.done(account.deploy("--yes", *SIGNED), 64)
                self.assertIn(words, said)
                self.assertNotIn("MfKQ", said)
                self.assertNotIn("c2hvcnQ", said)
                self.assertEqual(account.changes(), [])

    def test_a_secret_that_is_right_goes_to_the_fleet_by_its_name_alone(self):
        for secret, more in (
            ({"SecretString": TEXT}, ()),
            ({"SecretString": TEXT, "KmsKeyId": "alias/aws/secretsmanager"}, ()),
            ({"SecretString": TEXT, "KmsKeyId": KEY}, ("--param", f"NotifyWebhookSecretKeyArn={KEY}")),
        ):
            with self.subTest(secret):
                account = self.account(**running(), secret=secret)
                said = self.done(account.deploy("--yes", *SIGNED, *more))
                self.assertEqual(account.parameters("annexa-fleet")["NotifyWebhookSecretArn"], SECRET)
                self.assertNotIn("MfKQ", said)

    def test_a_secret_of_the_fleet_as_it_runs_is_looked_at_again(self):
        found = running()
        found["stacks"]["annexa-fleet"]["Parameters"] += [
            {"ParameterKey": "NotifyWebhookSecretArn", "ParameterValue": SECRET}
        ]
        self.assertIn("no job would end", self.done(self.account(**found).deploy("--yes"), 64))
        off = ("--param", "NotifyWebhookUrl=", "--param", "NotifyWebhookSecretArn=")
        self.done(self.account(**found).deploy("--yes", *off))

    def test_who_may_not_read_the_secret_is_told_that_nobody_has_looked(self):
        words = "An error occurred (AccessDeniedException) when calling the GetSecretValue operation: not you"
        account = self.account(
            **running(), secret={"SecretString": TEXT}, refused={"secretsmanager get-secret-value": [words]}
        )
        self.assertIn("you may not read it", self.done(account.deploy("--yes", *SIGNED)))
        account = self.account(
            **running(),
            secret={"SecretString": TEXT, "KmsKeyId": KEY},
            refused={"secretsmanager get-secret-value": [words]},
        )
        self.assertIn("NotifyWebhookSecretKeyArn=", self.done(account.deploy("--yes", *SIGNED), 64))

    def test_a_topic_of_another_region_is_refused_where_only_this_one_can_be_reached(self):
        for region, code in (("us-east-1", 64), (fake_aws.REGION, 0)):
            topic = ("--param", f"NotifyTopicArn=arn:aws:sns:{region}:{fake_aws.ACCOUNT}:jobs")
            account = self.account(**running())
            said = self.done(account.deploy("--yes", "--network", "private", *topic), code)
            self.assertEqual("reaches eu-central-1 alone" in said, code == 64)
            account = self.account(**running())
            self.done(account.deploy("--yes", "--network", "public", *topic))


if __name__ == "__main__":
    unittest.main()
