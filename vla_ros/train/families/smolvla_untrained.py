# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
A SmolVLA of the published size with random weights: as large and as fast as the trained one.

Nothing is downloaded: the numbers of SmolVLM2-500M stand here, and its tokenizer is replaced by
one of bytes, whose prompts are longer and cost as much.
"""

from pathlib import Path

from lerobot.policies.factory import make_pre_post_processors
from lerobot.policies.smolvla.configuration_smolvla import SmolVLAConfig
from lerobot.policies.smolvla.modeling_smolvla import SmolVLAPolicy
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast, SmolVLMConfig, SmolVLMProcessor
from transformers.models.smolvlm.image_processing_smolvlm import SmolVLMImageProcessor
from transformers.models.smolvlm.video_processing_smolvlm import SmolVLMVideoProcessor

from vla_ros.train.checkpoint import Checkpoint
from vla_ros.train.families.family import split_features

VOCABULARY = 49280  # rows of SmolVLM2's embedding table
TEXT = {
    'model_type': 'llama',
    'vocab_size': VOCABULARY,
    'hidden_size': 960,
    'intermediate_size': 2560,
    'num_hidden_layers': 32,
    'num_attention_heads': 15,
    'num_key_value_heads': 5,
    'head_dim': 64,
    'rms_norm_eps': 1e-5,
    'max_position_embeddings': 8192,
    'pad_token_id': 0,
}
VISION = {
    'hidden_size': 768,
    'intermediate_size': 3072,
    'num_hidden_layers': 12,
    'num_attention_heads': 12,
    'image_size': 512,
    'patch_size': 16,
}
SCALE_FACTOR = 4  # patches beside each other in a token
SPECIAL = {
    'bos': '<|im_start|>',
    'eos': '<end_of_utterance>',
    'unk': '<|endoftext|>',
    'pad': '<|im_end|>',
}
IMAGE = {
    'fake_image_token': '<fake_token_around_image>',
    'image_token': '<image>',
    'global_image_token': '<global-img>',
    'end_of_utterance_token': '<end_of_utterance>',
    'video_token': '<video>',
}


def untrained(features: dict[str, dict], stats: dict[str, dict], folder: Path) -> Checkpoint:
    """Return the policy for a dataset like that; its vision-language model goes to ``folder``."""
    write_vlm(folder)
    inputs, outputs = split_features(features)
    config = SmolVLAConfig(
        input_features=inputs,
        output_features=outputs,
        vlm_model_name=str(folder.resolve()),
        load_vlm_weights=False,
        device='cpu',
        push_to_hub=False,
    )
    policy = SmolVLAPolicy(config).eval()
    return Checkpoint(policy, *make_pre_post_processors(config, dataset_stats=stats))


def write_vlm(folder: Path) -> None:
    """Write what LeRobot builds the vision-language model from, as downloaded from the hub."""
    tokenizer = _tokenizer()
    config = SmolVLMConfig(
        text_config=TEXT,
        vision_config=VISION,
        scale_factor=SCALE_FACTOR,
        image_token_id=tokenizer.convert_tokens_to_ids(IMAGE['image_token']),
        pad_token_id=0,
        tie_word_embeddings=False,
    )
    config.save_pretrained(folder)
    images, videos = SmolVLMImageProcessor(), SmolVLMVideoProcessor()
    SmolVLMProcessor(images, tokenizer, videos, image_seq_len=64).save_pretrained(folder)


def _tokenizer() -> PreTrainedTokenizerFast:
    letters = [*dict.fromkeys([*SPECIAL.values(), *IMAGE.values()])]
    letters += sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Tokenizer(models.BPE({letter: i for i, letter in enumerate(letters)}, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        padding_side='right',
        extra_special_tokens=IMAGE,
        **{f'{name}_token': token for name, token in SPECIAL.items()},
    )
