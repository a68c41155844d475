# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Writing LeRobotDatasets."""

import time

import numpy as np
import pytest

pytest.importorskip('lerobot')

from lerobot.datasets import video_utils

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
