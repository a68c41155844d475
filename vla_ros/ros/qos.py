# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The quality-of-service profiles of the package; nodes use these and no others."""

import copy

from rclpy.duration import Duration
from rclpy.qos import DurabilityPolicy, LivelinessPolicy, QoSProfile, ReliabilityPolicy

# images and joint states, for who takes them: the newest one, never a resend of an old one. Who
# publishes them offers LATEST, so that a reader that wants each one gets them, too
SENSOR = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)
# joint states, of which several nodes may publish a part each: none pushes another's out
JOINTS = QoSProfile(depth=10, reliability=ReliabilityPolicy.BEST_EFFORT)
# features, chunks, status, commands: the newest one, and it arrives
LATEST = QoSProfile(depth=1, reliability=ReliabilityPolicy.RELIABLE)
# the instruction: whoever joins late still gets the last one
LATCHED = QoSProfile(
    depth=1,
    reliability=ReliabilityPolicy.RELIABLE,
    durability=DurabilityPolicy.TRANSIENT_LOCAL,
)
# whoever speaks on a latched topic without latching: `ros2 topic pub`, a bridge, a bag
VOLATILE = QoSProfile(depth=10, reliability=ReliabilityPolicy.BEST_EFFORT)
# episode events: none is lost, and whoever joins late gets the last ten
EVENTS = QoSProfile(
    depth=10,
    reliability=ReliabilityPolicy.RELIABLE,
    durability=DurabilityPolicy.TRANSIENT_LOCAL,
)
# for who records: every message counts, and a moment's delay must not cost one
EVERY = QoSProfile(depth=30, reliability=ReliabilityPolicy.BEST_EFFORT)
EVERY_RELIABLE = QoSProfile(depth=100, reliability=ReliabilityPolicy.RELIABLE)
LATE = 3  # periods without a message after which a periodic topic is late
# a sign that a node is active, hardly with a message: the middleware itself tells whoever watches
# that the process lives, several times within the watcher's lease
ALIVE = QoSProfile(
    depth=1,
    liveliness=LivelinessPolicy.AUTOMATIC,
    liveliness_lease_duration=Duration(seconds=0.1),
)


def periodic(profile: QoSProfile, period: float) -> QoSProfile:
    """
    Return ``profile`` for a topic with a message every ``period`` (s): it offers a deadline.

    Only who publishes does: a subscription that requested one would get nothing from a driver
    that offers none.
    """
    offered = copy.copy(profile)
    offered.deadline = Duration(seconds=LATE * period)
    return offered


def watched(lease: float) -> QoSProfile:
    """Return the profile of who wants to know within ``lease`` (s) that ALIVE is no more."""
    return QoSProfile(
        depth=1,
        liveliness=LivelinessPolicy.AUTOMATIC,
        liveliness_lease_duration=Duration(seconds=lease),
    )
