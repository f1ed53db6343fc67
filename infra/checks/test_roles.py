"""The roles of fleet.yaml hold what the code calls and no more, on this fleet's own resources.

Which service calls what, and on which resource, is seen on the wire by tests/it/fleet/permissions.rs.
"""

import json
import re
import unittest
from pathlib import Path

import calls
from roles import POLICIES, TASK_ROLES, permissions
from template import changed, exports, load, of_type, resolve, settings

FLEET, STORAGE = load("fleet.yaml"), load("storage.yaml")
PEOPLE = "OperatorPolicy"
EXECUTION = "ExecutionRole"
# What AWS does in a role's name, and no code of ours calls.
MADE_BY_AWS = {
    "ecr:GetAuthorizationToken": "ECS signs in to the registry",
    "ecr:BatchCheckLayerAvailability": "ECS pulls the image",
    "ecr:BatchGetImage": "ECS pulls the image",
    "ecr:GetDownloadUrlForLayer": "ECS pulls the image",
    "logs:CreateLogStream": "ECS writes the containers' logs",
    "logs:PutLogEvents": "ECS writes the containers' logs",
    "secretsmanager:GetSecretValue": "ECS puts the webhook's secret into the aggregator's environment",
    "kms:Decrypt": "S3, SQS and DynamoDB use the key, and Secrets Manager that of the webhook's secret",
    "kms:DescribeKey": "DynamoDB uses the key",
    "kms:Encrypt": "DynamoDB uses the key",
    "kms:GenerateDataKey": "S3, SQS and DynamoDB use the key",
    "kms:GenerateDataKeyWithoutPlaintext": "DynamoDB uses the key",
    "kms:ReEncryptFrom": "DynamoDB uses the key",
    "kms:ReEncryptTo": "DynamoDB uses the key",
}
# The action knows no resource (Service Authorization Reference, Amazon ECR).
ON_EVERYTHING = {("ExecutionRole", "SignInToRegistry")}
# AWS: IAM quotas. White space does not count.
MOST_INLINE, MOST_MANAGED = 10_240, 6_144
PLACES = [("aws", "us-east-1", "us"), ("aws-us-gov", "us-gov-west-1", "us-gov"), ("aws", "ap-southeast-2", "apac")]


def imports(name, partition, region):
    """What the storage stack of this fleet exports, with names for what only a deployment has."""
    known = settings(STORAGE, FleetName=name, AWS_Partition=partition, AWS_Region=region)
    account, found = known["AWS::AccountId"], {}
    properties = lambda logical: resolve(STORAGE["Resources"][logical]["Properties"], known)
    for export, value in exports(STORAGE, known, "s").items():
        logical = value.get("Ref") or value["Fn::GetAtt"][0] if isinstance(value, dict) else None
        if logical is None:
            found[export.removeprefix("s-")] = value
            continue
        kind = STORAGE["Resources"][logical]["Type"].split("::")[1]
        own = {"S3": "BucketName", "SQS": "QueueName", "DynamoDB": "TableName", "Logs": "LogGroupName"}
        own = properties(logical)[own[kind]] if kind in own else "0" * 36
        path = {"SQS": own, "DynamoDB": f"table/{own}", "KMS": f"key/{own}"}.get(kind)
        arn = f"arn:{partition}:{kind.lower()}:{region}:{account}:{path}"
        found[export.removeprefix("s-")] = arn if export.endswith("Arn") else own
    return found


def their_key(partition, region):
    """A key of somebody else, of the buckets that the parameters name."""
    return f"arn:{partition}:kms:{region}:444455556666:key/" + "1" * 36


def told(partition, region, service, name):
    """What parameters name of those who are told of jobs that end."""
    return f"arn:{partition}:{service}:{region}:111122223333:{name}"


def roles(template=FLEET, place=PLACES[0], name="annexa", **given):
    partition, region, geography = place
    model = "anthropic.claude-haiku-4-5-20251001-v1:0"
    regions = [region, f"{region[:-1]}9"]
    given = {
        "FoundationModelArns": ",".join(f"arn:{partition}:bedrock:{one}::foundation-model/{model}" for one in regions),
        "InferenceProfileArns": f"arn:{partition}:bedrock:{region}:111122223333:inference-profile/{geography}.{model}",
        "InputBucket": "their-inputs",
        "TermsBucket": "their-terms",
        "InputKeyArns": their_key(partition, region),
        "NotifyEventBus": "default",
        "NotifyTopicArn": told(partition, region, "sns", "jobs"),
        "NotifyWebhookUrl": "https://example.com/hook",
        "NotifyWebhookSecretArn": told(partition, region, "secretsmanager", "secret:hook-a1b2c3"),
        "NotifyWebhookSecretKeyArn": told(partition, region, "kms", "key/" + "2" * 36),
        **given,
    }
    parameters = {**given, "FleetName": name, "AWS_Partition": partition, "AWS_Region": region, "AWS_StackName": f"{name}-fleet"}
    return permissions(template, parameters, imports(name, partition, region))


def held(found):
    return {action for statements in found.values() for statement in statements for action in statement["Action"]}


def differences(template=FLEET, files=None):
    """Actions that the code takes and no role holds, and those that a role holds and neither code nor AWS takes."""
    has, takes = held(roles(template)), calls.actions(files)
    return sorted(takes - has), sorted(has - takes - set(MADE_BY_AWS))


def statement_of(template, role, sid):
    """The path of a statement in the template."""
    properties = template["Resources"][role]["Properties"]
    way, document = ("PolicyDocument", properties.get("PolicyDocument"))
    if document is None:
        way, document = "Policies.0.PolicyDocument", properties["Policies"][0]["PolicyDocument"]
    sids = [one.get("Sid") for one in document["Statement"]]
    return f"Resources.{role}.Properties.{way}.Statement.{sids.index(sid)}"


class Roles(unittest.TestCase):
    def test_they_hold_exactly_the_actions_that_the_code_takes(self):
        self.assertEqual(differences(), ([], []))
        self.assertEqual(set(MADE_BY_AWS) - held(roles()), set(), "stated, and held by no role")
        # No code of ours runs as this role: what another role may hold is too much for it.
        self.assertLessEqual(held({EXECUTION: roles()[EXECUTION]}), set(MADE_BY_AWS))

    def test_an_action_that_is_taken_away_or_added_is_seen(self):
        scan = statement_of(FLEET, PEOPLE, "ListAllJobs")
        self.assertEqual(differences(changed(FLEET, f"{scan}.Action.0", "dynamodb:GetItem")), (["dynamodb:Scan"], []))
        send = statement_of(FLEET, "SplitterTaskRole", "Send")
        self.assertEqual(differences(changed(FLEET, f"{send}.Action.1", "sqs:PurgeQueue")), ([], ["sqs:PurgeQueue"]))

    def test_a_call_that_the_code_gains_or_loses_is_seen(self):
        files = calls.source()
        path = "src/adapters/aws/sqs/mod.rs"
        gained = {**files, path: files[path] + "\nself.client\n    .purge_queue()\n    .send()"}
        with self.assertRaisesRegex(LookupError, "purge_queue.*actions.json"):
            calls.operations(gained)
        lost = {**files, path: files[path].replace(".receive_message()", ".other")}
        self.assertEqual(differences(files=lost), ([], ["sqs:ReceiveMessage"]))

    def test_every_row_of_the_table_of_actions_is_of_a_call_in_the_code(self):
        self.assertEqual(set(calls.table()), set(calls.operations()))

    def test_no_action_and_no_resource_is_a_wildcard(self):
        for role, statements in roles().items():
            for one in statements:
                with self.subTest(f"{role} {one['Sid']}"):
                    self.assertEqual(one["Effect"], "Allow")
                    self.assertFalse([action for action in one["Action"] if "*" in action])
                    self.assertNotIn("NotAction", one)
                    self.assertNotIn("NotResource", one)
                    everything = "*" in one["Resource"]
                    self.assertEqual(everything, (role, one["Sid"]) in ON_EVERYTHING)

    def test_every_resource_is_of_this_fleet_or_named_by_a_parameter_in_every_partition(self):
        for place in PLACES:
            partition, region, _ = place
            exported = imports("annexa", partition, region)
            own = [value for value in exported.values() if value.startswith("arn:")]
            here = f"{region}:111122223333"
            named = [exported["InboxBucket"], exported["OutputBucket"], "their-inputs", "their-terms"]
            own += [f"arn:{partition}:s3:::{bucket}" for bucket in named]
            own += [their_key(partition, region)]
            own += [f"arn:{partition}:logs:{here}:log-group:/annexa/annexa/{one}:*" for one in ("splitter", "worker", "aggregator")]
            own += [f"arn:{partition}:ecr:{here}:repository/annexa", f"arn:{partition}:ecs:{here}:task/annexa/*"]
            own += [told(partition, region, "sns", "jobs"), told(partition, region, "secretsmanager", "secret:hook-a1b2c3")]
            own += [told(partition, region, "events", "event-bus/default")]
            own += [told(partition, region, "kms", "key/" + "2" * 36)]
            own += [f"arn:{partition}:cloudformation:{here}:stack/annexa-{one}/*" for one in ("storage", "fleet")]
            for role, statements in roles(place=place).items():
                for one in statements:
                    for resource in one["Resource"]:
                        is_model = one["Action"] == ["bedrock:InvokeModel"] and f"arn:{partition}:bedrock:" in resource
                        is_own = any(resource == arn or resource.startswith(f"{arn}/") for arn in own)
                        self.assertTrue(
                            is_model or is_own or (role, one["Sid"]) in ON_EVERYTHING, f"{role} {one['Sid']}: {resource}"
                        )

    def test_no_statement_is_left_without_a_resource_where_parameters_are_empty(self):
        bare = roles(FoundationModelArns="", InferenceProfileArns="", InputBucket="", TermsBucket="", InputKeyArns="")
        for role, statements in bare.items():
            for one in statements:
                self.assertTrue(one["Resource"] and all(one["Resource"]), f"{role} {one['Sid']}")
        self.assertNotIn("bedrock:InvokeModel", held(bare), "without models nothing is asked")
        self.assertIn("bedrock:InvokeModel", held(roles(InferenceProfileArns="")), "a model by its own id")

    def test_only_who_is_told_of_jobs_may_be_told_and_only_by_the_aggregator(self):
        tells = {"events:PutEvents": "NotifyEventBus", "sns:Publish": "NotifyTopicArn"}
        for action, parameter in tells.items():
            holders = {role for role, statements in roles().items() if action in held({role: statements})}
            self.assertEqual(holders, {"AggregatorTaskRole"}, action)
            self.assertNotIn(action, held(roles(**{parameter: ""})), action)
        secret = "secretsmanager:GetSecretValue"
        self.assertIn(secret, held({EXECUTION: roles()[EXECUTION]}))
        self.assertNotIn(secret, held(roles(NotifyWebhookSecretArn="")))

    def test_the_key_of_the_webhooks_secret_is_used_through_secrets_manager_alone(self):
        of_key = lambda found: [one for one in found[EXECUTION] if "kms:Decrypt" in one["Action"]]
        (one,) = of_key(roles())
        self.assertEqual(one["Resource"], [told("aws", "us-east-1", "kms", "key/" + "2" * 36)])
        self.assertEqual(one["Condition"], {"StringEquals": {"kms:ViaService": "secretsmanager.us-east-1.amazonaws.com"}})
        self.assertEqual(of_key(roles(NotifyWebhookSecretKeyArn="")), [])

    def test_people_drop_files_under_the_prefix_alone(self):
        (drop,) = [one for one in roles(InboxPrefix="drop/")[PEOPLE] if one["Sid"] == "DropFiles"]
        bucket = imports("annexa", *PLACES[0][:2])["InboxBucket"]
        self.assertEqual((drop["Action"], drop["Resource"]), (["s3:PutObject"], [f"arn:aws:s3:::{bucket}/drop/*"]))

    def test_models_behind_a_profile_are_asked_through_it_or_in_this_region_alone(self):
        for one in roles()["WorkerTaskRole"]:
            models = [resource for resource in one["Resource"] if ":foundation-model/" in resource]
            if not models:
                continue
            direct = {"Null": {"bedrock:InferenceProfileArn": "true"}, "StringEquals": {"aws:RequestedRegion": "us-east-1"}}
            through = {"ArnLike": {"bedrock:InferenceProfileArn": [roles_profile()]}}
            self.assertIn(one["Condition"], [direct, through], one["Sid"])

    def test_only_workers_reach_the_paid_answers_by_key(self):
        for role, statements in roles().items():
            for one in statements:
                if not any(action.startswith("dynamodb:") for action in one["Action"]):
                    continue
                if one["Action"] == ["dynamodb:Scan"]:
                    self.assertEqual(role, PEOPLE)
                    continue
                keys = one["Condition"]["ForAllValues:StringLike"]["dynamodb:LeadingKeys"]
                self.assertEqual("A#*" in keys, role == "WorkerTaskRole", role)
                self.assertFalse({"*", "A*"} & set(keys), role)

    def with_keys(self, **given):
        """(role, statement) of all that is about keys."""
        found = roles(place=PLACES[1], **given).items()
        is_about = lambda one: any(action.startswith("kms:") for action in one["Action"])
        return [(role, one) for role, statements in found for one in statements if is_about(one)]

    def test_the_key_is_used_through_services_only(self):
        found = [(role, one) for role, one in self.with_keys() if one["Sid"] == "KeyThroughServices"]
        self.assertEqual({role for role, _ in found}, {*TASK_ROLES.values(), PEOPLE})
        wanted = [f"{service}.us-gov-west-1.amazonaws.com" for service in ("s3", "sqs", "dynamodb")]
        for role, one in found:
            self.assertEqual(one["Resource"], [imports("annexa", *PLACES[1][:2])["KeyArn"]], role)
            self.assertEqual(one["Condition"], {"StringEquals": {"kms:ViaService": wanted}}, role)

    def test_keys_of_other_buckets_open_what_s3_reads_and_no_more_and_only_where_they_are_named(self):
        keys = [their_key("aws-us-gov", "us-gov-west-1"), "arn:aws-us-gov:kms:us-gov-west-1:111122223333:key/2"]
        # The key of the webhook's secret has a test of its own.
        given = {"NotifyWebhookSecretKeyArn": ""}
        found = self.with_keys(InputKeyArns=",".join(keys), **given)
        found = [(role, one) for role, one in found if one["Sid"] != "KeyThroughServices"]
        self.assertEqual({role for role, _ in found}, {*TASK_ROLES.values(), PEOPLE})
        for role, one in found:
            self.assertEqual((one["Action"], one["Resource"]), (["kms:Decrypt"], keys), role)
            through = {"StringEquals": {"kms:ViaService": "s3.us-gov-west-1.amazonaws.com"}}
            self.assertEqual(one["Condition"], through, role)
        own = [imports("annexa", *PLACES[1][:2])["KeyArn"]]
        for role, one in self.with_keys(InputKeyArns="", **given):
            self.assertEqual(one["Resource"], own, f"{role} {one['Sid']}")

    def test_no_statement_is_conditional_but_those_about_models(self):
        # checkov looks at no policy that has a conditional statement: of the workers' role it says nothing.
        conditional = set()
        for kind in POLICIES:
            for role, one in of_type(FLEET, kind).items():
                documents = [policy["PolicyDocument"] for policy in one["Properties"].get("Policies", [])]
                documents += [one["Properties"]["PolicyDocument"]] if "PolicyDocument" in one["Properties"] else []
                statements = [each for document in documents for each in document["Statement"]]
                self.assertTrue(statements, role)
                conditional |= {(role, each["Fn::If"][0]) for each in statements if "Fn::If" in each}
        self.assertEqual(conditional, {("WorkerTaskRole", "HasProfiles"), ("WorkerTaskRole", "HasModels")})

    def test_only_tasks_of_this_account_take_a_role(self):
        for name, role in of_type(FLEET, "AWS::IAM::Role").items():
            known = settings(FLEET, FleetName="annexa")
            (trust,) = resolve(role["Properties"]["AssumeRolePolicyDocument"], known)["Statement"]
            self.assertEqual(trust["Principal"], {"Service": "ecs-tasks.amazonaws.com"}, name)
            self.assertEqual(trust["Condition"]["StringEquals"], {"aws:SourceAccount": "111122223333"}, name)
            arn = {"aws:SourceArn": "arn:aws:ecs:us-east-1:111122223333:*"}
            self.assertEqual(trust["Condition"]["ArnLike"], arn, name)

    def test_each_service_has_the_role_of_its_name(self):
        for service, role in TASK_ROLES.items():
            task = FLEET["Resources"][f"{service}Task"]["Properties"]
            self.assertEqual(task["TaskRoleArn"], {"Fn::GetAtt": [role, "Arn"]})
            self.assertEqual(task["ExecutionRoleArn"], {"Fn::GetAtt": ["ExecutionRole", "Arn"]})

    def test_policies_fit_iam_with_the_longest_names(self):
        for place in PLACES:
            # One key for each of the two buckets.
            keys = ",".join(2 * [their_key(*place[:2])])
            found = roles(place=place, name="a" * 21, InputBucket="b" * 63, TermsBucket="t" * 63, InputKeyArns=keys)
            for role, statements in found.items():
                document = json.dumps({"Version": "2012-10-17", "Statement": statements})
                most = MOST_MANAGED if role == PEOPLE else MOST_INLINE
                self.assertLess(len(re.sub(r"\s", "", document)), most, f"{role} in {place[1]}")

    def test_the_page_on_security_names_every_action_of_every_role(self):
        page = (Path(__file__).resolve().parents[2] / "docs" / "SECURITY.md").read_text()
        for role, statements in roles().items():
            section = page.split(f"### {role}\n", 1)[1].split("\n#", 1)[0]
            named = set(re.findall(r"`((?:\w+):\w+)`", section))
            self.assertEqual(named, held({role: statements}), role)


def roles_profile():
    return next(resource for one in roles()["WorkerTaskRole"] if one["Sid"] == "AskThroughProfiles" for resource in one["Resource"])


if __name__ == "__main__":
    unittest.main()
