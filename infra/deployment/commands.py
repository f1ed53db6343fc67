"""Runs the AWS CLI and the image builder as processes: what only looks is run, what changes is shown first.

With `dry_run`, commands that change are shown and not run, and a look that fails is an unknown and no error.
"""

import json
import os
import shlex
import subprocess
import sys
import time

# Looks that fail one after the other before a wait is given up.
PATIENCE = 8

class Stop(Exception):
    """The deployment cannot go on. The text is for the user; `code` is the exit code."""

    def __init__(self, text, code=1):
        super().__init__(text)
        self.code = code


class CommandFailed(Stop):
    """A command ended with an error. `words` is what it said on stderr."""

    def __init__(self, argv, code, words):
        self.words = words.strip()
        short = shlex.join(argv[:3]) + (" ..." if argv[3:] else "")
        super().__init__(f"`{short}` ended with exit code {code}: {self.words or 'it said nothing'}")


class Commands:
    """Commands for one Region and profile."""

    def __init__(self, region, profile=None, dry_run=False):
        self.region = region
        self.profile = profile
        self.dry_run = dry_run
        # AWS CLI v2 opens a pager otherwise.
        self.environment = {**os.environ, "AWS_PAGER": ""}

    def aws(self, *arguments):
        """The command line of the AWS CLI for these arguments."""
        where = ["--region", self.region] if self.region else []
        who = ["--profile", self.profile] if self.profile else []
        return ["aws", *arguments, *where, *who, "--output", "json"]

    def look(self, *arguments):
        """Asks AWS something and changes nothing. Raises CommandFailed."""
        return parsed(self.run(self.aws(*arguments)))

    def change(self, *arguments):
        """Shows a command of the AWS CLI and runs it; {} in a dry run. Raises CommandFailed."""
        argv = self.aws(*arguments)
        self.show(argv)
        return {} if self.dry_run else parsed(self.run(argv))

    def tool(self, *argv):
        """Shows another command and runs it, its output passed on. Raises CommandFailed."""
        self.show(argv)
        if not self.dry_run:
            code = subprocess.run(argv, env=self.environment, stdin=subprocess.DEVNULL).returncode
            if code:
                raise CommandFailed(argv, code, "see above")

    def run(self, argv, standard_input=None):
        """Runs a command unseen and gives its standard output. Raises CommandFailed."""
        given = {"input": standard_input} if standard_input is not None else {"stdin": subprocess.DEVNULL}
        try:
            done = subprocess.run(argv, env=self.environment, capture_output=True, text=True, **given)
        except OSError as error:
            raise CommandFailed(argv, 127, str(error)) from error
        if done.returncode:
            raise CommandFailed(argv, done.returncode, done.stderr)
        return done.stdout

    def show(self, argv):
        """Prints a command as a shell would take it."""
        say(f"+ {shlex.join(argv)}")


def parsed(text):
    """JSON of the AWS CLI; it prints nothing where an answer is empty."""
    return json.loads(text) if text.strip() else {}


def patiently(look, what, lost, poll_s):
    """What `look()` gives, asked again while it fails. Raises Stop, saying `lost`, after PATIENCE failures in a row."""
    failures = 0
    while True:
        try:
            return look()
        except CommandFailed as failure:
            failures += 1
            if failures >= PATIENCE:
                raise Stop(f"{lost}: {failure}") from failure
            warn(f"{what} could not be looked at: {failure.words}")
            time.sleep(poll_s)


def say(text=""):
    """A line for the user, at once: it stands in order with what the tools print."""
    print(text, flush=True)


def warn(text):
    """A line that should not be overlooked."""
    print(f"deploy: {text}", file=sys.stderr, flush=True)
