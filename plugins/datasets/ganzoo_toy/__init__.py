"""Points of the plane to test generators: `ring`, `grid` and `spiral`."""
