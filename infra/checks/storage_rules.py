"""What storage.yaml promises, as rules: each takes a template and gives what is wrong with it, as texts.

test_storage.py holds the template to them and shows that each sees it broken.
"""

from fnmatch import fnmatch

from template import exports, of_type, resolve, settings

# A bucket that stays without its policy would take plain HTTP and other keys.
HOLDS_DATA = ["AWS::DynamoDB::Table", "AWS::KMS::Key", "AWS::Logs::LogGroup", "AWS::S3::Bucket", "AWS::S3::BucketPolicy"]
KEY = {"Fn::GetAtt": ["Key", "Arn"]}
QUEUES = {"Inbox": "inbox", "Chunk": "chunks", "Done": "done"}
DAY = 24 * 3600
# Of an arrival nothing but its message knows: it is kept as long as SQS keeps any. The sweep sends the others again.
KEPT = {"Inbox": 14 * DAY, "Chunk": 7 * DAY, "Done": 7 * DAY}
PLAIN = {"Bool": {"aws:SecureTransport": "false"}}
# infra/deploy, fleet.yaml and `annexa --stack` read these by name.
OUTPUTS = (
    {"FleetName", "InboxBucket", "OutputBucket", "InboxPrefix", "Table", "TableArn", "KeyArn"}
    | {"SplitterLogGroup", "WorkerLogGroup", "AggregatorLogGroup"}
    | {f"{queue}Queue{what}" for queue in QUEUES for what in ("Url", "Arn", "Name")}
    | {f"{queue}DeadLetterQueue{what}" for queue in QUEUES for what in ("Url", "Arn", "Name")}
)


def properties(template, kind, **given):
    """Properties of all resources of a type, by logical id, as a deployment with these parameters has them."""
    known = settings(template, **given)
    return {name: resolve(one, known).get("Properties", {}) for name, one in of_type(template, kind).items()}


def as_list(value):
    return value if isinstance(value, list) else [value]


def statements(policy):
    return as_list(policy["PolicyDocument"]["Statement"])


def keeps_data(template):
    """What holds data outlives the stack, and a replacement of itself."""
    for kind in HOLDS_DATA:
        for name, one in of_type(template, kind).items():
            if one.get("DeletionPolicy") not in ("Retain", "RetainExceptOnCreate"):
                yield f"{name} goes with the stack"
            if one.get("UpdateReplacePolicy") != "Retain":
                yield f"{name} goes when it is replaced"


def closes_buckets(template):
    """No public access, no access lists, the fleet's key, unfinished uploads cleared away."""
    for name, bucket in properties(template, "AWS::S3::Bucket").items():
        block = bucket.get("PublicAccessBlockConfiguration", {})
        for what in ("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets"):
            if block.get(what) is not True:
                yield f"{name}: {what}"
        if bucket.get("OwnershipControls") != {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}:
            yield f"{name}: access lists"
        encryption = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
        default = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": KEY}
        if encryption != [{"BucketKeyEnabled": True, "ServerSideEncryptionByDefault": default}]:
            yield f"{name}: encryption"
        rules = bucket["LifecycleConfiguration"]["Rules"]
        if not any(rule.get("AbortIncompleteMultipartUpload") == {"DaysAfterInitiation": 7} for rule in rules):
            yield f"{name}: unfinished uploads stay"


def refuses_plain_http(template):
    """Every bucket and every queue denies everything to everybody over plain HTTP."""
    denied = set()
    for policy in properties(template, "AWS::S3::BucketPolicy").values():
        name = policy["Bucket"]["Ref"]
        whole = [{"Fn::GetAtt": [name, "Arn"]}, "${" + name + ".Arn}/*"]
        deny = {"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": whole, "Condition": PLAIN}
        denied |= {name for one in statements(policy) if deny.items() <= one.items()}
    for policy in properties(template, "AWS::SQS::QueuePolicy").values():
        name = policy["Queues"][0]["Ref"]
        whole = {"Fn::GetAtt": [name, "Arn"]}
        deny = {"Effect": "Deny", "Principal": "*", "Action": "sqs:*", "Resource": whole, "Condition": PLAIN}
        denied |= {name for one in statements(policy) if deny.items() <= one.items()}
    for name in {**of_type(template, "AWS::S3::Bucket"), **of_type(template, "AWS::SQS::Queue")}:
        if name not in denied:
            yield f"{name} takes plain HTTP"


def refuses_other_keys(template):
    """An upload that asks for another encryption than the fleet's key is denied."""
    denied = set()
    for policy in properties(template, "AWS::S3::BucketPolicy").values():
        name = policy["Bucket"]["Ref"]
        condition = {
            # Without this, an upload that says nothing, which gets the bucket's default, would be denied, too.
            "Null": {"s3:x-amz-server-side-encryption": "false"},
            "StringNotEquals": {"s3:x-amz-server-side-encryption-aws-kms-key-id": KEY},
        }
        resource = "${" + name + ".Arn}/*"
        deny = {"Effect": "Deny", "Principal": "*", "Action": "s3:PutObject", "Resource": resource}
        deny["Condition"] = condition
        denied |= {name for one in statements(policy) if deny.items() <= one.items()}
    return [f"{name} takes other keys" for name in of_type(template, "AWS::S3::Bucket") if name not in denied]


def inbox_arn(template, **given):
    """The ARN that the inbox bucket will have."""
    known = settings(template, **given)
    bucket = properties(template, "AWS::S3::Bucket", **given)["InboxBucket"]["BucketName"]
    return f"arn:{known['AWS::Partition']}:s3:::{bucket}"


def admits_the_inbox_alone(template, **given):
    """Of all queues only the inbox queue lets anyone in by its policy: S3, for the inbox bucket of this account."""
    account = settings(template, **given)["AWS::AccountId"]
    allowed = [
        one
        for policy in properties(template, "AWS::SQS::QueuePolicy", **given).values()
        for one in statements(policy)
        if one["Effect"] != "Deny"
    ]
    wanted = {
        "Sid": "EventsOfTheInboxBucket",
        "Effect": "Allow",
        "Principal": {"Service": "s3.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": {"Fn::GetAtt": ["InboxQueue", "Arn"]},
        "Condition": {
            "StringEquals": {"aws:SourceAccount": account},
            "ArnEquals": {"aws:SourceArn": inbox_arn(template, **given)},
        },
    }
    return [] if allowed == [wanted] else [f"the queues admit {allowed}"]


def delivers_events(template):
    """New objects under the prefix are told to the inbox queue, which lets S3 in before the bucket is made."""
    bucket = of_type(template, "AWS::S3::Bucket")["InboxBucket"]
    found = resolve(bucket, settings(template, InboxPrefix="drop/"))["Properties"]
    rules = {"S3Key": {"Rules": [{"Name": "prefix", "Value": "drop/"}]}}
    queue = {"Fn::GetAtt": ["InboxQueue", "Arn"]}
    notification = {"QueueConfigurations": [{"Event": "s3:ObjectCreated:*", "Queue": queue, "Filter": rules}]}
    if found.get("NotificationConfiguration") != notification:
        yield f"the notification is {found.get('NotificationConfiguration')}"
    if "InboxQueuePolicy" not in as_list(bucket.get("DependsOn")):
        yield "the bucket may be made before S3 may send"
    if found.get("VersioningConfiguration") != {"Status": "Enabled"}:
        yield "a job cannot pin the version of its input"


def sets_queues(template, **given):
    """Long polls, times, the key with a long reuse; dead letters that are kept longest, each pair only for itself."""
    known = settings(template, **given)
    queues = properties(template, "AWS::SQS::Queue", **given)
    if set(queues) != {f"{name}{kind}" for name in QUEUES for kind in ("Queue", "DeadLetterQueue")}:
        yield f"there are {sorted(queues)}"
        return
    for name, short in QUEUES.items():
        live, dead = queues[f"{name}Queue"], queues[f"{name}DeadLetterQueue"]
        for one in (live, dead):
            if (one["ReceiveMessageWaitTimeSeconds"], one["KmsDataKeyReusePeriodSeconds"]) != (20, DAY):
                yield f"{one['QueueName']}: waits"
            if one["KmsMasterKeyId"] != KEY:
                yield f"{one['QueueName']}: key"
        times = [live["MessageRetentionPeriod"], dead["MessageRetentionPeriod"], live["VisibilityTimeout"]]
        if times != [KEPT[name], 14 * DAY, known["VisibilityTimeoutS"]]:
            yield f"{name}: times {times}"
        target = {"Fn::GetAtt": [f"{name}DeadLetterQueue", "Arn"]}
        if live["RedrivePolicy"] != {"deadLetterTargetArn": target, "maxReceiveCount": known["MaxReceiveCount"]}:
            yield f"{name}: dead letters go elsewhere"
        named = f"{known['FleetName']}-{short}"
        if [live["QueueName"], dead["QueueName"]] != [named, f"{named}-dead"]:
            yield f"{name}: names"
        place = ":".join(known[f"AWS::{part}"] for part in ("Region", "AccountId"))
        source = f"arn:{known['AWS::Partition']}:sqs:{place}:{live['QueueName']}"
        if dead["RedriveAllowPolicy"] != {"redrivePermission": "byQueue", "sourceQueueArns": [source]}:
            yield f"{name}: its dead-letter queue is open to others"


def opens_the_key_to_two_services(template, **given):
    """S3 for the inbox's events, CloudWatch Logs for the fleet's groups; IAM of this account decides on all others."""
    known = settings(template, **given)
    key = properties(template, "AWS::KMS::Key", **given)["Key"]
    if key.get("EnableKeyRotation") is not True:
        yield "the key is not rotated"
    root = f"arn:{known['AWS::Partition']}:iam::{known['AWS::AccountId']}:root"
    by_service = {}
    for one in as_list(key["KeyPolicy"]["Statement"]):
        if one["Principal"] == {"AWS": root}:
            continue
        if set(one["Principal"]) != {"Service"} or not one.get("Condition"):
            yield f"{one['Sid']} opens the key to {one['Principal']}"
            return
        by_service[one["Principal"]["Service"]] = one
    if set(by_service) != {"s3.amazonaws.com", f"logs.{known['AWS::Region']}.amazonaws.com"}:
        yield f"the key is open to {sorted(by_service)}"
        return
    events = by_service["s3.amazonaws.com"]
    condition = {
        "StringEquals": {"aws:SourceAccount": known["AWS::AccountId"]},
        "ArnEquals": {"aws:SourceArn": inbox_arn(template, **given)},
    }
    if sorted(events["Action"]) != ["kms:Decrypt", "kms:GenerateDataKey"] or events["Condition"] != condition:
        yield f"S3 may {events['Action']} if {events['Condition']}"
    logs = by_service[f"logs.{known['AWS::Region']}.amazonaws.com"]["Condition"]
    pattern = logs.get("ArnLike", {}).get("kms:EncryptionContext:aws:logs:arn", "")
    here = f"arn:{known['AWS::Partition']}:logs:{known['AWS::Region']}:{known['AWS::AccountId']}:log-group:"
    for name, group in properties(template, "AWS::Logs::LogGroup", **given).items():
        if group.get("KmsKeyId") != KEY or not fnmatch(here + group["LogGroupName"], pattern):
            yield f"{name}: CloudWatch Logs may not use the key"
    if not pattern.startswith(f"{here}/annexa/{known['FleetName']}/"):
        yield f"the key is open to the log groups {pattern}"


def protects_the_table(template):
    """The ledger's keys, on demand, time to live, point-in-time recovery, the fleet's key, protection."""
    (name, table), = properties(template, "AWS::DynamoDB::Table").items()
    wanted = {
        "BillingMode": "PAY_PER_REQUEST",
        "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
        "TimeToLiveSpecification": {"AttributeName": "ttl", "Enabled": True},
        "PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": True},
        "SSESpecification": {"SSEEnabled": True, "SSEType": "KMS", "KMSMasterKeyId": KEY},
        "DeletionProtectionEnabled": True,
    }
    for what, value in wanted.items():
        if table.get(what) != value:
            yield f"{name}: {what} is {table.get(what)}"
    # A first deployment that fails has nothing protected to undo.
    before = as_list(template["Resources"][name].get("DependsOn", []))
    for other in {**of_type(template, "AWS::S3::BucketPolicy"), **of_type(template, "AWS::Logs::LogGroup")}:
        if other not in before:
            yield f"{name} may be made before {other}"


def expiries(template, **given):
    """(bucket, prefix, days, days of replaced versions) of everything that expires."""
    found = set()
    for name, bucket in properties(template, "AWS::S3::Bucket", **given).items():
        for rule in bucket["LifecycleConfiguration"]["Rules"]:
            replaced = rule.get("NoncurrentVersionExpiration", {}).get("NoncurrentDays")
            if rule["Status"] == "Enabled" and "ExpirationInDays" in rule:
                found.add((name, rule.get("Prefix", ""), str(rule["ExpirationInDays"]), replaced))
    return found


def expires_only_what_was_asked(template):
    """Without a word only the records of events go; inputs and results when their parameters say so."""
    events = ("ResultsBucket", "_annexa/inbox/", "30", None)
    inputs = {("InboxBucket", "", "40", "40"), ("ResultsBucket", "uploads/", "40", None)}
    results = {("ResultsBucket", "results/", "50", None)}
    for given, wanted in [
        ({}, {events}),
        ({"InputDays": 40}, {events} | inputs),
        ({"ResultsDays": 50}, {events} | results),
        ({"InputDays": 40, "ResultsDays": 50}, {events} | inputs | results),
    ]:
        if expiries(template, **given) != wanted:
            yield f"with {given}: {sorted(expiries(template, **given), key=str)}"


def exports_by_the_agreed_names(template):
    """The outputs that the other stack and the programs read; exported are those that never change.

    CloudFormation refuses to change an export that a stack imports.
    """
    if set(template["Outputs"]) != OUTPUTS:
        yield f"outputs differ: {sorted(set(template['Outputs']) ^ OUTPUTS)}"
    steered = set(template["Parameters"]) - {"FleetName"}
    wanted = {name for name in OUTPUTS if template["Outputs"].get(name, {}).get("Value", {}).get("Ref") not in steered}
    made = exports(template, settings(template), "annexa-storage")
    if set(made) != {f"annexa-storage-{name}" for name in wanted}:
        yield f"exports differ: {sorted(set(made) ^ {f'annexa-storage-{name}' for name in wanted})}"
    for name, queue in [("InboxQueueUrl", "InboxQueue"), ("ChunkDeadLetterQueueUrl", "ChunkDeadLetterQueue")]:
        if made.get(f"annexa-storage-{name}") != {"Ref": queue}:
            yield f"{name} is {made.get(f'annexa-storage-{name}')}"


def tags_all(template):
    """Everything that can carry a tag says whose fleet it is of."""
    untagged = {"AWS::KMS::Alias", "AWS::S3::BucketPolicy", "AWS::SQS::QueuePolicy"}
    known = settings(template, FleetName="mine")
    for name, one in template["Resources"].items():
        tags = resolve(one, known)["Properties"].get("Tags")
        if one["Type"] not in untagged and {"Key": "annexa:fleet", "Value": "mine"} not in (tags or []):
            yield f"{name} has no tag"
