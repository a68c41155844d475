# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A ROS domain of their own for the tests of one process."""

import os
import random
import socket

from vla_ros.deployment.fastdds import PROFILE, shipped_profile

_kept = []  # sockets, open as long as the process runs


def isolated():
    """
    Return the environment in which other ROS graphs here do not see the tests', nor they those.

    It has to be set before rclpy is imported.
    """
    return {
        'ROS_DOMAIN_ID': str(claim_domain()),
        'ROS_AUTOMATIC_DISCOVERY_RANGE': 'LOCALHOST',
        PROFILE: os.environ.get(PROFILE) or str(shipped_profile()),
    }


def claim_domain():
    """Return a ROS domain that nobody on this machine is in, and keep others out of it."""
    for domain in random.sample(range(1, 102), 101):
        keeper = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            keeper.bind(('', 7400 + 250 * domain + 10))  # the first participant would take this
        except OSError:
            keeper.close()
        else:
            _kept.append(keeper)
            return domain
    raise RuntimeError('every ROS domain of this machine is in use')
