"""Evaluates CloudWatch alarms and metric math of a parsed template over minute-by-minute cases.

    points = Points({"AWS/SQS ApproximateNumberOfMessagesVisible ChunkQueue": {0: 5, 1: 7}})
    Alarm(resolve(template["Resources"]["ChunkAlarm"]["Properties"], known, imports)).is_on(points, 2)

Of metric math it knows what the templates use, and refuses the rest: + - * /, comparisons, AND, OR, IF, FILL. A value
that is missing makes an expression missing, except under FILL (CloudWatch user guide, "Using math expressions with
CloudWatch metrics"). That FILL also fills a metric without a single point is assumed, and was not seen in an account.
"""

import ast
import operator
import re

STATISTICS = {
    "Maximum": max,
    "Minimum": min,
    "Sum": sum,
    "Average": lambda all: sum(all) / len(all),
    "SampleCount": sum,
}
SIGNS = {ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv}
ORDERS = {
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}
COMPARISONS = {
    "GreaterThanThreshold": operator.gt,
    "GreaterThanOrEqualToThreshold": operator.ge,
    "LessThanThreshold": operator.lt,
    "LessThanOrEqualToThreshold": operator.le,
}
# The guide names no number for a period of a minute; its examples have two more.
MORE_PERIODS = 2


def key(metric):
    """A metric in a line: namespace, name, and what each dimension points at."""

    def word(value):
        # An attribute of a resource: the resource is enough.
        if isinstance(value, dict):
            ((_, inner),) = value.items()
            return inner[0] if isinstance(inner, list) else inner
        return value

    named = {one["Name"]: word(one["Value"]) for one in metric.get("Dimensions", [])}
    # The cluster and the fleet are one and the same for all.
    words = [value for name, value in sorted(named.items()) if name not in ("ClusterName", "Fleet")]
    return " ".join([metric["Namespace"], metric["MetricName"], *words])


class Points:
    """Points of metrics by minute. `seen_from` may keep one from being seen until a later minute."""

    def __init__(self, by_key=None):
        self.by_key = {
            name: {minute: (value, minute) for minute, value in points.items()}
            for name, points in (by_key or {}).items()
        }

    def put(self, name, minute, value, seen_from=None):
        self.by_key.setdefault(name, {})[minute] = (value, minute if seen_from is None else seen_from)

    def over(self, name, first, last, now):
        """Points of the minutes first..last that are seen at `now`."""
        points = self.by_key.get(name, {})
        there = [points[minute] for minute in range(first, last + 1) if minute in points]
        return [value for value, seen_from in there if seen_from <= now]


class Expression:
    """A metric-math expression."""

    def __init__(self, text):
        # Written as Python would write it; no name of ours holds these words.
        self.tree = ast.parse(re.sub(r"\bAND\b", "and", re.sub(r"\bOR\b", "or", text)), mode="eval").body

    def value(self, known):
        """Its value where `known` gives those of its ids; None where it has none."""
        return self.of(self.tree, known)

    def of(self, node, known):
        if isinstance(node, ast.Constant):
            return node.value
        if isinstance(node, ast.Name):
            return known[node.id]
        if isinstance(node, ast.Call):
            return self.call(node, known)
        if isinstance(node, ast.BinOp) and type(node.op) in SIGNS:
            return self.both(SIGNS[type(node.op)], node.left, node.right, known)
        if isinstance(node, ast.Compare) and len(node.ops) == 1:
            order = ORDERS[type(node.ops[0])]
            return self.both(lambda one, other: int(order(one, other)), node.left, node.comparators[0], known)
        if isinstance(node, ast.BoolOp):
            parts = [self.of(part, known) for part in node.values]
            if None in parts:
                return None
            return int(all(parts)) if isinstance(node.op, ast.And) else int(any(parts))
        raise NotImplementedError(f"metric math that is not known here: {ast.dump(node)}")

    def both(self, sign, left, right, known):
        one, other = self.of(left, known), self.of(right, known)
        if one is None or other is None or (sign is operator.truediv and other == 0):
            return None
        return sign(one, other)

    def call(self, node, known):
        if node.func.id == "FILL":
            value, instead = (self.of(part, known) for part in node.args)
            return instead if value is None else value
        if node.func.id == "IF":
            # All three are series: where one of them is missing, so is the whole.
            parts = [self.of(part, known) for part in node.args]
            return None if None in parts else parts[1] if parts[0] else parts[2]
        raise NotImplementedError(f"metric math has a function that is not known here: {node.func.id}")


class Query:
    """The `Metrics` of an alarm or of a target-tracking policy: one value a period."""

    def __init__(self, metrics):
        self.stats = {one["Id"]: one["MetricStat"] for one in metrics if "MetricStat" in one}
        returned = [one for one in metrics if one.get("ReturnData", True)]
        if len(returned) != 1:
            raise ValueError(f"{len(returned)} of the metrics return data, one has to")
        self.result = returned[0]["Id"]
        self.expressions = {one["Id"]: Expression(one["Expression"]) for one in metrics if "Expression" in one}
        # Target tracking knows no period: a minute.
        self.periods = {int(stat.get("Period", 60)) // 60 for stat in self.stats.values()}
        if len(self.periods) != 1:
            raise ValueError("metrics with different periods")
        (self.minutes,) = self.periods

    def keys(self):
        return {key(stat["Metric"]) for stat in self.stats.values()}

    def value(self, points, last, now):
        """The value of the period that ends with minute `last`, as it is seen at `now`."""
        known = {}
        for name, stat in self.stats.items():
            there = points.over(key(stat["Metric"]), last - self.minutes + 1, last, now)
            known[name] = STATISTICS[stat["Stat"]](there) if there else None
        for name, expression in self.expressions.items():
            known[name] = expression.value(known)
        return known[self.result]

    def latest(self, points, now, periods):
        """The values of the latest `periods` periods that have one, the latest first; fewer where fewer have one.

        CloudWatch looks at some more periods than it needs and takes those that have a value (CloudWatch user guide,
        "Configuring how CloudWatch alarms treat missing data").
        """
        ends = [now - n * self.minutes for n in range(periods + MORE_PERIODS)]
        values = [self.value(points, end, now) for end in ends]
        return [value for value in values if value is not None][:periods]


class Alarm:
    """A CloudWatch alarm by its resolved properties."""

    def __init__(self, properties):
        self.query = Query(properties["Metrics"])
        self.compare = COMPARISONS[properties["ComparisonOperator"]]
        self.threshold = float(properties["Threshold"])
        self.periods = int(properties["EvaluationPeriods"])
        self.enough = int(properties["DatapointsToAlarm"])
        self.missing = {"breaching": True, "notBreaching": False}[properties["TreatMissingData"]]

    def is_on(self, points, now):
        """Whether it is in ALARM at the end of minute `now`; what is missing counts as `TreatMissingData` says."""
        there = [self.compare(value, self.threshold) for value in self.query.latest(points, now, self.periods)]
        return sum(there) + self.missing * (self.periods - len(there)) >= self.enough
