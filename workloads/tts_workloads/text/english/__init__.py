"""The English front end: from written text to CMU phonemes with stress."""
