# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The camera node: a simulated camera, a video file, a device, and what each can't do."""

import math
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from itertools import count

import cv2
import numpy as np
import pytest
from patience import PATIENCE

pytest.importorskip('mujoco')

from sensor_msgs.msg import CameraInfo, Image

from vla_ros.core.errors import ConfigError
from vla_ros.deployment.restarts import REFUSED
from vla_ros.hardware.camera import CameraSource
from vla_ros.hardware.opencv import File
from vla_ros.msg import SimState
from vla_ros.nodes.camera import CameraNode
from vla_ros.ros import messages, qos
from vla_ros.sim.renderer import Renderer
from vla_ros.sim.task import TaskChoice
from vla_ros.sim.tea_bag.scene import TeaBagScene

WIDTH, HEIGHT = 64, 48
SIZE = (f'width:={WIDTH}', f'height:={HEIGHT}')
BRIGHTNESS = (20, 60, 100, 140, 180, 220)  # of the frames of the video


class Viewer:
    """The peer as the simulation and as whoever looks at the pictures."""

    def __init__(self, graph, camera='top'):
        self.graph = graph
        self.node = graph.start(CameraNode())
        self.images = graph.collect(Image, f'camera/{camera}/image_raw', qos.SENSOR)
        self.infos = graph.collect(CameraInfo, f'camera/{camera}/camera_info', qos.SENSOR)

    def simulate(self):
        """Return a publisher of sim_state once its messages become pictures that are seen."""
        states = self.graph.publisher(SimState, 'sim_state', qos.SENSOR)
        scene, times = TeaBagScene().state(), count(0.0, 10.0)
        self.graph.until(
            lambda: (
                states.publish(state_message(scene, next(times))) or (self.images and self.infos)
            )
        )
        self.graph.spin(0.1)
        self.images.clear(), self.infos.clear()
        return states

    @property
    def brightness(self):
        """Return the mean of each picture so far."""
        return [float(messages.image_from_msg(msg).mean()) for msg in self.images]


class Stuck(CameraSource):
    """A camera whose picture comes when somebody lets it, and which counts who uses it."""

    made, used, released = [], Counter(), threading.Event()

    def __init__(self, settings):
        self.made.append(self)

    def read(self):
        self.used['reading'] += 1
        self.released.wait(PATIENCE)
        self.used['reading'] -= 1
        return np.zeros((HEIGHT, WIDTH, 3), np.uint8)

    def close(self):
        assert not self.used['reading'], 'closed while it is read'
        self.used['closed'] += 1


def test_camera_that_does_not_answer_is_left_alone_and_read_by_nobody_else(
    start_graph, monkeypatch
):
    monkeypatch.setattr('vla_ros.nodes.camera.STOP_TIME', 0.1)
    viewer = Viewer(start_graph(f'source:={__name__}:Stuck', *SIZE))
    graph, node, used = viewer.graph, viewer.node, Stuck.used
    graph.until(lambda: used['reading'] == 1)
    node.trigger_deactivate(), node.trigger_cleanup()
    assert used == {'reading': 1}
    assert node.start()
    graph.until(lambda: used['reading'] == 2)  # each camera by its own thread
    assert len(Stuck.made) == 2 and not viewer.images
    Stuck.released.set()
    graph.until(lambda: len(viewer.images) > 2)
    assert used['reading'] <= 1  # the first thread has ended
    monkeypatch.setattr('vla_ros.nodes.camera.STOP_TIME', PATIENCE)
    node.trigger_deactivate(), node.trigger_cleanup()
    assert used['closed'] == 1


def test_camera_that_does_not_answer_is_read_by_one_thread_though_it_is_activated_again(
    start_graph, monkeypatch
):
    monkeypatch.setattr('vla_ros.nodes.camera.STOP_TIME', 0.1)
    Stuck.used.clear(), Stuck.released.clear()
    viewer = Viewer(start_graph(f'source:={__name__}:Stuck', *SIZE))
    graph, node, used = viewer.graph, viewer.node, Stuck.used
    graph.until(lambda: used['reading'] == 1)
    node.trigger_deactivate(), node.trigger_activate()
    graph.spin(0.3)
    assert used['reading'] == 1
    node.trigger_deactivate(), node.trigger_cleanup()
    assert not used['closed']
    assert node.start()
    Stuck.released.set()
    graph.until(lambda: len(viewer.images) > 2)


def state_message(state, time):
    """Return the message of a scene at ``time``."""
    msg = SimState(names=list(state.values), values=list(state.values.values()))
    msg.qpos = state.qpos.tolist()
    msg.header.stamp = messages.stamp(time)
    return msg


@pytest.fixture(scope='module')
def state():
    """Return a scene that differs from the nominal one."""
    env = TaskChoice().make()
    env.reset(5, 9)
    return env.scene.state()


@pytest.fixture(scope='module')
def video(tmp_path_factory):
    """Return a video of six frames, each darker than the next, at 25 frames/s."""
    path = tmp_path_factory.mktemp('videos') / 'steps.avi'
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*'MJPG'), 25, (128, 96))
    for level in BRIGHTNESS:
        writer.write(np.full((96, 128, 3), (level - 15, level, level + 15), np.uint8))  # BGR
    writer.release()
    return path


@pytest.mark.parametrize('camera', ['top', 'gripper'])
def test_simulated_camera_draws_what_the_renderer_draws_in_process(start_graph, state, camera):
    viewer = Viewer(start_graph(f'camera:={camera}', *SIZE), camera)
    states = viewer.simulate()
    states.publish(state_message(state, 1e6 + 0.5))
    viewer.graph.until(lambda: viewer.images and viewer.infos)
    scene = TeaBagScene(2 * WIDTH, 2 * HEIGHT)
    renderer = Renderer(scene, WIDTH, HEIGHT)
    scene.apply(state)
    np.testing.assert_array_equal(
        messages.image_from_msg(viewer.images[0]), renderer.render(camera)
    )
    renderer.close()
    header = viewer.images[0].header
    assert (messages.seconds(header.stamp), header.frame_id) == (
        1e6 + 0.5,
        f'camera_{camera}_optical_frame',
    )
    assert viewer.images[0].encoding == 'rgb8'
    info = viewer.infos[0]
    assert (info.header, info.width, info.height) == (header, WIDTH, HEIGHT)
    fovy = math.radians(float(scene.model.camera(camera).fovy[0]))
    assert info.k[4] == pytest.approx(HEIGHT / 2 / math.tan(fovy / 2))
    assert (info.k[2], info.k[5]) == (WIDTH / 2, HEIGHT / 2)


def show(viewer, states, msg, drawn=True):
    """Publish a state until its picture comes; messages of a camera may get lost."""
    before = len(viewer.images)
    states.publish(msg)
    viewer.graph.spin(0.03)
    if drawn:
        viewer.graph.until(lambda: len(viewer.images) > before or states.publish(msg))


@pytest.mark.parametrize(
    ('fps', 'drawn'),
    [
        (30.0, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]),
        (20.0, [0, 2, 3, 5, 6, 8, 9, 11]),
        (15.0, [0, 2, 4, 6, 8, 10]),
        (0.5, [0]),
    ],
)
def test_simulated_camera_draws_as_many_pictures_as_asked_for(start_graph, state, fps, drawn):
    viewer = Viewer(start_graph(f'fps:={fps}', *SIZE))
    states = viewer.simulate()
    for step in range(12):
        show(viewer, states, state_message(state, 1e6 + step / 30), step in drawn)
    times = [messages.seconds(msg.header.stamp) for msg in viewer.images]
    np.testing.assert_allclose(times, [1e6 + step / 30 for step in drawn])


def test_simulated_camera_follows_a_clock_that_begins_anew(start_graph, state):
    viewer = Viewer(start_graph(*SIZE))
    states = viewer.simulate()
    for stamp in (9e6, 100.0, 100.1):
        show(viewer, states, state_message(state, stamp))
    assert [messages.seconds(msg.header.stamp) for msg in viewer.images] == [9e6, 100.0, 100.1]


def test_state_of_another_scene_is_reported_and_survived(start_graph, state, capfd):
    viewer = Viewer(start_graph(*SIZE))
    states = viewer.simulate()
    states.publish(SimState(qpos=[0.0, 1.0]))
    viewer.graph.spin(0.1)
    assert (
        f'scene: got 2 positions and no values, expected {len(state.qpos)} and light'
        in capfd.readouterr().err
    )
    viewer.graph.until(lambda: states.publish(state_message(state, 1e6)) or viewer.images)


def test_video_is_played_at_the_asked_size_and_rate_and_again_from_its_start(start_graph, video):
    viewer = Viewer(start_graph('source:=file', f'file:={video}', 'fps:=25.0', *SIZE))
    viewer.graph.until(lambda: len(viewer.images) >= 16)
    frames = [
        min(range(6), key=lambda i, seen=seen: abs(BRIGHTNESS[i] - seen))
        for seen in viewer.brightness
    ]
    steps = np.diff(frames) % 6
    assert np.median(steps) == 1  # in order, round and round; a loaded machine may lose some
    times = [messages.seconds(msg.header.stamp) for msg in viewer.images]
    assert np.median(np.diff(times)) > 0.03
    picture = messages.image_from_msg(viewer.images[0])
    assert picture.shape == (HEIGHT, WIDTH, 3)
    red, _, blue = picture.mean(axis=(0, 1))
    assert red - blue == pytest.approx(30, abs=6)


def test_camera_info_of_a_video_is_calibrated_only_by_its_field_of_view(start_graph, video):
    fields = {}
    for field_of_view in (0.0, math.pi / 2):
        graph = start_graph(
            'source:=file',
            f'file:={video}',
            'camera:=wrist',
            *SIZE,
            f'field_of_view:={field_of_view}',
        )
        viewer = Viewer(graph, 'wrist')
        graph.until(lambda viewer=viewer: viewer.infos)
        fields[field_of_view] = viewer.infos[0]
        graph.close()
    assert not fields[0.0].k.any() and not fields[0.0].p.any()
    assert fields[math.pi / 2].k[0] == pytest.approx(HEIGHT / 2)
    assert {(info.width, info.height) for info in fields.values()} == {(WIDTH, HEIGHT)}


def test_deactivated_camera_is_silent_and_goes_on_when_activated(start_graph, video):
    viewer = Viewer(start_graph('source:=file', f'file:={video}', *SIZE))
    viewer.graph.until(lambda: viewer.images)
    viewer.node.trigger_deactivate()
    viewer.graph.spin(0.1)
    viewer.images.clear()
    viewer.graph.spin(0.2)
    assert not viewer.images
    viewer.node.trigger_activate()
    viewer.graph.until(lambda: viewer.images)


def test_unknown_source_is_named_with_those_there_are(start_graph):
    start_graph('source:=webcam')
    with pytest.raises(
        ConfigError, match="camera: source: got 'webcam', expected one of sim, v4l2, file"
    ):
        CameraNode()


@pytest.mark.parametrize(
    ('parameters', 'complaint'),
    [
        (['camera:=rear'], "camera: got 'rear', task tea_bag has top, left, gripper"),
        (['source:=file'], "video file '': not found; set the parameter file"),
        (['source:=file', 'file:=/nowhere/a.mp4'], "video file '/nowhere/a.mp4': not found"),
        (['source:=file', f'file:={__file__}'], 'not a video that OpenCV can decode'),
        (
            ['source:=v4l2', 'device:=/dev/video77'],
            'video device /dev/video77: could not be opened, expected one of',
        ),
    ],
)
def test_source_that_is_not_there_stops_the_start(start_graph, capfd, parameters, complaint):
    node = start_graph(*parameters).add(CameraNode())
    assert not node.start()
    assert complaint in capfd.readouterr().err


def run_camera(*parameters):
    """Start the node as a process."""
    overrides = [part for text in parameters for part in ('-p', text)]
    return subprocess.Popen(
        [sys.executable, '-m', 'vla_ros.nodes.camera', '--ros-args', *overrides],
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize(
    ('parameters', 'code', 'complaint'),
    [
        (['source:=webcam'], REFUSED, "source: got 'webcam'"),
        (['source:=file', 'file:=/nowhere/a.mp4'], 1, "video file '/nowhere/a.mp4': not found"),
    ],
)
def test_process_without_its_source_ends_with_one_clear_line(parameters, code, complaint):
    process = run_camera(*parameters)
    _, errors = process.communicate(timeout=PATIENCE)
    assert process.returncode == code
    assert complaint in errors and 'Traceback' not in errors


def test_ctrl_c_while_pictures_come_ends_the_process_cleanly(start_graph, video):
    graph = start_graph()
    process = run_camera('source:=file', f'file:={video}', 'fps:=500.0', *SIZE)
    images = graph.collect(Image, 'camera/top/image_raw', qos.SENSOR)
    graph.until(lambda: images)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=PATIENCE)
    assert (process.returncode, 'Traceback' in errors, 'RCLError' in errors) == (0, False, False)


def test_camera_that_is_too_slow_is_reported_with_its_rate(start_graph, video, monkeypatch, capfd):
    monkeypatch.setattr('vla_ros.nodes.camera.RATE_TIME', 1.0)
    monkeypatch.setattr('vla_ros.hardware.opencv.File.read', slowly(File.read))
    viewer = Viewer(start_graph('source:=file', f'file:={video}', 'fps:=100.0', *SIZE))
    viewer.graph.until(lambda: 'pictures per second, expected 100' in capfd.readouterr().err)
    assert 0.0 < viewer.node.measured_rate < 30.0
    assert viewer.node.diagnostics()['measured rate'].endswith('of 100 Hz')


def slowly(read):
    """Return ``read``, which takes at least 50 ms."""

    def slow(source):
        time.sleep(0.05)
        return read(source)

    return slow
