"""What in a text could tell who the patient is: a name, a date, a number, an address of the net.

Models that learned from reports write such things as well, made up or by heart. The kinds are those of HIPAA's safe
harbor (45 CFR 164.514(b)(2)(i)) that have a form of their own: names (A), elements of dates but the year and ages over
89 (C), telephone and fax numbers (D, E), e-mail addresses (F), numbers of social security, records and accounts (G to
J, R) and URLs (N). Names without a title, places and pictures of faces have none, so nothing found is no proof.

    identifying("Compared with 2019-03-02. Discussed with Dr. Smith, MRN: 123456.")
    # ["date 2019-03-02", "name Dr. Smith", "record number MRN: 123456"]
    identifying("2-3 cm nodule at L1-2, image 5/10, seen by Dr. XXXX on ___")        # []
"""

from __future__ import annotations

import re

_MONTH = (
    r"(?:Jan(?:uary)?|Feb(?:ruary)?|Mar(?:ch)?|Apr(?:il)?|May|June?|July?|Aug(?:ust)?|Sept?(?:ember)?|Oct(?:ober)?"
    r"|Nov(?:ember)?|Dec(?:ember)?)\.?"
)
_YEAR = r"(?:19|20)\d\d"
_DAY = r"(?:0?[1-9]|[12]\d|3[01])"
_MONTH_NUMBER = r"(?:0?[1-9]|1[0-2])"
_UPPER, _LOWER = "[A-ZÀ-ÖØ-ÞĀ-Ž]", "[a-zß-öø-ÿā-ž]"
"""Of the Latin alphabets of Europe; the last range of each holds both cases."""
_NAME = rf"(?!XX){_UPPER}(?:\.|(?:['’]{_UPPER})?{_LOWER}++(?:['’-]?{_UPPER}{_LOWER}++)*+)"
"""A capitalised word or an initial; what masks a name (XXXX) is none."""
_SAID = r"(?:dictated|signed|transcribed|reviewed|interpreted|approved|verified|discussed|communicated|reported|read)"
_TEAM = "Radiolog|Department|Team|Service|Resident|Attending|Hospital|Imaging"

KINDS = {
    "URL": re.compile(r"\bhttps?://\S+|\bwww\.\w\S+", re.IGNORECASE),
    "e-mail address": re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+"),
    "date": re.compile(
        rf"""(?<![\w./-])(?:
        {_YEAR}([-/.]){_MONTH_NUMBER}\1{_DAY}                               # 2019-03-02
        |(?:{_DAY}([-/.]){_MONTH_NUMBER}|{_MONTH_NUMBER}([-/.]){_DAY})(?:\2|\3){_YEAR}   # 3/2/2019, 02.03.2019
        |(?:{_DAY}/{_MONTH_NUMBER}|{_MONTH_NUMBER}/{_DAY})/\d\d              # 03/02/19
        |{_MONTH_NUMBER}/{_YEAR}                                            # 03/2019
        |{_DAY}(?:st|nd|rd|th)?(?:[ ]of)?[ -]{_MONTH},?[ -](?:{_YEAR}|'?\d\d\b)  # 2 March 2019, 02-Mar-19
        |{_MONTH}[ ]{_DAY}(?:st|nd|rd|th)?(?:,[ ]?|[ ]){_YEAR}              # March 2, 2019
        |{_MONTH},?[ ](?:of[ ])?{_YEAR}                                     # March 2019
        )(?![\w/-]|[.,]\d|[ ]?(?:mm|cm|ml|x)\b)""",
        re.VERBOSE | re.IGNORECASE,
    ),
    "social security number": re.compile(r"(?<![\w-])\d{3}-\d{2}-\d{4}(?![\w-])"),
    "record number": re.compile(
        r"\b(?:MRN|(?:medical[ ])?record|accession|account|patient[ ]id|case[ ]id|pager|beeper|ext(?:ension)?\.)"
        r"[ ]*(?:number|no\.?|\#)?[ ]*[:#=]?[ ]*[A-Z]{0,3}-?\d{4,}\b",
        re.IGNORECASE,
    ),
    "telephone number": re.compile(
        r"(?<![\w.-])(?:(?:\+?1[-. ])?(?:\(\d{3}\)[ ]?|\d{3}[-. ])\d{3}[-.]\d{4}"
        r"|\+\d{1,3}(?:[ .-]?\d{2,4}){3,4}|(?:tel|phone|fax)[ .:]+\+?\d[\d ().-]{5,}\d)(?![\w-])",
        re.IGNORECASE,
    ),
    "number": re.compile(r"(?<![\w.,-])\d{7,}(?![\w-]|[.,]\d)"),
    "name": re.compile(
        rf"""\b(?:Drs?|Prof(?:essor)?|Mrs?|Ms|Miss)(?:\.[ ]?|[ ])
        (?<!Mr[ ](?=Imag|Angio|Scan|Veno|Spectro|Cholangio)){_NAME}(?:[ ]{_NAME})?
        |\b(?:DRS?|PROF|MRS)\.[ ]?(?!XX){_UPPER}(?:['’-]?{_UPPER})++
        |\b{_NAME}[ ](?:[A-Z]\.?[ ])?{_NAME},[ ](?:M\.?D\.?|D\.?O\.?|R\.?N\.?|Ph\.?D\.?|FRCR|MBBS)(?!\w)
        |(?i:\b{_SAID}[ ](?:by|with|to):?)[ ](?!(?:\w+[ ])?(?:{_TEAM})){_NAME},?[ ]{_NAME}(?![ ]et\b)
        |\b(?:by|with|to|BY|WITH|TO)[ ](?:dr|DR)[ ]?\.?[ ](?!xx|XX)(?:[a-z]{{2,}}|[A-Z]{{2,}})
        |(?i:\bname|\bpatient)[ ]?:[ ]{_NAME},?[ ]{_NAME}""",
        re.VERBOSE,
    ),
    "age over 89": re.compile(
        r"\b(?:9\d|1[0-2]\d)[- ]?(?:years?|yrs?|y)(?:[- ]?old\b|\.?/?[ ]?o\b|[ ]of[ ]age\b)"
        r"|\b(?:aged?(?:[ ]of)?[: ]+)(?:9\d|1[0-2]\d)(?![\w.%]|[ ]?(?:days?|weeks?|months?|hours?|minutes?))",
        re.IGNORECASE,
    ),
}
"""Kind -> its form; of two that overlap, the first counts."""
_FIGURES = re.compile(r"[0-9](?:[0-9][0-9]|[/.-]\w+[/.-][0-9]|(?<=9)[0-9])")
_SIGNS = {
    "URL": re.compile(r"://|[wW]{3}\."),
    "e-mail address": re.compile("@"),
    "date": re.compile(r"[0-9](?:[/.-]\w+[/.-][0-9]|(?:(?<=1)9|(?<=2)0)[0-9][0-9])"),
    "name": re.compile(r"D[rR]|dr[ .]|M[rsiR]|P(?:rof|ROF)|, [MDRPF]|d (?i:by|with|to)\b|a(?:me|tient) ?:"),
}
"""What a text must hold to hold one of the kind, of the other kinds `_FIGURES`; looked for first, as it is quicker."""


def identifying(text: str) -> list[str]:
    """Kind and words of everything in the text that may identify a person, in the order of the text."""
    figures = _FIGURES.search(text) is not None
    found: list[tuple[int, int, str]] = []
    for kind, form in KINDS.items():
        if not (_SIGNS[kind].search(text) if kind in _SIGNS else figures):
            continue
        for match in form.finditer(text):
            start, end = match.span()
            if all(end <= first or last <= start for first, last, _ in found):
                found.append((start, end, f"{kind} {match[0].rstrip('.,;')}"))
    return [said for *_, said in sorted(found)]
