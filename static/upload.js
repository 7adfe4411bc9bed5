// Upload page and comparison page: dropped, selected or pasted photos are previewed. The upload page sends them
// immediately. The comparison page has a box for each photo, and its button sends both.
// Without this script the forms work with their buttons.

import { attempt, checkFiles, clearPreviews, onDrop, onPaste, readLimits, setFiles, showPreviews } from "./photo_files.js";
import { restorePage, submitForm } from "./submit_form.js";

const form = document.querySelector("form.upload");
const problem = document.getElementById("problem");
const boxes = [...form.querySelectorAll(".dropbox")];
const retry = form.querySelector(".retry");
const limits = readLimits(form);
let busy = false;
let rejected = [];
let sample;

const inputOf = (box) => box.querySelector("input");

function showProblem(sentence) {
  problem.textContent = sentence;
}

async function whileIdle(action) {
  if (busy) return;
  busy = true;
  await attempt(action, showProblem);
  busy = false;
}

function clear(box) {
  inputOf(box).value = "";
  clearPreviews(box.querySelector(".previews"));
  box.classList.remove("chosen");
}

async function choose(files, box) {
  try {
    const checked = checkFiles(files, limits);
    const shown = await showPreviews(checked.usable, box.querySelector(".previews"), limits);
    rejected.push(...checked.problems, ...shown.problems);
    setFiles(shown.usable, inputOf(box));
    box.classList.add("chosen");
  } catch (error) {
    clear(box);
    throw error;
  }
}

const accept = (files, target) => whileIdle(async () => {
  showProblem("");
  rejected = [];
  sample = undefined;
  const chosen = target.closest?.(".dropbox") ?? boxes.find((box) => !inputOf(box).files.length) ?? boxes[0];
  if (!files.length) clear(chosen);
  else if (!retry) {
    const problems = [];
    const pairs = files.length === 2 ? boxes.map((box, side) => [files[side], box]) : [[files[0], chosen]];
    checkFiles(files, limits)
    for (const [file, box] of pairs) await attempt(() => choose([file], box), (sentence) => problems.push(sentence));
    showProblem(problems.join("\n"));
  } else {
    retry.hidden = true;
    await choose(files, chosen);
    await send();
  }
});

async function send() {
  checkFiles(boxes.flatMap((box) => [...inputOf(box).files]), limits);
  showProblem(rejected.join("\n"));
  const outcome = await submitForm(form, { button: sample });
  if (outcome === "shown") {
    showProblem(rejected.map((sentence) => `Not sent: ${sentence}`).join("\n"));
    if (rejected.length) document.querySelector(".intro").after(problem);
    return;
  }
  showProblem(outcome.sentence ?? "Canceled. Nothing was saved.");
  if (!retry) return;
  retry.hidden = !outcome.retry;
  if (!outcome.retry) clear(boxes[0]);
  (outcome.retry ? retry : inputOf(boxes[0])).focus();
}

onDrop(accept, showProblem);
onPaste(accept, showProblem);
for (const box of boxes) inputOf(box).addEventListener("change", ({ target }) => accept([...target.files], box));
form.addEventListener("submit", (event) => {
  event.preventDefault();
  whileIdle(async () => {
    if (event.submitter?.name === "sample") {
      rejected = [];
      sample = event.submitter;
      clear(boxes[0]);
    }
    await send();
  });
});
form.classList.add("scripted");

restorePage();
