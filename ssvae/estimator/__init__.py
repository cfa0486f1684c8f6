"""The scikit-learn estimator and its parts."""
