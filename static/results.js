// Results page: choose faces, zoom, enlarge, load details, correct in place, save and share.
// It listens on the document, because static/submit_form.js replaces the page's content.

import { forgetPages, keepPage } from "./submit_form.js";

const OVERLAY_STYLE = `circle { fill: none }
  rect { fill: none; stroke: #fff; stroke-width: 3px; filter: drop-shadow(0 0 2px #000) }
  text { fill: #fff; font: 650 14px system-ui, sans-serif; paint-order: stroke; stroke: rgb(0 0 0 / 80%); stroke-width: 4px }
  .crowded text { display: none }`;

const ACTIONS = {
  "zoom-in": (button) => zoom(button.closest("figure"), 1.6),
  "zoom-out": (button) => zoom(button.closest("figure"), 1 / 1.6),
  save: async (button) => saveFile(await drawNames(button.closest("figure")), button.dataset.file),
  share: async (button) => {
    const file = new File([await drawNames(button.closest("figure"))], "faces.png", { type: "image/png" });
    await navigator.share({ files: [file] }).catch((error) => { if (error.name !== "AbortError") throw error; });
  },
  "save-face": (button) => button.closest("dialog").querySelector("canvas").toBlob((blob) => saveFile(blob, "face.png")),
  similar: (button) => {
    for (const box of document.querySelectorAll(button.dataset.faces)) box.checked = true;
    showSelected();
  },
  forget: (button) => {
    forgetPages();
    location.assign(button.dataset.home);
  },
};

document.documentElement.classList.toggle("can-share", Boolean(navigator.canShare?.({ files: [new File([], "faces.png", { type: "image/png" })] })));

function highlight({ face }) {
  for (const element of document.querySelectorAll("[data-face]")) element.classList.toggle("chosen", element.dataset.face === face);
}

for (const kind of ["pointerover", "focusin"]) {
  document.addEventListener(kind, ({ target }) => {
    const element = target.closest?.("[data-face]");
    if (element) highlight(element.dataset);
  });
}

// Show a face with its surroundings, at the photo's resolution.
function enlarge(mark) {
  const image = mark.closest(".canvas").querySelector("img");
  const [x, y, width, height] = ["x", "y", "width", "height"].map((name) => mark.querySelector(".box")[name].baseVal.valueInSpecifiedUnits / 100);
  const [centerX, centerY] = [(x + width / 2) * image.naturalWidth, (y + height / 2) * image.naturalHeight];
  const side = 1.6 * Math.max(width * image.naturalWidth, height * image.naturalHeight);
  const dialog = document.getElementById("enlarged"), canvas = dialog.querySelector("canvas");
  canvas.width = canvas.height = Math.max(240, Math.min(1000, Math.round(side)));
  const context = canvas.getContext("2d");
  context.imageSmoothingQuality = "high";
  context.drawImage(image, centerX - side / 2, centerY - side / 2, side, side, 0, 0, canvas.width, canvas.height);
  dialog.querySelector("h2").textContent = mark.getAttribute("aria-label");
  dialog.showModal();
}

function saveFile(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-action]"), link = event.target.closest("main a[href^='#']");
  if (button) ACTIONS[button.dataset.action](button);
  if (!link) return;
  // Links between boxes and cards add no history entries.
  event.preventDefault();
  if (link.dataset.face) highlight(link.dataset);
  if (link.closest(".canvas")) return enlarge(link);
  const target = document.querySelector(link.hash);
  for (let parent = target; (parent = parent.closest("details:not([open])"));) parent.open = true;
  target.scrollIntoView({ block: "center" });
  target.focus({ preventScroll: true });
});

// Zoom, by making the photo wider than its frame; the frame scrolls.
function zoom(figure, factor) {
  const frame = figure.querySelector(".frame"), canvas = frame.querySelector(".canvas");
  const { offsetWidth: width, offsetHeight: height, scrollLeft, scrollTop } = frame, before = canvas.clientWidth;
  const scale = Math.max(1, Math.min(8, (parseFloat(canvas.style.width) / 100 || 1) * factor));
  frame.classList.toggle("zoomed", scale > 1);
  frame.style = scale > 1 ? `width: ${width}px; height: ${height}px` : "";
  canvas.style = scale > 1 ? `width: ${100 * scale}%` : "";
  const ratio = canvas.clientWidth / before;
  frame.scrollTo((scrollLeft + width / 2) * ratio - width / 2, (scrollTop + height / 2) * ratio - height / 2);
}

// Draw the photo with its boxes and names, as a wide screen shows them.
async function drawNames(figure) {
  const image = figure.querySelector("img"), overlay = figure.querySelector("svg").cloneNode(true);
  const { naturalWidth: width, naturalHeight: height } = image;
  for (const [name, value] of Object.entries({ width, height, viewBox: `0 0 620 ${620 * height / width}` })) overlay.setAttribute(name, value);
  const style = document.createElementNS("http://www.w3.org/2000/svg", "style");
  style.textContent = OVERLAY_STYLE;
  overlay.append(style);
  const picture = new Image();
  picture.src = `data:image/svg+xml,${encodeURIComponent(new XMLSerializer().serializeToString(overlay))}`;
  await picture.decode();
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [width, height];
  const context = canvas.getContext("2d");
  context.drawImage(image, 0, 0);
  context.drawImage(picture, 0, 0);
  return new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
}

async function fetchPage(address, body) {
  const response = await fetch(address, body && { method: "POST", body });
  return new DOMParser().parseFromString(await response.text(), "text/html");
}

// Suggest people for the name that an administrator types.
let pause;
document.addEventListener("input", ({ target: { form, name, value } }) => {
  clearTimeout(pause);
  if (name === "name" && value.trim()) pause = setTimeout(async () => {
    const page = await fetchPage(`${form.action}/people?name=${encodeURIComponent(value)}`).catch(() => null);
    const choices = page?.querySelector(".choices");
    if (choices && form.name.value === value) form.querySelector(".choices").innerHTML = choices.innerHTML;
  }, 150);
});

const selectedForms = () => [...document.querySelectorAll(".card:has(.select :checked) .naming")];

function showSelected() {
  for (const row of document.querySelectorAll("[open] .together")) {
    const others = selectedForms().filter((form) => !form.contains(row));
    row.replaceChildren(...others.map((form) => form.closest(".card").querySelector("img").cloneNode()));
  }
}

document.addEventListener("change", showSelected);

// Show the corrected name of a face on its card and in the photo.
function rename(form, name) {
  const card = form.closest(".card"), { face } = form.parentElement.dataset, mark = document.getElementById(`box-${face}`);
  mark.classList = "match";
  mark.ariaLabel = mark.ariaLabel.replace(/:.*/, `: ${name}`);
  for (const element of document.querySelectorAll(`[data-name-of="${face}"]`)) {
    element.textContent = name;
    element.closest(".overview li")?.classList.replace("unknown", "named");
  }
  if (card.querySelector(".correction ~ .correction")) card.querySelector(`.crop[data-face="${face}"]`).remove();
  else {
    card.className = "card match";
    card.querySelector(".pill").textContent = "Corrected";
    for (const element of card.querySelectorAll(".summary, .select")) element.remove();
  }
  form.remove();
}

// Details load when they are opened.
document.addEventListener("toggle", ({ target }) => {
  if (target.matches(".details[open]")) target.querySelector(".more")?.requestSubmit();
  showSelected();
}, true);

// Details and corrections appear on this page instead of on their own.
document.addEventListener("submit", async (event) => {
  const { target: form, submitter } = event;
  if (!form.matches(".more, .correction form")) return;
  event.preventDefault();
  const body = new FormData(form, submitter), rejects = submitter?.name === "reject";
  if (form.matches(".naming") && !rejects) for (const other of selectedForms()) if (other !== form) body.append("photo", other.photo.value);
  try {
    const page = await fetchPage(form.action, body);
    const message = page.querySelector(".done, .problem:not(:empty), .lede");
    if (form.matches(".more")) form.replaceWith(page.querySelector("#details") ?? message);
    else {
      const place = form.closest(".correction"), status = place.querySelector("[role=status]"), question = page.querySelector(".question");
      place.querySelector(".question")?.remove();
      status.textContent = message.textContent.trim();
      if (question) status.after(question);
      if (message.matches(".done")) {
        const name = page.querySelector("h1").textContent;
        for (const photo of body.getAll("photo")) rename(document.querySelector(`.naming:has([value="${CSS.escape(photo)}"])`), rejects ? `Not ${name}` : name);
        showSelected();
      }
      (question?.querySelector("button, [type=checkbox]") ?? place.querySelector("summary")).focus();
    }
    keepPage();
  } catch {
    form.append("The connection was lost. Try again.");
  }
});
