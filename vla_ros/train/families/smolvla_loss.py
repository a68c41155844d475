# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
LeRobot's loss of a SmolVLA, with pictures that were seen before and several samples of the flow.

What the pictures and the words become does not depend on noise and time. So that prefix is
computed once, and the expert learns from several samples of both for it: the same gradient in
the mean, with less noise, for little more work.

For training-time real-time chunking (arXiv 2512.05964) a chunk begins with finished rows, as one
does that has to go on from what is being played: those are given, at flow time 0, and the expert
learns the rest.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from typing import Any

import torch
from lerobot.policies.smolvla.modeling_smolvla import SmolVLAPolicy, make_att_2d_masks
from lerobot.utils.constants import ACTION, OBS_LANGUAGE_ATTENTION_MASK, OBS_LANGUAGE_TOKENS

from vla_ros.train.families.family import ONE_SAMPLE, FlowSampling
from vla_ros.train.maps import MAPS

PADDED = 'action_is_pad'


@torch.no_grad()
def feature_maps(policy: SmolVLAPolicy, batch: Mapping[str, Any]) -> torch.Tensor:
    """
    Return what the frozen parts make of the pictures of a normalised batch.

    That is (n, cameras, tokens, width): of the vision tower, and of the connector where that is
    frozen, too. `flow_loss` takes it as ``batch[MAPS]``.
    """
    images, _ = policy.prepare_images(dict(batch))
    embed = policy.model.vlm_with_expert.embed_image if _connected(policy) else _tower(policy)
    return torch.stack([embed(image) for image in images], dim=1)


def flow_loss(
    policy: SmolVLAPolicy, batch: Mapping[str, Any], flow: FlowSampling = ONE_SAMPLE
) -> torch.Tensor:
    """
    Return LeRobot's loss of a normalised batch, in the mean over samples of noise and time.

    With one sample, no row held and the same random numbers it is LeRobot's own.
    """
    model, actions, samples = policy.model, policy.prepare_action(batch), flow.samples
    actions = actions.repeat_interleave(samples, dim=0)
    noise = model.sample_noise(actions.shape, actions.device)
    time = model.sample_time(len(actions), actions.device)
    memory, present = _prefix(policy, batch)
    for layer in memory.layers:
        layer.keys = layer.keys.repeat_interleave(samples, dim=0)
        layer.values = layer.values.repeat_interleave(samples, dim=0)
    held = _held(actions, flow.held_rows)
    times = torch.where(held, 0.0, time[:, None])
    noisy = times[..., None] * noise + (1 - times[..., None]) * actions
    with _row_by_row(policy, times) if flow.held_rows else nullcontext():
        told = model.denoise_step(present.repeat_interleave(samples, dim=0), memory, noisy, time)
    joints = batch[ACTION].shape[-1]
    errors = ((told.float() - (noise - actions)) ** 2)[:, :, :joints]
    if PADDED not in batch and not flow.held_rows:
        return errors.mean()
    counts = ~held
    if PADDED in batch:
        counts &= ~batch[PADDED].repeat_interleave(samples, dim=0)
    return (errors * counts[..., None]).sum() / (counts.sum() * joints).clamp_min(1)


def _held(actions: torch.Tensor, most: int) -> torch.Tensor:
    """
    Return which rows of the chunks (n, rows, width) are given: the first 1 to ``most`` in half.

    In the other half it is none: the first rows are learned only there, and those that are played
    soonest would be learned from few samples if each number came as often as the others.
    """
    counts = torch.zeros(len(actions), dtype=torch.long, device=actions.device)
    if most:
        drawn = torch.randint(2 * most, counts.shape, device=actions.device)
        counts = (drawn - most + 1).clamp_min(0)
    return torch.arange(actions.shape[1], device=actions.device) < counts[:, None]


@contextmanager
def _row_by_row(policy: SmolVLAPolicy, times: torch.Tensor) -> Iterator[None]:
    """Have LeRobot's code embed each row of the chunks at its own one of ``times`` (n, rows)."""
    model = policy.model
    whole = model.embed_suffix

    def embed(noisy: torch.Tensor, time: torch.Tensor) -> tuple[torch.Tensor, ...]:
        _, present, attends = whole(noisy, time)
        rows, _, _ = whole(noisy.flatten(0, 1)[:, None], times.flatten())
        return rows.reshape(*times.shape, -1), present, attends

    model.embed_suffix = embed
    try:
        yield
    finally:
        del model.embed_suffix


def _prefix(policy: SmolVLAPolicy, batch: Mapping[str, Any]) -> tuple[Any, torch.Tensor]:
    """Return what the expert reads of pictures, words and state, and which of it counts."""
    model = policy.model
    words = batch[OBS_LANGUAGE_TOKENS], batch[OBS_LANGUAGE_ATTENTION_MASK]
    state = policy.prepare_state(batch)
    if MAPS in batch:
        images = [*batch[MAPS].unbind(dim=1)]
        there = [torch.ones(len(state), dtype=torch.bool, device=state.device)] * len(images)
        with _seen_before(policy):
            embedded, present, attends = model.embed_prefix(images, there, *words, state)
    else:
        images, there = policy.prepare_images(dict(batch))
        embedded, present, attends = model.embed_prefix(images, there, *words, state)
    _, memory = model.vlm_with_expert.forward(
        attention_mask=make_att_2d_masks(present, attends),
        position_ids=torch.cumsum(present, dim=1) - 1,
        past_key_values=None,
        inputs_embeds=[embedded, None],
        use_cache=True,
    )
    return memory, present


@contextmanager
def _seen_before(policy: SmolVLAPolicy) -> Iterator[None]:
    """Have LeRobot's code take what `feature_maps` returned in the place of pictures."""
    model = policy.model.vlm_with_expert
    whole = model.embed_image
    connected = _connected(policy)
    model.embed_image = lambda seen: seen if connected else model.get_vlm_model().connector(seen)
    try:
        yield
    finally:
        model.embed_image = whole


def _tower(policy: SmolVLAPolicy) -> Any:
    tower = policy.model.vlm_with_expert.get_vlm_model().vision_model
    return lambda image: tower(pixel_values=image, patch_attention_mask=None).last_hidden_state


def _connected(policy: SmolVLAPolicy) -> bool:
    """Return whether the connector is frozen."""
    connector = policy.model.vlm_with_expert.get_vlm_model().connector
    return not any(parameter.requires_grad for parameter in connector.parameters())
