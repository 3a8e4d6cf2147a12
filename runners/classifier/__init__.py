"""A multi-label classifier of concepts: a linear or MLP head on stored embeddings, or on a fine-tuned encoder.

    heads = fit(features, labels, Classifier(), seed=42, folder=run / "classifier")
    p = heads.probabilities(valid_features, valid_ids)      # tasks.probabilities.Probabilities

`runners.classifier.config` needs no torch; `fit`, `heads` and `rows` are imported where a model is wanted.
"""
