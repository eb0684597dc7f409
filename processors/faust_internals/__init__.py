"""Every private part of Faust 0.15.3 that we touch, and why.

`tests/processors/test_faust_assumptions.py` pins each; an upgrade that breaks one is seen there.
"""
