# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Training a tiny ACT: checkpoints, resuming, and the choice by success."""

import csv
import shutil
from dataclasses import replace

import pytest

torch = pytest.importorskip('torch')

from vla_ros.core.errors import ConfigError  # noqa: E402
from vla_ros.train.checkpoint import load_checkpoint, load_facts  # noqa: E402
from vla_ros.train.loop import train  # noqa: E402
from vla_ros.train.plan import TrainingPlan  # noqa: E402

from .conftest import JOINTS, SIZE, write_dataset  # noqa: E402

PLAN = TrainingPlan(steps=6, batch_size=4, evaluate_every=2, report_every=1, warmup=2)
DROPOUT = replace(SIZE, dropout=0.1, use_vae=True, n_vae_encoder_layers=1)


def rows(path):
    with path.open() as file:
        return [{key: float(value) for key, value in row.items()} for row in csv.DictReader(file)]


def losses(output):
    return [(row['step'], row['loss'], row['rate']) for row in rows(output / 'losses.csv')]


def weights(checkpoint):
    return load_checkpoint(checkpoint).policy.state_dict()


@pytest.fixture(scope='module')
def run(dataset_root, tmp_path_factory):
    """Train to the end; the fourth step succeeds most often."""
    output = tmp_path_factory.mktemp('run')
    success = {'step_000002': 0.2, 'step_000004': 0.9, 'step_000006': 0.5}

    def evaluate(checkpoint):
        return {'test': success[checkpoint.name], 'validation': 0.5}

    lines = []
    best = train([dataset_root], output, PLAN, DROPOUT, evaluate=evaluate, report=lines.append)
    return output, best, lines


def test_checkpoint_is_chosen_by_success(run):
    output, best, _ = run
    assert best == output / 'best'
    same = output / 'step_000004' / 'model.safetensors'
    assert (best / 'model.safetensors').read_bytes() == same.read_bytes()
    assert [row['test'] for row in rows(output / 'success.csv')] == [0.2, 0.9, 0.5]


def test_checkpoints_load_in_lerobot(run):
    from lerobot.policies.act.modeling_act import ACTPolicy

    policy = ACTPolicy.from_pretrained(run[1])
    assert policy.config.chunk_size == SIZE.chunk_size
    means = policy.state_dict()['model.backbone.bn1.running_mean']
    assert means.abs().max() > 0  # calibrated


def test_checkpoint_knows_its_data(run):
    facts = load_facts(run[1])
    assert facts.joint_names == JOINTS and facts.fps == 10
    assert facts.instruction == 'Wave.' and facts.datasets == ('tiny',)


def test_progress_names_step_loss_and_time_left(run):
    line = next(line for line in run[2] if line.startswith('step 3 '))
    assert 'loss' in line and 'frames/s' in line and 'min left' in line


def test_resumed_run_has_the_losses_and_weights_of_one_that_never_stopped(
    run, dataset_root, tmp_path
):
    def stop(checkpoint):
        if checkpoint.name == 'step_000002':
            raise InterruptedError
        return {'test': 0.0, 'validation': 0.0}

    with pytest.raises(InterruptedError):
        train([dataset_root], tmp_path, PLAN, DROPOUT, evaluate=stop)
    train([dataset_root], tmp_path, PLAN, DROPOUT, evaluate=stop, resume=True)
    assert losses(tmp_path) == losses(run[0])
    ours, theirs = (weights(output / 'step_000006') for output in (tmp_path, run[0]))
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)


def test_folder_that_holds_a_run_is_not_overwritten(run, dataset_root):
    with pytest.raises(ConfigError, match='holds a training run'):
        train([dataset_root], run[0], PLAN, SIZE)


def test_resuming_nothing_says_so(dataset_root, tmp_path):
    with pytest.raises(ConfigError, match='no training to resume'):
        train([dataset_root], tmp_path, PLAN, SIZE, resume=True)


def test_run_starts_from_a_checkpoint_with_another_dataset_beside(run, dataset_root, tmp_path):
    other = write_dataset(tmp_path / 'corrections', seed=1)
    plan = replace(PLAN, steps=1, learning_rate=0.0, weight_decay=0.0)
    last = train([dataset_root, other], tmp_path / 'run', plan, SIZE, start=run[1])
    before, after = load_checkpoint(run[1]), load_checkpoint(last)
    name = 'model.action_head.weight'
    assert torch.equal(before.policy.state_dict()[name], after.policy.state_dict()[name])
    assert load_facts(last).datasets == ('tiny', 'corrections')
    state = {'observation.state': torch.ones(len(JOINTS))}
    normalised = [part.preprocess(state)['observation.state'] for part in (before, after)]
    assert torch.equal(*normalised)


def test_datasets_with_other_joints_are_refused(dataset_root, tmp_path):
    other = write_dataset(tmp_path / 'other', joints=('a', 'b', 'c'))
    with pytest.raises(ConfigError, match='rates and joints'):
        train([dataset_root, other], tmp_path / 'run', PLAN, SIZE)


def test_time_can_be_the_end(dataset_root, tmp_path):
    plan = replace(PLAN, steps=None, minutes=1e-4, evaluate_every=1000)
    last = train([dataset_root], tmp_path / 'run', plan, SIZE)
    assert last.name == 'step_000001'


@pytest.mark.parametrize('name', ['config.json', 'model.safetensors', 'policy_preprocessor.json'])
def test_what_a_checkpoint_lacks_is_named(run, tmp_path, name):
    broken = shutil.copytree(run[1], tmp_path / 'broken')
    (broken / name).unlink()
    with pytest.raises(ConfigError, match=f'broken: got no {name} in it'):
        load_checkpoint(broken)


def test_policy_of_another_type_is_named(run, tmp_path):
    other = shutil.copytree(run[1], tmp_path / 'other')
    (other / 'config.json').write_text('{"type": "smolvla"}')
    with pytest.raises(ConfigError, match="got a policy of type 'smolvla'"):
        load_checkpoint(other)


def test_checkpoint_of_a_gpu_loads_on_the_cpu(run, tmp_path):
    moved = shutil.copytree(run[1], tmp_path / 'moved')
    for name in ('config.json', 'policy_preprocessor.json'):
        text = (moved / name).read_text()
        assert '"device": "cpu"' in text
        (moved / name).write_text(text.replace('"device": "cpu"', '"device": "cuda"'))
    checkpoint = load_checkpoint(moved)
    state = checkpoint.preprocess({'observation.state': torch.ones(len(JOINTS))})
    assert state['observation.state'].device.type == checkpoint.policy.config.device == 'cpu'
