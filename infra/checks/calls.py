"""Which operations of AWS the code calls, read from the source, and which IAM actions they take (actions.json).

    from calls import actions, operations, table

The SDK's operations are methods without arguments of a client (`client.send_message_batch()`). All that is called on
something named client counts, whatever its name; so does every name that the SDK's crates give to an operation, wherever
it is called in a file that uses the SDK (the crates are found in cargo's registry; without it, the table's names serve).
"""

import json
import os
import re
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
ADAPTERS = "src/adapters/aws"
# Not the SDK: the container agent of ECS calls it when the task asks so over plain HTTP.
BESIDE_THE_SDK = {"UpdateTaskProtection": ("src/adapters/aws/protection.rs", "/task-protection/v1/state")}
# Makes a table for tests; no service and no command calls it.
FOR_TESTS = {"src/adapters/aws/dynamodb/schema.rs": ("create_table", "describe_table", "update_time_to_live")}
# Methods of the SDK's request builders, in a module beside the operations.
NO_OPERATIONS = {"customize"}


def table():
    """Actions by operation: {"GetObject": {"s3:GetObject", ..}}. Names are the same in no two services."""
    services = json.loads((HERE / "actions.json").read_text())["services"]
    found = {}
    for rows in services.values():
        for operation, actions in rows.items():
            if operation in found:
                raise ValueError(f"actions.json: {operation} stands twice")
            found[operation] = {action for action, _ in actions}
    return found


def snake(operation):
    """`ListObjectsV2` as the SDK's method: list_objects_v2."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", operation).lower()


def names_of_the_sdk():
    """Every operation's method of the SDK crates that the code uses, as far as cargo's registry is here."""
    registry = Path(os.environ.get("CARGO_HOME") or Path.home() / ".cargo") / "registry" / "src"
    used = set(re.findall(r'^aws-sdk-\w+', (ROOT / "Cargo.toml").read_text(), re.MULTILINE))
    crates = [crate for crate in registry.glob("*/aws-sdk-*") if crate.name.rsplit("-", 1)[0] in used]
    return {file.stem for crate in crates for file in (crate / "src" / "client").glob("*.rs")}


def source():
    """The program's own code by path, without its tests."""
    files = {str(path.relative_to(ROOT)): path.read_text() for path in sorted((ROOT / "src").rglob("*.rs"))}
    return {path: text for path, text in files.items() if not re.search(r"(/|_)tests?(_\w+)?(/|\.rs)", path)}


def operations(files=None):
    """Every operation that is called, as the API names it, with the files that do. An unknown method of a client is an error."""
    files = source() if files is None else files
    known = {snake(operation): operation for operation in table()}
    names = set(known) | names_of_the_sdk()
    found = {}
    for path, text in files.items():
        called = set(re.findall(r"\bclient\s*\.\s*(\w+)\(\)", text)) if path.startswith(ADAPTERS) else set()
        if "aws_sdk_" in text:
            called |= set(re.findall(r"\.\s*(\w+)\(\)", text)) & names
        for name in called - NO_OPERATIONS - set(FOR_TESTS.get(path, ())):
            if name not in known:
                raise LookupError(f"{path} calls {name}(): add the operation and its actions to infra/checks/actions.json")
            found.setdefault(known[name], set()).add(path)
        for operation, (where, call) in BESIDE_THE_SDK.items():
            if path == where and call in text:
                found.setdefault(operation, set()).add(path)
    if not found:
        raise LookupError("no operation is found in the source")
    return found


def actions(files=None):
    """The IAM actions that the code takes."""
    rows = table()
    return {action for operation in operations(files) for action in rows[operation]}
