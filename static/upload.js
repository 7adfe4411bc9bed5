// Upload page: dropped, selected or pasted photos are previewed and sent immediately.
// Without this script the form works with its button.

import { attempt, checkFiles, clearPreviews, onDrop, onPaste, readLimits, setFiles, showPreviews } from "./photo_files.js";
import { restorePage, submitForm } from "./submit_form.js";

const form = document.getElementById("upload");
const input = document.getElementById("image");
const problem = document.getElementById("problem");
const list = form.querySelector(".previews");
const retry = form.querySelector(".retry");
const limits = readLimits(form);
let busy = false;
let rejected = [];

function showProblem(sentence) {
  problem.textContent = sentence;
}

function reset() {
  rejected = [];
  problem.textContent = "";
  retry.hidden = true;
  input.value = "";
  clearPreviews(list);
  form.classList.remove("chosen");
}

async function accept(files) {
  if (busy || !files.length) return;
  busy = true;
  reset();
  await attempt(async () => {
    const checked = checkFiles(files, limits);
    const shown = await showPreviews(checked.usable, list, limits);
    rejected = [...checked.problems, ...shown.problems];
    form.classList.add("chosen");
    setFiles(shown.usable, input);
    await submit();
  }, (sentence) => { reset(); showProblem(sentence); });
  busy = false;
}

async function submit() {
  showProblem(rejected.join("\n"));
  retry.hidden = true;
  const outcome = await submitForm(form);
  if (outcome === "shown") {
    problem.textContent = rejected.map((sentence) => `Not sent: ${sentence}`).join("\n");
    if (rejected.length) document.querySelector(".intro").after(problem);
    return;
  }
  if (outcome === "canceled") {
    reset();
    showProblem("Canceled. Nothing was saved.");
  } else if (outcome.retry) {
    showProblem(outcome.sentence);
    retry.hidden = false;
    retry.focus();
    return;
  } else {
    reset();
    showProblem(outcome.sentence);
  }
  input.focus();
}

onDrop(accept, showProblem);
onPaste(accept, showProblem);
input.addEventListener("change", () => accept([...input.files]));
retry.addEventListener("click", async () => {
  if (busy) return;
  busy = true;
  await submit();
  busy = false;
});

form.classList.add("scripted");

await restorePage();
