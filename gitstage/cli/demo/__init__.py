"""`gitstage demo`: a model's life, told with real commands in a throw-away repository."""
