"""There and back: bit-exact for every family, from every dtype, in one file or in many."""

import numpy as np
import pytest

from flan_jax.convert import base_model
from flan_jax.convert.read import HuggingFaceModel
from flan_jax.distributed.mesh import Parallelism, make_mesh, parameter_layout
from flan_jax.inference.rewards import RewardModel
from flan_jax.loaded_model import checkpoint_in, load, vocabulary_of
from flan_jax.packing.example import Example
from flan_jax.training.weights import content_of
from tests.convert.tokenizers_trained import write_byte_level
from tests.parity.models import make_pair, torch, transformers


def equal_states(one, other) -> bool:
    one, other = one.state_dict(), other.state_dict()
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def convert_back(folder, dtype='float32') -> None:
    content = content_of(checkpoint_in(folder / 'ours'))
    base_model.to_hugging_face(content, vocabulary_of(content), folder / 'back', dtype)


def test_round_trip_is_bit_exact(pair, tmp_path):
    write_byte_level(pair.folder, size=300)
    theirs = transformers.AutoModelForCausalLM.from_pretrained(pair.folder)
    theirs.resize_token_embeddings(304, mean_resizing=False)
    theirs.save_pretrained(tmp_path / 'wide')
    write_byte_level(tmp_path / 'wide', size=300)
    base_model.from_hugging_face(tmp_path / 'wide', tmp_path / 'ours')
    convert_back(tmp_path)

    back = transformers.AutoModelForCausalLM.from_pretrained(tmp_path / 'back')
    assert equal_states(back, theirs)
    meant, found = ({k: v for k, v in m.config.to_dict().items() if k != '_name_or_path'} for m in (theirs, back))
    assert found == meant
    text = 'Ça va? 🙂\n\tdef f(x): return x'
    before, after = (transformers.AutoTokenizer.from_pretrained(tmp_path / name) for name in ('wide', 'back'))
    assert before(text).input_ids == after(text).input_ids and after.eos_token == '<|endoftext|>'


def test_rewards_are_theirs_and_the_round_trip_is_bit_exact(pair, tmp_path):
    """A classifier with one label, in and out again; texts of two lengths, one after the other."""
    keys = pair.theirs.config.to_dict() | {'num_labels': 1, 'pad_token_id': None, 'vocab_size': 304}
    config = transformers.AutoConfig.for_model(keys.pop('model_type'), **keys)
    theirs = transformers.AutoModelForSequenceClassification.from_config(config).eval()
    theirs.save_pretrained(tmp_path / 'theirs')
    write_byte_level(tmp_path / 'theirs', size=300)
    base_model.from_hugging_face(tmp_path / 'theirs', tmp_path / 'ours')
    prompt = np.arange(3, 9)
    example = Example(prompt, (np.array([10, 11, 12]), np.array([20, 21, 22, 23, 24])))
    (ours,), (read_directly,) = (
        RewardModel(load(tmp_path / name), 256).rewards([example]) for name in ('ours', 'theirs')
    )
    np.testing.assert_array_equal(read_directly, ours)
    with torch.no_grad():
        rows = [np.concatenate([prompt, response])[None] for response in example.responses]
        expected = [theirs(torch.tensor(row)).logits.item() for row in rows]
    assert pair.note('rewards', ours, expected) < 1e-5
    convert_back(tmp_path)
    back = transformers.AutoModelForSequenceClassification.from_pretrained(tmp_path / 'back')
    assert back.config.num_labels == 1 and equal_states(back, theirs)


@pytest.mark.parametrize('dtype', ['bfloat16', 'float16'])
def test_half_precision_in_many_files_round_trips(dtype, tmp_path):
    """Halves are kept exactly in float32, so they come back as they were."""
    theirs = make_pair('llama 3', tmp_path / 'float32').theirs.to(getattr(torch, dtype))
    theirs.resize_token_embeddings(304, mean_resizing=False)
    theirs.save_pretrained(tmp_path / 'theirs', max_shard_size='20KB')
    assert len(list((tmp_path / 'theirs').glob('*.safetensors'))) > 2
    write_byte_level(tmp_path / 'theirs', size=300)
    base_model.from_hugging_face(tmp_path / 'theirs', tmp_path / 'ours')
    convert_back(tmp_path, dtype)
    back = transformers.AutoModelForCausalLM.from_pretrained(tmp_path / 'back')
    assert back.dtype == getattr(torch, dtype) and equal_states(back, theirs)


@pytest.mark.parametrize('name', ['gpt2', 'gpt_neox', 'llama'])
def test_files_of_old_are_read(name, tmp_path):
    """Names without their prefix, and the buffers that transformers used to save."""
    from safetensors.numpy import load_file, save_file

    pair = make_pair(name, tmp_path)
    prefix = {'gpt2': 'transformer.', 'gpt_neox': 'gpt_neox.', 'llama': 'model.'}[name]
    buffer = {
        'gpt2': 'h.0.attn.bias',
        'gpt_neox': 'layers.2.attention.masked_bias',
        'llama': 'layers.1.self_attn.rotary_emb.inv_freq',
    }[name]
    path = tmp_path / 'model.safetensors'
    tensors = {key.removeprefix(prefix): value for key, value in load_file(path).items()}
    save_file(tensors | {buffer: np.ones(3, np.float32)}, path)
    model = HuggingFaceModel(tmp_path)
    params = model.params(parameter_layout(model.config, make_mesh(Parallelism())))
    assert all(np.array_equal(params[key], pair.params[key]) for key in pair.params)
