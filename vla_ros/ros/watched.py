# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Messages as items of the live page."""

import math
import re
from collections.abc import Iterable, Mapping
from typing import Any

from diagnostic_msgs.msg import DiagnosticStatus
from sensor_msgs.msg import CameraInfo

from vla_ros.core.status import Mode
from vla_ros.msg import ActionChunk, EpisodeEvent, QueueStatus
from vla_ros.ros import messages
from vla_ros.view.words import RECORDING, SILENT, Words, describe

SHOWN = ('device', 'cores', 'scheduler', 'cpu', 'memory')  # of what every node tells
NUMBERS = (
    'fill',
    'remaining',
    'starved',
    'limited',
    'rejected',
    'accepted',
    'latency',
    'margin',
    'idle',
    'forecast',
    'threshold',
    'inference_delay',
)
EVENTS = {
    EpisodeEvent.RESET: 'the scene is set up anew',
    EpisodeEvent.START: 'the arm has started',
    EpisodeEvent.SUCCESS: 'success',
    EpisodeEvent.FAILURE: 'failure',
    EpisodeEvent.TIMEOUT: 'the time is over',
    EpisodeEvent.DONE: 'no episode follows',
}
REARM = '~/rearm'  # in the words of who waits for it
CLUSTER = re.compile(r'(\d+)/(\d+) starts, (\d+)/(\d+) recoveries')


def status_item(msg: QueueStatus) -> dict[str, Any]:
    """Return how the queue stands, in words and figures; a figure that is not known is None."""
    words = describe(msg.mode, msg.reason)
    return {
        **words_item(words, _mode_name(msg.mode)),
        'reason': msg.reason,
        'stamp': messages.seconds(msg.header.stamp),
        'request': msg.request,
        **{name: _known(getattr(msg, name)) for name in NUMBERS},
    }


def silence_item(
    recording: bool = False, arm: str | None = None, silent: Words = SILENT
) -> dict[str, Any]:
    """
    Return the item for a queue that nobody has heard of: there is none while ``recording``.

    ``arm`` is what the driver of the arm says; None: there is none that could stop it. ``silent``
    are the words where nobody records either.
    """
    if not recording:
        return words_item(silent, 'SILENT')
    stopped = arm is not None and REARM in arm
    words = describe(Mode.HOLDING, f'the arm: {arm}') if stopped else RECORDING
    return {**words_item(words, 'RECORDING'), 'stops': arm is not None, 'stopped': stopped}


def words_item(words: Words, mode: str) -> dict[str, Any]:
    """Return the words about a mode."""
    return {'mode': mode, **words._asdict()}


def chunk_item(msg: ActionChunk, now: float) -> dict[str, Any]:
    """Return how long each stage took for a chunk that arrived at ``now`` (s)."""
    began = messages.seconds(msg.header.stamp)
    stages = [
        {
            'stage': timing.stage,
            'start': messages.seconds(timing.start) - began,
            'end': messages.seconds(timing.end) - began,
        }
        for timing in msg.timings
    ]
    joints = max(1, len(msg.joint_names))
    return {
        'rows': len(msg.values) // joints,
        'step': msg.step,
        'stages': stages,
        'latency': now - began,
        'sequence': msg.sequence,
    }


def episode_item(msg: EpisodeEvent) -> dict[str, Any]:
    """Return what happened in which episode."""
    return {
        'episode': msg.episode,
        'event': EVENTS.get(msg.event, ''),
        'cluster': msg.cluster,
        'detail': msg.detail,
        'duration': msg.duration,
        'over': msg.event == EpisodeEvent.DONE,
    }


def node_item(status: DiagnosticStatus, namespace: str) -> dict[str, Any]:
    """Return how a node is, and what it runs on and uses."""
    values = values_of(status)
    level = status.level[0] if isinstance(status.level, bytes) else status.level
    return {
        'name': status.name.removeprefix(namespace.rstrip('/')).lstrip('/'),
        'state': values.get('state', ''),
        'warning': status.message if level != 0 else '',
        **{key: values.get(key, '') for key in SHOWN},
    }


def recording_item(values: Mapping[str, str], planned: bool = True) -> dict[str, Any]:
    """
    Return how far a recording is, from the diagnostics of its recorder.

    Only where it is ``planned``, not where a policy plays, do starts count that are missing.
    """
    if not planned:
        return {'missing': '', 'next': '', 'episode': values.get('episode', ''), 'clusters': []}
    clusters = [
        [int(key.removeprefix('cluster ')), *map(int, found.groups())]
        for key, text in values.items()
        if key.startswith('cluster ') and (found := CLUSTER.fullmatch(text))
    ]
    return {
        'missing': values.get('missing', ''),
        'next': values.get('next', ''),
        'episode': values.get('episode', ''),
        'clusters': clusters,
    }


def values_of(status: DiagnosticStatus) -> dict[str, str]:
    """Return what a node tells about itself by name."""
    return {item.key: item.value for item in status.values}


def lens_item(msg: CameraInfo) -> dict[str, Any] | None:
    """Return the field of view of a camera (rad, across and up); None: it is not calibrated."""
    focal_x, focal_y = msg.k[0], msg.k[4]
    if not (focal_x > 0 and focal_y > 0):
        return None
    width = 2 * math.atan2(msg.width / 2, focal_x)
    return {'across': width, 'up': 2 * math.atan2(msg.height / 2, focal_y)}


def rounded(values: Iterable[float], digits: int = 4) -> list[float]:
    """Return values with as many digits as a page can show."""
    return [round(float(value), digits) for value in values]


def _known(value: float) -> float | int | None:
    if isinstance(value, float):
        return round(value, 4) if math.isfinite(value) else None
    return int(value)


def _mode_name(mode: int) -> str:
    return Mode(mode).name if mode in list(Mode) else ''
