"""From probabilities to CUIs: rules that are fitted on a tuning split, and what they are worth on images not seen.

tuned = tune(p, truths_of(references, p), Decision(rule="expected_f1"), groups=articles, seed=0)
print(tuned.summary())                     # F1 0.2513 on the tuning folds, 0.2490 held out (95 % 0.2361 – 0.2630), ...
answers = decide(asked, tuned.fitted)      # [("C0040405", "C0817096"), ...]
"""
