"""Every alarm has a metric that is emitted, somebody whom it reaches, and a runbook entry; it fires when it should."""

import json
import re
import unittest

from alarms import Reader, anchor, billed, faults, for_people
from metric_math import Alarm, Points
from template import INFRA, changed, load, resolve

ROOT = INFRA.parent
TEMPLATE = load("fleet.yaml")
METRICS = json.loads((ROOT / "docs/metrics.json").read_text(encoding="utf-8"))
LISTED = (INFRA / "alarms.md").read_text(encoding="utf-8")
VISIBLE, IN_FLIGHT = "AWS/SQS ApproximateNumberOfMessagesVisible", "AWS/SQS ApproximateNumberOfMessagesNotVisible"
AGE = "AWS/SQS ApproximateAgeOfOldestMessage"
HOURS = 24
# A runbook that lacks nothing, for what is not about the runbook.
RUNBOOK = "\n".join(f"### {anchor(name)}" for name in for_people(TEMPLATE))


def operations():
    return (ROOT / "docs/OPERATIONS.md").read_text(encoding="utf-8")


def each(value, minutes=range(HOURS * 60)):
    return dict.fromkeys(minutes, value)


class Wiring(unittest.TestCase):
    def test_every_alarm_has_a_metric_that_is_emitted_a_way_to_people_and_a_runbook_entry(self):
        self.assertEqual(faults(TEMPLATE, METRICS, operations(), LISTED), [])

    def test_the_list_for_people_names_no_alarm_that_is_not_there(self):
        named = re.findall(r"^\| (\w+Alarm) \|", LISTED, re.MULTILINE)
        self.assertEqual(sorted(named), sorted(for_people(TEMPLATE)))

    def test_what_is_wrong_is_found(self):
        alarm = "Resources.JobStuckAlarm.Properties"
        metric = f"{alarm}.Metrics.0.MetricStat.Metric"
        wrongs = {
            # A name, a service, dimensions and a statistic that nobody emits so.
            f"{metric}.MetricName": "LongestStal",
            f"{metric}.Namespace": "Annexe",
            f"{metric}.Dimensions.1.Value": "worker",
            f"{metric}.Dimensions.0.Value": "another",
            f"{metric}.Dimensions.0.Name": "Flotilla",
            f"{alarm}.Metrics.0.MetricStat.Stat": "Sum",
            "Resources.SpendAlarm.Properties.Metrics.0.MetricStat.Stat": "Maximum",
            "Resources.OldestChunkAlarm.Properties.Metrics.0.MetricStat.Metric.Dimensions.0.Value": "annexa-chunks",
            "Resources.OldestChunkAlarm.Properties.Metrics.0.MetricStat.Metric.Dimensions.0.Name": "Queue",
            "Resources.NotRunningAlarm.Properties.Metrics.1.MetricStat.Metric.Dimensions.0.Value": "another",
            "Resources.NotRunningAlarm.Properties.Metrics.1.MetricStat.Metric.MetricName": "RunningTaskCount",
            # Nobody is told.
            f"{alarm}.AlarmActions": [],
            "Resources.WorkerSleepAlarm.Properties.AlarmActions": [{"Ref": "WorkerWakePolicy"}],
            "Resources.WorkerSleepPolicy.Properties.ScalingTargetId": {"Ref": "SplitterScaling"},
            f"{alarm}.TreatMissingData": "breaching",
            # Nobody finds the entry.
            f"{alarm}.AlarmDescription": "A job is stuck. docs/OPERATIONS.md#jobs",
            f"{alarm}.AlarmName": "stuck",
        }
        for path, value in wrongs.items():
            with self.subTest(path=path, value=value):
                self.assertNotEqual(faults(changed(TEMPLATE, path, value), METRICS, RUNBOOK, LISTED), [])
        self.assertEqual(faults(TEMPLATE, METRICS, RUNBOOK, LISTED), [])

    def test_an_entry_that_goes_is_missed_in_the_runbook_and_in_the_list(self):
        for name in for_people(TEMPLATE):
            without = "\n".join(line for line in RUNBOOK.splitlines() if line != f"### {anchor(name)}")
            self.assertEqual(len(faults(TEMPLATE, METRICS, without, LISTED)), 1, name)
            self.assertEqual(len(faults(TEMPLATE, METRICS, RUNBOOK, LISTED.replace(f"| {name} |", "|"))), 1, name)

    def test_a_metric_that_the_code_no_longer_emits_is_missed(self):
        used = {(dimensions["Service"], name) for namespace, name, dimensions, _ in self.all() if namespace == "Annexa"}
        self.assertGreater(len(used), 10)
        for service, name in used:
            services = {
                **METRICS["services"],
                service: {k: v for k, v in METRICS["services"][service].items() if k != name},
            }
            self.assertNotEqual(faults(TEMPLATE, {**METRICS, "services": services}, RUNBOOK, LISTED), [], name)

    def test_the_dashboard_is_missed_a_metric_or_an_alarm_that_is_not_there(self):
        path = "Resources.Dashboard.Properties.DashboardBody.Fn::Sub.0"
        text = TEMPLATE["Resources"]["Dashboard"]["Properties"]["DashboardBody"]["Fn::Sub"][0]
        for what, instead in (
            ('"RowsFailed"', '"RowsLost"'),
            ('"${WorkerService.Name}"', '"${WorkerTask.Name}"'),
            ('"${Chunk}"', '"chunks"'),
            ('"${SpendAlarm.Arn}"', '"${WorkerWakeAlarm.Arn}"'),
        ):
            self.assertIn(what, text)
            self.assertNotEqual(
                faults(changed(TEMPLATE, path, text.replace(what, instead)), METRICS, RUNBOOK, LISTED), [], what
            )

    def all(self):
        reader = Reader(TEMPLATE, METRICS)
        metrics = [one for alarm in for_people(TEMPLATE).values() for one in reader.of_alarm(alarm)]
        return metrics + reader.of_dashboard()


class Fires(unittest.TestCase):
    """Each alarm over minute-by-minute cases: with these points it is on after a day, with those it is not."""

    # The fleet at work, as it should be: nothing is to be on.
    WELL = {
        f"{VISIBLE} ChunkQueue": each(190),
        f"{IN_FLIGHT} ChunkQueue": each(6),
        f"{AGE} ChunkQueue": each(9_000),
        "Annexa Chunks worker": each(6),
        "Annexa Rows worker": each(600),
        "Annexa RowsFailed worker": each(6),
        "Annexa Calls worker": each(300),
        "Annexa Throttles worker": each(5),
        "Annexa CostUsd worker": each(0.1),
        "Annexa LiveJobs aggregator": each(1),
        "Annexa LongestStall aggregator": each(240),
        "Annexa JobsEnded aggregator": {60: 1, 600: 1},
        f"{VISIBLE} InboxQueue": each(0) | {100: 1, 101: 1, 102: 1},
        f"{VISIBLE} DoneQueue": each(3),
        "AWS/ECS CPUUtilization AggregatorService": each(1),
        "AWS/ECS CPUUtilization WorkerService": each(1),
    }
    CASES = {
        "DeadLettersAlarm": (
            [
                {f"{VISIBLE} {queue}": each(1, range(1420, 1440))}
                for queue in ("InboxDeadLetterQueue", "DoneDeadLetterQueue")
            ]
            + [{f"{VISIBLE} ChunkDeadLetterQueue": each(2, range(1000, 1440))}],
            # The aggregator took it away; it is a day old and gone.
            [
                {f"{VISIBLE} ChunkDeadLetterQueue": each(2, range(1434, 1438))},
                {f"{VISIBLE} InboxDeadLetterQueue": each(1, range(9))},
            ],
        ),
        "OldestChunkAlarm": ([{f"{AGE} ChunkQueue": each(22_000)}], [{f"{AGE} ChunkQueue": each(20_000)}]),
        "JobStuckAlarm": (
            [{"Annexa LongestStall aggregator": each(1_800)}],
            [
                {"Annexa LongestStall aggregator": each(1_700)},
                {"Annexa LongestStall aggregator": each(9_000, range(1300))},
            ],
        ),
        "JobFailedAlarm": (
            [{"Annexa JobsFailed aggregator": {1438: 1}}],
            [{"Annexa JobsFailed aggregator": {1000: 1}}],
        ),
        "NoticesGivenUpAlarm": (
            [{"Annexa NoticesGivenUp aggregator": {1438: 1}}],
            [{"Annexa NoticesGivenUp aggregator": {1000: 1}}, {"Annexa NoticesFailed aggregator": each(3)}],
        ),
        "RowsFailedAlarm": (
            [{"Annexa RowsFailed worker": each(70)}],
            [
                {"Annexa RowsFailed worker": each(50)},
                {"Annexa Rows worker": {1439: 10}, "Annexa RowsFailed worker": {1439: 10}},
            ],
        ),
        "ThrottledAlarm": (
            [{"Annexa Throttles worker": each(100)}, {"Annexa Calls worker": {}, "Annexa Throttles worker": each(100)}],
            [{"Annexa Throttles worker": each(50)}, {"Annexa Throttles worker": each(100, range(1425, 1440))}],
        ),
        "SpendAlarm": ([{"Annexa CostUsd worker": each(0.2)}], [{"Annexa CostUsd worker": each(0.16)}]),
        "NoProgressAlarm": (
            [
                {"Annexa Chunks worker": {}},
                {"Annexa Chunks worker": each(6, range(1400)), f"{IN_FLIGHT} ChunkQueue": {}},
            ],
            [
                {"Annexa Chunks worker": each(1, range(0, 1440, 20))},
                {"Annexa Chunks worker": {}, f"{VISIBLE} ChunkQueue": each(0), f"{IN_FLIGHT} ChunkQueue": {}},
            ],
        ),
        "NotRunningAlarm": (
            [{f"{VISIBLE} InboxQueue": each(1)}, {"AWS/ECS CPUUtilization AggregatorService": {}}],
            [
                {f"{VISIBLE} InboxQueue": each(1, range(1430, 1440))},
                {f"{VISIBLE} InboxQueue": each(1), "AWS/ECS CPUUtilization SplitterService": each(1)},
            ],
        ),
    }

    def alarm(self, name):
        reader = Reader(TEMPLATE, METRICS)
        return Alarm(resolve(TEMPLATE["Resources"][name]["Properties"], reader.known, reader.imports))

    def is_on(self, name, points):
        return self.alarm(name).is_on(Points({**self.WELL, **points}), HOURS * 60 - 1)

    def test_every_alarm_has_its_cases(self):
        self.assertEqual(set(self.CASES), set(for_people(TEMPLATE)))

    def test_a_fleet_at_work_raises_none(self):
        for name in self.CASES:
            self.assertFalse(self.is_on(name, {}), name)

    def test_an_idle_fleet_raises_none(self):
        for name in self.CASES:
            self.assertFalse(self.alarm(name).is_on(Points(), HOURS * 60 - 1), name)

    def test_each_is_raised_by_what_it_is_for_and_by_nothing_less(self):
        for name, (on, off) in self.CASES.items():
            for points in on:
                self.assertTrue(self.is_on(name, points), (name, list(points)))
            for points in off:
                self.assertFalse(self.is_on(name, points), (name, list(points)))


class Costs(unittest.TestCase):
    def test_what_the_alarms_cost_is_stated_as_the_template_has_it(self):
        text = (ROOT / "docs/COSTS.md").read_text(encoding="utf-8")
        for tasks in (1, 2):
            alarms, metrics = billed(TEMPLATE, tasks)
            self.assertIn(f"{alarms} alarms with {metrics} metrics", text)


if __name__ == "__main__":
    unittest.main()
