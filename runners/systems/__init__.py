"""Systems: what answers from embeddings instead of writing: retrieval, ridge, classifiers and ensembles of them.

    plan = make_system_plan(load_experiment(Path("configs/concept_detection/knn.yaml")))
    execute(plan, Path("submissions/concept_detection/knn"), console)

A system learns from one split, is tuned on another and answers a third. Its run is a run like any other: the same
folder, journal, submission and checks.
"""

METHODS = ("retrieval", "classifier", "ridge", "ensemble")
"""The keys that make a config one of a system; it has exactly one of them."""
