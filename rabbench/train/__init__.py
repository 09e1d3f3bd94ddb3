"""Training: the teacher, the student distilled from it, and a bi-encoder of the same backbone.

``teacher.py``, ``student.py``, ``biencoder.py`` and ``ablation.py`` each ``run`` a configuration of
``rabbench.config.train``; the other modules are their parts. Knows suites and models; ranks nothing
itself: ``rabbench quality`` evaluates what it writes.
"""
