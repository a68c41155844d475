# SPDX-FileCopyrightText: 2026 vla_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Recipes: what they may say, and that the ones that ship make sense."""

from pathlib import Path

import pytest

from vla_ros.core.errors import ConfigError
from vla_ros.quantization.recipe import BlockRecipe, Calibration, Recipe, load_recipe

SHIPPED = sorted((Path(__file__).parents[2] / 'config' / 'recipes').glob('*.yaml'))


def write(folder: Path, text: str) -> Path:
    path = folder / 'mine.yaml'
    path.write_text(text)
    return path


@pytest.mark.parametrize('path', SHIPPED, ids=lambda path: path.stem)
def test_a_recipe_that_ships_loads_and_says_what_it_is_for(path):
    recipe = load_recipe(path)
    assert recipe.name == path.stem and recipe.description and recipe.blocks


def test_the_action_expert_stays_at_full_precision_unless_the_recipe_names_it():
    recipes = [load_recipe(path) for path in SHIPPED]
    kept = [item.name for item in recipes if item.block('action_expert').precision == 'fp32']
    assert 'cpu_int8' in kept and 'cpu_int8_all' not in kept


def test_what_is_left_out_has_a_default(tmp_path):
    recipe = load_recipe(write(tmp_path, 'blocks: {llm_backbone: {precision: int8_dynamic}}'))
    assert recipe.name == 'mine' and recipe.target == 'onnxruntime'
    assert recipe.block('vision_encoder') == BlockRecipe()


def test_the_blocks_that_are_calibrated_are_those_that_learn_something_of_frames(tmp_path):
    text = """
    blocks:
      vision_encoder: {layers: {'*/Conv': int8_static}}
      llm_backbone: {precision: int8_dynamic}
      action_expert: {precision: int4_weights}
    """
    calibrated = load_recipe(write(tmp_path, text)).calibrated
    assert calibrated == ('vision_encoder', 'action_expert')


def test_the_method_of_calibration_can_be_chosen(tmp_path):
    path = write(tmp_path, 'blocks: {}\ncalibration: {frames: 10, method: minmax}')
    assert load_recipe(path).calibration == Calibration(10, 'minmax')


@pytest.mark.parametrize(
    ('text', 'words'),
    [
        ('blocks: {gripper: {precision: fp16}}', ['gripper', 'llm_backbone']),
        ('blocks: {llm_backbone: {precision: int7}}', ['llm_backbone', 'int7', 'int8_dynamic']),
        ('blocks: {llm_backbone: {layer: {}}}', ['llm_backbone', 'layer', 'layers']),
        ('blocks: {llm_backbone: {layers: [a]}}', ['layers', 'pattern']),
        ('blocks: {llm_backbone: {layers: {3: fp32}}}', ['layers', '3', 'pattern']),
        ('blocks: {llm_backbone: {attention: 3}}', ['llm_backbone', 'attention', '3', 'true']),
        ('blocks: {llm_backbone: {reduce_range: a}}', ['reduce_range', 'a', 'false']),
        ('blocks: {llm_backbone: fp16}', ['llm_backbone', 'mapping', 'precision']),
        ('blocks: {llm_backbone: }', ['llm_backbone', 'None', 'mapping', 'precision']),
        ('target: openvino', ['blocks', 'None', 'vision_encoder']),
        ('blocks: {llm_backbone: {precision: bf16}}', ['bf16', 'onnxruntime', 'target']),
        (
            'target: openvino\nblocks: {llm_backbone: {precision: int8_dynamic}}',
            ['int8_dynamic', 'openvino', 'bf16'],
        ),
        ('target: tpu\nblocks: {}', ['target', 'tpu', 'openvino']),
        ('blocks: {}\ncalibration: {frames: 2}', ['frames', '2', '8']),
        ('blocks: {}\ncalibration: {method: guess}', ['guess', 'percentile']),
        ('blocks: {}\ncalibration: {percentile: 9}', ['percentile', '90']),
        ('blocks: {}\ncalibration: {percentile: many}', ['percentile', 'many', '90']),
        ('blocks: {}\ncalibration: 64', ['calibration', '64', 'frames']),
        (
            'blocks: {llm_backbone: {precision: int8_dynamic, layers: {a: fp16}}}',
            ['fp16', 'int8_dynamic', 'alone'],
        ),
        ('recipe: {}', ['recipe', 'blocks']),
    ],
)
def test_a_bad_recipe_is_refused_with_the_file_and_the_value(tmp_path, text, words):
    with pytest.raises(ConfigError) as caught:
        load_recipe(write(tmp_path, text))
    assert not [word for word in ['mine.yaml', *words] if word not in str(caught.value)]


@pytest.mark.parametrize(
    ('option', 'precision'),
    [
        ('activations: int8', 'int8_dynamic'),
        ('attention: true', 'int8_dynamic'),
        ('reduce_range: true', 'fp16'),
        ('floats: fp16', 'fp32'),
    ],
)
def test_an_option_that_nothing_would_heed_is_refused(tmp_path, option, precision):
    text = f'blocks: {{llm_backbone: {{precision: {precision}, {option}}}}}'
    name = option.partition(':')[0]
    with pytest.raises(ConfigError, match=f"llm_backbone: {name}: got .*'{precision}'.*leave it"):
        load_recipe(write(tmp_path, text))


def test_one_block_alone_keeps_its_precision_and_leaves_the_others():
    blocks = {'vision_encoder': BlockRecipe('fp16'), 'llm_backbone': BlockRecipe('int8_dynamic')}
    alone = Recipe('mix', blocks).alone('llm_backbone')
    assert alone.blocks == {'llm_backbone': BlockRecipe('int8_dynamic')}
    assert alone.name == 'llm_backbone-int8_dynamic'
