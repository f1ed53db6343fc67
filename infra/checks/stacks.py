"""The fleet's stack with given parameters: what it makes, what its rules refuse, and what refers to nothing."""

import re

from template import exports, load, resolve, settings

TEMPLATE, STORAGE = load("fleet.yaml"), load("storage.yaml")
IMAGE = "111122223333.dkr.ecr.us-east-1.amazonaws.com/annexa@sha256:" + 64 * "0"
ROLES = ("Splitter", "Worker", "Aggregator")
YOURS = dict(Network="existing", VpcId="vpc-1", SubnetIds="subnet-1,subnet-2")
NETWORKS = (dict(Network="public"), dict(Network="private"), YOURS, {**YOURS, "SecurityGroupIds": "sg-1"})
# What the tasks call beside S3 and DynamoDB, and Fargate for them.
ENDPOINTS = {"sqs", "bedrock-runtime", "logs", "ecr.api", "ecr.dkr"}
OUTPUTS = {
    "FleetName", "Cluster", "SplitterServiceName", "WorkerServiceName", "AggregatorServiceName", "DefaultModelId",
    "TokensPerMinute", "RequestsPerMinute", "CallsInFlightPerWorker", "DashboardUrl", "OperatorPolicyArn", "ImageUri",
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
        ((name, inner),) = value.items()
        if name == "Ref":
            return {inner}
        if name == "Fn::GetAtt":
            return {inner[0]}
        if name == "Fn::Sub":
            text, own = (inner, {}) if isinstance(inner, str) else inner
            return {found.split(".")[0] for found in re.findall(r"\$\{([\w.]+)\}", text)} - set(own) | refers_to(
                list(own.values())
            )
    return refers_to(list(value.values()))


def dangling(made):
    """Resources that refer to one that is not made, with what they refer to. An import stands as its resource there."""
    there = set(made) | set(STORAGE["Resources"]) | set(TEMPLATE["Parameters"]) | {"AWS"}
    found = {name: refers_to(one) - there for name, one in made.items()}
    return {name: missing for name, missing in found.items() if missing}


def environment(task):
    (container,) = task["Properties"]["ContainerDefinitions"]
    return {one["Name"]: one["Value"] for one in container["Environment"]}
