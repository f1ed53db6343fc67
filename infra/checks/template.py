"""Reads CloudFormation templates for the assertions of infra/checks: short intrinsics become their long form.

    from template import load, of_type, resolve, settings

    storage = load("storage.yaml")                        # {"Ref": ..}, {"Fn::Sub": ..}, {"Fn::If": ..} are kept
    known = settings(storage, FleetName="f")              # defaults, pseudo parameters, what you give; conditions
    resolve(storage["Resources"]["Table"], known)         # with those put in
    resolve(fleet["Resources"]["X"], known, exports(storage, known, "f-storage"))

What depends on a resource (its Ref or GetAtt) has no value before it exists, and stays as it is. Nothing is guessed: a
name that is neither a parameter nor a resource is an error.
"""

import copy
import re
from pathlib import Path

import yaml

INFRA = Path(__file__).resolve().parent.parent
ACCOUNT = "111122223333"
PSEUDO = {
    "AWS::AccountId": ACCOUNT,
    "AWS::NotificationARNs": [],
    "AWS::Partition": "aws",
    "AWS::Region": "us-east-1",
    "AWS::StackId": f"arn:aws:cloudformation:us-east-1:{ACCOUNT}:stack/stack/00000000-0000-0000-0000-000000000000",
    "AWS::StackName": "stack",
    "AWS::URLSuffix": "amazonaws.com",
}
# In the short form `!GetAtt A.B` the text is a list of two.
DOTTED = {"GetAtt"}
# These two stand without the prefix `Fn::` in the long form.
BARE = {"Ref", "Condition"}
NOTHING = object()


class Reader(yaml.SafeLoader):
    """YAML as CloudFormation takes it: its tags, no anchors, no key twice, no dates."""

    def compose_node(self, parent, index):
        if self.check_event(yaml.events.AliasEvent):
            where = self.peek_event().start_mark
            raise ValueError(f"{where.name} line {where.line + 1}: a YAML alias, which CloudFormation refuses")
        return super().compose_node(parent, index)

    def construct_mapping(self, node, deep=False):
        seen = set()
        for key, _ in node.value:
            if key.value in seen:
                raise ValueError(f"{key.start_mark.name} line {key.start_mark.line + 1}: {key.value} stands twice")
            seen.add(key.value)
        return super().construct_mapping(node, deep)


def intrinsic(reader, suffix, node):
    """`!Sub x` as {"Fn::Sub": "x"}."""
    if isinstance(node, yaml.ScalarNode):
        value = reader.construct_scalar(node)
        if suffix in DOTTED:
            value = value.split(".", 1)
    elif isinstance(node, yaml.SequenceNode):
        value = reader.construct_sequence(node, deep=True)
    else:
        value = reader.construct_mapping(node, deep=True)
    return {suffix if suffix in BARE else f"Fn::{suffix}": value}


Reader.add_multi_constructor("!", intrinsic)
# `Version: 2012-10-17` is a text to CloudFormation.
Reader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def load(path):
    """A template as a dict. A bare name is looked for in infra/."""
    path = Path(path)
    if not path.is_absolute() and not path.exists():
        path = INFRA / path
    with open(path, encoding="utf-8") as file:
        return yaml.load(file, Reader)


def of_type(template, kind):
    """All resources of a type, by logical id. None at all is an error: a check that selects nothing proves nothing."""
    found = {name: one for name, one in template["Resources"].items() if one["Type"] == kind}
    if not found:
        raise LookupError(f"the template has no {kind}")
    return found


def changed(template, path, value=NOTHING):
    """A copy with one thing changed, or taken out if no value is given: to show that an assertion sees it.

    The path is dotted (`Resources.Table.Properties.Tags.0`). What is taken out has to be there, what is set, its parent.
    """
    *way, last = path.split(".")
    step = lambda place, name: place[int(name)] if isinstance(place, list) else place[name]
    made = copy.deepcopy(template)
    place = made
    for name in way:
        place = step(place, name)
    key = int(last) if isinstance(place, list) else last
    if value is NOTHING:
        del place[key]
    elif isinstance(place, list) and key == len(place):
        place.append(value)
    else:
        if isinstance(place, dict) and place.get(key) == value:
            raise ValueError(f"{path} is {value!r} already: nothing is changed")
        place[key] = value
    return made


class Settings(dict):
    """Values of parameters and pseudo parameters; `conditions` by name; `mappings` of the template."""

    def __init__(self, values, conditions=(), mappings=None, resources=()):
        super().__init__(values)
        self.conditions, self.mappings, self.resources = dict(conditions), mappings or {}, set(resources)


def settings(template, **given):
    """What a deployment with these parameters knows; pseudo parameters by AWS_Region and the like."""
    pseudo = {name.replace("_", "::", 1): value for name, value in given.items() if name.startswith("AWS_")}
    given = {name: value for name, value in given.items() if not name.startswith("AWS_")}
    declared = template.get("Parameters", {})
    for name in given:
        if name not in declared:
            raise KeyError(f"the template has no parameter {name}")
    values = {**PSEUDO, **pseudo}
    for name, parameter in declared.items():
        value = given.get(name, parameter.get("Default"))
        if value is None:
            continue
        is_list = parameter["Type"] == "CommaDelimitedList" or parameter["Type"].startswith("List<")
        if is_list and isinstance(value, str):
            value = [part.strip() for part in value.split(",")] if value else []
        # Numbers are texts in CloudFormation, and come out as such.
        values[name] = value if is_list else str(value)
    known = Settings(values, {}, template.get("Mappings"), template.get("Resources", {}))
    todo = template.get("Conditions", {})
    for name in todo:
        decide(name, todo, known, ())
    return known


def decide(name, todo, known, path):
    """Whether a condition holds; those that it rests on are decided first."""
    if name in path:
        raise ValueError(f"condition {name} rests on itself")
    if name not in known.conditions:
        if name not in todo:
            raise KeyError(f"the template has no condition {name}")
        for other in mentioned(todo[name]):
            decide(other, todo, known, (*path, name))
        known.conditions[name] = resolve(todo[name], known)
    return known.conditions[name]


def mentioned(value):
    """Names of the conditions in a condition."""
    if isinstance(value, dict):
        if list(value) == ["Condition"]:
            return [value["Condition"]]
        value = list(value.values())
    return [name for part in value for name in mentioned(part)] if isinstance(value, list) else []


def resolve(value, parameters, imports=None):
    """A value with parameters, conditions, mappings and imports put in. Refs and GetAtts of resources stay."""
    found = resolved(value, parameters, imports or {})
    return None if found is NOTHING else found


def resolved(value, known, imports):
    again = lambda inner: resolved(inner, known, imports)
    if isinstance(value, list):
        return [one for one in map(again, value) if one is not NOTHING]
    if not isinstance(value, dict):
        return value
    if len(value) == 1:
        (name, inner), = value.items()
        if name == "Condition" and isinstance(inner, str):
            return known.conditions[inner]
        if name == "Ref":
            return ref(inner, known)
        if name == "Fn::GetAtt":
            return value
        if name in FUNCTIONS:
            return FUNCTIONS[name](inner, known, imports)
        if name.startswith("Fn::"):
            raise NotImplementedError(f"{name} is not known here: add it to infra/checks/template.py")
    # A resource that its condition leaves out is still a dict with `Condition`: the name stays beside its other keys.
    is_name = lambda key, inner: key == "Condition" and isinstance(inner, str)
    inside = {key: inner if is_name(key, inner) else again(inner) for key, inner in value.items()}
    return {key: inner for key, inner in inside.items() if inner is not NOTHING}


def ref(name, known):
    if name == "AWS::NoValue":
        return NOTHING
    if name in known:
        return known[name]
    resources = getattr(known, "resources", None)
    if resources is not None and name not in resources:
        raise KeyError(f"Ref {name}: neither a parameter with a value nor a resource")
    return {"Ref": name}


def sub(inner, known, imports):
    text, own = (inner, {}) if isinstance(inner, str) else inner
    own = {name: resolved(one, known, imports) for name, one in own.items()}

    def put(match):
        name = match[1]
        if name.startswith("!"):
            return "${" + name[1:] + "}"
        one = own[name] if name in own else match[0] if "." in name else ref(name, known)
        # The attribute of a resource has no value yet.
        return one if isinstance(one, str) else match[0]

    return re.sub(r"\$\{([^}]+)\}", put, text)


def choose(inner, known, imports):
    name, yes, no = inner
    return resolved(yes if known.conditions[name] else no, known, imports)


def join(inner, known, imports):
    between, parts = inner[0], resolved(inner[1], known, imports)
    if isinstance(parts, list) and all(isinstance(part, str) for part in parts):
        return between.join(parts)
    return {"Fn::Join": [between, parts]}


def select(inner, known, imports):
    index, parts = resolved(inner, known, imports)
    return parts[int(index)] if isinstance(parts, list) else {"Fn::Select": [index, parts]}


def split(inner, known, imports):
    between, text = inner[0], resolved(inner[1], known, imports)
    return text.split(between) if isinstance(text, str) else {"Fn::Split": [between, text]}


def find_in_map(inner, known, imports):
    name, first, second = resolved(inner, known, imports)
    return known.mappings[name][first][second]


def import_value(inner, known, imports):
    name = resolved(inner, known, imports)
    if name not in imports:
        raise KeyError(f"nothing exports {name}")
    return imports[name]


def equals(inner, known, imports):
    one, other = resolved(inner, known, imports)
    return str(one) == str(other)


def stays(name):
    """A function whose value only a deployment has: its arguments are put in, no more."""
    return lambda inner, known, imports: {name: resolved(inner, known, imports)}


FUNCTIONS = {
    "Fn::And": lambda inner, known, imports: all(resolved(inner, known, imports)),
    "Fn::Cidr": stays("Fn::Cidr"),
    # Of Rules.
    "Fn::Contains": lambda inner, known, imports: resolved(inner[1], known, imports) in resolved(inner[0], known, imports),
    "Fn::Equals": equals,
    "Fn::FindInMap": find_in_map,
    "Fn::GetAZs": stays("Fn::GetAZs"),
    "Fn::If": choose,
    "Fn::ImportValue": import_value,
    "Fn::Join": join,
    "Fn::Not": lambda inner, known, imports: not resolved(inner, known, imports)[0],
    "Fn::Or": lambda inner, known, imports: any(resolved(inner, known, imports)),
    "Fn::Select": select,
    "Fn::Split": split,
    "Fn::Sub": sub,
}


def exports(template, known, stack):
    """What a template exports as a stack of this name: export names with their values, for `resolve`."""
    here = Settings({**known, "AWS::StackName": stack}, known.conditions, known.mappings, known.resources)
    found = {}
    for output in template.get("Outputs", {}).values():
        if "Export" in output and here.conditions.get(output.get("Condition"), True):
            found[resolve(output["Export"]["Name"], here)] = resolve(output["Value"], here)
    return found
