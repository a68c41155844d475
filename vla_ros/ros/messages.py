# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Messages to values and back; the only place that knows both.

No function here touches single elements in Python: array fields are filled from bytes and read
with ``np.frombuffer``, which shares the message's memory (so the arrays read are read-only in
spirit: copy before writing).
"""

from array import array
from collections.abc import Iterable, Sequence

import numpy as np
from builtin_interfaces.msg import Duration, Time
from sensor_msgs.msg import Image, JointState
from trajectory_msgs.msg import JointTrajectory

from vla_ros.core.chunk import MOST_ROWS, ActionChunk
from vla_ros.core.errors import VlaError
from vla_ros.core.joint_states import check_once
from vla_ros.core.picture import picture_from_bytes
from vla_ros.core.robot import MOST_JOINTS
from vla_ros.core.trajectory import Trajectory
from vla_ros.msg import ActionChunk as ActionChunkMsg
from vla_ros.msg import EpisodeEvent, Features, StageTiming, Tensor
from vla_ros.policy.spec import PolicySpec
from vla_ros.runtime.shared_memory import DTYPES, MOST_AXES

LONGEST_WAIT = 60.0  # s until a trajectory begins
# how an episode ends, in a word
ENDS = {
    EpisodeEvent.SUCCESS: 'success',
    EpisodeEvent.FAILURE: 'failure',
    EpisodeEvent.TIMEOUT: 'timeout',
}


def type_name(msg_type: type) -> str:
    """Return what ROS calls a type of messages, such as sensor_msgs/msg/Image."""
    return f'{msg_type.__module__.split(".")[0]}/msg/{msg_type.__name__}'


def seconds(time: Time | Duration) -> float:
    """Return a builtin_interfaces/Time, or a Duration, as seconds."""
    return time.sec + 1e-9 * time.nanosec


def stamp(time: float) -> Time:
    """Return seconds as a builtin_interfaces/Time, no later than a Time can be."""
    sec, nanosec = divmod(round(time * 1e9), 10**9)
    return Time(sec=min(max(sec, -(2**31)), 2**31 - 1), nanosec=nanosec)


def float_field(values: np.ndarray) -> array:
    """Return values for a float32[] field; assigning the NumPy array itself is far slower."""
    return array('f', np.asarray(values, np.float32).tobytes())


def double_field(values: np.ndarray) -> array:
    """Return values for a float64[] field; assigning the NumPy array itself is far slower."""
    return array('d', np.asarray(values, np.float64).tobytes())


def timing_to_msg(stage: str, start: float, end: float) -> StageTiming:
    """Return the message that says when a stage worked (s)."""
    return StageTiming(stage=stage, start=stamp(start), end=stamp(end))


def tensor_to_msg(name: str, values: np.ndarray) -> Tensor:
    """Return the message that carries one array under ``name``."""
    msg = Tensor(name=name, dtype=values.dtype.name, shape=list(values.shape))
    msg.data = values.tobytes()
    return msg


def tensor_from_msg(msg: Tensor) -> np.ndarray:
    """Return the array of a Tensor message; raise VlaError where its bytes do not fill it."""
    shape = tuple(msg.shape)
    try:
        if msg.dtype not in DTYPES or len(shape) > MOST_AXES:
            raise ValueError
        return np.frombuffer(msg.data, np.dtype(msg.dtype)).reshape(shape)
    except (TypeError, ValueError):
        text = f'{msg.dtype[:40]} {list(shape[:16])} in {len(msg.data)} bytes'
        raise VlaError(
            f'tensor {msg.name}: got {text}, expected bytes that fill the shape; '
            'run the same version of vla_ros in every node'
        ) from None


def tensors_by_name(msgs: Iterable[Tensor], names: Sequence[str]) -> list[Tensor]:
    """Return the messages called ``names``, in that order; raise VlaError where one is missing."""
    found = {msg.name: msg for msg in msgs}
    missing = [name for name in names if name not in found]
    if missing:
        raise VlaError(
            f'tensors: got {sorted(found)}, expected also {missing}; '
            'run every block from the same policy bundle'
        )
    return [found[name] for name in names]


def image_to_msg(image: np.ndarray, time: float, frame_id: str) -> Image:
    """Return an rgb8 message of ``image``, (H, W, 3) uint8, taken at ``time`` (s)."""
    height, width, channels = image.shape
    msg = Image(height=height, width=width, encoding='rgb8', step=width * channels)
    msg.header.stamp = stamp(time)
    msg.header.frame_id = frame_id
    msg.data = image.tobytes()
    return msg


def image_from_msg(msg: Image, what: str = 'image') -> np.ndarray:
    """
    Return the picture as RGB, (H, W, 3) uint8; it shares the message's memory.

    Take what `picture_from_bytes` does, with padded rows or without. Raise VlaError, which names
    ``what``, for any other encoding and where the bytes do not fill the picture.
    """
    size, big_endian = (msg.height, msg.width), bool(msg.is_bigendian)
    return picture_from_bytes(msg.data, msg.encoding, size, msg.step, what, big_endian)


def chunk_to_msg(chunk: ActionChunk) -> ActionChunkMsg:
    """Return the message of a chunk; its header carries the time of row 0."""
    msg = ActionChunkMsg(
        sequence=chunk.sequence, step=chunk.step, joint_names=list(chunk.joint_names)
    )
    msg.header.stamp = msg.start = stamp(chunk.start)
    msg.values = float_field(chunk.values)
    return msg


def answer_to_msg(
    actions: np.ndarray, features: Features, spec: PolicySpec, timings: Sequence[StageTiming]
) -> ActionChunkMsg:
    """
    Return the chunk that answers ``features``; row 0 is for the time of their observation.

    Raise VlaError where the actions, (chunk, joints) in rad, make no chunk.
    """
    time, step = seconds(features.header.stamp), 1.0 / spec.fps
    chunk = ActionChunk(actions, time, step, features.sequence, spec.joint_names)
    msg = chunk_to_msg(chunk)
    msg.timings = list(timings)
    return msg


def chunk_from_msg(msg: ActionChunkMsg, joint_names: Sequence[str]) -> ActionChunk:
    """
    Return the chunk with its columns in the order of ``joint_names``.

    Raise VlaError where a joint is missing, where the values do not fill the rows, and where
    the chunk itself is refused (not finite, no step).
    """
    if len(msg.joint_names) > MOST_JOINTS or len(msg.values) > MOST_ROWS * MOST_JOINTS:
        raise VlaError(
            f'action chunk: got {len(msg.joint_names)} joints and {len(msg.values)} values, '
            f'expected at most {MOST_JOINTS} joints and {MOST_ROWS} rows'
        )
    columns = _columns('action chunk', msg.joint_names, joint_names)
    if not len(msg.values) or len(msg.values) % len(msg.joint_names):
        text = f'{len(msg.values)} values for {len(msg.joint_names)} joints'
        raise VlaError(
            f'action chunk: got {text}, expected whole rows; mend the node that publishes it'
        )
    rows = np.frombuffer(msg.values, np.float32).reshape(-1, len(msg.joint_names))
    values = rows[:, columns].astype(np.float64)
    return ActionChunk(values, seconds(msg.start), msg.step, msg.sequence, tuple(joint_names))


def joint_positions(msg: JointState, joint_names: Sequence[str]) -> np.ndarray:
    """
    Return the positions of ``joint_names``, in that order, (joints,) float64 in rad.

    Raise VlaError where a joint is missing or a position is not finite.
    """
    columns = _columns('joint state', msg.name, joint_names)
    if len(msg.position) != len(msg.name):
        raise VlaError(
            f'joint state: got {len(msg.position)} positions for {len(msg.name)} names, expected '
            'one each; mend the robot driver'
        )
    positions = np.array(msg.position, np.float64)[columns]
    bad = [joint_names[int(i)] for i in np.flatnonzero(~np.isfinite(positions))]
    if bad:
        raise VlaError(
            f'joint state: got NaN or infinity for {bad}, expected finite positions in rad; '
            'mend the robot driver'
        )
    return positions


def command_positions(msg: JointTrajectory, joint_names: Sequence[str]) -> np.ndarray:
    """
    Return where the last point of a trajectory sends ``joint_names``, (joints,) float64 in rad.

    Raise VlaError where there is no point, a joint is missing or a position is not finite.
    """
    columns = _columns('joint command', msg.joint_names, joint_names)
    if not msg.points or len(msg.points[-1].positions) != len(msg.joint_names):
        raise VlaError(
            f'joint command: got {len(msg.points)} points, expected one, with a position for '
            'each joint'
        )
    positions = np.array(msg.points[-1].positions, np.float64)[columns]
    if not np.isfinite(positions).all():
        raise VlaError(
            f'joint command: got {positions.tolist()}, expected finite positions of '
            f'{", ".join(joint_names)}'
        )
    return positions


def trajectory_from_msg(msg: JointTrajectory, joint_names: Sequence[str]) -> Trajectory:
    """
    Return the trajectory of ``joint_names``, in that order.

    Velocities count where every point has them. Raise VlaError where there is no point, a joint
    is missing, a value is not finite, or the times do not ascend.
    """
    columns, count = _columns('joint command', msg.joint_names, joint_names), len(msg.joint_names)
    if not msg.points or any(len(point.positions) != count for point in msg.points):
        raise VlaError(
            f'joint command: got {len(msg.points)} points, expected one or more, each with a '
            'position for each joint'
        )
    positions = np.array([point.positions for point in msg.points], np.float64)[:, columns]
    if not np.isfinite(positions).all():
        raise VlaError(
            f'joint command: got NaN or infinity, expected finite positions of '
            f'{", ".join(joint_names)}'
        )
    velocities = None
    if all(len(point.velocities) == count for point in msg.points):
        velocities = np.array([point.velocities for point in msg.points], np.float64)[:, columns]
    times = np.array([seconds(point.time_from_start) for point in msg.points])
    return Trajectory(times, positions, velocities)


def begins_in(stamp: Time, trajectory: Trajectory, now: float) -> float:
    """
    Return the seconds from ``now`` (s) until a trajectory with this stamp begins; negative: ago.

    No stamp means now, and so does any for a set point, which is followed whatever another
    computer's clock says. Raise VlaError for one that is over, or begins in LONGEST_WAIT only.
    """
    if trajectory.is_set_point or not seconds(stamp):
        return 0.0
    begins, left = seconds(stamp) - now, seconds(stamp) + float(trajectory.times[-1]) - now
    if left < 0.0 or begins > LONGEST_WAIT:
        when = f'ended {-left:.2f} s ago' if left < 0.0 else f'begins in {begins:.2f} s'
        raise VlaError(
            f'joint command: got a trajectory that {when}, expected one that begins within '
            f'{LONGEST_WAIT:g} s and is not over: do the clocks agree? A stamp of 0 means now'
        )
    return begins


def _columns(what: str, got: Sequence[str], expected: Sequence[str]) -> list[int]:
    place = {name: column for column, name in enumerate(got)}
    check_once(what, got)
    missing = [name for name in expected if name not in place]
    if missing:
        raise VlaError(
            f'{what}: got joints {_listed(got)}, expected also {missing}; '
            "use the policy's joint names in the robot driver"
        )
    return [place[name] for name in expected]


def _listed(names: Sequence[str]) -> str:
    """Return names as a list for a person, who reads no more than the first of many."""
    return (
        str(list(names)) if len(names) <= 32 else f'{list(names[:32])} and {len(names) - 32} more'
    )
