# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A ROS domain for a run that is to be alone."""

import random
import socket

DOMAINS = range(1, 102)  # the ROS domains whose UDP ports lie below Linux's ephemeral ones


def isolate() -> dict[str, str]:
    """Return an environment in which no other ROS 2 node, on this host or another, is seen."""
    domain = next(d for d in random.sample(DOMAINS, len(DOMAINS)) if _is_free(d))
    return {'ROS_DOMAIN_ID': str(domain), 'ROS_AUTOMATIC_DISCOVERY_RANGE': 'LOCALHOST'}


def _is_free(domain: int) -> bool:
    """Say whether no participant of ``domain`` is on this host: the first one takes this port."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind(('', 7400 + 250 * domain + 10))
        except OSError:
            return False
    return True
