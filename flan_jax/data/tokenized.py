"""Names of features before and after tokenisation, and the maximal length of prompts with exemplars."""

INPUTS, TARGETS, WEIGHTS = 'inputs', 'targets', 'weights'

EXEMPLARS = 'exemplars'
"""Feature before tokenisation: inputs and targets of exemplars, alternating, strings [2n]."""

BRANCHES, BRANCH_LENGTHS, SCORES = 'branches', 'branch_lengths', 'scores'
"""Features of a tokenised example with several responses: their concatenated tokens, int32 [sum of lengths]; the number
of tokens of each, int32 [k]; and the score of each, float32 [k]."""

CUTS = INPUTS_CUT, INPUTS_FIT, TARGETS_CUT = 'inputs_cut', 'inputs_fit', 'targets_cut'
"""Features of a tokenised example, booleans: whether its long fields were shortened; whether its prompt then fits (if
not, its end was cut); whether its response was truncated, so that it has no EOS."""

LENGTH_BOUND = 960
"""A prompt with exemplars has fewer tokens than this in total (FLAN, section 4.4)."""
