"""One file to hand on: results with the data behind them, and whether they bear recomputing.

``bundle.pack.write`` packs a results folder; ``bundle.verify.run`` recomputes the figures of a
bundle or a folder. Nothing is measured here, and no data that a licence keeps back are packed.
"""
