# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What is heard of a robot, live or out of a bag, as what is on show on its page."""

import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from sensor_msgs.msg import CameraInfo, CompressedImage, Image, JointState
from std_msgs.msg import String
from trajectory_msgs.msg import JointTrajectory

from vla_ros.core.joint_states import JointStates
from vla_ros.core.kinematics import robot_model
from vla_ros.core.robot import RobotSpec
from vla_ros.msg import ActionChunk as ActionChunkMsg
from vla_ros.msg import EpisodeEvent, QueueStatus
from vla_ros.ros import messages, watched
from vla_ros.ros.camera_topics import camera_topics, read_image
from vla_ros.view.description import describe_robot
from vla_ros.view.hub import Hub
from vla_ros.view.path import PlanWatch
from vla_ros.view.pictures import encode_jpeg
from vla_ros.view.server import as_json
from vla_ros.view.words import SILENT, Words

PERIOD = 0.1  # s between two states of the page
SILENCE = 1.0  # s without a status, or a command, after which what was said no longer holds
FORGET = 5.0  # s without a word after which a node is gone
COMMAND_RATE = 30.0  # Hz
HEARD_OUT = {'action_queue', 'recorder', 'robot'}  # nodes of whom more is shown than their row
DIAGNOSTICS = '/diagnostics'


class Heard(NamedTuple):
    """A topic of the page: its type, who takes its messages, and how many per second at most."""

    kind: type
    take: Callable[[Any], None]
    rate: float = 0.0  # Hz; 0: each one


class Clocks(NamedTuple):
    """The times that a show goes by: that of the messages' stamps, and one that nobody sets."""

    now: Callable[[], float]  # s
    steady: Callable[[], float] = time.monotonic  # s


class Show:
    """Puts on show what it is told of one robot, all by one thread."""

    def __init__(
        self,
        hub: Hub,
        robot: RobotSpec,
        cameras: Sequence[str],
        namespace: str,
        clocks: Clocks,
        picture_rate: float,
        picture_width: int,
        silent: Words = SILENT,
        compressed: str = '',
    ) -> None:
        """
        Take where it is shown, and of whom.

        Pictures are reduced to ``picture_width``; ``silent`` is said where nobody says anything;
        ``compressed`` names the cameras whose pictures come so, as in the parameter.
        """
        self._silent = silent
        self._hub, self._robot, self._cameras = hub, robot, list(cameras)
        self._namespace, self._clocks, self._width = namespace, clocks, picture_width
        self._model = robot_model(robot) if robot.urdf else None
        # what is always heard: it is little, and says how the arm is
        self.topics = {
            'queue_status': Heard(QueueStatus, self._on_status),
            'action_chunk': Heard(ActionChunkMsg, self._on_chunk),
            'queued_actions': Heard(ActionChunkMsg, self._on_queued),
            'episode': Heard(EpisodeEvent, self._on_episode),
            'instruction': Heard(String, self._on_instruction),
            DIAGNOSTICS: Heard(DiagnosticArray, self._on_diagnostics),
        }
        # what is only worth its cost while somebody looks
        self.streams = {
            'joint_states': Heard(JointState, self._on_joint_states),  # which may come in parts
            'joint_commands': Heard(JointTrajectory, self._on_commands, COMMAND_RATE),
        }
        pictures = camera_topics(self._cameras, compressed)
        for number, name in enumerate(self._cameras):
            on_picture = partial(self._on_picture, number, name)
            on_lens = partial(self._on_lens, name)
            kind = pictures[name].msg_type
            self.streams[pictures[name].name] = Heard(kind, on_picture, picture_rate)
            self.streams[f'camera/{name}/camera_info'] = Heard(CameraInfo, on_lens, 1.0)
        self.forget()

    def greet(self, **more: Any) -> None:
        """Say whom a viewer sees."""
        robot = describe_robot(self._robot, self._model)
        self._show('hello', robot=robot, cameras=self._cameras, namespace=self._namespace, **more)

    def forget(self) -> None:
        """Know nothing of the robot, as at the beginning."""
        self._due: dict[str, float] = {}  # s, steady, when a topic's next message is shown
        self._felt = JointStates(self._robot.joint_names)
        self._joints: dict[str, list[float]] = {}
        self._status: dict[str, Any] = watched.silence_item(silent=self._silent)
        self._heard = float('-inf')  # s, steady, when the queue last said how it stands
        self._commanded = float('-inf')  # s, steady, when the arm was last sent anywhere
        self._nodes: dict[str, tuple[float, DiagnosticStatus]] = {}
        self._arm: str | None = None  # how the driver of the arm stands; None: there is none
        self._plan = PlanWatch()

    def forget_joints(self) -> None:
        """Know nothing of the joints, of which nothing is heard any more."""
        self._felt.clear()
        self._joints.clear()

    def tick(self) -> None:
        """Show how the arm stands now; to be called every PERIOD."""
        now = self._clocks.steady()
        if now - self._heard > SILENCE:
            self._status = watched.silence_item(self._records, self._arm, self._silent)
            self._clear_plan()
        if now - self._commanded > SILENCE:
            self._joints.pop('commanded', None)
        self._show('status', **self._status)
        self._show('joints', **self._joints)
        if self.is_due('nodes', 1.0):
            self._show_nodes(now)

    def show_playback(self, state: Mapping[str, Any]) -> None:
        """Show how the playback of a bag stands."""
        self._show('playback', **state)

    def is_wanted(self, what: str, heard: Heard) -> bool:
        """Say whether to take the next message of ``what``, which may come too often."""
        return not heard.rate or self.is_due(what, 1.0 / heard.rate)

    def is_due(self, what: str, period: float) -> bool:
        """Say whether to show something that is shown every ``period`` (s) on average."""
        now, due = self._clocks.steady(), self._due.get(what, 0.0)
        if now < due:
            return False
        self._due[what] = max(due + period, now)
        return True

    def _show(self, kind: str, **content: Any) -> None:
        self._hub.show(kind, as_json(kind, **content))

    @property
    def _records(self) -> bool:
        """Say whether a recorder is there and no action queue: somebody demonstrates."""
        names = {name.rpartition('/')[2] for name in self._nodes}
        return 'recorder' in names and 'action_queue' not in names

    def _on_status(self, msg: QueueStatus) -> None:
        self._heard = self._clocks.steady()
        self._status = watched.status_item(msg)
        if not msg.remaining:
            self._clear_plan()

    def _clear_plan(self) -> None:
        if self._plan.clear():
            self._show('path')

    def _on_chunk(self, msg: ActionChunkMsg) -> None:
        self._plan.add(messages.chunk_from_msg(msg, self._robot.joint_names))
        self._show('chunk', **watched.chunk_item(msg, self._clocks.now()))

    def _on_queued(self, msg: ActionChunkMsg) -> None:
        """Show the path of the tool, and where each piece of it comes from."""
        now = messages.seconds(msg.header.stamp)
        path = self._plan.queue(messages.chunk_from_msg(msg, self._robot.joint_names), now)
        if self._model is None:
            return
        points = path.points(self._model, self._robot.tool)
        self._show(
            'path',
            points=watched.rounded(points.ravel()),
            origins=path.origins.tolist(),
            times=watched.rounded(path.times - now, 3),
            stamp=now,
        )

    def _on_episode(self, msg: EpisodeEvent) -> None:
        self._show('episode', **watched.episode_item(msg))

    def _on_instruction(self, msg: String) -> None:
        self._show('instruction', text=msg.data)

    def _on_joint_states(self, msg: JointState) -> None:
        self._felt.take(msg.name, msg.position, self._clocks.steady())
        positions = self._felt.positions
        if positions is not None:
            self._joints['measured'] = watched.rounded(positions)

    def _on_commands(self, msg: JointTrajectory) -> None:
        if msg.points:
            positions = messages.command_positions(msg, self._robot.joint_names)
            self._joints['commanded'] = watched.rounded(positions)
            self._commanded = self._clocks.steady()

    def show_picture(self, number: int, picture: np.ndarray) -> None:
        """Show what a camera, counted from 0, sees: RGB (H, W, 3) uint8."""
        data = encode_jpeg(picture, self._width)
        self._hub.show(f'picture {number}', bytes([number]) + data)

    def _on_picture(self, number: int, name: str, msg: Image | CompressedImage) -> None:
        self.show_picture(number, read_image(msg, f'camera {name}'))

    def _on_lens(self, name: str, msg: CameraInfo) -> None:
        lens = watched.lens_item(msg)
        if lens:
            self._hub.show(f'lens {name}', as_json('lens', camera=name, **lens))

    def _on_diagnostics(self, msg: DiagnosticArray) -> None:
        namespace = self._namespace.rstrip('/') + '/'
        for status in msg.status:
            if status.name.startswith(namespace):
                self._nodes[status.name] = self._clocks.steady(), status

    def _show_nodes(self, now: float) -> None:
        """Show who is there, and what the queue and the recorder tell besides."""
        self._nodes = {name: item for name, item in self._nodes.items() if now - item[0] < FORGET}
        statuses = [item[1] for item in self._nodes.values()]
        nodes = [watched.node_item(status, self._namespace) for status in statuses]
        self._show('nodes', nodes=sorted(nodes, key=lambda node: node['name']))
        values = {
            status.name.rpartition('/')[2]: watched.values_of(status)
            for status in statuses
            if status.name.rpartition('/')[2] in HEARD_OUT
        }
        self._arm = values['robot'].get('arm', '') if 'robot' in values else None
        queue = values.get('action_queue', {})
        texts = {key: queue.get(key, '') for key in ('budget', 'tick lateness')}
        self._show('loop', budget=texts['budget'], lateness=texts['tick lateness'])
        recorder = values.get('recorder')
        told = watched.recording_item(recorder, self._records) if recorder else {}
        self._show('recording', **told)
