"""What nobody waits for: deleting what is past, stamping what is dead, changing keys in time (PROTOCOL 3)."""

from tokenauth.flows.housekeeping.jobs import JOBS, Job, LeasedByAnother, NotDue, Ran, neglected, overdue, run

__all__ = ["JOBS", "Job", "LeasedByAnother", "NotDue", "Ran", "neglected", "overdue", "run"]
