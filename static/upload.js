// Comfort for the upload page: shows the picture while it is being looked at, and searches as one types.
// Without this script the forms work by themselves.

const form = document.getElementById("upload");
const input = document.getElementById("image");
const preview = document.getElementById("preview");
const state = document.getElementById("state");
const problem = document.getElementById("problem");
const picture = preview.querySelector("img");
const filename = preview.querySelector(".filename");

function send(file) {
  reset();
  const limit = Number(form.dataset.maxBytes);
  if (file.size > limit) {
    refuse(`“${file.name}” is too large: ${limit / 1e6} MB are the most that can be sent.`);
    return;
  }
  show(file);
  form.classList.add("busy");
  form.setAttribute("aria-busy", "true");
  state.textContent = "Finding faces…";
  form.submit();
  input.disabled = true;
}

function show(file) {
  picture.onload = () => { picture.hidden = false; filename.hidden = true; };
  // A type that this browser cannot draw (HEIC, TIFF) is shown by its name.
  picture.onerror = () => { picture.hidden = true; filename.hidden = false; };
  filename.textContent = file.name;
  filename.hidden = false;
  picture.src = URL.createObjectURL(file);
  preview.hidden = false;
}

function refuse(sentence) {
  input.value = "";
  problem.textContent = sentence;
}

function reset() {
  if (picture.src) URL.revokeObjectURL(picture.src);
  picture.removeAttribute("src");
  picture.hidden = preview.hidden = true;
  form.classList.remove("busy", "over");
  form.removeAttribute("aria-busy");
  input.disabled = false;
  state.textContent = problem.textContent = "";
}

function dropped(event) {
  event.preventDefault();
  form.classList.remove("over");
  const files = event.dataTransfer.files;
  if (form.classList.contains("busy")) return;
  if (files.length !== 1) {
    refuse(files.length ? "Please drop one image at a time." : "That was not an image file. Save it first, then drop the file.");
    return;
  }
  input.files = files;
  send(files[0]);
}

// The whole window takes a drop: a file let go beside the box would otherwise replace the page.
window.addEventListener("dragover", (event) => {
  event.preventDefault();
  form.classList.add("over");
});
window.addEventListener("dragleave", (event) => {
  if (!event.relatedTarget) form.classList.remove("over");
});
window.addEventListener("drop", dropped);
input.addEventListener("change", () => input.files.length && send(input.files[0]));
// Back from the results, a browser may show this page as it was left: waiting.
window.addEventListener("pageshow", (event) => {
  if (event.persisted) {
    form.reset();
    reset();
  }
});
form.classList.add("scripted");

const search = document.getElementById("search");
let latest = new AbortController();

async function find() {
  latest.abort();
  latest = new AbortController();
  const address = new URL(search.action);
  if (search.q.value.trim()) address.searchParams.set("q", search.q.value);
  const answer = await fetch(address, { signal: latest.signal });
  if (!answer.ok) return;
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  document.getElementById("people").replaceChildren(...page.getElementById("people").childNodes);
  history.replaceState(null, "", address);
}

let pause;
search.addEventListener("input", () => {
  clearTimeout(pause);
  pause = setTimeout(() => find().catch(() => {}), 150);
});
