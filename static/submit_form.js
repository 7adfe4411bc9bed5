// Submit a form with progress, and show the page that the server returns.
// The response is lines of JSON: {"step": sentence, "photo": number} during the work, then {"status", "page"}.

const LOST = "The connection was lost. Check your network and try again.";

let shownAt;

function post(form, showStep, button) {
  const request = new XMLHttpRequest();
  let read = 0, last = null;
  function lines() {
    for (let end; (end = request.responseText.indexOf("\n", read)) >= 0; read = end + 1) {
      last = JSON.parse(request.responseText.slice(read, end));
      if (last.step) showStep(last.step, undefined, last.photo);
    }
  }
  const isLines = () => request.getResponseHeader("Content-Type")?.startsWith("application/x-ndjson");
  const response = new Promise((resolve, reject) => {
    request.upload.onprogress = (event) => { if (event.lengthComputable) showStep("Uploading…", event.loaded / event.total); };
    request.upload.onload = () => showStep("Uploaded. Reading photo…");
    request.onprogress = () => isLines() && lines();
    request.onload = () => {
      if (!isLines()) return resolve({ status: request.status, page: request.responseText });
      lines();
      return last.page ? resolve(last) : reject(new Error(LOST));
    };
    request.onerror = () => reject(new Error(LOST));
    request.onabort = () => resolve(null);
  });
  request.open("POST", form.action);
  request.setRequestHeader("Accept", "application/x-ndjson, text/html;q=0.5");
  const data = new FormData(form);
  if (button) data.append(button.name, button.value);
  request.send(data);
  return { response, cancel: () => request.abort() };
}

const KEPT = "faces-results-";
const MOST_KEPT = 3;

const keptPages = () => Object.keys(sessionStorage).filter((key) => key.startsWith(KEPT)).sort();

// Results stay in this browser tab until it is closed, so that Back and reload show them again.
export function keepPage() {
  const main = document.querySelector("main");
  if (!shownAt || !main.querySelector(".cards")) return;
  const page = JSON.stringify([document.title, main.outerHTML]), others = keptPages().filter((key) => key !== KEPT + shownAt);
  // The oldest results are removed. Results that need more space than the browser gives are not kept.
  while (others.length >= MOST_KEPT || !store(page) && others.length) sessionStorage.removeItem(others.shift());
}

// Return whether the browser has space for the page.
function store(page) {
  try {
    sessionStorage.setItem(KEPT + shownAt, page);
    return true;
  } catch {
    return false;
  }
}

export function forgetPages() {
  for (const key of keptPages()) sessionStorage.removeItem(key);
}

// Show the results of this history entry again.
export function restorePage() {
  const kept = sessionStorage.getItem(KEPT + history.state?.shownAt);
  if (!kept) return;
  shownAt = history.state.shownAt;
  display(...JSON.parse(kept));
}

// The page with the form has loaded the style sheets and scripts of the page that replaces its content.
function display(title, html) {
  document.title = title;
  document.querySelector("main").outerHTML = html;
  document.querySelector("main").focus({ preventScroll: true });
}

function showPage(page, address, replace) {
  // The address of the results is that of the form, so that reload shows them again.
  shownAt = Date.now();
  history[replace ? "replaceState" : "pushState"]({ shownAt }, "", address);
  window.scrollTo(0, 0);
  display(page.title, page.querySelector("main").outerHTML);
  keepPage();
}

// Back and forward lead to pages that were replaced, so reload them. Links to faces stay on the page.
window.addEventListener("popstate", () => {
  if (!location.hash && history.state?.shownAt !== shownAt) location.reload();
});

// Return "shown", "canceled", or the problem: { sentence, retry: whether trying again may help }.
// `prefix` starts every step's text. With `replace` the new page replaces this one in the browser history. The value of
// `button` is sent too. `onStep` gets the share of bytes sent, and after that the number of the photo in progress.
export async function submitForm(form, { prefix = "", replace = false, button, onStep } = {}) {
  const waiting = form.querySelector(".waiting");
  const [bar, state, cancel] = ["progress", ".state", ".cancel"].map((selector) => waiting.querySelector(selector));
  function showStep(sentence, share, photo) {
    onStep?.(share, photo);
    if (state.textContent !== prefix + sentence) state.textContent = prefix + sentence;
    if (share === undefined) bar.removeAttribute("value");
    else bar.value = 100 * share;
  }
  form.classList.add("busy");
  waiting.hidden = false;
  showStep("Uploading…", 0);
  const sending = post(form, showStep, button);
  cancel.onclick = sending.cancel;
  if (!form.contains(document.activeElement) || document.activeElement.matches("input, [type=submit]")) cancel.focus();
  try {
    const response = await sending.response;
    if (!response) return "canceled";
    const page = new DOMParser().parseFromString(response.page, "text/html");
    const problem = page.querySelector("#problem, .error .lede")?.textContent.trim();
    if (problem) return { sentence: problem, retry: response.status >= 429 };
    showPage(page, form.action, replace);
    return "shown";
  } catch (error) {
    return { sentence: error.message, retry: true };
  } finally {
    form.classList.remove("busy");
    waiting.hidden = true;
    state.textContent = "";
  }
}
