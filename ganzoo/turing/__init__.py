"""The visual Turing test: pages for raters, the key, the score, and classifiers that judge the same images."""
