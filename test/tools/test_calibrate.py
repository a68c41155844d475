# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Calibrating and finding an arm, on a simulated bus, with a person at the keyboard."""

import io
import os
import threading
import time

import pytest

pytest.importorskip('scservo_sdk')

from servos import CALIBRATION, ROBOT, simulated_arm

from vla_ros.hardware import sts3215
from vla_ros.hardware.calibration import find_calibration, load_calibration
from vla_ros.hardware.driver import DriverSettings
from vla_ros.hardware.so101 import So101
from vla_ros.tools.main import main

MIDDLES = {1: 1500.0, 2: 2600.0, 3: 2047.0, 4: 1000.0, 5: 3000.0, 6: 2300.0}  # encoder ticks


class Person:
    """Answers the prompts, and moves the joints when asked to."""

    def __init__(self, bus, monkeypatch, moves):
        self._bus, self._moves = bus, moves
        self._read, self._write = os.pipe()
        monkeypatch.setattr('sys.stdin', os.fdopen(self._read))
        monkeypatch.setattr('builtins.input', self._answer)

    def _answer(self, prompt):
        self._bus.plant.positions.update(MIDDLES)
        time.sleep(0.2)
        threading.Thread(target=self._move, daemon=True).start()
        return ''

    def _move(self):
        time.sleep(1.0)
        for reach in (700.0, -700.0, 0.0):
            for servo in self._moves:
                self._bus.plant.positions[servo] = MIDDLES[servo] + reach
            time.sleep(1.0)
        os.write(self._write, b'\n')


def calibrate(settings, *more):
    return main(['calibrate', settings.calibration, '--port', settings.port, *more])


def test_arm_is_calibrated_as_lerobot_would_and_can_be_driven(tmp_path, monkeypatch, capsys):
    with simulated_arm(tmp_path) as (bus, settings):
        Person(bus, monkeypatch, moves=MIDDLES)
        assert calibrate(settings, '--force', '--answer-time', '0.3') == 0
        found = load_calibration(tmp_path / 'arm.json', ROBOT.joint_names)
        for joint in found.values():
            assert joint.homing_offset == MIDDLES[joint.id] - sts3215.MIDDLE
        assert (found['wrist_roll'].range_min, found['wrist_roll'].range_max) == (0, 4095)
        pan = found['shoulder_pan']
        assert (pan.range_min, pan.range_max) == (2047 - 700, 2047 + 700)
        driver = So101(DriverSettings(ROBOT, settings.port, settings.calibration, 0.3))
        assert abs(driver.read().positions[:4]).max() < 0.01
        driver.close()
    assert 'keep a copy' in capsys.readouterr().out


def test_joint_that_was_not_moved_is_named_and_nothing_is_written(tmp_path, monkeypatch, capsys):
    with simulated_arm(tmp_path) as (bus, settings):
        before = (tmp_path / 'arm.json').read_text()
        Person(bus, monkeypatch, moves=[1, 2, 4, 5, 6])
        assert calibrate(settings, '--force', '--answer-time', '0.3') == 2
        assert 'elbow_flex was not moved through its range' in capsys.readouterr().err
        assert (tmp_path / 'arm.json').read_text() == before


def test_file_that_is_there_is_kept(tmp_path, capsys):
    with simulated_arm(tmp_path) as (_, settings):
        assert calibrate(settings) == 2
    assert 'is there already; --force replaces it' in capsys.readouterr().err


def test_calibration_is_written_back_into_servos_that_lost_it(tmp_path):
    with simulated_arm(tmp_path) as (bus, settings):
        bus.servos[3].set(sts3215.HOMING_OFFSET, 0)
        assert calibrate(settings, '--restore', '--answer-time', '0.3') == 0
        So101(DriverSettings(ROBOT, settings.port, settings.calibration, 0.3)).close()
        bus.cut_power()  # it is in the memory that outlasts the power
        wanted = CALIBRATION['elbow_flex'].homing_offset
        assert bus.servos[3].get(sts3215.HOMING_OFFSET) == wanted


def test_name_of_an_arm_is_looked_for_where_lerobot_keeps_it(tmp_path, monkeypatch):
    monkeypatch.setenv('HF_LEROBOT_CALIBRATION', str(tmp_path))
    assert find_calibration('blue') == tmp_path / 'robots' / 'so_follower' / 'blue.json'
    leader = find_calibration('blue', 'teleoperators/so_leader')
    assert leader == tmp_path / 'teleoperators' / 'so_leader' / 'blue.json'
    assert find_calibration(str(tmp_path / 'a.json')) == tmp_path / 'a.json'


def test_ports_are_listed_with_the_servos_on_them(tmp_path, capsys):
    with simulated_arm(tmp_path) as (_, settings):
        assert main(['find-ports', settings.port, '/dev/nowhere', '--answer-time', '0.2']) == 0
    told = capsys.readouterr().out
    assert f'{settings.port}: servos 1, 2, 3, 4, 5, 6' in told
    assert "/dev/nowhere: port '/dev/nowhere': cannot be opened" in told


def test_a_question_that_nobody_can_answer_is_told(monkeypatch, capsys):
    monkeypatch.setattr('sys.stdin', io.StringIO())
    assert main(['find-ports', '--unplug']) == 2
    assert "press ENTER.': got the end of the input" in capsys.readouterr().err


def test_a_port_whose_cable_is_pulled_meanwhile_is_told_of(tmp_path, capsys):
    with simulated_arm(tmp_path) as (bus, settings):
        threading.Timer(0.5, bus.unplug).start()  # ids that nobody has take 3 s
        assert main(['find-ports', settings.port, '--answer-time', '0.2']) == 0
    assert 'is gone' in capsys.readouterr().out


def test_port_whose_cable_is_pulled_is_found(tmp_path, monkeypatch, capsys):
    left, right = tmp_path / 'left', tmp_path / 'right'
    left.touch(), right.touch()
    monkeypatch.setattr('vla_ros.hardware.feetech.PORTS', (f'{tmp_path}/*',))
    monkeypatch.setattr('builtins.input', lambda prompt: left.unlink(missing_ok=True))
    assert main(['find-ports', '--unplug']) == 0
    assert capsys.readouterr().out.strip() == str(left)
    assert main(['find-ports', '--unplug']) == 2
    assert 'is gone, expected one' in capsys.readouterr().err
