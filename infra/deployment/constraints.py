"""What the templates ask of their parameters' values, read without a YAML parser, so that a wrong one is said at once.

CloudFormation would say it, too, but only once the image is built and the storage is there.
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/parameters-section-structure.html
"""

import json
import re

# What is read of a parameter. Description and Default ask nothing.
LISTS = ("AllowedValues",)
READ = ("Type", "AllowedPattern", "MinValue", "MaxValue", "MaxLength", "ConstraintDescription", *LISTS)


def read(text):
    """Each parameter of a template with what is asked of it, as texts and lists of texts."""
    section = re.search(r"^Parameters:\s*\n((?:[ #].*\n|\s*\n)*)", text, re.MULTILINE)
    found = {}
    for line in section.group(1).splitlines() if section else []:
        if name := re.fullmatch(r"  ([A-Za-z0-9]+):", line):
            found[name[1]] = {}
        elif (asked := re.fullmatch(r"    ([A-Za-z]+): +(.*\S)\s*", line)) and asked[1] in READ:
            last = found[list(found)[-1]]
            last[asked[1]] = sequence(asked[2]) if asked[1] in LISTS else scalar(asked[2])
    return found


def scalar(text):
    """A value of one line: as it stands, or in double quotes, of whose escapes JSON has all that we use."""
    return json.loads(text) if text.startswith('"') else text


def sequence(text):
    """`[a, "b"]`, its items without commas."""
    return [scalar(item.strip()) for item in text.removeprefix("[").removesuffix("]").split(",")]


def problem(asked, value):
    """What is wrong with a value, or None."""
    words = asked.get("ConstraintDescription")
    if "AllowedValues" in asked and value not in asked["AllowedValues"]:
        return words or f"one of {', '.join(asked['AllowedValues'])} is expected"
    if asked["Type"] == "Number":
        return number_problem(asked, value)
    if len(value) > int(asked.get("MaxLength", len(value))):
        return f"at most {asked['MaxLength']} characters are expected"
    # Of a list, each one has to be as the pattern says.
    values = value.split(",") if asked["Type"] == "CommaDelimitedList" else [value]
    pattern = asked.get("AllowedPattern")
    if pattern and not all(re.fullmatch(pattern, one) for one in values):
        return words or f"it does not fit {pattern}"
    return None


def number_problem(asked, value):
    """What is wrong with a number, or None."""
    least, most = asked.get("MinValue"), asked.get("MaxValue")
    is_number = re.fullmatch(r"[+-]?[0-9]+(\.[0-9]+)?", value)
    if is_number and float(least or value) <= float(value) <= float(most or value):
        return None
    limits = [f"{word} {limit}" for word, limit in (("from", least), ("to", most)) if limit is not None]
    return asked.get("ConstraintDescription") or " ".join(["a number", *limits, "is expected"])
