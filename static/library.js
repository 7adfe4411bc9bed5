// The library's pages: suggestions for names, selection of faces, drawing of boxes, and progress.
// Without this script, forms send the same and show the same pages.

import { onDrop, setFiles } from "./photo_files.js";
import { submitForm } from "./submit_form.js";

// Suggest people for a name that is typed.
let pause;
function suggestNames(field) {
  clearTimeout(pause);
  const choices = field.closest("form").querySelector(".choices"), { value } = field;
  if (!value.trim()) return choices.replaceChildren();
  pause = setTimeout(async () => {
    const answer = await fetch(`${field.dataset.names}?name=${encodeURIComponent(value)}`).catch(() => null);
    if (!answer?.ok || field.value !== value) return;
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    choices.replaceChildren(...page.querySelector(".choices").childNodes);
  }, 150);
}
document.addEventListener("input", ({ target }) => { if (target.matches?.("[data-names]")) suggestNames(target); });
// A name may have been typed before this script was loaded.
if (document.activeElement.matches("[data-names]")) suggestNames(document.activeElement);

// Long steps show their progress.
const showProblem = (sentence) => { document.getElementById("problem").textContent = sentence; };

async function send(form, button) {
  showProblem("");
  const outcome = await submitForm(form, { button });
  if (outcome.sentence) showProblem(outcome.sentence);
}

document.addEventListener("submit", (event) => {
  if (!event.target.querySelector(".waiting")) return;
  event.preventDefault();
  send(event.target, event.submitter);
});

// Search by a photo that is dropped on the page.
if (document.getElementById("by-photo")) onDrop((files) => {
  // The results have a form of their own.
  const form = document.getElementById("by-photo");
  form.closest("details").open = true;
  setFiles(files.slice(0, 1), form.image);
  send(form);
}, showProblem);

// Select all faces of a page, or with Shift those between two. The results of a search replace the page.
let last;

const faceBoxes = () => [...document.querySelectorAll("#selection [name=face]")];

function showSelection() {
  const boxes = faceBoxes(), all = document.querySelector("#selection .all");
  if (!all) return;
  const chosen = boxes.filter((box) => box.checked).length;
  all.checked = chosen === boxes.length;
  all.indeterminate = chosen > 0 && !all.checked;
  all.parentElement.querySelector(".selected").textContent = chosen ? `${chosen} selected` : "Select all on this page";
}

document.addEventListener("click", ({ target, shiftKey }) => {
  const boxes = faceBoxes();
  if (target.matches("#selection .all")) for (const box of boxes) box.checked = target.checked;
  else if (target.matches("#selection [name=face]")) {
    if (shiftKey && last) {
      const [start, end] = [boxes.indexOf(last), boxes.indexOf(target)].sort((a, b) => a - b);
      for (const box of boxes.slice(start, end + 1)) box.checked = target.checked;
    }
    last = target;
  } else return;
  showSelection();
});
// A browser that goes back keeps the selection.
showSelection();

// Draw a box around a missed face. The number fields have the box in pixels of the photo.
const drawing = document.getElementById("draw"), canvas = document.querySelector(".library-photo .canvas");

if (drawing && canvas) {
  const form = drawing.querySelector("form"), picture = canvas.querySelector("svg");
  const width = Number(form.dataset.width), height = Number(form.dataset.height);
  const box = document.createElementNS("http://www.w3.org/2000/svg", "rect");
  box.classList.add("drawn");
  let start;

  function showBox() {
    const sides = ["x", "y", "width", "height"].map((name) => Number(form.elements[name].value));
    for (const [index, name] of ["x", "y", "width", "height"].entries()) {
      box.setAttribute(name, `${100 * sides[index] / (index % 2 ? height : width)}%`);
    }
    picture.append(box);
  }

  // The pixel of the photo under the pointer.
  function pixel(event) {
    const frame = picture.getBoundingClientRect();
    const share = [(event.clientX - frame.left) / frame.width, (event.clientY - frame.top) / frame.height];
    return share.map((part, index) => Math.round(Math.min(1, Math.max(0, part)) * [width, height][index]));
  }

  function drag(event) {
    if (!start) return;
    const end = pixel(event), { elements } = form;
    [elements.x.value, elements.y.value] = [0, 1].map((axis) => Math.min(start[axis], end[axis]));
    [elements.width.value, elements.height.value] = [0, 1].map((axis) => Math.abs(start[axis] - end[axis]));
    showBox();
  }

  drawing.addEventListener("toggle", () => {
    document.documentElement.classList.toggle("drawing", drawing.open);
    if (!drawing.open) box.remove();
  });
  form.addEventListener("input", showBox);
  canvas.addEventListener("pointerdown", (event) => {
    if (!drawing.open || event.button) return;
    event.preventDefault();
    canvas.setPointerCapture(event.pointerId);
    start = pixel(event);
  });
  canvas.addEventListener("pointermove", drag);
  canvas.addEventListener("pointerup", (event) => {
    if (!start) return;
    drag(event);
    start = undefined;
    form.elements.name.focus();
  });
  canvas.addEventListener("pointercancel", () => { start = undefined; });
}
