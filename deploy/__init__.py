"""What brings techtrade to where it runs, and tries it there. Of the image only the files beside it are a part."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
