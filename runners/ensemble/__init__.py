"""Several concept systems made one: their probabilities or answers combined, what is combined chosen on a tuning split.

tuned = tune_ensemble(members, references, Ensemble(members=..., combine="greedy"), Decision(), groups=articles)
print(tuned.summary())                        # the gap tells how much the choice of members fits chance
answers = decide_ensemble(asked, tuned.fitted)
"""
