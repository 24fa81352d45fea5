"""The commands, one a module; each has `command`."""
