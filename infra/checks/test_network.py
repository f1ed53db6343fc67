"""The network of fleet.yaml, and that every allowed combination of parameters is whole and every other one refused."""

import ipaddress
import itertools
import re
import unittest

from stacks import ENDPOINTS, FARGATE, IMAGE, NETWORKS, ROLES, TEMPLATE, YOURS, dangling, refers_to, refused, stack
from template import changed


class Networks(unittest.TestCase):
    def of(self, resources, kind):
        return {name: one["Properties"] for name, one in resources.items() if one["Type"] == kind}

    def interfaces(self, resources):
        endpoints = self.of(resources, "AWS::EC2::VPCEndpoint").values()
        names = lambda kind: {
            one["ServiceName"].removeprefix("com.amazonaws.us-east-1.")
            for one in endpoints
            if one["VpcEndpointType"] == kind
        }
        return names("Interface"), names("Gateway")

    def test_public_has_a_way_out_free_endpoints_and_nothing_that_costs_when_idle(self):
        made = stack(Network="public")
        self.assertEqual(self.interfaces(made), (set(), {"s3", "dynamodb"}))
        self.assertEqual(
            [one["GatewayId"] for one in self.of(made, "AWS::EC2::Route").values()], [{"Ref": "InternetGateway"}]
        )
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

    def test_private_has_an_endpoint_for_each_service_that_is_told_of_jobs(self):
        topic = "arn:aws:sns:us-east-1:111122223333:jobs"
        for given, more in (
            ({"NotifyEventBus": "default"}, {"events"}),
            ({"NotifyTopicArn": topic}, {"sns"}),
            ({"NotifyEventBus": "jobs", "NotifyTopicArn": topic}, {"events", "sns"}),
        ):
            made = stack(Network="private", **given)
            self.assertEqual(self.interfaces(made)[0], ENDPOINTS | more)
            after = refers_to(made["AggregatorService"]["Metadata"])
            endpoints = {name for name in self.of(made, "AWS::EC2::VPCEndpoint")}
            self.assertLessEqual(endpoints, after)
            self.assertEqual(self.interfaces(stack(Network="public", **given)), (set(), {"s3", "dynamodb"}))

    def subnets(self, made):
        """The blocks of both subnets: of `[VpcCidr, count, bits]` the selected one."""
        found = []
        for name in ("SubnetOne", "SubnetTwo"):
            index, cidr = made[name]["Properties"]["CidrBlock"]["Fn::Select"]
            block, count, bits = cidr["Fn::Cidr"]
            within = ipaddress.ip_network(block).subnets(new_prefix=32 - bits)
            found.append(list(itertools.islice(within, count))[index])
        return found

    def test_the_subnets_of_every_block_that_is_taken_hold_all_tasks_twice_and_the_endpoints(self):
        pattern = TEMPLATE["Parameters"]["VpcCidr"]["AllowedPattern"]
        prefixes = [bits for bits in range(33) if re.search(pattern, f"10.76.0.0/{bits}")]
        # A VPC is a /16 to a /28.
        self.assertEqual(prefixes, list(range(16, 25)))
        # In a deployment the old tasks stand beside the new ones. EC2 keeps five addresses of a subnet for itself.
        tasks = 2 * (TEMPLATE["Parameters"]["WorkerTasksMax"]["MaxValue"] + 2)
        for bits in prefixes:
            block = f"10.76.0.0/{bits}"
            one, other = self.subnets(stack(Network="private", VpcCidr=block))
            self.assertFalse(one.overlaps(other))
            self.assertTrue(all(each.subnet_of(ipaddress.ip_network(block)) for each in (one, other)))
            free = sum(each.num_addresses - 5 - len(ENDPOINTS) for each in (one, other))
            self.assertGreaterEqual(free, tasks, block)

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
        kinds = ("AWS::EC2::VPCEndpoint", "AWS::EC2::Route", "AWS::EC2::SubnetRouteTableAssociation")
        for network in NETWORKS:
            made = stack(**network)
            way = {name for kind in kinds for name in self.of(made, kind)}
            self.assertEqual(bool(way), network["Network"] != "existing")
            for name in ROLES:
                self.assertEqual(refers_to(made[name + "Service"].get("Metadata", {})), way, network)


class Combinations(unittest.TestCase):
    def test_nothing_refers_to_what_a_condition_leaves_out(self):
        alarms = ({}, {"AlarmEmail": "a@example.com"}, {"AlarmTopicArn": "arn:aws:sns:us-east-1:111122223333:a"})
        tasks = ({"WorkerTasksMax": 1}, {"WorkerTasksMax": 5, "WorkerCapacity": "on-demand"})
        secret = "arn:aws:secretsmanager:us-east-1:111122223333:secret:hook-a1b2c3"
        told = (
            {},
            {"NotifyEventBus": "default", "NotifyTopicArn": "arn:aws:sns:us-east-1:111122223333:jobs"},
            {"NotifyWebhookUrl": "https://example.com/hook", "NotifyWebhookSecretArn": secret},
            {
                "NotifyWebhookUrl": "https://example.com/hook",
                "NotifyWebhookSecretArn": secret,
                "NotifyWebhookSecretKeyArn": "arn:aws:kms:us-east-1:111122223333:key/1",
            },
        )
        for parts in itertools.product(NETWORKS, alarms, tasks, told):
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
            (dict(Network="private", NotifyWebhookUrl="https://example.com/hook"), "NotifyEventBus"),
            (dict(NotifyWebhookSecretArn="arn:aws:secretsmanager:us-east-1:111122223333:secret:a"), "NotifyWebhookUrl"),
            (dict(NotifyWebhookSecretKeyArn="arn:aws:kms:us-east-1:111122223333:key/1"), "NotifyWebhookSecretArn"),
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


if __name__ == "__main__":
    unittest.main()
