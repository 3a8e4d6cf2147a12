"""What a config will do, told before anything heavy starts: no weight is loaded, nothing is downloaded.

imageclef models list                                           families, checkpoints, what they take in memory
imageclef models check configs/caption_prediction/sample.yaml   where the model is, memory, adapters, prompt, tokens
"""
