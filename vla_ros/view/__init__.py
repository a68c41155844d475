# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What somebody sees who watches the arm: the live page, its server, and the words on it."""
