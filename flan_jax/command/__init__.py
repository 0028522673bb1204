"""The command line: commands, configuration, and what is printed."""
