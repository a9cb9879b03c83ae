"""`ganzoo export`: a trained method as one file that runs without ganzoo, with a card of what it is."""
