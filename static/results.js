// Results page: choose faces, zoom, enlarge, load details, correct in place, save and share. Works on pages that
// static/submit_form.js shows and on pages that it restores.

import { keepPage, forgetPages } from "./submit_form.js";

const COLORS = { match: "#146c43", ambiguous: "#855000", unknown: "#4d5568", low_quality: "#9b2c4d" };
const main = document.querySelector("main");
const dialog = main.querySelector("#enlarged");

function highlight(key) {
  for (const element of main.querySelectorAll("[data-face]")) element.classList.toggle("chosen", element.dataset.face === key);
}

for (const kind of ["pointerover", "focusin"]) {
  main.addEventListener(kind, (event) => {
    const key = event.target.closest?.("[data-face]")?.dataset.face;
    if (key) highlight(key);
  });
}

// A face's box in pixels of the photo on the page.
const boxOf = (mark, image) => ["x", "y", "width", "height"].map((name, index) => parseFloat(mark.querySelector(".box").getAttribute(name)) / 100 * (index % 2 ? image.naturalHeight : image.naturalWidth));

// The picture of a face with its surroundings, at the photo's resolution.
function cutFace(mark) {
  const image = mark.closest(".canvas").querySelector("img"), [x, y, width, height] = boxOf(mark, image);
  const side = 1.6 * Math.max(width, height);
  return { image, left: x + width / 2 - side / 2, top: y + height / 2 - side / 2, side };
}

function enlarge(mark) {
  const { image, left, top, side } = cutFace(mark);
  const canvas = dialog.querySelector("canvas");
  canvas.width = canvas.height = Math.max(240, Math.min(1000, Math.round(side)));
  const context = canvas.getContext("2d");
  context.imageSmoothingQuality = "high";
  context.drawImage(image, left, top, side, side, 0, 0, canvas.width, canvas.height);
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

dialog.querySelector(".close").onclick = () => dialog.close();
dialog.querySelector(".save-crop").onclick = () => dialog.querySelector("canvas").toBlob((blob) => saveFile(blob, "face.png"));

// Links between boxes and cards add no history entries.
main.addEventListener("click", (event) => {
  const link = event.target.closest("a[href^='#']");
  if (!link) return;
  event.preventDefault();
  if (link.closest(".canvas")) {
    highlight(link.dataset.face);
    return enlarge(link);
  }
  const target = document.getElementById(link.getAttribute("href").slice(1));
  for (let parent = target; parent; parent = parent.parentElement) if (parent.tagName === "DETAILS") parent.open = true;
  if (link.dataset.face) highlight(link.dataset.face);
  target.scrollIntoView({ block: "center" });
  target.focus({ preventScroll: true });
});

// Zoom, by making the photo wider than its frame; the frame scrolls.
function zoom(figure, factor) {
  const frame = figure.querySelector(".frame"), canvas = frame.querySelector(".canvas");
  const before = canvas.clientWidth, [x, y] = [frame.clientWidth / 2, frame.clientHeight / 2];
  const scale = Math.max(1, Math.min(8, (Number(canvas.dataset.scale) || 1) * factor));
  if (scale > 1 && !frame.classList.contains("zoomed")) {
    frame.style.width = `${frame.clientWidth}px`;
    frame.style.height = `${frame.clientHeight}px`;
  }
  canvas.dataset.scale = scale;
  frame.classList.toggle("zoomed", scale > 1);
  canvas.style.width = scale > 1 ? `${100 * scale}%` : "";
  if (scale === 1) frame.style.width = frame.style.height = "";
  const ratio = canvas.clientWidth / before;
  frame.scrollTo((frame.scrollLeft + x) * ratio - x, (frame.scrollTop + y) * ratio - y);
}

for (const figure of main.querySelectorAll(".photo")) {
  figure.querySelector(".tools").hidden = false;
  figure.querySelector(".zoom-in").onclick = () => zoom(figure, 1.6);
  figure.querySelector(".zoom-out").onclick = () => zoom(figure, 1 / 1.6);
}

// Draw the photo with boxes and names. Names that would cover another name move below the box or are left out.
function drawNames(figure) {
  const image = figure.querySelector("img");
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [image.naturalWidth, image.naturalHeight];
  const context = canvas.getContext("2d");
  context.drawImage(image, 0, 0);
  const size = Math.max(14, Math.max(canvas.width, canvas.height) / 50), height = size * 1.6, taken = [];
  context.font = `600 ${size}px system-ui, sans-serif`;
  context.textBaseline = "middle";
  for (const mark of figure.querySelectorAll("[data-face]")) {
    const [x, y, w, h] = boxOf(mark, image);
    const color = COLORS[mark.classList[0]];
    [context.strokeStyle, context.lineWidth] = [color, size / 6];
    context.strokeRect(x, y, w, h);
    if (!mark.dataset.name) continue;
    const width = context.measureText(mark.dataset.name).width + size * 0.7;
    const left = Math.max(0, Math.min(x + w / 2 - width / 2, canvas.width - width));
    const top = [y - height, y + h, y, y + h - height].find((top) => top >= 0 && top + height <= canvas.height && !taken.some((other) => left < other.left + other.width && other.left < left + width && top < other.top + height && other.top < top + height));
    if (top === undefined) continue;
    taken.push({ left, top, width });
    context.fillStyle = color;
    context.fillRect(left, top, width, height);
    context.fillStyle = "#fff";
    context.fillText(mark.dataset.name, left + size * 0.35, top + height / 2);
  }
  return new Promise((resolve) => canvas.toBlob((blob) => resolve(blob), "image/png"));
}

for (const button of main.querySelectorAll(".save")) {
  const figure = button.closest("figure"), share = figure.querySelector(".share");
  button.onclick = async () => saveFile(await drawNames(figure), button.dataset.file);
  share.hidden = !navigator.canShare?.({ files: [new File([], "faces.png", { type: "image/png" })] });
  share.onclick = async () => {
    const file = new File([await drawNames(figure)], button.dataset.file, { type: "image/png" });
    await navigator.share({ files: [file] }).catch((error) => { if (error.name !== "AbortError") throw error; });
  };
}

const forget = main.querySelector(".forget");
forget.hidden = false;
forget.onclick = () => {
  forgetPages();
  location.assign(forget.dataset.home);
};

async function fetchPage(form, submitter) {
  const response = await fetch(form.action, { method: "POST", body: new URLSearchParams(new FormData(form, submitter)) });
  return new DOMParser().parseFromString(await response.text(), "text/html");
}

// Details load when they are opened.
main.addEventListener("toggle", (event) => {
  if (event.target.matches(".details[open]")) event.target.querySelector(".more")?.requestSubmit();
}, true);

// Details and corrections appear on this page instead of on their own.
main.addEventListener("submit", async (event) => {
  const form = event.target;
  if (!form.matches(".more, .correction form")) return;
  event.preventDefault();
  try {
    const page = await fetchPage(form, event.submitter);
    const message = page.querySelector(".done, .problem:not(:empty), .lede");
    if (form.matches(".more")) form.replaceWith(page.querySelector("#details") ?? message);
    else {
      const question = page.querySelector("main form:has([name=reviewed])");
      if (message?.matches(".done")) {
        const name = event.submitter.value || form.elements.name.value;
        form.closest(".card").querySelector(".name").textContent = event.submitter.name === "reject" ? `Not ${name}` : name;
      }
      const status = document.createElement("p");
      status.setAttribute("role", "status");
      status.textContent = message?.textContent.trim() ?? "";
      form.replaceWith(status, ...(question ? [question] : []));
    }
    keepPage();
  } catch {
    form.append("The connection was lost. Try again.");
  }
});
