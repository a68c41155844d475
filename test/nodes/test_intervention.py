# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A person leads an arm for a while: what is recorded, converted and trained on knows it."""

import os
import time

import numpy as np
import pytest

pytest.importorskip('scservo_sdk')
pytest.importorskip('rosbags')
pytest.importorskip('lerobot', reason="needs pip install 'vla_ros[train]'")

from sensor_msgs.msg import CameraInfo, Image
from servos import ROBOT, simulated_arm
from std_msgs.msg import Int64
from trajectory_msgs.msg import JointTrajectory, JointTrajectoryPoint

from vla_ros.dataset.lerobot import open_dataset
from vla_ros.hardware.gamepad import AXIS, BUTTON, CLUTCH, EVENT
from vla_ros.msg import EpisodeEvent
from vla_ros.nodes.recorder import RecorderNode
from vla_ros.nodes.robot import RobotNode
from vla_ros.nodes.teleoperate import TeleoperateNode
from vla_ros.ros import messages, qos
from vla_ros.tools.main import main
from vla_ros.train.batches import Batches
from vla_ros.train.frames import load_frames

FPS = 10
PLAN = 'starts: 1\nrecoveries: 0\nclusters: {1: [0.2, 0.0]}\n'
SIZE = '--dim-model 16 --encoder-layers 1 --chunk-size 4 --batch-size 4'


class Scene:
    """Arm, gamepad and recorder as nodes; the peer is the camera and the policy."""

    def __init__(self, graph, gamepad):
        self.graph, self._gamepad = graph, gamepad
        graph.start(RobotNode())
        graph.start(TeleoperateNode())
        graph.start(RecorderNode())
        self.starts = graph.collect(EpisodeEvent, 'next_start', qos.LATCHED)
        self.led = graph.collect(Int64, 'intervention', qos.SENSOR)
        self.followed = graph.collect(JointTrajectory, 'joint_commands', qos.LATEST)
        self._episodes = graph.publisher(EpisodeEvent, 'episode', qos.EVENTS)
        self._images = graph.publisher(Image, 'camera/top/image_raw', qos.LATEST)
        self._infos = graph.publisher(CameraInfo, 'camera/top/camera_info', qos.LATEST)
        self._commands = graph.publisher(JointTrajectory, 'policy_commands', qos.LATEST)
        graph.peer.create_timer(0.05, self._drive)
        graph.peer.create_timer(1 / FPS, self._film)
        self._brightness = 0

    def _drive(self):
        """Have every joint sway a little about 0, which is what the policy wants."""
        sway = 0.05 * np.sin(3.0 * time.monotonic())
        point = JointTrajectoryPoint(positions=[sway] * 6)
        self._commands.publish(JointTrajectory(joint_names=ROBOT.joint_names, points=[point]))

    def _film(self):
        now = self.graph.peer.get_clock().now().nanoseconds * 1e-9
        self._brightness = (self._brightness + 1) % 256
        picture = np.full((32, 64, 3), self._brightness, np.uint8)
        msg = messages.image_to_msg(picture, now, 'top')
        self._images.publish(msg)
        self._infos.publish(CameraInfo(header=msg.header))

    def tell(self, event):
        self._episodes.publish(EpisodeEvent(event=event, cluster='1'))
        self.graph.spin(0.2)

    def press(self, *events):
        os.write(self._gamepad, b''.join(EVENT.pack(0, *event) for event in events))

    def lead(self, seconds):
        """Have the person take over, push the stick, and give back."""
        self.press((1, BUTTON, CLUTCH), (32767, AXIS, 0))
        self.graph.until(lambda: self.led[-1].data == 1)
        self.graph.spin(seconds)
        self.press((0, BUTTON, CLUTCH))
        self.graph.until(lambda: self.led[-1].data == 0)


@pytest.fixture
def recordings(start_graph, tmp_path):
    """Return the folder of one episode, the middle part of which a person led."""
    pad, plan = tmp_path / 'js0', tmp_path / 'plan.yaml'
    plan.write_text(PLAN)
    os.mkfifo(pad)
    reader = os.open(pad, os.O_RDONLY | os.O_NONBLOCK)
    writer = os.open(pad, os.O_WRONLY | os.O_NONBLOCK)
    with simulated_arm(tmp_path) as (bus, settings):
        parameters = {
            'robot:robot': 'so101',
            'robot:unguarded': 'true',
            'robot:port': settings.port,
            'robot:calibration': settings.calibration,
            'robot:answer_time': '0.3',
            'robot:rate': '30.0',
            'teleoperate:robot': 'so101',
            'teleoperate:device': 'gamepad',
            'teleoperate:path': pad,
            'recorder:output': tmp_path / 'recordings',
            'recorder:plan': plan,
            'recorder:cameras': 'top',
            'recorder:fps': f'{FPS}.0',
            'recorder:gate': 'none',
            'recorder:instruction': 'Stay.',
        }
        words = [f'{name}:={value}' for name, value in parameters.items()]
        remappings = ['joint_commands:=policy_commands', 'followed_commands:=joint_commands']
        graph = start_graph(*words, remappings=[f'robot:{each}' for each in remappings])
        scene = Scene(graph, writer)
        graph.until(lambda: scene.starts and scene.led and len(scene.followed) > 10)
        scene.tell(EpisodeEvent.START)
        graph.spin(1.5)
        scene.lead(1.5)
        graph.spin(1.5)
        scene.tell(EpisodeEvent.SUCCESS)
        graph.until(lambda: list((tmp_path / 'recordings').glob('episode_*')))
        graph.close()
    os.close(reader), os.close(writer)
    return tmp_path / 'recordings'


def runs(values):
    """Return the values, those that follow one another once."""
    return [value for i, value in enumerate(values) if i == 0 or values[i - 1] != value]


def test_intervention_is_recorded_converted_and_trained_on(recordings, tmp_path, capsys):
    data, run = tmp_path / 'data', tmp_path / 'run'
    late = ['--max-skew', '3.0']  # of a machine that tests
    assert main(['convert', str(recordings), '--output', str(data), *late]) == 0
    dataset = open_dataset(data)
    frames = load_frames(dataset)
    led = frames.numbers['intervention']
    assert runs(led.tolist()) == [0, 1, 0]  # the policy, the person, the policy
    assert led.sum() > FPS / 2
    pan, first = frames.action[:, 0], int(led.argmax())
    assert np.abs(pan[: first - 1]).max() < 0.06 and pan[led == 1].max() > 0.1

    words = f'--dataset {data} --output {run} --steps 2 --episodes 0 --emphasize human=3 {SIZE}'
    assert main(['train', *words.split()]) == 0
    assert (run / 'step_000002').is_dir()
    batches = Batches([frames], 1, 4, emphasis={'intervention': {1: 3}})
    assert len(batches._deck) == len(led) + 2 * led.sum()


def test_human_frames_are_asked_of_data_that_has_none(tmp_path, capsys):
    from train.conftest import write_dataset

    data = write_dataset(tmp_path / 'plain')
    words = f'--dataset {data} --output {tmp_path / "run"} --steps 1 --episodes 0 {SIZE}'
    assert main(['train', *words.split(), '--emphasize', 'human=3']) == 2
    assert 'got no dataset with the label intervention, expected one' in capsys.readouterr().err
