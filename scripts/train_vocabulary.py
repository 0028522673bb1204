"""Trains a SentencePiece vocabulary on the bundled samples in all templates, as was done for the bundled vocabulary.

python scripts/train_vocabulary.py --output=PREFIX --size=4096
"""

import argparse
import pathlib
import tempfile
from collections.abc import Iterable, Iterator

import sentencepiece

from flan_jax import catalogue
from flan_jax.data import prepare, source
from flan_jax.data.preview import rendered_examples

PAD_ID, EOS_ID, UNKNOWN_ID = 0, 1, 2
"""Ids of the special pieces, as in T5's vocabulary."""


def train(texts: Iterable[str], prefix: str, size: int) -> None:
    """Trains a byte-fallback unigram model on an iterable of texts; writes PREFIX.model and PREFIX.vocab.

    The model gives every text back as it was, but for byte-order marks.
    """
    rules = pathlib.Path(f'{prefix}.rules.tsv')
    rules.write_text('FEFF\t\n')  # without any rule, SentencePiece logs a line whenever the model is loaded
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(texts),
        model_prefix=prefix,
        vocab_size=size,
        character_coverage=0.9995,
        byte_fallback=True,
        normalization_rule_tsv=str(rules),
        remove_extra_whitespaces=False,
        split_digits=True,
        user_defined_symbols=['\n'],
        pad_id=PAD_ID,
        eos_id=EOS_ID,
        unk_id=UNKNOWN_ID,
        bos_id=-1,
        num_threads=2,
    )
    rules.unlink()


def sample_texts() -> Iterator[str]:
    """Every bundled sample in every template, inputs and targets."""
    catalogue.load()
    with tempfile.TemporaryDirectory() as data_dir:
        prepare.prepare_samples(catalogue.DATASETS.values(), data_dir)
        for dataset in catalogue.DATASETS.values():
            for split in source.split_slices(dataset, data_dir):
                for ex in rendered_examples(dataset, split, data_dir):
                    for inputs, targets in ex.prompts:
                        yield inputs
                        yield targets


def main() -> None:
    """Trains a vocabulary."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--output', required=True, help='prefix of the .model and .vocab files')
    parser.add_argument('--size', type=int, default=4096, help='number of pieces')
    arguments = parser.parse_args()
    train(sample_texts(), arguments.output, arguments.size)


if __name__ == '__main__':
    main()
