"""`python -m tests.guarantees.rotation_model`: play the games and print their figures."""

import argparse
import time

from tests.guarantees.rotation_model.games import DEEP, HONEST, THEFT
from tests.guarantees.rotation_model.search import explore


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--deep", action="store_true", help="play the larger games too (minutes)")
    groups = {"the owner alone": HONEST, "with a thief": THEFT}
    if parser.parse_args().deep:
        groups["deep"] = DEEP

    for group, games in groups.items():
        print(f"{group:<46} {'states':>8} {'moves':>9} {'depth':>5} {'thief':>5} {'owner':>5} {'both':>5}")
        for name, rules in games.items():
            started = time.monotonic()
            figures = explore(rules)
            print(f"  {name:<44} {figures}  {time.monotonic() - started:5.1f} s", flush=True)
    print("Refusals of an owner alone before his token expired: 0, in every game.")


if __name__ == "__main__":
    main()
