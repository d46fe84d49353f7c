"""How the table comes into force, late as it may be, and is taken back."""
