"""A model of a fleet at work that is scaled as fleet.yaml says, minute by minute.

Policies, alarms, expressions and schedules are read from the template. What AWS does with them is modelled after its
documentation: an alarm acts once a minute while it is on (CloudWatch user guide, "Alarm actions"), a step policy
counts what it added within its cooldown (Application Auto Scaling user guide, "Step scaling"), ECS stops no task that
is protected. How target tracking decides is not published in full: modelled is three minutes above the target, then
tasks times value over target; fifteen minutes under nine tenths of it, then the same downwards.
"""

import dataclasses
import functools
import math

from metric_math import Alarm, Points, Query
from template import exports, load, resolve, settings

SERVICES = ("Splitter", "Worker", "Aggregator")
QUEUES = {"Splitter": "InboxQueue", "Worker": "ChunkQueue", "Aggregator": "DoneQueue"}
VISIBLE, IN_FLIGHT = "AWS/SQS ApproximateNumberOfMessagesVisible", "AWS/SQS ApproximateNumberOfMessagesNotVisible"
# src/jobs/window.rs, src/config/mod.rs (chunks_in_hand at up to 100 calls in flight), docs/CONFIGURATION.md. Held to the
# code by src/cli/capacity/tests.rs, which reads this line and the fields of Quota.
FIRST_CHUNKS, MORE_WITH_EACH, WINDOW_CHUNKS, CHUNKS_IN_HAND, CHUNK_ROWS, BATCH_SIZE = 16, 2, 200, 6, 100, 2
# A queue that nobody touches for so long is forgotten by CloudWatch, and comes back so late (SQS developer guide).
FORGOTTEN_AFTER, BACK_AFTER = 360, 15


# A template takes longer to read than an hour to play. Nobody writes into what is read.
read = functools.cache(load)


@dataclasses.dataclass(frozen=True)
class Quota:
    """What the model lets through, by the rule of src/pacing/capacity.rs, and what a call is (docs/SCALING.md)."""

    tokens_per_minute: int
    # Of Claude Haiku 5.5, both problem types, two reports of the public corpus: `annexa capacity`.
    charged_a_call: int = 6_685
    reserved_a_call: int = 73_599
    latency_s: float = 8.0
    calls_in_flight: int = 32

    @property
    def calls_a_minute(self):
        return self.tokens_per_minute / self.charged_a_call

    @property
    def useful_in_flight(self):
        by_rate = math.ceil(self.calls_a_minute * self.latency_s / 60)
        by_reservations = math.floor(self.tokens_per_minute / self.reserved_a_call)
        return max(1, min(by_rate, by_reservations))

    @property
    def tasks_max(self):
        return math.ceil(self.useful_in_flight / self.calls_in_flight)

    def chunks_a_minute(self, tasks):
        """What so many busy tasks get done: no more calls in flight than are theirs and the quota holds."""
        in_flight = min(tasks * self.calls_in_flight, self.useful_in_flight)
        return min(in_flight * 60 / self.latency_s, self.calls_a_minute) / (CHUNK_ROWS / BATCH_SIZE)


def fields(expression):
    """Minutes and hours of a cron expression that names every day."""
    minute, hour, *days = expression.removeprefix("cron(").removesuffix(")").split()
    if days != ["*", "*", "?", "*"]:
        raise ValueError(f"a schedule that is not for every day: {expression}")

    def values(field, most):
        found = set()
        for part in field.split(","):
            span, _, step = part.partition("/")
            first, _, last = span.partition("-")
            first = 0 if first == "*" else int(first)
            last = int(last) if last else most - 1 if step or span == "*" else first
            found.update(range(first, last + 1, int(step or 1)))
        return found

    return values(minute, 60), values(hour, 24)


class Service:
    """One service, scaled as the template says."""

    def __init__(self, name, template, known, imports, start_minutes):
        part = lambda suffix: resolve(template["Resources"][name + suffix]["Properties"], known, imports)
        self.name, self.start_minutes = name, start_minutes
        target = part("Scaling")
        self.least, self.most = int(target["MinCapacity"]), int(target["MaxCapacity"])
        self.schedule = [
            (fields(one["Schedule"]), one["ScalableTargetAction"]) for one in target.get("ScheduledActions", [])
        ]
        self.wake, self.wake_policy = Alarm(part("WakeAlarm")), part("WakePolicy")["StepScalingPolicyConfiguration"]
        self.sleep, self.sleep_policy = Alarm(part("SleepAlarm")), part("SleepPolicy")["StepScalingPolicyConfiguration"]
        follow = template["Resources"].get(name + "FollowPolicy")
        self.follow = None
        if follow and known.conditions[follow["Condition"]]:
            self.follow = part("FollowPolicy")["TargetTrackingScalingPolicyConfiguration"]
            self.followed = Query(self.follow["CustomizedMetricSpecification"]["Metrics"])
        self.desired, self.starting, self.running = self.least, [], 0
        self.grown_at = self.shrunk_at = -10_000

    def value(self, points, minute):
        """What target tracking looks at."""
        values = self.followed.latest(points, minute, 1) if self.follow else []
        return values[0] if values else None

    def to(self, wanted, minute):
        wanted = min(max(wanted, self.least), self.most)
        if wanted > self.desired:
            self.grown_at = minute
        if wanted < self.desired:
            self.shrunk_at = minute
        self.desired = wanted

    def scale(self, points, minute):
        """One minute of schedules, alarms and policies."""
        for (minutes, hours), action in self.schedule:
            if minute % 60 in minutes and minute // 60 % 24 in hours:
                self.least = int(action.get("MinCapacity", self.least))
                self.to(self.desired, minute)
        if self.wake.is_on(points, minute):
            (step,) = self.wake_policy["StepAdjustments"]
            if (minute - self.grown_at) * 60 >= self.wake_policy["Cooldown"]:
                self.to(self.adjusted(self.wake_policy, step), minute)
        if self.sleep.is_on(points, minute):
            (step,) = self.sleep_policy["StepAdjustments"]
            self.to(self.adjusted(self.sleep_policy, step), minute)
        if self.follow:
            self.track(points, minute)

    def adjusted(self, policy, step):
        """The tasks that a step of a policy asks for."""
        start = {"ChangeInCapacity": self.desired, "ExactCapacity": 0}[policy["AdjustmentType"]]
        return start + step["ScalingAdjustment"]

    def track(self, points, minute):
        target = float(self.follow["TargetValue"])
        values = self.followed.latest(points, minute, 15)
        if not values:
            return
        wanted = math.ceil(self.desired * values[0] / target)
        if len(values) >= 3 and all(value > target for value in values[:3]):
            if (minute - self.grown_at) * 60 >= self.follow["ScaleOutCooldown"]:
                self.to(max(self.desired, wanted), minute)
        elif len(values) == 15 and all(value < 0.9 * target for value in values):
            if (minute - self.shrunk_at) * 60 >= self.follow["ScaleInCooldown"]:
                self.to(min(self.desired, wanted), minute)

    def ecs(self, minute, busy):
        """Starts and stops tasks; a busy one is protected and stays."""
        self.running += sum(1 for at in self.starting if at <= minute)
        self.starting = [at for at in self.starting if at > minute]
        while self.running + len(self.starting) < self.desired:
            self.starting.append(minute + self.start_minutes)
        while self.starting and self.running + len(self.starting) > self.desired:
            self.starting.pop()
        self.running = max(min(self.running, busy), min(self.running, self.desired))


@dataclasses.dataclass
class Line:
    """How things stand at the end of a minute."""

    minute: int
    waiting: int
    in_hand: int
    done: int
    per_task: float | None
    desired: dict
    running: dict
    is_live: bool
    work: dict


class Fleet:
    """A fleet, its queues and one job, minute by minute."""

    def __init__(self, quota, template=None, delays=None, start_minutes=1, **parameters):
        self.quota = quota
        template, storage = template or read("fleet.yaml"), read("storage.yaml")
        imports = exports(storage, settings(storage), "annexa-storage")
        given = {"ImageUri": "registry/annexa", "WorkerTasksMax": quota.tasks_max, **parameters}
        known = settings(template, **given)
        self.services = {name: Service(name, template, known, imports, start_minutes) for name in SERVICES}
        # Minutes until a point is seen, by the beginning of the metric's name.
        self.delays = {"AWS/SQS": 1, "AWS/ECS": 1, "Annexa": 1, **(delays or {})}
        self.points, self.lines = Points(), []
        self.touched, self.blind_until = dict.fromkeys(QUEUES.values(), -10_000), dict.fromkeys(QUEUES.values(), 0)
        self.arrivals = self.splitting = self.announcements = 0
        self.chunks = self.sent = self.done = 0
        self.credit = 0.0
        self.is_live = False

    def drop(self, rows):
        """A file of so many rows lands in the inbox."""
        self.arrivals, self.to_split = 1, math.ceil(rows / CHUNK_ROWS)

    def minute(self):
        now = len(self.lines)
        running = {name: service.running for name, service in self.services.items()}
        self.split(running["Splitter"])
        done_before = self.done
        self.work(running["Worker"])
        self.aggregate(running["Aggregator"], done_before)
        self.measure(now, running)
        for service in self.services.values():
            service.scale(self.points, now)
        in_hand = self.in_hand(running["Worker"])
        busy = {"Splitter": self.splitting, "Worker": min(running["Worker"], in_hand), "Aggregator": int(self.is_live)}
        for name, service in self.services.items():
            service.ecs(now, busy[name])
        self.lines.append(
            Line(
                now,
                self.sent - self.done - in_hand,
                in_hand,
                self.done,
                self.services["Worker"].value(self.points, now),
                {name: service.desired for name, service in self.services.items()},
                running,
                self.is_live,
                {
                    "Splitter": self.arrivals + self.splitting,
                    "Worker": self.sent - self.done,
                    "Aggregator": int(self.is_live),
                },
            )
        )

    def run(self, minutes):
        for _ in range(minutes):
            self.minute()
        return self.lines

    def in_hand(self, tasks):
        return min(CHUNKS_IN_HAND * tasks, self.sent - self.done)

    def split(self, tasks):
        """A minute for the split; the splitter opens the window and tells the aggregator."""
        if self.splitting:
            self.splitting, self.is_live, self.chunks = 0, True, self.to_split
            self.sent = min(FIRST_CHUNKS, self.chunks)
            self.announcements += 1
        elif tasks and self.arrivals:
            self.arrivals, self.splitting = 0, 1

    def work(self, tasks):
        self.credit += self.quota.chunks_a_minute(min(tasks, self.in_hand(tasks)))
        finished = min(int(self.credit), self.sent - self.done)
        self.credit = min(self.credit - finished, 1.0)
        self.done += finished
        self.announcements += finished

    def aggregate(self, tasks, done_before):
        """Tops up the window; ends the job in the minute after its last chunk."""
        if not tasks:
            return
        self.announcements = 0
        if self.is_live and self.chunks and done_before == self.chunks:
            self.is_live = False
        window = min(WINDOW_CHUNKS, FIRST_CHUNKS + MORE_WITH_EACH * self.done)
        self.sent = max(self.sent, min(self.chunks, self.done + window))

    def delay(self, name):
        """Of the delays that are told of this metric, the one that says most."""
        return self.delays[max((start for start in self.delays if name.startswith(start)), key=len)]

    def measure(self, now, running):
        put = lambda name, value: self.points.put(name, now, value, now + self.delay(name))
        in_hand = self.in_hand(running["Worker"])
        counts = {
            "InboxQueue": (self.arrivals, self.splitting),
            "ChunkQueue": (self.sent - self.done - in_hand, in_hand),
            "DoneQueue": (self.announcements, 0),
        }
        for name, tasks in running.items():
            if tasks:
                put(f"AWS/ECS CPUUtilization {name}Service", tasks)
        for queue, (visible, in_flight) in counts.items():
            # The aggregator looks at all queues when it starts, and each service polls its own.
            users = running["Aggregator"] + next(running[name] for name, its in QUEUES.items() if its == queue)
            if users or visible or in_flight:
                if now - self.touched[queue] > FORGOTTEN_AFTER:
                    self.blind_until[queue] = now + BACK_AFTER
                self.touched[queue] = now
            if now - self.touched[queue] > FORGOTTEN_AFTER or now < self.blind_until[queue]:
                continue
            put(f"{VISIBLE} {queue}", visible)
            if in_flight:
                put(f"{IN_FLIGHT} {queue}", in_flight)
        if running["Aggregator"] and self.is_live:
            put("Annexa LiveJobs aggregator", 1)
