"""Metric math, alarms and schedules are read as CloudWatch reads them; the backlog per task is what it should be."""

import unittest

from fleet_model import IN_FLIGHT, VISIBLE, fields, read
from metric_math import Alarm, Expression, Points, Query
from template import exports, resolve, settings


class Expressions(unittest.TestCase):
    def query(self):
        template, storage = read("fleet.yaml"), read("storage.yaml")
        found = settings(template, ImageUri="registry/annexa", WorkerTasksMax=11)
        imports = exports(storage, settings(storage), "annexa-storage")
        policy = resolve(template["Resources"]["WorkerFollowPolicy"]["Properties"], found, imports)
        return Query(policy["TargetTrackingScalingPolicyConfiguration"]["CustomizedMetricSpecification"]["Metrics"])

    def test_backlog_per_task_counts_what_waits_and_what_is_in_flight_for_each_running_task(self):
        cases = (
            # visible, in flight, running; what comes out
            (0, None, None, 0),
            (16, None, None, 16),
            (16, None, 1, 16),
            (10, 6, 1, 16),
            (134, 66, 11, 200 / 11),
            (0, 66, 11, 6),
            (None, None, None, None),
        )
        for visible, in_flight, running, wanted in cases:
            points = Points()
            for name, value in (("ChunkQueue", visible),):
                value is None or points.put(f"{VISIBLE} {name}", 0, value)
            in_flight is None or points.put(f"{IN_FLIGHT} ChunkQueue", 0, in_flight)
            running is None or points.put("AWS/ECS CPUUtilization WorkerService", 0, running)
            self.assertEqual(self.query().value(points, 0, 0), wanted, (visible, in_flight, running))

    def test_a_missing_value_makes_an_expression_missing_except_under_fill(self):
        for text, wanted in (
            ("a + 1", None),
            ("FILL(a, 0) + 1", 1),
            ("IF(b > 1, a, 7)", None),
            ("IF(b > 1 AND b < 3, 5, 7)", 5),
            ("b / FILL(a, 0)", None),
            ("(b - 1) * 3 >= 3", 1),
        ):
            self.assertEqual(Expression(text).value({"a": None, "b": 2}), wanted, text)
        for text in ("SUM(b)", "b ** 2", "-b"):
            with self.assertRaises(NotImplementedError):
                Expression(text).value({"b": 2})

    def test_an_alarm_takes_the_latest_values_that_are_there(self):
        properties = {
            "Metrics": [
                {
                    "Id": "m",
                    "MetricStat": {"Stat": "Maximum", "Period": 60, "Metric": {"Namespace": "N", "MetricName": "M"}},
                }
            ],
            "ComparisonOperator": "GreaterThanThreshold",
            "Threshold": 0,
            "EvaluationPeriods": 2,
            "DatapointsToAlarm": 2,
            "TreatMissingData": "notBreaching",
        }
        points = Points({"N M": {0: 1, 1: 1}})
        alarm = Alarm(properties)
        self.assertEqual([alarm.is_on(points, minute) for minute in range(6)], [False, True, True, True, False, False])
        self.assertTrue(Alarm({**properties, "TreatMissingData": "breaching"}).is_on(points, 9))

    def test_schedules_are_read_as_cron(self):
        self.assertEqual(fields("cron(0 0/5 * * ? *)"), ({0}, {0, 5, 10, 15, 20}))
        self.assertEqual(fields("cron(10 6,18 * * ? *)"), ({10}, {6, 18}))
        self.assertEqual(fields("cron(10 8-10 * * ? *)")[1], {8, 9, 10})
        self.assertEqual(len(fields("cron(0 * * * ? *)")[1]), 24)
        with self.assertRaises(ValueError):
            fields("cron(0 0 1 * ? *)")


if __name__ == "__main__":
    unittest.main()
