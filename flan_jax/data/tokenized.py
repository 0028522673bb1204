"""Names of the features of examples around tokenisation, and the length of prompts with exemplars."""

INPUTS, TARGETS, WEIGHTS = 'inputs', 'targets', 'weights'

EXEMPLARS = 'exemplars'
"""Feature of an example before it is tokenised: inputs and targets of its exemplars in turn, strings of shape [2n]."""

BRANCHES, BRANCH_LENGTHS, SCORES = 'branches', 'branch_lengths', 'scores'
"""Features of a tokenised example with several responses: their tokens, one response after the other, int32 of shape
[sum of lengths]; the tokens of each, int32 [k]; and its score, float32 [k]."""

CUTS = INPUTS_CUT, INPUTS_FIT, TARGETS_CUT = 'inputs_cut', 'inputs_fit', 'targets_cut'
"""Features of a tokenised example, booleans: whether its long fields were shortened; whether its prompt fits, or has
lost its end nevertheless; whether its response goes on after its tokens, which therefore have no end."""

LENGTH_BOUND = 960
"""A prompt with exemplars is shorter than this many tokens, all of it counted (FLAN, section 4.4)."""
