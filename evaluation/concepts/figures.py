"""The figures of a report as PNG, sized for a column of a paper and drawn by matplotlib's file backend: no display.

figures(report)["limits.png"]    # the bytes of a picture
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from evaluation.concepts.bands import BANDS
from evaluation.concepts.probable import BINS, THRESHOLDS
from evaluation.concepts.report import Report
from evaluation.drawing import BLUE, GREEN, GREY, ORANGE, RED, as_png, bars, name_points, new_figure, shortened

COLOURS = dict(zip((*BANDS, ""), (BLUE, GREEN, ORANGE, RED, GREY), strict=True))
NAMED = 12
"""Concepts that are named in a figure."""


def figures(report: Report) -> dict[str, bytes]:
    """File name -> picture; one of what cannot be had is left out."""
    return {name: picture for name, draw in FIGURES.items() if (picture := draw(report)) is not None}


def draw_limits(report: Report) -> bytes | None:
    """Constants, the submission and oracles, with their intervals."""
    figure = new_figure(6, 0.7 + 0.32 * len(report.limits))
    axes = figure.subplots()
    colours = {"submission": BLUE, "before": ORANGE, "empty": GREY, "constant": GREY}
    names = [one.name for one in report.limits]
    values = np.array([one.value for one in report.limits])
    bars(axes, names, values, [one.ci for one in report.limits], [colours.get(name, GREEN) for name in names])
    axes.set_xlabel("F1 (95 % interval)")
    return as_png(figure)


def draw_groups(report: Report) -> bytes | None:
    """The score of each modality and region."""
    sizes = [len(groups) for groups in report.groups.values()]
    figure = new_figure(6, 1.1 + 0.27 * sum(sizes))
    both = figure.subplots(len(sizes), sharex=True, height_ratios=sizes, squeeze=False)[:, 0]
    for axes, (kind, groups) in zip(both, report.groups.items(), strict=True):
        scored = {f"{name} ({own.n})": own.scores["f1"] for name, own in groups.items() if "f1" in own.scores}
        values = np.array([one.value for one in scored.values()])
        bars(axes, list(scored), values, [one.ci for one in scored.values()], [BLUE] * len(scored))
        axes.axvline(report.material.f1.value, color=RED, linewidth=1, linestyle="--", label="all images")
        axes.set_ylabel(kind)
    both[-1].set_xlabel("F1 (95 % interval)")
    both[0].legend(loc="lower left", bbox_to_anchor=(0, 1), frameon=False)
    figure.align_ylabels()
    return as_png(figure)


def draw_bands(report: Report) -> bytes | None:
    """Recall, precision and F1 by frequency in training, beside the share of the truth."""
    if not report.bands:
        return None
    figure = new_figure(6, 3)
    axes = figure.subplots()
    series: dict[str, tuple[Sequence[float | None], str]] = {
        "share of true labels": ([one.true_share for one in report.bands], GREY),
        "precision": ([one.precision for one in report.bands], GREEN),
        "recall": ([one.recall for one in report.bands], ORANGE),
        "F1 per image": ([one.f1 for one in report.bands], BLUE),
    }
    width = 0.8 / len(series)
    for place, (label, (values, colour)) in enumerate(series.items()):
        heights = np.array([np.nan if value is None else value for value in values], dtype=float)
        at = np.arange(len(heights)) + (place - (len(series) - 1) / 2) * width
        axes.bar(at, np.nan_to_num(heights), width, label=label, color=colour)
        for x, height in zip(at, heights, strict=True):
            said = "–" if np.isnan(height) else f"{height:.2f}"
            axes.annotate(said, (x, np.nan_to_num(height)), ha="center", va="bottom", fontsize=6.5)
    titles = [f"{one.name}\n{one.concepts} concepts\n{_span(one.support)}" for one in report.bands]
    axes.set_xticks(range(len(titles)), titles)
    axes.set_ylim(0, 1.1 * axes.dataLim.ymax or 1.0)
    axes.legend(ncols=len(series), loc="lower center", bbox_to_anchor=(0.5, 1), frameon=False, columnspacing=1)
    return as_png(figure)


def draw_concepts(report: Report) -> bytes | None:
    """The F1 of each concept over its frequency."""
    trained = report.material.support is not None
    rows = [row for row in report.concepts if row.count.true and row.count.f1 is not None]
    if not rows:
        return None
    figure = new_figure(6, 4)
    axes = figure.subplots()
    for band, colour in COLOURS.items():
        own = [row for row in rows if row.band == band]
        if own:
            x = [row.support if trained else row.count.true for row in own]
            sizes = [8 + 92 * row.count.true / rows[0].count.true for row in own]
            y = [row.count.f1 for row in own]
            axes.scatter(x, y, s=sizes, color=colour, alpha=0.6, linewidths=0, label=band or None)  # type: ignore[arg-type]
    axes.set_xscale("symlog" if trained else "log", **({"linthresh": 1} if trained else {}))
    top = 1.1 * max(row.count.f1 or 0.0 for row in rows) or 1.0
    axes.set_ylim(-0.05 * top, top)
    names: dict[tuple[float, float], str] = {}  # of concepts in the same place the more frequent one is named
    for row in rows[:NAMED]:
        at = ((row.support or 0) if trained else row.count.true, row.count.f1 or 0.0)
        names.setdefault(at, shortened(row.name or row.count.cui))
    name_points(axes, list(names.values()), list(names))
    axes.set_xlabel("training images with the concept" if trained else "images with the concept")
    axes.set_ylabel("F1 of the concept")
    axes.grid(alpha=0.3)
    if trained:
        legend = axes.legend(ncols=len(BANDS), loc="lower center", bbox_to_anchor=(0.5, 1), frameon=False)
        for handle in legend.legend_handles:
            handle.set_sizes([30])  # type: ignore[union-attr]
    return as_png(figure)


def draw_gains(report: Report) -> bytes | None:
    """The concepts on which most images were won or lost."""
    rows = [row for row in report.concepts if row.gain and (row.gain.won or row.gain.lost)]
    if not rows:
        return None
    rows.sort(key=lambda row: (-abs(row.gain.won - row.gain.lost) if row.gain else 0, row.count.cui))
    rows = sorted(rows[: 2 * NAMED], key=lambda row: row.gain.lost - row.gain.won if row.gain else 0)
    figure = new_figure(6, 0.9 + 0.24 * len(rows))
    axes = figure.subplots()
    names = [shortened(row.name or row.count.cui) for row in rows]
    for label, values, colour in (
        ("won", [row.gain.won if row.gain else 0 for row in rows], BLUE),
        ("lost", [-row.gain.lost if row.gain else 0 for row in rows], RED),
    ):
        axes.barh(range(len(rows)), values, color=colour, label=label)
    axes.set_yticks(range(len(rows)), names, parse_math=False)
    axes.invert_yaxis()
    axes.axvline(0, color="black", linewidth=0.8)
    axes.xaxis.set_major_formatter(lambda value, _: f"{abs(value):g}")
    axes.set_xlabel(f"images lost and won against {shortened(report.material.name_before)}", parse_math=False)
    axes.legend(ncols=2, loc="lower center", bbox_to_anchor=(0.5, 1), frameon=False)
    return as_png(figure)


def draw_calibration(report: Report) -> bytes | None:
    """Probability against the share of true cells, over how many cells there are."""
    weighed = report.weighed
    if weighed is None:
        return None
    figure = new_figure(3.5, 4.2)
    upper, lower = figure.subplots(2, sharex=True, height_ratios=(3, 1))
    some = weighed.cells > 0
    upper.plot([0, 1], [0, 1], color=GREY, linestyle="--", linewidth=1, label="calibrated")
    points = (weighed.probable[some] / weighed.cells[some], weighed.true[some] / weighed.cells[some])
    upper.plot(*points, "o-", color=BLUE, markersize=4, label="submission")
    upper.set_ylabel("share that is true")
    upper.set_ylim(-0.02, 1.02)
    upper.legend(frameon=False, loc="upper left")
    upper.annotate(
        f"ECE {weighed.ece:.4f}\nfrom 0.1 on {weighed.ece_from_tenth:.4f}\nBrier {weighed.brier:.3f}",
        (0.97, 0.03),
        xycoords="axes fraction",
        ha="right",
        va="bottom",
    )
    lower.bar((np.arange(BINS) + 0.5) / BINS, weighed.cells, 0.9 / BINS, color=BLUE)
    lower.set_yscale("log")
    lower.set_ylabel("cells")
    lower.set_xlabel("probability of a concept in an image")
    upper.grid(alpha=0.3)
    return as_png(figure)


def draw_thresholds(report: Report) -> bytes | None:
    """The mean F1 over one threshold for all, with the submission's own score and the ranking's."""
    weighed = report.weighed
    if weighed is None:
        return None
    figure = new_figure(5, 3)
    axes = figure.subplots()
    axes.plot(THRESHOLDS, weighed.f1, color=BLUE, label="one threshold for all")
    axes.plot(weighed.best_threshold, weighed.f1.max(), "o", color=BLUE, markersize=5)
    lines = {one.name: one.value for one in report.limits}
    for name, colour, style in (("submission", RED, "-"), ("ranking oracle", GREEN, "--"), ("constant", GREY, ":")):
        if name in lines:
            axes.axhline(lines[name], color=colour, linestyle=style, linewidth=1.2, label=f"{name} {lines[name]:.3f}")
    axes.set_xlabel("threshold")
    axes.set_ylabel("mean F1")
    axes.set_xlim(0, 1)
    axes.set_ylim(bottom=0)
    axes.grid(alpha=0.3)
    axes.legend(frameon=False, ncols=2, loc="lower center", bbox_to_anchor=(0.5, 1), columnspacing=1)
    return as_png(figure)


def draw_modalities(report: Report) -> bytes | None:
    """Which modality is taken for which: the share of each row, and the number of images."""
    names = list(report.confusion)
    counts = np.array([list(row.values()) for row in report.confusion.values()], dtype=float)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    side = max(3.5, 1.6 + 0.45 * len(names))
    figure = new_figure(side, side)
    axes = figure.subplots()
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    axes.set_xticks(np.arange(len(names) + 1) - 0.5, minor=True)
    axes.set_yticks(np.arange(len(names) + 1) - 0.5, minor=True)
    axes.grid(which="minor", color=GREY, linewidth=0.3)
    axes.tick_params(which="minor", length=0)
    for (row, column), count in np.ndenumerate(counts):
        if count:
            colour = "white" if shares[row, column] > 0.6 else "black"
            axes.annotate(f"{count:.0f}", (column, row), ha="center", va="center", color=colour, fontsize=8)
    axes.set_xticks(range(len(names)), names, rotation=45, ha="right", rotation_mode="anchor")
    axes.set_yticks(range(len(names)), names)
    axes.set_xlabel("predicted modality")
    axes.set_ylabel("true modality")
    return as_png(figure)


def _span(support: tuple[int, int]) -> str:
    least, most = support
    return "never seen" if not most else f"{least} images" if least == most else f"{least}–{most} images"


FIGURES: dict[str, Callable[[Report], bytes | None]] = {
    "limits.png": draw_limits,
    "groups.png": draw_groups,
    "bands.png": draw_bands,
    "concepts.png": draw_concepts,
    "gains.png": draw_gains,
    "calibration.png": draw_calibration,
    "thresholds.png": draw_thresholds,
    "modalities.png": draw_modalities,
}
