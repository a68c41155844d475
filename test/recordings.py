# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Recorded messages and episodes for tests, made without ROS."""

import numpy as np

from vla_ros.dataset.bag import EpisodeInfo, EpisodeWriter, Message, typestore

JOINTS = ('shoulder', 'elbow')
CAMERAS = ('top', 'left')
FPS = 30
START = 1_700_000_000  # s


def header(time):
    types = typestore().types
    seconds, nanoseconds = divmod(round(time * 1e9), 10**9)
    stamp = types['builtin_interfaces/msg/Time'](seconds, nanoseconds)
    return types['std_msgs/msg/Header'](stamp, 'frame')


def message(topic, msgtype, time, *fields):
    """Return a message of ``msgtype``, received at ``time`` (s), of these fields in order."""
    data = typestore().serialize_cdr(typestore().types[msgtype](*fields), msgtype)
    return Message(topic, msgtype, round(time * 1e9), bytes(data))


def picture(camera, time, pixels, encoding='rgb8'):
    height, width, channels = pixels.shape
    return message(
        f'/camera/{camera}/image_raw',
        'sensor_msgs/msg/Image',
        time,
        header(time),
        height,
        width,
        encoding,
        0,
        width * channels,
        pixels.reshape(-1),
    )


def joint_states(time, positions, names=JOINTS):
    none = np.zeros(0)
    return message(
        '/joint_states',
        'sensor_msgs/msg/JointState',
        time,
        header(time),
        list(names),
        np.array(positions),
        none,
        none,
    )


def joint_commands(time, positions, names=JOINTS, later=()):
    """Return a trajectory to ``positions``, and in a second each to the places that come later."""
    types, none = typestore().types, np.zeros(0)
    durations = [types['builtin_interfaces/msg/Duration'](i, 0) for i in range(1 + len(later))]
    point = types['trajectory_msgs/msg/JointTrajectoryPoint']
    points = [
        point(np.array(place), none, none, none, duration)
        for place, duration in zip([positions, *later], durations, strict=True)
    ]
    return message(
        '/joint_commands',
        'trajectory_msgs/msg/JointTrajectory',
        time,
        header(time),
        list(names),
        points,
    )


def instruction(time, text='Grab it.'):
    return message('/instruction', 'std_msgs/msg/String', time, text)


def episode_event(time, event, cluster=4, seed=0, detail='', goal=''):
    return message(
        '/episode',
        'vla_ros/msg/EpisodeEvent',
        time,
        header(time),
        event,
        0,
        seed,
        str(cluster),
        detail,
        0.0,
        np.array([]),
        goal,
    )


def phase(time, number):
    return message('/phase', 'std_msgs/msg/Int64', time, number)


def shade(frame, camera=0):
    """Return a picture (24, 32, 3) whose brightness tells the frame and the camera."""
    return np.full((24, 32, 3), 10 + 3 * frame + 100 * camera, np.uint8)


def make_messages(frames=12, rate=60):
    """Yield an episode: joints at ``rate`` Hz, two cameras at FPS, each a little late."""
    yield instruction(START)
    yield episode_event(START, 1)
    for tick in range(frames * rate // FPS):
        time = START + 0.001 + tick / rate
        yield joint_states(time, [tick / rate, 1.0])
        yield joint_commands(time, [tick / rate + 0.1, 2.0])
        if tick % (rate // FPS) == 0:
            frame = tick * FPS // rate
            for number, camera in enumerate(CAMERAS):
                yield picture(camera, time + 0.004 * number, shade(frame, number))


def write_episode(root, info=None, messages=None, calibration=()):
    """Write and return a whole episode below ``root``."""
    writer = EpisodeWriter(root, calibration)
    for item in make_messages() if messages is None else messages:
        writer.write(item)
    return writer.keep(info or EpisodeInfo(cluster=4))
