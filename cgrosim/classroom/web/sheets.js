"use strict";
/* Printable sheets, all made from the texts and from runs made when a sheet is opened. */
const Sheets = (() => {
  /** The numbers of a lesson's run, under the names that its texts use. */
  function numbers(number, seed = DEFAULTS.seed) {
    const lesson = TEXTS.lessons[number - 1], base = { ...lessonState(number), seed };
    const values = of({ ...base });
    for (const [name, changes] of Object.entries(lesson.variants || {})) values[name] = of({ ...base, ...changes });
    values.answer = lesson.options[lesson.correct];
    return values;
  }

  function of(state) {
    const s = settingsOf(state), begun = Story.begin(s), { main } = Story.run(begun, { method: "flow", draft: true }), { start, marks, found } = begun;
    const last = main.records[main.records.length - 1], wrong = Story.errors(s, start, last, Story.draws(s)), done = main.times.memorised.filter(Number.isFinite);
    const near = main.records.reduce((best, r) => (Math.abs(r.step - 1000) < Math.abs(best.step - 1000) ? r : best)), carrier = carriers({ begun }, 0, last), edges = Story.edges(s, start);
    const [low, high] = Predictions.interval(wrong.robustTest, wrong.samples);
    return {
      grown: shown(main.times.grown), grown_predicted: shown(marks.grown), first: shown(Math.min(...main.times.memorised)), last: shown(done.length ? Math.max(...done) : Infinity),
      first_predicted: shown(Math.min(...marks.times)), last_predicted: shown(Math.max(...marks.times)), memorised: done.length, samples: s.samples, escape: shown(main.times.escaped),
      clean_train: percent(wrong.cleanTrain), robust_train: percent(wrong.robustTrain), clean_test: percent(wrong.cleanTest), robust_test: percent(wrong.robustTest),
      interval: `${percent(low)} to ${percent(high)}`, sd: shown(wrong.sd, 2), signal_end: shown(last.signal, 2), largest: shown(Math.max(...last.memorised), 2), gap: shown(s.gap), seed: state.seed,
      signal_1000: shown(near.signal), signal_attacked: shown(last.weakest, 2), noise_margin: shown(last.memorised[0]), neuron: carrier.neuron + 1, neuron_share: percent(Math.min(1, carrier.share)), own_share: percent(carrier.own),
      edge_overfitting: edges ? shown(Math.min(edges.own.overfitting, edges.own.escape), 2) : "–", edge_escape: edges ? shown(edges.own.escape, 2) : "–",
      decay_noise: shown(found.cures.noiseEdge, 2), decay_signal: shown(found.cures.signalEdge, 2), patch_norm: shown(Math.sqrt(start.gram[0])), radius: shown(s.signal_strength * (1 - s.gap)),
    };
  }

  const p = (text, options) => node("p", { text, ...options });
  const blank = (count) => Array.from({ length: count }, () => node("div", { class: "blank" }));

  function worksheet(number) {
    const lesson = TEXTS.lessons[number - 1], S = TEXTS.sheets;
    return node("article", {}, [
      node("h2", { text: `${TEXTS.page.lesson} ${number}: ${lesson.title}` }), p(`${S.name}: ______________________________`), p(lesson.text),
      node("h3", { text: S.prediction }), p(lesson.question), node("ul", {}, lesson.options.map((text) => node("li", { text: `☐ ${text}` }))), p(S.why), ...blank(2),
      node("h3", { text: S.measured }), node("ol", {}, lesson.tasks.map(([task]) => node("li", {}, [p(task), ...blank(2)]))),
    ]);
  }

  function key() {
    const S = TEXTS.sheets;
    const pages = TEXTS.lessons.map((lesson, k) => {
      const values = numbers(k + 1);
      return node("article", {}, [
        node("h2", { text: `${S.key} ${k + 1}: ${lesson.title}` }), p(filled(S.right, values), { class: "answer" }), p(filled(lesson.after, values)),
        node("ol", {}, lesson.tasks.map(([task, answer]) => node("li", {}, [p(task), p(filled(answer, values), { class: "answer" })]))),
        p(filled(S.computed, values)),
      ]);
    });
    return pages;
  }

  function plan() {
    const row = (cells, tag) => node("tr", {}, cells.map((text) => node(tag, { text: String(text) })));
    return [node("article", {}, [node("h2", { text: TEXTS.sheets.plan }), node("table", {}, TEXTS.plan.map(([minutes, what, how, lesson]) => row([minutes, what, how, `${TEXTS.page.lesson} ${lesson}`], "td")))])];
  }

  const summary = () => [node("article", { style: "max-width:70rem" }, [node("h2", { class: "big", text: TEXTS.page.title }), node("ol", { class: "big" }, TEXTS.summary.map((text) => node("li", { text })))])];

  /** Show a sheet over the page, or none. */
  function open(which, lesson) {
    const sheet = document.getElementById("sheet");
    const close = () => { sheet.hidden = true; sheet.replaceChildren(); document.body.classList.remove("printing-sheet"); };
    if (!which) return close();
    const pages = { worksheet: () => [worksheet(lesson || 1)], worksheets: () => TEXTS.lessons.map((_, k) => worksheet(k + 1)), key, plan, summary }[which]();
    const buttons = node("div", { class: "bar-top" }, [node("button", { text: TEXTS.page.print, onclick: () => window.print() }), node("button", { text: TEXTS.page.close, onclick: close })]);
    sheet.replaceChildren(buttons, ...pages);
    sheet.hidden = false;
    sheet.scrollTop = 0;
    document.body.classList.add("printing-sheet");
    buttons.lastChild.focus();
  }

  return { numbers, open };
})();
