"""Fixtures of the parity tests, and the table of what they found. Does not need torch itself."""

import pathlib

import pytest

MODELS = (
    'gpt2',
    'opt',
    'gpt_neox',
    'gpt_neox, in sequence',
    'llama',
    'llama 3',
    'llama, all biases',
    'mistral',
    'mistral, no window',
    'qwen2',
    'qwen3',
    'olmo',
    'olmo2',
    'gemma2',
)
"""Names of the models in tests/parity/models.py."""

FOUND: dict[str, dict[str, float]] = {}
"""Largest differences, by model and measure."""


@pytest.fixture(scope='session', params=MODELS)
def pair(request, tmp_path_factory):
    """One model twice, see tests.parity.models.Pair."""
    from tests.parity.models import make_pair

    return make_pair(request.param, tmp_path_factory.mktemp('theirs'))


def pytest_collection_modifyitems(config, items):
    """Runs these tests where they are asked for by name; the whole suite need not have torch, nor take their time."""
    here = pathlib.Path(__file__).parent
    asked = [(config.invocation_params.dir / argument.split('::')[0]).resolve() for argument in config.args]
    if any(here in (path, *path.parents) for path in asked):
        return
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.skip(reason='parity with transformers and TRL: `make parity` runs it'))


def pytest_terminal_summary(terminalreporter):
    """Prints the largest differences found."""
    if not FOUND:
        return
    measures = list(dict.fromkeys(measure for found in FOUND.values() for measure in found))
    terminalreporter.write_line(
        '\nlargest difference from transformers and TRL (logits, losses, gradients), in float32:'
    )
    terminalreporter.write_line(f'{"":24}' + ''.join(f'{measure:>16}' for measure in measures))
    for name, found in FOUND.items():
        cells = (f'{found[measure]:16.1e}' if measure in found else f'{"":16}' for measure in measures)
        terminalreporter.write_line(f'{name:24}' + ''.join(cells))
