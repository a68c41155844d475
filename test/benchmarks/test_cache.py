# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Bundles that benchmarks keep are made anew where what they were made of has changed."""

import shutil

import pytest

from vla_ros.benchmarks import cache
from vla_ros.benchmarks.variants import quantized
from vla_ros.core.errors import ConfigError
from vla_ros.policy.bundle import load_bundle

RECIPE = 'blocks: {llm_backbone: {precision: int8_dynamic}}\n'
OTHER = 'blocks: {llm_backbone: {precision: int8_dynamic, layers: {"*_0": fp32}}}\n'


@pytest.fixture
def keep(tiny_bundle, tmp_path):
    """Return a function that keeps a copy of the tiny bundle and says whether it was made."""

    def run(facts, libraries=('numpy',)):
        path, made = tmp_path / 'kept' / 'tiny', []

        def make():
            made.append(shutil.copytree(tiny_bundle, path))

        bundle = cache.keep(path, facts, ('core',), libraries, make)
        assert bundle.path == path and bundle.spec.name == 'tiny'
        return bool(made)

    return run


@pytest.fixture
def quantize(tiny_bundle, tmp_path):
    """Return a function that quantizes the tiny bundle as a recipe says; gives its layers back."""

    def run(text):
        recipe = tmp_path / 'mine.yaml'
        recipe.write_text(text)
        variant = quantized(load_bundle(tiny_bundle), str(recipe), tmp_path / 'kept')
        return load_bundle(variant.bundle).spec.recipe['blocks']['llm_backbone']['layers']

    return run


def test_bundle_is_made_once(keep, capsys):
    assert keep({'size': (24, 32)})
    assert not keep({'size': (24, 32)})
    assert capsys.readouterr().out == ''


def test_bundle_of_other_facts_is_made_anew_with_a_line_that_names_them(keep, capsys):
    keep({'size': 1, 'seed': 0})
    assert keep({'size': 2, 'seed': 0})
    assert 'kept/tiny: was made of another size; making it anew' in capsys.readouterr().out
    assert not keep({'size': 2, 'seed': 0})


def test_bundle_of_other_code_or_libraries_is_made_anew(keep, tmp_path, monkeypatch, capsys):
    keep({})
    monkeypatch.setattr(cache, 'PACKAGE', tmp_path)
    (tmp_path / 'core').mkdir()
    assert keep({})
    (tmp_path / 'core' / 'more.py').write_text('x = 1')
    assert keep({}) and not keep({})
    monkeypatch.setattr(cache, 'version', lambda name: '99')
    assert keep({})
    lines = capsys.readouterr().out.splitlines()
    assert [line.split('; ')[0].split('another ')[1] for line in lines] == [
        'vla_ros.core',
        'vla_ros.core',
        'numpy',
    ]


def test_bundle_that_was_left_unfinished_is_made_anew(tiny_bundle, tmp_path):
    path = tmp_path / 'tiny'
    with pytest.raises(KeyboardInterrupt):
        cache.keep(path, {}, (), (), lambda: (_ for _ in ()).throw(KeyboardInterrupt))
    cache.keep(path, {}, (), (), lambda: shutil.copytree(tiny_bundle, path))


def test_folder_that_no_benchmark_made_is_never_touched(tiny_bundle, tmp_path):
    own = tmp_path / 'own'
    shutil.copytree(tiny_bundle, own)
    with pytest.raises(ConfigError, match=r'without own\.made_of\.json.*--cache'):
        cache.keep(own, {}, (), (), lambda: pytest.fail('it was made anew'))
    assert load_bundle(own)


def test_recipe_that_changed_since_is_quantized_with_again(quantize, capsys):
    assert quantize(RECIPE) == {} and quantize(RECIPE) == {}
    assert capsys.readouterr().out == ''
    assert quantize(OTHER) == {'*_0': 'fp32'}
    assert 'tiny_mine: was made of another recipe; making it anew' in capsys.readouterr().out


def test_policy_that_changed_since_is_quantized_again(quantize, tiny_bundle, tmp_path, capsys):
    from bundles import write_tiny_bundle

    quantize(RECIPE)
    other = load_bundle(write_tiny_bundle(tmp_path / 'other', seed=5))
    variant = quantized(other, str(tmp_path / 'mine.yaml'), tmp_path / 'kept')
    assert 'was made of another policy' in capsys.readouterr().out
    expert = load_bundle(variant.bundle).spec.blocks['action_expert']
    assert expert.sha256 == other.spec.blocks['action_expert'].sha256
