# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Run report node: watches a run and leaves a video and a page of it when it ends.

The folder is a new one for each run, below ``output``; the log says which.
"""

from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path

import numpy as np
from sensor_msgs.msg import CompressedImage, Image

from vla_ros.core.errors import VlaError
from vla_ros.core.status import Mode
from vla_ros.msg import EpisodeEvent, QueueStatus
from vla_ros.ros import messages, qos
from vla_ros.ros.camera_topics import COMPRESSED_CAMERAS, camera_topics, read_image
from vla_ros.ros.lifecycle import VlaNode
from vla_ros.ros.params import declare, param, parse_names
from vla_ros.ros.process import spin_node
from vla_ros.view.film import Moment
from vla_ros.view.run_report import Outcome, RunReport

PATIENCE = 3.0  # s that cameras may be later than the first of them


@dataclass(frozen=True)
class RunReportParams:
    """Parameters of the run_report node."""

    output: str = param('outputs/runs', 'Folder in which each run gets a folder of its own.')
    cameras: str = param('top,gripper,left', 'Cameras of the video, separated by commas.')
    compressed_cameras: str = param('', COMPRESSED_CAMERAS)
    rate: float = param(10.0, 'Frames of the video per second.', 1.0, 60.0)
    longest: float = param(600.0, 'Seconds after which the video ends.', 1.0, 36000.0)


class RunReportNode(VlaNode):
    """Notes pictures, the queue and the episodes, and writes them down at the end."""

    def __init__(self) -> None:
        """Declare the parameters."""
        super().__init__('run_report')
        self._params = declare(self, RunReportParams)
        self._cameras = list(parse_names(self._params.cameras))
        self._topics = camera_topics(self._cameras, self._params.compressed_cameras)
        self._pictures: dict[str, np.ndarray] = {}
        self._frames = self._waited = 0

    def configure(self) -> None:
        """Make the folder; raise VlaError where that is not possible."""
        output = Path(self._params.output).expanduser()
        self._report = RunReport(make_folder(output), self._cameras, self._params.rate)

    def activate(self) -> None:
        """Watch."""
        for name, topic in self._topics.items():
            on_picture = partial(self._on_picture, name)
            self.subscribe(topic.msg_type, topic.name, on_picture, qos.SENSOR)
        self.subscribe(QueueStatus, 'queue_status', self._on_status, qos.SENSOR)
        self.subscribe(EpisodeEvent, 'episode', self._on_episode, qos.EVENTS)
        self.repeat(1.0 / self._params.rate, self._on_timer)

    def deactivate(self) -> None:
        """Write down what was seen."""
        self.get_logger().info(f'report of this run: {self._report.write()}')

    def _on_picture(self, name: str, msg: Image | CompressedImage) -> None:
        self._pictures[name] = read_image(msg, f'camera {name}')

    def _on_status(self, msg: QueueStatus) -> None:
        self._report.course.add(
            Moment(
                messages.seconds(msg.header.stamp),
                msg.fill,
                Mode(msg.mode).name,
                msg.threshold,
                msg.accepted,
                msg.starved,
                msg.limited,
                msg.latency,
            )
        )

    def _on_episode(self, msg: EpisodeEvent) -> None:
        if msg.event in messages.ENDS:
            end = messages.ENDS[msg.event]
            outcome = Outcome(msg.episode, msg.cluster, end, msg.detail, msg.duration)
            self._report.outcomes.append(outcome)

    def _on_timer(self) -> None:
        """Film, from when all cameras have shown something, or some have for a while."""
        self._waited += bool(self._pictures)
        late = self._waited > PATIENCE * self._params.rate
        begun = late or len(self._pictures) == len(self._cameras) > 0
        if begun and self._frames < self._params.longest * self._params.rate:
            self._frames += 1
            self._report.film(self._pictures)


def make_folder(output: Path) -> Path:
    """
    Make a folder of this run's own, named after now; another run may have begun this very second.

    Raise VlaError where that is not possible.
    """
    name = datetime.now().strftime('%Y-%m-%d_%H-%M-%S')  # as on the wall
    folder, number = output / name, 1
    while True:
        try:
            folder.mkdir(parents=True)
        except FileExistsError:
            number += 1
            folder = output / f'{name}_{number}'
        except OSError as error:
            raise VlaError(f'output: {folder}: cannot be made: {error.strerror}') from None
        else:
            return folder


def main(args: list[str] | None = None) -> int:
    """Run the node; return its exit code."""
    return spin_node(RunReportNode, args)


if __name__ == '__main__':
    raise SystemExit(main())
