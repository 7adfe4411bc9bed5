// Comparison page: one photo per side, dropped, selected or pasted. The button sends both.
// The results page has no form, so this script does nothing there.

import { attempt, checkFiles, clearPreviews, InputError, onDrop, onPaste, readLimits, setFiles, showPreviews } from "./photo_files.js";
import { submitForm } from "./submit_form.js";

const form = document.getElementById("compare");

function setUp() {
  const problem = document.getElementById("problem");
  const boxes = [...form.querySelectorAll(".dropbox")];
  const limits = readLimits(form);
  const inputOf = (box) => box.querySelector("input");
  const showProblem = (sentence) => { problem.textContent = sentence; };

  async function setPhoto(file, box) {
    problem.textContent = "";
    checkFiles([file], limits, 1);
    await showPreviews([file], box.querySelector(".previews"), limits);
    setFiles([file], inputOf(box));
    box.classList.add("chosen");
  }

  async function accept(files, target) {
    if (files.length === 2) {
      const problems = [];
      for (const [side, file] of files.entries()) await attempt(() => setPhoto(file, boxes[side]), (sentence) => problems.push(sentence));
      showProblem(problems.join("\n"));
    } else {
      checkFiles(files, limits, 2);
      await setPhoto(files[0], target.closest?.(".dropbox") ?? boxes.find((box) => !inputOf(box).files.length) ?? boxes[0]);
    }
  }

  function clearPhoto(box) {
    inputOf(box).value = "";
    clearPreviews(box.querySelector(".previews"));
    box.classList.remove("chosen");
  }

  async function sendBoth(event) {
    event.preventDefault();
    problem.textContent = "";
    checkFiles(boxes.flatMap((box) => [...inputOf(box).files]), limits, 2);
    const outcome = await submitForm(form);
    if (outcome === "canceled") showProblem("Canceled. Nothing was saved.");
    else if (outcome !== "shown") showProblem(outcome.sentence);
  }

  onDrop(accept, showProblem);
  onPaste(accept, showProblem);
  for (const box of boxes) {
    inputOf(box).addEventListener("change", () => attempt(async () => {
      const [file] = inputOf(box).files;
      if (!file) return clearPhoto(box);
      try {
        await setPhoto(file, box);
      } catch (error) {
        if (error instanceof InputError) clearPhoto(box);
        throw error;
      }
    }, showProblem));
  }
  form.addEventListener("submit", (event) => attempt(() => sendBoth(event), showProblem));
  form.classList.add("scripted");
}

if (form) setUp();
