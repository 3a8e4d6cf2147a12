"""Embeddings: each image as a vector, by a network of any make, kept on disk for whoever compares images.

    stored = embed_examples(examples, Encoder(name="efficientnet-lite0"), folder, split="train", console=console)
    stored.embeddings.vectors.shape        # (4000, 1984)

`encoders.py` says which encoders there are, one file per kind; `store.py` what lies in the folder. Importing this
package imports neither torch nor transformers.
"""
