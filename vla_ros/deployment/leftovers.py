# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What nodes that died, and middleware that forgot, left in shared memory."""

from vla_ros.deployment.fastdds import remove_stale_segments
from vla_ros.runtime.shared_memory import remove_stale_slots


def clear_shared_memory() -> int:
    """Remove it from /dev/shm; return its bytes."""
    return remove_stale_segments()[1] + remove_stale_slots()[1]
