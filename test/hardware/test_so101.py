# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The SO-101 driver through the real library: a sound bus, and one that is anything but."""

import re
import time
from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip('scservo_sdk')

from servos import CALIBRATION, ROBOT, simulated_arm

from vla_ros.core.errors import ConfigError, VlaError
from vla_ros.hardware import sts3215
from vla_ros.hardware.calibration import (
    load_calibration,
    nominal_calibration,
    save_calibration,
)
from vla_ros.hardware.conformance import DriverConformance
from vla_ros.hardware.simulated_bus import COMPLIANCE, Weather
from vla_ros.hardware.so101 import Scale, So101
from vla_ros.hardware.sts3215 import Fault

DEGREES = np.array([-90.0, -30.0, 0.0, 45.0, 100.0])


@pytest.fixture
def arm(tmp_path):
    with simulated_arm(tmp_path) as both:
        yield both


@pytest.fixture
def bus(arm):
    return arm[0]


@pytest.fixture
def driver(arm):
    driver = So101(arm[1])
    yield driver
    driver.close()


class TestSo101(DriverConformance):
    """The driver keeps the promise of every driver."""

    @pytest.fixture(autouse=True)
    def _arm(self, arm):
        self.settings = arm[1]

    def make(self):
        return So101(self.settings)


def patiently(read, tries=100):
    """Return what ``read`` returns; the machine may be late, which a driver takes for a loss."""
    for _ in range(tries):
        try:
            return read()
        except VlaError:
            time.sleep(0.01)
    return read()


def lastingly(ask, tries=20):
    """Return what LeRobot's bus says, which gives a late machine up sooner than this one does."""
    for _ in range(tries):
        try:
            return ask()
        except ConnectionError:
            time.sleep(0.05)
    return ask()


def test_angles_are_those_of_lerobot_in_radians(arm):
    lerobot = pytest.importorskip('lerobot.motors.feetech')
    from lerobot.motors import Motor, MotorCalibration, MotorNormMode

    bus, settings = arm
    modes = dict.fromkeys(ROBOT.joint_names, MotorNormMode.DEGREES)
    modes['gripper'] = MotorNormMode.RANGE_0_100
    theirs = lerobot.FeetechMotorsBus(
        bus.port,
        {name: Motor(joint.id, 'sts3215', modes[name]) for name, joint in CALIBRATION.items()},
        {name: MotorCalibration(**vars(joint)) for name, joint in CALIBRATION.items()},
    )
    theirs.connect(handshake=False)
    assert lastingly(
        lambda: theirs.is_calibrated
    )  # LeRobot takes the servos for those of the file
    theirs.enable_torque(num_retry=20)
    theirs.sync_write('Goal_Position', dict(zip(ROBOT.joint_names, [*DEGREES, 40.0], strict=True)))
    time.sleep(1.0)
    degrees = np.array(list(theirs.sync_read('Present_Position', num_retry=20).values()))
    theirs.disconnect(disable_torque=False)
    driver = So101(settings)
    positions = patiently(driver.read).positions
    driver.close()
    np.testing.assert_allclose(positions[:5], np.radians(degrees[:5]), atol=1e-12)
    share = (positions[5] - ROBOT.lower[5]) / (ROBOT.upper[5] - ROBOT.lower[5])
    assert share == pytest.approx(degrees[5] / 100.0)


@pytest.mark.parametrize('drive_mode', [0, 1])
def test_open_gripper_is_the_upper_limit_whichever_way_it_is_built(drive_mode):
    turned = replace(CALIBRATION['gripper'], drive_mode=drive_mode)
    scale = Scale({**CALIBRATION, 'gripper': turned}, ROBOT.joint_names, ROBOT.lower, ROBOT.upper)
    ends = [turned.range_min, turned.range_max]
    open_tick, closed_tick = ends[1 - drive_mode], ends[drive_mode]
    for tick, limit in ((open_tick, ROBOT.upper[5]), (closed_tick, ROBOT.lower[5])):
        assert scale.radians(np.full(6, tick))[5] == pytest.approx(limit)
        assert scale.ticks(np.full(6, limit))[5] == tick


def test_command_beyond_the_calibrated_range_stops_at_its_end(bus, driver):
    driver.write(np.full(6, 9.0))
    time.sleep(0.8)
    ends = [joint.range_max for joint in CALIBRATION.values()]
    assert [servo.get(sts3215.GOAL_POSITION) for servo in bus.servos.values()] == ends
    assert [servo.get(sts3215.MAX_POSITION) for servo in bus.servos.values()] == ends


def test_motors_come_on_where_the_arm_stands_though_their_goal_is_elsewhere(bus, driver):
    for servo in bus.servos.values():
        servo.set(sts3215.GOAL_POSITION, 1000)
    before = patiently(driver.read).positions
    patiently(lambda: driver.write(before))
    time.sleep(0.2)
    np.testing.assert_allclose(patiently(driver.read).positions, before, atol=0.005)


def test_driver_that_starts_and_ends_switches_no_motor(bus, arm):
    for enabled in (0, 1):
        for servo in bus.servos.values():
            servo.set(sts3215.TORQUE_ENABLE, enabled)
        So101(arm[1]).close()
        assert {servo.get(sts3215.TORQUE_ENABLE) for servo in bus.servos.values()} == {enabled}


def test_what_the_servos_feel_is_told_in_si_units(bus, driver):
    servo = bus.servos[2]
    servo.temperature = 41.0
    bus.plant.blocked.add(2)
    goal = patiently(driver.read).positions + [0, 0.2, 0, 0, 0, 0]
    patiently(lambda: driver.write(goal))
    time.sleep(0.1)
    reading = patiently(driver.read)
    assert reading.temperature.tolist() == [25, 41, 25, 25, 25, 25]
    np.testing.assert_allclose(reading.voltage, 7.4)
    assert reading.load[1] == pytest.approx(0.2 / sts3215.RADIANS_PER_TICK * COMPLIANCE, abs=0.01)
    assert reading.current[1] == pytest.approx(2.0 * reading.load[1], abs=0.01)
    assert not reading.faults


@pytest.mark.parametrize(
    'fault, text',
    [
        (Fault.OVERLOAD, 'overloaded'),
        (Fault.TEMPERATURE, 'too hot'),
        (Fault.VOLTAGE, 'supply voltage out of range'),
        (Fault.CURRENT | Fault.SENSOR, 'its angle sensor fails, too much current'),
    ],
)
def test_servo_that_complains_is_named_and_the_others_are_read(bus, driver, fault, text):
    bus.servos[3].extra_faults = fault
    time.sleep(0.05)
    reading = patiently(driver.read)
    assert reading.faults == {'elbow_flex': text}
    assert np.isfinite(reading.positions).all()


def test_servo_that_is_blocked_is_overloaded_and_gives_way(bus, driver):
    bus.plant.blocked.add(3)
    goal = patiently(driver.read).positions + [0, 0, 0.6, 0, 0, 0]
    patiently(lambda: driver.write(goal))
    time.sleep(2.4)
    assert patiently(driver.read).faults == {'elbow_flex': 'overloaded'}


def test_answers_that_get_lost_or_broken_are_asked_for_again(bus, driver):
    driver.write(patiently(driver.read).positions)
    bus.weather = Weather(lost=0.01, broken=0.01)  # each of the six answers
    read = missed = 0
    for _ in range(60):
        try:
            positions = driver.read().positions
        except VlaError:
            missed += 1
            continue
        read += 1
        assert np.abs(positions[:5]).max() < 0.02  # a broken answer is no position
    assert read > 50


def test_answer_that_comes_too_late_is_not_taken_for_the_next(tmp_path):
    with simulated_arm(tmp_path, answer_time=0.1) as (bus, settings):
        driver = patiently(lambda: So101(settings))
        bus.weather = Weather(delay=0.1)  # of each of the six servos
        with pytest.raises(VlaError, match='servo 1 does not answer'):
            driver.read()
        bus.weather = Weather()
        time.sleep(2.0)  # by now every question has been answered
        bus.plant.positions[1] += 300
        time.sleep(0.1)
        moved = patiently(driver.read).positions[0]
        driver.close()
    assert moved == pytest.approx(300 * sts3215.RADIANS_PER_TICK, abs=0.01)


def test_servo_that_falls_silent_is_named(bus, driver):
    bus.weather = Weather(silent=frozenset([4]))
    with pytest.raises(VlaError, match='servo 4 does not answer; check its cable'):
        driver.read()


def test_bus_that_is_unplugged_is_found_again_when_it_is_plugged_in(bus, driver):
    driver.write(patiently(driver.read).positions)
    bus.unplug()
    with pytest.raises(VlaError, match='is gone'):
        driver.read()
    with pytest.raises(VlaError, match='is gone|cannot be opened'):
        driver.write(np.zeros(6))
    bus.plug_in()
    time.sleep(0.6)
    positions = patiently(driver.read).positions
    assert np.abs(positions[:5]).max() < 0.02
    assert all(servo.get(sts3215.TORQUE_ENABLE) for servo in bus.servos.values())  # it held


def test_arm_whose_power_failed_goes_on_from_where_it_fell(bus, driver):
    driver.write(patiently(driver.read).positions)
    bus.unplug(), bus.cut_power()
    for number in bus.plant.positions:
        bus.plant.positions[number] -= 400  # it fell
    bus.plug_in()
    time.sleep(0.6)
    fallen = patiently(driver.read).positions
    driver.write(fallen)
    time.sleep(0.2)
    np.testing.assert_allclose(patiently(driver.read).positions, fallen, atol=0.01)
    assert all(servo.get(sts3215.TORQUE_ENABLE) for servo in bus.servos.values())


def test_servos_whose_power_alone_failed_are_switched_on_again(bus, driver):
    here = patiently(driver.read).positions
    driver.write(here)
    bus.weather = Weather(silent=frozenset(bus.servos))
    with pytest.raises(VlaError, match='servo 1 does not answer'):
        driver.read()
    bus.cut_power()  # the adapter has its power from the computer
    bus.weather = Weather()
    here = patiently(driver.read).positions
    driver.write(here + 0.1)
    time.sleep(0.5)
    assert all(servo.get(sts3215.TORQUE_ENABLE) for servo in bus.servos.values())
    np.testing.assert_allclose(patiently(driver.read).positions, here + 0.1, atol=0.01)


def test_arm_with_a_silent_servo_is_let_go_all_the_same(bus, driver):
    driver.write(patiently(driver.read).positions)
    bus.weather = Weather(silent=frozenset([1]))
    with pytest.raises(VlaError, match='servo 1 does not answer'):
        driver.relax()
    assert not any(servo.get(sts3215.TORQUE_ENABLE) for servo in bus.servos.values())


def test_servo_with_another_id_is_missed_and_those_there_are_named(tmp_path):
    with simulated_arm(tmp_path) as (bus, settings):
        bus.servos[5].write(sts3215.ID.address, b'\x09')
        with pytest.raises(ConfigError, match=r'wrist_roll: servo 5 does not answer.*6, 9\]'):
            So101(settings)


def test_calibration_with_other_ids_is_followed(tmp_path):
    other = {name: replace(joint, id=joint.id + 10) for name, joint in CALIBRATION.items()}
    with simulated_arm(tmp_path, other) as (_, settings):
        driver = So101(settings)
        assert np.isfinite(patiently(driver.read).positions).all()
        driver.close()


def test_two_arms_on_two_ports_do_not_mix(tmp_path):
    with (
        simulated_arm(tmp_path, name='left') as left,
        simulated_arm(tmp_path, name='right') as right,
    ):
        drivers = [So101(left[1]), So101(right[1])]
        for driver, goal in zip(drivers, (0.3, -0.3), strict=True):
            patiently(lambda driver=driver, goal=goal: driver.write(np.full(6, goal)))
        time.sleep(0.6)
        ends = [patiently(driver.read).positions[:5] for driver in drivers]
        for driver in drivers:
            driver.close()
    np.testing.assert_allclose(ends, [np.full(5, 0.3), np.full(5, -0.3)], atol=0.01)


def test_port_is_for_one_process_only(arm, driver):
    with pytest.raises(ConfigError, match='cannot be opened'):
        So101(arm[1])


@pytest.mark.parametrize('change', [{'homing_offset': 13}, {'range_min': 900}])
def test_calibration_of_another_arm_is_refused(tmp_path, change):
    with simulated_arm(tmp_path) as (_, settings):
        other = {**CALIBRATION, 'shoulder_pan': replace(CALIBRATION['shoulder_pan'], **change)}
        save_calibration(tmp_path / 'arm.json', other)
        with pytest.raises(ConfigError, match="shoulder_pan: servo 1 has .* another arm's"):
            So101(settings)


def test_port_that_is_not_there_is_named(arm):
    with pytest.raises(ConfigError, match="port '/dev/nowhere': cannot be opened"):
        So101(replace(arm[1], port='/dev/nowhere'))


def test_calibration_is_read_as_it_was_written(tmp_path):
    save_calibration(tmp_path / 'a.json', CALIBRATION)
    assert load_calibration(tmp_path / 'a.json', ROBOT.joint_names) == CALIBRATION


@pytest.mark.parametrize(
    'joint, complaint',
    [
        ({'id': 1}, 'gripper: got .* expected whole numbers for id, drive_mode'),
        (None, 'gripper: got None'),
        ({**vars(CALIBRATION['gripper']), 'range_max': 4096}, 'got the range 1100 to 4096'),
        ({**vars(CALIBRATION['gripper']), 'range_min': 3000}, 'got the range 3000 to 2600'),
        ({**vars(CALIBRATION['gripper']), 'drive_mode': 2}, 'drive_mode 2, expected 0 or 1'),
        ({**vars(CALIBRATION['gripper']), 'id': 2}, r'got ids \[1, 2, 3, 4, 5, 2\]'),
        ({**vars(CALIBRATION['gripper']), 'id': 2.0}, 'gripper: got .*expected whole numbers'),
    ],
)
def test_what_is_wrong_in_a_calibration_is_named(tmp_path, joint, complaint):
    import json

    content = {name: vars(value) for name, value in CALIBRATION.items()}
    path = tmp_path / 'a.json'
    path.write_text(json.dumps({**content, 'gripper': joint}))
    with pytest.raises(ConfigError, match=complaint):
        load_calibration(path, ROBOT.joint_names)


def test_calibration_that_is_missing_or_broken_says_how_to_make_one(tmp_path):
    broken = tmp_path / 'b.json'
    broken.write_text('{')
    for path in (tmp_path / 'a.json', broken):
        with pytest.raises(ConfigError, match='cannot be read: .*run vla_ros calibrate'):
            load_calibration(path, ROBOT.joint_names)


@pytest.mark.parametrize(
    ('change', 'complaint'),
    [
        (lambda text: text.replace('"id": 6', '"id": 6, "id": 7'), 'key id comes twice'),
        (lambda text: text.replace('"id": 6', '"id": 254'), 'got id 254 .*an id from 0 to 253'),
        (lambda text: re.sub(r'(_offset": )-?\d+', r'\1-2048', text), 'at most 2047 ticks'),
        (lambda _: '{"motor_names": [], "calib_mode": []}', 'form of an older LeRobot'),
        (lambda _: '[' * 100_000, 'cannot be read'),
    ],
)
def test_a_calibration_that_would_lead_the_arm_elsewhere_is_refused(tmp_path, change, complaint):
    path = tmp_path / 'a.json'
    save_calibration(path, CALIBRATION)
    path.write_text(change(path.read_text()))
    with pytest.raises(ConfigError, match=complaint):
        load_calibration(path, ROBOT.joint_names)


def test_a_calibration_that_windows_saved_is_read(tmp_path):
    path = tmp_path / 'a.json'
    save_calibration(path, CALIBRATION)
    path.write_text(path.read_text().replace('\n', '\r\n'), encoding='utf-8-sig')
    assert load_calibration(path, ROBOT.joint_names) == CALIBRATION


def test_a_joint_without_ends_is_calibrated_all_the_way_round():
    ends = np.full(len(ROBOT.joint_names), np.inf)
    endless = replace(ROBOT, lower=-ends, upper=ends, home=np.empty(0))
    assert {(j.range_min, j.range_max) for j in nominal_calibration(endless).values()} == {
        (0, 4094)
    }
