# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
A LeRobotDataset v3 to recorded episodes: what `vla_ros record` would have written.

All messages of a frame carry the frame's time. The pictures are those of the dataset's video. The
labels phase and intervention, which no policy sees, have topics of their own; no other label is
carried over.
"""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from vla_ros.core.errors import ConfigError
from vla_ros.core.robot import RobotSpec
from vla_ros.core.units import Conversion
from vla_ros.dataset import bag
from vla_ros.dataset.bag import CALIBRATION, Episode, EpisodeInfo, EpisodeWriter, Message
from vla_ros.dataset.from_bags import Progress, calibration_file
from vla_ros.dataset.lerobot import Frame
from vla_ros.dataset.stored import StoredDataset
from vla_ros.dataset.streams import ACTION, INSTRUCTION, LABEL_TYPE, STATE

EPOCH = 1_000_000_000  # s, time of the first frame: datasets don't say when they were recorded
PAUSE = 1.0  # s between two episodes
_START, _SUCCESS = 1, 2  # of EpisodeEvent
_NONE = np.zeros(0)


def convert_to_bags(
    root: Path,
    output: Path,
    on_progress: Progress = lambda done, total: None,
    units: str = '',
    robot: RobotSpec | None = None,
) -> list[Episode]:
    """
    Append the episodes of the dataset in ``root`` to the recordings in ``output``: all or none.

    Its joints are in ``units``, '' where nobody knows; recordings are in rad. Raise ConfigError
    where the dataset cannot be used, where its numbers are not of that unit (of the ``robot``, if
    given) and where the folder cannot be written.
    """
    dataset = StoredDataset(root)
    in_rad = dataset.to_rad(units, robot)
    episodes: list[Episode] = []
    time = float(EPOCH)
    with bag.claim(output), ExitStack() as undo:
        for index in range(len(dataset)):
            info = dataset.info(index)
            with ExitStack() as unfinished:
                writer = EpisodeWriter(output, _calibration(root, info))
                unfinished.callback(writer.discard)
                for message in _messages(dataset, in_rad, index, time):
                    writer.write(message)
                unfinished.pop_all()
            time = message.time * 1e-9 + PAUSE
            episodes.append(writer.keep(replace(info, robot=info.robot or dataset.robot)))
            undo.callback(bag.remove, episodes[-1].path)
            on_progress(index + 1, len(dataset))
        undo.pop_all()
    return episodes


def _calibration(root: Path, info: EpisodeInfo) -> list[Path]:
    """Return the calibration files of an episode; raise ConfigError where one is not there."""
    folder = root / 'meta' / CALIBRATION
    files = [calibration_file(folder, *item) for item in info.calibration.items()]
    for file in files:
        if not file.is_file():
            raise ConfigError(
                f'{file}: not there, expected the calibration file that an episode was recorded '
                'with; copy the whole dataset again'
            )
    return files


def _messages(
    dataset: StoredDataset, in_rad: Mapping[str, Conversion], index: int, begin: float
) -> Iterator[Message]:
    """Yield the messages of an episode that begins at ``begin`` (s)."""
    info = dataset.info(index)
    yield _event(begin, _START, index, info, 0.0)
    time, task = begin, None
    for number, frame in enumerate(dataset.frames(index)):
        time = begin + number / dataset.fps
        state = in_rad['observation.state'](np.asarray(frame.state, np.float64))
        action = in_rad['action'](np.asarray(frame.action, np.float64))
        yield from _frame_messages(dataset, replace(frame, state=state, action=action), time)
        if frame.task != task:  # counts from the latest stamp before it: from this frame's
            task = frame.task
            yield _message(INSTRUCTION, 'std_msgs/msg/String', time, task)
    yield _event(time, _SUCCESS, index, info, time - begin)


def _frame_messages(dataset: StoredDataset, frame: Frame, time: float) -> Iterator[Message]:
    types = bag.typestore().types
    names = list(dataset.names('observation.state'))
    header = _header(time, '')
    joints = (names, frame.state, _NONE, _NONE)
    yield _message(STATE, 'sensor_msgs/msg/JointState', time, header, *joints)
    step = types['builtin_interfaces/msg/Duration'](0, round(1e9 / dataset.fps))
    targets = (frame.action, _NONE, _NONE, _NONE)
    point = types['trajectory_msgs/msg/JointTrajectoryPoint'](*targets, step)
    commanded = list(dataset.names('action'))
    yield _message(ACTION, 'trajectory_msgs/msg/JointTrajectory', time, header, commanded, [point])
    for label, number in frame.labels.items():
        yield _message(label, LABEL_TYPE, time, number)
    for camera, image in frame.images.items():
        height, width, channels = image.shape
        yield _message(
            f'camera/{camera}/image_raw',
            'sensor_msgs/msg/Image',
            time,
            _header(time, camera),
            height,
            width,
            'rgb8',
            0,
            width * channels,
            np.ascontiguousarray(image).reshape(-1),
        )


def _event(time: float, event: int, index: int, info: EpisodeInfo, duration: float) -> Message:
    cluster = str(info.cluster) if info.cluster else ''
    rotation = np.array([] if info.rotation is None else [info.rotation])
    fields = (event, index, info.seed, cluster, info.recovery, duration, rotation, info.goal)
    return _message('episode', 'vla_ros/msg/EpisodeEvent', time, _header(time, ''), *fields)


def _header(time: float, frame_id: str) -> Any:
    types = bag.typestore().types
    stamp = types['builtin_interfaces/msg/Time'](*divmod(round(time * 1e9), 10**9))
    return types['std_msgs/msg/Header'](stamp, frame_id)


def _message(topic: str, msgtype: str, time: float, *fields: Any) -> Message:
    store = bag.typestore()
    data = store.serialize_cdr(store.types[msgtype](*fields), msgtype)
    return Message(f'/{topic}', msgtype, round(time * 1e9), bytes(data))
