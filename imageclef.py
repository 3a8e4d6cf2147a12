"""The `imageclef` command: a table of verbs, each in its room, imported only when it is called."""

from __future__ import annotations

import pkgutil

import click

from tasks.verbs import Table, Verbs, call

CONCEPTS = {
    "map": ("runners.concepts.commands:map_concepts", "Map text and concept names to CUIs, and CUIs to names."),
    "merge": ("tasks.merge:merge", "Merge concept files by vote, union or intersection."),
    "ensemble": ("runners.systems.commands:ensemble", "Run an ensemble's members; combine them, tuned on valid."),
    "report": ("evaluation.concepts.commands:report", "Say where a run wins and loses, concept by concept."),
}
DATA = {
    "check": ("tasks.datasets.commands:check", "Counts against the published ones, problems, duplicates."),
    "fetch": ("tasks.datasets.commands:fetch", "Fetch a public data set: resumed, verified, unpacked."),
    "sample": ("tasks.datasets.commands:sample", "Make the embedded, synthetic sample data set in a folder."),
    "curriculum": ("runners.curriculum:curriculum", "Reports as rows: image alone, then patient data too."),
}
REPORTS = {
    "labels": ("tasks.reports.commands:labels", "Label reports as CheXpert does, with negation and doubt."),
    "sheet": ("evaluation.ratings.commands:sheet", "Make a blind rating sheet for experts."),
    "agreement": ("evaluation.ratings.commands:agreement", "Read filled sheets: scores, and whether raters agree."),
}
SUBMISSIONS = {
    "list": ("evaluation.uploads.commands:list_uploads", "Which runs were uploaded, how many are left, what they got."),
    "upload": ("evaluation.uploads.commands:upload", "Note that a run was uploaded, and later its official score."),
    "page": ("evaluation.history.commands:page", "Write submissions/index.html: all runs, scores, what differs."),
}
VERBS: Table = {
    "run": ("runners.commands:run", "Answer every image of a split and write a checked, scored submission."),
    "train": ("runners.training.commands:train", "Train an adapter that `run` takes, checked at every step."),
    "embed": ("runners.embedding.commands:embed", "Turn images into vectors, for neighbours and classifiers."),
    "check": ("tasks.commands:check", "Say everything the organisers would reject in a submission file."),
    "repair": ("tasks.repair.commands:repair", "Mend a submission file, and say every change."),
    "convert": ("tasks.convert.commands:convert", "Write answers for another year, or as JSONL, COCO or ReXrank JSON."),
    "score": ("evaluation.commands:score", "Score a submission as the organisers' evaluator does."),
    "compare": ("evaluation.comparison.commands:compare", "Say which differences between submissions are noise."),
    "compare-context": ("evaluation.context.commands:compare_context", "Say what patient context is worth to a run."),
    "diff": ("evaluation.diff.commands:diff", "Say what changed between two submissions, and which side gained."),
    "config": ("runners.commands:config", "Look at configs: resolved values and where each was said."),
    "estimate": ("runners.estimate:estimate", "Measure some images; say what the whole run would take."),
    "models": ("runners.preview.commands:models", "List model families; say what a config will load, before it does."),
    "serve": ("runners.serving.commands:serve", "Answer images sent to this machine: JSON, and a page to try it."),
    "doctor": ("runners.doctor.commands:doctor", "Say what on this machine would prevent a run."),
    "prompts": ("runners.prompts.commands:prompts", "Look at prompts; compare some on the same images."),
    "data": (DATA, "Look at data sets, fetch public ones, make the sample or a curriculum."),
    "concepts": (CONCEPTS, "Map text to CUIs and back; merge, combine and analyse concepts."),
    "reports": (REPORTS, "Label reports; have experts rate them, blind."),
    "leaderboard": ("evaluation.leaderboard.commands:leaderboard", "Place runs among the published results."),
    "paper": ("evaluation.paper.commands:paper", "Write the working notes' tables, figures, examples, checklist."),
    "gallery": ("evaluation.gallery.commands:gallery", "One page to look through a run's answers, or two runs'."),
    "reproduce": ("runners.reproduction.commands:reproduce", "Run a run again; say whether it gives the same."),
    "freeze": ("runners.reproduction.commands:freeze", "Pack all that another needs to reproduce a run."),
    "submissions": (SUBMISSIONS, "Keep count of uploads and official scores; all runs on a page."),
    "captions": ("evaluation.select:captions", "Make one caption file out of several."),
}
cli = Verbs(VERBS, help="From a model to an accepted, scored ImageCLEFmedical Caption submission.")
cli = click.version_option(package_name="imageclef-harness")(cli)


@cli.result_callback()
def score_finished_runs(result: object) -> None:
    """Score a run that has just finished, compare several: here alone, and through files, do rooms meet."""
    if result is not None:
        pkgutil.resolve_name("evaluation.commands:score_runs")(result)


def main() -> None:
    """Run the command; a training is handed the scores that it chooses by, imported when it asks."""
    call(cli, lambda *asked: pkgutil.resolve_name("evaluation.score:values_of")(*asked))  # noqa: PLW0108


if __name__ == "__main__":
    main()
