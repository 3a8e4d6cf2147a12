"""Phantom radiographs: chest, skull, upper and lower limb, pelvis, spine.

They follow the outlines of real films (bright bone, dark air, the patient's right on the picture's left) and
nothing finer: they prove that a pipeline sees, not that it knows medicine.
"""

from __future__ import annotations

from tasks.sample.canvas import Canvas, Mask
from tasks.sample.scene import Finding

Findings = dict[str, Finding]
"""Findings by kind; for the chest also by side."""


def sign(finding: Finding) -> float:
    """Where the patient's side lies in the picture: right is -1, left is +1."""
    return -1.0 if finding.side == "right" else 1.0


def chest(c: Canvas, findings: tuple[Finding, ...]) -> None:
    """A frontal chest film; what lies in each lung, an enlarged heart, a pacemaker."""
    c.paint(c.ellipse(0, 0.5, 0.95, 1.25, soft=0.1), 95)
    c.paint(c.box(0, -0.85, 0.2, 0.3, soft=0.1), 105)
    lungs = {s: c.ellipse(s * 0.42, -0.05, 0.31, 0.66, tilt=s * 0.12, soft=0.06) for s in (-1.0, 1.0)}
    for lung in lungs.values():
        c.paint(lung, c.vary(42, 6))
        c.add(lung * c.texture(9), 6)
    c.paint(c.ellipse(0, -0.1, 0.13, 0.9, soft=0.08), 150, cover=0.8)
    for finding in findings:
        if finding.side:
            _in_lung(c, finding, lungs[sign(finding)])
    big = any(f.kind == "cardiomegaly" for f in findings)
    heart = c.ellipse(
        c.vary(0.13 if big else 0.08, 0.02),
        0.3 if big else 0.34,
        c.vary(0.52 if big else 0.27, 0.03),
        0.36 if big else 0.27,
    )
    c.paint(heart, 158, cover=0.9)
    for s in (-1.0, 1.0):
        c.paint(c.ellipse(s * 0.45, 0.95, 0.5, 0.42, soft=0.05), 150, cover=0.9)
        c.add(c.line([(s * 0.06, -0.62), (s * 0.75, -0.78)], 0.06), 45)
        for row in range(6):
            y = -0.6 + 0.2 * row
            c.add(c.line([(s * 0.1, y - 0.04), (s * 0.45, y - 0.02), (s * 0.72, y + 0.16)], 0.035), 20)
    for finding in findings:
        if finding.kind == "cardiomegaly":
            c.mark("cardiomegaly", heart)
        if finding.kind == "pacemaker":
            _pacemaker(c)


def _in_lung(c: Canvas, finding: Finding, lung: Mask) -> None:
    s, large = sign(finding), finding.size == "large"
    if finding.kind == "effusion":
        level = c.vary(-0.18 if large else 0.24, 0.05)
        mask = lung * c.step(c.y - level + 0.35 * (s * c.x - 0.42), 0.08)
        c.paint(mask, c.vary(160, 8), cover=0.95)
    elif finding.kind == "nodule":
        radius = c.vary(0.17 if large else 0.075, 0.01)
        mask = c.ellipse(s * c.vary(0.44, 0.07), c.vary(-0.25, 0.17), radius, radius * c.vary(1, 0.1), soft=0.05)
        c.paint(mask, c.vary(150, 10), cover=0.9)
    elif finding.kind == "pneumothorax":
        shrunk = c.ellipse(s * c.vary(0.3, 0.02), 0.1, c.vary(0.19, 0.02), c.vary(0.42, 0.03), tilt=s * 0.1)
        mask = lung * (1 - shrunk)
        c.paint(mask, 8)
        c.paint(lung * shrunk, 80, cover=0.8)
    else:
        mask = lung * 0
        cy = c.vary(0.02, 0.12)
        for _ in range(6):
            blob = c.ellipse(s * c.vary(0.43, 0.13), c.vary(cy, 0.15), c.vary(0.13, 0.03), c.vary(0.1, 0.03), soft=0.12)
            mask = 1 - (1 - mask) * (1 - blob * lung)
        c.paint(mask, c.vary(130, 8), cover=0.75)
        c.add(mask * c.texture(6), 28)
    c.mark(finding.kind, mask)


def _pacemaker(c: Canvas) -> None:
    x, y = c.vary(0.56, 0.04), c.vary(-0.56, 0.04)
    mask = c.ellipse(x, y, 0.15, 0.12)
    c.paint(mask, 250)
    c.paint(c.line([(x, y), (0.12, -0.45), (0.05, 0.05), (0.2, 0.4)], 0.03), 245)
    c.mark("pacemaker", mask)


def skull(c: Canvas, findings: tuple[Finding, ...]) -> None:
    """A lateral skull film; a dark fracture line across the vault."""
    c.paint(c.ellipse(0.38, 0.5, 0.36, 0.42, soft=0.1), 120)
    c.paint(c.ellipse(-0.05, -0.15, 0.78, 0.66), 110)
    c.add(c.ellipse(-0.05, -0.15, 0.78, 0.66) * c.texture(14), 14)
    c.paint(c.ring(-0.05, -0.15, 0.78, 0.66, width=0.09), 210)
    c.paint(c.ellipse(0.52, 0.18, 0.15, 0.14), 50)
    c.paint(c.line([(0.1, 0.45), (0.2, 0.85), (0.65, 0.88)], 0.13), 170)
    for tooth in range(5):
        c.paint(c.box(0.42 + 0.07 * tooth, 0.66, 0.025, 0.08), 235)
    for _ in findings:
        x, y = c.vary(-0.2, 0.2), c.vary(-0.3, 0.1)
        lean = c.vary(0.0, 0.2)
        mask = c.line([(x - 0.3, y - lean), (x - 0.1, y + 0.1), (x + 0.1, y - 0.08), (x + 0.32, y + lean)], 0.055)
        c.paint(mask, 25)
        c.mark("fracture", mask)


def _shaft(c: Canvas, x: float, top: float, bottom: float, *, width: float, broken: float | None) -> None:
    """A long bone from `top` to `bottom`, cut and shifted at `broken`."""
    pieces = [(x, top, bottom)]
    if broken is not None:
        shift = c.vary(0.13, 0.02) * (1 if c.rng.random() < 0.5 else -1)
        pieces = [(x, top, broken - 0.05), (x + shift, broken + 0.05, bottom)]
        c.mark("fracture", c.ellipse(x, broken, 0.2, 0.14))
    for at, start, end in pieces:
        c.paint(c.box(at, (start + end) / 2, width / 2, (end - start) / 2), 205)
        c.paint(c.box(at, (start + end) / 2, width / 5, (end - start) / 2 - 0.03), 160, cover=0.7)


def _plate(c: Canvas, x: float, y: float) -> None:
    """A metal plate with screws beside a bone."""
    c.paint(c.box(x + 0.08, y, 0.03, 0.3), 250)
    for row in range(4):
        c.paint(c.line([(x + 0.1, y - 0.24 + 0.16 * row), (x - 0.13, y - 0.24 + 0.16 * row)], 0.045), 252)
    c.mark("screw", c.box(x, y, 0.16, 0.3))


def arm(c: Canvas, findings: tuple[Finding, ...]) -> None:
    """Forearm and hand: two slender bones, carpus, fingers; broken, or plated with screws."""
    kinds = {f.kind for f in findings}
    c.paint(c.box(0, -0.3, 0.4, 0.75, soft=0.08), 75)
    c.paint(c.ellipse(0, 0.55, 0.42, 0.4, soft=0.08), 75)
    y = c.vary(-0.35, 0.15)
    for x in (-0.18, 0.18):
        _shaft(c, x, -1.1, 0.32, width=0.15, broken=y if "fracture" in kinds else None)
    for column in range(3):
        c.paint(c.ellipse(-0.18 + 0.18 * column, 0.42, 0.09, 0.08), 190)
    for finger in range(5):
        x = -0.3 + 0.15 * finger
        c.paint(c.line([(x * 0.8, 0.55), (x * 1.4, 1.0)], 0.07), 195)
    if "screw" in kinds:
        _plate(c, -0.18 if c.rng.random() < 0.5 else 0.18, y)


def leg(c: Canvas, findings: tuple[Finding, ...]) -> None:
    """Knee and lower leg: one thick bone above, a thick and a thin one below; broken, or plated with screws."""
    kinds = {f.kind for f in findings}
    c.paint(c.box(0.03, 0, 0.62, 1.2, soft=0.1), 80)
    above = c.rng.random() < 0.5
    y = c.vary(-0.62 if above else 0.58, 0.1)
    broken = "fracture" in kinds
    _shaft(c, 0.0, -1.15, -0.12, width=0.3, broken=y if broken and above else None)
    _shaft(c, -0.05, 0.08, 1.15, width=0.28, broken=y if broken and not above else None)
    _shaft(c, 0.3, 0.18, 1.15, width=0.1, broken=None)
    c.paint(c.ellipse(0, -0.14, 0.34, 0.14), 205)
    c.paint(c.ellipse(0, 0.1, 0.34, 0.1), 200)
    c.paint(c.ellipse(0.0, -0.2, 0.13, 0.13), 225)
    if "screw" in kinds:
        _plate(c, 0.0 if above else -0.05, y)


def pelvis(c: Canvas, findings: tuple[Finding, ...]) -> None:
    """A frontal pelvis; a femoral neck broken or a hip replaced on one side."""
    c.paint(c.ellipse(0, 0.05, 1.0, 1.0, soft=0.1), 85)
    c.paint(c.box(0, -0.55, 0.14, 0.4), 170)
    for s in (-1.0, 1.0):
        c.paint(c.ellipse(s * 0.5, -0.3, 0.36, 0.42, tilt=-s * 0.35), 165)
        c.paint(c.ring(s * 0.22, 0.52, 0.22, 0.2, width=0.08), 175)
        here = next((f for f in findings if sign(f) == s), None)
        kind = here.kind if here else ""
        metal, drop = kind == "prosthesis", 0.16 if kind == "fracture" else 0.0
        if kind == "fracture":
            c.mark("fracture", c.ellipse(s * 0.66, 0.24, 0.2, 0.2))
        c.paint(c.ellipse(s * 0.56, 0.15, 0.15, 0.15), 255 if metal else 205)
        start = (s * 0.6, 0.2) if not drop else (s * 0.74, 0.22)
        c.paint(c.line([start, (s * 0.8, 0.32 + drop)], 0.13), 255 if metal else 195)
        c.paint(c.box(s * 0.82, 0.78 + drop, 0.08, 0.45), 190)
        if metal:
            c.paint(c.line([(s * 0.76, 0.3), (s * 0.82, 0.85)], 0.09), 255)
            c.mark("prosthesis", c.ellipse(s * 0.68, 0.4, 0.25, 0.45))
    c.paint(c.ellipse(0, -0.15, 0.16, 0.25), 175)


def spine(c: Canvas, findings: tuple[Finding, ...]) -> None:
    """Seven vertebrae in a column; curved to one side, or one of them crushed."""
    kinds = {f.kind for f in findings}
    c.paint(c.ellipse(0, 0, 0.85, 1.4, soft=0.15), 80)
    bend = c.vary(0.38, 0.05) * (1 if c.rng.random() < 0.5 else -1) if "scoliosis" in kinds else c.vary(0, 0.03)
    crushed = 2 + int(c.rng.integers(3)) if "fracture" in kinds else -1
    for row in range(7):
        y = -0.9 + 0.3 * row
        x = bend * (1 - y * y) - bend / 2
        low = row == crushed
        c.paint(c.line([(x - 0.38, y + 0.02), (x + 0.38, y + 0.02)], 0.05), 150)
        c.paint(c.box(x, y, 0.25 if low else 0.21, 0.045 if low else 0.115), 250 if low else 190)
        if low:
            c.mark("fracture", c.box(x, y, 0.25, 0.12))
        for s in (-1.0, 1.0):
            c.paint(c.ellipse(x + s * 0.12, y, 0.04, 0.04), 225, cover=0.6)
    if "scoliosis" in kinds:
        c.mark("scoliosis", c.ellipse(bend / 2, 0, 0.25, 0.5))
