"""One file to hand on: results with what they were made from, and whether they bear recomputing.

``bundle.write`` packs a results folder, ``verify.run`` recomputes what a bundle or a folder says.
Nothing is measured here, and nothing that a licence keeps back is packed.
"""
