# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Markers node: what the arm is about to do, and why it holds, as figures for RViz and Foxglove.

Publishes ``markers``: the queued plan as the path of the tool, with old, new and blended rows and
those that were skipped told apart; what the cameras see; joints that are at a limit; the mode and
its reason in words; an emergency stop; and, while a recording runs, the clusters of the workspace
with how far each is covered. It computes nothing while nobody listens.
"""

import time
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from diagnostic_msgs.msg import DiagnosticArray
from sensor_msgs.msg import CameraInfo, JointState
from visualization_msgs.msg import Marker, MarkerArray

from vla_ros.core.config import find_config
from vla_ros.core.defaults import ROBOT, TASK
from vla_ros.core.joint_states import JointStates
from vla_ros.core.kinematics import robot_model
from vla_ros.core.robot import load_robot
from vla_ros.core.status import Mode
from vla_ros.dataset.plan import find_plan
from vla_ros.msg import ActionChunk as ActionChunkMsg
from vla_ros.msg import QueueStatus
from vla_ros.ros import figures, messages, qos, watched
from vla_ros.ros.lifecycle import VlaNode
from vla_ros.ros.params import declare, param, parse_names
from vla_ros.ros.process import spin_node
from vla_ros.view.description import CAMERA_FRAME
from vla_ros.view.path import Origin, PlanWatch, QueuedPath
from vla_ros.view.words import describe

PERIOD = 0.1  # s
NEAR = 0.05  # rad or m from a limit at which a joint is shown to be there
COLOURS: dict[int, figures.Colour] = {
    Origin.OLD: (0.5, 0.55, 0.6, 1.0),
    Origin.NEW: (0.1, 0.45, 0.9, 1.0),
    Origin.BLENDED: (0.6, 0.3, 1.0, 1.0),
    Origin.SKIPPED: (0.75, 0.75, 0.75, 0.4),
}
MODE_COLOURS: dict[int, figures.Colour] = {
    Mode.RUNNING: (0.2, 0.75, 0.35, 1.0),
    Mode.STARVED: figures.AMBER,
    Mode.ESTOP: figures.RED,
}


@dataclass(frozen=True)
class MarkersParams:
    """Parameters of the markers node."""

    robot: str = param(ROBOT, "The robot's file in config/robots, or its path.")
    plan: str = param(TASK, "The plan's file in config/plans, or its path.")
    cameras: str = param('top,gripper,left', 'Cameras to show, separated by commas.')
    frame_prefix: str = param('', 'What stands before every frame of the arm, e.g. left_.')


class MarkersNode(VlaNode):
    """Draws what it hears about the queue, the joints, the cameras and the recording."""

    def __init__(self) -> None:
        """Declare the parameters; raise ConfigError for a robot without a URDF."""
        super().__init__('markers')
        self._params = declare(self, MarkersParams)
        self._plan = find_plan(self._params.plan)
        self._robot = load_robot(find_config('robots', self._params.robot))
        self._model = robot_model(self._robot)
        self._cameras = list(parse_names(self._params.cameras))
        self._status: QueueStatus | None = None
        self._joints = JointStates(self._robot.joint_names)
        self._positions: np.ndarray | None = None  # rad; None: not every joint was told of
        self._queued = PlanWatch()
        self._path: QueuedPath | None = None
        self._lenses: dict[str, dict[str, Any]] = {}
        self._recording: dict[str, Any] = {}
        self._shown: set[tuple[str, int]] = set()

    def configure(self) -> None:
        """Advertise the markers."""
        self._markers = self.advertise(MarkerArray, 'markers', qos.LATEST)

    def activate(self) -> None:
        """Listen, and draw."""
        self.subscribe(QueueStatus, 'queue_status', self._on_status, qos.SENSOR)
        self.subscribe(ActionChunkMsg, 'action_chunk', self._on_chunk, qos.SENSOR)
        self.subscribe(ActionChunkMsg, 'queued_actions', self._on_queued, qos.SENSOR)
        self.subscribe(JointState, 'joint_states', self._on_joint_states, qos.JOINTS)
        for name in self._cameras:
            on_lens = partial(self._on_lens, name)
            self.subscribe(CameraInfo, f'camera/{name}/camera_info', on_lens, qos.SENSOR)
        self.subscribe(DiagnosticArray, '/diagnostics', self._on_diagnostics_of_others, qos.EVERY)
        self.repeat(PERIOD, self._on_timer)

    def _on_status(self, msg: QueueStatus) -> None:
        self._status = msg
        if not msg.remaining:
            self._queued.clear()
            self._path = None

    def _on_chunk(self, msg: ActionChunkMsg) -> None:
        self._queued.add(messages.chunk_from_msg(msg, self._robot.joint_names))

    def _on_queued(self, msg: ActionChunkMsg) -> None:
        queued = messages.chunk_from_msg(msg, self._robot.joint_names)
        self._path = self._queued.queue(queued, messages.seconds(msg.header.stamp))

    def _on_joint_states(self, msg: JointState) -> None:
        self._joints.take(msg.name, msg.position, time.monotonic())
        self._positions = self._joints.positions

    def _on_lens(self, name: str, msg: CameraInfo) -> None:
        lens = watched.lens_item(msg)
        if lens:
            self._lenses[name] = lens

    def _on_diagnostics_of_others(self, msg: DiagnosticArray) -> None:
        recorder = f'{self.get_namespace().rstrip("/")}/recorder'
        for status in msg.status:
            if status.name == recorder:
                self._recording = watched.recording_item(watched.values_of(status))

    def _on_timer(self) -> None:
        """Draw everything anew, and take away what is no longer there."""
        if not self._markers.get_subscription_count():
            self._shown.clear()
            return
        drawn = [
            *self._draw_path(),
            *self._draw_words(),
            *self._draw_joints_and_cameras(),
            *self._draw_clusters(),
        ]
        shown = {(marker.ns, marker.id) for marker in drawn}
        gone = [figures.nothing(*key) for key in sorted(self._shown - shown)]
        self._shown = shown
        for marker in drawn + gone:
            marker.header.frame_id = self._params.frame_prefix + self._model.root
            # without a stamp: at wherever the arm is when it is drawn
        self._markers.publish(MarkerArray(markers=drawn + gone))

    def _draw_path(self) -> list[Marker]:
        """Return the rows that are still to come, and those that were skipped."""
        if self._path is None:
            return []
        path, skipped = self._path, self._path.origins == Origin.SKIPPED
        show = skipped | (path.times >= self.now())
        points = path.points(self._model, self._robot.tool)[show]
        if not len(points):
            return []
        colours = [COLOURS[origin] for origin in path.origins[show]]
        return [figures.dots('plan', points, colours, 0.005)]

    def _draw_words(self) -> list[Marker]:
        """Return the mode and its reason above the arm, and a ball while it is stopped."""
        if self._status is None:
            return []
        words, place = describe(self._status.mode, self._status.reason), (0.0, 0.0, 0.42)
        colour = MODE_COLOURS.get(self._status.mode, figures.WHITE)
        lines = '\n'.join(line for line in words if line)
        markers = [figures.text('mode', 0, lines, place, colour)]
        if self._status.mode == Mode.ESTOP:
            markers.append(figures.ball('estop', 0, (0.0, 0.0, 0.3), 0.08, figures.RED))
        return markers

    def _draw_joints_and_cameras(self) -> list[Marker]:
        """Return a ball at each joint that is at a limit, and what each camera sees."""
        if self._positions is None:
            return []
        poses = self._model.poses(self._positions)
        markers = []
        for index, name in enumerate(self._robot.joint_names):
            ends = (self._robot.lower[index], self._robot.upper[index])
            end = next((e for e in ends if abs(self._positions[index] - e) < NEAR), None)
            if end is not None:
                place = poses[self._model.joint(name).child][:3, 3]
                words = f'{name} at its limit {end:.2f}'
                markers.append(figures.ball('limit', index, place, 0.03, figures.AMBER))
                markers.append(figures.text('limit_name', index, words, place, figures.AMBER))
        for index, name in enumerate(self._cameras):
            frame = CAMERA_FRAME.format(name)
            if name in self._lenses and frame in poses:
                points = figures.frustum(poses[frame], length=0.06, **self._lenses[name])
                markers.append(figures.edges('camera', index, points, figures.WHITE, 0.001))
        return markers

    def _draw_clusters(self) -> list[Marker]:
        """Return the clusters, greener the more of their episodes are recorded."""
        markers = []
        for cluster, starts, of_starts, again, of_again in self._recording.get('clusters', []):
            if cluster not in self._plan.clusters:
                continue
            x, y = self._plan.clusters[cluster]
            done = (starts + again) / max(of_starts + of_again, 1)
            colour = tuple(
                (1 - done) * grey + done * green
                for grey, green in zip(figures.GREY, figures.GREEN, strict=True)
            )
            size = 0.95 * self._plan.cluster_size
            markers.append(figures.tile('cluster', cluster, (x, y), size, colour))
            words = f'{cluster}: {starts}/{of_starts} + {again}/{of_again}'
            markers.append(figures.text('coverage', cluster, words, (x, y, 0.01), figures.WHITE))
        return markers


def main(args: list[str] | None = None) -> int:
    """Run the node; return its exit code."""
    return spin_node(MarkersNode, args, images=False)


if __name__ == '__main__':
    raise SystemExit(main())
