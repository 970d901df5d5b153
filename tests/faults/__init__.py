"""Faults that the product is proved against, counted: ``make faults`` tries every one and prints the table of
``docs/faults.md``.

A row is a module ``tests/faults/<name>.py`` with a value ``ROW``. The oracle of a row is what readers get (bytes and
log), never an exit code alone. Each row has a seeded bug: with it the row must turn red, or it would prove nothing.
"""
