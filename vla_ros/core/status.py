# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What an executor says about itself; fields as in QueueStatus.msg."""

from dataclasses import dataclass
from enum import IntEnum

import numpy as np


class Mode(IntEnum):
    """What the executor is doing; the numbers are those of QueueStatus.msg."""

    HOLDING = 0
    RUNNING = 1
    STARVED = 2
    WAITING = 3
    ESTOP = 4


@dataclass(frozen=True)
class Tick:
    """The result of one control tick."""

    positions: np.ndarray  # (joints,) rad, to command
    mode: Mode
    request: int | None  # sequence of the chunk to ask for now, None most of the time
    send: bool = True  # False: the arm stands and is not enabled, so that nothing is to be sent
    elapsed: float = 0.0  # s that the arm has for the way from the command before


@dataclass
class Counters:
    """What happened since the start, for status and diagnostics; idle since the last reset."""

    starved: int = 0  # times that the queue ran dry
    limited: int = 0  # commands that were clamped
    accepted: int = 0  # chunks
    rejected: int = 0  # chunks
    jumps: int = 0  # chunks among those rejected that jump
    refused: int = 0  # commands that were computed and could not be sent
    lost: int = 0  # requests that nobody answered
    stale: int = 0  # times that what the arm acted on had become too old
    idle: float = 0.0  # s STARVED or WAITING, from the first motion on
    latency: float = 0.0  # s from observation to push, of the newest chunk taken or measured
    margin: float = 0.0  # s of motion that was left when the newest chunk was taken
