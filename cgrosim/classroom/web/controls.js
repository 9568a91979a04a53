"use strict";
/* The controls: one for every setting that is not locked away, and the keys to a new start. */

function makeControls() {
  const form = document.querySelector("#controls form"), lesson = view.state.lesson ? T.lessons[view.state.lesson - 1] : null, hidden = view.state.hide.split(",");
  form.onsubmit = (event) => event.preventDefault();
  form.replaceChildren();
  for (const [group, names] of Object.entries(GROUPS)) {
    const kept = names.filter((name) => (!lesson || lesson.controls.includes(name)) && !hidden.includes(name));
    if (!kept.length) continue;
    form.append(node("fieldset", {}, [node("legend", { text: T.controls.groups[group] }), ...kept.map(makeControl)]));
  }
  syncControls();
}

function makeControl(name) {
  const limit = LIMITS[name], id = `control-${name}`, label = node("label", { for: id, text: T.controls[name] }), output = node("output", { for: id });
  let input;
  if (limit.kind === "switch") {
    input = node("input", { id, type: "checkbox", onchange: () => change({ [name]: input.checked }) });
    return node("div", { class: "control", id: `row-${name}` }, [label, input]);
  }
  if (limit.kind === "choice") {
    input = node("select", { id, onchange: () => change({ [name]: input.value }) }, limit.values.map((value) => node("option", { value, text: T.controls[value] })));
    return node("div", { class: "control" }, [label, input]);
  }
  if (limit.kind === "number") {
    input = node("input", { id, type: "number", min: limit.low, max: limit.high, step: 1, onchange: () => { const x = allowed(name, input.value); if (x === undefined) syncControls(); else change({ [name]: x }); } });
    return node("div", { class: "control" }, [label, input, node("button", { type: "button", text: T.controls.new_start, onclick: newStart })]);
  }
  input = node("input", { id, type: "range", min: 0, max: limit.places, step: 1, oninput: () => change({ [name]: valueAt(name, Number(input.value)) }, true) });
  return node("div", { class: "control" }, [label, output, input]);
}

/** The value at a place of a slider, in three digits. */
function valueAt(name, place) {
  const limit = LIMITS[name];
  if (limit.off && place === 0) return 0;
  const share = place / limit.places, x = limit.kind === "log" ? limit.low * (limit.high / limit.low) ** share : limit.low + share * (limit.high - limit.low);
  const value = limit.whole ? Math.round(name === "dimension" ? Number(x.toPrecision(2)) : x) : Number(x.toPrecision(3));
  return Math.min(limit.high, Math.max(limit.low, value));
}

function placeOf(name, value) {
  const limit = LIMITS[name];
  if (limit.off && value === 0) return 0;
  const share = limit.kind === "log" ? Math.log(value / limit.low) / Math.log(limit.high / limit.low) : (value - limit.low) / (limit.high - limit.low);
  return Math.round(limit.places * share);
}

/** The value of a setting in words. */
function settingWords(name, value) {
  if (LIMITS[name].kind === "switch") return value ? T.controls.on : T.controls.off;
  if (LIMITS[name].kind === "choice") return T.controls[value];
  if (LIMITS[name].kind === "number") return String(value);
  return LIMITS[name].off && value === 0 ? T.controls.off : name === "flips" || name === "smoothing" ? percent(value) : shown(value);
}

function syncControls() {
  for (const name of Object.keys(LIMITS)) {
    const input = $(`control-${name}`), value = view.state[name];
    if (!input) continue;
    if (input.type === "checkbox") input.checked = value;
    else if (input.type === "range") {
      if (valueAt(name, Number(input.value)) !== value) input.value = String(placeOf(name, value));
      const text = settingWords(name, value);
      input.previousSibling.textContent = text;
      input.setAttribute("aria-valuetext", text);
    } else input.value = String(value);
  }
}

const newStart = () => change({ seed: (view.state.seed + 1) % 1e6 });
