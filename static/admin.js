// Adding a person: photos dropped or picked are looked at a few at a time, however many they are; and pages that take
// a while tell how far they are. Without this script the forms do the same in one step.

import { attempt, checkAll, limitsOf, onDrop, put } from "./photo_files.js";
import { send } from "./submit_form.js";

const BATCH = 8;

const adding = () => document.getElementById("adding");
let busy = false;

function refuse(sentence) {
  document.getElementById("problem").textContent = sentence;
}

// Parts of the files that one request may hold; what was looked at before travels along in the form.
function parts(files, limits) {
  const found = [];
  for (const file of files) {
    const last = found.at(-1);
    const bytes = last?.reduce((sum, one) => sum + one.size, file.size);
    if (last && last.length < BATCH && bytes < limits.together / 2) last.push(file);
    else found.push([file]);
  }
  return found;
}

async function look(files) {
  if (busy || !files.length || !adding()) return;
  busy = true;
  refuse("");
  await attempt(async () => {
    const limits = limitsOf(adding());
    const carried = adding().querySelectorAll("[name=photo]").length;
    checkAll(files, { ...limits, together: Infinity }, limits.images - carried);
    put(files, adding().image);
    if (!adding().reportValidity()) return;
    let at = 0;
    for (const part of parts(files, limits)) {
      put(part, adding().image);
      const prefix = files.length > part.length ? `${at + 1} to ${at + part.length} of ${files.length}. ` : "";
      const outcome = await send(adding(), { prefix, again: at > 0 });
      if (outcome === "shown") at += part.length;
      else if (outcome === "canceled") return refuse("Canceled. What was looked at before stays on the page.");
      else return refuse(outcome.sentence);
    }
  }, refuse);
  busy = false;
}

async function ask(form) {
  if (busy) return;
  busy = true;
  refuse("");
  const outcome = await send(form, { again: true });
  if (outcome.sentence) refuse(outcome.sentence);
  busy = false;
}

onDrop((files) => look(files), refuse);
document.addEventListener("change", (event) => {
  if (event.target.id === "photos" && adding().elements.namedItem("name").value.trim()) look([...event.target.files]);
});
document.addEventListener("submit", (event) => {
  if (event.submitter?.name === "enter") return;
  if (event.target.id === "health") {
    event.preventDefault();
    ask(event.target);
  } else if (event.target === adding() && adding().image.files.length) {
    event.preventDefault();
    look([...adding().image.files]);
  }
});
