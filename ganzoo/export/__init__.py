"""`ganzoo export`: a trained method as one file that runs without ganzoo, with a card that describes it."""
