# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""All checks, in the order of the report."""

from collections.abc import Callable

from vla_ros.dataset.checks import cameras, motion, plan_coverage, units
from vla_ros.dataset.checks.episodes import Episodes
from vla_ros.dataset.checks.finding import Finding
from vla_ros.dataset.checks.thresholds import Thresholds

Check = Callable[[Episodes, Thresholds], list[Finding]]

# A check that cannot judge (no such camera, nothing known of the clusters) finds nothing.
CHECKS: tuple[Check, ...] = (
    cameras.check_drift,
    cameras.check_focus,
    cameras.check_brightness,
    cameras.check_brightness_drift,
    cameras.check_clipping,
    cameras.check_contrast,
    cameras.check_arm_contrast,
    cameras.check_object_contrast,
    cameras.check_repeated,
    cameras.check_frozen,
    cameras.check_distinct,
    motion.check_frame_rate,
    motion.check_jitter,
    motion.check_missing,
    motion.check_dropped,
    motion.check_videos,
    motion.check_skew,
    motion.check_image_skew,
    motion.check_uneven_steps,
    motion.check_joint_jumps,
    units.check_units,
    motion.check_static,
    motion.check_length,
    plan_coverage.check_clusters,
    plan_coverage.check_held_out,
    plan_coverage.check_recovery,
    plan_coverage.check_rotation,
    plan_coverage.check_observations,
    plan_coverage.check_calibration,
)


def run_checks(episodes: Episodes, limits: Thresholds | None = None) -> list[Finding]:
    """Return what every check finds."""
    limits = limits or Thresholds()
    return [finding for check in CHECKS for finding in check(episodes, limits)]
