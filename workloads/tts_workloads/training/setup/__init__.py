"""What is done before the first step: the run document becomes a corpus and models."""
