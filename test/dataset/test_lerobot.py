# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Writing LeRobotDatasets."""

import resource
import time

import numpy as np
import pytest

pytest.importorskip('lerobot')

from lerobot.datasets import video_utils

from vla_ros.core.errors import VlaError
from vla_ros.dataset.lerobot import DatasetSpec, DatasetWriter, Frame

FRAMES = 50  # more than LeRobot's encoder keeps waiting by itself


def test_encoder_that_falls_behind_loses_no_frame(tmp_path, monkeypatch):
    encode = video_utils._CameraEncoderThread.run

    def encode_late(thread):
        time.sleep(0.5)
        encode(thread)

    monkeypatch.setattr(video_utils._CameraEncoderThread, 'run', encode_late)
    spec = DatasetSpec(30, ('a',), {'top': (32, 32)}, 'test')
    writer = DatasetWriter(tmp_path / 'dataset', spec)
    picture = np.zeros((32, 32, 3), np.uint8)
    frame = Frame(np.zeros(1), np.zeros(1), {'top': picture})
    writer.write([frame] * FRAMES, 'wait')
    writer.close()

    video = next((tmp_path / 'dataset' / 'videos').rglob('*.mp4'))
    assert count_frames(video) == FRAMES


def count_frames(video):
    import av

    with av.open(str(video)) as container:
        return sum(1 for _ in container.decode(video=0))


def test_a_disk_that_is_full_is_told_in_one_line(tmp_path):
    spec = DatasetSpec(fps=30, joint_names=('a',), cameras={'top': (96, 128)}, robot_type='test')
    writer = DatasetWriter(tmp_path / 'dataset', spec)
    rng, motion = np.random.default_rng(0), np.zeros(1)
    noise = rng.integers(0, 256, (60, 96, 128, 3), np.uint8)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, before[1]))
    try:
        with pytest.raises(VlaError, match='dataset .*: Encoder thread .*; free the disk'):
            writer.write((Frame(motion, motion, {'top': image}) for image in noise), 'task')
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
