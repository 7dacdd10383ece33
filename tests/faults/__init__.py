"""The fault suite: real servers and sites, broken by chance while a checker watches (`make faults`)."""
