"""What IAM has to allow for a model id: the profile, and the foundation models behind it.

A profile's own ARN is in the Region of the call and has the account; the models behind it must be allowed in every
Region that the profile may choose: https://docs.aws.amazon.com/bedrock/latest/userguide/inference-profiles-prereq.html
A global profile has its model in the Region of the call and one without any Region:
https://docs.aws.amazon.com/bedrock/latest/userguide/global-cross-region-inference.html
"""

import re
from dataclasses import dataclass, field

from .commands import CommandFailed, Stop, say, warn

# The offline model: nobody is called, so nothing has to be allowed.
OFFLINE = "precedents"
# What stands before a vendor in a profile's id (src/catalog/geography.rs has the same list).
GEOGRAPHIES = ("us", "us-gov", "eu", "apac", "au", "jp", "in", "ca", "global")

# The geographies of Regions, by a whole name or its beginning; the first that fits (the same list).
PLACES = (
    (("ap-northeast-1", "ap-northeast-3"), ("jp", "apac")),
    (("ap-southeast-2", "ap-southeast-4"), ("au", "apac")),
    (("ap-south-1", "ap-south-2"), ("in", "apac")),
    (("ap-",), ("apac",)),
    (("us-gov-",), ("us-gov",)),
    (("us-",), ("us",)),
    (("eu-",), ("eu",)),
    (("ca-",), ("ca",)),
)
# Geographies that a Region's neighbours have, and that AWS may offer there, too: only Bedrock can say.
NEIGHBOURS = {"ap-": ("apac", "au", "in", "jp"), "ca-": ("ca", "us")}


@dataclass
class Arns:
    """ARNs for the parameters FoundationModelArns and InferenceProfileArns."""

    models: list = field(default_factory=list)
    profiles: list = field(default_factory=list)

    def add(self, other):
        """Takes those of another model, each once, in order."""
        self.models += [arn for arn in other.models if arn not in self.models]
        self.profiles += [arn for arn in other.profiles if arn not in self.profiles]


def partition(region):
    """The partition of a Region."""
    if region.startswith("us-gov-"):
        return "aws-us-gov"
    return "aws-cn" if region.startswith("cn-") else "aws"


def problems(models, region):
    """What is wrong with model ids for a Region, as far as nobody has to be asked."""
    found = []
    for model in models:
        if model.startswith("arn:"):
            if not re.fullmatch(r"[A-Za-z0-9:/._-]+", model):
                found.append(f"--model '{model}': an ARN has no such characters")
        elif not re.fullmatch(r"[a-z0-9.:-]+", model):
            found.append(f"--model '{model}': ids have small letters, digits, dots, colons and dashes only")
        elif wanted := elsewhere(model, region):
            found.append(f"--model '{model}': a profile of another geography; {region} has {wanted}")
    return found


def elsewhere(model, region):
    """The prefixes of profiles that a Region may have where the model's is none of them, else None.

    Where this version knows no geography (sa-, me-, ...), only Bedrock can say: UAE, for one, is among those of APAC
    (https://docs.aws.amazon.com/cdk/api/v2/python/aws_cdk.aws_bedrock_alpha/CrossRegionInferenceProfileRegion.html).
    """
    prefix, _, base = model.partition(".")
    places = next((geographies for names, geographies in PLACES if region.startswith(names)), ())
    if not places or prefix not in GEOGRAPHIES or "." not in base:
        return None
    # What is called global answers in Regions of one partition.
    everywhere = ("global",) if partition(region) == "aws" else ()
    near = next((more for start, more in NEIGHBOURS.items() if region.startswith(start)), ())
    possible = dict.fromkeys((*places, *near, *everywhere))
    return None if prefix in possible else ", ".join(f"{one}." for one in possible)


def by_rule(model, region, account):
    """The ARNs as the id tells them, every Region allowed behind a geographic profile. Raises Stop."""
    if model == OFFLINE:
        return Arns()
    if model.startswith("arn:"):
        return of_arn(model, region, account)
    prefix, _, base = model.partition(".")
    bedrock = f"arn:{partition(region)}:bedrock"
    if prefix not in GEOGRAPHIES or "." not in base:
        if "." not in model:
            raise Stop(f"--model '{model}' is no model id: `annexa models` lists them", 64)
        return Arns([f"{bedrock}:{region}::foundation-model/{model}"])
    profile = f"{bedrock}:{region}:{account}:inference-profile/{model}"
    if prefix == "global":
        return Arns([f"{bedrock}:{where}::foundation-model/{base}" for where in (region, "")], [profile])
    return Arns([f"{bedrock}:*::foundation-model/{base}"], [profile])


def of_arn(model, region, account):
    """The same where the model is given as an ARN."""
    parts = model.split(":", 5)
    kind, _, name = parts[5].partition("/") if len(parts) == 6 else ("", "", "")
    if kind == "foundation-model":
        return Arns([model])
    if kind == "inference-profile":
        return Arns(by_rule(name, parts[3] or region, account).models, [model])
    if kind == "application-inference-profile":
        # Its ARN does not tell the model: Bedrock has to be asked.
        return Arns([], [model])
    raise Stop(
        f"--model '{model}': which ARNs to allow for it is not known: name them by --param FoundationModelArns=...", 64
    )


def arns(commands, models, account):
    """The ARNs for all models; where Bedrock can be asked, a profile that is not there is an error. Raises Stop."""
    together = Arns()
    for model in models:
        found = by_rule(model, commands.region, account)
        if found.profiles:
            found = checked(commands, model, found)
        together.add(found)
    return together


def checked(commands, model, rule):
    """Asks Bedrock for the profile.

    What is allowed stays the rule's where there is one: the models behind it in every Region, for the role binds them
    to the profile, and a Region that AWS adds to the profile later is no AccessDenied then.
    """
    try:
        answer = commands.look("bedrock", "get-inference-profile", "--inference-profile-identifier", model)
    except CommandFailed as failure:
        if not rule.models:
            raise Stop(f"the models behind '{model}' are not known: {failure}") from failure
        if "ResourceNotFoundException" in failure.words or "ValidationException" in failure.words:
            raise Stop(
                f"there is no profile '{model}' in {commands.region}: `annexa models` lists them", 64
            ) from failure
        say(f"model     {model}: Bedrock was not asked whether it is there")
        return rule
    listed = sorted({entry["modelArn"] for entry in answer.get("models", [])})
    regions = ", ".join(sorted({arn.split(":")[3] or "any Region" for arn in listed}))
    say(f"model     {model}: answers in {regions}")
    return rule if rule.models else Arns(listed, rule.profiles)


def try_out(commands, models):
    """Has each model say a word, as you: an account's first call also subscribes to the model, which workers may not.

    https://docs.aws.amazon.com/bedrock/latest/userguide/model-access.html
    A model that does not answer is said and no more: the fleet can be made, and access given later.
    """
    for model in models:
        if model == OFFLINE:
            continue
        messages = '[{"role": "user", "content": [{"text": "Say yes."}]}]'
        what = ("--messages", messages, "--inference-config", '{"maxTokens": 16}')
        try:
            commands.change("bedrock-runtime", "converse", "--model-id", model, *what)
        except CommandFailed as failure:
            warn(f"{model} does not answer you yet (docs/TROUBLESHOOTING.md): {failure.words}")


def point_out_logging(commands, models):
    """Says so if the account logs what is sent to models: Bedrock then stores report text."""
    if set(models) <= {OFFLINE}:
        return
    try:
        answer = commands.look("bedrock", "get-model-invocation-logging-configuration")
    except CommandFailed:
        # Who may not look is told of it in the docs.
        return
    found = answer.get("loggingConfig") or {}
    places = [
        place.get("bucketName") or place.get("logGroupName")
        for place in (found.get("s3Config"), found.get("cloudWatchConfig"))
        if place
    ]
    if places and found.get("textDataDeliveryEnabled", True):
        warn(
            f"this account logs what is sent to models: report text will lie in {', '.join(places)} (docs/SECURITY.md)"
        )
