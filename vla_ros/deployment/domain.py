# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""ROS domains: those that there are, and one for a run that is to be alone."""

import random
import socket
from collections.abc import Mapping

from vla_ros.core.errors import ConfigError

VARIABLE = 'ROS_DOMAIN_ID'
DOMAINS = range(1, 102)  # the ROS domains whose UDP ports lie below Linux's ephemeral ones
LAST = 232  # whose ports are numbers of ports


def check_domain(environment: Mapping[str, str]) -> None:
    """Raise ConfigError for a domain that is none; the middleware says less, or nothing."""
    text = environment.get(VARIABLE, '')
    if text and not (text.isascii() and text.isdigit() and int(text) <= LAST):
        raise ConfigError(f'{VARIABLE}: got {text!r}, expected a whole number 0 to {LAST}; set it')


def isolate() -> dict[str, str]:
    """Return an environment in which no other ROS 2 node, on this host or another, is seen."""
    domain = next(d for d in random.sample(DOMAINS, len(DOMAINS)) if _is_free(d))
    return {VARIABLE: str(domain), 'ROS_AUTOMATIC_DISCOVERY_RANGE': 'LOCALHOST'}


def _is_free(domain: int) -> bool:
    """Say whether no participant of ``domain`` is on this host: the first one takes this port."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind(('', 7400 + 250 * domain + 10))
        except OSError:
            return False
    return True
