# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What of a dataset goes into a policy, and what comes out."""

from lerobot.configs import FeatureType, PolicyFeature
from lerobot.utils.feature_utils import dataset_to_policy_features

Features = dict[str, PolicyFeature]


def split_features(features: dict[str, dict]) -> tuple[Features, Features]:
    """Return the inputs and the outputs of a policy for a dataset with these ``features``."""
    known = dataset_to_policy_features(features)
    outputs = {key: item for key, item in known.items() if item.type is FeatureType.ACTION}
    return {key: item for key, item in known.items() if key not in outputs}, outputs
