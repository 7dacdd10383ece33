"""What the tests of the mirror share."""

from tests.mirrors import boot_clock, polling, silent_database

__all__ = ["boot_clock", "polling", "silent_database"]
