# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The errors of the package; every message names the thing, what was expected and the mend."""


class VlaError(Exception):
    """Something that the package can't do, told so that a user can mend it."""


class ConfigError(VlaError, ValueError):
    """A file, a parameter or an argument that makes no sense; met at start, never in motion."""
