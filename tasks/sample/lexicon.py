"""The concepts of the sample: UMLS CUI, canonical name, the synonyms its captions use, Spanish names.

The CUIs are those of ROCOv2 and ImageCLEFmedical Caption wherever these have one, names as in their
`cui_mapping.csv`. The order of the table is the order of concepts in every reference.

    CONCEPTS["effusion"].cui     # "C0032227"
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Concept:
    """One concept and its names."""

    cui: str
    name: str
    """Canonical name."""
    nouns: tuple[str, ...]
    """English names that the captions use; the first is the usual one."""
    spanish: tuple[str, ...]
    adjectives: tuple[str, ...] = ()
    """English adjectives used in captions."""


CONCEPTS: dict[str, Concept] = {
    "xray": Concept(
        "C1306645",
        "Plain x-ray",
        ("radiograph", "X-ray", "plain radiograph", "plain film"),
        ("radiografía", "radiografía simple", "rayos X"),
    ),
    "ct": Concept(
        "C0040405",
        "X-Ray Computed Tomography",
        ("CT", "CT scan", "computed tomography", "computed tomography scan"),
        ("tomografía computarizada", "TC"),
    ),
    "mr": Concept(
        "C0024485",
        "Magnetic Resonance Imaging",
        ("MRI", "MR image", "magnetic resonance image", "MRI scan"),
        ("resonancia magnética", "RM"),
    ),
    "us": Concept(
        "C0041618",
        "Ultrasonography",
        ("ultrasound", "sonogram", "ultrasound image", "sonography"),
        ("ecografía", "ultrasonografía"),
    ),
    "chest": Concept("C0817096", "Chest", ("chest", "thorax"), ("tórax",), ("thoracic",)),
    "abdomen": Concept("C0000726", "Abdomen", ("abdomen",), ("abdomen",), ("abdominal",)),
    "pelvis": Concept("C0030797", "Pelvis", ("pelvis",), ("pelvis",), ("pelvic",)),
    "skull": Concept("C0037303", "Bone structure of cranium", ("skull", "cranium"), ("cráneo",), ("cranial",)),
    "arm": Concept("C1140618", "Upper Extremity", ("upper limb", "arm"), ("extremidad superior", "brazo")),
    "leg": Concept("C0023216", "Lower Extremity", ("lower limb", "leg"), ("extremidad inferior", "pierna")),
    "spine": Concept("C0037949", "Vertebral column", ("spine",), ("columna vertebral",), ("spinal",)),
    "breast": Concept("C0006141", "Breast", ("breast",), ("mama",), ("mammary",)),
    "brain": Concept("C0006104", "Brain", ("brain",), ("cerebro",), ("cerebral",)),
    "liver": Concept("C0023884", "Liver", ("liver",), ("hígado",), ("hepatic",)),
    "kidney": Concept("C0022646", "Kidney", ("kidney",), ("riñón",), ("renal",)),
    "effusion": Concept(
        "C0032227", "Pleural effusion disorder", ("pleural effusion", "pleural fluid collection"), ("derrame pleural",)
    ),
    "nodule": Concept("C0034079", "Lung nodule", ("lung nodule", "pulmonary nodule"), ("nódulo pulmonar",)),
    "cardiomegaly": Concept("C0018800", "Cardiomegaly", ("cardiomegaly", "enlarged heart"), ("cardiomegalia",)),
    "pneumothorax": Concept("C0032326", "Pneumothorax", ("pneumothorax",), ("neumotórax",)),
    "consolidation": Concept(
        "C0521530",
        "Lung consolidation",
        ("consolidation", "pulmonary consolidation", "airspace consolidation"),
        ("consolidación pulmonar",),
    ),
    "pacemaker": Concept(
        "C0030163", "Artificial cardiac pacemaker", ("pacemaker", "cardiac pacemaker"), ("marcapasos",)
    ),
    "fracture": Concept("C0016658", "Fracture", ("fracture", "fracture line"), ("fractura",)),
    "screw": Concept("C0301559", "Screw", ("screws", "metal screws"), ("tornillo",)),
    "prosthesis": Concept("C0175649", "Prosthesis", ("prosthesis", "prosthetic joint"), ("prótesis",)),
    "scoliosis": Concept("C0036439", "Scoliosis, unspecified", ("scoliosis",), ("escoliosis",)),
    "disc": Concept(
        "C0021818",
        "Intervertebral Disk Displacement",
        ("disc herniation", "herniated disc", "disc protrusion"),
        ("hernia discal",),
    ),
    "hematoma": Concept("C0018944", "Hematoma", ("hematoma", "haematoma"), ("hematoma",)),
    "mass": Concept("C0577559", "Mass of body structure", ("mass", "mass lesion"), ("masa",)),
    "cyst": Concept("C0010709", "Cyst", ("cyst", "cystic lesion"), ("quiste",)),
    "stone": Concept("C0006736", "Calculi", ("stone", "calculus"), ("cálculo",)),
    "gallstone": Concept("C0008350", "Cholelithiasis", ("gallstones",), ("colelitiasis",)),
    "hydronephrosis": Concept("C0020295", "Hydronephrosis", ("hydronephrosis",), ("hidronefrosis",)),
    "ascites": Concept("C0003962", "Ascites", ("ascites", "ascitic fluid"), ("ascitis",)),
    "normal": Concept("C0205307", "Normal", ("normal", "unremarkable"), ("normal",)),
    "right": Concept("C0205090", "Right", ("right", "right-sided"), ("derecho", "derecha")),
    "left": Concept("C0205091", "Left", ("left", "left-sided"), ("izquierdo", "izquierda")),
    "small": Concept("C0700321", "Small", ("small", "tiny"), ("pequeño", "pequeña")),
    "large": Concept("C0549177", "Large", ("large", "big"), ("grande",)),
}
"""Short key used by the generator -> concept."""

MANUAL = frozenset(
    {
        "C0000726",
        "C0002978",
        "C0006141",
        "C0023216",
        "C0024485",
        "C0030797",
        "C0032743",
        "C0037303",
        "C0037949",
        "C0040405",
        "C0041618",
        "C0817096",
        "C0920367",
        "C1140618",
        "C1306645",
    }
)
"""The concepts that the 2025 and 2026 evaluators score a second time: modality and body region."""
