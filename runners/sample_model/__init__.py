"""The small vision-language model that ships with the sample: weights, and the trainings that make such a model.

`base/` is a LLaVA (CLIP tower, two-layer projector, Llama), `adapters/<task>/` are LoRA adapters on it, the YAML files
are configs of `imageclef train`, which `python -m runners.sample_model.train` runs in order. Synthetic: see README.md.
"""
