"""The loader of templates itself, and what holds for every template in infra/."""

import re
import tempfile
import unittest
from pathlib import Path

from template import INFRA, changed, exports, load, of_type, resolve, settings

SMALL = """
Parameters:
  Name: {Type: String, Default: annexa}
  Days: {Type: Number, Default: 0}
  Zones: {Type: CommaDelimitedList, Default: "a, b"}
  Needed: {Type: String}
Mappings:
  Sizes: {small: {cpu: "256"}}
Conditions:
  Late: !And [!Condition Kept, !Not [!Equals [!Ref Name, x]]]
  Kept: !Not [!Equals [!Ref Days, 0]]
Resources:
  Queue:
    Type: AWS::SQS::Queue
    Properties:
      QueueName: !Sub "${Name}-${AWS::Region}-${Other.Arn}-${!literal}"
      Tags: [!If [Kept, {Key: k, Value: !Ref Name}, !Ref AWS::NoValue], !Ref Zones]
      Cpu: !FindInMap [Sizes, small, cpu]
      Arn: !GetAtt Other.Arn
      Url: !Join ["/", [!Select [1, !Ref Zones], !Select [0, !Split ["-", x-y]]]]
      Gone: !If [Kept, 1, !Ref AWS::NoValue]
      Version: 2012-10-17
  Other: {Type: AWS::SQS::Queue, Condition: Kept}
Outputs:
  Name: {Value: !Ref Name, Export: {Name: !Sub "${AWS::StackName}-Name"}}
  Other: {Value: !GetAtt Other.Arn, Condition: Kept, Export: {Name: !Sub "${AWS::StackName}-Other"}}
"""


def loaded(text):
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        file.write(text)
        file.flush()
        return load(file.name)


class Loader(unittest.TestCase):
    def test_parameters_conditions_mappings_and_lists_are_put_in_and_resources_stay(self):
        template = loaded(SMALL)
        queue = resolve(template["Resources"]["Queue"], settings(template))["Properties"]
        self.assertEqual(
            queue,
            {
                "QueueName": "annexa-us-east-1-${Other.Arn}-${literal}",
                "Tags": [["a", "b"]],
                "Cpu": "256",
                "Arn": {"Fn::GetAtt": ["Other", "Arn"]},
                "Url": "b/x",
                "Version": "2012-10-17",
            },
        )

    def test_what_is_given_stands_above_the_defaults(self):
        template = loaded(SMALL)
        known = settings(template, Name="f", Days=3, AWS_Region="us-gov-west-1")
        queue = resolve(template["Resources"]["Queue"], known)["Properties"]
        self.assertEqual(queue["QueueName"], "f-us-gov-west-1-${Other.Arn}-${literal}")
        self.assertEqual(queue["Tags"], [{"Key": "k", "Value": "f"}, ["a", "b"]])
        self.assertEqual(queue["Gone"], 1)
        self.assertTrue(known.conditions["Late"])
        self.assertFalse(settings(template, Name="x", Days=3).conditions["Late"])
        with self.assertRaisesRegex(KeyError, "no parameter Nane"):
            settings(template, Nane="f")

    def test_what_one_stack_exports_another_imports_and_nothing_else(self):
        template = loaded(SMALL)
        made = exports(template, settings(template), "one")
        self.assertEqual(made, {"one-Name": "annexa"})
        self.assertIn("one-Other", exports(template, settings(template, Days=1), "one"))
        value = {"Fn::ImportValue": {"Fn::Sub": "${Name}-Name"}}
        self.assertEqual(resolve(value, settings(template, Name="one"), made), "annexa")
        with self.assertRaisesRegex(KeyError, "nothing exports two-Name"):
            resolve(value, settings(template, Name="two"), made)

    def test_a_name_that_is_nothing_is_an_error(self):
        template = loaded(SMALL)
        for value in [{"Ref": "Nothing"}, {"Ref": "Needed"}, {"Fn::Sub": "${Nothing}"}]:
            with self.assertRaises(KeyError, msg=value):
                resolve(value, settings(template))
        self.assertEqual(resolve({"Ref": "Other"}, settings(template)), {"Ref": "Other"})

    def test_yaml_that_cloudformation_refuses_or_reads_otherwise_is_an_error(self):
        with self.assertRaisesRegex(ValueError, "line 2: a YAML alias"):
            loaded("A: &a {B: 1}\nC: *a\n")
        with self.assertRaisesRegex(ValueError, "line 2: A stands twice"):
            loaded("A: 1\nA: 2\n")

    def test_a_selection_without_resources_is_an_error(self):
        template = loaded(SMALL)
        self.assertEqual(set(of_type(template, "AWS::SQS::Queue")), {"Queue", "Other"})
        with self.assertRaisesRegex(LookupError, "AWS::S3::Bucket"):
            of_type(template, "AWS::S3::Bucket")

    def test_a_change_that_changes_nothing_is_an_error(self):
        template = loaded(SMALL)
        self.assertNotIn("Cpu", changed(template, "Resources.Queue.Properties.Cpu")["Resources"]["Queue"]["Properties"])
        self.assertEqual(changed(template, "Parameters.Name.Default", "b")["Parameters"]["Name"]["Default"], "b")
        self.assertEqual(template["Parameters"]["Name"]["Default"], "annexa")
        with self.assertRaises(ValueError):
            changed(template, "Parameters.Name.Default", "annexa")
        with self.assertRaises(KeyError):
            changed(template, "Resources.Queue.Properties.Missing")


class EveryTemplate(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.templates = {path.name: load(path) for path in INFRA.glob("*.yaml")}
        assert "storage.yaml" in cls.templates

    def test_no_template_names_a_partition(self):
        # GovCloud's ARNs begin with arn:aws-us-gov: AWS::Partition says it everywhere.
        for name in self.templates:
            for number, line in enumerate((INFRA / name).read_text(encoding="utf-8").splitlines(), 1):
                self.assertIsNone(re.search(r"arn:aws\b", line), f"{name}:{number}")

    def test_every_output_is_described_by_its_name_alone_and_exports_carry_the_stacks_name(self):
        for name, template in self.templates.items():
            for output, one in template["Outputs"].items():
                if "Export" in one:
                    self.assertEqual(one["Export"], {"Name": {"Fn::Sub": "${AWS::StackName}-" + output}}, name)

    def test_every_parameter_has_a_description_and_defaults_are_allowed(self):
        for name, template in self.templates.items():
            for parameter, one in template["Parameters"].items():
                self.assertTrue(one.get("Description"), f"{name}: {parameter}")
                if "Default" not in one:
                    continue
                default = one["Default"]
                if "AllowedValues" in one:
                    self.assertIn(default, one["AllowedValues"], f"{name}: {parameter}")
                if "AllowedPattern" in one:
                    self.assertRegex(str(default), f"^(?:{one['AllowedPattern']})$", f"{name}: {parameter}")
                if "MinValue" in one:
                    self.assertLessEqual(one["MinValue"], default, f"{name}: {parameter}")


if __name__ == "__main__":
    unittest.main()
