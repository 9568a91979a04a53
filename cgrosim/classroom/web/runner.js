"use strict";
/* Decides where a story is computed: in the page while a slider moves, in a worker where that would be felt. */
class Runner {
  /** @param show(begun, result, draft) called with every answer; @param status(word, share) */
  constructor(show, status) {
    Object.assign(this, { show, status, job: 0, worker: null, timer: 0, begun: null, starts: new Map(), broken: false });
  }

  /** Cost of one evaluation in multiplications. */
  static cost(s) {
    const rows = s.samples * (s.patches - 1);
    return s.neurons * rows * (rows + 12);
  }

  /** The start of these settings, kept as long as nothing that it is drawn from changes. */
  startOf(s, given) {
    if (given) return given;
    const key = JSON.stringify([s.dimension, s.samples, s.patches, s.neurons, s.noise_std, s.init_std, s.seed, s.label_noise]);
    if (!this.starts.has(key)) {
      if (this.starts.size > 4) this.starts.clear();
      this.starts.set(key, drawStart(s));
    }
    return this.starts.get(key);
  }

  /** Compute a story; `moving` while a slider moves. */
  ask(s, method, given, moving) {
    const id = ++this.job;
    clearTimeout(this.timer);
    if (this.worker && this.busy) { this.worker.terminate(); this.worker = null; }
    this.busy = false;
    const begun = (this.begun = Story.begin(s, this.startOf(s, given)));
    const light = method === "flow" && Runner.cost(s) <= 10 * 20 * 32 && s.dimension <= 1e4 && !(s.label_smoothing > 0) && !(s.label_noise > 0); // those two make the equations stiff
    if (light || this.broken) {
      this.show(begun, Story.run(begun, { method, draft: true }), true);
      const finish = () => { if (id === this.job) { this.show(begun, Story.run(begun, { method }), false); this.status("ready"); } };
      this.status("computing");
      this.timer = setTimeout(finish, moving ? 250 : 30);
      return;
    }
    this.show(begun, null, true); // predictions at once; the run follows
    this.status("computing");
    this.timer = setTimeout(() => this.send(id, begun, method, given), moving ? 120 : 0);
  }

  send(id, begun, method, given) {
    try {
      if (!this.worker) {
        const source = document.getElementById("numbers").textContent;
        this.worker = new Worker(URL.createObjectURL(new Blob([source], { type: "text/javascript" })));
      }
    } catch (error) {
      this.broken = true;
      this.status("worker");
      this.show(begun, Story.run(begun, { method }), false);
      return;
    }
    this.busy = true;
    this.worker.onmessage = ({ data }) => {
      if (data.id !== this.job) return;
      if (data.share !== undefined) return this.status("computing", data.share);
      this.busy = false;
      this.show(begun, data, false);
      this.status("ready");
    };
    this.worker.onerror = () => { this.broken = true; this.busy = false; this.status("worker"); };
    this.worker.postMessage({ id, s: begun.s, given: begun.start, options: { method, evaluations: begun.s.label_noise > 0 ? 40000 : 200000 } });
  }
}
