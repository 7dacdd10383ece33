"""The reference names every setting, and no other."""

import re
from pathlib import Path

from tokenauth import conf
from tokenauth.policy.builtin import Policy

PAGE = Path(__file__).parent.parent / "docs/reference/settings.md"


def test_the_reference_has_every_setting_limit_and_policy_key_and_no_other():
    named = set(re.findall(r"^\| `(\w+)` \|", PAGE.read_text(), re.MULTILINE))

    assert named == {
        *conf.Settings.model_fields,
        *conf.Limits.model_fields,
        *(Policy.model_fields.keys() - {"name"}),
    }
