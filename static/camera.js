// A photo from the camera: the phone's own program where there is one, else a window with what the camera sees.

import { Refused } from "./photo_files.js";

const SENTENCES = {
  NotAllowedError: "The camera was not allowed. Allow it in the browser's settings for this page, or choose a photo instead.",
  NotFoundError: "No camera was found. Choose a photo instead.",
  NotReadableError: "The camera is used by another program. Close that, or choose a photo instead.",
};
const OTHER = "The camera could not be opened. Choose a photo instead.";

export function isPhone() {
  return "capture" in HTMLInputElement.prototype && matchMedia("(pointer: coarse)").matches;
}

export function fromPhone(take) {
  const input = document.createElement("input");
  input.type = "file";
  input.accept = "image/*";
  input.capture = "environment";
  input.onchange = () => take([...input.files]);
  input.click();
}

async function open() {
  // Without TLS browsers hide the camera from pages.
  if (!navigator.mediaDevices?.getUserMedia) throw new Refused("This browser gives this page no camera. Choose a photo instead.");
  try {
    return await navigator.mediaDevices.getUserMedia({ video: { facingMode: "user", width: { ideal: 1920 } } });
  } catch (error) {
    throw new Refused(SENTENCES[error.name] ?? OTHER);
  }
}

function still(video) {
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [video.videoWidth, video.videoHeight];
  canvas.getContext("2d").drawImage(video, 0, 0);
  return new Promise((resolve) => canvas.toBlob((blob) => resolve(new File([blob], "camera.jpg", { type: "image/jpeg" })), "image/jpeg", 0.92));
}

// Gives back the photo as a file, or null if the visitor closes the window.
export async function fromCamera(dialog) {
  const video = dialog.querySelector("video");
  const stream = await open();
  video.srcObject = stream;
  await video.play();
  dialog.showModal();
  try {
    return await new Promise((resolve) => {
      dialog.querySelector(".shoot").onclick = () => resolve(still(video));
      dialog.querySelector(".close").onclick = () => resolve(null);
      dialog.oncancel = () => resolve(null);
    });
  } finally {
    for (const track of stream.getTracks()) track.stop();
    video.srcObject = null;
    dialog.close();
  }
}
