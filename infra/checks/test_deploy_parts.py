"""Parts of infra/deploy by themselves, the check that its tests rest on, and storage deployed to an emulator."""

import re
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

import template
from deploying import cli, BASE, EMULATOR, INFRA, ROOT, fake_aws
from deployment import constraints, costs, models, stacks, telling


class Arns(unittest.TestCase):
    """What IAM is told about a model id."""

    def test_each_way_to_a_model_has_its_arns(self):
        for model, region, wanted, profiles in (
            (
                "us." + BASE,
                "us-west-2",
                ["arn:aws:bedrock:*::foundation-model/" + BASE],
                ["arn:aws:bedrock:us-west-2:1:inference-profile/us." + BASE],
            ),
            (
                "us-gov." + BASE,
                "us-gov-west-1",
                ["arn:aws-us-gov:bedrock:*::foundation-model/" + BASE],
                ["arn:aws-us-gov:bedrock:us-gov-west-1:1:inference-profile/us-gov." + BASE],
            ),
            (
                "global." + BASE,
                "eu-west-1",
                [f"arn:aws:bedrock:{where}::foundation-model/{BASE}" for where in ("eu-west-1", "")],
                ["arn:aws:bedrock:eu-west-1:1:inference-profile/global." + BASE],
            ),
            (BASE, "eu-west-1", ["arn:aws:bedrock:eu-west-1::foundation-model/" + BASE], []),
            ("precedents", "eu-west-1", [], []),
            (
                "arn:aws:bedrock:eu-west-1:1:application-inference-profile/abc",
                "eu-west-1",
                [],
                ["arn:aws:bedrock:eu-west-1:1:application-inference-profile/abc"],
            ),
            (
                "arn:aws:bedrock:eu-west-1::foundation-model/" + BASE,
                "eu-west-1",
                ["arn:aws:bedrock:eu-west-1::foundation-model/" + BASE],
                [],
            ),
        ):
            with self.subTest(model):
                found = models.by_rule(model, region, "1")
                self.assertEqual((found.models, found.profiles), (wanted, profiles))

    def test_what_is_no_model_id_is_refused(self):
        for model in ("haiku", "arn:aws:s3:::bucket", "arn:aws:bedrock:eu-west-1:1:provisioned-model/abc"):
            with self.subTest(model), self.assertRaises(models.Stop):
                models.by_rule(model, "eu-west-1", "1")

    def test_the_geographies_are_those_that_the_code_knows(self):
        source = (ROOT / "src/catalog/geography.rs").read_text()
        known = re.findall(r'Geography::\w+ => "([a-z-]+)"', source)
        self.assertGreater(len(known), 5)
        self.assertEqual(sorted(models.GEOGRAPHIES), sorted([*known, "global"]))


    def test_the_regions_of_geographies_are_those_that_the_code_knows(self):
        source = (ROOT / "src/catalog/geography.rs").read_text()
        prefixes = dict(re.findall(r'Geography::(\w+) => "([a-z-]+)"', source))
        arms = re.findall(r'^            (_ if .*|".*") => vec!\[(.*)\],$', source, re.MULTILINE)
        self.assertGreater(len(arms), 5)
        known = [
            (tuple(re.findall(r'"([a-z0-9-]+)"', regions)), tuple(prefixes[one] for one in places.split(", ")))
            for regions, places in arms
        ]
        self.assertEqual(list(models.PLACES), known)

    def test_ids_that_no_model_of_the_region_can_have_are_seen_without_asking(self):
        for model, region, words in (
            ("us." + BASE, "us-east-1", None),
            ("us." + BASE, "eu-west-1", "eu-west-1 has eu., global."),
            ("eu." + BASE, "us-east-1", "us-east-1 has us., global."),
            ("us." + BASE, "us-gov-west-1", "us-gov-west-1 has us-gov."),
            ("global." + BASE, "us-gov-west-1", "us-gov-west-1 has us-gov."),
            ("us-gov." + BASE, "us-east-1", "another geography"),
            ("apac." + BASE, "ap-northeast-1", None),
            ("jp." + BASE, "ap-northeast-1", None),
            ("eu." + BASE, "ap-south-1", "another geography"),
            ("us." + BASE, "ca-central-1", None),
            ("apac." + BASE, "me-central-1", None),
            ("global." + BASE, "sa-east-1", None),
            (BASE, "eu-west-1", None),
            ("precedents", "eu-west-1", None),
            ("us.Anthropic.claude", "us-east-1", "small letters, digits"),
            ("us.anthropic.claude haiku", "us-east-1", "small letters, digits"),
            ("us.anthropic.claude,x", "us-east-1", "small letters, digits"),
            ("", "us-east-1", "small letters, digits"),
            ("arn:aws:bedrock:eu-west-1:1:application-inference-profile/aB1", "eu-west-1", None),
            ("arn:aws:bedrock:eu-west-1:1:inference-profile/*", "eu-west-1", "no such characters"),
        ):
            with self.subTest(model=model, region=region):
                found = models.problems([model], region)
                self.assertEqual(len(found), 0 if words is None else 1)
                self.assertIn(words or "", "".join(found))


class Templates(unittest.TestCase):
    """What the tool takes from the templates without a YAML parser."""

    def test_the_names_of_parameters_are_those_that_a_parser_finds(self):
        for name in ("storage", "fleet"):
            path = stacks.template_path(name)
            found = template.load(path)["Parameters"]
            self.assertGreater(len(found), 3)
            self.assertEqual(list(constraints.read(path.read_text())), list(found))

    def test_all_that_is_handed_over_and_printed_is_in_the_templates(self):
        storage, fleet = (template.load(stacks.template_path(name)) for name in ("storage", "fleet"))
        handed = {
            "FleetName",
            "StorageStack",
            "ImageUri",
            "CpuArchitecture",
            "DefaultModelId",
            "FoundationModelArns",
            "InferenceProfileArns",
            "TokensPerMinute",
            "RequestsPerMinute",
            "WorkerTasksMax",
            "CallsInFlightPerWorker",
            "Network",
            "VpcId",
            "SubnetIds",
            "SecurityGroupIds",
            "AlarmEmail",
        }
        self.assertEqual(handed - set(fleet["Parameters"]), set())
        self.assertEqual(set(fake_aws.storage_outputs("x")) - set(storage["Outputs"]), set())
        self.assertEqual(set(fake_aws.FLEET_OUTPUTS) - set(fleet["Outputs"]), set())


    def test_what_is_dropped_waits_for_as_long_as_the_inbox_queue_keeps_it(self):
        kept = template.load(stacks.template_path("storage"))["Resources"]["InboxQueue"]["Properties"]
        self.assertEqual(telling.DROPPED_DAYS * 86_400, int(kept["MessageRetentionPeriod"]))


class Constraints(unittest.TestCase):
    """What the templates ask of values, as the tool reads and applies it."""

    def test_what_is_asked_of_each_parameter_is_what_a_parser_finds(self):
        asked_of = 0
        for name in ("storage", "fleet"):
            path = stacks.template_path(name)
            text = lambda value: [str(one) for one in value] if isinstance(value, list) else str(value)
            found = {
                key: {asked: text(value) for asked, value in one.items() if asked not in ("Description", "Default")}
                for key, one in template.load(path)["Parameters"].items()
            }
            self.assertEqual(constraints.read(path.read_text()), found)
            asked_of += sum(len(one) > 1 for one in found.values())
        self.assertGreater(asked_of, 20)

    def test_the_templates_own_defaults_are_taken(self):
        for name in ("storage", "fleet"):
            path = stacks.template_path(name)
            asked = constraints.read(path.read_text())
            for key, one in template.load(path)["Parameters"].items():
                if "Default" in one:
                    self.assertIsNone(constraints.problem(asked[key], str(one["Default"])), key)

    def test_each_kind_of_wrong_value_is_seen(self):
        number = {"Type": "Number", "MinValue": "0", "MaxValue": "9"}
        text = {"Type": "String", "AllowedPattern": "^a+$", "MaxLength": "3"}
        for asked, good, bad in (
            (number, ("0", "9", "1.5"), ("-1", "10", "", "x", "1e1", "nan")),
            ({"Type": "Number", "MinValue": "0"}, ("0", "1000"), ("-1",)),
            ({"Type": "Number", "AllowedValues": ["1", "3"]}, ("1", "3"), ("2", "")),
            (text, ("a", "aaa"), ("", "aaaa", "b", "a\n")),
            ({"Type": "CommaDelimitedList", "AllowedPattern": "a+"}, ("a", "a,aa"), ("a,b", "")),
            ({"Type": "String"}, ("", "x"), ()),
        ):
            for value in good:
                self.assertIsNone(constraints.problem(asked, value), value)
            for value in bad:
                self.assertIsNotNone(constraints.problem(asked, value), value)


class Costs(unittest.TestCase):
    """What an idle fleet costs, as the tool says it."""

    def test_the_figures_are_those_of_the_docs_and_of_parameters_that_the_template_has(self):
        page = (ROOT / "docs" / "COSTS.md").read_text()
        known = template.load(stacks.template_path("fleet"))["Parameters"]
        self.assertIn(f"costs about **{costs.IDLE:.2f} US dollars a month**", page)
        for key, value, usd in costs.ADDS:
            self.assertIn(value, [str(one) for one in known[key]["AllowedValues"]])
            row = re.search(rf"^\| `{key}` `?{value}\b.*?\| ([\d.]+)\b", page, re.MULTILINE)
            self.assertEqual(row[1], f"{usd:.2f}", key)

    def test_what_is_switched_on_is_added(self):
        for told, words in (
            ({}, "about 4.40 US dollars a month, at"),
            ({"Network": "private"}, "about 77.40 US dollars a month (4.40, and 73.00 for Network=private)"),
            ({"Network": "existing"}, "about 4.40 US dollars a month, your own network aside"),
            ({"SplitterTasksMin": "1", "AggregatorTasksMin": "1"}, "about 30.89 US dollars a month"),
        ):
            self.assertIn(words, costs.idle(lambda key, told=told: told.get(key, "")))


class TheCheckItself(unittest.TestCase):
    """That calls are held to the models is worth something only if a wrong one fails."""

    def test_commands_that_the_aws_cli_does_not_have_are_refused(self):
        for words in (
            "ecs update-task-protection --cluster c --task t --no-protection-enabled",
            "ecs update-task-protection --cluster c --protection-enabled yes --tasks t",
            "ecs unprotect-tasks --cluster c",
            "cloudformation execute-change-set --stack-name s",
            "elastic describe --x y",
            "ecr get-login-password --registry r",
        ):
            with self.subTest(words), self.assertRaises(cli.Unknown):
                cli.read(words.split())

    def test_answers_that_aws_does_not_give_are_refused(self):
        with self.assertRaises(cli.Unknown):
            cli.conforms("ecs", "DescribeTasks", {"tasks": [{"arn": "x"}]})
        with self.assertRaises(cli.Unknown):
            cli.conforms("cloudformation", "DescribeChangeSet", {"Status": "DONE"})


class OnTheEmulator(unittest.TestCase):
    """The storage stack, deployed for real by an `aws` that is made of botocore."""

    def test_storage_is_made_updated_left_alone_and_taken_down(self):
        with tempfile.TemporaryDirectory() as folder:
            process = subprocess.Popen(EMULATOR, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            self.addCleanup(process.stdout.close)
            self.addCleanup(process.wait, timeout=30)
            self.addCleanup(process.stdin.close)
            server = cli.serve(f"{folder}/socket", process.stdout.readline().strip())
            self.addCleanup(server.server_close)
            self.addCleanup(server.shutdown)
            aws = Path(folder) / "aws"
            aws.write_text(cli.SCRIPT.format(python=sys.executable, path=f"{folder}/socket"))
            aws.chmod(0o755)
            environment = {"PATH": folder, "HOME": folder, "ANNEXA_DEPLOY_POLL_S": "0.1", "AWS_REGION": "us-east-1"}
            for arguments, code, words in (
                (["--storage-only"], 0, "annexa-storage: CREATE_COMPLETE"),
                (["--storage-only"], 0, "annexa-storage: nothing to change"),
                (["--storage-only", "--param", "InputDays=30"], 0, "annexa-storage: UPDATE_COMPLETE"),
                (["--storage-only", "--param", "LogRetentionDays=31"], 64, "LogRetentionDays"),
                (["--delete"], 0, "annexa-storage: DELETE_COMPLETE"),
                (["--storage-only"], 64, "an earlier fleet's data was kept"),
            ):
                command = [sys.executable, "-IS", str(INFRA / "deploy"), *arguments, "--yes"]
                done = subprocess.run(
                    command, env=environment, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=120
                )
                said = done.stdout + done.stderr
                self.assertEqual(done.returncode, code, said)
                self.assertIn(words, said)


if __name__ == "__main__":
    unittest.main()
