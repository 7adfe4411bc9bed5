// Photo files in the browser: check them before the upload, preview them, and accept them from drops and the clipboard.

// A problem with the input. The message is a sentence for the visitor.
export class InputError extends Error {}

export function readLimits(form) {
  const { suffixes, formats, maxBytes, maxRequestBytes, maxPhotos, maxPixels } = form.dataset;
  return {
    suffixes: suffixes.split(" "), formats,
    bytes: Number(maxBytes), total: Number(maxRequestBytes), photos: Number(maxPhotos), pixels: Number(maxPixels),
  };
}

// One decimal at most, rounded up: a file over the limit never reads as the limit.
const millions = (number) => Math.ceil(number / 1e5) / 10;

function isImage(file, limits) {
  if (file.type === "image/svg+xml") return false;
  const name = file.name.toLowerCase();
  return !file.type || file.type.startsWith("image/") || limits.suffixes.some((suffix) => name.endsWith(suffix));
}

function check(file, limits) {
  if (!isImage(file, limits)) throw new InputError(`“${file.name}” is not a supported image. Send ${limits.formats}.`);
  if (!file.size) throw new InputError(`“${file.name}” is empty. Choose another file.`);
  if (file.size > limits.bytes) throw new InputError(`“${file.name}” is ${millions(file.size)} MB. The limit is ${limits.bytes / 1e6} MB. Send a smaller copy.`);
}

export function checkFiles(files, limits, maxFiles = limits.photos) {
  if (files.length > maxFiles) throw new InputError(`You chose ${files.length} photos. The limit is ${maxFiles}.`);
  for (const file of files) check(file, limits);
  const sum = files.reduce((bytes, file) => bytes + file.size, 0);
  if (sum > limits.total) throw new InputError(`These photos are ${millions(sum)} MB together. The limit is ${limits.total / 1e6} MB.`);
}

function loaded(image) {
  return new Promise((resolve) => {
    image.onload = () => resolve(true);
    // This browser cannot draw the format (HEIC, TIFF).
    image.onerror = () => resolve(false);
  });
}

async function preview(file, limits) {
  const item = document.createElement("li");
  const image = new Image();
  image.alt = `Selected photo: ${file.name}`;
  image.src = URL.createObjectURL(file);
  if (await loaded(image)) {
    const pixels = image.naturalWidth * image.naturalHeight;
    if (pixels > limits.pixels) throw new InputError(`“${file.name}” is ${millions(pixels)} megapixels. The limit is ${limits.pixels / 1e6}. Send a smaller copy.`);
    item.append(image);
    return item;
  }
  URL.revokeObjectURL(image.src);
  item.className = "filename";
  item.append(file.name);
  return item;
}

export async function showPreviews(files, list, limits) {
  const items = await Promise.all(files.map((file) => preview(file, limits)));
  clearPreviews(list);
  list.append(...items);
  list.hidden = false;
}

export function clearPreviews(list) {
  for (const image of list.querySelectorAll("img")) URL.revokeObjectURL(image.src);
  list.replaceChildren();
  list.hidden = true;
}

// Set an input's files as if the visitor had selected them, so that the form sends them.
export function setFiles(files, input) {
  const transfer = new DataTransfer();
  for (const file of files) transfer.items.add(file);
  input.files = transfer.files;
}

function filesOf(transfer) {
  for (const item of transfer.items) {
    const entry = item.webkitGetAsEntry?.();
    if (entry?.isDirectory) throw new InputError(`“${entry.name}” is a folder. Drop the photos in it instead.`);
  }
  if (!transfer.files.length) throw new InputError("That is not an image file. Save the image first, then drop the file.");
  return [...transfer.files];
}

// Accept drops anywhere in the window: a file dropped beside the box would otherwise replace the page.
export function onDrop(accept, showProblem) {
  const veil = document.createElement("div");
  veil.className = "veil";
  veil.hidden = true;
  veil.textContent = "Drop to upload";
  document.body.append(veil);
  window.addEventListener("dragover", (event) => {
    event.preventDefault();
    veil.hidden = !event.dataTransfer.types.includes("Files");
  });
  window.addEventListener("dragleave", (event) => { if (!event.relatedTarget) veil.hidden = true; });
  window.addEventListener("drop", (event) => {
    event.preventDefault();
    veil.hidden = true;
    attempt(() => accept(filesOf(event.dataTransfer), event.target), showProblem);
  });
}

const NO_IMAGE = "The clipboard has no image. Copy the image, not its address.";

export function onPaste(accept, showProblem) {
  window.addEventListener("paste", (event) => {
    const files = [...event.clipboardData.files];
    if (files.length) attempt(() => accept(files, event.target), showProblem);
    else if (!event.target.matches?.("input")) showProblem(NO_IMAGE);
  });
}

// Run an action and show its InputError to the visitor. Other errors are bugs and stay visible in the console.
export async function attempt(action, showProblem) {
  try {
    return await action();
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    showProblem(error.message);
  }
}
