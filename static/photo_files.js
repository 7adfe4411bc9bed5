// What a browser can know about photos before they are sent, how it shows them, and the ways they come in.

// A file that is not sent; the message is a sentence for the visitor.
export class Refused extends Error {}

export function limitsOf(form) {
  const { suffixes, formats, maxBytes, maxRequestBytes, maxImages, maxPixels } = form.dataset;
  return {
    suffixes: suffixes.split(" "), formats,
    bytes: Number(maxBytes), together: Number(maxRequestBytes), images: Number(maxImages), pixels: Number(maxPixels),
  };
}

const megabytes = (bytes) => `${bytes / 1e6} MB`;

function isPicture(file, limits) {
  if (file.type === "image/svg+xml") return false;
  const name = file.name.toLowerCase();
  return !file.type || file.type.startsWith("image/") || limits.suffixes.some((suffix) => name.endsWith(suffix));
}

function check(file, limits) {
  if (!isPicture(file, limits)) throw new Refused(`“${file.name}” is not a picture that can be read. Send ${limits.formats}.`);
  if (!file.size) throw new Refused(`“${file.name}” is empty. Choose another one.`);
  if (file.size > limits.bytes) throw new Refused(`“${file.name}” is too large: ${megabytes(limits.bytes)} are the most that can be sent.`);
}

export function checkAll(files, limits, most = limits.images) {
  if (files.length > most) throw new Refused(`${files.length} photos are too many: ${most} at a time ${most === 1 ? "is" : "are"} the most.`);
  for (const file of files) check(file, limits);
  const sum = files.reduce((bytes, file) => bytes + file.size, 0);
  if (sum > limits.together) throw new Refused(`Together these photos are too large: ${megabytes(limits.together)} are the most that can be sent at once.`);
}

function loaded(image) {
  return new Promise((resolve) => {
    image.onload = () => resolve(true);
    // A kind that this browser cannot draw (HEIC, TIFF).
    image.onerror = () => resolve(false);
  });
}

const ICON = "M9 5h13l8 8v22H9zM22 5v8h8M13 30l5-6 4 4 3-3 4 5";

async function preview(file, limits) {
  const item = document.createElement("li");
  const image = new Image();
  image.alt = `The photo you chose: ${file.name}`;
  image.src = URL.createObjectURL(file);
  if (await loaded(image)) {
    const pixels = image.naturalWidth * image.naturalHeight;
    if (pixels > limits.pixels) throw new Refused(`“${file.name}” has ${Math.round(pixels / 1e6)} megapixels: ${limits.pixels / 1e6} are the most. Send a smaller copy.`);
    item.append(image);
    return item;
  }
  URL.revokeObjectURL(image.src);
  const icon = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  icon.setAttribute("viewBox", "0 0 40 40");
  icon.setAttribute("aria-hidden", "true");
  icon.append(document.createElementNS("http://www.w3.org/2000/svg", "path"));
  icon.firstChild.setAttribute("d", ICON);
  item.className = "filename";
  item.append(icon, file.name);
  return item;
}

export async function show(files, list, limits) {
  const items = await Promise.all(files.map((file) => preview(file, limits)));
  clear(list);
  list.append(...items);
  list.hidden = false;
}

export function clear(list) {
  for (const image of list.querySelectorAll("img")) URL.revokeObjectURL(image.src);
  list.replaceChildren();
  list.hidden = true;
}

// Puts files into an input as if they had been picked there, so that the form itself sends them.
export function put(files, input) {
  const transfer = new DataTransfer();
  for (const file of files) transfer.items.add(file);
  input.files = transfer.files;
}

function filesOf(transfer) {
  for (const item of transfer.items) {
    const entry = item.webkitGetAsEntry?.();
    if (entry?.isDirectory) throw new Refused(`“${entry.name}” is a folder. Drop the pictures in it instead.`);
  }
  if (!transfer.files.length) throw new Refused("That was not a picture file. Save it first, then drop the file.");
  return [...transfer.files];
}

// The whole window takes a drop: a file let go beside the box would otherwise replace the page.
export function onDrop(take, refuse) {
  const veil = document.createElement("div");
  veil.className = "veil";
  veil.hidden = true;
  veil.textContent = "Let go to send it";
  document.body.append(veil);
  window.addEventListener("dragover", (event) => {
    event.preventDefault();
    veil.hidden = !event.dataTransfer.types.includes("Files");
  });
  window.addEventListener("dragleave", (event) => { if (!event.relatedTarget) veil.hidden = true; });
  window.addEventListener("drop", (event) => {
    event.preventDefault();
    veil.hidden = true;
    attempt(() => take(filesOf(event.dataTransfer), event.target), refuse);
  });
}

const NO_PICTURE = "The clipboard holds no picture. Copy the picture itself, not its address.";

export function onPaste(take, refuse) {
  window.addEventListener("paste", (event) => {
    const files = [...event.clipboardData.files];
    if (files.length) attempt(() => take(files, event.target), refuse);
    else if (!event.target.matches?.("input")) refuse(NO_PICTURE);
  });
}

export async function fromClipboard() {
  let items;
  try {
    items = await navigator.clipboard.read();
  } catch {
    throw new Refused("The browser did not let this page see the clipboard. Press Ctrl+V or ⌘V instead, or allow it in the settings of this page.");
  }
  for (const item of items) {
    const type = item.types.find((one) => one.startsWith("image/"));
    if (type) return new File([await item.getType(type)], `pasted.${type.slice(6)}`, { type });
  }
  throw new Refused(NO_PICTURE);
}

// Runs something, and tells the visitor if it is refused; mistakes in this script stay visible as such.
export async function attempt(something, refuse) {
  try {
    return await something();
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    refuse(error.message);
  }
}
