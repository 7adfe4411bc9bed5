// Photo files in the browser: reduce and check them before the upload, list them, and accept them from drops and the
// clipboard.

// A problem with the input. The message is a sentence for the visitor.
export class InputError extends Error {}

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
  if (!isImage(file, limits)) return `“${file.name}” is ${file.type.startsWith("video/") ? "a video" : "not a supported image"}. Send ${limits.formats}.`;
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

// List files with a thumbnail, or an icon where this browser cannot show the format (HEIC, TIFF), a state, and a button
// to remove the file. The `file` of an item is a smaller copy if the photo is over a limit and this browser can show it.
export async function listFiles(files, list, limits) {
  const items = files.map((file) => newItem(file));
  list.replaceChildren(...items);
  const bytes = sizeOf(files) > limits.total ? Math.min(limits.bytes, limits.total / files.length) : limits.bytes;
  for (const item of items) {
    item.file = await reduce(item.file, await item.image, bytes, limits.pixels);
    const sentence = problemOf(item.file, limits);
    if (sentence) {
      item.className = "failed";
      item.querySelector("p").role = "alert";
      list.append(item);
    }
    setState(item, sentence ?? "Waiting");
  }
}

export function setState(item, state) {
  item.querySelector(".photo-state").textContent = state;
}

function newItem(file) {
  const item = document.getElementById("photo-item").content.firstElementChild.cloneNode(true);
  const image = item.querySelector("img");
  image.alt = `Selected photo: ${file.name}`;
  image.src = URL.createObjectURL(file);
  item.querySelector("b").textContent = file.name;
  item.querySelector("button").ariaLabel = `Remove ${file.name}`;
  item.file = file;
  item.image = new Promise((resolve) => {
    image.onload = image.onerror = () => {
      URL.revokeObjectURL(image.src);
      if (!image.naturalWidth) image.remove();
      resolve(image);
    };
  });
  return item;
}

async function reduce(file, image, maxBytes, maxPixels) {
  file.pixels = image.naturalWidth * image.naturalHeight;
  if (!file.pixels || file.size <= maxBytes && file.pixels <= maxPixels) return file;
  const canvas = document.createElement("canvas");
  // A browser that has no canvas of this size returns no picture, so smaller ones are tried too.
  for (let tries = 5, scale = Math.min(1, Math.sqrt(maxPixels / file.pixels)); tries; tries--, scale *= 0.75) {
    canvas.width = image.naturalWidth * scale;
    canvas.height = image.naturalHeight * scale;
    const context = canvas.getContext("2d");
    context.imageSmoothingQuality = "high";
    context.fillStyle = "white";
    context.fillRect(0, 0, canvas.width, canvas.height);
    context.drawImage(image, 0, 0, canvas.width, canvas.height);
    const copy = await new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg", 0.92));
    if (copy?.size <= maxBytes) return new File([copy], file.name, { type: copy.type });
  }
  return file;
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
