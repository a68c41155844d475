# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Recordings for the tiny policy of bundles.py, made without ROS."""

import numpy as np
import recordings
from bundles import CAMERAS, HEIGHT, JOINTS, WIDTH
from recordings import START, episode_event, instruction, picture
from rosbags.rosbag2 import CompressionFormat, StoragePlugin, Writer

FPS = 30
FRAMES = 45


def joint_states(time, positions, names=JOINTS):
    return recordings.joint_states(time, positions, names)


def joint_commands(time, positions, names=JOINTS):
    return recordings.joint_commands(time, positions, names)


def photo(frame, camera):
    """Return a picture that tells the frame and the camera."""
    rng = np.random.default_rng((frame, camera))
    return rng.integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)


def positions(frame):
    """Return where the joints are, rad."""
    return 0.1 * np.sin(frame / 10 + np.arange(len(JOINTS)))


def make_messages(frames=FRAMES, cluster=4, begin=float(START)):
    """Yield an episode; joints move at twice the rate of the pictures, which come late."""
    yield instruction(begin)
    yield episode_event(begin, 1, cluster)
    for tick in range(2 * frames):
        time = begin + 0.001 + tick / (2 * FPS)
        yield joint_states(time, positions(tick / 2))
        yield joint_commands(time, positions(tick / 2 + 1))
        if tick % 2 == 0:
            for number, camera in enumerate(CAMERAS):
                late = time + 0.003 * number
                yield picture(camera, late, photo(tick // 2, number))
    yield episode_event(begin + frames / FPS, 2, cluster)


def write_bag(folder, messages, plugin=StoragePlugin.MCAP, compression=None):
    """Write a bag as `ros2 bag record` does: no facts of this package in it; return its folder."""
    store, writer = recordings.typestore(), Writer(folder, version=9, storage_plugin=plugin)
    if compression:
        writer.set_compression(compression, CompressionFormat.ZSTD)
    with writer:
        connections = {}
        for item in messages:
            if item.topic not in connections:
                connections[item.topic] = writer.add_connection(
                    item.topic, item.msgtype, typestore=store
                )
            writer.write(connections[item.topic], item.time, item.data)
    return folder
