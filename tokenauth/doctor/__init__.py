"""What is wrong with this site, and how to mend it: looks at everything, changes nothing."""

from tokenauth.doctor.examinations import examine
from tokenauth.doctor.findings import Finding, Level

__all__ = ["Finding", "Level", "examine"]
