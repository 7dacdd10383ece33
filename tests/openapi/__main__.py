"""What `make openapi` runs: write openapi.json anew, unless that would break who relies on it."""

import argparse
import json
import sys

from tests.openapi.differences import breaking
from tests.openapi.document import COMMITTED, committed, made_now


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--breaking", action="store_true", help="write it all the same")
    asked = parser.parse_args()

    found = breaking(committed(), json.loads(made_now())) if COMMITTED.exists() else []
    for sentence in found:
        print(sentence, file=sys.stderr)
    if found and not asked.breaking:
        print(
            "Not written. Where this is meant, and in the changelog: make openapi BREAKING=1", file=sys.stderr
        )
        return 1
    COMMITTED.write_text(made_now())
    return 0


if __name__ == "__main__":
    sys.exit(main())
