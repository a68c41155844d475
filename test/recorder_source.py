# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What a recorder meets: cameras, an arm and its operator."""

import numpy as np
from sensor_msgs.msg import CameraInfo, Image, JointState
from std_srvs.srv import Trigger
from trajectory_msgs.msg import JointTrajectory, JointTrajectoryPoint

from vla_ros.msg import EpisodeEvent
from vla_ros.nodes.recorder import RecorderNode
from vla_ros.ros import messages, qos

CAMERAS = ('top', 'gripper', 'left')
FPS = 30
PLAN = """
starts: 2
recoveries: 1
recovery_kinds: [miss, drop]
clusters: {3: [0.15, -0.25], 4: [0.15, -0.15]}
"""


class Source:
    """Cameras, an arm and its operator, as the recorder meets them."""

    def __init__(self, start_graph, folder, begin=True, **parameters):
        """Start a recorder and, to ``begin``, let it hear every source once."""
        plan = folder / 'plan.yaml'
        plan.write_text(PLAN)
        self.root = folder / 'set'
        values = {'output': self.root, 'plan': plan, 'gate': 'none', **parameters}
        self.graph = start_graph(*(f'recorder:{key}:={value}' for key, value in values.items()))
        self.recorder = self.graph.start(RecorderNode())
        self.starts = self.graph.collect(EpisodeEvent, 'next_start', qos.LATCHED)
        advertise = self.graph.publisher
        self.events = advertise(EpisodeEvent, 'episode', qos.EVENTS)
        self.images = [advertise(Image, f'camera/{c}/image_raw', qos.SENSOR) for c in CAMERAS]
        self.infos = [
            advertise(CameraInfo, f'camera/{c}/camera_info', qos.SENSOR) for c in CAMERAS
        ]
        self.states = advertise(JointState, 'joint_states', qos.SENSOR)
        self.commands = advertise(JointTrajectory, 'joint_commands', qos.LATEST)
        if begin:
            self.play(1)
            self.graph.until(lambda: self.starts)

    def tell(self, event, **fields):
        self.events.publish(EpisodeEvent(event=event, **{'cluster': '3', **fields}))
        self.graph.spin(0.1)

    def play(self, frames, pictures=lambda frame: np.full((48, 64, 3), frame, np.uint8)):
        """Publish frames in real time; the brightness tells the number."""
        for frame in range(frames):
            time = 1000.0 + frame / FPS
            for image, info in zip(self.images, self.infos, strict=True):
                msg = messages.image_to_msg(pictures(frame), time, 'camera')
                image.publish(msg)
                info.publish(CameraInfo(header=msg.header))
            self.states.publish(JointState(header=msg.header, name=['a'], position=[1.0]))
            self.commands.publish(
                JointTrajectory(
                    header=msg.header,
                    joint_names=['a'],
                    points=[JointTrajectoryPoint(positions=[2.0])],
                )
            )
            self.graph.spin(1 / FPS)

    def record(self, frames=2, end=EpisodeEvent.SUCCESS, **fields):
        """Play a whole episode and wait for what the recorder wants next."""
        known = len(self.starts)
        self.tell(EpisodeEvent.START, **fields)
        self.play(frames)
        self.tell(end, **fields)
        self.graph.until(lambda: len(self.starts) > known or self.recorder.finished)

    def call(self, name):
        client = self.graph.peer.create_client(Trigger, f'recorder/{name}')
        self.graph.until(client.service_is_ready)
        future = client.call_async(Trigger.Request())
        self.graph.until(future.done)
        return future.result()
