# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A tiny SmolVLM2 without trained weights: its configuration, processor and tokenizer."""

from pathlib import Path

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast, SmolVLMConfig, SmolVLMProcessor
from transformers.models.smolvlm.image_processing_smolvlm import SmolVLMImageProcessor
from transformers.models.smolvlm.video_processing_smolvlm import SmolVLMVideoProcessor

from vla_ros.train.families.smolvla_untrained import IMAGE, SPECIAL

WORDS = 256 + 50  # all bytes, the special tokens, and a few words


def write_vlm(folder: Path, side: int = 32, layers: int = 2) -> Path:
    """Write what LeRobot builds SmolVLA from, as downloaded from the hub, but tiny."""
    tokenizer = make_tokenizer()
    config = SmolVLMConfig(
        text_config={
            'model_type': 'llama',
            'vocab_size': WORDS,
            'hidden_size': 32,
            'intermediate_size': 64,
            'num_hidden_layers': layers,
            'num_attention_heads': 4,
            'num_key_value_heads': 2,
            'head_dim': 8,
            'pad_token_id': 0,
        },
        vision_config={
            'hidden_size': 32,
            'intermediate_size': 64,
            'num_hidden_layers': 1,
            'num_attention_heads': 2,
            'image_size': side,
            'patch_size': 8,
        },
        scale_factor=2,
        image_token_id=tokenizer.convert_tokens_to_ids('<image>'),
        pad_token_id=0,
        tie_word_embeddings=False,
    )
    config.save_pretrained(folder)
    SmolVLMProcessor(
        SmolVLMImageProcessor(), tokenizer, SmolVLMVideoProcessor(), image_seq_len=4
    ).save_pretrained(folder)
    return folder


def make_tokenizer() -> PreTrainedTokenizerFast:
    """Return a tokenizer of bytes that knows SmolVLM2's special tokens."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=WORDS,
        special_tokens=list({**SPECIAL, **IMAGE}.values()),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(['Grab the tea bag and place it in the mug.\n'], trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        padding_side='right',
        extra_special_tokens=IMAGE,
        **{f'{name}_token': token for name, token in SPECIAL.items()},
    )
