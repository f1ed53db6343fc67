"""Plays bursts at the fleet of fleet.yaml, and writes the tables of docs/SCALING.md.

    python infra/checks/scaling.py             # prints the tables
    python infra/checks/scaling.py --write     # and puts them into docs/SCALING.md

What is played, and after what, is in fleet_model.py.
"""

import sys

from fleet_model import Fleet, Quota
from template import INFRA

ROWS = 100_000
# The aggregator looked at the queues an hour ago.
ARRIVES = 60
QUOTAS = (2_000_000, 10_000_000, 40_000_000)


def burst(quota, rows=ROWS, **more):
    """A file that arrives at an idle fleet, and all minutes until it sleeps again."""
    fleet = Fleet(quota, **more)
    fleet.run(ARRIVES)
    fleet.drop(rows)
    while True:
        fleet.run(30)
        line = fleet.lines[-1]
        if fleet.done and not line.is_live and not any(line.running.values()):
            return fleet
        if line.minute > ARRIVES + 24 * 60:
            raise RuntimeError(f"a burst of {rows} rows is not over after a day: {line}")


def since(minute):
    return minute - ARRIVES


def summary(fleet):
    """Minutes from the arrival to what matters, for one burst."""
    lines = fleet.lines[ARRIVES:]
    first = lambda what: since(next(line.minute for line in lines if what(line)))
    last = lambda what: since([line.minute for line in lines if what(line)][-1]) + 1
    return {
        "first": first(lambda line: line.running["Worker"]),
        "full": first(lambda line: line.running["Worker"] == fleet.quota.tasks_max),
        "end": last(lambda line: line.is_live),
        "asleep": last(lambda line: any(line.running.values())),
        "most": max(line.running["Worker"] for line in lines),
        "worker_hours": sum(line.running["Worker"] for line in lines) / 60,
    }


def overview():
    rows = [
        "| quota, tokens a minute | calls a minute | useful calls in flight | worker tasks, at most "
        "| first worker | all workers | job ended | all asleep | worker hours |",
        "|" + "---|" * 9,
    ]
    for tokens in QUOTAS:
        quota = Quota(tokens)
        found = summary(burst(quota))
        rows.append(
            f"| {tokens:,} | {quota.calls_a_minute:,.0f} | {quota.useful_in_flight:,} | {quota.tasks_max} "
            f"| {found['first']} min | {found['full']} min | {found['end']:,} min | {found['asleep']:,} min "
            f"| {found['worker_hours']:.1f} |"
        )
    return "\n".join(rows)


def minutes_of(tokens=QUOTAS[1]):
    fleet = burst(Quota(tokens))
    rows = [
        "| minute | chunks that wait | in hand | done | a task | wanted | running | splitter, aggregator |",
        "|" + "---|" * 8,
    ]
    before = None
    for line in fleet.lines[ARRIVES:]:
        state = (line.desired["Worker"], line.running, line.is_live)
        if state == before:
            continue
        before = state
        per_task = "-" if line.per_task is None else f"{line.per_task:.1f}"
        rows.append(
            f"| {since(line.minute)} | {line.waiting} | {line.in_hand} | {line.done} | {per_task} "
            f"| {line.desired['Worker']} | {line.running['Worker']} "
            f"| {line.running['Splitter']}, {line.running['Aggregator']} |"
        )
    return "\n".join(rows)


DOCS = INFRA.parent / "docs" / "SCALING.md"
TABLES = {"overview": overview, "minutes": minutes_of}


def with_tables(text):
    """The page with its tables as they come out now."""
    for name, make in TABLES.items():
        begin, end = f"<!-- {name}: written by infra/checks/scaling.py -->", f"<!-- end of {name} -->"
        if text.count(begin) != 1 or text.count(end) != 1:
            raise LookupError(f"docs/SCALING.md has no single pair of marks for the table {name}")
        before, rest = text.split(begin)
        text = f"{before}{begin}\n{make()}\n{end}{rest.split(end)[1]}"
    return text


def main():
    if sys.argv[1:] == ["--write"]:
        DOCS.write_text(with_tables(DOCS.read_text(encoding="utf-8")), encoding="utf-8")
        return
    for make in TABLES.values():
        print(make(), end="\n\n")


if __name__ == "__main__":
    main()
