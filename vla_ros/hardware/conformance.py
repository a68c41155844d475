# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
What every driver and every camera source has to keep, as tests for pytest.

A test of one's own inherits the class and says how to make the thing::

    class TestMyArm(DriverConformance):
        def make(self):
            return MyArm(DriverSettings(robot, port=simulated_port))
"""

import time
from abc import abstractmethod

import numpy as np

from vla_ros.hardware.camera import CameraSource
from vla_ros.hardware.driver import Driver

STEP = 0.05  # rad, that a joint is sent
NEAR = 0.02  # rad, that a joint at rest may be off
PATIENCE = 5.0  # s until a joint has arrived


class DriverConformance:
    """The promise of Driver, for an arm that is there and free to move by STEP."""

    @abstractmethod
    def make(self) -> Driver:
        """Return the driver of an arm at rest, away from the ends of its joints."""

    def test_arm_is_where_it_was_before_it_was_written_to(self) -> None:
        """Reading twice moves nothing, and every joint is known."""
        driver = self.make()
        first, second = driver.read().positions, driver.read().positions
        driver.close()
        assert np.isfinite(first).all() and first.ndim == 1
        np.testing.assert_allclose(second, first, atol=NEAR)

    def test_first_command_where_it_stands_moves_nothing(self) -> None:
        """An arm that is switched on goes on from where it is."""
        driver = self.make()
        before = driver.read().positions
        driver.write(before)
        after = [driver.read().positions for _ in range(20)]
        driver.close()
        assert max(np.abs(positions - before).max() for positions in after) < NEAR

    def test_joints_go_where_they_are_sent_each_by_its_own(self) -> None:
        """Every joint follows its own number, and holds there."""
        driver = self.make()
        goal = driver.read().positions
        for joint in range(len(goal)):
            goal = goal + STEP * (np.arange(len(goal)) == joint)
            driver.write(goal)
            assert self.arrives(driver, goal), f'joint {joint} did not come to {goal}'
        driver.close()

    def test_arm_that_was_closed_holds_and_is_found_where_it_was(self) -> None:
        """A driver that ends lets nothing fall."""
        driver = self.make()
        goal = driver.read().positions + STEP
        driver.write(goal)
        assert self.arrives(driver, goal)
        driver.close()
        driver.close()
        again = self.make()
        np.testing.assert_allclose(again.read().positions, goal, atol=NEAR)
        again.close()

    def test_relaxed_arm_is_switched_on_again_by_a_command(self) -> None:
        """Motors that are off come on where the arm stands."""
        driver = self.make()
        driver.write(driver.read().positions)
        driver.relax()
        here = driver.read().positions
        driver.write(here)
        driver.write(here + STEP)
        assert self.arrives(driver, here + STEP)
        driver.close()

    def arrives(self, driver: Driver, goal: np.ndarray) -> bool:
        """Read until the arm is at ``goal`` (joints,), rad; say whether it came there."""
        end = time.monotonic() + PATIENCE
        while np.abs(driver.read().positions - goal).max() >= NEAR:
            if time.monotonic() > end:
                return False
        return True


class CameraSourceConformance:
    """The promise of CameraSource, for a camera that is there."""

    @abstractmethod
    def make(self) -> CameraSource:
        """Return the source, ready to be read."""

    def test_pictures_are_rgb_and_the_callers_to_keep(self) -> None:
        """A picture does not change when the next one comes."""
        source = self.make()
        first = source.read()
        kept = first.copy()
        second = source.read()
        source.close()
        assert first.dtype == np.uint8 and first.ndim == 3 and first.shape[2] == 3
        assert second.shape == first.shape
        np.testing.assert_array_equal(first, kept)

    def test_field_of_view_is_an_angle_or_not_known(self) -> None:
        """Zero says that the camera is not calibrated."""
        source = self.make()
        source.close()
        assert 0.0 <= source.field_of_view < np.pi

    def test_camera_can_be_closed_twice_and_opened_again(self) -> None:
        """A camera that was let go is free for the next."""
        for _ in range(2):
            source = self.make()
            source.read()
            source.close()
            source.close()
