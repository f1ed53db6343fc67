"""Tasks of ECS: lets a rolling deployment go on while there is work, for old tasks that are busy protect themselves.

A busy task holds ECS's scale-in protection and renews it (src/adapters/aws/protection.rs). A rolling update starts new
tasks, but stops no old one that is protected, and CloudFormation gives up after three hours:
https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-scale-in-protection.html (deployment considerations)
So the protection of old tasks is taken away again and again while the update lasts. ECS then stops them in its own
time, new ones being up before, and they drain: SIGTERM, 110 s to finish or give back what is in hand, SIGKILL at 120 s
(stopTimeout).
"""

import time

from .commands import PATIENCE, CommandFailed, Stop, patiently, say, warn

# UpdateTaskProtection takes so many tasks, DescribeTasks ten times as many.
AT_ONCE = 10
# Roles that AWS's own services take in an account, and who takes them.
SERVICE_ROLES = {
    "AWSServiceRoleForECS": "ecs.amazonaws.com",
    "AWSServiceRoleForApplicationAutoScaling_ECSService": "ecs.application-autoscaling.amazonaws.com",
}
SERVICES = ("SplitterServiceName", "WorkerServiceName", "AggregatorServiceName")


class OldTasks:
    """The tasks of a fleet that its services no longer want: those of another deployment than the newest.

    A task names the deployment that started it (`startedBy`, ECS API reference, "Task"). Its task definition does not
    tell: a deployment may have the same, as after a change of the network or of capacity, or one that was forced.
    """

    def __init__(self, commands, cluster, services, all_tasks=False):
        """`all_tasks`: every task is old, as when the fleet is taken down."""
        self.commands = commands
        self.cluster = cluster
        self.services = services
        self.all_tasks = all_tasks
        self.seen = set()

    def release(self):
        """Takes the protection of old tasks away, once. A failure is said and no more: the next round tries again."""
        for service in self.services:
            try:
                # Tasks first: one that a later deployment starts meanwhile is not among them, and not taken for old.
                found = self.tasks(service)
                wanted = None if self.all_tasks else self.wanted(service)
                old = [task["taskArn"] for task in found if task.get("startedBy") != wanted]
                for some in portions(old, AT_ONCE):
                    self.unprotect(service, some)
            except CommandFailed as failure:
                if "ServiceNotFoundException" not in failure.words:
                    warn(f"protection of old tasks of {service} was not looked at: {failure.words}")

    def settle(self, poll_s):
        """Releases until each service has one deployment. Raises Stop: one failed, or nothing can be seen any more."""
        failed, beaten = {}, 0
        while True:
            lost = "lost sight of the services, which go on by themselves"
            found = patiently(self.all_deployments, "the services", lost, poll_s)
            for service, deployments in found.items():
                for one in deployments:
                    if one.get("rolloutState") == "FAILED":
                        failed[one["id"]] = f"    {service}: {one.get('rolloutStateReason', 'ECS gives no reason')}"
            newest = [one["id"] for deployments in found.values() for one in deployments if one["status"] == "PRIMARY"]
            # ECS goes back from one that failed, but not always: https://github.com/aws/containers-roadmap/issues/1488
            beaten = beaten + 1 if failed.keys() & set(newest) else 0
            if beaten >= PATIENCE or all(len(deployments) <= 1 for deployments in found.values()):
                break
            self.release()
            time.sleep(poll_s)
        if failed:
            raise Stop("\n".join(["a deployment of a service failed:", *failed.values()]))
        say("services  each has one deployment")

    def all_deployments(self):
        """Service -> its deployments that are not over. Raises CommandFailed."""
        return {service: self.deployments(service) for service in self.services}

    def deployments(self, service):
        """The deployments of a service that are not over. Raises CommandFailed."""
        answer = self.commands.look("ecs", "describe-services", "--cluster", self.cluster, "--services", service)
        return [one for found in answer.get("services", []) for one in found.get("deployments", [])]

    def wanted(self, service):
        """The newest deployment of a service, also while one is rolled back. Raises CommandFailed."""
        newest = [one["id"] for one in self.deployments(service) if one["status"] == "PRIMARY"]
        if not newest:
            raise CommandFailed(["aws", "ecs", "describe-services"], 0, f"{service} has no deployment")
        return newest[0]

    def tasks(self, service):
        """The tasks of a service that run or are to run."""
        listed = self.commands.look("ecs", "list-tasks", "--cluster", self.cluster, "--service-name", service)
        found = []
        for some in portions(listed.get("taskArns", []), AT_ONCE * 10):
            found += self.commands.look("ecs", "describe-tasks", "--cluster", self.cluster, "--tasks", *some).get(
                "tasks", []
            )
        return found

    def unprotect(self, service, tasks):
        """Takes protection away; a task that has ended meanwhile is no failure."""
        where = ("--cluster", self.cluster, "--tasks", *tasks)
        protected = self.commands.look("ecs", "get-task-protection", *where).get("protectedTasks", [])
        held = [entry["taskArn"] for entry in protected if entry["protectionEnabled"]]
        if not held:
            return
        for task in set(held) - self.seen:
            say(f"          {service}: {task.rsplit('/', 1)[-1]} is old and busy: it may be stopped now, and drains")
        self.seen.update(held)
        # Not shown: it goes again and again.
        answer = self.commands.look(
            "ecs", "update-task-protection", "--cluster", self.cluster, "--tasks", *held, "--no-protection-enabled"
        )
        for failure in answer.get("failures", []):
            if failure.get("reason") != "MISSING":
                said = f"{failure.get('reason')} {failure.get('detail', '')}".rstrip()
                warn(f"{failure.get('arn')} keeps its protection: {said}")


def ensure_service_roles(commands):
    """Makes the roles of ECS and of its scaling where the account has never had them.

    AWS makes each with the first cluster or scaled service, but too late for that one, and the stack fails:
    https://github.com/aws-cloudformation/cloudformation-coverage-roadmap/issues/818 (ECS)
    https://github.com/aws/aws-cdk/issues/4108 (scaling)
    """
    for role, service in SERVICE_ROLES.items():
        try:
            commands.look("iam", "get-role", "--role-name", role)
        except CommandFailed as failure:
            # Who may not look finds out by the stack, if at all.
            if "NoSuchEntity" in failure.words:
                commands.change("iam", "create-service-linked-role", "--aws-service-name", service)


def asleep(commands, outputs):
    """The services of a fleet with these outputs that want no task now, by what they do."""
    names = {outputs[key]: key.removesuffix("ServiceName").lower() for key in SERVICES if outputs.get(key)}
    if not outputs.get("Cluster") or not names:
        return []
    try:
        found = commands.look("ecs", "describe-services", "--cluster", outputs["Cluster"], "--services", *names)
    except CommandFailed as failure:
        warn(f"which services sleep was not looked at: {failure.words}")
        return []
    sleeping = {one["serviceName"] for one in found.get("services", []) if one["desiredCount"] == 0}
    return [what for name, what in names.items() if name in sleeping]


def of_fleet(commands, outputs, all_tasks=False):
    """The old tasks of a fleet with these outputs; none: the fleet has never been deployed in full."""
    services = [outputs[name] for name in SERVICES if outputs.get(name)]
    if not outputs.get("Cluster") or not services:
        return None
    return OldTasks(commands, outputs["Cluster"], services, all_tasks)


def portions(items, size):
    """`items` in lists of at most `size`."""
    return [items[at : at + size] for at in range(0, len(items), size)]
