// Upload page and comparison page: dropped, selected or pasted photos are previewed. The upload page sends them
// immediately. The comparison page has a box for each photo, and its button sends both.
// Without this script the forms work with their buttons.

import { attempt, checkFiles, listFiles, onDrop, onPaste, setFiles, setState, sizeOf } from "./photo_files.js";
import { keepPage, restorePage, submitForm } from "./submit_form.js";

const form = document.querySelector("form.upload");
const problem = document.getElementById("problem");
const boxes = [...form.querySelectorAll(".dropbox")];
const button = form.querySelector("[type=submit]");
const limits = JSON.parse(form.dataset.limits);
const isImmediate = form.id === "upload";
let busy = false;
let sample;

const inputOf = (box) => box.querySelector("input");
const listOf = (box) => box.querySelector(".previews");
const itemsOf = (box) => [...listOf(box).children];
const usableItems = () => boxes.flatMap(itemsOf).filter((item) => item.className !== "failed");

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
  listOf(box).replaceChildren();
  box.classList.remove("chosen");
  button.hidden = isImmediate;
}

async function choose(files, box) {
  try {
    // Thumbnails of a whole folder would need too much memory.
    if (files.length > 2 * limits.photos) checkFiles(files, limits);
    box.classList.add("chosen");
    await listFiles(files, listOf(box), limits);
    select(box);
  } catch (error) {
    if (!isImmediate || !usableItems().length) clear(box);
    button.hidden = isImmediate && !usableItems().length;
    throw error;
  }
}

// Put the listed files that can be sent into the form, or throw an InputError.
function select(box) {
  setFiles(checkFiles(itemsOf(box).map((item) => item.file), limits).usable, inputOf(box));
}

function remove(item, box) {
  const list = item.parentElement;
  item.remove();
  if (form.isConnected) {
    showProblem("");
    if (list.childElementCount) attempt(() => select(box), showProblem);
    else clear(box);
  } else keepPage(); // The list of files that were not sent is on the results page.
  (list.querySelector("button") ?? document.querySelector("main")).focus();
}

const accept = (files, target) => whileIdle(async () => {
  showProblem("");
  sample = undefined;
  const chosen = target.closest?.(".dropbox") ?? boxes.find((box) => !inputOf(box).files.length) ?? boxes[0];
  if (!files.length) clear(chosen);
  else if (!isImmediate) {
    const problems = [];
    const pairs = files.length === 2 ? boxes.map((box, side) => [files[side], box]) : [[files[0], chosen]];
    if (files.length > 2) checkFiles(files, limits);
    for (const [file, box] of pairs) await attempt(() => choose([file], box), (sentence) => problems.push(sentence));
    showProblem(problems.join("\n"));
  } else {
    await choose(files, chosen);
    await send();
  }
});

function showStates(share, photo = 1) {
  const items = usableItems();
  let left = share * sizeOf(items.map((item) => item.file));
  for (const [index, { file }] of items.entries()) {
    let state = left < 0 ? "Waiting" : left < file.size ? "Sending…" : "Sent";
    if (share === undefined) state = ["Done", "Identifying…", "Sent"][1 + Math.sign(index + 1 - photo)];
    setState(items[index], state);
    left -= file.size;
  }
}

async function send() {
  if (!sample) {
    boxes.forEach(select);
    checkFiles(boxes.flatMap((box) => [...inputOf(box).files]), limits);
  }
  showProblem("");
  const outcome = await submitForm(form, { button: sample, onStep: showStates });
  if (outcome === "shown") {
    const list = listOf(boxes[0]);
    list.ariaLabel = "Files not sent";
    for (const item of usableItems()) item.remove();
    if (!list.childElementCount) return;
    document.querySelector(".intro")?.after(list);
    keepPage();
    return;
  }
  showProblem(outcome.sentence ?? "Canceled. Nothing was saved.");
  if (!isImmediate) return;
  if (!outcome.retry) clear(boxes[0]);
  button.hidden = !outcome.retry;
  (outcome.retry ? button : inputOf(boxes[0])).focus();
}

onDrop(accept, showProblem);
onPaste(accept, showProblem);
for (const box of boxes) inputOf(box).addEventListener("change", ({ target }) => accept([...target.files], box));
document.addEventListener("click", ({ target }) => {
  if (!busy && target.matches(".previews .remove")) remove(target.closest("li"), target.closest(".dropbox"));
});
form.addEventListener("submit", (event) => {
  event.preventDefault();
  whileIdle(async () => {
    if (event.submitter?.name === "sample") {
      sample = event.submitter;
      clear(boxes[0]);
    }
    await send();
  });
});
form.classList.add("scripted");
form.noValidate = button.hidden = isImmediate;

restorePage();
