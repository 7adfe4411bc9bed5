// Upload page: dropped, selected, pasted or taken photos are previewed and sent immediately.
// Without this script the form works with its button.

import { isPhone, openPhoneCamera, takePhoto } from "./camera.js";
import { attempt, checkFiles, clearPreviews, onDrop, onPaste, readClipboard, readLimits, setFiles, showPreviews } from "./photo_files.js";
import { submitForm } from "./submit_form.js";

const form = document.getElementById("upload");
const input = document.getElementById("image");
const problem = document.getElementById("problem");
const list = form.querySelector(".previews");
const sources = form.querySelector(".sources");
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

const paste = sources.querySelector(".paste");
paste.hidden = !navigator.clipboard?.read;
paste.addEventListener("click", () => attempt(async () => accept([await readClipboard()]), showProblem));
sources.querySelector(".camera").addEventListener("click", () => attempt(async () => {
  problem.textContent = "";
  if (isPhone()) return openPhoneCamera(accept);
  const photo = await takePhoto(document.getElementById("camera"));
  if (photo) accept([photo]);
}, showProblem));
sources.hidden = false;
form.classList.add("scripted");
