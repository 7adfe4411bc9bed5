// Results page: highlight a face's box and its card together, and save the labeled photo.

const COLORS = { match: "#146c43", ambiguous: "#855000", unknown: "#4d5568", low_quality: "#9b2c4d" };

function highlight(key) {
  for (const element of document.querySelectorAll("[data-face]")) element.classList.toggle("chosen", element.dataset.face === key);
}

const faceOf = (event) => event.target.closest?.("[data-face]")?.dataset.face;

for (const kind of ["pointerover", "focusin", "click"]) {
  document.querySelector("main").addEventListener(kind, (event) => {
    const key = faceOf(event);
    if (key) highlight(key);
  });
}

function highlightTarget() {
  const key = location.hash.match(/^#(?:face|box)-(.+)$/)?.[1];
  if (key) highlight(key);
}
window.addEventListener("hashchange", highlightTarget);
highlightTarget();

function drawLabel(context, text, box, size, scale) {
  const padding = size * 0.35;
  const width = context.measureText(text).width + 2 * padding;
  const left = Math.max(0, Math.min(box.x * scale, context.canvas.width - width));
  const top = box.y * scale >= size * 1.6 ? box.y * scale - size * 1.6 : (box.y + box.height) * scale;
  context.fillRect(left, Math.min(top, context.canvas.height - size * 1.6), width, size * 1.6);
  context.fillStyle = "#fff";
  context.fillText(text, left + padding, Math.min(top, context.canvas.height - size * 1.6) + size * 0.85);
}

// Draw the photo with a box and a name for every face.
function drawLabeled(figure) {
  const image = figure.querySelector("img");
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [image.naturalWidth, image.naturalHeight];
  const context = canvas.getContext("2d");
  context.drawImage(image, 0, 0);
  const scale = image.naturalWidth / figure.querySelector("svg").viewBox.baseVal.width;
  const side = Math.max(canvas.width, canvas.height);
  for (const mark of figure.querySelectorAll("[data-face]")) {
    const [x, y, width, height] = ["x", "y", "width", "height"].map((name) => Number(mark.querySelector(".box").getAttribute(name)));
    const size = Math.max(side / 70, Math.min(side / 36, width * scale * 0.16));
    context.font = `600 ${size}px system-ui, sans-serif`;
    context.textBaseline = "middle";
    for (const [color, line] of [["#fff", size / 3], [COLORS[mark.classList[0]], size / 6]]) {
      context.strokeStyle = context.fillStyle = color;
      context.lineWidth = line;
      context.strokeRect(x * scale, y * scale, width * scale, height * scale);
    }
    drawLabel(context, mark.dataset.name, { x, y, height }, size, scale);
  }
  return canvas;
}

function save(button) {
  drawLabeled(button.closest("figure")).toBlob((blob) => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(blob);
    link.download = button.dataset.file;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
  }, "image/png");
}

for (const button of document.querySelectorAll(".save")) {
  button.addEventListener("click", () => save(button));
  button.closest("p").hidden = false;
}
