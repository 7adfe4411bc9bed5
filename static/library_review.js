// Review by keyboard: the next question is there before the answer was sent. Without this script, each is a page.

const review = document.getElementById("review"), list = review.querySelector(".questions");
const message = review.querySelector(".message"), end = review.querySelector(".end");
const ENOUGH = 4, LOST = "The connection was lost. The question is shown again.";
// Answered and skipped questions, the last one last, with the promise of the number of the change.
const history = [];
let done = Number(review.dataset.done), loading = null, sending = Promise.resolve();

const current = () => list.querySelector(".question:not([hidden])");
const keys = { y: "[value=yes]", n: "[value=no]", s: ".later", u: ".back" };

function count(change) {
  done += change;
  const bar = review.querySelector("progress"), left = Math.max(0, bar.max - done);
  bar.value = done;
  review.querySelector(".count").textContent = `${done} ${done === 1 ? "decision" : "decisions"} made, ${left} left.`;
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

function next(change) {
  const question = current();
  history.push({ question, change });
  question.classList.add("past");
  question.hidden = true;
  const following = question.nextElementSibling;
  if (following) following.hidden = false;
  focus();
  loading ??= load().finally(() => {
    loading = null;
    const waiting = list.querySelector(".question:not(.past)");
    if (!current() && waiting) {
      waiting.hidden = false;
      focus();
    }
  });
}

function show(question) {
  const shown = current();
  if (shown) shown.hidden = true;
  question.classList.remove("past");
  question.hidden = false;
  focus();
}

// Send a form of an answer, in the order of the answers, and return the number of the change.
async function send(address, data) {
  const answer = await fetch(address, { method: "POST", body: data, headers: { Accept: "application/json" } });
  const { message: sentence, change } = await answer.json();
  say(sentence, !answer.ok);
  return change;
}

function decide(form, button) {
  const data = new FormData(form), question = form.closest(".question");
  data.set("answer", button.value);
  const change = sending.then(() => send(form.action, data)).then((number) => {
    // The question was answered elsewhere meanwhile.
    if (!number) count(-1);
    return number;
  }).catch(() => {
    count(-1);
    history.splice(history.findIndex((entry) => entry.question === question), 1);
    show(question);
    say(LOST, true);
    return null;
  });
  sending = change;
  count(1);
  next(change);
}

async function undo() {
  const entry = history.pop();
  if (!entry) return say("There is no decision to undo on this page.");
  show(entry.question);
  const change = await entry.change;
  if (!change) return;
  count(-1);
  const data = new FormData();
  data.set("change", change);
  sending = sending.then(() => send(document.getElementById("undo").action, data)).catch(() => say(LOST, true));
}

list.addEventListener("submit", (event) => {
  event.preventDefault();
  decide(event.target, event.submitter);
});
list.addEventListener("click", (event) => {
  if (event.target.closest(".back")) undo();
  if (!event.target.closest(".later") || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  next(null);
});
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.repeat || event.target.matches("input, textarea, select")) return;
  const selector = keys[event.key.toLowerCase()];
  if (!selector) return;
  event.preventDefault();
  if (selector === keys.u) undo();
  else current()?.querySelector(selector).click();
});
