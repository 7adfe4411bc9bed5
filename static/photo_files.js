// Photo files in the browser: reduce and check them before the upload, list them, and accept them from drops and the
// clipboard.

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
export function problemOf(file, limits) {
  if (file.isFolder) return `“${file.name}” is a folder. Drop the photos in it instead.`;
  if (!isImage(file, limits)) return `“${file.name}” is not a supported image. Send ${limits.formats}.`;
  if (!file.size) return `“${file.name}” is empty. Choose another file.`;
  if (file.size > limits.bytes) return `“${file.name}” is ${millions(file.size)} MB. The limit is ${limits.bytes / 1e6} MB. Send a smaller copy.`;
  if (file.pixels > limits.pixels) return `“${file.name}” is ${millions(file.pixels)} megapixels. The limit is ${limits.pixels / 1e6}. Send a smaller copy.`;
}

// Return the usable files, and a sentence about each of the others. Throw an InputError if the files cannot be sent.
export function checkFiles(files, limits) {
  const problems = files.map((file) => problemOf(file, limits)).filter(Boolean);
  const usable = files.filter((file) => !problemOf(file, limits));
  if (files.length && !usable.length) throw new InputError(problems.join("\n"));
  if (usable.length > limits.photos) throw new InputError(`You chose ${usable.length} photos. The limit is ${limits.photos}.`);
  const sum = sizeOf(usable);
  if (sum > limits.total) throw new InputError(`These photos are ${millions(sum)} MB together. The limit is ${limits.total / 1e6} MB.`);
  return { usable, problems };
}

export const sizeOf = (files) => files.reduce((bytes, file) => bytes + file.size, 0);

// Replace photos over a limit by smaller copies. Photos that this browser cannot show (HEIC, TIFF) stay unchanged.
export async function reduceFiles(files, limits) {
  const share = sizeOf(files) > limits.total ? limits.total / files.length : limits.bytes;
  const reduced = [];
  for (const file of files) reduced.push(await reduce(file, Math.min(share, limits.bytes), limits.pixels));
  return reduced;
}

async function reduce(file, maxBytes, maxPixels) {
  const image = await load(new Image(), file);
  file.pixels = image.naturalWidth * image.naturalHeight;
  let smaller;
  if (file.pixels && (file.size > maxBytes || file.pixels > maxPixels)) {
    const canvas = document.createElement("canvas");
    let scale = Math.min(1, Math.sqrt(maxPixels / file.pixels));
    // A browser that has no canvas of this size returns no picture.
    for (let tries = 5; tries && !(smaller?.size <= maxBytes); tries--, scale *= 0.75) {
      canvas.width = image.naturalWidth * scale;
      canvas.height = image.naturalHeight * scale;
      const context = canvas.getContext("2d");
      context.imageSmoothingQuality = "high";
      context.fillStyle = "white";
      context.fillRect(0, 0, canvas.width, canvas.height);
      context.drawImage(image, 0, 0, canvas.width, canvas.height);
      smaller = await new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg", 0.92));
    }
  }
  URL.revokeObjectURL(image.src);
  return smaller?.size <= maxBytes ? new File([smaller], file.name, { type: smaller.type }) : file;
}

function load(image, file) {
  image.src = URL.createObjectURL(file);
  return new Promise((resolve) => { image.onload = image.onerror = () => resolve(image); });
}

// Show a thumbnail of each file, or an icon where this browser cannot show it, with the name, a state, and a button that
// removes the file from the list.
export function listFiles(files, list) {
  clearList(list);
  list.hidden = false;
  for (const file of files) {
    const item = document.getElementById("photo-item").content.firstElementChild.cloneNode(true);
    const image = item.querySelector("img");
    image.alt = `Selected photo: ${file.name}`;
    image.onerror = () => image.remove();
    image.src = URL.createObjectURL(file);
    item.querySelector("b").textContent = file.name;
    item.querySelector("button").ariaLabel = `Remove ${file.name}`;
    item.file = file;
    list.append(item);
  }
}

export function clearList(list) {
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
