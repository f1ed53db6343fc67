"""Creates, updates and deletes stacks by change sets: what will change is shown, and a failure says its reason.

Change sets and not `aws cloudformation deploy`: what replaces or removes a resource that holds data is seen before it
happens, and the wait can do something meanwhile.
"""

import json
import secrets
import time
from pathlib import Path

from . import constraints
from .commands import CommandFailed, Stop, patiently, say

# A template in the request itself may have so many bytes; a larger one is read from S3.
# https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html
BODY_BYTES = 51_200
# What holds data or work: a change that removes or replaces one stops here unless it is allowed.
GUARDED = ("AWS::DynamoDB::Table", "AWS::KMS::Key", "AWS::S3::Bucket", "AWS::SQS::Queue")
# CloudFormation says one of these where a change set would change nothing; aws-cli's deployer goes by the same words.
NOTHING_TO_DO = ("didn't contain changes", "No updates are to be performed")
# How a stack stands when what was begun is done.
DONE = ("CREATE_COMPLETE", "UPDATE_COMPLETE")


class Stacks:
    """The stacks of a deployment. `poll_s`: seconds between two looks while something is under way."""

    def __init__(self, commands, poll_s=10):
        self.commands = commands
        self.poll_s = poll_s

    def describe(self, name):
        """The stack, or None where there is none. Raises CommandFailed."""
        try:
            stack = self.commands.look("cloudformation", "describe-stacks", "--stack-name", name)["Stacks"][0]
        except CommandFailed as failure:
            if "does not exist" in failure.words:
                return None
            raise
        return None if stack["StackStatus"] == "DELETE_COMPLETE" else stack

    def apply(self, name, template, values, tags, upload_to=None, allow_replacement=False, meanwhile=None):
        """Creates the stack or updates it to `template` with these parameters; others stay as they are.

        `upload_to`: the bucket for a template that is too large for a request. `meanwhile` is called at each look while
        the stack changes. Gives the stack's outputs, {} in a dry run. Raises Stop.
        """
        stack = made(self.describe_or_nothing(name))
        is_new = stack is None
        set_name = unique("deploy")
        kept = {} if is_new else {entry["ParameterKey"] for entry in stack.get("Parameters", [])}
        parameters = [{"ParameterKey": key, "ParameterValue": value} for key, value in sorted(values.items())]
        parameters += [
            {"ParameterKey": key, "UsePreviousValue": True}
            for key in constraints.read(template.read_text())
            if key in kept and key not in values
        ]
        say(f"stack     {name}: {'create' if is_new else 'update'}")
        self.commands.change(
            *("cloudformation", "create-change-set", "--stack-name", name, "--change-set-name", set_name),
            *("--change-set-type", "CREATE" if is_new else "UPDATE"),
            *self.template_arguments(template, upload_to),
            *("--parameters", json.dumps(parameters), "--capabilities", "CAPABILITY_NAMED_IAM"),
            *("--tags", *(f"Key={key},Value={value}" for key, value in tags.items())),
        )
        where = ("--stack-name", name, "--change-set-name", set_name)
        if not self.commands.dry_run:
            changes = self.changes(name, where)
            if changes is None:
                say(f"stack     {name}: nothing to change")
                return self.outputs(name)
            self.guard(name, where, changes, allow_replacement)
        self.commands.change("cloudformation", "execute-change-set", *where, "--client-request-token", set_name)
        if self.commands.dry_run:
            return {}
        self.wait(name, DONE, set_name, meanwhile)
        return self.outputs(name)

    def describe_or_nothing(self, name):
        """The stack; in a dry run without access, None."""
        try:
            return self.describe(name)
        except CommandFailed:
            if self.commands.dry_run:
                return None
            raise

    def template_arguments(self, template, upload_to):
        """How the template is handed over."""
        size = template.stat().st_size
        if size <= BODY_BYTES:
            return ("--template-body", f"file://{template}")
        if not upload_to:
            raise Stop(f"{template} has {size} bytes: more than {BODY_BYTES} need a bucket to upload it to")
        key = f"_annexa/deploy/{template.name}"
        self.commands.change("s3api", "put-object", "--bucket", upload_to, "--key", key, "--body", str(template))
        suffix = "amazonaws.com.cn" if self.commands.region.startswith("cn-") else "amazonaws.com"
        return ("--template-url", f"https://{upload_to}.s3.{self.commands.region}.{suffix}/{key}")

    def changes(self, name, where):
        """The changes of a change set once it is made; None: nothing would change, and it is gone. Raises Stop."""
        while True:
            found = self.commands.look("cloudformation", "describe-change-set", *where)
            if found["Status"] == "CREATE_COMPLETE":
                return [entry["ResourceChange"] for entry in found.get("Changes", []) if "ResourceChange" in entry]
            if found["Status"] == "FAILED":
                self.commands.look("cloudformation", "delete-change-set", *where)
                reason = found.get("StatusReason", "")
                if any(words in reason for words in NOTHING_TO_DO):
                    return None
                raise Stop(f"stack {name} was not touched: {reason or 'CloudFormation gives no reason'}")
            time.sleep(min(self.poll_s, 2))

    def guard(self, name, where, changes, allow_replacement):
        """Shows the changes. Raises Stop where a resource with data would go and that was not allowed."""
        lost = []
        for change in changes:
            replaced = change.get("Replacement", "False")
            note = {"True": " (replaced)", "Conditional": " (replaced, perhaps)"}.get(replaced, "")
            say(f"          {change['Action'].lower():7}{change['LogicalResourceId']} {change['ResourceType']}{note}")
            if change["ResourceType"] in GUARDED and (change["Action"] == "Remove" or replaced == "True"):
                lost.append(change["LogicalResourceId"])
        if lost and not allow_replacement:
            self.commands.look("cloudformation", "delete-change-set", *where)
            raise Stop(
                f"stack {name} was not touched: the fleet would lose sight of what is in {', '.join(lost)} "
                "(removed or replaced). "
                "If that is wanted, say --allow-replacement"
            )

    def wait(self, name, good, token, meanwhile=None):
        """Waits until nothing is under way. Raises Stop, with the reasons, if it ends in another state than `good`."""
        while True:
            lost = f"lost sight of stack {name}, which goes on by itself"
            stack = patiently(lambda: self.describe(name), f"stack {name}", lost, self.poll_s)
            status = stack["StackStatus"] if stack else "DELETE_COMPLETE"
            if not status.endswith("_IN_PROGRESS"):
                break
            if meanwhile:
                meanwhile()
            time.sleep(self.poll_s)
        if status not in good:
            reasons = self.reasons(name, token)
            raise Stop("\n".join([f"stack {name} is {status}", *reasons, advice(name, status)]))
        say(f"stack     {name}: {status}")

    def reasons(self, name, token):
        """What failed and why, the first failure first; what was only cancelled for it is left out."""
        try:
            events = self.commands.look("cloudformation", "describe-stack-events", "--stack-name", name)["StackEvents"]
        except CommandFailed as failure:
            return [f"    its events could not be read: {failure.words}"]
        failed = [event for event in reversed(events) if event["ResourceStatus"].endswith("_FAILED")]
        ours = [event for event in failed if event.get("ClientRequestToken") == token] or failed
        told = [event for event in ours if "cancelled" not in event.get("ResourceStatusReason", "").lower()] or ours
        return [
            f"    {event['LogicalResourceId']} ({event['ResourceType']}): "
            f"{event.get('ResourceStatusReason', 'no reason given')}"
            for event in told
        ]

    def outputs(self, name):
        """The outputs of a stack."""
        stack = self.describe(name)
        return {entry["OutputKey"]: entry["OutputValue"] for entry in (stack or {}).get("Outputs", [])}

    def delete(self, name, meanwhile=None):
        """Deletes a stack and waits for it. Raises Stop."""
        say(f"stack     {name}: delete")
        token = unique("delete")
        self.commands.change("cloudformation", "delete-stack", "--stack-name", name, "--client-request-token", token)
        if not self.commands.dry_run:
            self.wait(name, ("DELETE_COMPLETE",), token, meanwhile)


def unique(what):
    """A name for one operation: its time for people, and some chance, for two may begin in one second."""
    return f"{what}-{time.strftime('%Y%m%d-%H%M%S', time.gmtime())}-{secrets.token_hex(3)}"


def advice(name, status):
    """What to do about a stack in this state."""
    if status == "UPDATE_ROLLBACK_FAILED":
        return f"    mend what it names, then: aws cloudformation continue-update-rollback --stack-name {name}"
    if status in ("ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "CREATE_FAILED", "DELETE_FAILED"):
        return f"    mend what it names, then: aws cloudformation delete-stack --stack-name {name}, and deploy again"
    if status == "UPDATE_ROLLBACK_COMPLETE":
        return "    the stack is as it was before: mend what it names and deploy again"
    return "    docs/TROUBLESHOOTING.md, 'A stack is stuck'"


def made(stack):
    """The stack, or None where it has only a change set that was never run: nothing is there, and no setting either."""
    return None if stack and stack["StackStatus"] == "REVIEW_IN_PROGRESS" else stack


def is_under_way(stack):
    """Whether something happens to the stack now."""
    status = stack["StackStatus"] if stack else ""
    return status.endswith("_IN_PROGRESS") and status != "REVIEW_IN_PROGRESS"


def hindrance(name, stack):
    """Why the stack cannot be worked on now, or None."""
    status = stack["StackStatus"] if stack else None
    if status is None:
        return None
    if is_under_way(stack):
        return f"stack {name} is {status}: wait until that is over (infra/deploy --wait)"
    if status.endswith("_FAILED") or status == "ROLLBACK_COMPLETE":
        return f"stack {name} is {status}\n{advice(name, status)}"
    return None


def template_path(name):
    """A template of this folder."""
    return Path(__file__).resolve().parent.parent / f"{name}.yaml"
