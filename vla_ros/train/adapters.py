# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Adapters (LoRA and others of PEFT) that LeRobot trained beside the weights of a policy.

Such a checkpoint holds the adapter alone and names the policy that it was trained on. What it has
learned is added to that policy's weights, which are a policy like any other then.
"""

import json
from pathlib import Path

from huggingface_hub.errors import HFValidationError
from lerobot.configs import PreTrainedConfig
from lerobot.policies.pretrained import PreTrainedPolicy

from vla_ros.core.errors import ConfigError

CONFIG, WEIGHTS = 'adapter_config.json', 'adapter_model.safetensors'
_BASE = 'base_model_name_or_path'


def is_adapter(path: Path) -> bool:
    """Return whether the checkpoint ``path`` holds an adapter instead of a policy's weights."""
    return (path / CONFIG).is_file()


def merge_adapter(
    path: Path, policy_class: type[PreTrainedPolicy], config: PreTrainedConfig
) -> PreTrainedPolicy:
    """
    Return the policy that the adapter in ``path`` was trained on, as the adapter has it.

    Raise ConfigError where PEFT is not installed, and where that policy is not to be had.
    """
    try:
        from peft import PeftModel
    except ModuleNotFoundError:
        raise ConfigError(
            f'checkpoint {path}: holds an adapter, which needs PEFT, and that is not installed; '
            "pip install 'vla_ros[train]'"
        ) from None
    base = json.loads((path / CONFIG).read_text(encoding='utf-8')).get(_BASE)
    config.use_peft = False
    try:
        policy = policy_class.from_pretrained(str(base), config=config)
    except (OSError, HFValidationError):
        raise ConfigError(
            f'{path / CONFIG}: {_BASE}: got {base}, expected the folder of the policy that the '
            'adapter was trained on, or its name on the hub; copy it to this machine and write '
            'its folder there'
        ) from None
    learned = {name: value.requires_grad for name, value in policy.named_parameters()}
    merged: PreTrainedPolicy = PeftModel.from_pretrained(policy, str(path)).merge_and_unload()
    for name, value in merged.named_parameters():
        value.requires_grad_(learned[name])  # PEFT freezes what it adds to
    return merged.eval()
