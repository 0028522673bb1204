"""Packing by the command: what it says of a stream that it packs, and of one that is there."""

from flan_jax.command import main
from tests.command.test_run import bindings


def test_a_stream_that_is_there_is_not_shown_as_if_it_were_packed(samples_dir, tmp_path, capfd):
    where = {'MODEL_DIR': tmp_path / 'run', 'Stream.directory': tmp_path / 'streams', 'TFDS_DATA_DIR': samples_dir}
    command = ['pack', '--gin_file=gin/runs/tiny.gin', *bindings(**where)]

    def said():
        assert main.main(command) == 0
        return [line for line in capfd.readouterr().err.splitlines() if line]

    first, *_ = said()
    assert first.startswith('packing sequences: ')
    again, *_ = said()
    assert again.startswith('existing stream: ')
