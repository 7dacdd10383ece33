"""`python -m tests.faults --minutes 3 --seed 7`."""

import sys

from tests.faults import run

sys.exit(run.main())
