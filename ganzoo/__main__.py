"""`python -m ganzoo`, which is also what torchrun starts."""

from ganzoo.cli import main

main()
