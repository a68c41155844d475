# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""ACT keeps what a family promises, and says that it does not denoise."""

import pytest
from bundles import write_tiny_bundle

from vla_ros.core.errors import ConfigError
from vla_ros.policy.bundle import load_bundle
from vla_ros.policy.family import ExpertSettings
from vla_ros.policy.pipeline import Policy

from .contract import FamilyContract


class TestAct(FamilyContract):
    """The promises."""

    def write(self, path):
        return write_tiny_bundle(path)


@pytest.mark.parametrize(
    'settings', [ExpertSettings(steps=5), ExpertSettings(continuation='hold')]
)
def test_denoising_is_refused(tiny_bundle, settings):
    with pytest.raises(ConfigError, match='tiny is of type act, which does not denoise'):
        Policy(load_bundle(tiny_bundle), settings=settings)
