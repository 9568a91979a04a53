"use strict";
/* What a pupil takes home: a picture, a table, a lesson file that Python repeats, a command line. */
const Exports = (() => {
  function save(name, blob) {
    const link = node("a", { href: URL.createObjectURL(blob), download: name });
    document.body.append(link);
    link.click();
    link.remove();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  }

  /** The lesson file: parameters by their names in cgrosim.Params, and the start's u to be checked against. */
  function lesson(view) {
    const { s, start, end } = view.begun, { weight_decay, label_smoothing, label_noise, ...plain } = s;
    const cures = Object.fromEntries(Object.entries({ weight_decay, label_smoothing, label_noise }).filter(([, value]) => value > 0));
    const given = usesGiven(view.state);
    return {
      kind: "cgrosim-lesson", version: 1, address: addressOf(view.state), generator: given ? "given" : "xoshiro128**",
      parameters: { ...plain, ...cures, steps: Math.ceil(view.state.method === "descent" ? Math.min(end, 20000) : end), engine: view.state.method === "descent" ? "reduced" : "flow", sampling: "gram" },
      signal: Array.from(start.signal),
      ...(given ? { start: { labels: start.labels, truth: Array.from(start.truth), noise: Array.from(start.noise), gram: Array.from(start.gram), weight_gram: Array.from(start.weight_gram) } } : {}),
    };
  }

  /** One line a record: step, margins, errors, V of every sample, u of every neuron. */
  function table(view) {
    const { s, start } = view.begun, records = view.result.main.records;
    const head = ["step", "signal_margin", "attacked_signal_margin", "clean_train_error", "robust_train_error", "clean_test_error", "robust_test_error", ...start.labels.map((_, i) => `memorization_${i + 1}`), ...Array.from(start.signal, (_, r) => `signal_correlation_${r + 1}`)];
    const rows = records.map((r) => {
      const e = view.errorsAt(r);
      return [r.step, r.signal, r.weakest, e.cleanTrain, e.robustTrain, e.cleanTest, e.robustTest, ...r.memorised, ...r.u];
    });
    const about = `# ${JSON.stringify(s)}`;
    return [about, head.join(","), ...rows.map((row) => row.join(","))].join("\n") + "\n";
  }

  const EDGE = 12; // pixels that labels may stand out of a drawing

  /** A text in lines no wider than `width`. */
  function wrapped(pen, text, width) {
    const lines = [""];
    for (const word of text.split(" ")) {
      const longer = lines[lines.length - 1] ? `${lines[lines.length - 1]} ${word}` : word;
      if (pen.measureText(longer).width <= width || !lines[lines.length - 1]) lines[lines.length - 1] = longer; else lines.push(word);
    }
    return lines;
  }

  /** The panels as one picture: drawings of SVG, and words of the others, at twice the size of the screen. */
  async function picture(view) {
    const area = document.getElementById("panels"), frame = area.getBoundingClientRect(), style = getComputedStyle(document.documentElement);
    const board = node("canvas", { width: Math.round(frame.width * 2), height: Math.round(frame.height * 2 + 60) }), pen = board.getContext("2d");
    pen.scale(2, 2);
    pen.fillStyle = style.getPropertyValue("--paper");
    pen.fillRect(0, 0, frame.width, frame.height + 30);
    const ink = style.getPropertyValue("--ink");
    const css = [...document.styleSheets].flatMap((sheet) => [...sheet.cssRules]).map((rule) => rule.cssText).filter((text) => text.startsWith("svg") || text.startsWith(":root")).join("\n");
    for (const panel of area.querySelectorAll(".panel")) {
      const box = panel.getBoundingClientRect(), x = box.left - frame.left, y = box.top - frame.top;
      pen.strokeStyle = style.getPropertyValue("--line");
      pen.strokeRect(x, y, box.width, box.height);
      const drawing = panel.querySelector("svg");
      if (drawing) {
        const place = drawing.getBoundingClientRect(), copy = drawing.cloneNode(true);
        copy.setAttribute("xmlns", SVG);
        copy.setAttribute("width", place.width + 2 * EDGE);
        copy.setAttribute("height", place.height + 2 * EDGE);
        copy.setAttribute("viewBox", `${-EDGE} ${-EDGE} ${place.width + 2 * EDGE} ${place.height + 2 * EDGE}`);
        copy.setAttribute("font-family", "DejaVu Sans, Verdana, sans-serif");
        if (document.documentElement.dataset.theme === "dark") copy.setAttribute("data-theme", "dark");
        copy.prepend(svg("style", { text: css.replace(/:root/g, "svg").replace(/svg\[data-theme/g, "svg[data-theme") }));
        const image = new Image();
        const ready = new Promise((done, failed) => { image.onload = done; image.onerror = failed; });
        image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(new XMLSerializer().serializeToString(copy))}`;
        await ready;
        pen.drawImage(image, place.left - frame.left - EDGE, place.top - frame.top - EDGE, place.width + 2 * EDGE, place.height + 2 * EDGE);
      }
      for (const bar of panel.querySelectorAll(".bar")) {
        const place = bar.getBoundingClientRect();
        pen.fillStyle = style.getPropertyValue("--noise");
        pen.fillRect(place.left - frame.left, place.top - frame.top, bar.firstChild.getBoundingClientRect().width, place.height);
        pen.strokeRect(place.left - frame.left, place.top - frame.top, place.width, place.height);
      }
      pen.fillStyle = ink;
      pen.textBaseline = "top";
      const words = drawing ? [panel.querySelector("h3 > span"), panel.querySelector(".hint")] : panel.querySelectorAll("h3 > span, .hint, .value, .interval, .head, .row, td, th, .real p, .tile");
      for (const each of words) {
        if (!each || !(each.textContent || each.matches(".tile"))) continue;
        const place = each.getBoundingClientRect(), own = getComputedStyle(each);
        pen.font = `${own.fontWeight} ${own.fontSize} DejaVu Sans, Verdana, sans-serif`;
        if (each.matches(".tile")) {
          pen.fillStyle = each.classList.contains("full") ? style.getPropertyValue("--noise") : style.getPropertyValue("--field");
          pen.fillRect(place.left - frame.left, place.top - frame.top, place.width, place.height);
          pen.fillStyle = ink;
          pen.fillText(each.textContent, place.left - frame.left + place.width / 2 - 6, place.top - frame.top + place.height / 2 - 6);
        } else wrapped(pen, each.textContent, place.width + 2).forEach((line, k) => pen.fillText(line, place.left - frame.left, place.top - frame.top + k * 1.25 * parseFloat(own.fontSize)));
      }
    }
    pen.font = "13px DejaVu Sans, Verdana, sans-serif";
    pen.fillText(addressOf(view.state), 8, frame.height + 8, frame.width - 16);
    return new Promise((done) => board.toBlob(done, "image/png"));
  }

  async function run(kind, view) {
    if (kind === "png") save("classroom.png", await picture(view));
    if (kind === "csv") save("classroom.csv", new Blob([table(view)], { type: "text/csv" }));
    if (kind === "json") save("lesson.json", new Blob([JSON.stringify(lesson(view), null, 1)], { type: "application/json" }));
  }

  return { lesson, table, picture, run, command: "cgrosim simulate --start lesson.json" };
})();
