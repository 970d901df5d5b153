"""What the product is configured by: YAML and CSV files, and one loader module for each kind of file."""

from pathlib import Path

CONFIGS = Path(__file__).parent
