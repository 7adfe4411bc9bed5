// Review by keyboard: the next question is there before the answer was sent. Without this script, each is a page.

const review = document.getElementById("review"), list = review.querySelector(".questions");
const message = review.querySelector(".message"), end = review.querySelector(".end"), shortcuts = review.querySelector(".shortcuts");
const ENOUGH = 4, SHORTCUTS = "faces-shortcuts";
// Answered and skipped questions, the last one last, with the promise of the number of the change.
const history = [];
let done = Number(review.dataset.done), loading = null, sending = Promise.resolve(), pending = 0;

const current = () => list.querySelector(".question:not([hidden])");
const keys = { y: "[value=yes]", n: "[value=no]", s: ".later", u: ".back" };

function count(change) {
  done += change;
  const bar = review.querySelector("progress"), left = Math.max(0, bar.max - done).toLocaleString("en-US");
  bar.value = done;
  review.querySelector(".count").textContent = `${done} ${done === 1 ? "decision" : "decisions"} made, ${left}${review.dataset.more} left.`;
}

function say(sentence, isProblem = false) {
  message.textContent = sentence;
  message.classList.toggle("visually-hidden", !isProblem);
  message.classList.toggle("problem", isProblem);
}

function focus() {
  const question = current();
  end.hidden = Boolean(question);
  (question?.querySelector("h2") ?? end).focus();
}

async function load() {
  const last = list.lastElementChild, link = last?.querySelector(".later");
  if (!link || list.querySelectorAll(".question[hidden]:not(.past)").length >= ENOUGH) return;
  const answer = await fetch(link.href).catch(() => null);
  if (!answer?.ok) return;
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  for (const question of page.querySelectorAll(".question")) {
    question.hidden = true;
    list.append(question);
  }
}

// Show the first question that was neither answered nor skipped.
function proceed() {
  const question = list.querySelector(".question:not(.past)");
  if (question) question.hidden = false;
  focus();
}

function next(entry) {
  history.push(entry);
  entry.question.classList.add("past");
  entry.question.hidden = true;
  proceed();
  loading ??= load().finally(() => {
    loading = null;
    if (!current() && list.querySelector(".question:not(.past)")) proceed();
  });
}

function show(question) {
  const shown = current();
  if (shown) shown.hidden = true;
  question.classList.remove("past");
  question.hidden = false;
  focus();
}

// Send a form after those before it, and return the answer. Without `change`, nothing was saved.
function send(address, makeData) {
  pending += 1;
  return sending = sending.then(async () => {
    const data = await makeData();
    const answer = data && await fetch(address, { method: "POST", body: data, headers: { Accept: "application/json" } });
    if (!answer) return {};
    if (answer.headers.get("Content-Type") === "application/json") return { ok: answer.ok, ...await answer.json() };
    // The session has expired, or the server failed.
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    return { lost: page.querySelector(".error .lede").textContent };
  }).catch(() => ({ lost: "The connection was lost." })).finally(() => { pending -= 1; });
}

async function decide(form, button) {
  const data = new FormData(form), question = form.closest(".question");
  data.set("answer", button.value);
  const answer = send(form.action, () => data);
  const entry = { question, change: answer.then(({ change }) => change) };
  say("");
  count(1);
  next(entry);
  const { ok, message: sentence, lost } = await answer;
  if (ok) {
    // A problem stays until the next decision.
    if (!message.classList.contains("problem")) say(sentence);
    return;
  }
  count(-1);
  const place = history.indexOf(entry);
  if (place >= 0) history.splice(place, 1);
  if (place >= 0 && lost) show(question);
  say(lost ? `${lost} The question is shown again.` : sentence, true);
}

async function undo() {
  const entry = history.pop();
  if (!entry) return say("There is no decision to undo on this page.");
  show(entry.question);
  const { ok, message: sentence, lost } = await send(document.getElementById("undo").action, async () => {
    const data = new FormData(), change = await entry.change;
    data.set("change", change);
    return change && data;
  });
  if (ok) count(-1);
  if (sentence || lost) say(sentence ?? `${lost} The decision was not undone.`, !ok);
}

list.addEventListener("submit", (event) => {
  event.preventDefault();
  decide(event.target, event.submitter);
});
list.addEventListener("click", (event) => {
  if (event.target.closest(".back")) undo();
  if (!event.target.closest(".later") || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  next({ question: current() });
});
// People who control the browser by speech turn the shortcuts off.
shortcuts.checked = localStorage.getItem(SHORTCUTS) !== "off";
shortcuts.addEventListener("change", () => localStorage.setItem(SHORTCUTS, shortcuts.checked ? "on" : "off"));
window.addEventListener("beforeunload", (event) => { if (pending) event.preventDefault(); });
document.addEventListener("keydown", (event) => {
  if (!shortcuts.checked || event.ctrlKey || event.metaKey || event.altKey || event.repeat || event.target.matches("input, textarea, select")) return;
  const selector = keys[event.key.toLowerCase()];
  if (!selector) return;
  event.preventDefault();
  if (selector === keys.u) undo();
  else current()?.querySelector(selector).click();
});
