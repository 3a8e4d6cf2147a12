"""Phantom ultrasound: abdomen and pelvis in a sector, breast in a rectangle, all in speckle."""

from __future__ import annotations

import numpy as np

from tasks.sample.canvas import Canvas, Mask
from tasks.sample.scene import Finding


def _field(c: Canvas, *, sector: bool) -> Mask:
    """The lit part of the picture, filled with tissue."""
    if sector:
        depth = np.sqrt(c.x * c.x + (c.y + 1.15) * (c.y + 1.15))
        lit = c.step(0.95 - abs(c.x) / (abs(c.y + 1.35) + 0.01), 0.05) * c.step(2.0 - depth) * c.step(depth - 0.3)
    else:
        lit = c.box(0, 0, 0.88, 0.88)
    c.paint(lit, c.vary(95, 8))
    return lit


def _speckle(c: Canvas, lit: Mask) -> None:
    """Grain that grows with brightness, then black outside the field."""
    c.pixels *= 1 + 0.45 * c.texture(3) * lit + 0.15 * c.texture(11)
    c.pixels *= lit
    c.add(lit, 4)


def abdomen(c: Canvas, findings: tuple[Finding, ...]) -> None:
    """Gallbladder and kidney under the liver; stones with a shadow, a dilated kidney, free fluid."""
    kinds = {f.kind for f in findings}
    lit = _field(c, sector=True)
    gx, gy = c.vary(-0.2, 0.05), c.vary(-0.12, 0.05)
    if "ascites" in kinds:
        fluid = lit * c.step(c.y - c.vary(0.22, 0.04) + 0.2 * c.x)
        c.paint(fluid, 5)
        c.mark("ascites", fluid)
    gall = c.ellipse(gx, gy, 0.2, 0.14, tilt=0.3)
    c.paint(gall, 5)
    kidney = c.ellipse(c.vary(0.28, 0.03), 0.45, 0.34, 0.2)
    c.paint(kidney, 65)
    core = c.ellipse(0.28, 0.45, 0.18, 0.08)
    if "hydronephrosis" in kinds:
        core = c.ellipse(0.28, 0.45, 0.25, 0.14)
        c.mark("hydronephrosis", core)
    c.paint(core, 4 if "hydronephrosis" in kinds else 190)
    if "gallstone" in kinds:
        c.paint(c.box(gx, gy + 0.5, 0.075, 0.5, soft=0.05) * lit, 8, cover=0.9)
        stone = c.ellipse(gx, gy + 0.05, 0.085, 0.06)
        c.paint(stone, 255)
        c.mark("gallstone", stone)
    _speckle(c, lit)


def pelvis(c: Canvas, findings: tuple[Finding, ...]) -> None:
    """Black bladder above a grey uterus; beside it a black cyst or a patchy mass, small or large."""
    lit = _field(c, sector=True)
    c.paint(c.ellipse(0, -0.38, 0.24, 0.12), 4)
    c.paint(c.ellipse(-0.28, 0.15, 0.26, 0.2), 140)
    c.paint(c.ellipse(-0.28, 0.15, 0.16, 0.03), 220)
    for finding in findings:
        radius = c.vary(0.3 if finding.size == "large" else 0.13, 0.015)
        _focus(c, finding, lit, (c.vary(0.25, 0.03), c.vary(0.32, 0.04), radius))
    _speckle(c, lit)


def breast(c: Canvas, findings: tuple[Finding, ...]) -> None:
    """Skin, fat and gland in layers; a black cyst or a patchy shadowing mass, small or large."""
    lit = _field(c, sector=False)
    c.paint(c.box(0, -0.82, 0.88, 0.05), 210)
    c.paint(c.box(0, -0.6, 0.88, 0.18), 70)
    wave = 0.12 * c.texture(40)
    for depth in (-0.35, 0.05, 0.4, 0.65):
        c.add(lit * c.step(0.04 - abs(c.y - depth - wave)), 55)
    c.paint(c.box(0, 0.82, 0.88, 0.08), 45)
    for finding in findings:
        radius = c.vary(0.32 if finding.size == "large" else 0.13, 0.015)
        _focus(c, finding, lit, (c.vary(0, 0.3), c.vary(0.0, 0.1), radius))
    _speckle(c, lit)


def _focus(c: Canvas, finding: Finding, lit: Mask, circle: tuple[float, float, float]) -> None:
    """A cyst (black, brighter below) or a mass (grey and patchy, dark below)."""
    x, y, radius = circle
    cyst = finding.kind == "cyst"
    below = c.box(x, y + radius + 0.3, radius * 0.8, 0.3, soft=0.08) * lit
    c.paint(below, 185 if cyst else 15, cover=0.75)
    mask = c.ellipse(x, y, radius * 1.15, radius * 0.9, tilt=c.vary(0, 0.2))
    if cyst:
        c.paint(mask, 2)
        c.paint(c.ring(x, y, radius * 1.15, radius * 0.9, width=0.03), 150)
    else:
        c.paint(mask, 150)
        c.add(mask * c.texture(9), 70)
    c.mark(finding.kind, mask)
