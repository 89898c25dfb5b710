"""The processes of a training: how they start and how they exit."""
