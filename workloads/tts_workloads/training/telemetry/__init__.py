"""What a training reports while it runs: progress, curves, pictures, warnings."""
