"""One file a cost measure, each with ``measure(points, settings)``; see ``types.Measure``."""
