"""Creates everything that a fleet needs at an endpoint: buckets, queues with dead letters, the table, the notification.

    python bootstrap.py --endpoint-url http://127.0.0.1:4566 [--name annexa] [--no-versioning]

Prints the environment of the services, one NAME=value a line. Said again it changes nothing.
For development and tests; an AWS account gets its resources from infra/.
"""

import argparse
import json
import sys

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError, ConnectionError as NoConnection

VISIBILITY_S = 120
RETENTION_S = 7 * 24 * 3600
DEAD_LETTER_RETENTION_S = 14 * 24 * 3600
MAX_RECEIVES = 100
LONG_POLL_S = 20


def there_already(error, *codes):
    """Whether an error says no more than that the thing is there."""
    if error.response["Error"]["Code"] not in codes:
        raise error


class Place:
    """One endpoint, and the names of what is made there."""

    def __init__(self, endpoint_url, region, name, visibility_s):
        # Short waits: whoever starts an emulator beside this wants to know soon.
        config = Config(s3={"addressing_style": "path"}, retries={"max_attempts": 5}, connect_timeout=5, read_timeout=30)
        known = dict(
            endpoint_url=endpoint_url,
            region_name=region,
            aws_access_key_id="test",
            aws_secret_access_key="test",
            config=config,
        )
        self.region, self.name, self.visibility_s = region, name, visibility_s
        self.s3 = boto3.client("s3", **known)
        self.sqs = boto3.client("sqs", **known)
        self.dynamodb = boto3.client("dynamodb", **known)

    def bucket(self, suffix, versioned):
        bucket = f"{self.name}-{suffix}"
        place = {} if self.region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": self.region}}
        try:
            self.s3.create_bucket(Bucket=bucket, **place)
        except ClientError as error:
            there_already(error, "BucketAlreadyOwnedByYou", "BucketAlreadyExists")
        if versioned:
            self.s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
        return bucket

    def queue(self, suffix, max_receives):
        """A queue and its dead-letter queue; its URL and ARN."""
        dead_url, dead_arn = self.one_queue(f"{suffix}-dead", {"MessageRetentionPeriod": str(DEAD_LETTER_RETENTION_S)})
        return self.one_queue(
            suffix,
            {
                "VisibilityTimeout": str(self.visibility_s),
                "MessageRetentionPeriod": str(RETENTION_S),
                "ReceiveMessageWaitTimeSeconds": str(LONG_POLL_S),
                "RedrivePolicy": json.dumps({"deadLetterTargetArn": dead_arn, "maxReceiveCount": str(max_receives)}),
            },
        )

    def one_queue(self, suffix, attributes):
        name = f"{self.name}-{suffix}"
        try:
            url = self.sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]
        except ClientError as error:
            there_already(error, "QueueAlreadyExists", "QueueNameExists", "AWS.SimpleQueueService.QueueNameExists")
            url = self.sqs.get_queue_url(QueueName=name)["QueueUrl"]
        found = self.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
        return url, found["Attributes"]["QueueArn"]

    def notify(self, bucket, queue_url, queue_arn):
        """Has the bucket tell the queue of every new object, as infra/ does on AWS."""
        allow = {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Effect": "Allow",
                    "Principal": {"Service": "s3.amazonaws.com"},
                    "Action": "sqs:SendMessage",
                    "Resource": queue_arn,
                    "Condition": {"ArnEquals": {"aws:SourceArn": f"arn:aws:s3:::{bucket}"}},
                }
            ],
        }
        self.sqs.set_queue_attributes(QueueUrl=queue_url, Attributes={"Policy": json.dumps(allow)})
        created = {"Id": "annexa-inbox", "QueueArn": queue_arn, "Events": ["s3:ObjectCreated:*"]}
        self.s3.put_bucket_notification_configuration(
            Bucket=bucket, NotificationConfiguration={"QueueConfigurations": [created]}
        )

    def table(self):
        table = self.name
        key = [("pk", "HASH"), ("sk", "RANGE")]
        try:
            self.dynamodb.create_table(
                TableName=table,
                BillingMode="PAY_PER_REQUEST",
                AttributeDefinitions=[{"AttributeName": part, "AttributeType": "S"} for part, _ in key],
                KeySchema=[{"AttributeName": part, "KeyType": kind} for part, kind in key],
            )
        except ClientError as error:
            there_already(error, "ResourceInUseException")
        self.dynamodb.get_waiter("table_exists").wait(TableName=table, WaiterConfig={"Delay": 1, "MaxAttempts": 60})
        try:
            self.dynamodb.update_time_to_live(
                TableName=table, TimeToLiveSpecification={"Enabled": True, "AttributeName": "ttl"}
            )
        except ClientError as error:
            there_already(error, "ValidationException")
        return table


def bootstrap(
    endpoint_url,
    region="us-east-1",
    name="annexa",
    versioned=True,
    max_receives=MAX_RECEIVES,
    visibility_s=VISIBILITY_S,
):
    """Makes everything and gives the environment of the services."""
    place = Place(endpoint_url, region, name, visibility_s)
    inbox = place.bucket("inbox", versioned)
    results = place.bucket("results", False)
    inbox_url, inbox_arn = place.queue("inbox", max_receives)
    chunk_url, _ = place.queue("chunks", max_receives)
    done_url, _ = place.queue("done", max_receives)
    place.notify(inbox, inbox_url, inbox_arn)
    return {
        "AWS_ENDPOINT_URL": endpoint_url,
        "AWS_REGION": region,
        # boto3 reads this one.
        "AWS_DEFAULT_REGION": region,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "ANNEXA_INBOX_BUCKET": inbox,
        "ANNEXA_OUTPUT_BUCKET": results,
        "ANNEXA_INBOX_QUEUE_URL": inbox_url,
        "ANNEXA_CHUNK_QUEUE_URL": chunk_url,
        "ANNEXA_DONE_QUEUE_URL": done_url,
        "ANNEXA_TABLE": place.table(),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--endpoint-url", required=True)
    parser.add_argument("--region", default="us-east-1")
    parser.add_argument("--name", default="annexa", help="what all names begin with")
    parser.add_argument("--no-versioning", action="store_true", help="do not keep versions of inbox objects")
    parser.add_argument("--max-receives", type=int, default=MAX_RECEIVES, help="receives before a message is a dead letter")
    parser.add_argument("--visibility-s", type=int, default=VISIBILITY_S, help="how long a received message is hidden")
    args = parser.parse_args()
    try:
        made = bootstrap(
            args.endpoint_url, args.region, args.name, not args.no_versioning, args.max_receives, args.visibility_s
        )
    except NoConnection:
        sys.exit(f"bootstrap: nothing answers at {args.endpoint_url}: start localstack/emulator.py --port N there first")
    for name, value in made.items():
        print(f"{name}={value}")


if __name__ == "__main__":
    sys.exit(main())
