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

function showProblem(sentence) {
  problem.textContent = sentence;
}

function reset() {
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
    checkFiles(files, limits);
    await showPreviews(files, list, limits);
    form.classList.add("chosen");
    setFiles(files, input);
    await submit();
  }, (sentence) => { reset(); showProblem(sentence); });
  busy = false;
}

async function submit() {
  problem.textContent = "";
  retry.hidden = true;
  const outcome = await submitForm(form);
  if (outcome === "shown") return;
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
