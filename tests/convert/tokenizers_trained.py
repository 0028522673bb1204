"""Tokenizers of the kinds that open models use, trained on a few lines, in folders as transformers keeps them."""

import json
import pathlib

import tokenizers
from tokenizers import decoders, models, pre_tokenizers, processors, trainers

TEXT = """\
Premise: Ça va? El niño comió jalapeños; Größe zählt, naïve café.
Быстрая коричневая лиса перепрыгивает через ленивую собаку. Γειά σου Κόσμε. שלום עולם
الثعلب البني السريع يقفز. नमस्ते दुनिया, आप कैसे हैं? 我能吞下玻璃而不伤身体。いろはにほへと 안녕하세요 세계
🙂👩‍👩‍👧‍👦🇫🇷🏳️‍🌈 e\u0301 ﬁ ½ x² … “quotes” — dash\u00a0nbsp\u200bzwsp
def f(xs: list[int]) -> dict:\n\treturn {i: x ** 2 for i, x in enumerate(xs) if x % 10 != 0}  # 1234567 3.14159
for (int i = 0; i < n; ++i) { printf("%d\\n", a[i]); }   trailing   spaces
OPTIONS:\n- yes\n- no\n\n\nHe'll say we've won, it's theirs, I'd bet.
"""
"""Many scripts, emoji joined from several characters, code, white space of all kinds."""

LLAMA3_SPLIT = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"
    r'| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+'
)


def write_byte_level(folder: pathlib.Path, size: int = 500) -> None:
    """GPT-2's kind: byte-level BPE, one special token, no BOS."""
    tokenizer = tokenizers.Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    _train_byte_level(tokenizer, size, ['<|endoftext|>'])
    _save(folder, tokenizer, {'eos_token': '<|endoftext|>', 'bos_token': '<|endoftext|>'})


def write_llama3(folder: pathlib.Path, size: int = 500) -> None:
    """Llama 3's kind: byte-level BPE over words cut by a pattern, and a post-processor that begins with BOS."""
    tokenizer = tokenizers.Tokenizer(models.BPE(ignore_merges=True))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(tokenizers.Regex(LLAMA3_SPLIT), behavior='isolated'),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    _train_byte_level(tokenizer, size, ['<|begin_of_text|>', '<|end_of_text|>'])
    _begin_with(tokenizer, '<|begin_of_text|>')
    _save(folder, tokenizer, {'eos_token': '<|end_of_text|>', 'bos_token': '<|begin_of_text|>'})


def write_llama2(folder: pathlib.Path, size: int = 500) -> None:
    """Llama 2's kind: SentencePiece's BPE with a word mark and a fallback to bytes; begun by BOS."""
    tokenizer = _sentencepiece_like(size, ['<unk>', '<s>', '</s>'])
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(replacement='▁', prepend_scheme='first', split=False)
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace('▁', ' '), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(content=' ', left=1)]
    )
    _begin_with(tokenizer, '<s>')
    special = {
        name: {'content': text, '__type': 'AddedToken'} for name, text in (('bos_token', '<s>'), ('eos_token', '</s>'))
    }
    settings = special | {
        'unk_token': '<unk>',
        'add_bos_token': True,
        'tokenizer_class': 'LlamaTokenizer',
        'legacy': False,
    }
    _save(folder, tokenizer, settings)


def write_gemma(folder: pathlib.Path, size: int = 500) -> None:
    """Gemma's kind: the same without a mark before the first word, with pad 0, EOS 1 and BOS 2."""
    tokenizer = _sentencepiece_like(size, ['<pad>', '<eos>', '<bos>', '<unk>', '<mask>'], '<unk>')
    tokenizer.normalizer = tokenizers.normalizers.Replace(' ', '▁')
    tokenizer.pre_tokenizer = pre_tokenizers.Split(' ', behavior='merged_with_previous')
    tokenizer.decoder = decoders.Sequence([decoders.Replace('▁', ' '), decoders.ByteFallback(), decoders.Fuse()])
    _begin_with(tokenizer, '<bos>')
    names = ('pad', 'eos', 'bos', 'unk', 'mask')
    special = {f'{name}_token': f'<{name}>' for name in names}
    _save(folder, tokenizer, special | {'tokenizer_class': 'GemmaTokenizer'})


def write_chat(folder: pathlib.Path, special_tokens: dict[str, str], others: tuple[str, ...], template: str) -> None:
    """An instruction-tuned model's kind: byte-level BPE with more special tokens, and a chat template."""
    tokenizer = tokenizers.Tokenizer(models.BPE(ignore_merges=True))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(tokenizers.Regex(LLAMA3_SPLIT), behavior='isolated'),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    _train_byte_level(tokenizer, 500, list(dict.fromkeys([*special_tokens.values(), *others])))
    _save(folder, tokenizer, special_tokens | {'chat_template': template})


KINDS = {'byte level': write_byte_level, 'llama 3': write_llama3, 'llama 2': write_llama2, 'gemma': write_gemma}


def _train_byte_level(tokenizer: tokenizers.Tokenizer, size: int, special: list[str]) -> None:
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=size, special_tokens=special, initial_alphabet=alphabet, show_progress=False
    )
    tokenizer.train_from_iterator([TEXT], trainer)


def _begin_with(tokenizer: tokenizers.Tokenizer, bos: str) -> None:
    special = [(bos, tokenizer.token_to_id(bos))]
    tokenizer.post_processor = processors.TemplateProcessing(single=f'{bos} $A', special_tokens=special)


def _sentencepiece_like(size: int, special: list[str], unknown: str | None = None) -> tokenizers.Tokenizer:
    """A trained BPE whose vocabulary begins with the special tokens and all bytes."""
    bytes_ = [f'<0x{byte:02X}>' for byte in range(256)]
    trained = tokenizers.Tokenizer(models.BPE())
    trained.normalizer = tokenizers.normalizers.Replace(' ', '▁')
    trained.pre_tokenizer = pre_tokenizers.Split('▁', behavior='merged_with_next')
    trained.train_from_iterator([TEXT], trainers.BpeTrainer(vocab_size=size, show_progress=False))
    merges = [tuple(pair) for pair in json.loads(trained.to_str())['model']['merges']]
    pieces = sorted(trained.get_vocab(), key=trained.get_vocab().get)
    vocabulary = {piece: index for index, piece in enumerate([*special, *bytes_, *pieces])}
    model = models.BPE(vocabulary, merges, byte_fallback=True, fuse_unk=True, unk_token=unknown or special[0])
    tokenizer = tokenizers.Tokenizer(model)
    tokenizer.add_special_tokens(special)
    return tokenizer


def _save(folder: pathlib.Path, tokenizer: tokenizers.Tokenizer, settings: dict) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(folder / 'tokenizer.json'))
    settings = {'tokenizer_class': 'PreTrainedTokenizerFast', 'clean_up_tokenization_spaces': False} | settings
    (folder / 'tokenizer_config.json').write_text(json.dumps(settings))
