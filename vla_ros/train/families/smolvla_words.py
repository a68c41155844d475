# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
What a language model makes of words that nobody taught it.

One that is pretrained knows them. In one that began with random weights they are the noise that
they began with, each in a direction of its own, and mislead what reads the sentence. As the mean
of the words that it was taught they say little, and what it knows of the sentence decides.
"""

from collections.abc import Sequence

import torch

from vla_ros.core.errors import ConfigError
from vla_ros.train.checkpoint import Checkpoint


@torch.no_grad()
def average_untaught_words(checkpoint: Checkpoint, instructions: Sequence[str]) -> int:
    """
    Give tokens that no instruction has, in place, the mean of those that one has; count them.

    Tokens that are no part of words, such as the end of a text, stay as they are.
    """
    vlm = checkpoint.policy.model.vlm_with_expert
    tokenizer = vlm.processor.tokenizer
    taught = {
        token
        for text in instructions
        for token in tokenizer(text if text.endswith('\n') else f'{text}\n').input_ids
    }
    if not taught:
        raise ConfigError(
            'average_untaught_words: got no instruction that the policy was taught, expected '
            'those of its data; name the dataset that it was trained on'
        )
    untaught = sorted({*range(len(tokenizer))} - taught - {*tokenizer.all_special_ids})
    table = vlm.get_vlm_model().text_model.get_input_embeddings().weight
    table[untaught] = table[sorted(taught)].mean(dim=0)
    return len(untaught)
