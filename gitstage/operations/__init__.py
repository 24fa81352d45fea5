"""The verbs: one a file, each called by the command line, from Python and in CI alike."""
