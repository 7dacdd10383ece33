"""The games that are played: each to its last state."""

from tests.guarantees.rotation_model.rules import Rules

#: The owner alone: losses, late retries, doubled requests, a second process, failovers.
HONEST = {
    "window": Rules(),
    "window, keys now and then": Rules(keys="sometimes"),
    "window, no overlap": Rules(overlaps=0),
    "window of one instant": Rules(window=0),
    "window, long": Rules(window=10, most_branches=5),
    "window, step-ups": Rules(step_ups=True),
    "exact": Rules(exact=True, keys="always"),
    "exact, no window": Rules(window=0, overlaps=0, exact=True, keys="always"),
    "exact, step-ups": Rules(exact=True, keys="always", step_ups=True),
    "window, clocks that disagree": Rules(skewed_clocks=True),
    "window, failovers": Rules(lag=1, window=1, overlaps=1, most_branches=2),
    "exact, failovers": Rules(lag=1, window=1, overlaps=1, most_branches=2, exact=True, keys="always"),
}

#: One theft at any moment.
THEFT = {
    "window": Rules(thefts="one", window=1),
    "window, no overlap": Rules(thefts="one", overlaps=0),
    "window, one overlap": Rules(thefts="one", overlaps=1),
    "window of one instant": Rules(thefts="one", window=0, overlaps=1),
    "window, clocks that disagree": Rules(thefts="one", overlaps=1, skewed_clocks=True),
    "both outside the window": Rules(thefts="one", only_outside=True),
    "window, keys now and then": Rules(thefts="one", window=1, overlaps=1, most_branches=2, keys="sometimes"),
    "window, the key stolen too": Rules(
        thefts="one", window=1, overlaps=0, most_branches=2, keys="sometimes", steals_key=True
    ),
    "exact": Rules(thefts="one", window=1, exact=True, keys="always"),
    "exact, no window": Rules(thefts="one", window=0, overlaps=0, exact=True, keys="always"),
    "exact, the key stolen too": Rules(
        thefts="one", window=1, overlaps=1, most_branches=2, exact=True, keys="always", steals_key=True
    ),
    "exact, step-ups": Rules(
        thefts="one", window=1, overlaps=1, most_branches=2, exact=True, keys="always", step_ups=True
    ),
    "window, stolen again and again": Rules(thefts="any number", window=1, overlaps=1, most_branches=2),
}

#: The same with more room: minutes, not seconds.
DEEP = {
    "window, 4 answers": Rules(thefts="one", most_branches=4),
    "window, long": Rules(thefts="one", window=10),
    "window, step-ups": Rules(thefts="one", window=1, step_ups=True),
    "window, the key stolen too": Rules(
        thefts="one", window=1, most_branches=2, keys="sometimes", steals_key=True
    ),
    "window, stolen again and again": Rules(thefts="any number", window=1),
    "window, key and token stolen again and again": Rules(
        thefts="any number", window=1, overlaps=1, most_branches=2, keys="sometimes", steals_key=True
    ),
    "exact, key and token stolen again and again": Rules(
        thefts="any number", window=1, most_branches=2, exact=True, keys="always", steals_key=True
    ),
    "exact, step-ups, the key stolen too": Rules(
        thefts="one", window=1, most_branches=3, exact=True, keys="always", step_ups=True, steals_key=True
    ),
    "failovers, far behind": Rules(lag=3, window=1, most_branches=2),
}
