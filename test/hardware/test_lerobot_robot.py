# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A robot of LeRobot behind the interface of drivers."""

from dataclasses import dataclass

import numpy as np
import pytest

pytest.importorskip('lerobot.robots')

from lerobot.robots import Robot, RobotConfig
from servos import ROBOT

from vla_ros.core.errors import ConfigError, VlaError
from vla_ros.hardware.conformance import DriverConformance
from vla_ros.hardware.driver import DriverSettings
from vla_ros.hardware.lerobot_robot import LeRobotDriver


@RobotConfig.register_subclass('toy_of_the_tests')
@dataclass
class ToyConfig(RobotConfig):
    """As LeRobot's robots have it."""

    port: str = ''
    use_degrees: bool = False


@RobotConfig.register_subclass('percent_toy_of_the_tests')
@dataclass
class PercentConfig(RobotConfig):
    """Of a robot that knows no degrees."""

    port: str = ''


class Toy(Robot):
    """An arm that is where it was sent, whichever object asks."""

    config_class, name = ToyConfig, 'toy'
    positions = dict.fromkeys((f'{name}.pos' for name in ROBOT.joint_names), 20.0)
    is_connected, is_calibrated, gone = False, True, False

    @property
    def observation_features(self):
        return dict.fromkeys(self.positions, float)

    action_features = observation_features

    def connect(self, calibrate=True):
        assert self.config.use_degrees and not calibrate
        self.is_connected = True

    def calibrate(self):
        raise AssertionError('a driver calibrates nothing')

    def configure(self):
        pass

    def get_observation(self):
        if self.gone:
            raise ConnectionError('no status packet')
        return dict(self.positions)

    def send_action(self, action):
        self.positions.update(action)
        return action

    def disconnect(self):
        self.is_connected = False

    class Bus:
        """The part that LeRobot's robots switch their motors off with."""

        def disable_torque(self):
            pass

    bus = Bus()


class PercentToy(Toy):
    """Knows no degrees."""

    config_class = PercentConfig


class HandlessToy(Toy):
    """Lacks a joint."""

    @property
    def action_features(self):
        return {'shoulder_pan.pos': float}


SETTINGS = DriverSettings(ROBOT, port=f'{__name__}:Toy@/dev/arm')


@pytest.fixture(autouse=True)
def _importable(monkeypatch, tmp_path):
    import sys

    monkeypatch.setenv('HF_LEROBOT_CALIBRATION', str(tmp_path))
    monkeypatch.setattr('vla_ros.hardware.lookup._is_there', lambda module: module in sys.modules)
    for toy in (Toy, PercentToy, HandlessToy):
        monkeypatch.setattr(toy, '__init__', _start(tmp_path))


def _start(folder):
    def start(self, config):
        config.calibration_dir = folder
        Robot.__init__(self, config)
        self.config = config

    return start


class TestLeRobotDriver(DriverConformance):
    """The wrapped robot keeps the promise of every driver."""

    def make(self):
        return LeRobotDriver(SETTINGS)


def test_degrees_are_radians_and_the_gripper_is_spread_over_its_limits():
    driver = LeRobotDriver(SETTINGS)
    driver.write(np.array([np.pi / 2, 0, 0, 0, 0, ROBOT.upper[5]]))
    assert Toy.positions['shoulder_pan.pos'] == pytest.approx(90.0)
    assert Toy.positions['gripper.pos'] == pytest.approx(100.0)
    assert driver.read().positions[5] == pytest.approx(ROBOT.upper[5])
    driver.close()


def test_robot_that_can_not_be_reached_is_named_with_what_lerobot_says(monkeypatch):
    driver = LeRobotDriver(SETTINGS)
    monkeypatch.setattr(Toy, 'gone', True)
    with pytest.raises(VlaError, match='no status packet; check its cable'):
        driver.read()


@pytest.mark.parametrize(
    'port, complaint',
    [
        ('Toy', 'lerobot robot .CLASS@PORT.: got'),
        (f'{__name__}:PercentToy@/dev/arm', 'PercentToy: does not speak in degrees'),
        (f'{__name__}:HandlessToy@/dev/arm', 'got no action shoulder_lift.pos'),
    ],
)
def test_robot_that_is_not_fit_is_refused(port, complaint):
    with pytest.raises(ConfigError, match=complaint):
        LeRobotDriver(DriverSettings(ROBOT, port=port))
