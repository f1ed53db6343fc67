"""fleet.yaml makes what docs and code rest on: network, cluster, tasks and services, in every allowed combination of parameters."""

import itertools
import json
import re
import unittest

from template import INFRA, changed, exports, load, resolve, settings

TEMPLATE, STORAGE = load("fleet.yaml"), load("storage.yaml")
IMAGE = "111122223333.dkr.ecr.us-east-1.amazonaws.com/annexa@sha256:" + 64 * "0"
ROLES = ("Splitter", "Worker", "Aggregator")
YOURS = dict(Network="existing", VpcId="vpc-1", SubnetIds="subnet-1,subnet-2")
NETWORKS = (dict(Network="public"), dict(Network="private"), YOURS, {**YOURS, "SecurityGroupIds": "sg-1"})
# What the tasks call beside S3 and DynamoDB, and Fargate for them.
ENDPOINTS = {"sqs", "bedrock-runtime", "logs", "ecr.api", "ecr.dkr"}
OUTPUTS = {
    "FleetName", "Cluster", "SplitterServiceName", "WorkerServiceName", "AggregatorServiceName", "DefaultModelId",
    "TokensPerMinute", "RequestsPerMinute", "DashboardUrl", "OperatorPolicyArn", "ImageUri",
}  # fmt: skip
# ECS developer guide, "Task CPU and memory": MiB by CPU units, as far as the template offers them.
FARGATE = {
    "256": {"512", "1024", "2048"},
    "512": {"1024", "2048", "3072", "4096"},
    "1024": {"2048", "3072", "4096", "8192"},
    "2048": {"4096", "8192"},
    "4096": {"8192"},
}


def stack(template=TEMPLATE, **given):
    """The resources that a deployment makes, by logical id, with all parameters put in."""
    known = settings(template, **{"ImageUri": IMAGE, **given})
    imports = exports(STORAGE, settings(STORAGE), "annexa-storage")
    exist = lambda one: known.conditions.get(one.get("Condition"), True)
    return {name: resolve(one, known, imports) for name, one in template["Resources"].items() if exist(one)}


def refused(template=TEMPLATE, **given):
    """What the rules say against these parameters."""
    known = settings(template, **{"ImageUri": IMAGE, **given})
    said = []
    for rule in template["Rules"].values():
        if resolve(rule.get("RuleCondition", True), known):
            said += [one["AssertDescription"] for one in rule["Assertions"] if not resolve(one["Assert"], known)]
    return said


def refers_to(value):
    """Logical ids that a value refers to."""
    if isinstance(value, list):
        return {name for one in value for name in refers_to(one)}
    if not isinstance(value, dict):
        return set()
    if len(value) == 1:
        (name, inner), = value.items()
        if name == "Ref":
            return {inner}
        if name == "Fn::GetAtt":
            return {inner[0]}
        if name == "Fn::Sub":
            text, own = (inner, {}) if isinstance(inner, str) else inner
            return {found.split(".")[0] for found in re.findall(r"\$\{([\w.]+)\}", text)} - set(own) | refers_to(list(own.values()))
    return refers_to(list(value.values()))


def dangling(made):
    """Resources that refer to one that is not made, with what they refer to. An import stands as its resource over there."""
    there = set(made) | set(STORAGE["Resources"]) | set(TEMPLATE["Parameters"]) | {"AWS"}
    found = {name: refers_to(one) - there for name, one in made.items()}
    return {name: missing for name, missing in found.items() if missing}


def environment(task):
    (container,) = task["Properties"]["ContainerDefinitions"]
    return {one["Name"]: one["Value"] for one in container["Environment"]}


class Networks(unittest.TestCase):
    def of(self, resources, kind):
        return {name: one["Properties"] for name, one in resources.items() if one["Type"] == kind}

    def interfaces(self, resources):
        endpoints = self.of(resources, "AWS::EC2::VPCEndpoint").values()
        names = lambda kind: {one["ServiceName"].removeprefix("com.amazonaws.us-east-1.") for one in endpoints if one["VpcEndpointType"] == kind}
        return names("Interface"), names("Gateway")

    def test_public_has_a_way_out_free_endpoints_and_nothing_that_costs_when_idle(self):
        made = stack(Network="public")
        self.assertEqual(self.interfaces(made), (set(), {"s3", "dynamodb"}))
        self.assertEqual([one["GatewayId"] for one in self.of(made, "AWS::EC2::Route").values()], [{"Ref": "InternetGateway"}])
        self.assertFalse(self.of(made, "AWS::EC2::NatGateway"))

    def test_private_has_no_way_out_but_the_endpoints_that_the_tasks_need_in_both_zones(self):
        made = stack(Network="private")
        self.assertEqual(self.interfaces(made), (ENDPOINTS, {"s3", "dynamodb"}))
        for kind in ("AWS::EC2::InternetGateway", "AWS::EC2::Route", "AWS::EC2::NatGateway"):
            self.assertFalse(self.of(made, kind), kind)
        for name, one in self.of(made, "AWS::EC2::VPCEndpoint").items():
            if one["VpcEndpointType"] == "Interface":
                self.assertEqual(one["SubnetIds"], [{"Ref": "SubnetOne"}, {"Ref": "SubnetTwo"}], name)
                self.assertTrue(one["PrivateDnsEnabled"], name)
        vpc = made["Vpc"]["Properties"]
        self.assertTrue(vpc["EnableDnsSupport"] and vpc["EnableDnsHostnames"])

    def test_existing_makes_no_network_and_takes_what_is_given(self):
        made = stack(**YOURS, SecurityGroupIds="sg-1,sg-2", AssignPublicIp="ENABLED")
        self.assertFalse([name for name, one in made.items() if one["Type"].startswith("AWS::EC2::")])
        for name in ROLES:
            placed = made[name + "Service"]["Properties"]["NetworkConfiguration"]["AwsvpcConfiguration"]
            self.assertEqual(placed["Subnets"], ["subnet-1", "subnet-2"])
            self.assertEqual(placed["SecurityGroups"], ["sg-1", "sg-2"])
            self.assertEqual(placed["AssignPublicIp"], "ENABLED")
        group = stack(**YOURS)["TaskSecurityGroup"]["Properties"]
        self.assertEqual(group["VpcId"], "vpc-1")

    def test_nothing_can_enter_a_task_and_only_https_leaves_it(self):
        for network in NETWORKS[:3]:
            made = stack(**network)
            group = made["TaskSecurityGroup"]["Properties"]
            self.assertNotIn("SecurityGroupIngress", group)
            self.assertEqual([(one["FromPort"], one["ToPort"]) for one in group["SecurityGroupEgress"]], [(443, 443)])
            self.assertFalse(self.of(made, "AWS::EC2::SecurityGroupIngress"))

    def test_only_public_tasks_have_a_public_address(self):
        for network, wanted in zip(NETWORKS, ("ENABLED", "DISABLED", "DISABLED", "DISABLED")):
            made = stack(**network)
            for name in ROLES:
                placed = made[name + "Service"]["Properties"]["NetworkConfiguration"]["AwsvpcConfiguration"]
                self.assertEqual(placed["AssignPublicIp"], wanted, network)

    def test_services_begin_after_the_network_whichever_it_is(self):
        for network in NETWORKS[:2]:
            made = stack(**network)
            for name in ROLES:
                self.assertEqual(made[name + "Service"]["DependsOn"], "NetworkIsThere")
            waits_for = refers_to(made["NetworkIsThere"]["Metadata"])
            kinds = ("AWS::EC2::VPCEndpoint", "AWS::EC2::Route", "AWS::EC2::SubnetRouteTableAssociation")
            self.assertEqual(waits_for, {name for kind in kinds for name in self.of(made, kind)})


class Combinations(unittest.TestCase):
    def test_nothing_refers_to_what_a_condition_leaves_out(self):
        alarms = ({}, {"AlarmEmail": "a@example.com"}, {"AlarmTopicArn": "arn:aws:sns:us-east-1:111122223333:a"})
        tasks = ({"WorkerTasksMax": 1}, {"WorkerTasksMax": 5, "WorkerCapacity": "on-demand"})
        for parts in itertools.product(NETWORKS, alarms, tasks):
            given = {key: value for part in parts for key, value in part.items()}
            made = stack(**given)
            self.assertGreater(len(made), 30)
            self.assertEqual(dangling(made), {}, given)

    def test_a_reference_to_what_is_left_out_is_found(self):
        # The policy of a topic that is not made; a route of a VPC that is not.
        self.assertIn("AlarmTopicPolicy", dangling(stack(changed(TEMPLATE, "Resources.AlarmTopicPolicy.Condition"))))
        self.assertIn("WayOut", dangling(stack(changed(TEMPLATE, "Resources.WayOut.Condition"), **YOURS)))

    def test_allowed_combinations_pass_the_rules(self):
        for network in NETWORKS:
            self.assertEqual(refused(**network), [], network)
        for cpu, sizes in FARGATE.items():
            for size in sizes:
                self.assertEqual(refused(WorkerCpu=cpu, WorkerMemoryMiB=size), [], (cpu, size))

    def test_a_rule_that_goes_is_missed(self):
        self.assertNotEqual(refused(Network="existing"), [])
        self.assertEqual(refused(changed(TEMPLATE, "Rules.YourNetworkIsSaid"), Network="existing"), [])

    def test_wrong_combinations_are_refused_with_what_to_do(self):
        for given, word in (
            (dict(Network="existing"), "SubnetIds"),
            (dict(Network="existing", SubnetIds="subnet-1"), "VpcId"),
            (dict(Network="existing", VpcId="vpc-1"), "SubnetIds"),
            (dict(Network="public", VpcId="vpc-1"), "Network=existing"),
            (dict(Network="private", SecurityGroupIds="sg-1"), "Network=existing"),
            (dict(AlarmEmail="a@example.com", AlarmTopicArn="arn:aws:sns:us-east-1:111122223333:a"), "not both"),
        ):
            self.assertTrue(any(word in one for one in refused(**given)), given)
        offered = lambda name: TEMPLATE["Parameters"][name]["AllowedValues"]
        for cpu, size in itertools.product(offered("WorkerCpu"), offered("WorkerMemoryMiB")):
            self.assertEqual(bool(refused(WorkerCpu=cpu, WorkerMemoryMiB=size)), size not in FARGATE[cpu], (cpu, size))

    def test_a_deployment_needs_no_more_than_an_image_and_every_parameter_says_what_it_is(self):
        for name, one in TEMPLATE["Parameters"].items():
            self.assertTrue(one.get("Description"), name)
            self.assertEqual("Default" in one, name != "ImageUri", name)
            pattern = one.get("AllowedPattern")
            if pattern and "Default" in one:
                self.assertRegex(str(one["Default"]), pattern, name)

    def test_the_image_is_taken_by_digest_or_tag_and_from_a_registry(self):
        pattern = TEMPLATE["Parameters"]["ImageUri"]["AllowedPattern"]
        for good in (IMAGE, "111122223333.dkr.ecr.us-gov-west-1.amazonaws.com/annexa:1.0"):
            self.assertRegex(good, pattern)
        for bad in ("annexa", "annexa:1.0", IMAGE[:-1], "registry/annexa@sha256:zz"):
            self.assertNotRegex(bad, pattern)


class Tasks(unittest.TestCase):
    def test_each_task_is_one_program_in_exec_form_that_cannot_write_and_is_nobody(self):
        made = stack()
        for name in ROLES:
            role = name.lower()
            task = made[name + "Task"]["Properties"]
            (container,) = task["ContainerDefinitions"]
            self.assertEqual(container["Name"], role)
            self.assertEqual(container["Image"], IMAGE)
            self.assertEqual(container["EntryPoint"], [f"/usr/local/bin/annexa-{role}"])
            self.assertEqual(container["HealthCheck"]["Command"], ["CMD", f"/usr/local/bin/annexa-{role}", "health"])
            self.assertIs(container["ReadonlyRootFilesystem"], True)
            self.assertEqual(container["User"], "65532:65532")
            self.assertEqual(container["LinuxParameters"]["Capabilities"], {"Drop": ["ALL"]})
            self.assertEqual(container["StopTimeout"], 120)
            self.assertNotIn("Privileged", container)
            self.assertNotIn("PortMappings", container)
            self.assertEqual(task["TaskRoleArn"], {"Fn::GetAtt": [name + "TaskRole", "Arn"]})
            self.assertEqual(task["ExecutionRoleArn"], {"Fn::GetAtt": ["ExecutionRole", "Arn"]})
            self.assertIn(str(task["Memory"]), FARGATE[str(task["Cpu"])])
            self.assertEqual(made[name + "Service"]["Properties"]["TaskDefinition"], {"Ref": name + "Task"})

    def test_each_task_gets_its_environment_from_the_storage_stack_and_the_parameters(self):
        given = dict(DefaultModelId="us.model", TokensPerMinute="5", RequestsPerMinute="6", CallsInFlightPerWorker=7, LogLevel="warn")
        made = stack(**given, FleetName="f")
        queue = lambda name: {"Ref": name}
        for name in ROLES:
            self.assertEqual(environment(made[name + "Task"]), {
                "ANNEXA_FLEET": "f",
                "ANNEXA_INBOX_QUEUE_URL": queue("InboxQueue"),
                "ANNEXA_CHUNK_QUEUE_URL": queue("ChunkQueue"),
                "ANNEXA_DONE_QUEUE_URL": queue("DoneQueue"),
                "ANNEXA_TABLE": {"Ref": "Table"},
                "ANNEXA_OUTPUT_BUCKET": {"Ref": "ResultsBucket"},
                "ANNEXA_INBOX_PREFIX": "inbox/",
                "DEFAULT_MODEL_ID": "us.model",
                "DEFAULT_MAX_WORKERS": "7",
                "ANNEXA_TOKENS_PER_MINUTE": "5",
                "ANNEXA_REQUESTS_PER_MINUTE": "6",
                "ANNEXA_LOG": "warn",
                "ANNEXA_HEALTH_PORT": "8080",
                "AWS_REGION": "us-east-1",
            })  # fmt: skip

    def test_each_variable_is_one_that_the_programs_read(self):
        text = (INFRA.parent / "docs/CONFIGURATION.md").read_text(encoding="utf-8")
        for name in environment(stack()["WorkerTask"]):
            self.assertRegex(text, rf"`{name}`|\b{name}\b", f"docs/CONFIGURATION.md does not know {name}")

    def test_each_task_logs_to_its_own_group_and_never_waits_for_it(self):
        made = stack()
        for name in ROLES:
            (container,) = made[name + "Task"]["Properties"]["ContainerDefinitions"]
            logs = container["LogConfiguration"]
            self.assertEqual(logs["LogDriver"], "awslogs")
            self.assertEqual(logs["Options"]["awslogs-group"], {"Ref": name + "LogGroup"})
            self.assertEqual(logs["Options"]["mode"], "non-blocking")
            # Embedded metrics come from lines as they are: nothing may fold them.
            self.assertFalse({"awslogs-multiline-pattern", "awslogs-datetime-format"} & set(logs["Options"]))


class Services(unittest.TestCase):
    def strategy(self, name, **given):
        return stack(**given)[name + "Service"]["Properties"]["CapacityProviderStrategy"]

    def test_spot_takes_all_workers_but_the_first_and_no_other_service(self):
        first, others = self.strategy("Worker", WorkerCapacity="spot")
        self.assertEqual(first, {"CapacityProvider": "FARGATE", "Base": 1, "Weight": 0})
        self.assertEqual(others, {"CapacityProvider": "FARGATE_SPOT", "Weight": 1})
        for name, capacity in (("Splitter", "spot"), ("Aggregator", "spot"), ("Worker", "on-demand")):
            self.assertEqual(self.strategy(name, WorkerCapacity=capacity), [{"CapacityProvider": "FARGATE", "Weight": 1}])

    def test_the_cluster_knows_the_providers_that_are_used_and_no_other(self):
        for capacity in ("spot", "on-demand"):
            made = stack(WorkerCapacity=capacity)
            used = {one["CapacityProvider"] for name in ROLES for one in made[name + "Service"]["Properties"]["CapacityProviderStrategy"]}
            self.assertEqual(set(made["Cluster"]["Properties"]["CapacityProviders"]), used)

    def test_a_deployment_starts_new_tasks_first_and_takes_back_what_does_not_start(self):
        for name in ROLES:
            self.assertEqual(stack()[name + "Service"]["Properties"]["DeploymentConfiguration"], {
                "MinimumHealthyPercent": 100,
                "MaximumPercent": 200,
                "DeploymentCircuitBreaker": {"Enable": True, "Rollback": True},
            })  # fmt: skip

    def test_all_that_can_carry_a_tag_is_tagged_with_the_fleet_and_tasks_inherit_it(self):
        for network in NETWORKS[:3]:
            made = stack(**network, AlarmEmail="a@example.com")
            tagged = 0
            for name, one in made.items():
                if one["Type"] in (
                    "AWS::EC2::VPC", "AWS::EC2::Subnet", "AWS::EC2::RouteTable", "AWS::EC2::InternetGateway", "AWS::EC2::SecurityGroup",
                    "AWS::ECS::Cluster", "AWS::ECS::TaskDefinition", "AWS::ECS::Service", "AWS::SNS::Topic", "AWS::IAM::Role",
                ):  # fmt: skip
                    self.assertIn({"Key": "annexa:fleet", "Value": "annexa"}, one["Properties"].get("Tags", []), name)
                    tagged += 1
            self.assertGreater(tagged, 10)
        for name in ROLES:
            self.assertEqual(stack()[name + "Service"]["Properties"]["PropagateTags"], "SERVICE")


class Places(unittest.TestCase):
    def test_outputs_are_those_that_the_command_line_reads(self):
        self.assertEqual(set(TEMPLATE["Outputs"]), OUTPUTS)
        for name, one in TEMPLATE["Outputs"].items():
            self.assertTrue(one.get("Description"), name)

    def test_the_dashboard_is_found_in_every_partition(self):
        for partition, region, host in (
            ("aws", "eu-west-1", "eu-west-1.console.aws.amazon.com"),
            ("aws-us-gov", "us-gov-west-1", "console.amazonaws-us-gov.com"),
            ("aws-cn", "cn-north-1", "console.amazonaws.cn"),
        ):
            known = settings(TEMPLATE, ImageUri=IMAGE, AWS_Partition=partition, AWS_Region=region)
            url = resolve(TEMPLATE["Outputs"]["DashboardUrl"]["Value"], known)
            self.assertTrue(str(url).startswith(f"https://{host}/cloudwatch/home?region={region}#"), url)

    def test_no_arn_names_a_partition_and_no_name_a_region(self):
        text = json.dumps(TEMPLATE["Resources"])
        self.assertNotRegex(text, r"arn:aws[:\-]")
        self.assertNotRegex(text, r"\b(us|eu|ap)-[a-z]+-\d\b")

    def test_every_import_is_exported_by_the_storage_stack(self):
        names = set(re.findall(r"\$\{StorageStack\}-(\w+)", json.dumps(TEMPLATE["Resources"])))
        self.assertGreater(len(names), 10)
        self.assertLessEqual(names, set(STORAGE["Outputs"]))


if __name__ == "__main__":
    unittest.main()
