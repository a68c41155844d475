# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A driver of one's own: one class, and these lines."""

import numpy as np

from vla_ros.hardware.conformance import DriverConformance
from vla_ros.hardware.driver import Driver, Reading


class Toy(Driver):
    """An arm of three joints that is always where it was sent."""

    def __init__(self, positions):
        self.positions = positions

    def read(self):
        return Reading(self.positions.copy())

    def write(self, positions):
        self.positions[:] = positions

    def relax(self):
        pass

    def close(self):
        pass


class TestToy(DriverConformance):
    """The toy keeps the promise."""

    positions = np.zeros(3)

    def make(self):
        return Toy(self.positions)


class Forgetful(Toy):
    """Goes back to zero when it is opened."""

    def __init__(self, positions):
        super().__init__(np.zeros(3))


def test_conformance_sees_a_driver_that_lets_the_arm_fall():
    class TestForgetful(TestToy):
        def make(self):
            return Forgetful(self.positions)

    broken = [
        name
        for name in dir(TestForgetful)
        if name.startswith('test_') and not passes(getattr(TestForgetful(), name))
    ]
    assert broken == ['test_arm_that_was_closed_holds_and_is_found_where_it_was']


def passes(test):
    """Say whether a test of a conformance class passes."""
    try:
        test()
    except AssertionError:
        return False
    return True
