"""What infra/deploy says: before it begins, and in the end."""

import json

from imaging import building

from . import costs, tasks
from . import options as given
from .commands import say
from .models import partition

# Days that a dropped file's message waits (MessageRetentionPeriod of the inbox queue).
DROPPED_DAYS = 14
# A lifecycle that empties a bucket with versions: current ones after a day, then their markers and what they replaced.
EMPTIED = {
    "Rules": [
        {
            "ID": "empty",
            "Status": "Enabled",
            "Filter": {},
            "Expiration": {"Days": 1},
            "NoncurrentVersionExpiration": {"NoncurrentDays": 1},
        },
        {"ID": "markers", "Status": "Enabled", "Filter": {}, "Expiration": {"ExpiredObjectDeleteMarker": True}},
    ]
}


def introduce(options, found, platform):
    """Says where, as whom, what, and what it costs."""
    say(f"fleet     {options.name}: {'update' if found.storage else 'first deployment'}")
    say(f"account   {found.account}, as {found.caller or 'nobody (no credentials)'}")
    say(f"Region    {found.commands.region}")
    if options.storage_only:
        return
    told = {**found.defaults(), **given.parameters(options, "fleet")}

    def setting(key):
        return told[key] if key in told else found.parameter(key)

    say(f"default   {setting('DefaultModelId') or 'the cheapest profile of the geography'}")
    if any(model.startswith("global.") for model in options.model):
        say("          a global. profile may answer in any Region of the world: reports can leave their geography")
    say(f"image     {options.image or f'{building.version()} for {platform}, built by {found.tool}'}")
    say(f"network   {setting('Network') or 'public'}")
    if found.defaults() and setting("WorkerCapacity") == "on-demand":
        what = f"on demand: whether {partition(found.commands.region)} has Fargate Spot is not known"
        say(f"workers   {what} (--param WorkerCapacity=spot to try)")
    say(f"idle cost {costs.idle(setting)}; tokens and task hours come with the work")
    if not (setting("AlarmEmail") or setting("AlarmTopicArn")):
        say("alarms    nobody is told: --alarm-email ADDRESS")


def farewell(options, found, storage, fleet):
    """What to do now. `storage`, `fleet`: outputs of the stacks."""
    commands = found.commands
    at = where(commands)
    annexa = f"annexa --stack {options.name}{f' --region {commands.region}' if options.region else ''}"
    say()
    say(f"drop      aws s3 cp reports.csv s3://{storage['InboxBucket']}/{storage['InboxPrefix']}{at}")
    say(f"watch     {annexa} jobs, {annexa} status JOB --watch")
    say(f"or both   {annexa} submit reports.csv --wait")
    say(f"results   aws s3 cp s3://{storage['OutputBucket']}/results/JOB/ results --recursive{at}")
    if fleet.get("DashboardUrl"):
        say(f"look      {fleet['DashboardUrl']}")
    say(f"image     {fleet.get('ImageUri', '')}")
    say("          --image with this name brings this image back")
    address = given.parameters(options, "fleet").get("AlarmEmail")
    if address and address != found.parameter("AlarmEmail"):
        say(f"confirm   the mail that AWS sends to {address}: before that no alarm reaches it")
    asleep = tasks.asleep(commands, fleet) if found.fleet else []
    if asleep and fleet.get("ImageUri") != found.parameter("ImageUri"):
        say(f"asleep    {', '.join(asleep)}: this image has not started there yet, and whether it does is not seen")
        say("          to see it, wake them with a job that pays for no tokens:")
        say(f"          {annexa} submit examples/maude_sample.csv --model precedents --again --wait")


def storage_is_there(options, found, storage):
    """What --storage-only made, and what comes next. `storage`: outputs of the stack."""
    again = [
        f"{flag} {value}"
        for flag, value in (("--name", options.name), ("--region", options.region), ("--profile", options.profile))
        if value and (flag, value) != ("--name", "annexa")
    ]
    say()
    say(f"inbox     s3://{storage['InboxBucket']}/{storage['InboxPrefix']}")
    say(f"results   s3://{storage['OutputBucket']}")
    if found.fleet:
        say("next      the fleet is there and was left as it is")
    else:
        say(f"next      {' '.join(['infra/deploy', *again, '--model ID'])}: the services; `annexa models` lists ids")
        say(f"          until then what is dropped waits, {DROPPED_DAYS} days at most")


def unchecked(options):
    """The end of a dry run that could ask nobody."""
    parts = ["credentials", "whether the stacks are there and what they are set to", "what an earlier fleet has kept"]
    if not (options.delete or options.storage_only):
        parts.append("whether the account has the roles of ECS and of its scaling")
    if options.model:
        parts.append(f"whether {', '.join(options.model)} is there and answers")
    say()
    say(f"not checked: {'; '.join(parts)}: AWS could not be asked")


def announce_deletion(options, found):
    """Says what --delete takes away, and what not."""
    commands = found.commands
    say(f"fleet     {options.name} in {commands.region}, account {found.account}: to be taken down")
    if options.keep_storage:
        say(
            "          services, roles and alarms go; buckets, queues and table stay, and infra/deploy --model ... "
            "brings the fleet back to its work"
        )
    else:
        say(
            "          services, roles, alarms and queues go, with messages that wait: jobs that have not ended "
            "will not end"
        )
        say(
            "          buckets, table, key, logs and images stay, and a fleet of this name cannot be made again "
            "before they are removed"
        )


def what_waits(options, found):
    """What becomes of files that are dropped while no fleet is there."""
    if not found.storage:
        return
    outputs = {one["OutputKey"]: one["OutputValue"] for one in found.storage.get("Outputs", [])}
    key = f"s3://{outputs.get('InboxBucket', 'INBOX')}/{outputs.get('InboxPrefix', 'inbox/')}NAME.csv"
    say()
    say(f"Files that are dropped now wait for the next fleet, {DROPPED_DAYS} days at most. One that has waited longer stays")
    say("in the bucket and has to be announced again:")
    say(f"  aws s3 cp {key} {key} --metadata-directive REPLACE{where(found.commands)}")


def what_stays(options, found, outputs, head):
    """What a deleted fleet leaves, after `head`. `outputs`: those of the storage stack as it was."""
    region = found.commands.region
    say()
    say(head)
    say("To remove it for good, with all inputs, results and paid answers, as far as it is still there:")
    for line in removal(options.name, f"{found.account}-{region}", region, outputs.get("KeyArn", "KEY")):
        say(f"  {line}")


def where(commands):
    """Flags that have the AWS CLI work in the same place as the same person."""
    return f" --region {commands.region}" + (f" --profile {commands.profile}" if commands.profile else "")


def removal(name, ends, region, key):
    """The commands that remove what a deleted stack leaves. The inbox keeps versions: they go first."""
    inbox, results, at = f"{name}-inbox-{ends}", f"{name}-results-{ends}", f"--region {region}"
    return [
        f"aws s3 rm s3://{results} --recursive {at}",
        f"aws s3 rb s3://{results} {at}",
        f"aws s3api put-bucket-lifecycle-configuration --bucket {inbox} {at} "
        f"--lifecycle-configuration '{json.dumps(EMPTIED)}'",
        f"aws s3 rb s3://{inbox} {at}        (two days later, when S3 has removed all versions)",
        f"aws dynamodb update-table --table-name {name} --no-deletion-protection-enabled {at}",
        f"aws dynamodb delete-table --table-name {name} {at}",
        f"aws ecr delete-repository --repository-name {name} --force {at}",
        *(
            f"aws logs delete-log-group --log-group-name /annexa/{name}/{part} {at}"
            for part in ("splitter", "worker", "aggregator")
        ),
        f"aws kms schedule-key-deletion --key-id {key} {at}        (last: what it encrypted can never be read again)",
    ]
