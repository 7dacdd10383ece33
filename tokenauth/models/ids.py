"""Primary keys that sort by time of birth (RFC 9562 UUIDv7)."""

import sys
import uuid

if sys.version_info >= (3, 14):
    new_id = uuid.uuid7
else:
    import uuid_utils

    def new_id() -> uuid.UUID:
        """Return a new UUIDv7 as the standard library's type."""
        return uuid.UUID(int=uuid_utils.uuid7().int)
