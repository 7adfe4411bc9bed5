// Submit a form with progress, and show the page that the server returns.
// The response is lines of JSON: {"step": sentence} during the work, then {"status", "page"}.

const LOST = "The connection was lost. Check your network and try again.";

let shownAt;

function post(form, showStep) {
  const request = new XMLHttpRequest();
  let read = 0, last = null;
  function lines() {
    for (let end; (end = request.responseText.indexOf("\n", read)) >= 0; read = end + 1) {
      last = JSON.parse(request.responseText.slice(read, end));
      if (last.step) showStep(last.step);
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
  request.send(new FormData(form));
  return { response, cancel: () => request.abort() };
}

async function showPage(page, address, replace) {
  const loaded = [...document.styleSheets].map((sheet) => sheet.href);
  await Promise.all([...page.querySelectorAll("link[rel=stylesheet]")].filter((link) => !loaded.includes(link.href)).map((link) => new Promise((done) => {
    const copy = document.createElement("link");
    copy.rel = "stylesheet";
    copy.onload = copy.onerror = done;
    copy.href = link.href;
    document.head.append(copy);
  })));
  const scripts = [...page.querySelectorAll("script[type=module]")].map((script) => script.src);
  // At the results' address a reload asks for the photo again, since results are not stored.
  shownAt = Date.now();
  history[replace ? "replaceState" : "pushState"]({ shownAt }, "", address);
  document.title = page.title;
  document.querySelector("main").replaceWith(document.adoptNode(page.querySelector("main")));
  window.scrollTo(0, 0);
  document.querySelector("main").focus({ preventScroll: true });
  for (const script of scripts) await import(script);
}

// Back and forward lead to pages that were replaced, so reload them. Links to faces stay on the page.
window.addEventListener("popstate", () => {
  if (!location.hash && history.state?.shownAt !== shownAt) location.reload();
});

// Return "shown", "canceled", or the problem: { sentence, retry: whether trying again may help }.
// `prefix` starts every step's text. With `replace` the new page replaces this one in the browser history.
export async function submitForm(form, { prefix = "", replace = false } = {}) {
  const waiting = form.querySelector(".waiting");
  const [bar, state, cancel] = ["progress", ".state", ".cancel"].map((selector) => waiting.querySelector(selector));
  function showStep(sentence, share) {
    if (state.textContent !== prefix + sentence) state.textContent = prefix + sentence;
    if (share === undefined) bar.removeAttribute("value");
    else bar.value = 100 * share;
  }
  form.classList.add("busy");
  waiting.hidden = false;
  showStep("Uploading…", 0);
  const sending = post(form, showStep);
  cancel.onclick = sending.cancel;
  if (!form.contains(document.activeElement) || document.activeElement.matches("input, [type=submit], .retry")) cancel.focus();
  try {
    const response = await sending.response;
    if (!response) return "canceled";
    const page = new DOMParser().parseFromString(response.page, "text/html");
    const problem = page.querySelector("#problem, .error .lede")?.textContent.trim();
    if (problem) return { sentence: problem, retry: response.status >= 429 };
    await showPage(page, form.action, replace);
    return "shown";
  } catch (error) {
    return { sentence: error.message, retry: true };
  } finally {
    form.classList.remove("busy");
    waiting.hidden = true;
    state.textContent = "";
  }
}
