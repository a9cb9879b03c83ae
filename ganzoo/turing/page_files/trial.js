// One trial: fixation, image or pair, mask, answer.
const byId = (id) => document.getElementById(id);
const PAIRS = DATA.protocol === "pairs";
const GAP = 16, EDGE = 24;  // pixels between and around images
const canvases = PAIRS ? [byId("first"), byId("second")] : [byId("first")];
const frame = () => new Promise((resolve) => requestAnimationFrame(resolve));

/** The size of an image: whole factors for nearest neighbours, else whatever the window has room for. */
function sizing() {
  const room = (byId("stage").clientWidth - 2 * EDGE - GAP * (canvases.length - 1)) / canvases.length;
  let scale = Math.min(DATA.factor, room / DATA.width);
  if (DATA.enlarge === "nearest" && scale >= 1) scale = Math.floor(scale);
  return { css: scale * DATA.width, factor: Math.max(1, Math.ceil(scale)), percent: Math.round(100 * scale) };
}

function show(what) {
  byId("images").classList.toggle("shown", what === "images");
  byId("fixation").hidden = what !== "fixation";
  byId("answer-now").hidden = what !== "question";
}

let running = null;  // the trial that waits for an answer

/** Resolves to the answer and its times, or to null if the trial was interrupted. */
async function runTrial(trial, exposure) {
  const self = { accepts: false, early: 0, over: false };
  const chosen = new Promise((resolve) => { self.choose = (side) => { self.over = true; resolve(side); }; });
  running = self;
  const size = sizing();
  byId("stage").style.height = `${Math.ceil(size.css / DATA.width * DATA.height) + 2 * EDGE}px`;
  const place = () => trial.images.forEach((each, n) => {
    painted(canvases[n], enlarged(decoded(each), size.factor, DATA.enlarge), size.css);
  });
  place();
  show("fixation");
  await waited(DATA.fixation_ms, self);
  if (self.over) return null;
  show("images");
  await frame();
  const start = performance.now();
  self.accepts = true;
  let end = null;
  if (exposure) limit(self, exposure, size, () => { end = performance.now(); });
  const side = await chosen;
  const now = performance.now();
  running = null;
  if (side === null) return null;
  if (trial.answer) place();  // practice: the feedback shows the images again, after a mask
  show(trial.answer ? "images" : "");
  const whole = (ms) => Math.max(0, Math.round(ms));
  return {
    side, ms: whole(now - start), exposure_ms: exposure, shown_ms: whole((end === null ? now : end) - start),
    early: self.early, scale_percent: size.percent,
  };
}

/** Hide the images after the exposure, behind a mask. */
async function limit(self, exposure, size, ended) {
  await waited(exposure, self);
  if (self.over) return;
  ended();
  if (DATA.mask_ms) {
    canvases.forEach((canvas) => painted(canvas, noisy(DATA.width, DATA.height, size.factor), size.css));
    await waited(DATA.mask_ms, self);
    if (self.over) return;
  }
  show("question");
}

/** Until the first frame after `ms`, or until the trial is over. */
async function waited(ms, self) {
  const start = performance.now();
  while (!self.over && performance.now() - start < ms - 4) await frame();
}

/** An answer by key, mouse or touch. Before the image it only counts as early. */
function choose(side) {
  if (!running || running.over) return;
  if (running.accepts) running.choose(side);
  else running.early += 1;
}

function interrupt() {
  if (running && !running.over) running.choose(null);
}
