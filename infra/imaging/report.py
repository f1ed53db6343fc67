"""What a check says: a line for each thing that holds or does not, and figures with their limits."""


class Report:
    """Counts what does not hold."""

    def __init__(self):
        self.failures = 0

    def same(self, name, found, expected):
        """`found` must be `expected`."""
        if found == expected:
            self.line(name, "ok" if len(str(found)) > 40 or isinstance(found, (list, set, bool)) else found)
        else:
            self.failures += 1
            self.line(name, f"{found}: MISSED, expected {expected}")

    def holds(self, name, is_so, otherwise):
        """`is_so` must be; `otherwise` says what was found instead."""
        self.failures += not is_so
        self.line(name, "ok" if is_so else f"MISSED: {otherwise}")

    def under(self, name, value, limit, unit):
        """`value` must be under `limit`."""
        self.failures += value >= limit
        self.line(name, f"{value:,.1f} {unit} ({'' if value < limit else 'MISSED, expected '}under {limit})")

    def line(self, name, text):
        """A line of the table."""
        print(f"{name:<58} {text}", flush=True)
