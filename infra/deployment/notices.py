"""Who is told of jobs that end: what the template cannot look at, looked at before anything is made.

ECS reads the webhook's secret when it starts an aggregator, and starts none where it cannot: then no job ends. So it is
read once here, as you; its text is looked at and shown nowhere.
https://docs.aws.amazon.com/AmazonECS/latest/developerguide/secrets-envvar-secrets-manager.html
"""

import base64
import binascii

from .commands import CommandFailed, Commands, Stop, warn

# src/notices/signature.rs has the same: what Standard Webhooks asks of a secret.
PREFIX, LEAST_BYTES, MOST_BYTES = "whsec_", 24, 64
# What nobody else may do better: the secret is not there, or going.
GONE = ("ResourceNotFoundException", "InvalidRequestException")


def check(found, fleet):
    """Looks at what the fleet will have; `fleet` are the parameters that are said. Raises Stop with all that is wrong."""
    told = lambda name: fleet[name] if name in fleet else found.parameter(name)
    wrong = []
    topic = told("NotifyTopicArn")
    if topic and told("Network") == "private" and topic.split(":")[3] != found.commands.region:
        wrong.append(
            f"NotifyTopicArn is in {topic.split(':')[3]}, and with Network=private the aggregator reaches "
            f"{found.commands.region} alone: take a topic there"
        )
    secret = told("NotifyWebhookSecretArn")
    if secret and found.caller:
        texts = of_secret(found.commands, secret, told("NotifyWebhookSecretKeyArn"))
        wrong += [f"NotifyWebhookSecretArn: {text}" for text in texts]
    if wrong:
        raise Stop("\n".join(["nothing was done:", *(f"  - {text}" for text in wrong)]), 64)


def of_secret(commands, secret, key):
    """What is wrong with the secret, without its text."""
    there = Commands(secret.split(":")[3], commands.profile, commands.dry_run)
    asked = lambda what: there.look("secretsmanager", what, "--secret-id", secret)
    wrong = []
    try:
        own = asked("describe-secret").get("KmsKeyId", "")
        if own and not own.endswith("alias/aws/secretsmanager") and not key:
            wrong.append(
                f"it is encrypted with key {own}: say --param NotifyWebhookSecretKeyArn=ARN, so that ECS may use it"
            )
        if not is_secret(asked("get-secret-value").get("SecretString", "")):
            wrong.append(
                "it is no secret for webhooks: as plain text (not JSON) whsec_ and 24 to 64 bytes in Base64 is expected: "
                'SECRET="whsec_$(openssl rand -base64 32)"'
            )
    except CommandFailed as failure:
        if any(word in failure.words for word in GONE):
            return [f"ECS could start no aggregator, and no job would end: {failure.words}"]
        warn(
            f"NotifyWebhookSecretArn: you may not read it, so nobody has looked whether it is right; an aggregator does not "
            f"start where ECS cannot read it: {failure.words}"
        )
    return wrong


def is_secret(text):
    """Whether the aggregator takes it."""
    if not text.strip().startswith(PREFIX):
        return False
    try:
        key = base64.b64decode(text.strip().removeprefix(PREFIX), validate=True)
    except binascii.Error:
        return False
    return LEAST_BYTES <= len(key) <= MOST_BYTES
