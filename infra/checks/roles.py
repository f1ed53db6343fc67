"""The permissions of fleet.yaml, resolved: what each role, and the operator's policy, may do on which resource.

    from roles import permissions                # {"WorkerTaskRole": [{"Sid": .., "Action": [..], "Resource": [..]}]}

    echo '{"parameters": {..}, "imports": {..}}' | python roles.py        prints the same as JSON, for tests/it/fleet

Parameters are those of fleet.yaml, pseudo parameters as AWS_AccountId. Imports are what the storage stack exports, without
the stack's name: {"InboxBucket": ..}. The cluster stands for its name, which is the fleet's.
"""

import json
import sys

from template import load, of_type, resolve, settings

# The role of each service's tasks.
TASK_ROLES = {"Splitter": "SplitterTaskRole", "Worker": "WorkerTaskRole", "Aggregator": "AggregatorTaskRole"}
POLICIES = {"AWS::IAM::Role", "AWS::IAM::ManagedPolicy"}


def permissions(template, parameters, imports):
    """All statements of all roles and managed policies, by logical id, with lists where one value may stand alone. What a
    policy on its own adds stands with the role that it is for."""
    known = settings(template, **parameters)
    known["Cluster"] = known["FleetName"]
    stack = known["StorageStack"]
    exported = {f"{stack}-{name}": value for name, value in imports.items()}
    found = {}
    for name, resource in template["Resources"].items():
        if resource["Type"] not in POLICIES:
            continue
        properties = resolve(resource["Properties"], known, exported)
        documents = [policy["PolicyDocument"] for policy in properties.get("Policies", [])]
        documents += [properties["PolicyDocument"]] if "PolicyDocument" in properties else []
        if properties.get("ManagedPolicyArns"):
            raise ValueError(f"{name}: a managed policy of AWS holds more than is needed: say the statements instead")
        found[name] = [listed(one) for document in documents for one in document["Statement"]]
    for one in of_type(template, "AWS::IAM::Policy").values():
        if known.conditions[one["Condition"]]:
            properties = resolve(one["Properties"], known, exported)
            for role in one["Properties"]["Roles"]:
                found[role["Ref"]] += [listed(each) for each in properties["PolicyDocument"]["Statement"]]
    if not found:
        raise LookupError("the template has no roles")
    return found


def listed(statement):
    """A statement whose actions and resources are lists."""
    as_list = lambda value: value if isinstance(value, list) else [value]
    return {**statement, "Action": as_list(statement["Action"]), "Resource": as_list(statement["Resource"])}


def main():
    asked = json.load(sys.stdin)
    json.dump(permissions(load("fleet.yaml"), asked["parameters"], asked["imports"]), sys.stdout)


if __name__ == "__main__":
    sys.exit(main())
