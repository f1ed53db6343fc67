"""What an idle fleet costs by the month: docs/COSTS.md has the items, and a test holds these figures to it."""

# US dollars a month, list prices of us-east-1, with the templates' defaults.
IDLE = 4.40
# What is added by parameters of fleet.yaml.
ADDS = (("Network", "private", 73.00), ("SplitterTasksMin", "1", 12.66), ("AggregatorTasksMin", "1", 13.83))


def idle(setting):
    """A sentence about the idle cost; `setting(key)` is the value of a parameter, or an empty text."""
    more = [(f"{key}={value}", usd) for key, value, usd in ADDS if setting(key) == value]
    text = f"about {IDLE + sum(usd for _, usd in more):.2f} US dollars a month"
    if more:
        text += f" ({IDLE:.2f}, and {', '.join(f'{usd:.2f} for {what}' for what, usd in more)})"
    if setting("Network") == "existing":
        text += ", your own network aside"
    return f"{text}, at prices of us-east-1 (docs/COSTS.md)"
