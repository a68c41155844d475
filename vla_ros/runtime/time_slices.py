# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Time slices: for how long a thread computes at a stretch where others want its core, too.

Linux lets whoever wants a short slice run sooner when it wakes (EEVDF, since 6.12). It gets no
more of the core for that, so nobody has to permit it.
"""

import ctypes
import os
import platform
import struct

SHORTEST, LONGEST = 1e-4, 0.1  # s, that Linux takes
CONTROL = 3e-4  # s; what a tick of a control loop takes, for it should not be cut in two
SET_ATTRIBUTES = {'x86_64': 314, 'aarch64': 274}  # number of sched_setattr; sched_getattr follows
# size, policy, flags, nice value, real-time priority, runtime (here the slice), deadline, period
ATTRIBUTES = struct.Struct('=IIQiIQQQ')


def set_time_slice(seconds: float) -> bool:
    """
    Ask for slices of ``seconds`` for the calling thread; return whether the kernel gives them.

    Other kernels and processors than the above don't. Nor is there one for a thread with a
    real-time priority, which needs none.
    """
    if os.sched_getscheduler(0) == os.SCHED_OTHER:
        nice = os.getpriority(os.PRIO_PROCESS, 0)
        values = (ATTRIBUTES.size, os.SCHED_OTHER, 0, nice, 0, round(1e9 * seconds), 0, 0)
        _call(0, ctypes.create_string_buffer(ATTRIBUTES.pack(*values)), 0)
    return abs(time_slice() - seconds) < 1e-6


def time_slice() -> float:
    """Return the slice of the calling thread in s; 0 where it has none."""
    buffer = ctypes.create_string_buffer(ATTRIBUTES.size)
    _call(1, buffer, ATTRIBUTES.size, 0)
    return 1e-9 * float(ATTRIBUTES.unpack(buffer.raw)[5])


def _call(offset: int, *arguments: object) -> None:
    """Call sched_setattr or the one after it for this thread; what is refused is read back so."""
    number = SET_ATTRIBUTES.get(platform.machine())
    if number is not None:
        ctypes.CDLL(None).syscall(number + offset, 0, *arguments)
