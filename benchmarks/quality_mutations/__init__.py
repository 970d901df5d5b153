"""How strong the gate is: published data, corrupted in the ways that happen, and which expectation caught each.

``python -m benchmarks.quality_mutations`` prints the table and the score; docs/quality-score.md explains both.
"""
