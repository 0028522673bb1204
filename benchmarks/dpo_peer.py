"""TRL's DPOTrainer, for comparison with our DPO step: the same weights and pairs, AdamW, float32 on one core.

Its reference log-probabilities come with the pairs, as ours do from the stream (TRL's `precompute_ref_log_probs`), so
no second model is computed in the step. A step processes all pairs, with gradient accumulation.
"""

import copy
import itertools
import tempfile

import datasets
import tokenizers
import torch
import transformers
import trl

from flan_jax.packing.example import Example


class TrlStep:
    """A step on pairs that are the same every time."""

    def __init__(self, model: transformers.PreTrainedModel, trees: list[Example], at_a_time: int):
        """Learns from every two answers of each prompt, their `score` saying which is better."""
        self._trainer = _trainer(copy.deepcopy(model))
        self._model = self._trainer.model.train()
        self._optimizer = torch.optim.AdamW(self._model.parameters(), lr=1e-5)
        pairs = [pair for tree in trees for pair in _pairs(tree)]
        parts = [pairs[start : start + at_a_time] for start in range(0, len(pairs), at_a_time)]
        self._batches = [(len(part) / len(pairs), self._trainer.data_collator(part)) for part in parts]
        self.tokens = sum(batch['input_ids'].numel() for _, batch in self._batches)

    def __call__(self) -> float:
        """The loss before the update."""
        total = 0.0
        for share, batch in self._batches:
            loss = share * self._trainer.compute_loss(self._model, batch)
            loss.backward()
            total += loss.item()
        self._optimizer.step()
        self._optimizer.zero_grad()
        return total

    def first(self) -> tuple[float, float]:
        """The loss of the first step, and the most megabytes that torch allocates in the second.

        The optimizer has its state after the first, so that this is what a step takes beside weights and optimizer.
        """
        loss = self()
        with torch.profiler.profile(profile_memory=True) as profiler:
            self()
        held = itertools.accumulate(_bytes_allocated(profiler))
        return loss, max(held) / 1e6


def _bytes_allocated(profiler: torch.profiler.profile) -> list[int]:
    """What is allocated, and negative what is freed, in the order of time."""
    events = profiler.profiler.kineto_results.events()
    changes = [event for event in events if event.name() == '[memory]']
    return [event.nbytes() for event in sorted(changes, key=lambda event: event.start_ns())]


def _pairs(tree: Example):
    """The pairs of a prompt as TRL's collator takes them, each with its prompt."""
    score, reference = tree.annotations['score'], tree.annotations['reference']
    for i, j in itertools.combinations(range(len(tree.responses)), 2):
        better, worse = (i, j) if score[i] > score[j] else (j, i)
        yield {
            'prompt_ids': tree.prompt.tolist(),
            'chosen_ids': tree.responses[better].tolist(),
            'rejected_ids': tree.responses[worse].tolist(),
            'ref_chosen_logps': reference[better],
            'ref_rejected_logps': reference[worse],
        }


def _trainer(model: transformers.PreTrainedModel) -> trl.DPOTrainer:
    """A trainer whose data is given to it batch by batch; the text that it is made with stands for nothing."""
    words = tokenizers.Tokenizer(tokenizers.models.WordLevel({'<pad>': 0, '</s>': 1, 'a': 2}, unk_token='<pad>'))
    words.pre_tokenizer = tokenizers.pre_tokenizers.WhitespaceSplit()
    tokenizer = transformers.PreTrainedTokenizerFast(tokenizer_object=words, pad_token='<pad>', eos_token='</s>')
    arguments = trl.DPOConfig(
        tempfile.mkdtemp(),
        use_cpu=True,
        bf16=False,
        report_to='none',
        gradient_checkpointing=False,
        max_length=None,
        beta=0.1,
    )
    data = datasets.Dataset.from_dict({'prompt': ['a'], 'chosen': [' a'], 'rejected': [' a a']})
    trainer = trl.DPOTrainer(
        model=model,
        ref_model=copy.deepcopy(model),
        args=arguments,
        train_dataset=data,
        processing_class=tokenizer,
    )
    trainer.precompute_ref_logps = True
    return trainer
