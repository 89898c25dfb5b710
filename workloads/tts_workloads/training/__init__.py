"""Training: launching the processes, the loop, checkpoints, evaluation and the finished voice."""
