"""Phantom CT and MR sections: brain, chest, abdomen, spine, pelvis, each seen from below as is usual."""

from __future__ import annotations

from tasks.sample.canvas import Canvas, Mask
from tasks.sample.radiographs import sign
from tasks.sample.scene import Finding


def _lesion(c: Canvas, finding: Finding, place: tuple[float, float], radii: tuple[float, float]) -> Mask:
    """A roundish patch at `place`, with the small or the large radius, marked as the finding."""
    radius = c.vary(radii[1] if finding.size == "large" else radii[0], 0.012)
    mask = c.ellipse(place[0], place[1], radius, radius * c.vary(1, 0.12), tilt=c.vary(0, 0.2), soft=0.04)
    c.mark(finding.kind, mask)
    return mask


def _cranial(c: Canvas, finding: Finding) -> Mask:
    return _lesion(c, finding, (sign(finding) * c.vary(0.33, 0.05), c.vary(0.02, 0.25)), (0.11, 0.25))


def ct_brain(c: Canvas, findings: tuple[Finding, ...]) -> None:
    """White skull, grey brain, dark ventricles; a bright hematoma or a dark-cored mass."""
    c.paint(c.ellipse(0, 0, 0.72, 0.88), 245)
    inside = c.ellipse(0, 0, 0.64, 0.8)
    c.paint(inside, 105)
    c.add(inside * c.texture(7), 9)
    c.paint(c.line([(0, -0.75), (0, 0.75)], 0.02), 130)
    for s in (-1.0, 1.0):
        c.paint(c.ellipse(s * 0.1, -0.05, 0.06, 0.24, tilt=s * 0.25), 40)
    for finding in findings:
        mask = _cranial(c, finding)
        c.paint(mask, 215 if finding.kind == "hematoma" else 190)
        if finding.kind == "mass":
            c.paint(_core(c, mask), 45)


def _core(c: Canvas, mask: Mask) -> Mask:
    """The inner part of a patch, leaving a rim."""
    inner = mask.copy()
    for axis in (0, 1):
        for shift in (-5, 5):
            inner = inner * (mask.take(range(shift, shift + len(mask)), axis=axis, mode="wrap"))
    return inner


def mr_brain(c: Canvas, findings: tuple[Finding, ...]) -> None:
    """Thin scalp, dark skull, folded brain, white ventricles; a white mass in swelling, or a black hematoma."""
    c.paint(c.ellipse(0, 0, 0.76, 0.92), 170)
    c.paint(c.ellipse(0, 0, 0.71, 0.87), 15)
    inside = c.ellipse(0, 0, 0.64, 0.8)
    c.paint(inside, 110)
    c.add(inside * c.texture(12), 28)
    c.paint(c.line([(0, -0.78), (0, 0.78)], 0.03), 60)
    for s in (-1.0, 1.0):
        c.paint(c.ellipse(s * 0.1, -0.05, 0.06, 0.24, tilt=s * 0.25), 215)
    for finding in findings:
        mask = _cranial(c, finding)
        if finding.kind == "mass":
            c.paint(mask, 250)
            c.paint(_core(c, mask), 200)
        else:
            c.paint(mask, 18)


def ct_chest(c: Canvas, findings: tuple[Finding, ...]) -> None:
    """Black lungs round the heart; a bright nodule, or fluid behind one lung."""
    c.paint(c.ellipse(0, 0, 0.95, 0.7), 110)
    c.paint(c.ring(0, 0, 0.95, 0.7, width=0.07), 70)
    for s in (-1.0, 1.0):
        lung = c.ellipse(s * 0.46, 0.0, 0.33, 0.5, tilt=s * 0.15)
        c.paint(lung, 22)
        c.add(lung * c.texture(6), 10)
        for finding in findings:
            if sign(finding) != s:
                continue
            if finding.kind == "nodule":
                c.paint(_lesion(c, finding, (s * c.vary(0.47, 0.06), c.vary(-0.03, 0.15)), (0.075, 0.165)), 185)
            else:
                level = c.vary(-0.03 if finding.size == "large" else 0.27, 0.03)
                fluid = lung * c.step(c.y - level, 0.05)
                c.paint(fluid, 140)
                c.mark("effusion", fluid)
        for row in range(3):
            c.paint(c.ellipse(s * (0.86 - 0.1 * abs(row - 1)), -0.25 + 0.25 * row, 0.035, 0.1), 225)
    c.paint(c.ellipse(0.1, -0.1, 0.24, 0.26), 150)
    c.paint(c.ellipse(0, 0.42, 0.14, 0.14), 230)


def ct_abdomen(c: Canvas, findings: tuple[Finding, ...]) -> None:
    """Liver, spleen, kidneys, stomach, spine; a dark mass in the liver, a stone in a kidney, fluid round all."""
    wet = any(f.kind == "ascites" for f in findings)
    c.paint(c.ellipse(0, 0, 0.95, 0.75), 75)
    belly = c.ellipse(0, 0, 0.86, 0.66)
    c.paint(belly, 28 if wet else 95)
    if wet:
        c.mark("ascites", belly)
    shrink = 0.8 if wet else 1.0
    liver = c.ellipse(-0.4 * shrink, -0.12, 0.42 * shrink, 0.42 * shrink)
    c.paint(liver, 150)
    c.add(liver * c.texture(8), 8)
    c.paint(c.ellipse(0.35, -0.25, 0.26 * shrink, 0.2 * shrink), 130)
    c.paint(c.ellipse(0.38, -0.3, 0.15 * shrink, 0.09), 8)
    c.paint(c.ellipse(0.66 * shrink, 0.02, 0.13, 0.22), 155)
    c.paint(c.ellipse(0, 0.42, 0.15, 0.15), 230)
    for s in (-1.0, 1.0):
        c.paint(c.ellipse(s * 0.4, 0.36, 0.15, 0.17), 185)
        c.paint(c.ellipse(s * 0.37, 0.36, 0.05, 0.07), 120)
    for finding in findings:
        if finding.kind == "stone":
            spot = c.ellipse(sign(finding) * c.vary(0.4, 0.03), c.vary(0.36, 0.04), 0.075, 0.075)
            c.paint(c.ellipse(sign(finding) * 0.4, 0.36, 0.14, 0.16), 90)
            c.paint(spot, 255)
            c.mark("stone", spot)
        elif finding.kind == "mass":
            c.paint(_lesion(c, finding, (c.vary(-0.42, 0.06), c.vary(-0.14, 0.06)), (0.1, 0.24)), 55)


def mr_spine(c: Canvas, findings: tuple[Finding, ...]) -> None:
    """A sagittal column beside the white canal; a disc bulging into the canal, or a flattened vertebra."""
    kinds = {f.kind for f in findings}
    c.paint(c.box(0, 0, 0.95, 1.4, soft=0.1), 50)
    c.add(c.box(0, 0, 0.95, 1.4) * c.texture(10), 14)
    hit = 1 + int(c.rng.integers(4))
    bow = c.vary(0.0, 0.1)

    def middle(y: float) -> float:
        return -0.18 + bow * (1 - y * y)

    c.paint(c.line([(middle(y / 4) + 0.38, y / 4) for y in range(-5, 6)], 0.2), 215)
    c.paint(c.line([(middle(y / 4) + 0.39, y / 4) for y in range(-5, 6)], 0.07), 110)
    for row in range(6):
        y = -0.85 + 0.34 * row
        flat = "fracture" in kinds and row == hit
        c.paint(c.box(middle(y), y, 0.24, 0.05 if flat else 0.12), 70 if flat else 150)
        if flat:
            c.mark("fracture", c.box(middle(y), y, 0.24, 0.14))
        c.paint(c.box(middle(y + 0.17), y + 0.17, 0.23, 0.035), 90)
        c.paint(c.line([(0.5, y), (0.72, y + 0.14)], 0.1), 105)
        if "disc" in kinds and row == hit:
            bulge = c.ellipse(middle(y + 0.17) + 0.34, y + 0.17, 0.15, 0.085)
            c.paint(bulge, 18)
            c.mark("disc", bulge)


def mr_pelvis(c: Canvas, findings: tuple[Finding, ...]) -> None:
    """Bright fat, dark muscle, femoral heads, white bladder; a white cyst or a dark patchy mass on one side."""
    c.paint(c.ellipse(0, 0, 0.98, 0.75), 190)
    c.paint(c.ellipse(0, 0.02, 0.8, 0.6), 75)
    c.add(c.ellipse(0, 0.02, 0.8, 0.6) * c.texture(9), 12)
    for s in (-1.0, 1.0):
        c.paint(c.ellipse(s * 0.74, 0.0, 0.15, 0.17), 160)
        c.paint(c.ring(s * 0.74, 0.0, 0.15, 0.17, width=0.03), 20)
        c.paint(c.ellipse(s * 0.4, 0.58, 0.28, 0.16), 60)
    c.paint(c.ellipse(0, -0.36, 0.24, 0.13), 235)
    c.paint(c.ellipse(0, 0.38, 0.1, 0.1), 120)
    for finding in findings:
        mask = _lesion(c, finding, (sign(finding) * c.vary(0.32, 0.03), c.vary(0.07, 0.04)), (0.1, 0.22))
        c.paint(mask, 250 if finding.kind == "cyst" else 135)
        if finding.kind == "mass":
            c.paint(_core(c, mask), 25)
