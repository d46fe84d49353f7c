"""What all that is emulated stands on: who runs, waiting, the way to descriptors and to real threads."""
