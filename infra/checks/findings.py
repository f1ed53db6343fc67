"""What the linters of infra/check found, what infra/exceptions.toml excuses of it, and what therefore is wrong."""

import json
import tomllib
from dataclasses import dataclass
from pathlib import Path

FIELDS = {"tool", "check", "template", "resource", "reason"}


@dataclass(frozen=True)
class Finding:
    """One finding: by which tool and check, in which template and resource ("" for what is in none), and where."""

    tool: str
    check: str
    template: str
    resource: str
    line: int = 0
    says: str = ""

    def key(self):
        return self.tool, self.check, self.template, self.resource

    def __str__(self):
        resource = f" {self.resource}" if self.resource else ""
        return f"infra/{self.template}:{self.line}{resource}: {self.check} {self.says}"


def read_exceptions(text):
    """Exceptions by the key of the findings that they excuse; an error if one is not whole."""
    excused = {}
    for one in tomllib.loads(text).get("exception", []):
        name = f"exception of {one.get('check', '?')} for {one.get('resource', '?')}"
        if set(one) != FIELDS:
            raise ValueError(f"{name}: it has to have {', '.join(sorted(FIELDS))} and nothing else")
        if len(one["reason"].split()) < 5:
            raise ValueError(f"{name}: say the reason in a sentence")
        key = tuple(one[field] for field in ("tool", "check", "template", "resource"))
        if key in excused:
            raise ValueError(f"{name}: it stands twice")
        excused[key] = one["reason"]
    return excused


def judge(findings, excused, templates):
    """What is wrong, as lines: findings without an exception, exceptions without a finding.

    Exceptions for a template that is not among `templates` are left alone: it was not looked at.
    """
    found = {finding.key() for finding in findings}
    unexcused = [finding for finding in findings if finding.key() not in excused]
    wrong = [f"{finding} (mend it, or say why not in infra/exceptions.toml)" for finding in unexcused]
    for tool, check, template, resource in excused:
        if template in templates and (tool, check, template, resource) not in found:
            wrong.append(f"infra/exceptions.toml: {check} finds nothing in {resource} of {template}: take it out")
    return wrong


def of_cfn_lint(text):
    """Findings in cfn-lint's JSON."""
    findings = []
    for one in json.loads(text or "[]"):
        path = one["Location"].get("Path") or []
        resource = path[1] if len(path) > 1 and path[0] == "Resources" else ""
        line = one["Location"]["Start"]["LineNumber"]
        template = Path(one["Filename"]).name
        findings.append(Finding("cfn-lint", one["Rule"]["Id"], template, resource, line, one["Message"]))
    return findings


def of_checkov(text, templates):
    """Findings in checkov's JSON, and how many checks passed. It has to have looked at every template."""
    said = json.loads(text)
    if "results" not in said:
        raise ValueError("checkov checked nothing")
    results, summary = said["results"], said["summary"]
    if summary["parsing_errors"]:
        raise ValueError(f"checkov cannot read {', '.join(results['parsing_errors'])}")
    if results.get("skipped_checks"):
        one = results["skipped_checks"][0]
        raise ValueError(f"{one['resource']} skips {one['check_id']} itself: exceptions stand in infra/exceptions.toml")
    looked_at = {Path(one["file_path"]).name for kind in ("passed_checks", "failed_checks") for one in results[kind]}
    unseen = sorted(set(templates) - looked_at)
    if unseen:
        raise ValueError(f"checkov has no check for {', '.join(unseen)}")
    findings = [
        Finding(
            "checkov",
            one["check_id"],
            Path(one["file_path"]).name,
            one["resource"].rsplit(".", 1)[-1],
            one["file_line_range"][0],
            one["check_name"],
        )
        for one in results["failed_checks"]
    ]
    return findings, summary["passed"]
