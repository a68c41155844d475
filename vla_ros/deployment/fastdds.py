# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
The middleware Fast DDS: its settings, and what it leaves behind.

A process that is killed never removes its shared-memory segment.
"""

import fcntl
import os
import sys
import time
from pathlib import Path

from vla_ros.core.config import find_config

BEFORE_3 = ('humble', 'iron', 'jazzy')  # distributions with Fast DDS 2
NAMES = ('fastdds', 'fastrtps')  # what Fast DDS 3 and 2 call themselves, and their files


def find_name() -> str:
    """Return the name of the Fast DDS that is sourced, or installed."""
    distribution = os.environ.get('ROS_DISTRO')
    if distribution:
        return NAMES[distribution in BEFORE_3]
    for prefix in os.environ.get('AMENT_PREFIX_PATH', '').split(os.pathsep):
        for name in NAMES:
            if prefix and Path(prefix, 'share', name).is_dir():
                return name
    return NAMES[0]


PROFILE = f'{find_name().upper()}_DEFAULT_PROFILES_FILE'  # environment variable that it reads
SHARED_MEMORY = Path('/dev/shm')
RANGE, LOCALHOST_ONLY = 'ROS_AUTOMATIC_DISCOVERY_RANGE', 'ROS_LOCALHOST_ONLY'
PORTS = '_port*[0-9]'
READY = (2).to_bytes(4, sys.byteorder)  # a segment's first word, once Boost.Interprocess made it
YOUNGEST = 5.0  # s; a segment is a moment old before its owner has locked it


def shipped_profile(images: bool = True) -> Path:
    """Return the profile for who has to do with ``images``, or for who has not; each says why."""
    return find_config('', 'fastdds.xml' if images else 'fastdds_udp.xml')


def use_profile(images: bool = True) -> None:
    """
    Let this process take the profile that ships, unless the user has chosen another.

    Without ``images`` it is that for UDP only. To be called before rclpy.init: Fast DDS reads it
    with the first participant of a process.
    """
    chosen, middleware = os.environ.get(PROFILE), os.environ.get('RMW_IMPLEMENTATION')
    if middleware and not middleware.startswith('rmw_fastrtps'):
        return
    if chosen and Path(chosen).resolve() != shipped_profile().resolve():
        return
    stays = _stays_on_host()
    images = images or (stays and bool(os.environ.get('ROS_STATIC_PEERS')))  # those ROS looks for
    os.environ[PROFILE] = str(shipped_profile(images))
    if stays and not images:
        os.environ[PROFILE] = str(find_config('', 'fastdds_udp_localhost.xml'))
        os.environ.pop(LOCALHOST_ONLY, None)
        os.environ[RANGE] = 'SYSTEM_DEFAULT'  # which the profile replaces


def _stays_on_host() -> bool:
    """Say whether ROS is told to look for nobody on other hosts."""
    return os.environ.get(LOCALHOST_ONLY) == '1' or os.environ.get(RANGE) == 'LOCALHOST'


def remove_stale_segments(folder: Path = SHARED_MEMORY) -> tuple[int, int]:
    """
    Remove the segments in ``folder`` whose owner has died; return their number and bytes.

    The owner of ``fastdds_<id>`` holds a lock on ``fastdds_<id>_el`` as long as it lives; so it is
    with ``fastrtps_<id>``, of Fast DDS 2. Ports (``fastdds_port<number>``) are shared between
    processes and small: they stay, but for one that is half made. Its maker was killed meanwhile,
    and whoever opens it waits for ever.
    """
    locks = [lock for name in NAMES for lock in folder.glob(f'{name}_*_el')]
    ports = [port for name in NAMES for port in folder.glob(name + PORTS)]
    removed = [_remove(lock) for lock in locks if _is_stale(lock)]
    removed += [_remove_port(port) for port in ports if _is_half_made(port)]
    return len(removed), sum(removed)


def _is_half_made(port: Path) -> bool:
    """Say whether a port is not ready though its maker had the time; one that is gone is not."""
    try:
        with port.open('rb') as file:
            ready = file.read(4) == READY
            return not ready and time.time() - os.fstat(file.fileno()).st_mtime >= YOUNGEST
    except OSError:
        return False


def _remove_port(port: Path) -> int:
    """Remove a port with its locks; return the bytes that it held."""
    size = port.stat().st_size if port.exists() else 0
    for name in (port.name, f'{port.name}_el', f'{port.name}_sl', f'sem.{port.name}_mutex'):
        port.with_name(name).unlink(missing_ok=True)
    return size


def _is_stale(lock: Path) -> bool:
    """Say whether nobody holds ``lock``; a file that may not be opened is taken as held."""
    if lock.name.startswith(tuple(f'{name}_port' for name in NAMES)):
        return False
    try:
        if time.time() - lock.stat().st_mtime < YOUNGEST:
            return False
        descriptor = os.open(lock, os.O_RDWR)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(descriptor)
    return True


def _remove(lock: Path) -> int:
    """Remove a segment and its lock; return the bytes that it held."""
    segment = lock.with_name(lock.name.removesuffix('_el'))
    size = segment.stat().st_blocks * 512 if segment.exists() else 0
    segment.unlink(missing_ok=True)
    lock.unlink(missing_ok=True)
    return size
