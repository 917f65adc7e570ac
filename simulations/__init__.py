"""One readable experiment per phenomenon: a model, asserted claims, a figure whose title states the finding."""
