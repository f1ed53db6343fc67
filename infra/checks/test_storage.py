"""storage.yaml keeps its promises, and each rule sees it broken."""

import unittest

from storage_rules import (
    DAY,
    OUTPUTS,
    admits_the_inbox_alone,
    closes_buckets,
    delivers_events,
    expires_only_what_was_asked,
    exports_by_the_agreed_names,
    keeps_data,
    opens_the_key_to_two_services,
    properties,
    protects_the_table,
    refuses_other_keys,
    refuses_plain_http,
    sets_queues,
    tags_all,
)
from template import changed, load, resolve, settings

STORAGE = load("storage.yaml")
GOVCLOUD = {"AWS_Partition": "aws-us-gov", "AWS_Region": "us-gov-west-1"}


class Storage(unittest.TestCase):
    def holds(self, rule, *breaks):
        """The template keeps a rule, and each break (path, value) is seen by it."""
        self.assertEqual(list(rule(STORAGE)), [])
        self.assertTrue(breaks)
        for path, *value in breaks:
            broken = changed(STORAGE, f"Resources.{path}", *value)
            self.assertNotEqual(list(rule(broken)), [], f"{path} {value} is not seen")

    def test_what_holds_data_outlives_the_stack_and_so_does_what_guards_it(self):
        self.holds(
            keeps_data,
            ("Key.DeletionPolicy",),
            ("InboxBucket.DeletionPolicy",),
            ("ResultsBucket.DeletionPolicy",),
            ("WorkerLogGroup.DeletionPolicy",),
            ("Table.DeletionPolicy", "Delete"),
            ("InboxBucketPolicy.DeletionPolicy",),
            ("ResultsBucketPolicy.DeletionPolicy", "Delete"),
            ("InboxBucket.UpdateReplacePolicy",),
            ("ResultsBucketPolicy.UpdateReplacePolicy",),
            ("Key.UpdateReplacePolicy", "Delete"),
        )

    def test_buckets_are_private_and_encrypted_with_the_key(self):
        encryption = "Properties.BucketEncryption.ServerSideEncryptionConfiguration.0"
        self.holds(
            closes_buckets,
            ("InboxBucket.Properties.PublicAccessBlockConfiguration.IgnorePublicAcls", False),
            ("ResultsBucket.Properties.PublicAccessBlockConfiguration",),
            ("ResultsBucket.Properties.OwnershipControls",),
            (f"InboxBucket.{encryption}.BucketKeyEnabled", False),
            ("ResultsBucket.Properties.LifecycleConfiguration.Rules.0.AbortIncompleteMultipartUpload",),
            (f"ResultsBucket.{encryption}.ServerSideEncryptionByDefault", {"SSEAlgorithm": "AES256"}),
        )

    def test_every_bucket_and_queue_refuses_plain_http(self):
        first = "Properties.PolicyDocument.Statement.0"
        self.holds(
            refuses_plain_http,
            (f"InboxBucketPolicy.{first}",),
            (f"ResultsBucketPolicy.{first}.Condition.Bool", {"aws:SecureTransport": "true"}),
            (f"ResultsBucketPolicy.{first}.Resource", [{"Fn::GetAtt": ["ResultsBucket", "Arn"]}]),
            ("InboxQueuePolicy.Properties.PolicyDocument.Statement.1",),
            (f"DoneDeadLetterQueuePolicy.{first}.Action", "sqs:SendMessage"),
            (f"ChunkQueuePolicy.{first}.Resource", {"Fn::GetAtt": ["DoneQueue", "Arn"]}),
            ("ChunkDeadLetterQueuePolicy.Properties.Queues", [{"Ref": "ChunkQueue"}]),
        )

    def test_an_upload_under_another_key_is_refused_and_one_that_says_nothing_is_not(self):
        deny = "Properties.PolicyDocument.Statement.1"
        self.holds(
            refuses_other_keys,
            (f"InboxBucketPolicy.{deny}",),
            (f"ResultsBucketPolicy.{deny}.Condition.Null",),
            (f"ResultsBucketPolicy.{deny}.Condition.StringNotEquals",),
        )

    def test_the_inbox_queue_accepts_the_inbox_bucket_and_no_other_queue_accepts_anyone(self):
        self.assertEqual(admits_the_inbox_alone(STORAGE, FleetName="mine", **GOVCLOUD), [])
        allow = "InboxQueuePolicy.Properties.PolicyDocument.Statement.0"
        self.holds(
            admits_the_inbox_alone,
            (allow,),
            (f"{allow}.Principal", "*"),
            (f"{allow}.Action", "sqs:*"),
            (f"{allow}.Condition.StringEquals",),
            (f"{allow}.Condition.ArnEquals",),
            ("ChunkQueuePolicy.Properties.PolicyDocument.Statement.0.Effect", "Allow"),
            ("InboxBucket.Properties.BucketName", "another"),
        )

    def test_what_is_dropped_reaches_the_inbox_queue(self):
        told = "InboxBucket.Properties.NotificationConfiguration.QueueConfigurations.0"
        self.holds(
            delivers_events,
            ("InboxBucket.DependsOn",),
            ("InboxBucket.Properties.VersioningConfiguration.Status", "Suspended"),
            (f"{told}.Event", "s3:ObjectCreated:Put"),
            (f"{told}.Filter",),
            (f"{told}.Queue", {"Fn::GetAtt": ["DoneQueue", "Arn"]}),
        )

    def test_queues_poll_long_keep_long_and_bury_in_their_own_grave(self):
        given = {"FleetName": "mine", "VisibilityTimeoutS": 60, "MaxReceiveCount": 50}
        self.assertEqual(list(sets_queues(STORAGE, **given, **GOVCLOUD)), [])
        self.holds(
            sets_queues,
            ("ChunkQueue.Properties.ReceiveMessageWaitTimeSeconds", 0),
            ("DoneQueue.Properties.KmsDataKeyReusePeriodSeconds", 300),
            ("InboxDeadLetterQueue.Properties.KmsMasterKeyId", "alias/aws/sqs"),
            ("InboxQueue.Properties.MessageRetentionPeriod", 7 * DAY),
            ("DoneDeadLetterQueue.Properties.MessageRetentionPeriod", 7 * DAY),
            ("ChunkQueue.Properties.VisibilityTimeout", 30),
            ("ChunkQueue.Properties.RedrivePolicy.deadLetterTargetArn", {"Fn::GetAtt": ["DoneDeadLetterQueue", "Arn"]}),
            ("InboxQueue.Properties.RedrivePolicy.maxReceiveCount", 3),
            ("InboxDeadLetterQueue.Properties.RedriveAllowPolicy.redrivePermission", "allowAll"),
            ("ChunkQueue.Properties.QueueName", "chunks"),
            ("DoneDeadLetterQueue",),
        )

    def test_the_key_is_open_to_s3_for_the_inbox_and_to_the_fleets_logs_alone(self):
        self.assertEqual(list(opens_the_key_to_two_services(STORAGE, FleetName="mine", **GOVCLOUD)), [])
        policy = "Key.Properties.KeyPolicy.Statement"
        self.holds(
            opens_the_key_to_two_services,
            ("Key.Properties.EnableKeyRotation", False),
            (f"{policy}.1",),
            (f"{policy}.1.Condition",),
            (f"{policy}.1.Condition.ArnEquals", {"aws:SourceArn": "*"}),
            (f"{policy}.1.Action", "kms:*"),
            (f"{policy}.2.Principal", {"AWS": "*"}),
            (f"{policy}.2.Condition.ArnLike", {"kms:EncryptionContext:aws:logs:arn": "*"}),
            ("WorkerLogGroup.Properties.LogGroupName", "/elsewhere/worker"),
            ("SplitterLogGroup.Properties.KmsKeyId",),
        )

    def test_the_table_is_recoverable_encrypted_protected_and_made_last(self):
        self.holds(
            protects_the_table,
            ("Table.Properties.TimeToLiveSpecification.AttributeName", "expires"),
            ("Table.Properties.PointInTimeRecoverySpecification",),
            ("Table.Properties.SSESpecification",),
            ("Table.Properties.DeletionProtectionEnabled", False),
            ("Table.Properties.BillingMode", "PROVISIONED"),
            ("Table.Properties.KeySchema.1",),
            ("Table.DependsOn",),
        )

    def test_nothing_that_counts_expires_unless_it_is_asked_for(self):
        rules = "Properties.LifecycleConfiguration.Rules"
        self.holds(
            expires_only_what_was_asked,
            (f"ResultsBucket.{rules}.1",),
            (f"ResultsBucket.{rules}.1.Prefix", "results/"),
            (f"ResultsBucket.{rules}.3",),
            (f"InboxBucket.{rules}.1",),
            (f"InboxBucket.{rules}.2", {"Id": "all", "Status": "Enabled", "ExpirationInDays": 365}),
        )

    def test_outputs_have_the_agreed_names_and_what_never_changes_is_exported(self):
        self.assertEqual(list(exports_by_the_agreed_names(STORAGE)), [])
        steered = {"InboxPrefix"}
        for name in OUTPUTS:
            self.assertNotEqual(list(exports_by_the_agreed_names(changed(STORAGE, f"Outputs.{name}"))), [])
            export = {"Name": {"Fn::Sub": "${AWS::StackName}-" + name}} if name in steered else None
            broken = changed(STORAGE, f"Outputs.{name}.Export", *filter(None, [export]))
            self.assertNotEqual(list(exports_by_the_agreed_names(broken)), [], name)
        crossed = changed(STORAGE, "Outputs.InboxQueueUrl.Value", {"Ref": "DoneQueue"})
        self.assertNotEqual(list(exports_by_the_agreed_names(crossed)), [])

    def test_everything_is_tagged(self):
        self.holds(tags_all, ("DoneQueue.Properties.Tags",), ("Table.Properties.Tags.0.Value", "annexa"))

    def test_the_longest_names_still_make_a_bucket(self):
        pattern = STORAGE["Parameters"]["FleetName"]["AllowedPattern"]
        longest = "f" * 21
        self.assertRegex(longest, pattern)
        self.assertNotRegex(longest + "f", pattern)
        # The longest names of Regions that there are.
        for region in ("ap-southeast-1", "us-gov-east-1", "us-isob-east-1", "eusc-de-east-1"):
            for bucket in properties(STORAGE, "AWS::S3::Bucket", FleetName=longest, AWS_Region=region).values():
                self.assertLessEqual(len(bucket["BucketName"]), 63)

    def test_names_in_govcloud_are_of_its_partition(self):
        known = settings(STORAGE, **GOVCLOUD)
        text = str(resolve(STORAGE["Resources"], known))
        self.assertIn("arn:aws-us-gov:", text)
        self.assertNotIn("arn:aws:", text)

    def test_access_is_logged_where_a_bucket_for_it_is_named(self):
        for given, logged in [({}, False), ({"AccessLogBucket": "logs"}, True)]:
            found = properties(STORAGE, "AWS::S3::Bucket", **given)
            places = [bucket.get("LoggingConfiguration", {}).get("LogFilePrefix") for bucket in found.values()]
            self.assertEqual(places, ["annexa/inbox/", "annexa/results/"] if logged else [None, None])


if __name__ == "__main__":
    unittest.main()
