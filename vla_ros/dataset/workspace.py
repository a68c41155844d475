# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Where the study's clusters lie in front of the arm."""

# centres in m; x forward, y to the left, the origin on the pan axis
CENTRES = {
    1: (0.05, -0.25),
    2: (0.05, -0.15),
    3: (0.15, -0.25),
    4: (0.15, -0.15),
    5: (0.15, -0.05),
    6: (0.15, 0.05),
    7: (0.15, 0.15),
    8: (0.25, -0.15),
    9: (0.25, -0.05),
    10: (0.25, 0.05),
    11: (0.25, 0.15),
}
CLUSTER_SIZE = 0.1  # m, edge of the square
