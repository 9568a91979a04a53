"""The neuron plane as a film: a GIF, or a page with a slider over logarithmic time that needs nothing but a browser."""

from __future__ import annotations

import base64
import html
import io
import json
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING

import numpy as np

from cgrosim.arguments import checked
from cgrosim.errors import FileError
from cgrosim.figures import style
from cgrosim.figures.neuron_plane import Track, draw_track, plane_frame, tracks_of

if TYPE_CHECKING:
    from PIL.Image import Image

    from cgrosim.run.results import Run

FRAMES = 60
FRAME_MILLISECONDS = 90
REST_MILLISECONDS = 1800  # on the last frame, to look at the outcome before the film starts again


@checked
def neuron_plane_animation(
    run: Run, standard: Run | None = None, path: str | Path = "neuron_plane.gif", *, frames: int = FRAMES
) -> Path:
    """Write the film of the neuron plane, atomically; see `neuron_plane_figure` for what it shows.

    Parameters
    ----------
    run, standard
        The run, and the same start without adversarial training, shown side by side on the same axes and clock.
    path
        ``.gif``, or ``.html`` for one self-contained page with a slider over logarithmic time.
    frames
        Moments to show, evenly spaced in the logarithm of the step; at most one a record.

    Raises
    ------
    FileError
        If the suffix is another one, or the place cannot be written to.
    """
    from cgrosim.files.atomic import write_bytes, write_text

    form = Path(path).suffix.lower()
    if form not in (".gif", ".html"):
        raise FileError(f"{path} ends in {form!r}, but an animation is written as .gif or .html.")
    tracks = tracks_of(run, standard)
    moments = moments_of(tracks, frames)
    images = [image.quantize(128) for image in _render(tracks, moments, run)]
    if form == ".html":
        page = _page(moments, images, f"Neuron plane: {run.params.attack_description}")
        return write_text(path, page)
    times = [FRAME_MILLISECONDS] * (len(images) - 1) + [REST_MILLISECONDS]
    film = {"save_all": True, "append_images": images[1:], "duration": times, "loop": 0}
    drawn = io.BytesIO()
    images[0].save(drawn, format="GIF", **film)
    return write_bytes(path, drawn.getvalue())


def moments_of(tracks: list[Track], frames: int) -> list[float]:
    """Recorded steps of the longest track, about evenly spaced in the logarithm: the first and the last among them."""
    steps = max((track.steps for track in tracks), key=lambda s: float(s[-1]))
    wanted = np.geomspace(1.0, max(float(steps[-1]), 1.0), max(frames - 1, 1))
    chosen = steps[np.minimum(np.searchsorted(steps, wanted * (1.0 - 1e-12)), len(steps) - 1)]
    return [float(step) for step in np.unique(np.concatenate([steps[:1], chosen, steps[-1:]]))]


def _render(tracks: list[Track], moments: list[float], run: Run) -> list[Image]:
    """Draw the frame once and the neurons of every moment over a copy of it."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from PIL import Image

    with style.styled():
        figure, panels = plane_frame(tracks, run)
        figure.set_dpi(80)
        canvas = FigureCanvasAgg(figure)
        canvas.draw()
        empty = canvas.copy_from_bbox(figure.bbox)
        images = []
        for moment in moments:
            canvas.restore_region(empty)
            for axes, track in zip(panels, tracks, strict=True):
                for artist in draw_track(axes, track, moments[-1], moment):
                    axes.draw_artist(artist)
                    artist.remove()
            images.append(Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB"))
    return images


def _page(moments: list[float], images: list[Image], title: str) -> str:
    sources = []
    for image in images:
        buffer = io.BytesIO()
        image.save(buffer, format="PNG", optimize=True)
        sources.append("data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode("ascii"))
    labels = [f"step {moment:.3g}" for moment in moments]
    return _PAGE.substitute(
        title=html.escape(title),
        first=sources[-1],
        last=len(sources) - 1,
        frames=json.dumps(sources),
        labels=json.dumps(labels),
        wait=FRAME_MILLISECONDS,
    )


_PAGE = Template("""<!DOCTYPE html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>$title</title>
<style>
  body { font: 16px/1.4 system-ui, sans-serif; max-width: 1060px; margin: 1em auto; padding: 0 1em; color: #111; }
  img { width: 100%; height: auto; }
  .controls { display: flex; gap: 1em; align-items: center; }
  input { flex: 1; }
  button { font: inherit; min-width: 5em; }
  output { min-width: 8em; text-align: right; }
</style>
<h1 style="font-size: 1.1em">$title</h1>
<img id="frame" src="$first" alt="Each neuron in the plane of its correlation with the true feature and with noise">
<div class="controls">
  <button id="play">Play</button>
  <input id="slider" type="range" min="0" max="$last" value="$last" aria-label="time, logarithmic">
  <output id="label"></output>
</div>
<script>
  const frames = $frames, labels = $labels;
  const [frame, play, slider, label] = ["frame", "play", "slider", "label"].map(id => document.getElementById(id));
  let timer = null;
  const show = () => { frame.src = frames[slider.value]; label.value = labels[slider.value]; };
  const stop = () => { clearInterval(timer); timer = null; play.textContent = "Play"; };
  slider.oninput = () => { stop(); show(); };
  play.onclick = () => {
    if (timer) return stop();
    if (+slider.value === frames.length - 1) slider.value = 0;
    play.textContent = "Pause";
    timer = setInterval(() => {
      if (+slider.value === frames.length - 1) return stop();
      slider.value = +slider.value + 1;
      show();
    }, $wait);
  };
  show();
</script>
</html>
""")
