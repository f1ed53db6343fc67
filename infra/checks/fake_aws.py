"""A small account for the tests of infra/deploy: `aws`, `docker`, `podman` and `git` as programs that keep books.

What they know is in state.json of their folder, every call with its answer is a line of calls.jsonl. An update of the
fleet stack, or a deployment, ends only when no old task runs; ECS stops an old task only when it is not protected, and
a busy task protects itself again as often as `renews` says. All tasks have the same task definition: what is old, only
its deployment tells. deploying.py holds calls and answers to the service models of AWS.
"""

import json
import sys

ACCOUNT, REGION = "123456789012", "eu-central-1"
REGISTRY = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com"
CLUSTER = "fleet-cluster"
DIGEST = "sha256:" + 64 * "a"
DEFINITION = f"arn:aws:ecs:{REGION}:{ACCOUNT}:task-definition/worker:1"
# Deployments of a service: the one that runs, and the next one.
OLD, NEW = "ecs-svc/1000000000000000001", "ecs-svc/1000000000000000002"
# What the fleet stack gives once it is there.
FLEET_OUTPUTS = {
    "Cluster": CLUSTER,
    "SplitterServiceName": "splitter",
    "WorkerServiceName": "worker",
    "AggregatorServiceName": "aggregator",
    "DashboardUrl": "https://dashboard.example",
}

# The roles that AWS's services take, and that an account lacks which has never had a cluster.
SERVICE_ROLES = {
    "ecs.amazonaws.com": "AWSServiceRoleForECS",
    "ecs.application-autoscaling.amazonaws.com": "AWSServiceRoleForApplicationAutoScaling_ECSService",
}


class Refused(Exception):
    """An answer that is an error: its words, as the AWS CLI says them."""


def stack(name, status="CREATE_COMPLETE", parameters=None, outputs=None):
    """A stack as describe-stacks has it."""
    return {
        "StackName": name,
        "StackStatus": status,
        "CreationTime": "2026-11-01T00:00:00Z",
        "Parameters": [{"ParameterKey": key, "ParameterValue": value} for key, value in (parameters or {}).items()],
        "Outputs": [{"OutputKey": key, "OutputValue": value} for key, value in (outputs or {}).items()],
    }


def storage_outputs(name):
    """What the storage stack gives."""
    ends = f"{ACCOUNT}-{REGION}"
    return {
        "InboxBucket": f"{name}-inbox-{ends}",
        "OutputBucket": f"{name}-results-{ends}",
        "InboxPrefix": "inbox/",
        "KeyArn": "arn:key",
    }


def task(number, deployment, renews=0):
    """A busy task of the worker service, protected."""
    return {
        "arn": f"arn:aws:ecs:{REGION}:{ACCOUNT}:task/{CLUSTER}/{number}",
        "deployment": deployment,
        "protected": True,
        "renews": renews,
    }


def flag(words, name, default=None):
    """The value after a flag."""
    return words[words.index(name) + 1] if name in words else default


def values(words, name):
    """All values after a flag."""
    found = []
    for word in words[words.index(name) + 1 :]:
        if word.startswith("--"):
            break
        found.append(word)
    return found


def aws(state, words):
    """Plays one command of the AWS CLI."""
    if words == ["--version"]:
        return state.get("version", "aws-cli/2.31.0 Python/3.13 Linux/6")
    if state.get("no_credentials"):
        raise Refused('Unable to locate credentials. You can configure credentials by running "aws configure".')
    refused = state.setdefault("refused", {})
    name = f"{words[0]} {words[1]}"
    # Words for each call in turn; None lets one pass.
    if refused.get(name) and (refusal := refused[name].pop(0)):
        raise Refused(refusal)
    play = PLAYS.get(name)
    if not play:
        raise Refused(f"the small account does not play {name}")
    return play(state, words)


def describe_stacks(state, words):
    """What is under way goes on after the look."""
    name = flag(words, "--stack-name")
    found = state["stacks"].get(name)
    if not found:
        raise Refused(
            "An error occurred (ValidationError) when calling the DescribeStacks operation: "
            f"Stack with id {name} does not exist"
        )
    seen = {**found}
    if name in state["going"]:
        move_tasks(state)
        if not (name.endswith("-fleet") and any(is_old(state, one) for one in state["tasks"])):
            finish(state, name)
    return {"Stacks": [seen]}


def is_old(state, one):
    return one["deployment"] != state["deployment"]


def move_tasks(state):
    """What busy tasks do between two looks, and then what ECS does."""
    for one in state["tasks"]:
        if not one["protected"] and one["renews"]:
            one["renews"] -= 1
            one["protected"] = True
    state["tasks"] = [one for one in state["tasks"] if one["protected"] or not is_old(state, one)]


def finish(state, name):
    """The end of what is under way."""
    end = state["going"].pop(name)
    if end == "DELETE_COMPLETE":
        del state["stacks"][name]
        return
    state["stacks"][name]["StackStatus"] = end
    if end.endswith("_COMPLETE") and "ROLLBACK" not in end:
        told = {one["ParameterKey"]: one["ParameterValue"] for one in state["stacks"][name]["Parameters"]}
        fleet = {**FLEET_OUTPUTS, "ImageUri": told.get("ImageUri", "")}
        outputs = fleet if name.endswith("-fleet") else storage_outputs(name.removesuffix("-storage"))
        state["stacks"][name]["Outputs"] = stack("", outputs=outputs)["Outputs"]


def create_change_set(state, words):
    name = flag(words, "--stack-name")
    told = json.loads(flag(words, "--parameters"))
    # A stack that is not there is, from its first change set on, one that waits for a review.
    found = state["stacks"].setdefault(name, stack(name, "REVIEW_IN_PROGRESS"))
    kind = "CREATE" if found["StackStatus"] == "REVIEW_IN_PROGRESS" else "UPDATE"
    if flag(words, "--change-set-type") != kind:
        raise Refused(
            "An error occurred (ValidationError) when calling the CreateChangeSet operation: "
            f"Stack {name} is {found['StackStatus']}"
        )
    before = {one["ParameterKey"]: one["ParameterValue"] for one in found["Parameters"]}
    after = {
        one["ParameterKey"]: before[one["ParameterKey"]] if one.get("UsePreviousValue") else one["ParameterValue"]
        for one in told
    }
    state["change_sets"][flag(words, "--change-set-name")] = after
    return {"Id": "arn:change-set", "StackId": "arn:stack"}


def describe_change_set(state, words):
    name = flag(words, "--stack-name")
    if name in state.get("unchanged", []):
        return {
            "Status": "FAILED",
            "StatusReason": "The submitted information didn't contain changes. "
            "Submit different information to create a change set.",
        }
    changes = state.get("changes", {}).get(
        name, [{"Action": "Add", "LogicalResourceId": "Thing", "ResourceType": "AWS::SNS::Topic"}]
    )
    return {"Status": "CREATE_COMPLETE", "Changes": [{"Type": "Resource", "ResourceChange": one} for one in changes]}


def execute_change_set(state, words):
    name = flag(words, "--stack-name")
    found = state["stacks"][name]
    verb = "CREATE" if found["StackStatus"] == "REVIEW_IN_PROGRESS" else "UPDATE"
    found["Parameters"] = stack("", parameters=state["change_sets"][flag(words, "--change-set-name")])["Parameters"]
    found["StackStatus"] = f"{verb}_IN_PROGRESS"
    state["going"][name] = state.get("ends", {}).get(name, f"{verb}_COMPLETE")
    if name.endswith("-fleet") and set(SERVICE_ROLES.values()) - set(state["service_roles"]):
        # What cannot assume its role cannot make its part.
        state["going"][name] = "ROLLBACK_COMPLETE"
    state["token"] = flag(words, "--client-request-token")
    if name.endswith("-fleet"):
        state["deployment"] = NEW
    return {}


def delete_stack(state, words):
    name = flag(words, "--stack-name")
    state["stacks"][name]["StackStatus"] = "DELETE_IN_PROGRESS"
    state["going"][name] = "DELETE_COMPLETE"
    if name.endswith("-fleet"):
        state["deployment"] = None
    return {}


def describe_stack_events(state, words):
    return {
        "StackEvents": [
            {**event, "ClientRequestToken": event.get("ClientRequestToken", state["token"])}
            for event in state.get("events", [])
        ]
    }


def describe_repositories(state, words):
    name = flag(words, "--repository-names")
    if name not in state["repositories"]:
        raise Refused(
            "An error occurred (RepositoryNotFoundException) when calling the DescribeRepositories operation: "
            "it does not exist"
        )
    return {"repositories": [{"repositoryName": name, "repositoryUri": f"{REGISTRY}/{name}"}]}


def create_repository(state, words):
    state["repositories"][flag(words, "--repository-name")] = []
    return {"repository": {"repositoryName": flag(words, "--repository-name")}}


def describe_images(state, words):
    image_tag = flag(words, "--image-ids").removeprefix("imageTag=")
    if image_tag not in state["repositories"].get(flag(words, "--repository-name"), []):
        raise Refused(
            "An error occurred (ImageNotFoundException) when calling the DescribeImages operation: it does not exist"
        )
    return {"imageDetails": [{"imageDigest": DIGEST, "imageTags": [image_tag]}]}


def describe_services(state, words):
    """A deployment that is not the newest is there as long as it has tasks; a service that is deleted has none."""
    if not state["going"]:
        move_tasks(state)
    failed = state.get("failed_deployment")
    rollout = "FAILED" if state["deployment"] == failed else "IN_PROGRESS"
    newest = [deployment(state["deployment"], "PRIMARY", rollout)] if state["deployment"] else []
    others = {one["deployment"] for one in state["tasks"] if is_old(state, one)}
    older = [deployment(one, "ACTIVE", "FAILED" if one == failed else "COMPLETED") for one in sorted(others)]
    return {
        "services": [
            {
                "serviceName": name,
                "status": "ACTIVE",
                "desiredCount": state.get("desired", {}).get(name, 1),
                "deployments": newest + (older if newest and name == "worker" else []),
            }
            for name in values(words, "--services")
        ]
    }


def deployment(name, status, rollout):
    """A deployment as describe-services has it."""
    return {
        "id": name,
        "status": status,
        "rolloutState": rollout,
        "rolloutStateReason": f"ECS deployment {name} is {rollout}.",
        "taskDefinition": DEFINITION,
    }


def list_tasks(state, words):
    """Also of a service that is being deleted."""
    return {"taskArns": [one["arn"] for one in state["tasks"]] if flag(words, "--service-name") == "worker" else []}


def chosen(state, words):
    wanted = values(words, "--tasks")
    return [one for one in state["tasks"] if one["arn"] in wanted]


def describe_tasks(state, words):
    return {
        "tasks": [
            {"taskArn": one["arn"], "taskDefinitionArn": DEFINITION, "startedBy": one["deployment"]}
            for one in chosen(state, words)
        ]
    }


def get_task_protection(state, words):
    return {
        "protectedTasks": [
            {"taskArn": one["arn"], "protectionEnabled": one["protected"]} for one in chosen(state, words)
        ]
    }


def update_task_protection(state, words):
    found = chosen(state, words)
    for one in found:
        one["protected"] = "--protection-enabled" in words
    return {
        "protectedTasks": [{"taskArn": one["arn"], "protectionEnabled": one["protected"]} for one in found],
        "failures": state.get("failures", []),
    }


def get_inference_profile(state, words):
    name = flag(words, "--inference-profile-identifier")
    base = name.partition(".")[2]
    return {
        "models": [
            {"modelArn": f"arn:aws:bedrock:{region}::foundation-model/{base}"} for region in (REGION, "eu-west-1")
        ]
    }


def converse(state, words):
    return {
        "output": {"message": {"role": "assistant", "content": [{"text": "Yes."}]}},
        "stopReason": "end_turn",
        "usage": {"inputTokens": 10, "outputTokens": 2, "totalTokens": 12},
        "metrics": {"latencyMs": 300},
    }


def get_role(state, words):
    role = flag(words, "--role-name")
    if role not in state["service_roles"]:
        raise Refused("An error occurred (NoSuchEntity) when calling the GetRole operation: The role cannot be found.")
    return {"Role": {"RoleName": role, "Arn": "arn:role"}}


def create_service_linked_role(state, words):
    state["service_roles"].append(SERVICE_ROLES[flag(words, "--aws-service-name")])
    return {"Role": {"Arn": "arn:role"}}


def head_bucket(state, words):
    if flag(words, "--bucket") not in state["buckets"]:
        raise Refused("An error occurred (404) when calling the HeadBucket operation: Not Found")
    return {}


def describe_table(state, words):
    name = flag(words, "--table-name")
    if name not in state.get("tables", []):
        raise Refused(
            "An error occurred (ResourceNotFoundException) when calling the DescribeTable operation: not found"
        )
    return {"Table": {"TableName": name}}


def secret(state, words):
    """The one secret that there is, if there is one."""
    if "secret" not in state:
        raise Refused(
            f"An error occurred (ResourceNotFoundException) when calling the {words[1]} operation: "
            "Secrets Manager can't find the specified secret."
        )
    return {"ARN": flag(words, "--secret-id"), **state["secret"]}


def describe_secret(state, words):
    return {key: value for key, value in secret(state, words).items() if key != "SecretString"}


def get_secret_value(state, words):
    return {key: value for key, value in secret(state, words).items() if key != "KmsKeyId"}


PLAYS = {
    "secretsmanager describe-secret": describe_secret,
    "secretsmanager get-secret-value": get_secret_value,
    "sts get-caller-identity": lambda state, words: {
        "Account": ACCOUNT,
        "Arn": f"arn:aws:iam::{ACCOUNT}:user/somebody",
        "UserId": "U",
    },
    "cloudformation validate-template": lambda state, words: {"Parameters": []},
    "cloudformation describe-stacks": describe_stacks,
    "cloudformation create-change-set": create_change_set,
    "cloudformation describe-change-set": describe_change_set,
    "cloudformation execute-change-set": execute_change_set,
    "cloudformation delete-change-set": lambda state, words: {},
    "cloudformation delete-stack": delete_stack,
    "cloudformation describe-stack-events": describe_stack_events,
    "ecr describe-repositories": describe_repositories,
    "ecr create-repository": create_repository,
    "ecr put-lifecycle-policy": lambda state, words: {"repositoryName": flag(words, "--repository-name")},
    "ecr describe-images": describe_images,
    "ecr get-login-password": lambda state, words: "the-password",
    "ecs describe-services": describe_services,
    "ecs list-tasks": list_tasks,
    "ecs describe-tasks": describe_tasks,
    "ecs get-task-protection": get_task_protection,
    "ecs update-task-protection": update_task_protection,
    "bedrock get-inference-profile": get_inference_profile,
    "bedrock get-model-invocation-logging-configuration": lambda state, words: state.get("logging", {}),
    "bedrock-runtime converse": converse,
    "iam get-role": get_role,
    "iam create-service-linked-role": create_service_linked_role,
    "s3api head-bucket": head_bucket,
    "dynamodb describe-table": describe_table,
    "s3api put-object": lambda state, words: {"ETag": "x"},
}


def podman(state, words):
    """Plays an image builder without an engine."""
    return docker({**state, "no_daemon": False}, words)


def docker(state, words):
    """Plays the image builder."""
    if state.get("no_daemon") and words[0] == "info":
        raise Refused(
            "Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?"
        )
    if words[0] in state.get("broken", []):
        raise Refused("exec format error")
    if words[0] == "push":
        repository, _, image_tag = words[1].partition("/")[2].partition(":")
        state["repositories"][repository].append(image_tag)
    if words[0] == "run":
        return {
            "worker_tasks_max": state.get("feeds", 3),
            "useful_calls_in_flight": 90,
            "tokens_charged_per_call": 1000,
        }
    return ""


def git(state, words):
    """Plays a clean clone."""
    return "0123456789ab" if "rev-parse" in words else ""


def main(program, folder):
    """Plays one call of a program and keeps it."""
    with open(f"{folder}/state.json") as file:
        state = json.load(file)
    words = sys.argv[1:]
    call = {"argv": [program, *words]}
    if "--password-stdin" in words:
        call["stdin"] = sys.stdin.read()
    try:
        call["out"] = {"aws": aws, "docker": docker, "podman": podman, "git": git}[program](state, words)
    except Refused as refused:
        call["err"] = str(refused)
    with open(f"{folder}/state.json", "w") as file:
        json.dump(state, file)
    with open(f"{folder}/calls.jsonl", "a") as file:
        file.write(json.dumps(call) + "\n")
    if "err" in call:
        print(f"\n{call['err']}", file=sys.stderr)
        return 254
    print(call["out"] if isinstance(call["out"], str) else json.dumps(call["out"]))
    return 0
