# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""LeRobot's own client and server drive a robot that is not there, with a tiny policy."""

import logging
import time
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import numpy as np
import pytest

torch = pytest.importorskip('torch')
grpc = pytest.importorskip('grpc', reason="needs pip install 'vla_ros[benchmark]'")

from lerobot.datasets.dataset_metadata import LeRobotDatasetMetadata  # noqa: E402

from vla_ros.benchmarks.versus_lerobot.degrees import in_degrees, read_statistic  # noqa: E402
from vla_ros.benchmarks.versus_lerobot.rosarm import RosArm, RosArmConfig  # noqa: E402
from vla_ros.core.errors import VlaError  # noqa: E402
from vla_ros.train.checkpoint import DatasetFacts, load_checkpoint, new_checkpoint  # noqa: E402

from .conftest import HEIGHT, JOINTS, SIZE, WIDTH  # noqa: E402

FPS = 100
STATE = np.array([0.1, -0.2, 0.3])  # rad
PICTURE = np.full((HEIGHT, WIDTH, 3), 90, np.uint8)


class Arm:
    """A robot that never moves, and ends the program after some commands."""

    def __init__(self, commands=30):
        self.left = commands
        self.reads, self.commands = [], []

    def wait(self, timeout):
        """Return: it is there."""

    def read(self):
        self.reads.append(time.time())
        images = {'top': PICTURE, 'gripper': PICTURE}
        return SimpleNamespace(images=images, positions=STATE, time=self.reads[-1])

    def command(self, positions):
        self.left -= 1
        if self.left < 0:
            raise SystemExit
        self.commands.append([positions[name] for name in JOINTS])
        return len(self.commands)

    def close(self):
        """Nothing to let go of."""


@pytest.fixture(scope='module')
def checkpoint(tmp_path_factory, dataset_root):
    path = tmp_path_factory.mktemp('checkpoints') / 'rad'
    facts = DatasetFacts(FPS, JOINTS, 'Wave.', ('tiny',))
    new_checkpoint([LeRobotDatasetMetadata('local/tiny', dataset_root)], SIZE).save(path, facts)
    return path


@pytest.fixture(autouse=True)
def heard():
    """Let LeRobot's log through, which other tests silence."""
    silenced = logging.root.level
    logging.root.setLevel(logging.NOTSET)
    yield
    logging.root.setLevel(silenced)


@pytest.fixture(scope='module')
def lerobot_async(tmp_path_factory):
    """Import LeRobot's part, which opens log files and takes the root logger over."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp('logs'))
        from lerobot.async_inference import configs, policy_server
        from lerobot.transport import services_pb2_grpc

        from vla_ros.benchmarks.versus_lerobot import async_client
    root.handlers[:] = handlers
    root.setLevel(level)
    return SimpleNamespace(
        client=async_client, configs=configs, server=policy_server, services=services_pb2_grpc
    )


@pytest.fixture
def server(lerobot_async):
    """Return the address of LeRobot's policy server, started as its own main function does it."""
    policy_server = lerobot_async.server.PolicyServer(
        lerobot_async.configs.PolicyServerConfig(fps=FPS, inference_latency=0.0)
    )
    server = grpc.server(ThreadPoolExecutor(max_workers=4))
    lerobot_async.services.add_AsyncInferenceServicer_to_server(policy_server, server)
    address = f'127.0.0.1:{server.add_insecure_port("127.0.0.1:0")}'
    server.start()
    yield address
    policy_server.stop()
    server.stop(None)


def robot(arm, folder):
    return RosArmConfig(
        calibration_dir=folder,
        link=arm,
        joint_names=JOINTS,
        cameras_hw={'top': (HEIGHT, WIDTH), 'gripper': (HEIGHT, WIDTH)},
    )


def chunk(checkpoint, state):
    """Return what the policy does when the robot is where the arm is."""
    loaded = load_checkpoint(checkpoint)
    batch = {'observation.state': torch.tensor(state, dtype=torch.float32)[None]}
    picture = torch.tensor(PICTURE).permute(2, 0, 1)[None] / 255
    for camera in ('top', 'gripper'):
        batch[f'observation.images.{camera}'] = picture
    with torch.inference_mode():
        actions = loaded.policy.predict_action_chunk(loaded.preprocess(batch))
        return loaded.postprocess(actions)[0].numpy()


def test_a_checkpoint_in_degrees_is_the_same_policy(checkpoint, tmp_path):
    in_degrees(checkpoint, tmp_path / 'degrees')
    inside = chunk(checkpoint, STATE)
    outside = chunk(tmp_path / 'degrees', np.rad2deg(STATE))
    assert np.allclose(np.deg2rad(outside), inside, atol=1e-5)
    assert np.allclose(
        read_statistic(tmp_path / 'degrees', 'action.mean'),
        np.rad2deg(read_statistic(checkpoint, 'action.mean')),
    )


def test_lerobot_plays_the_policy_and_every_command_is_traced_to_its_observation(
    lerobot_async, server, checkpoint, tmp_path
):
    in_degrees(checkpoint, tmp_path / 'degrees')
    arm = Arm()
    lerobot_async.client.wait_for_server(server, 5.0)
    client, journal = lerobot_async.client.make_client(
        robot(arm, tmp_path),
        policy_type='act',
        server_address=server,
        pretrained_name_or_path=str(tmp_path / 'degrees'),
        actions_per_chunk=SIZE.chunk_size,
        fps=FPS,
        chunk_size_threshold=0.2,
        aggregate_fn_name='latest_only',
    )
    with pytest.raises(SystemExit):
        lerobot_async.client.run_client(client, 'Wave.')
    rows = chunk(checkpoint, STATE)
    for command in arm.commands:
        assert np.abs(rows - command).max(axis=1).min() < 1e-4
    stamps, steps, observed = zip(*journal.actions(), strict=True)
    assert stamps == tuple(range(1, len(arm.commands) + 1))
    assert steps[0] == 0
    assert set(observed) <= set(arm.reads)
    assert len(set(observed)) >= len(arm.commands) / SIZE.chunk_size


def test_an_arm_speaks_degrees_to_lerobot_and_rad_to_ros(tmp_path):
    link = Arm()
    arm = RosArm(robot(link, tmp_path))
    arm.connect()
    seen = arm.get_observation()
    assert set(seen) == set(arm.observation_features)
    assert seen['pan.pos'] == pytest.approx(np.rad2deg(STATE[0]))
    arm.send_action({f'{name}.pos': 90.0 for name in JOINTS})
    assert link.commands == [pytest.approx([np.pi / 2] * 3)]


def test_an_action_that_no_observation_explains_is_refused(lerobot_async, tmp_path):
    journal = lerobot_async.client.Journal(SimpleNamespace(commanded=1, observed=2.0), FPS)
    for text in (
        'Obs #3 | Avg FPS: 1',
        'Ts=10.000000 | Capturing observation took 0.01s',
        'Ts=10.5 | Action #4 performed | Queue size: 1',
    ):
        journal.emit(logging.makeLogRecord({'msg': text}))
    with pytest.raises(VlaError, match='action 4 of LeRobot'):
        journal.actions()


def test_a_server_that_is_not_there_is_named(lerobot_async):
    with pytest.raises(VlaError, match='nothing listens at 127.0.0.1:1'):
        lerobot_async.client.wait_for_server('127.0.0.1:1', 0.2)
