"""What the pages about a fleet on AWS show is there: commands of their tools, texts of the code, parameters.

The commands need an account, so nobody runs them here; they are read as the AWS CLI and infra/deploy would read them.
"""

import argparse
import os
import re
import shlex
import subprocess
import sys
import unittest
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

# botocore and its models come with the emulator.
VENV = Path(os.environ.get("CARGO_TARGET_DIR") or ROOT / "target").resolve() / "emulator"
subprocess.run([sys.executable, str(ROOT / "localstack" / "emulator.py"), "--install"], check=True)
sys.path.append(str(next((VENV / "lib").glob("python3*/site-packages"))))

import template
from deployment import options

import cli

PAGES = (
    "README.md",
    "infra/README.md",
    "docs/OPERATIONS.md",
    "docs/TROUBLESHOOTING.md",
    "docs/SECURITY.md",
    "docs/SCALING.md",
    "docs/COSTS.md",
    "docs/NOTICES.md",
)
# Commands that the AWS CLI has beside its models, with the flags that we use (AWS CLI 2 command reference).
HIGH_LEVEL = {
    "s3 cp": {"--recursive", "--metadata-directive"},
    "s3 rm": {"--recursive"},
    "s3 rb": set(),
    "s3 ls": set(),
    "logs tail": {"--since", "--filter-pattern", "--follow"},
    "configure sso": set(),
    "sso login": {"--profile"},
}
# Texts of TROUBLESHOOTING.md that AWS says, or that the page itself explains.
NOT_OURS = (
    "exec format error",
    "unable to place a task",
    "Unable to assume the service linked role",
    "Unable to assume IAM role",
    "this form",
)


def page(name):
    """The text of a page, or nothing where it is not there."""
    path = ROOT / name
    return path.read_text() if path.is_file() else ""


def commands(text, program):
    """The commands of a page that begin with `program`: in blocks and in the text, without comments."""
    blocks = re.sub(r"\\\n\s*", " ", "\n".join(re.findall(r"```sh\n(.*?)```", text, re.DOTALL)))
    lines = [line for line in blocks.splitlines()] + re.findall(
        r"`([^`\n]+)`", re.sub(r"```.*?```", "", text, flags=re.DOTALL)
    )
    found = []
    for line in lines:
        line = re.sub(r"\s#\s.*$", "", line.strip())
        # Of `x() { aws ...; }` and `C=$(aws ...)` the command inside, of two commands the first.
        line = re.sub(r"^\w+\(\) \{ (.*); \}$", r"\1", line)
        if line.startswith(program + " "):
            found.append(line.split(" && ")[0])
    return found


def words(line):
    """A command line as words, with $(...) as one."""
    line = re.sub(r"\"?\$\([^()]*(?:\([^()]*\))?[^()]*\)\"?", "X", line)
    return [word for word in shlex.split(line) if word != "..."]


def filled(word):
    """A word of a command with something that the templates take for its placeholders."""
    word = re.sub(r"(^|=)N$", r"\g<1>1", re.sub(r"=NAME$", "=name", word))
    for placeholder, value in (("ACCOUNT.", "123456789012."), (".REGION.", ".us-east-1."), (":DIGEST", f":{'a' * 64}")):
        word = word.replace(placeholder, value)
    return word


class Commands(unittest.TestCase):
    """Commands that pages show."""

    def test_every_command_of_the_aws_cli_is_one_that_it_has(self):
        read = 0
        for name in PAGES:
            for line in commands(page(name), "aws"):
                with self.subTest(page=name, command=line):
                    told = words(line)[1:]
                    if len(told) < 2 or told[1].startswith("-"):
                        self.fail("no command")
                    # A name alone, as in running text.
                    if not any(word.startswith("--") for word in told) and " ".join(told[:2]) not in HIGH_LEVEL:
                        self.assertTrue(cli.has(*told[:2]))
                    elif " ".join(told[:2]) in HIGH_LEVEL:
                        flags = {word for word in told if word.startswith("--")}
                        self.assertEqual(flags - HIGH_LEVEL[" ".join(told[:2])] - cli.GLOBAL, set())
                    else:
                        cli.read(told)
                    read += 1
        self.assertGreater(read, 40)

    def test_every_command_of_infra_deploy_is_one_that_it_takes(self):
        read = 0
        for name in PAGES:
            for line in commands(page(name), "infra/deploy"):
                told = [filled(word) for word in words(line)[1:]]
                if any(word.endswith("=...") for word in told):
                    continue
                with self.subTest(page=name, command=line):
                    if told[-1:] == ["--model"]:
                        told.append("X")
                    given = options.read(told, "")
                    self.assertIsInstance(given, argparse.Namespace)
                    self.assertEqual(options.problems(given), [])
                    read += 1
        self.assertGreater(read, 20)


class Texts(unittest.TestCase):
    """Texts that the page quotes as ours."""

    def test_what_troubleshooting_quotes_is_what_the_code_says(self):
        files = [*(ROOT / "src").rglob("*.rs"), HERE.parent / "deploy", *(HERE.parent / "deployment").glob("*.py")]
        said = "".join(path.read_text() for path in files)
        said = re.sub(r"\\\n\s*", "", said)
        quoted = [text for text in re.findall(r"`([^`\n]+)`", page("docs/TROUBLESHOOTING.md")) if " " in text]
        ours = [
            text for text in quoted if not re.match(r"(annexa|aws|infra/|cancel|--)", text) and text not in NOT_OURS
        ]
        self.assertGreater(len(ours), 25)
        for text in ours:
            # Places, numbers and what is left out differ; the words between must be there.
            parts = [
                part.strip(" ,:")
                for part in re.split(
                    r"\.\.\.:?|REGION|: take|\b90\b|sqs:SendMessage|nothing was done:|docker cannot", text
                )
            ]
            for part in filter(None, parts):
                self.assertTrue(part in said, f"the code does not say '{part}'")


class Costs(unittest.TestCase):
    """What an idle fleet costs is said in three places."""

    def test_what_an_idle_fleet_costs_is_the_same_everywhere(self):
        stated = re.search(r"costs about \*\*([\d.]+) US dollars a month\*\*", page("docs/COSTS.md"))[1]
        for name in ("README.md", "docs/OPERATIONS.md"):
            self.assertRegex(page(name), rf"about {re.escape(stated)} (US dollars )?a month")


class Parameters(unittest.TestCase):
    """The table of parameters."""

    def test_every_parameter_that_has_no_flag_stands_with_its_default_in_the_readme(self):
        text = page("infra/README.md")
        known = {}
        for name in ("storage", "fleet"):
            known.update(
                {
                    key: str(value.get("Default", ""))
                    for key, value in template.load(HERE.parent / f"{name}.yaml")["Parameters"].items()
                }
            )
        by_flag = set(
            re.findall(r"[A-Z]\w+", " ".join(re.findall(r"^\| `--.*?\| (.*) \|$", text, re.MULTILINE)))
        ) & set(known)
        self.assertGreater(len(by_flag), 10)
        table = {
            key: "" if value == "(empty)" else value
            for key, value in re.findall(r"^\| ([A-Z]\w+) \| (.*?) \| ", text, re.MULTILINE)
        }
        wanted = {key: value for key, value in known.items() if key not in by_flag or key in table}
        self.assertEqual(table, wanted)


class Links(unittest.TestCase):
    """Links between the pages."""

    def test_every_link_to_a_heading_finds_it(self):
        links = 0
        for name in PAGES:
            for target, anchor in re.findall(r"\]\(([^)#\s]*)#([^)\s]+)\)", page(name)):
                if target.startswith("http"):
                    continue
                path = (ROOT / name).parent / target if target else ROOT / name
                with self.subTest(page=name, link=f"{target}#{anchor}"):
                    self.assertTrue(path.is_file(), f"{path} is not there")
                    self.assertIn(anchor, anchors(path.read_text()))
                    links += 1
        self.assertGreater(links, 20)


def anchors(text):
    """The anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.*)$", re.sub(r"```.*?```", "", text, flags=re.DOTALL), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


if __name__ == "__main__":
    unittest.main()
