"""Reports: the settings and results of runs, as HTML pages and as JSON."""
