// The session: welcome, trials with pauses, and the answers at the end.
const TRIALS = DATA.trials, PRACTICE = TRIALS.filter((trial) => trial.answer).length;
const SCREENS = ["welcome", "trial", "break", "done", "stopped"];
const saved = store.read();
let stopped = false;
let state = saved || { answers: [], views: {}, reloads: 0, pauses: 0, agreed: false };
if (saved && saved.agreed && saved.answers.length < TRIALS.length) state.reloads += 1;

function screen(name) {
  SCREENS.forEach((each) => { byId(each).hidden = each !== name; });
  scrollTo(0, 0);  // the button of the screen before may have been far down
  const heading = byId(name).querySelector("h1");
  if (heading) heading.focus();
}

function said(name) {
  return PAIRS ? name : name === DATA.realSide ? "real" : "generated";
}

function welcome() {
  byId("task").textContent = PAIRS
    ? "You will see pairs of images. In each pair one image is real, and the other was made by a computer. Say which one is real."
    : "You will see one image at a time. Some are real, others were made by a computer, about half of each. Say which it is.";
  const left = said("left"), right = said("right");
  const how = [
    PAIRS ? "Press F if the left image is real, J if the right one is, or use the buttons."
      : `Press F for ${left}, J for ${right}, or use the buttons.`,
    DATA.protocol === "timed" ? "Each image is shown for a short time, which gets shorter and longer; answer when you like."
      : DATA.exposure_ms ? `The ${PAIRS ? "images disappear" : "image disappears"} after ${DATA.exposure_ms / 1000} s; answer when you like.`
        : "Take as long as you like.",
    ...(PRACTICE ? [`The first ${PRACTICE} are for practice and tell you the right answer. Their images do not come again.`] : []),
    `Then there are ${TRIALS.length - PRACTICE}, without feedback. If you cannot tell, guess.`,
    "You can pause at any time. A reload of the page loses nothing.",
  ];
  byId("how").replaceChildren(...how.map((text) => Object.assign(document.createElement("li"), { textContent: text })));
  screen("welcome");
}

function rest(title, reason) {
  byId("break").querySelector("h1").textContent = title;
  byId("reason").textContent = reason;
  screen("break");
}

/** The exposure of the next trial: of `timed`, that of the staircase of its block. */
function exposureOf(trial) {
  if (!DATA.staircase) return DATA.exposure_ms;
  return state.stair && state.stair.block === trial.block ? state.stair.ms : DATA.staircase.start_ms;
}

function climbed(trial, answer, exposure) {
  if (!trial.seal) return;
  let text = `${DATA.salt}|${trial.id}|${answer}`;
  for (let n = 0; n < DATA.sealRounds; n++) text = sha256(text);
  const { least_ms, most_ms, down_ms, up_ms } = DATA.staircase;
  const moved = text.slice(0, 16) === trial.seal ? exposure - down_ms : exposure + up_ms;
  state.stair = { block: trial.block, ms: Math.min(Math.max(moved, least_ms), most_ms) };
}

function prepare(index) {
  const practising = index < PRACTICE;
  byId("bar").max = TRIALS.length;
  byId("bar").value = index;
  byId("count").textContent = practising ? `Practice ${index + 1} of ${PRACTICE}` : `${index - PRACTICE + 1} of ${TRIALS.length - PRACTICE}`;
  byId("feedback").textContent = "";
  byId("next").hidden = true;
  canvases.forEach((canvas, n) => canvas.setAttribute("aria-label", PAIRS ? `${n ? "Right" : "Left"} image to judge` : "Image to judge"));
  byId("second").hidden = !PAIRS;
}

/** Runs trials from the first one without an answer until a pause or the end. */
async function go() {
  screen("trial");
  while (state.answers.length < TRIALS.length) {
    const index = state.answers.length, trial = TRIALS[index];
    const before = index ? TRIALS[index - 1].block : trial.block;
    if (trial.block !== before && state.rested !== trial.block) {
      state.rested = trial.block;
      store.write(state);
      if (before === 0) rest("Practice is over", "From now on you are not told the right answer.");
      else rest("A part is done", "Take a break if you like. The next images may be of another kind.");
      return;
    }
    prepare(index);
    state.views[index] = (state.views[index] || 0) + 1;
    store.write(state);  // before the image is seen: a reload in the middle counts as another view
    const given = await runTrial(trial, exposureOf(trial));
    if (stopped) return;
    if (given === null) {
      state.pauses += 1;
      store.write(state);
      show("");
      rest("Pause", `${state.answers.length} of ${TRIALS.length} are answered. The image that you just saw comes again.`);
      return;
    }
    const { side, ...times } = given;
    state.answers.push({ id: trial.id, answer: said(side), ...times, views: state.views[index] });
    climbed(trial, said(side), times.exposure_ms);
    store.write(state);
    if (trial.answer) await feedback(trial, said(side));
  }
  finish();
}

async function feedback(trial, answer) {
  const truth = PAIRS ? `The real image is on the ${trial.answer}.` : `It is ${trial.answer}.`;
  byId("feedback").textContent = `${answer === trial.answer ? "Correct." : "Not correct."} ${truth}`;
  byId("next").hidden = false;
  byId("next").focus();
  await new Promise((resolve) => { byId("next").onclick = resolve; });
}

function finish() {
  const document_ = {
    format: "ganzoo-turing-answers", version: 1, study: DATA.study, rater: DATA.rater, protocol: DATA.protocol,
    simulated: false, reloads: state.reloads, pauses: state.pauses,
    window: { width: innerWidth, height: innerHeight, pixel_ratio_percent: Math.round(100 * devicePixelRatio) },
    trials: state.answers,
  };
  const text = JSON.stringify({ ...document_, checksum: sha256(`${DATA.salt}|${JSON.stringify(document_)}`) });
  byId("code").value = text;
  byId("download").href = URL.createObjectURL(new Blob([text], { type: "application/json" }));
  byId("download").download = `answers-${DATA.study}-${DATA.rater}.json`;
  screen("done");
}

function stop(title, why) {
  stopped = true;
  interrupt();
  byId("stopped").querySelector("h1").textContent = title;
  byId("why").textContent = why;
  screen("stopped");
}

["left", "right"].forEach((side) => {
  byId(side).querySelector("span").textContent = PAIRS ? `${side === "left" ? "Left" : "Right"} is real` : said(side) === "real" ? "Real" : "Generated";
  byId(side).onclick = () => choose(side);
});
byId("question").textContent = PAIRS ? "Which image is real?" : "Is this image real or generated?";
document.addEventListener("keydown", (event) => {
  if (event.repeat || event.ctrlKey || event.altKey || event.metaKey) return;
  const side = { f: "left", j: "right" }[event.key.toLowerCase()];
  if (side) choose(side);
  else if (event.key === "Escape") interrupt();
});
addEventListener("pagehide", () => { stopped = true; });  // a reload is not a pause
addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); });
document.addEventListener("visibilitychange", () => { if (document.hidden) interrupt(); });
byId("pause").onclick = interrupt;
byId("start").onclick = () => { state.agreed = true; store.write(state); go(); };
byId("continue").onclick = go;
byId("copy").onclick = async () => {
  byId("code").select();
  try {
    await navigator.clipboard.writeText(byId("code").value);
  } catch {
    document.execCommand("copy");
  }
  byId("copied").textContent = "Copied.";
};
document.querySelectorAll(".delete").forEach((button) => {
  button.onclick = () => {
    store.remove();
    stop("Deleted", "Your answers are no longer in this browser. You can close the page.");
  };
});
addEventListener("storage", (event) => {
  if (event.key === PLACE) stop("This page is open twice", "Close this window and go on in the other one.");
});

if (!state.agreed) welcome();
else if (state.answers.length === TRIALS.length) finish();
else {
  store.write(state);
  rest("Welcome back", `${state.answers.length} of ${TRIALS.length} are answered. Nothing was lost.`);
}
if (!store.works) byId("how").append(Object.assign(document.createElement("li"), { textContent: "This browser saves nothing for this page: do not reload or close it before the end." }));
