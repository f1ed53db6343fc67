"""Command lines whose misuse ends with 64, as everywhere in the project (argparse itself says 2)."""

import argparse
import sys


class Parser(argparse.ArgumentParser):
    """argparse's, with another exit code."""

    def error(self, message):
        self.print_usage(sys.stderr)
        self.exit(64, f"{self.prog}: {message}\n")
