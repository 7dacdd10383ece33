"""System checks: each says what is wrong and how to mend it."""
