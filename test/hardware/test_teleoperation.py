# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What a person leads an arm with: a leader arm on its bus, a terminal, a gamepad."""

import os
import pty
import time

import numpy as np
import pytest

pytest.importorskip('scservo_sdk')

from servos import CALIBRATION, ROBOT, simulated_arm

from vla_ros.core.errors import ConfigError, VlaError
from vla_ros.hardware import sts3215
from vla_ros.hardware.calibration import JointCalibration
from vla_ros.hardware.driver import DriverSettings
from vla_ros.hardware.gamepad import AXIS, BUTTON, CLUTCH, EVENT, Gamepad
from vla_ros.hardware.leader import LeaderArm
from vla_ros.hardware.teleoperation import LEAD, Jog, Keyboard, TeleoperatorSettings

HERE = np.array([0.1, -0.5, 0.5, 0.2, 0.0, 0.3])


def settings(device='', driver=None):
    return TeleoperatorSettings(driver or DriverSettings(ROBOT), device, speed=0.5)


def test_leader_is_let_go_and_leads_wherever_it_is(tmp_path):
    with simulated_arm(tmp_path) as (bus, driver):
        for servo in bus.servos.values():
            servo.set(sts3215.TORQUE_ENABLE, 1)
        leader = LeaderArm(settings(driver=driver))
        assert not any(servo.get(sts3215.TORQUE_ENABLE) for servo in bus.servos.values())
        bus.plant.positions[2] += 200
        time.sleep(0.1)
        target = leader.read(HERE, 0.02)
        assert target[1] == pytest.approx(200 * sts3215.RADIANS_PER_TICK, abs=0.01)
        leader.close()


def test_jog_begins_where_the_arm_is_and_keeps_its_speed_and_the_limits():
    jog, push = Jog(ROBOT, 0.5), np.array([1.0, 0, 0, 0, 0, -3.0])
    first = jog.move(HERE, push, 0.02)
    np.testing.assert_allclose(first - HERE, [0.01, 0, 0, 0, 0, -0.01])
    target = HERE
    for _ in range(1000):
        target = jog.move(target, push, 0.02)
    assert target[0] == ROBOT.upper[0] and target[5] == ROBOT.lower[5]
    jog.stop()
    np.testing.assert_allclose(jog.move(HERE, 0.0 * push, 0.02), HERE)


def test_jog_runs_not_away_from_an_arm_that_is_kept_from_following():
    jog, push = Jog(ROBOT, 0.5), np.array([1.0, 0, 0, 0, 0, -1.0])
    for _ in range(1000):
        target = jog.move(HERE, push, 0.02)
    np.testing.assert_allclose(target - HERE, [LEAD, 0, 0, 0, 0, ROBOT.lower[5] - HERE[5]])


def test_jog_begins_anew_after_a_pause_in_which_the_arm_may_have_been_moved():
    jog, push = Jog(ROBOT, 0.5), np.array([1.0, 0, 0, 0, 0, 0])
    jog.move(HERE, push, 0.02)
    np.testing.assert_allclose(jog.move(HERE + 0.2, push, 5.0), HERE + 0.2)


def test_leader_that_is_turned_beyond_its_turn_leads_on_and_not_back(tmp_path):
    roll = JointCalibration(5, 0, 0, 0, sts3215.RESOLUTION - 1)
    calibration = {**CALIBRATION, 'wrist_roll': roll}
    with simulated_arm(tmp_path, calibration) as (bus, driver):
        leader = LeaderArm(settings(driver=driver))
        bus.plant.positions[5] = sts3215.RESOLUTION - 5
        time.sleep(0.1)
        before = leader.read(HERE, 0.02)[4]
        bus.plant.positions[5] = 5  # where its servo counts anew
        time.sleep(0.1)
        assert leader.read(HERE, 0.02)[4] == pytest.approx(before, abs=0.02)
        assert leader.read(HERE, 5.0)[4] == pytest.approx(-np.pi, abs=0.02)  # who knows by then
        leader.close()


@pytest.fixture
def terminal(monkeypatch):
    """Return the end of a terminal at which a person presses keys."""
    person, program = pty.openpty()
    with os.fdopen(program, 'r', closefd=False) as stdin:
        monkeypatch.setattr('sys.stdin', stdin)
        yield person
    os.close(person), os.close(program)


def test_keys_lead_only_after_the_space_bar_and_each_its_own_joint(terminal):
    keyboard = Keyboard(settings())
    os.write(terminal, b'1')
    time.sleep(0.05)
    assert keyboard.read(HERE, 0.02) is None
    keyboard.read(HERE, 1.0)  # the 1 was let go long ago
    os.write(terminal, b' 2')
    time.sleep(0.05)
    target = keyboard.read(HERE, 0.02)
    np.testing.assert_allclose(target - HERE, [0, 0.01, 0, 0, 0, 0], atol=1e-9)
    os.write(terminal, b'w')
    time.sleep(0.05)
    keyboard.read(HERE, 1.0)  # the 2 was let go long ago
    lower = keyboard.read(HERE, 0.02)
    assert lower[1] < target[1]
    os.write(terminal, b' ')
    time.sleep(0.05)
    assert keyboard.read(HERE, 0.02) is None
    keyboard.close(), keyboard.close()


def test_nobody_leads_any_more_from_a_terminal_that_was_closed(monkeypatch):
    person, program = pty.openpty()
    with os.fdopen(program, 'r') as stdin:
        monkeypatch.setattr('sys.stdin', stdin)
        keyboard = Keyboard(settings())
        os.write(person, b' ')
        time.sleep(0.05)
        assert keyboard.read(HERE, 0.02) is not None
        os.close(person)
        for _ in range(2):
            with pytest.raises(VlaError, match='keyboard: the terminal is gone'):
                keyboard.read(HERE, 0.02)
        keyboard.close()


def test_keyboard_without_a_terminal_is_refused(monkeypatch, tmp_path):
    (tmp_path / 'file').touch()
    with (tmp_path / 'file').open() as file:
        monkeypatch.setattr('sys.stdin', file)
        with pytest.raises(ConfigError, match='keyboard: this is no terminal'):
            Keyboard(settings())


@pytest.fixture
def pad(tmp_path):
    """Return the path of a pipe that stands for the device, and its other end."""
    path = tmp_path / 'js0'
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)  # so that it can be opened to write
    writer = os.open(path, os.O_WRONLY | os.O_NONBLOCK)
    yield str(path), writer
    os.close(reader), os.close(writer)


def test_gamepad_leads_while_its_clutch_is_held(pad):
    path, device = pad
    gamepad = Gamepad(settings(path))
    os.write(device, EVENT.pack(0, 32767, AXIS, 0))
    assert gamepad.read(HERE, 0.02) is None
    os.write(device, EVENT.pack(1, 1, BUTTON, CLUTCH) + EVENT.pack(2, 1, BUTTON, 3))
    target = gamepad.read(HERE, 0.02)
    np.testing.assert_allclose(target - HERE, [0.01, 0, 0, 0, 0, 0.01], atol=1e-9)
    os.write(device, EVENT.pack(3, 2000, AXIS, 0) + EVENT.pack(4, 0, BUTTON, 3))
    np.testing.assert_allclose(gamepad.read(HERE, 0.02), target)  # a stick is never quite at rest
    os.write(device, EVENT.pack(5, 0, BUTTON, CLUTCH))
    assert gamepad.read(HERE, 0.02) is None
    gamepad.close(), gamepad.close()


def test_gamepad_that_is_not_there_is_named(tmp_path):
    with pytest.raises(ConfigError, match='js7: cannot be opened .No such file'):
        Gamepad(settings(str(tmp_path / 'js7')))


def test_gamepad_that_is_pulled_out_leads_no_more(pad, monkeypatch):
    path, device = pad
    gamepad = Gamepad(settings(path))
    os.write(device, EVENT.pack(0, 1, BUTTON, CLUTCH))
    assert gamepad.read(HERE, 0.02) is not None

    def gone(*given):
        raise OSError(19, 'No such device')

    monkeypatch.setattr('os.read', gone)
    with pytest.raises(VlaError, match='js0: is gone .*plug it in again'):
        gamepad.read(HERE, 0.02)
    monkeypatch.undo()
    assert gamepad.read(HERE, 0.02) is None  # whoever plugs it in presses anew
    gamepad.close()
