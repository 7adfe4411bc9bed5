// Upload page and comparison page: dropped, selected or pasted photos are previewed. The upload page sends them
// immediately. The comparison page has a box for each photo, and its button sends both.
// Without this script the forms work with their buttons.

import { attempt, checkFiles, clearList, listFiles, onDrop, onPaste, problemOf, readLimits, reduceFiles, setFiles, sizeOf } from "./photo_files.js";
import { restorePage, submitForm } from "./submit_form.js";

const form = document.querySelector("form.upload");
const problem = document.getElementById("problem");
const boxes = [...form.querySelectorAll(".dropbox")];
const lists = new Map(boxes.map((box) => [box, box.querySelector(".previews")]));
const retry = form.querySelector(".retry");
const limits = readLimits(form);
let busy = false;
let sample;

const inputOf = (box) => box.querySelector("input");
const itemsOf = (box) => [...lists.get(box).children];
const isUsable = (item) => !item.matches(".failed");

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
  clearList(lists.get(box));
  box.classList.remove("chosen");
}

function offer(label) {
  retry.textContent = label;
  retry.hidden = false;
}

function setState(item, state, failed = false) {
  item.querySelector(".photo-state").textContent = state;
  item.classList.toggle("failed", failed);
}

async function choose(files, box) {
  try {
    // Thumbnails of a whole folder would need too much memory.
    if (files.length > 2 * limits.photos) checkFiles(files, limits);
    listFiles(files, lists.get(box));
    box.classList.add("chosen");
    for (const item of itemsOf(box)) setState(item, "Preparing…");
    const reduced = await reduceFiles(files, limits);
    for (const [index, item] of itemsOf(box).entries()) {
      item.file = reduced[index];
      const sentence = problemOf(item.file, limits);
      setState(item, sentence ?? "Waiting", Boolean(sentence));
      if (sentence) lists.get(box).append(item);
    }
    select(box);
  } catch (error) {
    if (!retry || !itemsOf(box).some(isUsable)) clear(box);
    else offer("Find faces");
    throw error;
  }
}

// Put the listed files that can be sent into the form, or throw an InputError.
function select(box) {
  setFiles(checkFiles(itemsOf(box).map((item) => item.file), limits).usable, inputOf(box));
}

function remove(item, box) {
  URL.revokeObjectURL(item.querySelector("img")?.src);
  item.remove();
  showProblem("");
  if (!itemsOf(box).length) clear(box);
  // The list moves to the results page if some files were not sent.
  if (!form.isConnected) return showNotSent();
  if (itemsOf(box).length) attempt(() => select(box), showProblem);
  else retry.hidden = true;
  (lists.get(box).querySelector("button") ?? inputOf(box)).focus();
}

const accept = (files, target) => whileIdle(async () => {
  showProblem("");
  sample = undefined;
  const chosen = target.closest?.(".dropbox") ?? boxes.find((box) => !inputOf(box).files.length) ?? boxes[0];
  if (!files.length) clear(chosen);
  else if (!retry) {
    const problems = [];
    const pairs = files.length === 2 ? boxes.map((box, side) => [files[side], box]) : [[files[0], chosen]];
    if (files.length > 2) checkFiles(files, limits);
    for (const [file, box] of pairs) await attempt(() => choose([file], box), (sentence) => problems.push(sentence));
    showProblem(problems.join("\n"));
  } else {
    retry.hidden = true;
    await choose(files, chosen);
    await send();
  }
});

function showStates(share, photo = 1) {
  const items = boxes.flatMap(itemsOf).filter(isUsable);
  const sent = share * sizeOf(items.map((item) => item.file));
  let start = 0;
  for (const [index, item] of items.entries()) {
    const end = start + item.file.size;
    if (share === undefined) setState(item, ["Done", "Identifying…", "Sent"][1 + Math.sign(index + 1 - photo)]);
    else setState(item, sent >= end ? "Sent" : sent >= start ? "Sending…" : "Waiting");
    start = end;
  }
}

function showNotSent() {
  const count = boxes.flatMap(itemsOf).filter((item) => !isUsable(item)).length;
  showProblem(count ? `Not sent: ${count} file${count > 1 ? "s" : ""}` : "");
}

async function send() {
  if (!sample) {
    for (const box of boxes) select(box);
    checkFiles(boxes.flatMap((box) => [...inputOf(box).files]), limits);
  }
  showNotSent();
  const outcome = await submitForm(form, { button: sample, onStep: showStates });
  if (outcome === "shown") {
    for (const item of boxes.flatMap(itemsOf).filter(isUsable)) item.remove();
    if (problem.textContent) document.querySelector(".intro").after(problem, lists.get(boxes[0]));
    return;
  }
  showProblem(outcome.sentence ?? "Canceled. Nothing was saved.");
  if (!retry) return;
  if (outcome.retry) {
    for (const item of itemsOf(boxes[0]).filter(isUsable)) setState(item, "Not sent yet");
    offer("Try again");
    return retry.focus();
  }
  retry.hidden = true;
  clear(boxes[0]);
  inputOf(boxes[0]).focus();
}

onDrop(accept, showProblem);
onPaste(accept, showProblem);
for (const box of boxes) {
  inputOf(box).addEventListener("change", ({ target }) => accept([...target.files], box));
  lists.get(box).addEventListener("click", ({ target }) => {
    if (!busy && target.matches("button")) remove(target.closest("li"), box);
  });
}
form.addEventListener("submit", (event) => {
  event.preventDefault();
  whileIdle(async () => {
    if (retry) retry.hidden = true;
    if (event.submitter?.name === "sample") {
      sample = event.submitter;
      clear(boxes[0]);
    }
    await send();
  });
});
form.classList.add("scripted");

restorePage();
