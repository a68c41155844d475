# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What of a SmolVLA checkpoint becomes which block, and what can't be a block."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lerobot.configs import PolicyFeature
from lerobot.policies.smolvla.configuration_smolvla import SmolVLAConfig
from lerobot.policies.smolvla.modeling_smolvla import SmolVLAPolicy

from vla_ros.core.errors import ConfigError
from vla_ros.dataset.feature_names import camera_name
from vla_ros.policy.integrity import file_sha256
from vla_ros.train.checkpoint import Checkpoint
from vla_ros.train.families.smolvla_blocks import ActionExpert, Backbone
from vla_ros.train.families.smolvla_vision import VisionEncoder, fitted_size, fitted_size_of
from vla_ros.train.families.split import (
    Affine,
    Model,
    Split,
    SplitOptions,
    check_inputs,
    input_normalisation,
    output_normalisation,
)
from vla_ros.train.frames import STATE

EMPTY_CAMERA = 'empty_camera_'  # LeRobot's name for pictures that are not there
UNIT = Affine(torch.full((3,), 0.5), torch.full((3,), 0.5))  # 0..1 becomes -1..1
TOKENIZER, EMBEDDING = 'tokenizer.json', 'language.npy'


def real_cameras(config: SmolVLAConfig) -> dict[str, PolicyFeature]:
    """Return the cameras whose pictures count; LeRobot masks those that are called empty."""
    return {
        key: feature
        for key, feature in config.image_features.items()
        if EMPTY_CAMERA not in camera_name(key)
    }


@torch.no_grad()
def split(checkpoint: Checkpoint, options: SplitOptions) -> Split:
    """Split a SmolVLA with its processors; raise ConfigError for one that can't be exactly."""
    policy = checkpoint.policy.float().eval()
    config, cameras = policy.config, real_cameras(policy.config)
    check_inputs(checkpoint, cameras)
    check_config(config)
    given = input_normalisation(checkpoint, cameras)
    _check_pictures({key: given[key] for key in cameras})
    sizes, count = _picture_sizes(policy, cameras), len(cameras)
    words = _words(config, options)
    vision = VisionEncoder(policy, sizes).eval()
    pictures = {
        'image': torch.zeros(2, *sizes[0], 3, dtype=torch.uint8),
        'mean': UNIT.offset.repeat(2, 1),
        'std': UNIT.scale.repeat(2, 1),
    }
    features = vision(*pictures.values())
    backbone = Backbone(policy, given[STATE], count, features.shape[1], words).eval()
    seen = {
        'features': features[:1].repeat(1, count, 1),
        'language': torch.zeros(1, words, features.shape[2]),
        'language_mask': torch.ones(1, words),
        'state': given[STATE].offset[None],
        'rotation': backbone.whole,
    }
    memory, mask = backbone(*seen.values())
    expert = ActionExpert(policy).eval()
    step = {
        'memory': memory,
        'prefix_mask': mask,
        'noisy': torch.zeros(1, config.chunk_size, config.max_action_dim),
        'time_embedding': torch.zeros(1, config.chunk_size, expert.size),
        'rotation': expert.alone.clone(),  # else taken for the constant
    }
    varying = {name: {0: 'n'} for name in (*pictures, 'features')}
    if len(sizes) > 1:
        varying['image'] |= {1: 'height', 2: 'width'}
    blocks = {
        'vision_encoder': Model(vision, pictures, ('features',), varying),
        'llm_backbone': Model(backbone, seen, ('memory', 'prefix_mask')),
        'action_expert': Model(expert, step, ('velocity',), runs=config.num_steps),
    }
    action = output_normalisation(checkpoint)
    flow = {
        'width': config.max_action_dim,
        'offset': action.offset.tolist(),
        'scale': action.scale.tolist(),
        'held_rows': options.held_rows,
        'noise_scale': options.noise_scale,
        'min_period': config.min_period,
        'max_period': config.max_period,
    }
    return Split(
        blocks,
        dict.fromkeys(cameras, UNIT),
        lambda folder: {'language': _write_language(policy, words, folder), 'flow': flow},
    )


def check_config(config: SmolVLAConfig) -> None:
    """Raise ConfigError for what LeRobot can be told and the blocks can't do."""
    wanted = {
        'adapt_to_pi_aloha': (config.adapt_to_pi_aloha, False),
        'use_cache': (config.use_cache, True),
        'n_obs_steps': (config.n_obs_steps, 1),
    }
    for name, (got, expected) in wanted.items():
        if got != expected:
            raise ConfigError(
                f'{name}: got {got}, expected {expected}; such a SmolVLA has no blocks'
            )
    if config.num_expert_layers > 0 and config.num_expert_layers != config.num_vlm_layers:
        raise ConfigError(
            f'num_expert_layers: got {config.num_expert_layers}, expected {config.num_vlm_layers} '
            'as in num_vlm_layers; such a SmolVLA has no blocks'
        )


def _check_pictures(given: Mapping[str, Affine]) -> None:
    """Raise ConfigError where pictures are normalised before LeRobot pads them."""
    for key, norm in given.items():
        if not (torch.allclose(norm.offset, torch.zeros(3)) and torch.all(norm.scale == 1)):
            raise ConfigError(
                f'{key}: got normalisation by offset {norm.offset.tolist()} and scale '
                f'{norm.scale.tolist()}, expected VISUAL: IDENTITY as LeRobot has it for SmolVLA'
            )


def _picture_sizes(
    policy: SmolVLAPolicy, cameras: Mapping[str, PolicyFeature]
) -> list[tuple[int, int]]:
    """Return the sizes (height, width), px, of the cameras' pictures, each once."""
    sizes = [*dict.fromkeys((f.shape[1], f.shape[2]) for f in cameras.values())]
    wanted = policy.config.resize_imgs_with_padding
    if wanted is None and len(sizes) > 1:
        raise ConfigError(
            f'cameras: got pictures of {_listed(sizes)}, expected one size where '
            'resize_imgs_with_padding is null; train with a size to which all are brought'
        )
    _check_square(policy, wanted or sizes[0][::-1])
    for size in sizes if wanted and len(sizes) > 1 else ():
        _check_fit(size, (wanted[1], wanted[0]))
    return sizes


def _check_fit(size: tuple[int, int], frame: tuple[int, int]) -> None:
    """Raise ConfigError where the model would find out another size than LeRobot has."""
    theirs = fitted_size(size, frame)
    ours = tuple(map(int, fitted_size_of(*size, frame)))
    if ours != theirs:
        raise ConfigError(
            f'cameras: got pictures of {_listed([size])} among others, which LeRobot brings to '
            f'{_listed([theirs])} by a rounding error, expected {_listed([ours])}; give all '
            'cameras one size, or train with another resize_imgs_with_padding'
        )


def _listed(sizes: Iterable[tuple[int, ...]]) -> str:
    return ' and '.join(f'{width} x {height}' for height, width in sizes)


def _check_square(policy: SmolVLAPolicy, wanted: Sequence[int]) -> None:
    """Raise ConfigError where LeRobot itself can't take pictures of that width and height."""
    model = policy.model.vlm_with_expert.get_vlm_model()
    patch, together = model.config.vision_config.patch_size, model.connector.scale_factor
    if wanted[0] != wanted[1] or wanted[0] // patch % together:
        raise ConfigError(
            f'resize_imgs_with_padding: got pictures of {wanted[0]} x {wanted[1]}, expected as '
            f'high as wide, and a multiple of {patch * together} px: the connector of the model '
            f'gathers {together} x {together} patches in a token'
        )


def _words(config: SmolVLAConfig, options: SplitOptions) -> int:
    most = config.tokenizer_max_length
    if options.words is not None and not 1 <= options.words <= most:
        raise ConfigError(f'words: got {options.words}, expected 1 to {most}')
    return options.words or most


def _write_language(policy: SmolVLAPolicy, words: int, folder: Path) -> dict[str, Any]:
    """Write tokenizer and embedding table; return what policy.json says of them."""
    vlm = policy.model.vlm_with_expert
    vlm.processor.tokenizer.backend_tokenizer.save(str(folder / TOKENIZER))
    table = vlm.get_vlm_model().text_model.get_input_embeddings().weight.detach()
    scaled = table * table.shape[1] ** 0.5  # as LeRobot's embed_prefix does
    np.save(folder / EMBEDDING, scaled.numpy())
    files = {'tokenizer': TOKENIZER, 'embedding': EMBEDDING}
    return {
        **{name: {'file': f, 'sha256': file_sha256(folder / f)} for name, f in files.items()},
        'words': words,
        'prompt': 'newline',
    }
