# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Camera node: one camera, from the simulation, a video device or a video file.

Publishes image_raw and camera_info below ``camera/<name>``. A simulated camera draws its own view
in its own process, from the state that the simulation publishes. What the sources are stands in
hardware/camera.py.
"""

import threading
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from sensor_msgs.msg import CameraInfo, Image

from vla_ros.core.defaults import TASK
from vla_ros.core.errors import VlaError
from vla_ros.hardware.camera import SOURCES, CameraSettings, CameraSource, DrawnSource, Size
from vla_ros.hardware.lookup import find
from vla_ros.hardware.opencv import resize
from vla_ros.msg import SimState
from vla_ros.ros import messages, qos
from vla_ros.ros.camera_info import load_camera_info, pinhole
from vla_ros.ros.lifecycle import VlaNode
from vla_ros.ros.params import Change, declare, param
from vla_ros.ros.process import spin_node
from vla_ros.view.description import CAMERA_FRAME

RATE_TIME = 5.0  # s over which the rate is measured
SLOW = 0.9  # of the asked rate; below it something is wrong
RETRY = 1.0  # s after which a device that is gone is tried again
STOP_TIME = 2.0  # s that a stop waits for a picture; a device that is gone takes longer


@dataclass(frozen=True)
class CameraParams:
    """Parameters of the camera node."""

    camera: str = param('top', 'Name of the camera in topics and in the policy.')
    source: str = param('sim', 'Where pictures come from: sim, v4l2, file, or module:class.')
    device: str = param('0', 'v4l2: number or path of the video device.')
    file: str = param('', 'file: path of the video.')
    width: int = param(640, 'Width of the published picture in pixels.', 8, 8192)
    height: int = param(480, 'Height of the published picture in pixels.', 8, 8192)
    fps: float = param(30.0, 'Pictures per second.', 0.1, 1000.0)
    frame_prefix: str = param('', "What stands before every frame of the camera's arm.")
    task: str = param(TASK, 'sim: the task that is simulated, or module:class.')
    field_of_view: float = param(
        0.0, 'Vertical field of view in rad for camera_info; 0: not calibrated.', 0.0, 3.1
    )
    calibration_file: str = param(
        '', 'For camera_info: what camera_calibration wrote, with distortion; empty: a pinhole.'
    )
    fourcc: str = param('', 'v4l2: format on the cable, as MJPG or YUYV; empty: as it likes.')
    exposure: float = param(-1.0, 'v4l2: fixed exposure, in its units; below 0: automatic.')
    white_balance: float = param(-1.0, 'v4l2: fixed white balance in K; below 0: automatic.')
    focus: float = param(-1.0, 'v4l2: fixed focus, in its units; below 0: automatic.')
    gain: float = param(-1.0, 'v4l2: fixed gain, in its units; below 0: as it is.')


class CameraNode(VlaNode):
    """Publish the newest picture of one camera at the asked rate."""

    def __init__(self) -> None:
        """Declare the parameters; raise ConfigError for a source that does not exist."""
        super().__init__('camera')
        self._params = declare(self, CameraParams, Change.CONFIGURE)
        find(f'{self.get_name()}: source', self._params.source, SOURCES)
        self._published = 0
        self._counting, self._counted = 0.0, 0  # s, monotonic, and pictures since then
        self.measured_rate = 0.0  # pictures per second, 0: not known yet
        self._source: CameraSource | None = None
        self._thread: threading.Thread | None = None

    def configure(self) -> None:
        """Open the source, so that a missing one is known before anything moves."""
        self._size = Size(self._params.width, self._params.height)
        self._frame = self._params.frame_prefix + CAMERA_FRAME.format(self._params.camera)
        topic = f'camera/{self._params.camera}'
        profile = qos.periodic(qos.LATEST, 1.0 / self._params.fps)
        self._images = self.advertise(Image, f'{topic}/image_raw', profile)
        self._infos = self.advertise(CameraInfo, f'{topic}/camera_info', profile)
        names = CameraSettings.__dataclass_fields__.keys() & vars(self._params).keys()
        given = {name: getattr(self._params, name) for name in names}
        open_source = find(f'{self.get_name()}: source', self._params.source, SOURCES)
        self._source = source = open_source(CameraSettings(size=self._size, **given))
        file = self._params.calibration_file
        self._info = (
            load_camera_info(Path(file), self._size)
            if file
            else pinhole(self._size, source.field_of_view)
        )

    def activate(self) -> None:
        """Begin to publish."""
        if isinstance(self._source, DrawnSource):
            self.subscribe(SimState, 'sim_state', self._on_sim_state, qos.SENSOR)
        elif self._source is not None:
            self._counting, self._counted = time.monotonic(), 0
            self._stopped = threading.Event()
            capture = partial(self._capture, self._source, self._stopped, self._thread)
            self._thread = self.run_thread(capture, 'capture')

    def deactivate(self) -> None:
        """Stop to publish."""
        if self._thread is not None:
            self._stopped.set()
            self._thread.join(STOP_TIME)

    def cleanup(self) -> None:
        """Close the source, unless a picture is still waited for: it ends with the thread then."""
        source, self._source = self._source, None
        if source is not None and not (self._thread and self._thread.is_alive()):
            source.close()
        self._thread = None

    def diagnostics(self) -> dict[str, str]:
        """Tell the source and the number of pictures."""
        told = {'source': self._params.source, 'pictures': str(self._published)}
        if self.measured_rate:
            told['measured rate'] = f'{self.measured_rate:.1f} of {self._params.fps:g} Hz'
        if self._source is not None and self._source.age:
            told['age of a picture'] = f'{1e3 * self._source.age:.0f} ms'
        return told

    def _on_sim_state(self, msg: SimState) -> None:
        time = messages.seconds(msg.header.stamp)
        assert isinstance(self._source, DrawnSource)
        if self._source.is_due(time):
            self._source.show(np.array(msg.qpos), dict(zip(msg.names, msg.values, strict=True)))
            self._publish(self._source.read(), time)

    def _capture(
        self,
        source: CameraSource,
        stopped: threading.Event,
        before: threading.Thread | None,
    ) -> None:
        """Publish what the camera sees, once whoever read it ``before`` has ended."""
        if before is not None:
            before.join()
        while not stopped.is_set():
            try:
                image = source.read()
            except VlaError as error:
                self.report('source', str(error))
                stopped.wait(RETRY)
                continue
            if stopped.is_set():  # of a camera that took longer than anybody waited for it
                return
            self._publish(resize(image, self._size), self.now() - source.age)
            self._check_rate()

    def _check_rate(self) -> None:
        """Report a camera that delivers fewer pictures than it was asked for."""
        self._counted += 1
        elapsed = time.monotonic() - self._counting
        if elapsed < RATE_TIME:
            return
        self.measured_rate = self._counted / elapsed
        self._counting, self._counted = time.monotonic(), 0
        if self.measured_rate < SLOW * self._params.fps:
            self.report(
                'rate',
                f'got {self.measured_rate:.1f} pictures per second, expected '
                f'{self._params.fps:g}: more light, a shorter exposure, fourcc:=MJPG, or a USB '
                'socket of its own',
            )

    def _publish(self, image: np.ndarray, time: float) -> None:
        msg = messages.image_to_msg(image, time, self._frame)
        self._info.header = msg.header
        self._images.publish(msg)
        self._infos.publish(self._info)
        self._published += 1


def main(args: list[str] | None = None) -> int:
    """Run the node; return its exit code."""
    return spin_node(CameraNode, args)


if __name__ == '__main__':
    raise SystemExit(main())
