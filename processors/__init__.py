"""Decides what each change means for access: a pure core, and thin Faust agents around it."""
