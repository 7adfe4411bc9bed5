// The page that compares: a photo on either side, dropped, picked or pasted; the button sends both.
// After the answer the form is gone, and there is nothing to do here.

import { attempt, checkAll, clear, limitsOf, onDrop, onPaste, put, Refused, show } from "./photo_files.js";
import { send } from "./submit_form.js";

const form = document.getElementById("compare");

function prepare() {
  const problem = document.getElementById("problem");
  const boxes = [...form.querySelectorAll(".dropbox")];
  const limits = limitsOf(form);
  const inputOf = (box) => box.querySelector("input");
  const refuse = (sentence) => { problem.textContent = sentence; };

  async function place(file, box) {
    problem.textContent = "";
    checkAll([file], limits, 1);
    await show([file], box.querySelector(".previews"), limits);
    put([file], inputOf(box));
    box.classList.add("chosen");
  }

  async function take(files, target) {
    checkAll(files, limits, 2);
    if (files.length === 2) {
      await Promise.all(files.map((file, side) => place(file, boxes[side])));
    } else {
      await place(files[0], target.closest?.(".dropbox") ?? boxes.find((box) => !inputOf(box).files.length) ?? boxes[0]);
    }
  }

  function empty(box) {
    inputOf(box).value = "";
    clear(box.querySelector(".previews"));
    box.classList.remove("chosen");
  }

  async function sendBoth(event) {
    event.preventDefault();
    problem.textContent = "";
    checkAll(boxes.flatMap((box) => [...inputOf(box).files]), limits, 2);
    const outcome = await send(form);
    if (outcome === "canceled") refuse("Canceled. Nothing was kept.");
    else if (outcome !== "shown") refuse(outcome.sentence);
  }

  onDrop(take, refuse);
  onPaste(take, refuse);
  for (const box of boxes) {
    inputOf(box).addEventListener("change", () => attempt(async () => {
      const [file] = inputOf(box).files;
      if (!file) return empty(box);
      try {
        await place(file, box);
      } catch (error) {
        if (error instanceof Refused) empty(box);
        throw error;
      }
    }, refuse));
  }
  form.addEventListener("submit", (event) => attempt(() => sendBoth(event), refuse));
  form.classList.add("scripted");
}

if (form) prepare();
