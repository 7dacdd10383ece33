"""What other services validate tokens with must run where there is no database."""

import subprocess
import sys

import pytest

PROGRAM = "import sys, importlib; importlib.import_module(sys.argv[1]); print('django.db' in sys.modules)"


@pytest.mark.parametrize(
    "module", ["tokenauth.tokens.claims", "tokenauth.tokens.verify", "tokenauth.revocation.mirror"]
)
def test_validating_a_token_loads_no_database_layer(module):
    answer = subprocess.run(
        [sys.executable, "-c", PROGRAM, module], capture_output=True, text=True, check=True
    )

    assert answer.stdout.strip() == "False"
