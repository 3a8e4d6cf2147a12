"""What every page and file for people to read says of the texts a program wrote.

A rating sheet, the page and the answers of `imageclef serve` show it; tables and files that only programs read do not:

    DISCLAIMER    # "Research output of a computer program, not for clinical use: ..."
"""

from __future__ import annotations

DISCLAIMER = (
    "Research output of a computer program, not for clinical use: it must not guide the diagnosis, treatment or any "
    "other care of a patient. No physician has reviewed it, it may say what an image does not show and leave out what "
    "it shows, and the program is not a medical device."
)
