"""What an operator asks of the revocation plane, and does to it after a restore (PROTOCOL 3)."""

from tokenauth.flows.plane.epoch import NewEpoch, new_epoch
from tokenauth.flows.plane.faults import faults
from tokenauth.flows.plane.probe import LONGEST_PROBE, Probed, probe
from tokenauth.flows.plane.status import Counted, LastOrder, Process, Status, counted, status

__all__ = [
    "LONGEST_PROBE",
    "Counted",
    "LastOrder",
    "NewEpoch",
    "Probed",
    "Process",
    "Status",
    "counted",
    "faults",
    "new_epoch",
    "probe",
    "status",
]
