"""The processes of a training: how they start, find each other and exit."""
