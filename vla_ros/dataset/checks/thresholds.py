# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The limits that every check compares with, and where each comes from."""

from dataclasses import dataclass, field

from vla_ros.core.defaults import TASK
from vla_ros.dataset.plan import Plan, find_plan


@dataclass(frozen=True)
class Thresholds:
    """
    What a recording has to keep to.

    "Measured" numbers are from the simulated task at 128 x 96 pixels, whose light varies by 12 %
    and where what stands on the table is moved by 6 mm from episode to episode.
    """

    # Share of the picture's width. Measured: clean 0.0036 at most, against the reference of
    # another recording; a camera 5 mm aside or turned by 1 degree 0.0064 to 0.02.
    drift: float = 0.0045
    # 0 sharp to 1 blurred (Crete et al., 2007). Measured: sharp 0.35 at most, blurred by
    # 0.8 pixels 0.53 to 0.59.
    blur: float = 0.48
    # Mean grey levels out of 255. Measured: 76 to 100, lights x 0.4: 40 to 50 (left camera,
    # which sees the sky: 65); above 200 white surfaces lose their detail.
    brightness_low: float = 55.0
    brightness_high: float = 200.0
    # Ratio to the other episodes, either way. Measured: clean 1.09, lights x 0.4: 1.5 to 2.3.
    brightness_drift: float = 1.3
    # Share of white, or of black, pixels. Measured: 0.02 at most; white table 0.6 to 0.9.
    clipped: float = 0.15
    # Grey levels between the darkest and the brightest fiftieth of the pictures. Measured: 86 and
    # above, lights x 0.4: 45 to 135.
    contrast: float = 60.0
    # CIELAB differences: 2.3 is just noticeable (Mahy et al., 1994). Measured: arm 34 and above;
    # bag, median of the plain starts, from above 68 and from the left, where it is small, 22 and
    # above; white bag on a white table from above 1, of recoveries and with noise 5.
    arm_contrast: float = 20.0
    object_contrast: float = 12.0
    # Grey levels of the strongest change between two pictures while the arm moves, below which
    # they are the same picture. Measured: 3.6 and above; the same one twice less, after h264 too.
    same_picture: float = 1.5
    # Share of repeated pictures. Measured: clean 0; a camera at 29 Hz gives 0.033 at 30 Hz.
    repeated: float = 0.03
    # Share of an episode's motion in which a camera sees no change: it hung. Measured: clean 0.
    frozen: float = 0.25
    # Mean grey levels by which the first pictures of two cameras differ. Measured: 33 and above;
    # the same video twice 0.
    distinct: float = 4.0

    # time
    frame_rate: float = 0.02  # relative error of the mean rate; a clock drifts by 1e-4 at most
    # Share of the frames that come more than half a period late or early, in the worst episode.
    # Measured: 10 % dropped 0.13 to 0.18.
    jitter: float = 0.02
    # Periods between a camera's picture and the joints in the same frame. Streams of the same
    # rate are half a period apart at most, and a quarter is left for jitter.
    skew: float = 0.75
    # Periods by which the pictures show a movement before or after the joints report it.
    # Measured on three episodes: clean 0 to 1.1, pictures three periods late 2.7 to 3.7.
    image_skew: float = 2.0
    lost: float = 0.01  # share of a camera's frames that never came or were dropped
    # Share of steps of the arm that are 1.5 times those before and after: frames that were
    # dropped and whose times were then numbered through. Measured: clean 0.005, 10 % dropped
    # 0.063.
    uneven: float = 0.025
    # before an episode, of about a second: periods without a picture, and the relative error of
    # the rate, in which one frame more or less counts 0.03
    silence: float = 10.0
    live_rate: float = 0.1

    # joints
    # A joint's speed in ranges per second. Measured: 3.2; half the range in a frame at 30 Hz, by a
    # glitch of the bus or an angle that wraps, is 15.
    jump: float = 7.5
    still: float = 0.05  # share of a joint's range that an episode moves through, at least
    # Standard deviations of the lengths' logarithms, either way, from which an episode is an
    # outlier (Iglewicz and Hoaglin, 1993), and the least that is taken for one: lengths vary by
    # that much anyway. Both make 1.5 to 1.7 times the usual length. Measured: 0.82 to 1.29, with
    # up to four more grasps; without regard to the way of the arm, 3.1.
    outlier: float = 3.5
    length_spread: float = 0.12
    length: float = 2.5  # times the usual length, either way, however much the lengths vary

    # what was to be recorded; the study's: 10 clusters x (10 starts + 2 recoveries), 6 held out
    plan: Plan = field(default_factory=lambda: find_plan(TASK))
    clusters: tuple[int, ...] = ()  # of the plan, that should be there; empty: all but held out
    coverage: float = 0.4  # episodes of the rarest cluster over the mean of all
    recovery_low: float = 0.12  # "about 20 %"; the study's own plan has 0.167
    recovery_high: float = 0.35
    rotation: float = 0.65  # share of 12 sectors of 15 degrees that objects were turned to
    # what the running robot gives the policy besides its cameras
    observations: tuple[str, ...] = ('observation.state',)

    @property
    def asked(self) -> tuple[int, ...]:
        """Return the clusters that should be there."""
        return self.clusters or self.plan.training
