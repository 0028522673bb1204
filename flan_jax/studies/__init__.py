"""Studies: several runs that together answer a question of a paper."""
