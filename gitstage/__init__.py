"""A Git-native promotion system for machine-learning models: stages are folders, promotions are commits and tags."""
