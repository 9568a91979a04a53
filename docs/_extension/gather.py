"""Gather what the site shows of experiments and verifications: ``python docs/_extension/gather.py RESULTS [REPORT]``.

Of every experiment in the folder RESULTS (``python sims/NAME.py --out RESULTS``) the figure is made small enough for a
page and committed under ``docs/gallery``; of the report (``cgrosim verify --out REPORT``) the verdicts are kept.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

DOCS = Path(__file__).parents[1]
WIDTH, COLOURS = 1300, 128


def shrink(source: Path, target: Path, width: int = WIDTH) -> None:
    """A picture of at most that many pixels across, in a palette: a quarter of the bytes, the same to the eye."""
    from PIL import Image

    picture = Image.open(source).convert("RGB")
    if picture.width > width:
        picture = picture.resize((width, round(picture.height * width / picture.width)), Image.Resampling.LANCZOS)
    picture.quantize(COLOURS, dither=Image.Dither.NONE).save(target, optimize=True)


def figures(results: Path) -> None:
    """Take every experiment that is there; leave the others, and those whose picture stands on a page of its own."""
    path = DOCS / "gallery" / "figures.json"
    made = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    for file in sorted(results.glob("*.json")):
        told = json.loads(file.read_text(encoding="utf-8"))
        shown_elsewhere = "picture" in made.get(file.stem, {})
        if told.get("toy", True) or shown_elsewhere or not file.with_suffix(".png").exists():
            continue
        shrink(file.with_suffix(".png"), DOCS / "gallery" / f"{file.stem}.png")
        made[file.stem] = {
            "seed": told.get("seed", 0),
            "version": told["versions"]["cgrosim"],
            "seconds": told["seconds"],
        }
    path.write_text(json.dumps(made, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def verdicts(report: Path) -> None:
    """Keep of every verdict what the pages show."""
    told = json.loads((report / "verdicts.json").read_text(encoding="utf-8"))
    kept = {}
    for each in told["verdicts"]:
        worlds = each["worlds"]
        kept[each["name"]] = {
            "verdict": each["verdict"],
            "checks": len(each["checks"]),
            "worlds": len(worlds),
            "rejected": sum(world["outcome"] == "violated" for world in worlds),
        }
    said = {
        "command": f"cgrosim verify --{told['effort']}",
        "version": told["versions"]["cgrosim"],
        "seed": told["seed"],
        "date": told["timing"]["written"][:10],
        "claims": kept,
    }
    (DOCS / "verdicts.json").write_text(json.dumps(said, indent=1, sort_keys=True) + "\n", encoding="utf-8")


if __name__ == "__main__":
    figures(Path(sys.argv[1]))
    if len(sys.argv) > 2:
        verdicts(Path(sys.argv[2]))
