"""Figures of runs and of inference gaps: matplotlib figures from arrays, without pyplot."""
