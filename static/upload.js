// The upload page: photos dropped, picked, pasted or taken are shown and sent at once.
// Without this script the form works by itself.

import { fromCamera, fromPhone, isPhone } from "./camera.js";
import { attempt, checkAll, clear, fromClipboard, limitsOf, onDrop, onPaste, put, show } from "./photo_files.js";
import { send } from "./submit_form.js";

const form = document.getElementById("upload");
const input = document.getElementById("image");
const problem = document.getElementById("problem");
const list = form.querySelector(".previews");
const ways = form.querySelector(".ways");
const retry = form.querySelector(".retry");
const limits = limitsOf(form);
let busy = false;

function refuse(sentence) {
  problem.textContent = sentence;
}

function reset() {
  problem.textContent = "";
  retry.hidden = true;
  input.value = "";
  clear(list);
  form.classList.remove("chosen");
}

async function take(files) {
  if (busy || !files.length) return;
  busy = true;
  reset();
  await attempt(async () => {
    checkAll(files, limits);
    await show(files, list, limits);
    form.classList.add("chosen");
    put(files, input);
    await dispatch();
  }, (sentence) => { reset(); refuse(sentence); });
  busy = false;
}

async function dispatch() {
  problem.textContent = "";
  retry.hidden = true;
  const outcome = await send(form);
  if (outcome === "shown") return;
  if (outcome === "canceled") {
    reset();
    refuse("Canceled. Nothing was kept.");
  } else if (outcome.again) {
    refuse(outcome.sentence);
    retry.hidden = false;
    retry.focus();
    return;
  } else {
    reset();
    refuse(outcome.sentence);
  }
  input.focus();
}

onDrop(take, refuse);
onPaste(take, refuse);
input.addEventListener("change", () => take([...input.files]));
retry.addEventListener("click", async () => {
  if (busy) return;
  busy = true;
  await dispatch();
  busy = false;
});

const paste = ways.querySelector(".paste");
paste.hidden = !navigator.clipboard?.read;
paste.addEventListener("click", () => attempt(async () => take([await fromClipboard()]), refuse));
ways.querySelector(".camera").addEventListener("click", () => attempt(async () => {
  problem.textContent = "";
  if (isPhone()) return fromPhone(take);
  const photo = await fromCamera(document.getElementById("camera"));
  if (photo) take([photo]);
}, refuse));
ways.hidden = false;
form.classList.add("scripted");
