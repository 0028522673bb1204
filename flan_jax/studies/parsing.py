"""Parses outputs by a spaCy pipeline of the user's choice: the verb and object of each output's first sentence.

spaCy is an optional dependency, and its pipelines are separate packages that the user installs.
"""

import hashlib
import importlib
import json
import pathlib
from collections.abc import Iterator, Mapping, Sequence
from types import ModuleType
from typing import Any

from etils import epath

from flan_jax.data.example_files import read_file
from flan_jax.errors import UserError
from flan_jax.files import write_whole
from flan_jax.metrics.verb_nouns import root_verb_and_object
from flan_jax.progress import CONSOLE, bar

OUTPUTS = ('output', 'answer', 'prediction', 'instruction_output')
"""Keys of outputs in Alpaca's files, in those of `flan-jax generate`, in our records, and in the paper's parses."""

BATCH = 64
"""Number of texts in a batch for spaCy; the parses do not depend on it."""


def outputs_of(path: pathlib.Path) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    """The distinct outputs of a file, each with its location for messages, its text and its row.

    Raises:
      ExampleError: if the file cannot be read; UserError if a row has no output.
    """
    seen = set()
    for where, row in read_file(path):
        text = next((row[key] for key in OUTPUTS if isinstance(row.get(key), str)), None)
        if text is None:
            raise UserError(f'{where}: no string named {" or ".join(OUTPUTS)}; the keys are {", ".join(map(str, row))}')
        if text not in seen:
            yield where, text, row
        seen.add(text)


def parse_files(files: Sequence[pathlib.Path], parser: str, folder: epath.PathLike) -> list[pathlib.Path]:
    """Parses the outputs of files; returns the files of verbs and objects, which have the same names.

    Existing parses by the same pipeline are reused, so that an interruption loses at most one file.

    Args:
      files: files of outputs, see `outputs_of`.
      parser: a spaCy pipeline, as the name of its package or as its folder.
      folder: for JSON lines with `verb`, `noun` (null for none) and `output`, and for the digest of their inputs.

    Raises:
      UserError: if the pipeline is missing or does not parse, or if files have the same name or cannot be read.
    """
    names = [file.stem for file in files]
    require_different(names)
    texts = [_texts(file) for file in files]
    pipeline = open_pipeline(parser)
    if long := [name for name, of_file in zip(names, texts) if max(map(len, of_file)) > pipeline.max_length]:
        raise UserError(f'{long[0]}: an output has more than {pipeline.max_length:,} characters, the limit of spaCy')
    weights = pipeline.to_bytes(exclude=['vocab'])
    return [_parse(pathlib.Path(folder), name, of_file, pipeline, weights) for name, of_file in zip(names, texts)]


def _parse(folder: pathlib.Path, name: str, texts: Sequence[str], pipeline: Any, weights: bytes) -> pathlib.Path:
    """The path of a file's parses, which are made unless they exist."""
    path, note = folder / f'{name}.jsonl', folder / f'{name}.made_of.txt'
    made_of = hashlib.sha256(weights + json.dumps(texts).encode()).hexdigest()
    if path.exists() and note.exists() and note.read_text() == made_of:
        CONSOLE.print(f'{name}: already parsed, {path}', soft_wrap=True)
        return path
    note.unlink(missing_ok=True)  # otherwise it would vouch for incomplete new parses
    with bar(f'parsing {name}', len(texts)) as advance:
        lines = [_line(doc, advance) for doc in pipeline.pipe(texts, batch_size=BATCH)]
    write_whole(path, ''.join(lines))
    write_whole(note, made_of)
    return path


def require_different(names: Sequence[str]) -> None:
    """Raises UserError if two files have the same name."""
    if twice := [name for name in names if names.count(name) > 1]:
        raise UserError(f'two files are called {twice[0]}; rename one of them')


def _texts(file: pathlib.Path) -> list[str]:
    texts = [text for _, text, _ in outputs_of(file)]
    if not texts:
        raise UserError(f'{file}: contains no outputs')
    return texts


def _line(doc: Any, advance) -> str:
    """The JSON line of a parsed output, from its first sentence; an empty output has neither verb nor noun."""
    sentence = next(iter(doc.sents), None) if len(doc) else None
    verb, noun = root_verb_and_object(sentence.root) if sentence else (None, None)
    advance()
    return json.dumps({'verb': verb, 'noun': noun, 'output': doc.text}, ensure_ascii=False) + '\n'


def open_pipeline(name: str) -> Any:
    """A spaCy pipeline with tagger, parser and lemmatiser; raises UserError."""
    spacy = _spacy(name)
    try:
        pipeline = spacy.load(name, exclude=['ner'])
    except (OSError, ValueError) as error:
        raise UserError(
            f'--parser={name}: spaCy {spacy.__version__} cannot load it ({str(error)[:200]}); install a pipeline '
            f'with `python -m spacy download {name}`, or give the folder of one'
        ) from error
    doc = pipeline('Write me a story about education.')
    if missing := [kind for kind in ('DEP', 'POS', 'LEMMA') if not doc.has_annotation(kind)]:
        raise UserError(
            f'--parser={name}: has no {", ".join(missing)}, but only '
            f'{", ".join(pipeline.pipe_names) or "nothing"}; use a pipeline that parses, tags and lemmatises, '
            'such as en_core_web_md'
        )
    return pipeline


def _spacy(name: str) -> ModuleType:
    try:
        return importlib.import_module('spacy')  # an optional dependency, used only here
    except ImportError as error:
        raise UserError(
            f"--parser={name} needs spaCy ({error}); install it with pip install 'flan_jax[parser]', and the "
            f'pipeline with python -m spacy download {name}; or give --from parsed files, with "verb" and "noun"'
        ) from error
