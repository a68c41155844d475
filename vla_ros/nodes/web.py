# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Web node: a live page for a browser, with the arm, its cameras, its queue, and buttons.

It shows what others publish, and commands only what a person with the token asks for. Pictures
and joints are subscribed to while somebody looks, and each viewer gets the newest at its own pace,
so that nobody who looks slows the arm or another viewer. The log shows the link.
"""

import os
import socket
import time
import webbrowser
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from rclpy.clock import Clock, ClockType
from rclpy.serialization import deserialize_message
from rclpy.subscription import Subscription
from sensor_msgs.msg import CameraInfo, Image, JointState
from std_msgs.msg import String
from trajectory_msgs.msg import JointTrajectory

from vla_ros.core.config import find_config
from vla_ros.core.defaults import ROBOT
from vla_ros.core.errors import VlaError
from vla_ros.core.kinematics import robot_model
from vla_ros.core.robot import load_robot
from vla_ros.msg import ActionChunk as ActionChunkMsg
from vla_ros.msg import EpisodeEvent, QueueStatus
from vla_ros.ros import messages, qos, watched
from vla_ros.ros.lifecycle import VlaNode
from vla_ros.ros.operator import Operator
from vla_ros.ros.params import declare, param
from vla_ros.ros.process import spin_node
from vla_ros.view.access import Access, default_token_file, load_token
from vla_ros.view.description import describe_robot
from vla_ros.view.hub import Hub
from vla_ros.view.path import PlanWatch
from vla_ros.view.pictures import encode_jpeg
from vla_ros.view.server import Server, as_json

SHOW_PERIOD = 0.1  # s between two states of the page
SILENCE = 1.0  # s without a status after which nothing is known about the arm
FORGET = 5.0  # s without a word after which a node is gone
HEARD_OUT = {'action_queue', 'recorder', 'robot'}  # nodes of whom more is shown than their row


@dataclass(frozen=True)
class WebParams:
    """Parameters of the web node."""

    robot: str = param(ROBOT, "The robot's file in config/robots, or its path.")
    cameras: str = param('top,gripper,left', 'Cameras to show, separated by commas.')
    host: str = param(
        '127.0.0.1', 'Address to listen at: 127.0.0.1 is this machine only, 0.0.0.0 every network.'
    )
    port: int = param(8042, 'Port to listen at; a free one where it is taken, or 0.', 0, 65535)
    allowed_hosts: str = param(
        '', "Names besides this machine's own that browsers reach it by, separated by commas."
    )
    token_file: str = param(
        '', 'File with the token that commands need, made where there is none; empty: in ~/.ros.'
    )
    open_browser: bool = param(False, 'Open the page in the browser of this desktop.')
    picture_rate: float = param(15.0, 'Pictures per second to show of each camera.', 0.1, 60.0)
    picture_width: int = param(640, 'Width to which wider pictures are reduced.', 16, 4096)


class WebNode(VlaNode):
    """Turns messages into what is on show, and clicks into commands."""

    def __init__(self) -> None:
        """Declare the parameters; raise ConfigError for a robot that is not there."""
        super().__init__('web')
        self._params = declare(self, WebParams)
        self._robot = load_robot(find_config('robots', self._params.robot))
        self._model = robot_model(self._robot) if self._robot.urdf else None
        self._cameras = [name for name in self._params.cameras.split(',') if name]
        self.port = 0  # that the page is at, once configured
        self._server: Server | None = None
        self._steady = Clock(clock_type=ClockType.STEADY_TIME)
        self._watching: list[Subscription] = []  # while somebody looks
        self._due: dict[str, float] = {}  # s, monotonic, when a topic's next message is shown
        self._joints: dict[str, list[float]] = {}
        self._status: dict[str, Any] = watched.silence_item()
        self._heard = float('-inf')  # s, monotonic, when the queue last said how it stands
        self._nodes: dict[str, tuple[float, DiagnosticStatus]] = {}
        self._arm: str | None = None  # how the driver of the arm stands; None: there is none
        self._plan = PlanWatch()

    def configure(self) -> None:
        """Open the page."""
        path = Path(self._params.token_file or default_token_file()).expanduser()
        token = load_token(path)
        names = [name for name in self._params.allowed_hosts.split(',') if name]
        self._hub = Hub()
        self._operator = Operator(self)
        self._server = Server(self._hub, Access(token, names), self._operator)
        self.port = port = self._server.start(self._params.host, self._params.port)
        if self._params.port not in (0, port):
            self.get_logger().warning(f'port {self._params.port} is taken: using {port}')
        robot = describe_robot(self._robot, self._model)
        self._show('hello', robot=robot, cameras=self._cameras, namespace=self.get_namespace())
        url = f'http://{reachable(self._params.host)}:{port}/#token={token}'
        self.get_logger().info(f'live page: {url}')
        if self._params.open_browser and has_desktop():
            webbrowser.open(url)

    def activate(self) -> None:
        """Listen, and show."""
        self.subscribe(QueueStatus, 'queue_status', self._on_status, qos.SENSOR)
        self.subscribe(ActionChunkMsg, 'action_chunk', self._on_chunk, qos.SENSOR)
        self.subscribe(ActionChunkMsg, 'queued_actions', self._on_queued, qos.SENSOR)
        self.subscribe(EpisodeEvent, 'episode', self._on_episode, qos.EVENTS)
        self.subscribe(String, 'instruction', self._on_instruction, qos.LATCHED)
        self.subscribe(DiagnosticArray, '/diagnostics', self._on_diagnostics_of_others, qos.EVERY)
        self._timer = self.create_timer(SHOW_PERIOD, self._on_timer, clock=self._steady)

    def deactivate(self) -> None:
        """Show nothing new."""
        self.destroy_timer(self._timer)
        self._look_away()

    def cleanup(self) -> None:
        """Close the page."""
        if self._server is not None:
            self._server.close()
            self._operator.close()
            self._server = None

    def diagnostics(self) -> dict[str, str]:
        """Tell how many look."""
        return {'viewers': str(self._hub.viewers)} if self.active else {}

    def _show(self, kind: str, **content: Any) -> None:
        self._hub.show(kind, as_json(kind, **content))

    def _on_timer(self) -> None:
        """Show how the arm stands now, and listen to more while somebody looks."""
        if self._hub.viewers and not self._watching:
            self._look()
        elif self._watching and not self._hub.viewers:
            self._look_away()
        now = time.monotonic()
        if now - self._heard > SILENCE:
            self._status = watched.silence_item(self._records, self._arm)
            self._clear_plan()
        self._show('status', **self._status)
        self._show('joints', **self._joints)
        if self._is_due('nodes', 1.0):
            self._show_nodes(now)

    @property
    def _records(self) -> bool:
        """Say whether a recorder is there and no action queue: somebody demonstrates."""
        names = {name.rpartition('/')[2] for name in self._nodes}
        return 'recorder' in names and 'action_queue' not in names

    def _look(self) -> None:
        """Subscribe to what is only worth its cost while somebody looks."""
        self._watch(JointState, 'joint_states', self._on_joint_states, 30.0)
        self._watch(JointTrajectory, 'joint_commands', self._on_commands, 30.0)
        for number, name in enumerate(self._cameras):
            topic = f'camera/{name}'
            on_picture = partial(self._on_picture, number, name)
            self._watch(Image, f'{topic}/image_raw', on_picture, self._params.picture_rate)
            self._watch(CameraInfo, f'{topic}/camera_info', partial(self._on_lens, name), 1.0)

    def _look_away(self) -> None:
        while self._watching:
            self.destroy_subscription(self._watching.pop())
        self._joints.clear()

    def _watch(self, kind: type, topic: str, show: Any, rate: float) -> None:
        """Show the messages of a topic, at most ``rate`` of them per second."""

        def on_raw(data: bytes) -> None:
            if not self._is_due(topic, 1.0 / rate):
                return
            try:
                show(deserialize_message(data, kind))
            except VlaError as error:
                self.report(topic, str(error))

        subscription = self.create_subscription(kind, topic, on_raw, qos.SENSOR, raw=True)
        self._watching.append(subscription)

    def _is_due(self, what: str, period: float) -> bool:
        """Say whether to show something that is shown every ``period`` (s) on average."""
        now, due = time.monotonic(), self._due.get(what, 0.0)
        if now < due:
            return False
        self._due[what] = max(due + period, now)
        return True

    def _on_status(self, msg: QueueStatus) -> None:
        self._heard = time.monotonic()
        self._status = watched.status_item(msg)
        if not msg.remaining:
            self._clear_plan()

    def _clear_plan(self) -> None:
        if self._plan.clear():
            self._show('path')

    def _on_chunk(self, msg: ActionChunkMsg) -> None:
        chunk = messages.chunk_from_msg(msg, self._robot.joint_names)
        self._plan.add(chunk)
        self._show('chunk', **watched.chunk_item(msg, self.now()))

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
        positions = messages.joint_positions(msg, self._robot.joint_names)
        self._joints['measured'] = watched.rounded(positions)

    def _on_commands(self, msg: JointTrajectory) -> None:
        if msg.points:
            state = JointState(name=msg.joint_names, position=msg.points[-1].positions)
            positions = messages.joint_positions(state, self._robot.joint_names)
            self._joints['commanded'] = watched.rounded(positions)

    def _on_picture(self, number: int, name: str, msg: Image) -> None:
        picture = messages.image_from_msg(msg, f'camera {name}')
        data = encode_jpeg(picture, self._params.picture_width)
        self._hub.show(f'picture {number}', bytes([number]) + data)

    def _on_lens(self, name: str, msg: CameraInfo) -> None:
        lens = watched.lens_item(msg)
        if lens:
            self._hub.show(f'lens {name}', as_json('lens', camera=name, **lens))

    def _on_diagnostics_of_others(self, msg: DiagnosticArray) -> None:
        namespace = self.get_namespace().rstrip('/') + '/'
        for status in msg.status:
            if status.name.startswith(namespace):
                self._nodes[status.name] = time.monotonic(), status

    def _show_nodes(self, now: float) -> None:
        """Show who is there, and what the queue and the recorder tell besides."""
        self._nodes = {name: item for name, item in self._nodes.items() if now - item[0] < FORGET}
        namespace, statuses = self.get_namespace(), [item[1] for item in self._nodes.values()]
        nodes = [watched.node_item(status, namespace) for status in statuses]
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
        self._show('recording', **(watched.recording_item(recorder) if recorder else {}))


def reachable(host: str) -> str:
    """Return what a browser calls the host; its name where it listens at every address."""
    if host in ('0.0.0.0', '::'):
        return socket.gethostname()
    return f'[{host}]' if ':' in host else host


def has_desktop() -> bool:
    """Say whether a browser can show itself here."""
    return bool(os.environ.get('DISPLAY') or os.environ.get('WAYLAND_DISPLAY'))


def main(args: list[str] | None = None) -> int:
    """Run the node; return its exit code."""
    return spin_node(WebNode, args)


if __name__ == '__main__':
    raise SystemExit(main())
