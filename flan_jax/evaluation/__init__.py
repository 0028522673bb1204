"""Models are evaluated into records, records are judged, and judgements become results."""
