# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""`vla_ros train` and `vla_ros export`, as one types them."""

import shutil

import pytest

pytest.importorskip('torch')

import torch

from vla_ros.core.errors import ConfigError
from vla_ros.dataset.lerobot import open_dataset
from vla_ros.policy.bundle import load_bundle
from vla_ros.tools.main import main
from vla_ros.train.checkpoint import blend, load_checkpoint, new_checkpoint

from .conftest import SIZE, write_dataset


@pytest.fixture(scope='module')
def run(dataset_root, tmp_path_factory):
    output = tmp_path_factory.mktemp('runs') / 'a'
    words = f'--dataset {dataset_root} --output {output} --steps 1 --episodes 0 --dim-model 16'
    assert main(['train', *words.split(), '--encoder-layers', '1', '--chunk-size', '4']) == 0
    return output


def test_what_train_wrote_export_splits_without_further_words(run, tmp_path, capsys):
    bundle = tmp_path / 'wave'
    words = ['--checkpoint', str(run / 'step_000001'), '--output', str(bundle)]
    assert main(['export', *words]) == 0
    assert 'differ from torch by at most' in capsys.readouterr().out
    spec = load_bundle(bundle).spec
    assert spec.chunk_size == 4 and spec.fps == 10 and spec.instruction == 'Wave.'
    assert spec.source['checkpoint'] == 'step_000001'


def test_policy_that_reads_no_words_has_none_to_average(run, tmp_path, capsys):
    words = ['--checkpoint', str(run / 'step_000001'), '--output', str(tmp_path / 'wave')]
    assert main(['export', *words, '--average-untaught-words']) == 2
    assert 'of type act, which reads no words, expected smolvla' in capsys.readouterr().err


def test_blended_bundle_lies_between_two_checkpoints(run, dataset_root, tmp_path):
    first, other = run / 'step_000001', tmp_path / 'b'
    words = f'--dataset {dataset_root} --start {first} --output {other} --steps 3 --episodes 0'
    assert main(['train', *words.split(), '--learning-rate', '0.1']) == 0
    last, bundle = other / 'step_000003', tmp_path / 'wave'
    words = ['--checkpoint', str(last), '--output', str(bundle), '--blend', str(first)]
    assert main(['export', *words, '--blend-share', '0.25']) == 0
    assert load_bundle(bundle).spec.source['blend'] == '0.25 of step_000001'
    mixed, one, two = (load_checkpoint(path) for path in (last, last, first))
    blend(mixed, two, 0.25)
    name = 'model.action_head.weight'
    a, b, c = (item.policy.state_dict()[name] for item in (mixed, one, two))
    assert not torch.equal(b, c)
    torch.testing.assert_close(a, 0.75 * b + 0.25 * c)


def test_blend_of_strangers_is_refused(run, tmp_path, capsys):
    words = f'--checkpoint {run / "step_000001"} --output {tmp_path / "wave"}'.split()
    assert main(['export', *words, '--blend', str(run / 'step_000001'), '--blend-share', '2']) == 2
    assert 'got a share of 2.0, expected 0 to 1' in capsys.readouterr().err
    stranger = new_checkpoint([open_dataset(write_dataset(tmp_path / 'other', seed=5)).meta], SIZE)
    with pytest.raises(ConfigError, match='expected one that was trained on from the other'):
        blend(load_checkpoint(run / 'step_000001'), stranger, 0.5)


def test_train_says_why_it_does_not_overwrite(run, dataset_root, capsys):
    words = ['--dataset', str(dataset_root), '--output', str(run), '--steps', '1']
    assert main(['train', *words]) == 2
    assert 'go on with it (--resume), or name another folder' in capsys.readouterr().err


@pytest.mark.parametrize(
    ('words', 'complaint'),
    [
        ('--start {start} --chunk-size 8', '--chunk-size: got it with --start, whose policy'),
        ('--start {start} --use-vae', '--use-vae: got it with --start, whose policy it is'),
        ('--policy-type smolvla --dim-model 8', '--dim-model: got it for a policy of type'),
        ('--place-alone 0.1', '--place-alone: got it without --place-weight'),
    ],
)
def test_an_option_of_a_training_that_would_change_nothing_is_refused(
    run, dataset_root, tmp_path, capsys, words, complaint
):
    words = words.format(start=run / 'step_000001').split()
    words += ['--dataset', str(dataset_root), '--output', str(tmp_path / 'new'), '--steps', '1']
    assert main(['train', *words]) == 2
    assert f'vla_ros: {complaint}' in capsys.readouterr().err
    assert not (tmp_path / 'new').exists()


def test_checkpoint_of_others_needs_names_and_rate(run, tmp_path, capsys):
    foreign = shutil.copytree(run / 'step_000001', tmp_path / 'foreign')
    (foreign / 'dataset.json').unlink()
    words = ['--checkpoint', str(foreign), '--output', str(tmp_path / 'wave')]
    assert main(['export', *words]) == 2
    assert 'give --dataset, or --joint-names and --fps' in capsys.readouterr().err
    assert main(['export', *words, '--fps', '25', '--joint-names', 'a', 'b', 'c']) == 0
    assert load_bundle(tmp_path / 'wave').spec.joint_names == ('a', 'b', 'c')


def test_dataset_gives_a_checkpoint_of_others_its_names(run, dataset_root, tmp_path):
    foreign = shutil.copytree(run / 'step_000001', tmp_path / 'foreign')
    (foreign / 'dataset.json').unlink()
    words = ['--checkpoint', str(foreign), '--dataset', str(dataset_root)]
    assert main(['export', *words, '--output', str(tmp_path / 'wave')]) == 0
    assert load_bundle(tmp_path / 'wave').spec.joint_names == ('pan', 'lift', 'gripper')
