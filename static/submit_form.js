// Sends a form's photos, tells how far that is, and shows the page that comes back.
// The server answers with lines of JSON: {"step": sentence} while it works, {"status", "page"} at the end.

const LOST = "The connection was lost before the answer came. Check it, and try again.";

let shown;

function transport(form, tell) {
  const request = new XMLHttpRequest();
  let read = 0, last = null;
  function lines() {
    for (let end; (end = request.responseText.indexOf("\n", read)) >= 0; read = end + 1) {
      last = JSON.parse(request.responseText.slice(read, end));
      if (last.step) tell(last.step);
    }
  }
  const isLines = () => request.getResponseHeader("Content-Type")?.startsWith("application/x-ndjson");
  const answer = new Promise((resolve, reject) => {
    request.upload.onprogress = (event) => { if (event.lengthComputable) tell("Sending…", event.loaded / event.total); };
    request.upload.onload = () => tell("Sent. The server is reading it…");
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
  return { answer, cancel: () => request.abort() };
}

async function replacePage(page, address, again) {
  const known = [...document.styleSheets].map((sheet) => sheet.href);
  await Promise.all([...page.querySelectorAll("link[rel=stylesheet]")].filter((link) => !known.includes(link.href)).map((link) => new Promise((done) => {
    const copy = document.createElement("link");
    copy.rel = "stylesheet";
    copy.onload = copy.onerror = done;
    copy.href = link.href;
    document.head.append(copy);
  })));
  const scripts = [...page.querySelectorAll("script[type=module]")].map((script) => script.src);
  // The page's own address: reloading it asks for the photo again, since nothing was kept.
  shown = Date.now();
  history[again ? "replaceState" : "pushState"]({ shown }, "", address);
  document.title = page.title;
  document.querySelector("main").replaceWith(document.adoptNode(page.querySelector("main")));
  window.scrollTo(0, 0);
  document.querySelector("main").focus({ preventScroll: true });
  for (const script of scripts) await import(script);
}

// Back and forward lead to pages that this one has replaced; steps to a face stay on it.
window.addEventListener("popstate", () => {
  if (!location.hash && history.state?.shown !== shown) location.reload();
});

// Gives back "shown", "canceled", or what went wrong: { sentence, again: whether trying again may help }.
// What the visitor is told begins with `prefix`; with `again` the page takes the place of this one in the history.
export async function send(form, { prefix = "", again = false } = {}) {
  const waiting = form.querySelector(".waiting");
  const [bar, state, cancel] = ["progress", ".state", ".cancel"].map((one) => waiting.querySelector(one));
  function tell(sentence, share) {
    if (state.textContent !== prefix + sentence) state.textContent = prefix + sentence;
    if (share === undefined) bar.removeAttribute("value");
    else bar.value = 100 * share;
  }
  form.classList.add("busy");
  waiting.hidden = false;
  tell("Sending…", 0);
  const sending = transport(form, tell);
  cancel.onclick = sending.cancel;
  if (!form.contains(document.activeElement) || document.activeElement.matches("input, [type=submit], .retry")) cancel.focus();
  try {
    const answer = await sending.answer;
    if (!answer) return "canceled";
    const page = new DOMParser().parseFromString(answer.page, "text/html");
    const problem = page.querySelector("#problem, .error .lede")?.textContent.trim();
    if (problem) return { sentence: problem, again: answer.status >= 429 };
    await replacePage(page, form.action, again);
    return "shown";
  } catch (error) {
    return { sentence: error.message, again: true };
  } finally {
    form.classList.remove("busy");
    waiting.hidden = true;
    state.textContent = "";
  }
}
