"""Networks that the models, and inference methods with weights, are made of."""
