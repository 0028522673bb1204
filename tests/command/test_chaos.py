"""A run that is killed at random moments ends as the one that was left alone, by the command that anyone can run."""

from flan_jax.command import main


def test_every_kill_is_survived_bit_for_bit(capsys):
    assert main.main(['doctor', '--chaos=3', '--seed=1']) == 0
    assert '3 of 3 kills survived' in capsys.readouterr().err
