"""python -m tests.packing.pack_slowly DATA_DIR STREAMS: what test_resume.py packs, in small parts and slowly."""

import sys
import time

from flan_jax.packing import resumable
from tests.packing.test_resume import pack

resumable.SEQUENCES_PER_PART = 4
pack(*sys.argv[1:3], 'one dataset', lambda sequences: time.sleep(0.05 * sequences))
