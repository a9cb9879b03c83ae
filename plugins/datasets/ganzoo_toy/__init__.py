"""Points of the plane on which generators are tried: `ring`, `grid` and `spiral`."""
