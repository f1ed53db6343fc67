"""The command line of infra/deploy, and what of it can be wrong before anything is asked."""

import argparse
import re

from . import constraints
from .stacks import template_path

NAME = re.compile(r"[a-z][a-z0-9-]{1,20}")
# Parameters that this tool fills itself.
OWN = ("FleetName", "StorageStack", "ImageUri", "CpuArchitecture", "DefaultModelId")

# Flags that say a parameter, where it is not --param.
FLAGS = {
    "VpcId": "--vpc-id",
    "SubnetIds": "--subnet-ids",
    "SecurityGroupIds": "--security-group-ids",
    "AlarmEmail": "--alarm-email",
    "ImageUri": "--image",
}
# Names of Regions, those of other partitions as well: us-gov-west-1, eusc-de-east-1.
REGION = re.compile(r"[a-z]{2,4}(-[a-z]+){1,2}-[0-9]{1,2}")


def read(arguments, description):
    """The options; a usage error ends the process with exit code 64."""
    parser = Parser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--name", default="annexa", help="the fleet: what all names begin with (default: annexa)")
    parser.add_argument("--region", help="AWS Region (default: that of the environment or the profile)")
    parser.add_argument("--profile", help="a profile of the AWS CLI")
    model = parser.add_argument_group("the model")
    model.add_argument(
        "--model",
        action="append",
        default=[],
        metavar="ID",
        help="a model that jobs may use, by id as `annexa models` lists it; the first is the default. Again for more",
    )
    model.add_argument("--tokens-per-minute", type=positive, metavar="N", help="your quota for the default model")
    model.add_argument("--requests-per-minute", type=positive, metavar="N", help="your quota for the default model")
    place = parser.add_argument_group("where it runs")
    place.add_argument(
        "--network",
        choices=["public", "private", "existing"],
        help="public: a VPC without ingress (default); private: no way out but endpoints; existing: yours",
    )
    place.add_argument("--vpc-id", help="your VPC (existing)")
    place.add_argument("--subnet-ids", help="your subnets, comma between (existing)")
    place.add_argument("--security-group-ids", help="your security groups, comma between (existing; none: one is made)")
    place.add_argument(
        "--platform",
        choices=["linux/amd64", "linux/arm64"],
        help="what the image is built for (default: as it runs, else this machine's)",
    )
    place.add_argument(
        "--image",
        metavar="URI",
        help="take this image of the fleet's repository and build none: REPOSITORY@sha256:... or REPOSITORY:TAG",
    )
    place.add_argument("--alarm-email", metavar="ADDRESS", help="where alarms are mailed to")
    place.add_argument(
        "--param",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="any other parameter of storage.yaml or fleet.yaml",
    )
    how = parser.add_argument_group("how")
    how.add_argument(
        "--dry-run", action="store_true", help="print every command that would change something, and change nothing"
    )
    how.add_argument("--yes", action="store_true", help="do not ask")
    how.add_argument("--storage-only", action="store_true", help="deploy buckets, queues and table, and no services")
    how.add_argument(
        "--allow-replacement", action="store_true", help="let a change remove or replace a bucket, queue, table or key"
    )
    how.add_argument(
        "--wait",
        action="store_true",
        help="change nothing: wait for what is under way, however it was begun, and let old tasks go",
    )
    how.add_argument("--delete", action="store_true", help="take the fleet down; what holds data stays")
    how.add_argument(
        "--keep-storage",
        action="store_true",
        help="with --delete: only the services go, and all data and work stays where it is",
    )
    return parser.parse_args(arguments)


class Parser(argparse.ArgumentParser):
    """Usage errors have the exit code that all of Annexa's commands have."""

    def error(self, message):
        self.print_usage()
        self.exit(64, f"deploy: {message}\n")


def positive(text):
    """A number above 0."""
    if not re.fullmatch(r"[1-9][0-9]*", text):
        raise argparse.ArgumentTypeError(f"'{text}' is no number above 0")
    return text


def problems(options):
    """What is wrong with the options by themselves."""
    found = []
    if not NAME.fullmatch(options.name):
        found.append(f"--name '{options.name}': 2 to 21 lower-case letters, digits and dashes, a letter first")
    for file in ("storage", "fleet"):
        if not template_path(file).is_file():
            found.append(f"{template_path(file)} is missing: deploy from a whole clone")
    known = {name for file in ("storage", "fleet") for name in asked_by(file)}
    for given in options.param:
        key, equals, _ = given.partition("=")
        if not equals:
            found.append(f"--param '{given}': KEY=VALUE is expected")
        elif key in OWN:
            found.append(f"--param {key}: that is set by this tool (--name, --image, --platform, --model)")
        elif known and key not in known:
            found.append(f"--param {key}: neither template has such a parameter")
    found += wrong_values(options)
    existing = said_of(options, "--vpc-id", "--subnet-ids", "--security-group-ids")
    if existing and options.network not in (None, "existing"):
        found.append(f"{', '.join(existing)}: only with --network existing")
    if options.network == "existing":
        needed = [flag for flag in ("--vpc-id", "--subnet-ids") if flag not in existing]
        found += [f"--network existing: {flag} is needed" for flag in needed]
    if options.wait and (options.delete or options.model or options.image or options.param or options.storage_only):
        found.append("--wait: only with --name, --region and --profile")
    if options.storage_only:
        found += [f"--storage-only: without {word}: that is the fleet's" for word in words_of_the_fleet(options)]
    if options.keep_storage and not options.delete:
        found.append("--keep-storage: only with --delete")
    if options.delete:
        found += [f"--delete: without {flag}" for flag in said_of(options, "--model", "--image", "--storage-only")]
    return found


def asked_by(file):
    """The parameters of a template and what it asks of each; none where it is missing."""
    path = template_path(file)
    return constraints.read(path.read_text()) if path.is_file() else {}


def words_of_the_fleet(options):
    """What of the command line says something about the services, their image or their network alone."""
    flags = said_of(
        options,
        *("--model", "--tokens-per-minute", "--requests-per-minute"),
        *("--network", "--vpc-id", "--subnet-ids", "--security-group-ids"),
        *("--platform", "--image", "--alarm-email"),
    )
    storage, fleet = (asked_by(file) for file in ("storage", "fleet"))
    keys = [given.partition("=")[0] for given in options.param]
    of_fleet = [f"--param {key}" for key in keys if key in fleet and key not in storage and key not in OWN]
    return flags + of_fleet


def said_of(options, *flags):
    """Those of the flags that are said."""
    return [flag for flag in flags if getattr(options, flag.removeprefix("--").replace("-", "_"))]


def wrong_values(options):
    """What the templates do not take of what the options say."""
    said = {**said_of_parameters(options), "ImageUri": by_digest(options.image)}
    asked = {}
    for file in ("fleet", "storage"):
        asked |= asked_by(file)
    return [
        f"{FLAGS.get(key, f'--param {key}')} '{value}': {wrong}"
        for key, value in said.items()
        if value is not None
        # A name is judged by itself.
        and key not in ("FleetName", "StorageStack")
        and key in asked
        and (wrong := constraints.problem(asked[key], value))
    ]


def by_digest(image):
    """An image as the template takes it; one by tag is looked up later."""
    return image if image and "@" in image else None


def parameters(options, file):
    """What the options say about the parameters of a template, as far as nobody has to be asked."""
    known = asked_by(file)
    return {key: value for key, value in said_of_parameters(options).items() if value is not None and key in known}


def said_of_parameters(options):
    """What the options say about parameters of any template; None where they say nothing."""
    return {
        "FleetName": options.name,
        "StorageStack": f"{options.name}-storage",
        "TokensPerMinute": options.tokens_per_minute,
        "RequestsPerMinute": options.requests_per_minute,
        "Network": options.network,
        "VpcId": options.vpc_id,
        "SubnetIds": options.subnet_ids,
        "SecurityGroupIds": options.security_group_ids,
        "AlarmEmail": options.alarm_email,
        "DefaultModelId": options.model[0] if options.model else None,
        **dict(given.split("=", 1) for given in options.param if "=" in given),
    }
