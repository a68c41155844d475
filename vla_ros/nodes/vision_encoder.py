# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Vision encoder node: camera pictures and joint states in, features out when a chunk is asked."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from sensor_msgs.msg import CompressedImage, Image, JointState
from std_msgs.msg import Header, String

from vla_ros.core.errors import VlaError
from vla_ros.core.joint_states import JointStates
from vla_ros.core.liveness import CameraWatch
from vla_ros.core.observation import Observation, Observations
from vla_ros.msg import Features, QueueStatus, StageTiming
from vla_ros.policy.bundle import Bundle
from vla_ros.policy.spec import CameraSpec
from vla_ros.policy.vision import VisionEncoder, check_image
from vla_ros.ros import messages, qos
from vla_ros.ros.camera_topics import COMPRESSED_CAMERAS, camera_topics, read_image
from vla_ros.ros.params import Change, declare, param
from vla_ros.ros.process import spin_node
from vla_ros.ros.stage import StageNode

JOINT_STATES = 'joint_states'
PATIENCE = 3.0  # s in which an open request is no fault: cameras take that long to come up


@dataclass(frozen=True)
class VisionEncoderParams:
    """Parameters of the vision encoder node."""

    max_skew: float = param(
        0.05, 'Seconds between the oldest and newest part of an observation.', low=0.001, high=10.0
    )
    max_age: float = param(
        0.5, 'Seconds after which an observation is too old to act on.', low=0.01, high=60.0
    )
    reuse_threshold: float = param(
        0.0,
        'A camera keeps its features where no 8 x 8 px of its picture differ from the last '
        'encoded one by more than this on average, in levels of 255. 0: all are encoded.',
        low=0.0,
        high=255.0,
    )
    compressed_cameras: str = param('', COMPRESSED_CAMERAS)
    instruction: str = param(
        '', "What to do, in words, until the topic instruction says it; empty: the policy's own."
    )


class VisionEncoderNode(StageNode):
    """
    Answer each request of the action queue with features of the newest observation.

    Pictures wait as they came; only those of an answered request are encoded. A request that
    nothing new and whole can answer stays open until something can: the robot holds meanwhile.
    """

    def __init__(self, name: str = 'vision_encoder') -> None:
        """Declare the parameters."""
        super().__init__(name)
        self._params = declare(self, VisionEncoderParams, Change.CONFIGURE)
        self._request: int | None = None  # the open one
        self._waits_since = 0.0  # s
        self._answered: int | None = None  # the last one
        self._encoder: Any = None  # a VisionEncoder once it is configured

    def configure(self) -> None:
        """Load the block and the policy's facts."""
        bundle = self.load_bundle()
        self._spec = bundle.spec
        self._encoder = self.open_encoder(bundle)
        self._instruction = self._told_at_first
        self._carried = self._spec.carried('vision_encoder')
        self._features = self.advertise_tensors('vision_features')
        self.ready(self._encoder.session)

    def open_encoder(self, bundle: Bundle) -> VisionEncoder:
        """Return the vision encoder as placement and parameters want it."""
        return VisionEncoder(bundle, self.placement, self._params.reuse_threshold)

    def diagnostics(self) -> dict[str, str]:
        """Return what runs where and how fast, and which pictures were not encoded again."""
        encoder = self._encoder
        if encoder is None:
            return super().diagnostics()
        reused = encoder.memory.summary() if encoder.memory.threshold > 0 else 'off'
        return super().diagnostics() | {
            'instruction': self._instruction,
            'cameras': encoder.mode,
            'features reused': reused,
        }

    def activate(self) -> None:
        """Listen to the cameras, the joints, the queue and the operator."""
        cameras = {camera.name: camera for camera in self._spec.cameras}
        topics = camera_topics(list(cameras), self._params.compressed_cameras)
        self._topics = {name: topic.name for name, topic in topics.items()}
        sources = [*self._topics.values(), JOINT_STATES]
        self._observations = Observations(sources, self._params.max_skew, self._params.max_age)
        self._joints = JointStates(self._spec.joint_names)
        self._watch = CameraWatch()
        for name, topic in topics.items():
            on_image = self._image_callback(cameras[name], topic.name)
            self.subscribe(topic.msg_type, topic.name, on_image, qos.SENSOR)
        self.subscribe(JointState, JOINT_STATES, self._on_joint_states, qos.JOINTS)
        self.subscribe(String, 'instruction', self._on_instruction, qos.LATCHED, newest=True)
        self.subscribe(QueueStatus, 'queue_status', self._on_queue_status, qos.LATEST)

    def deactivate(self) -> None:
        """Forget the open request: it will be asked again."""
        self._request = None

    def _image_callback(
        self, camera: CameraSpec, topic: str
    ) -> Callable[[Image | CompressedImage], None]:
        def read(msg: Image | CompressedImage) -> np.ndarray:
            image = read_image(msg, f'camera {camera.name}')
            check_image(camera, image)
            return image

        def on_image(msg: Image | CompressedImage) -> None:
            # what is compressed is read once it is asked for
            late = isinstance(msg, CompressedImage)
            value = partial(read, msg) if late else read(msg)
            self._add(topic, self._time(msg.header), value)

        return on_image

    def _on_joint_states(self, msg: JointState) -> None:
        joints = self._joints
        joints.set_back(self.now())
        if joints.take(msg.name, msg.position, self._time(msg.header)) and not joints.missing:
            self._add(JOINT_STATES, joints.time, joints.positions)

    def _time(self, header: Header) -> float:
        """Return when something was measured (s); now, where its driver leaves the stamp out."""
        return messages.seconds(header.stamp) or self.now()

    def _on_instruction(self, msg: String) -> None:
        self._instruction = msg.data.strip() or self._told_at_first

    @property
    def _told_at_first(self) -> str:
        """Return what is to be done where nobody says it while the node runs."""
        return self._params.instruction.strip() or self._spec.instruction

    def _on_queue_status(self, msg: QueueStatus) -> None:
        request = msg.request_id if msg.request and msg.request_id != self._answered else None
        if self._request is None:
            self._waits_since = self.now()
        self._request = request
        self._answer()
        if self._request is not None and self.now() - self._waits_since > PATIENCE:
            missing = self._untold or self._observations.waiting_for
            self.report('observation', f'no answer yet: {missing}')

    def _add(self, source: str, time: float, value: object) -> None:
        self._observations.add(source, time, value)
        self._answer()

    def _answer(self) -> None:
        """Answer the open request, if there is one and all that it needs."""
        if self._request is None or self._untold:
            return
        observation = self._observations.take(self.now())
        if observation is not None:
            self._encode(observation, self._request)

    def _encode(self, observation: Observation, request: int) -> None:
        """Publish the answer; where that fails, the request stays open for the next pictures."""
        try:
            observation = _whole(observation)
            self._check_alive(observation)
            self._publish_answer(observation, request)
        except VlaError as error:
            self.report('encoding', str(error))
        else:
            self._answered, self._request = request, None

    @property
    def _untold(self) -> str:
        """Say what a policy waits for that reads what to do and was not told, else ''."""
        if self._spec.language is None or self._instruction:
            return ''
        return (
            'instruction: got none, and the policy knows several, expected what to do, in words; '
            'publish it on the topic instruction, or set the parameter instruction'
        )

    def _images(self, observation: Observation) -> dict[str, np.ndarray]:
        return {name: observation.values[topic] for name, topic in self._topics.items()}

    def _check_alive(self, observation: Observation) -> None:
        """Raise VlaError where a camera delivers the same picture again and again."""
        frozen = self._watch.frozen(self._images(observation), observation.values[JOINT_STATES])
        if frozen:
            raise VlaError(
                f'camera {", ".join(frozen)}: got the same picture although the arm moved, '
                'expected a live one; start its driver anew'
            )

    def _encoded(
        self, observation: Observation, slot: np.ndarray | None = None
    ) -> tuple[np.ndarray, StageTiming]:
        """Return the features of an observation, in ``slot`` if given, and when they were made."""
        images = self._images(observation)
        return self.timed(lambda: self._encoder.encode(images, slot), 'vision_encoder')

    def _publish_answer(self, observation: Observation, request: int) -> None:
        slot = self._features.loan('features', self._encoder.features)
        features, timing = self._encoded(observation, slot)
        msg = Features(sequence=request, instruction=self._instruction, timings=[timing])
        msg.header.stamp = messages.stamp(observation.time)
        known = {'features': features, 'state': observation.values[JOINT_STATES]}
        self._features.publish(msg, {name: known[name] for name in self._carried})


def _whole(observation: Observation) -> Observation:
    """Return the observation with the pictures that were not read yet."""
    values = observation.values.items()
    return replace(
        observation,
        values={topic: value() if callable(value) else value for topic, value in values},
    )


def main(args: list[str] | None = None) -> int:
    """Run the node; return its exit code."""
    return spin_node(VisionEncoderNode, args)


if __name__ == '__main__':
    raise SystemExit(main())
