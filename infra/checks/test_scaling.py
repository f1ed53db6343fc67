"""The scaling of fleet.yaml does what docs/SCALING.md says, played minute by minute (fleet_model.py)."""

import copy
import unittest

from fleet_model import IN_FLIGHT, QUEUES, SERVICES, VISIBLE, Fleet, Quota, Service, read
from metric_math import Points
from scaling import ARRIVES, DOCS, QUOTAS, burst, with_tables
from template import exports, resolve, settings

SMALL, MIDDLE, LARGE = (Quota(tokens) for tokens in QUOTAS)
# What CloudWatch may be late with: everything, what is in flight, the running tasks.
LATE = (
    {},
    {"AWS/SQS": 3, "AWS/ECS": 3, "Annexa": 3},
    {IN_FLIGHT: 4},
    {"AWS/ECS": 4},
    {"Annexa": 5},
)


class Stopped(AssertionError):
    """A service was put to sleep while it had work."""


def look_through(fleet):
    """What holds in every minute of every run."""
    for before, line in zip(fleet.lines, fleet.lines[1:]):
        for name, service in fleet.services.items():
            if not 0 <= line.desired[name] <= service.most:
                raise AssertionError(
                    f"minute {line.minute}: {line.desired[name]} tasks of {name} wanted, at most {service.most} may be"
                )
            if line.desired[name] == 0 < before.desired[name] and before.work[name] and line.work[name]:
                raise Stopped(f"minute {line.minute}: {name} is put to sleep with work in its hands")


def changed(change):
    """The template with a change."""
    template = copy.deepcopy(read("fleet.yaml"))
    change(template["Resources"])
    return template


def known(**given):
    template, storage = read("fleet.yaml"), read("storage.yaml")
    found = settings(template, ImageUri="registry/annexa", **given)
    return template, found, exports(storage, settings(storage), "annexa-storage")


class Wakes(unittest.TestCase):
    def test_a_file_wakes_all_three_from_zero_and_they_return_to_zero(self):
        for rows in (1, 500, 100_000):
            with self.subTest(rows=rows):
                fleet = burst(MIDDLE, rows)
                look_through(fleet)
                for name in SERVICES:
                    self.assertTrue(any(line.running[name] for line in fleet.lines[ARRIVES:]), name)
                self.assertEqual(fleet.done, fleet.chunks)
                self.assertEqual(set(fleet.lines[-1].desired.values()), {0})

    def test_the_first_worker_runs_within_ten_minutes_and_one_start_is_one_task(self):
        fleet = burst(LARGE, 100)
        first = next(line.minute for line in fleet.lines if line.running["Worker"]) - ARRIVES
        self.assertLessEqual(first, 10)
        self.assertEqual(max(line.desired["Worker"] for line in fleet.lines), 1)

    def test_a_start_that_takes_long_wakes_one_task_and_not_more(self):
        fleet = burst(LARGE, 100, start_minutes=4)
        self.assertEqual(max(line.desired["Worker"] for line in fleet.lines), 1)

    def test_what_one_task_can_hold_asks_for_no_second_however_long_it_takes(self):
        # Eight chunks, six in hand and two that wait, for two hours.
        slow = Quota(40_000_000, reserved_a_call=7_000, latency_s=600)
        self.assertGreater(slow.tasks_max, 1)
        fleet = burst(slow, 800)
        self.assertGreater(sum(line.waiting > 0 for line in fleet.lines), 30)
        self.assertEqual(max(line.desired["Worker"] for line in fleet.lines), 1)

    def test_a_wake_adds_and_never_sets_so_that_a_late_metric_takes_no_task_away(self):
        template, found, imports = known(WorkerTasksMax=5)
        for name in SERVICES:
            service = Service(name, template, found, imports, 1)
            service.desired = service.most
            for minute in range(30):
                # So much waits that the target changes nothing, and CloudWatch knows of no task.
                points = Points({f"{VISIBLE} {QUEUES[name]}": dict.fromkeys(range(minute + 1), 11)})
                service.scale(points, minute)
            self.assertEqual(service.desired, service.most, name)

    def test_each_service_looks_at_its_own_queue(self):
        for tasks, more in ((1, set()), (5, {"AWS/ECS CPUUtilization WorkerService"})):
            template, found, imports = known(WorkerTasksMax=tasks)
            for name in SERVICES:
                service, queue = Service(name, template, found, imports, 1), QUEUES[name]
                self.assertEqual(
                    service.wake.query.keys(), {f"{VISIBLE} {queue}"} | (more if name == "Worker" else set())
                )
                live = {"Annexa LiveJobs aggregator"} if name == "Aggregator" else set()
                self.assertEqual(service.sleep.query.keys(), {f"{VISIBLE} {queue}", f"{IN_FLIGHT} {queue}"} | live)

    def test_the_splitter_wakes_at_once_after_an_idle_day_since_the_aggregator_has_looked_at_the_queues(self):
        def wait(**given):
            fleet = Fleet(MIDDLE, **given)
            fleet.run(23 * 60)
            fleet.drop(100)
            fleet.run(60)
            return next(line.minute for line in fleet.lines if line.running["Splitter"]) - 23 * 60

        self.assertLessEqual(wait(), 4)
        # Where it has not for six hours, CloudWatch has forgotten the queue.
        self.assertGreaterEqual(wait(AggregatorWakeSchedule="1"), 15)

    def test_the_aggregator_wakes_by_the_clock_and_the_others_sleep_on(self):
        fleet = Fleet(MIDDLE)
        fleet.run(48 * 60)
        look_through(fleet)
        minutes = [line.minute for line in fleet.lines if line.running["Aggregator"]]
        self.assertEqual({minute // 60 % 24 for minute in minutes}, {0, 5, 10, 15, 20})
        # Long enough for a start, two sweeps and their metrics; short enough to cost little.
        self.assertTrue(10 * 8 <= len(minutes) <= 10 * 14, len(minutes))
        self.assertFalse(any(line.running["Splitter"] or line.running["Worker"] for line in fleet.lines))

    def test_staying_at_one_is_not_undone_by_the_clock(self):
        fleet = Fleet(MIDDLE, AggregatorTasksMin=1, SplitterTasksMin=1)
        fleet.run(24 * 60)
        self.assertTrue(all(line.running["Aggregator"] == line.running["Splitter"] == 1 for line in fleet.lines[10:]))


class Stays(unittest.TestCase):
    def test_a_service_sleeps_only_when_nothing_waited_or_was_in_flight_for_all_of_its_minutes(self):
        template, found, imports = known()
        quiet = dict.fromkeys(range(60), 0)
        for name in SERVICES:
            sleep, queue = Service(name, template, found, imports, 1).sleep, QUEUES[name]
            waits, in_flight, live = f"{VISIBLE} {queue}", f"{IN_FLIGHT} {queue}", "Annexa LiveJobs aggregator"
            for points, wanted in (
                ({waits: quiet}, True),
                # A queue that CloudWatch has forgotten.
                ({}, True),
                ({waits: quiet, in_flight: dict.fromkeys(range(60), 1)}, False),
                ({waits: quiet, in_flight: {51: 1}}, False),
                ({waits: quiet | {51: 1}}, False),
                ({waits: quiet | {30: 1}}, True),
                ({waits: quiet, live: {46: 1}}, name != "Aggregator"),
            ):
                self.assertEqual(sleep.is_on(Points(points), 59), wanted, (name, list(points)))

    def test_nobody_sleeps_while_there_is_work_however_late_the_metrics_are(self):
        for quota in (SMALL, LARGE):
            for delays in LATE:
                with self.subTest(quota=quota.tokens_per_minute, delays=delays):
                    look_through(burst(quota, 5_000, delays=delays))

    def test_an_aggregator_runs_while_a_job_is_live_also_if_nothing_is_announced(self):
        # Three calls a minute: nothing is heard for a quarter of an hour and more.
        fleet = burst(Quota(20_000), 600)
        look_through(fleet)
        live = [line for line in fleet.lines if line.is_live and line.minute > ARRIVES + 10]
        self.assertGreater(len(live), 90)
        self.assertTrue(all(line.running["Aggregator"] == 1 for line in live))

    def test_s22_a_busy_task_outlives_a_scale_in_and_an_idle_one_does_not(self):
        template, found, imports = known(WorkerTasksMax=5)
        service = Service("Worker", template, found, imports, 1)
        service.desired = service.running = 5
        service.desired = 0
        service.ecs(10, busy=2)
        self.assertEqual(service.running, 2)
        service.ecs(11, busy=0)
        self.assertEqual(service.running, 0)

    def test_the_checks_notice_a_sleep_that_believes_the_last_minute(self):
        def believe(resources):
            resources["WorkerSleepAlarm"]["Properties"].update(EvaluationPeriods=1, DatapointsToAlarm=1)

        # With few rows nothing waits; all is in flight, of which CloudWatch is late to tell.
        with self.assertRaises((Stopped, RuntimeError)):
            look_through(burst(SMALL, 500, template=changed(believe), delays={IN_FLIGHT: 4}))

    def test_the_checks_notice_an_aggregator_that_does_not_look_at_live_jobs(self):
        def forget(resources):
            resources["AggregatorSleepAlarm"]["Properties"]["Metrics"][-1][
                "Expression"
            ] = "FILL(visible, 0) + FILL(inflight, 0)"

        with self.assertRaises(Stopped):
            look_through(burst(Quota(20_000), 600, template=changed(forget)))


class Bounds(unittest.TestCase):
    def test_never_more_tasks_than_the_quota_feeds(self):
        for quota in (MIDDLE, LARGE):
            for delays in LATE:
                with self.subTest(quota=quota.tokens_per_minute, delays=delays):
                    fleet = burst(quota, 50_000, delays=delays)
                    look_through(fleet)
                    self.assertLessEqual(max(line.running["Worker"] for line in fleet.lines), quota.tasks_max)

    def test_a_large_job_gets_all_tasks_that_the_quota_feeds(self):
        for quota in (MIDDLE, LARGE):
            fleet = burst(quota)
            self.assertEqual(max(line.running["Worker"] for line in fleet.lines), quota.tasks_max)

    def test_the_last_task_is_one_that_the_quota_feeds(self):
        for tokens, tasks in ((1, 1), (200_000, 1), (2_400_000, 1), (2_500_000, 2), (10_000_000, 5), (40_000_000, 17)):
            self.assertEqual(Quota(tokens).tasks_max, tasks, tokens)

    def test_the_checks_notice_a_maximum_that_is_not_the_parameter(self):
        def raise_it(resources):
            resources["WorkerScaling"]["Properties"]["MaxCapacity"] = 50

        fleet = burst(MIDDLE, 100_000, template=changed(raise_it))
        self.assertGreater(max(line.running["Worker"] for line in fleet.lines), MIDDLE.tasks_max)

    def test_splitter_and_aggregator_are_one_at_most(self):
        template, found, _ = known()
        for name in ("Splitter", "Aggregator"):
            self.assertEqual(
                int(resolve(template["Resources"][name + "Scaling"]["Properties"]["MaxCapacity"], found)), 1
            )

    def test_with_one_worker_at_most_there_is_no_target_to_track_and_nothing_to_pay_for_it(self):
        template, found, imports = known(WorkerTasksMax=1)
        self.assertIsNone(Service("Worker", template, found, imports, 1).follow)
        self.assertEqual(len(Service("Worker", template, found, imports, 1).wake.query.keys()), 1)
        template, found, imports = known(WorkerTasksMax=2)
        self.assertIsNotNone(Service("Worker", template, found, imports, 1).follow)

    def test_no_service_has_a_desired_count_that_an_update_would_set_back(self):
        template = read("fleet.yaml")
        for name in SERVICES:
            self.assertNotIn("DesiredCount", template["Resources"][name + "Service"]["Properties"])


class Docs(unittest.TestCase):
    def test_the_tables_of_the_page_are_what_the_template_gives(self):
        text = DOCS.read_text(encoding="utf-8")
        self.assertEqual(text, with_tables(text), "docs/SCALING.md is old: python infra/checks/scaling.py --write")


if __name__ == "__main__":
    unittest.main()
