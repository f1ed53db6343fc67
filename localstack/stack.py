"""Deploys a CloudFormation template to an emulator as it is, waits, and prints the environment of the services.

    stack.py --endpoint-url http://127.0.0.1:4566 --template infra/storage.yaml [--name annexa] [-p Key=Value ...]

The stack is NAME-storage for storage.yaml, as infra/deploy calls it; said again it is updated. The environment comes
from the stack's outputs, one NAME=value a line.
For emulators only: the keys that it signs with are not those of an account.
"""

import sys
from pathlib import Path

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError, ConnectionError as NoConnection, WaiterError

from usage import Parser

# What the services call the outputs of storage.yaml.
ENVIRONMENT = {
    "FleetName": "ANNEXA_FLEET",
    "InboxBucket": "ANNEXA_INBOX_BUCKET",
    "OutputBucket": "ANNEXA_OUTPUT_BUCKET",
    "InboxPrefix": "ANNEXA_INBOX_PREFIX",
    "InboxQueueUrl": "ANNEXA_INBOX_QUEUE_URL",
    "ChunkQueueUrl": "ANNEXA_CHUNK_QUEUE_URL",
    "DoneQueueUrl": "ANNEXA_DONE_QUEUE_URL",
    "Table": "ANNEXA_TABLE",
}


class Failed(Exception):
    """The stack did not come to be; says which resource and why."""


def client(service, endpoint_url, region="us-east-1"):
    """A client of one service at an emulator."""
    # Short waits: whoever starts an emulator beside this wants to know soon.
    config = Config(s3={"addressing_style": "path"}, retries={"max_attempts": 5}, connect_timeout=5, read_timeout=30)
    return boto3.client(
        service,
        endpoint_url=endpoint_url,
        region_name=region,
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=config,
    )


def why(cloudformation, stack):
    """What CloudFormation said of the resources that failed."""
    events = cloudformation.describe_stack_events(StackName=stack)["StackEvents"]
    reasons = [
        f"{event['LogicalResourceId']}: {event['ResourceStatusReason']}"
        for event in reversed(events)
        if event["ResourceStatus"].endswith("FAILED") and event.get("ResourceStatusReason")
    ]
    return "; ".join(reasons) or "no reason was given"


def exists(cloudformation, stack):
    try:
        return bool(cloudformation.describe_stacks(StackName=stack)["Stacks"])
    except ClientError as error:
        if "does not exist" not in error.response["Error"]["Message"]:
            raise
        return False


def deploy(endpoint_url, template, stack, parameters, region="us-east-1"):
    """Creates or updates a stack, waits for it, and gives its outputs."""
    cloudformation = client("cloudformation", endpoint_url, region)
    body = Path(template).read_text(encoding="utf-8")
    # AWS refuses what a template does not have; the emulator passes over it.
    has = {entry["ParameterKey"] for entry in cloudformation.validate_template(TemplateBody=body)["Parameters"]}
    unknown = [name for name in parameters if name not in has]
    if unknown:
        raise Failed(f"{template} has no parameter {', '.join(unknown)}")
    request = dict(
        StackName=stack,
        TemplateBody=body,
        Parameters=[{"ParameterKey": name, "ParameterValue": value} for name, value in parameters.items()],
        Capabilities=["CAPABILITY_NAMED_IAM"],
    )
    kind = "update" if exists(cloudformation, stack) else "create"
    try:
        getattr(cloudformation, f"{kind}_stack")(**request)
        cloudformation.get_waiter(f"stack_{kind}_complete").wait(
            StackName=stack, WaiterConfig={"Delay": 1, "MaxAttempts": 60}
        )
    except WaiterError:
        raise Failed(f"stack {stack}: {why(cloudformation, stack)}") from None
    except ClientError as error:
        if "No updates are to be performed" not in error.response["Error"]["Message"]:
            raise Failed(f"stack {stack}: {error.response['Error']['Message']}") from None
    outputs = cloudformation.describe_stacks(StackName=stack)["Stacks"][0].get("Outputs", [])
    return {output["OutputKey"]: output["OutputValue"] for output in outputs}


def environment(endpoint_url, outputs, region="us-east-1"):
    """The services' environment for a stack with these outputs at an emulator."""
    return {
        "AWS_ENDPOINT_URL": endpoint_url,
        "AWS_REGION": region,
        # boto3 reads this one.
        "AWS_DEFAULT_REGION": region,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        **{name: outputs[output] for output, name in ENVIRONMENT.items() if output in outputs},
    }


def deployed(endpoint_url, template, name, parameters=None, region="us-east-1"):
    """Deploys a template for the fleet of this name and gives the services' environment."""
    parameters = {"FleetName": name, **(parameters or {})}
    outputs = deploy(endpoint_url, template, f"{name}-{Path(template).stem}", parameters, region)
    return environment(endpoint_url, outputs, region)


def main():
    parser = Parser(description=__doc__.splitlines()[0])
    parser.add_argument("--endpoint-url", required=True)
    parser.add_argument("--region", default="us-east-1")
    parser.add_argument("--template", required=True, type=Path)
    parser.add_argument("--name", default="annexa", help="the fleet: what all names begin with")
    parser.add_argument("-p", action="append", default=[], metavar="KEY=VALUE", help="a parameter of the template")
    args = parser.parse_args()
    wrong = [given for given in args.p if "=" not in given]
    if wrong:
        parser.error(f"-p {wrong[0]}: a parameter is KEY=VALUE")
    if not args.template.is_file():
        parser.error(f"{args.template}: there is no such template")
    try:
        parameters = dict(given.split("=", 1) for given in args.p)
        made = deployed(args.endpoint_url, args.template, args.name, parameters, args.region)
    except NoConnection:
        sys.exit(f"stack: nothing answers at {args.endpoint_url}: start localstack/emulator.py --port N there first")
    except Failed as failed:
        sys.exit(f"stack: {failed}")
    for name, value in made.items():
        print(f"{name}={value}")


if __name__ == "__main__":
    sys.exit(main())
