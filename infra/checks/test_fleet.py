"""Tasks, services and outputs of fleet.yaml are what docs and code rest on."""

import json
import re
import unittest

from stacks import FARGATE, IMAGE, NETWORKS, OUTPUTS, ROLES, STORAGE, TEMPLATE, environment, stack
from template import INFRA, resolve, settings


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
        given = dict(
            InboxPrefix="drop/",
            DefaultModelId="us.model",
            TokensPerMinute="5",
            RequestsPerMinute="6",
            CallsInFlightPerWorker=7,
            LogLevel="warn",
            NotifyEventBus="jobs",
            NotifyTopicArn="arn:aws:sns:us-east-1:111122223333:jobs",
            NotifyWebhookUrl="https://example.com/hook",
        )
        told = {
            "ANNEXA_NOTIFY_EVENT_BUS": "jobs",
            "ANNEXA_NOTIFY_TOPIC_ARN": "arn:aws:sns:us-east-1:111122223333:jobs",
            "ANNEXA_NOTIFY_WEBHOOK_URL": "https://example.com/hook",
        }
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
                "ANNEXA_INBOX_PREFIX": "drop/",
                "DEFAULT_MODEL_ID": "us.model",
                "DEFAULT_MAX_WORKERS": "7",
                "ANNEXA_TOKENS_PER_MINUTE": "5",
                "ANNEXA_REQUESTS_PER_MINUTE": "6",
                "ANNEXA_LOG": "warn",
                "ANNEXA_HEALTH_PORT": "8080",
                "AWS_REGION": "us-east-1",
                # Who tells of jobs that end.
                **(told if name == "Aggregator" else {}),
            })  # fmt: skip

    def test_the_secret_of_webhooks_reaches_the_aggregator_alone_and_never_as_text(self):
        secret = "arn:aws:secretsmanager:us-east-1:111122223333:secret:hook-a1b2c3"
        made = stack(NotifyWebhookUrl="https://example.com/hook", NotifyWebhookSecretArn=secret)
        for name in ROLES:
            (container,) = made[name + "Task"]["Properties"]["ContainerDefinitions"]
            wanted = [{"Name": "ANNEXA_NOTIFY_WEBHOOK_SECRET", "ValueFrom": secret}] if name == "Aggregator" else None
            self.assertEqual(container.get("Secrets"), wanted, name)
        (bare,) = stack()["AggregatorTask"]["Properties"]["ContainerDefinitions"]
        self.assertNotIn("Secrets", bare)

    def test_each_variable_is_one_that_the_programs_read(self):
        text = (INFRA.parent / "docs/CONFIGURATION.md").read_text(encoding="utf-8")
        for name in environment(stack()["AggregatorTask"]):
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
            self.assertEqual(
                self.strategy(name, WorkerCapacity=capacity), [{"CapacityProvider": "FARGATE", "Weight": 1}]
            )

    def providers(self, **given):
        """What the cluster offers, and what its services use."""
        made = stack(**given)
        used = {
            one["CapacityProvider"]
            for name in ROLES
            for one in made[name + "Service"]["Properties"]["CapacityProviderStrategy"]
        }
        return set(made["Cluster"]["Properties"]["CapacityProviders"]), used

    def test_the_cluster_offers_what_is_used_and_keeps_it_when_workers_leave_spot(self):
        # While its tasks live, ECS refuses to take a provider off.
        before, _ = self.providers(WorkerCapacity="spot")
        after, used = self.providers(WorkerCapacity="on-demand")
        self.assertEqual((before, after, used), ({"FARGATE", "FARGATE_SPOT"}, before, {"FARGATE"}))
        # Elsewhere Spot is named only where it is used.
        for partition in ("aws-us-gov", "aws-cn"):
            for capacity in ("spot", "on-demand"):
                offered, used = self.providers(WorkerCapacity=capacity, AWS_Partition=partition)
                self.assertEqual(offered, used, (partition, capacity))

    def test_a_deployment_starts_new_tasks_first_and_takes_back_what_does_not_start(self):
        for name in ROLES:
            self.assertEqual(stack()[name + "Service"]["Properties"]["DeploymentConfiguration"], {
                "MinimumHealthyPercent": 100,
                "MaximumPercent": 200,
                "DeploymentCircuitBreaker": {"Enable": True, "Rollback": True},
            })  # fmt: skip

    def test_ecs_moves_no_task_between_zones_of_its_own_accord(self):
        for name in ROLES:
            self.assertEqual(stack()[name + "Service"]["Properties"].get("AvailabilityZoneRebalancing"), "DISABLED")

    def test_all_that_can_carry_a_tag_is_tagged_with_the_fleet_and_tasks_inherit_it(self):
        for network in NETWORKS[:3]:
            made = stack(**network, AlarmEmail="a@example.com")
            tagged = 0
            for name, one in made.items():
                if one["Type"] in (
                    "AWS::EC2::VPC", "AWS::EC2::Subnet", "AWS::EC2::RouteTable", "AWS::EC2::InternetGateway",
                    "AWS::EC2::SecurityGroup", "AWS::ECS::Cluster", "AWS::ECS::TaskDefinition", "AWS::ECS::Service",
                    "AWS::SNS::Topic", "AWS::IAM::Role",
                ):  # fmt: skip
                    self.assertIn({"Key": "annexa:fleet", "Value": "annexa"}, one["Properties"].get("Tags", []), name)
                    tagged += 1
            self.assertGreater(tagged, 10)
        for name in ROLES:
            self.assertEqual(stack()[name + "Service"]["Properties"]["PropagateTags"], "SERVICE")


class Places(unittest.TestCase):
    def test_what_both_stacks_are_told_is_the_same_parameter_in_both(self):
        ours, theirs = TEMPLATE["Parameters"], STORAGE["Parameters"]
        self.assertEqual(set(ours) & set(theirs), {"FleetName", "InboxPrefix"})
        for name in set(ours) & set(theirs):
            for what in ("Type", "Default", "AllowedPattern", "MaxLength"):
                self.assertEqual(ours[name].get(what), theirs[name].get(what), f"{name}: {what}")

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
