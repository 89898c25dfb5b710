"""What happens after the last step: the voice is measured, exported and described."""
