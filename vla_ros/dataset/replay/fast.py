# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The policy's answers as fast as they can be computed: its stages in this process."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from vla_ros.dataset.align import gather
from vla_ros.dataset.camera_messages import read_picture
from vla_ros.dataset.replay.bag_samples import Track
from vla_ros.dataset.replay.drive import Ask
from vla_ros.policy.pipeline import Policy


class Answered(NamedTuple):
    """An answer of the policy and what it took."""

    chunk: np.ndarray  # (chunk, joints) rad
    times: dict[str, float]  # stage: s; 'total': s from request to chunk, where it was measured


def answer_all(track: Track, asks: Sequence[Ask], policy: Policy) -> list[Answered]:
    """Return the policy's answer to each of the asks; raise VlaError for a broken picture."""
    cameras = {camera.name: track.streams.cameras[camera.name] for camera in policy.spec.cameras}
    chosen = {topic: [ask.samples[topic] for ask in asks] for topic in cameras.values()}
    answers = []
    for ask, messages in zip(asks, gather(track.episode, chosen), strict=True):
        images = {name: read_picture(messages[topic]) for name, topic in cameras.items()}
        state = track.states[ask.samples[track.streams.state]]
        number = ask.number + 1  # as the player numbers its requests
        chunk, times = policy.predict(images, state, ask.text or None, number)
        answers.append(Answered(chunk, {**times, 'total': sum(times.values())}))
    return answers
