"""What is wrong with the alarms and the dashboard of fleet.yaml: metrics that nobody emits, alarms that reach nobody,
alarms without a runbook entry.

`faults(template, metrics, operations, listed)` is empty if all is well; test_alarms.py holds it to the files as they
are, and to files that are wrong on purpose.
"""

import json
import re

from template import exports, load, of_type, resolve, settings

# What AWS emits: the dimensions that are used here, and where it is said.
AWS_METRICS = {
    # SQS developer guide, "Available CloudWatch metrics for Amazon SQS".
    ("AWS/SQS", "ApproximateNumberOfMessagesVisible"): {"QueueName"},
    ("AWS/SQS", "ApproximateNumberOfMessagesNotVisible"): {"QueueName"},
    ("AWS/SQS", "ApproximateAgeOfOldestMessage"): {"QueueName"},
    # ECS developer guide, "Amazon ECS CloudWatch metrics"; one sample of a task each minute.
    ("AWS/ECS", "CPUUtilization"): {"ClusterName", "ServiceName"},
    ("AWS/ECS", "MemoryUtilization"): {"ClusterName", "ServiceName"},
}
# Of our own: what stands at a value. All others are counts of the minute before.
GAUGES = {"InHand", "OldestMessageAge", "BacklogPerWorker", "LaneUse", "LiveJobs", "PausedJobs", "LongestStall"}
STORAGE = load("storage.yaml")
SCALING = re.compile(r"^(Splitter|Worker|Aggregator)(Wake|Sleep)Alarm$")
# CloudWatch's price list: so many metrics a dashboard are free.
DASHBOARD_METRICS = 50


def anchor(logical_id):
    """The heading of an alarm in the runbook: JobStuckAlarm is job-stuck."""
    return re.sub(r"(?<!^)(?=[A-Z])", "-", logical_id.removesuffix("Alarm")).lower()


def heading(text):
    """The anchor of a Markdown heading, as GitHub makes it."""
    return re.sub(r"[^\w\- ]", "", text.strip().lower()).replace(" ", "-")


def for_people(template):
    """Alarms that somebody has to act on, by logical id."""
    return {name: one for name, one in of_type(template, "AWS::CloudWatch::Alarm").items() if not SCALING.match(name)}


class Reader:
    """The metrics of a template, with its parameters and what the storage stack exports put in."""

    def __init__(self, template, metrics):
        self.template, self.metrics = template, metrics
        self.known = settings(template, ImageUri="registry/annexa", WorkerTasksMax=2)
        self.imports = exports(STORAGE, settings(STORAGE), "annexa-storage")
        self.queues = set(of_type(STORAGE, "AWS::SQS::Queue"))
        self.services = set(of_type(template, "AWS::ECS::Service"))

    def value(self, value):
        return resolve(value, self.known, self.imports)

    def of_alarm(self, alarm):
        """Metrics of an alarm: (namespace, name, dimensions, statistic)."""
        return self.of_queries(self.value(alarm["Properties"])["Metrics"])

    def of_queries(self, queries):
        stats = [one["MetricStat"] for one in queries if "MetricStat" in one]
        dimensions = lambda metric: {one["Name"]: one["Value"] for one in metric["Dimensions"]}
        return [
            (one["Metric"]["Namespace"], one["Metric"]["MetricName"], dimensions(one["Metric"]), one["Stat"])
            for one in stats
        ]

    def of_policies(self):
        """Metrics of the target-tracking policies."""
        found = []
        for policy in of_type(self.template, "AWS::ApplicationAutoScaling::ScalingPolicy").values():
            tracking = self.value(policy["Properties"]).get("TargetTrackingScalingPolicyConfiguration")
            if tracking:
                found += self.of_queries(tracking["CustomizedMetricSpecification"]["Metrics"])
        return found

    def widgets(self):
        text, own = self.template["Resources"]["Dashboard"]["Properties"]["DashboardBody"]["Fn::Sub"]
        return json.loads(text)["widgets"], own

    def of_dashboard(self):
        """Metrics of the dashboard, in the same form."""
        widgets, own = self.widgets()
        found = []
        for widget in widgets:
            for line in widget["properties"].get("metrics", []):
                options = line[-1] if isinstance(line[-1], dict) else {}
                namespace, name, *dimensions = [part for part in line if not isinstance(part, dict)]
                pairs = zip(dimensions[::2], (self.placed(one, own) for one in dimensions[1::2]))
                found.append((namespace, name, dict(pairs), options.get("stat", widget["properties"]["stat"])))
        return found

    def placed(self, text, own):
        """A value of the dashboard: `${WorkerService.Name}` is an attribute, `${Chunk}` what stands for it."""
        whole = re.fullmatch(r"\$\{([\w.]+)\}", text)
        if not whole:
            return self.value({"Fn::Sub": text})
        name = whole[1]
        if name in own:
            return self.value(own[name])
        return {"Fn::GetAtt": name.split(".", 1)} if "." in name else self.value({"Ref": name})

    def wrong(self, metric):
        """What is wrong with a metric, or None: nobody emits it so, or it is counted in a way that says nothing."""
        namespace, name, dimensions, stat = metric
        if namespace == self.metrics["namespace"]:
            return self.wrong_of_ours(name, dimensions, stat)
        if (namespace, name) not in AWS_METRICS:
            return f"{namespace} {name} is no metric that is known to exist"
        if set(dimensions) != AWS_METRICS[namespace, name]:
            wanted = sorted(AWS_METRICS[namespace, name])
            return f"{namespace} {name} has the dimensions {wanted} and not {sorted(dimensions)}"
        for dimension, resources, attribute in (
            ("QueueName", self.queues, "QueueName"),
            ("ServiceName", self.services, "Name"),
        ):
            value = dimensions.get(dimension)
            if value is not None and value not in [{"Fn::GetAtt": [one, attribute]} for one in resources]:
                return f"{namespace} {name}: {value} is the name of none of {sorted(resources)}"
        if dimensions.get("ClusterName", {"Ref": "Cluster"}) != {"Ref": "Cluster"}:
            return f"{namespace} {name}: the cluster is another one"
        return None

    def wrong_of_ours(self, name, dimensions, stat):
        if list(dimensions) != self.metrics["dimensions"]:
            return f"{name} has the dimensions {self.metrics['dimensions']} and not {list(dimensions)}"
        if dimensions["Fleet"] != self.known["FleetName"]:
            return f"{name} is of another fleet: {dimensions['Fleet']}"
        service = dimensions["Service"]
        if name not in self.metrics["services"].get(service, {}):
            return f"no {service} emits {name}"
        if (stat == "Sum") == (name in GAUGES):
            return f"{name}: {stat} says nothing"
        return None


def unwired(reader, name, alarm):
    """Whom an alarm does not reach, or None."""
    template, actions = reader.template, lambda **given: resolve(
        alarm["Properties"].get("AlarmActions", []),
        settings(template, ImageUri="registry/annexa", **given),
        reader.imports,
    )
    scaling = SCALING.match(name)
    if scaling:
        policy = f"{scaling[1]}{scaling[2]}Policy"
        target = reader.value(template["Resources"][policy]["Properties"]["ScalingTargetId"])
        if actions() != [{"Ref": policy}] or target != {"Ref": f"{scaling[1]}Scaling"}:
            return f"it has to work on {policy}, and that on {scaling[1]}Scaling"
        return None
    topic = "arn:aws:sns:us-east-1:111122223333:people"
    if actions(AlarmEmail="a@example.com") != [{"Ref": "AlarmTopic"}] or actions(AlarmTopicArn=topic) != [topic]:
        return "it does not reach the topic of the fleet or the given one"
    return "it has an action without a topic" if actions() else None


def faults(template, metrics, operations, listed):
    """All that is wrong, each in a line."""
    reader, found = Reader(template, metrics), []
    headings = {heading(line.lstrip("#")) for line in operations.splitlines() if line.startswith("#")}
    for name, alarm in of_type(template, "AWS::CloudWatch::Alarm").items():
        properties = alarm["Properties"]
        found += [f"{name}: {wrong}" for wrong in map(reader.wrong, reader.of_alarm(alarm)) if wrong]
        wiring = unwired(reader, name, alarm)
        if wiring:
            found.append(f"{name}: {wiring}")
        if properties["TreatMissingData"] != "notBreaching":
            found.append(
                f"{name}: a metric that was always 0 is not written, so that missing data has to count as well"
            )
    for name, alarm in for_people(template).items():
        where = anchor(name)
        if not alarm["Properties"]["AlarmDescription"].endswith(f" docs/OPERATIONS.md#{where}"):
            found.append(f"{name}: its description does not end with docs/OPERATIONS.md#{where}")
        if reader.value(alarm["Properties"]["AlarmName"]) != f"annexa-{where}":
            found.append(f"{name}: it is not named after its entry, annexa-{where}")
        if where not in headings:
            found.append(f"{name}: docs/OPERATIONS.md has no heading with the anchor #{where}")
        if f"| {name} | `#{where}` |" not in listed:
            found.append(f"{name}: infra/alarms.md does not list it with `#{where}`")
    found += [f"a scaling policy: {wrong}" for wrong in map(reader.wrong, reader.of_policies()) if wrong]
    found += [f"the dashboard: {wrong}" for wrong in map(reader.wrong, reader.of_dashboard()) if wrong]
    if len(reader.of_dashboard()) > DASHBOARD_METRICS:
        found.append(f"the dashboard: more than {DASHBOARD_METRICS} metrics cost 3 US dollars a month")
    widgets, _ = reader.widgets()
    shown = {one for widget in widgets for one in widget["properties"].get("alarms", [])}
    if shown != {f"${{{name}.Arn}}" for name in for_people(template)}:
        found.append("the dashboard: its alarms are not those of the template")
    return found


def billed(template, worker_tasks_max):
    """Alarms, and the metrics in them that CloudWatch bills, target tracking's own two alarms included."""
    known = settings(template, ImageUri="registry/annexa", WorkerTasksMax=worker_tasks_max)
    imports = exports(STORAGE, settings(STORAGE), "annexa-storage")
    stats = lambda queries: sum("MetricStat" in one for one in queries)
    alarms = of_type(template, "AWS::CloudWatch::Alarm").values()
    counts = [stats(resolve(one["Properties"], known, imports)["Metrics"]) for one in alarms]
    for policy in of_type(template, "AWS::ApplicationAutoScaling::ScalingPolicy").values():
        if known.conditions.get(policy.get("Condition"), True):
            tracking = policy["Properties"].get("TargetTrackingScalingPolicyConfiguration")
            if tracking:
                counts += 2 * [stats(tracking["CustomizedMetricSpecification"]["Metrics"])]
    return len(counts), sum(counts)
