"""What is said while work goes on can be read in a log file as well as on a terminal."""

from flan_jax.progress import CONSOLE, bar

PATH = '/'.join(['folder'] * 40)


def test_a_message_in_a_log_file_is_a_line_however_long_its_paths_are(capsys):
    CONSOLE.print(f'report: {PATH}/report.html')
    with bar('evaluating', 2) as advance:
        advance(2, PATH)
    first, second = capsys.readouterr().err.splitlines()
    assert first == f'report: {PATH}/report.html' and second.startswith('evaluating: 2/2 ') and second.endswith(PATH)


def test_on_a_terminal_messages_are_fitted_to_its_width(monkeypatch, capsys):
    monkeypatch.setattr(CONSOLE, '_force_terminal', True)
    monkeypatch.setattr(CONSOLE, '_width', 30)
    CONSOLE.print('a word ' * 20)
    assert max(map(len, capsys.readouterr().err.splitlines())) <= 30
