"""Made-up figures that obey the publishers' rules, and good answers made of them: for doubles, tests and benchmarks."""
