# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Back ends: each module lets one inference library run behind ``runtime.session.Session``."""
