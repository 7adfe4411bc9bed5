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

// Return a sentence about a file that cannot be sent.
function problemOf(file, limits) {
  if (file.isFolder) return `“${file.name}” is a folder. Drop the photos in it instead.`;
  if (!isImage(file, limits)) return `“${file.name}” is not a supported image. Send ${limits.formats}.`;
  if (!file.size) return `“${file.name}” is empty. Choose another file.`;
  if (file.size > limits.bytes) return `“${file.name}” is ${millions(file.size)} MB. The limit is ${limits.bytes / 1e6} MB. Send a smaller copy.`;
}

// Split files into usable ones and problems. Throw an InputError if none is usable.
function sort(files, problemOf) {
  const problems = files.map(problemOf);
  const usable = files.filter((_, index) => !problems[index]);
  if (files.length && !usable.length) throw new InputError(problems.join("\n"));
  return { usable, problems: problems.filter(Boolean) };
}

// Return the usable files, and a sentence about each of the others.
export function checkFiles(files, limits) {
  const { usable, problems } = sort(files, (file) => problemOf(file, limits));
  if (usable.length > limits.photos) throw new InputError(`You chose ${usable.length} photos. The limit is ${limits.photos}.`);
  const sum = usable.reduce((bytes, file) => bytes + file.size, 0);
  if (sum > limits.total) throw new InputError(`These photos are ${millions(sum)} MB together. The limit is ${limits.total / 1e6} MB.`);
  return { usable, problems };
}

function loaded(image) {
  return new Promise((resolve) => {
    image.onload = () => resolve(true);
    // This browser cannot draw the format (HEIC, TIFF).
    image.onerror = () => resolve(false);
  });
}

async function preview(file) {
  const item = document.createElement("li");
  const image = new Image();
  image.alt = `Selected photo: ${file.name}`;
  image.src = URL.createObjectURL(file);
  if (await loaded(image)) {
    item.append(image);
    return item;
  }
  URL.revokeObjectURL(image.src);
  item.className = "filename";
  item.append(file.name);
  return item;
}

// Show the photos, and return the usable ones and a sentence about each with too many pixels.
export async function showPreviews(files, list, limits) {
  const items = new Map(await Promise.all(files.map(async (file) => [file, await preview(file)])));
  const sorted = sort(files, (file) => {
    const image = items.get(file).querySelector("img");
    const pixels = image ? image.naturalWidth * image.naturalHeight : 0;
    if (pixels > limits.pixels) return `“${file.name}” is ${millions(pixels)} megapixels. The limit is ${limits.pixels / 1e6}. Send a smaller copy.`;
  });
  clearPreviews(list);
  list.append(...sorted.usable.map((file) => items.get(file)));
  list.hidden = false;
  return sorted;
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
  const items = [...transfer.items].filter((item) => item.kind === "file");
  if (!items.length) throw new InputError("That is not an image file. Save the image first, then drop the file.");
  return items.map((item) => {
    const file = item.getAsFile();
    file.isFolder = item.webkitGetAsEntry?.()?.isDirectory;
    return file;
  });
}

// Accept drops anywhere in the window: a file dropped beside the box would otherwise replace the page.
export function onDrop(accept, showProblem) {
  const showInvitation = (shown) => document.body.classList.toggle("dropping", shown);
  window.addEventListener("dragover", (event) => {
    event.preventDefault();
    showInvitation(event.dataTransfer.types.includes("Files"));
  });
  window.addEventListener("dragleave", (event) => { if (!event.relatedTarget) showInvitation(false); });
  window.addEventListener("drop", (event) => {
    event.preventDefault();
    showInvitation(false);
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
