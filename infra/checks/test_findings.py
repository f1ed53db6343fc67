"""What infra/check makes of findings and exceptions."""

import json
import unittest

from findings import Finding, judge, of_cfn_lint, of_checkov, read_exceptions

ONE = """
[[exception]]
tool = "checkov"
check = "CKV_1"
template = "a.yaml"
resource = "Bucket"
reason = "It is as it should be, because it is."
"""
FOUND = Finding("checkov", "CKV_1", "a.yaml", "Bucket", 7, "Ensure this")


def said(passed=(), failed=(), skipped=(), errors=()):
    check = lambda name: {
        "check_id": "CKV_1",
        "check_name": "Ensure this",
        "file_path": f"/infra/{name}",
        "file_line_range": [7, 9],
        "resource": "AWS::S3::Bucket.Bucket",
    }
    results = {"passed_checks": passed, "failed_checks": failed, "skipped_checks": skipped}
    made = {kind: [check(name) for name in names] for kind, names in results.items()}
    summary = {"passed": len(passed), "parsing_errors": len(errors)}
    return json.dumps({"results": {**made, "parsing_errors": list(errors)}, "summary": summary})


class Judging(unittest.TestCase):
    def test_a_finding_without_an_exception_is_wrong(self):
        wrong = judge([FOUND], {}, ["a.yaml"])
        self.assertEqual(len(wrong), 1)
        self.assertIn("infra/a.yaml:7 Bucket: CKV_1 Ensure this", wrong[0])

    def test_a_finding_with_an_exception_is_left(self):
        self.assertEqual(judge([FOUND], read_exceptions(ONE), ["a.yaml"]), [])

    def test_an_exception_that_finds_nothing_is_wrong(self):
        wrong = judge([], read_exceptions(ONE), ["a.yaml"])
        self.assertIn("CKV_1 finds nothing in Bucket of a.yaml", wrong[0])

    def test_an_exception_holds_for_its_resource_alone(self):
        other = Finding("checkov", "CKV_1", "a.yaml", "Other", 8, "Ensure this")
        self.assertEqual(len(judge([FOUND, other], read_exceptions(ONE), ["a.yaml"])), 1)

    def test_an_exception_that_is_not_whole_or_stands_twice_is_an_error(self):
        for broken in [
            ONE.replace('reason = "It is as it should be, because it is."', ""),
            ONE.replace("It is as it should be, because it is.", "Fine."),
            ONE + ONE,
            ONE + 'line = 3\n',
        ]:
            with self.assertRaises(ValueError):
                read_exceptions(broken)


class Reading(unittest.TestCase):
    def test_findings_of_checkov_carry_template_resource_and_line(self):
        self.assertEqual(of_checkov(said(["a.yaml"], ["a.yaml"]), ["a.yaml"]), ([FOUND], 1))

    def test_checkov_has_to_have_read_and_checked_every_template(self):
        for text in [
            '{"passed": 0, "failed": 0}',
            said(["a.yaml"]),
            said(["a.yaml", "b.yaml"], errors=["/infra/b.yaml"]),
            said(["a.yaml", "b.yaml"], skipped=["b.yaml"]),
        ]:
            with self.assertRaises(ValueError, msg=text):
                of_checkov(text, ["a.yaml", "b.yaml"])

    def test_findings_of_cfn_lint_carry_template_resource_and_line(self):
        text = json.dumps(
            [
                {
                    "Filename": "infra/a.yaml",
                    "Location": {"Path": ["Resources", "Bucket", "Properties"], "Start": {"LineNumber": 7}},
                    "Message": "not so",
                    "Rule": {"Id": "E3002"},
                }
            ]
        )
        self.assertEqual(of_cfn_lint(text), [Finding("cfn-lint", "E3002", "a.yaml", "Bucket", 7, "not so")])
        self.assertEqual(of_cfn_lint(""), [])


if __name__ == "__main__":
    unittest.main()
