"""What each command can be told: one file a command, one frozen dataclass a configuration.

Plain data, picklable, kept in the results file; runs nothing and imports nothing heavy.
"""
