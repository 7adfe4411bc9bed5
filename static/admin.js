// Pages for administrators: review dropped or selected photos in small batches, and show the progress of long steps.
// Without this script the forms do the same in one step.

import { attempt, checkFiles, onDrop, setFiles } from "./photo_files.js";
import { submitForm } from "./submit_form.js";

const BATCH_SIZE = 8;

const photoForm = () => document.getElementById("add-person");
let busy = false;

function showProblem(sentence) {
  document.getElementById("problem").textContent = sentence;
}

// Split files into requests. Each request also carries the photos that were reviewed before.
function batchesOf(files, limits) {
  const batches = [];
  for (const file of files) {
    const last = batches.at(-1);
    const bytes = last?.reduce((sum, other) => sum + other.size, file.size);
    if (last && last.length < BATCH_SIZE && bytes < limits.total / 2) last.push(file);
    else batches.push([file]);
  }
  return batches;
}

async function reviewPhotos(files) {
  if (busy || !files.length || !photoForm()) return;
  busy = true;
  showProblem("");
  await attempt(async () => {
    const limits = JSON.parse(photoForm().dataset.limits);
    const reviewed = photoForm().querySelectorAll("[name=photo]").length;
    const { usable, problems } = checkFiles(files, { ...limits, total: Infinity, photos: limits.photos - reviewed });
    setFiles(usable, photoForm().image);
    if (!photoForm().reportValidity()) return;
    let done = 0;
    for (const batch of batchesOf(usable, limits)) {
      setFiles(batch, photoForm().image);
      const prefix = usable.length > batch.length ? `${done + 1} to ${done + batch.length} of ${usable.length}. ` : "";
      const outcome = await submitForm(photoForm(), { prefix, replace: done > 0 });
      if (outcome === "shown") done += batch.length;
      else if (outcome === "canceled") return showProblem("Canceled. Photos reviewed before stay on this page.");
      else return showProblem(outcome.sentence);
    }
    showProblem(problems.join("\n"));
  }, showProblem);
  busy = false;
}

async function checkGallery(form) {
  if (busy) return;
  busy = true;
  showProblem("");
  const outcome = await submitForm(form, { replace: true });
  if (outcome.sentence) showProblem(outcome.sentence);
  busy = false;
}

onDrop((files) => reviewPhotos(files), showProblem);
document.addEventListener("change", (event) => {
  if (event.target.id === "photos" && photoForm().elements.namedItem("name").value.trim()) reviewPhotos([...event.target.files]);
});
document.addEventListener("submit", (event) => {
  if (event.submitter?.name === "enroll") return;
  if (event.target.id === "gallery-check") {
    event.preventDefault();
    checkGallery(event.target);
  } else if (event.target === photoForm() && photoForm().image.files.length) {
    event.preventDefault();
    reviewPhotos([...photoForm().image.files]);
  }
});
// Select all photos of a group.
document.addEventListener("change", ({ target }) => {
  const group = target.closest("section"), all = group?.querySelector(".all");
  if (target === all) for (const box of group.querySelectorAll("li input")) box.checked = all.checked;
  else if (all) all.checked &&= target.checked;
});
