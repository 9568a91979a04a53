"""Gather what the site shows of experiments and verifications: ``python docs/_extension/gather.py FOLDER ...``.

Of every experiment in a folder (``python sims/NAME.py --out FOLDER``) the figure is made small enough for a page and
committed under ``docs/gallery``; of a report (``cgrosim verify --out FOLDER``) the verdicts are kept, and of what was
measured of the power (``cgrosim verify --power --out FOLDER``) the smallest error of each parameter that is noticed.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

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
    _write(path, made)


def verdicts(report: Path) -> None:
    """Keep of every verdict what the pages show, and a mark of what was claimed, to stand by no other words."""
    from claims import stated

    told = json.loads((report / "verdicts.json").read_text(encoding="utf-8"))
    path = DOCS / "verdicts.json"
    said = {
        "command": "cgrosim verify" + " --full" * (told["effort"] == "full"),
        "effort": told["effort"],
        "version": told["versions"]["cgrosim"],
        "seed": told["seed"],
    }
    kept = _gathered(path, said)
    for each in told["verdicts"]:
        worlds = each["worlds"]
        kept[each["name"]] = {
            "verdict": each["verdict"],
            "checks": len(each["checks"]),
            "worlds": len(worlds),
            "rejected": sum(world["outcome"] == "violated" for world in worlds),
            "stated": stated(each["statement"], [world["description"] for world in worlds]),
            "date": told["timing"]["written"][:10],
        }
    _write(path, {**said, "claims": kept})


def powers(report: Path) -> None:
    """Keep in words what each claim notices, by effort."""
    from cgrosim.claims.power import PARAMETERS
    from cgrosim.claims.report.power import in_words, read_power

    told = json.loads((report / "power.json").read_text(encoding="utf-8"))
    said = {"effort": told["effort"], "version": told["versions"]["cgrosim"], "seed": told["seed"]}
    path = DOCS / "power.json"
    efforts = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    before = efforts.get(told["effort"], {})
    kept = dict(before["claims"]) if said.items() <= before.items() else {}
    for claim, found in read_power(report).items():
        words = {name: in_words(one) for name, one in found.items()}
        noticed = {name: each for name, each in words.items() if each}  # nothing: not in the statement
        kept[claim] = {"noticed": noticed, "missing": len(set(PARAMETERS) - set(words))}
    _write(path, {**efforts, told["effort"]: {**said, "claims": kept}})


def _gathered(path: Path, said: dict[str, Any]) -> dict[str, Any]:
    """What was gathered before of claims, with the same effort, seed and version: it stays beside what is new."""
    before = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    return dict(before["claims"]) if before and said.items() <= before.items() else {}


def _write(path: Path, told: dict[str, object]) -> None:
    path.write_text(json.dumps(told, indent=1, sort_keys=True) + "\n", encoding="utf-8")


if __name__ == "__main__":
    for folder in map(Path, sys.argv[1:]):
        figures(folder)
        if (folder / "verdicts.json").exists():
            verdicts(folder)
        if (folder / "power.json").exists():
            powers(folder)
