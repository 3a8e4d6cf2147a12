"""The small vision-language model that ships with the sample: weights, and the program that trained them.

`base/` is a LLaVA (CLIP tower, two-layer projector, Llama), `adapters/<task>/` are LoRA adapters on it.
`python -m runners.sample_model.train` repeats the training. Synthetic: see README.md in this folder.
"""
