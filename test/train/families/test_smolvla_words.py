# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Words that a language model was never taught say little, and leave the others as they are."""

import numpy as np
import pytest

torch = pytest.importorskip('torch')

from lerobot.configs import FeatureType, PolicyFeature  # noqa: E402
from lerobot.policies.factory import make_pre_post_processors  # noqa: E402
from lerobot.policies.smolvla.configuration_smolvla import SmolVLAConfig  # noqa: E402
from lerobot.policies.smolvla.modeling_smolvla import SmolVLAPolicy  # noqa: E402

from vla_ros.core.errors import ConfigError  # noqa: E402
from vla_ros.train.checkpoint import Checkpoint, DatasetFacts  # noqa: E402
from vla_ros.train.export import export, random_observations  # noqa: E402
from vla_ros.train.families.family import family_of  # noqa: E402

from ..vlm import write_vlm  # noqa: E402

TAUGHT = ('Wave.', 'Wave twice.\n')


@pytest.fixture
def checkpoint(tmp_path):
    """Return a small SmolVLA with random weights."""
    torch.manual_seed(0)
    camera, joints = 'observation.images.top', ('pan', 'lift')
    config = SmolVLAConfig(
        input_features={
            camera: PolicyFeature(FeatureType.VISUAL, (3, 32, 32)),
            'observation.state': PolicyFeature(FeatureType.STATE, (len(joints),)),
        },
        output_features={'action': PolicyFeature(FeatureType.ACTION, (len(joints),))},
        vlm_model_name=str(write_vlm(tmp_path / 'vlm')),
        device='cpu',
        chunk_size=4,
        n_action_steps=4,
        num_vlm_layers=2,
        resize_imgs_with_padding=(32, 32),
    )
    one, level = np.ones(len(joints), np.float32), np.full((3, 1, 1), 0.4, np.float32)
    facts = {'mean': 0 * one, 'std': one, 'min': -one, 'max': one}
    stats = {'observation.state': facts, 'action': facts, camera: {'mean': level, 'std': level}}
    processors = make_pre_post_processors(config, dataset_stats=stats)
    return Checkpoint(SmolVLAPolicy(config).eval(), *processors)


def table_of(checkpoint):
    text_model = checkpoint.policy.model.vlm_with_expert.get_vlm_model().text_model
    return text_model.get_input_embeddings().weight.detach().clone()


def tokens(checkpoint, *texts):
    tokenizer = checkpoint.policy.model.vlm_with_expert.processor.tokenizer
    return {token for text in texts for token in tokenizer(text).input_ids}


def test_untaught_words_read_as_the_mean_of_the_taught_ones(checkpoint):
    tokenizer = checkpoint.policy.model.vlm_with_expert.processor.tokenizer
    taught = tokens(checkpoint, 'Wave.\n', 'Wave twice.\n')
    before = table_of(checkpoint)
    count = family_of('smolvla').average_untaught_words(checkpoint, TAUGHT)
    after = table_of(checkpoint)
    kept = sorted({*taught, *tokenizer.all_special_ids, *range(len(tokenizer), len(before))})
    changed = sorted({*range(len(before))} - {*kept})
    assert count == len(changed) > 100
    assert torch.equal(after[kept], before[kept])
    mean = before[sorted(taught)].mean(dim=0)
    assert torch.equal(after[changed], mean.expand(count, -1))
    assert tokens(checkpoint, 'fuzzy') <= {*changed}


def test_bundle_reads_them_as_the_changed_policy_does(checkpoint, tmp_path):
    family_of('smolvla').average_untaught_words(checkpoint, TAUGHT)
    facts = DatasetFacts(30.0, ('pan', 'lift'), 'Wave.', ())
    seen = random_observations(checkpoint, ('Wave.', 'Perform a wave, twice, quick as a fox!'))
    assert export(checkpoint, facts, tmp_path / 'bundle', seen) < 1e-5
    tables = np.load(tmp_path / 'bundle' / 'language.npy')
    untaught = sorted(tokens(checkpoint, 'fuzzy') - tokens(checkpoint, *TAUGHT))
    assert len(np.unique(tables[untaught], axis=0)) == 1


def test_words_of_data_that_say_none_are_asked_for(checkpoint):
    with pytest.raises(ConfigError, match='got no instruction .*name the dataset'):
        family_of('smolvla').average_untaught_words(checkpoint, ())


def test_what_was_taught_before_counts(checkpoint):
    facts = DatasetFacts(30.0, ('pan',), '', (), instructions=('b', 'a'))
    earlier = DatasetFacts(30.0, ('pan',), '', (), instructions=('c', 'a'))
    assert facts.after(earlier).instructions == ('a', 'b', 'c')
    assert facts.after(None).instructions == ('a', 'b')
