# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
One robot has one commander: a claim that the kernel keeps, and lets go of at its owner's death.

It is the name of a Unix socket in the abstract namespace, which no file system holds: it needs no
folder that can be written, is the same for every user, and says who has it. Like ROS 2 on this
host, it reaches as far as the network namespace does.
"""

import os
import socket
import struct
from hashlib import sha256
from pathlib import Path

from vla_ros.core.errors import ConfigError

MOST_ASKING = 4096  # whose question nobody reads
_CREDENTIALS = struct.Struct('3i')  # pid, uid, gid


class Claim:
    """The right to command a robot, from its making until ``release`` or the process's end."""

    def __init__(self, topic: str, domain: str) -> None:
        """Claim the commands of ``topic`` in a ROS domain; raise ConfigError naming the owner."""
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            self._socket.bind(_address(topic, domain))
        except OSError:
            self._socket.close()
            raise ConfigError(describe(topic, domain, owner(topic, domain) or 0)) from None
        self._socket.listen(MOST_ASKING)

    def release(self) -> None:
        """Let others command the robot."""
        self._socket.close()


def owner(topic: str, domain: str) -> int | None:
    """Return the process id of who commands a topic of a ROS domain on this host, None: nobody."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as asking:
        asking.setblocking(False)
        try:
            asking.connect(_address(topic, domain))
        except ConnectionRefusedError:
            return None
        except OSError:
            return 0  # somebody, who is asked so often that it can't be told who
        size = _CREDENTIALS.size
        return int(
            _CREDENTIALS.unpack(asking.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size))[0]
        )


def describe(topic: str, domain: str, pid: int) -> str:
    """Return why a topic can't be commanded: the process ``pid`` does, and which that is."""
    return (
        f'{topic} in ROS domain {domain}: got a second commander, expected one for each robot; '
        f'{_name(pid)} commands it: end that one, or give this one a namespace or a ROS_DOMAIN_ID '
        'of its own'
    )


def domain_id() -> str:
    """Return the ROS domain of this process."""
    return os.environ.get('ROS_DOMAIN_ID') or '0'


def _address(topic: str, domain: str) -> str:
    # a name may have 108 bytes, and a topic more
    return f'\0vla_ros/commands/{sha256(f"{domain}{topic}".encode()).hexdigest()}'


def _name(pid: int) -> str:
    """Return a process in words: its node where it is one, else its command line."""
    try:
        words = Path(f'/proc/{pid}/cmdline').read_text(errors='replace').split('\0')
    except OSError:
        return f'process {pid}' if pid else 'another process'
    given = dict(word.split(':=', 1) for word in words if ':=' in word)
    namespace = given.get('__ns', '/').rstrip('/')
    node = f'node {namespace}/{given["__node"]}' if '__node' in given else ' '.join(words).strip()
    return f'process {pid} ({node})'
