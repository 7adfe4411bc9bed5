// Take a photo: with the camera app on phones, else with a camera preview in a dialog.

import { InputError } from "./photo_files.js";

const SENTENCES = {
  NotAllowedError: "Camera access was denied. Allow it in the browser settings, or choose a photo instead.",
  NotFoundError: "No camera found. Choose a photo instead.",
  NotReadableError: "Another program uses the camera. Close it, or choose a photo instead.",
};
const OTHER_ERROR = "The camera could not be opened. Choose a photo instead.";

export function isPhone() {
  return "capture" in HTMLInputElement.prototype && matchMedia("(pointer: coarse)").matches;
}

export function openPhoneCamera(accept) {
  const input = document.createElement("input");
  input.type = "file";
  input.accept = "image/*";
  input.capture = "environment";
  input.onchange = () => accept([...input.files]);
  input.click();
}

async function openCamera() {
  // Browsers hide the camera from pages without TLS.
  if (!navigator.mediaDevices?.getUserMedia) throw new InputError("The browser does not allow this page to use a camera. Choose a photo instead.");
  try {
    return await navigator.mediaDevices.getUserMedia({ video: { facingMode: "user", width: { ideal: 1920 } } });
  } catch (error) {
    throw new InputError(SENTENCES[error.name] ?? OTHER_ERROR);
  }
}

function captureFrame(video) {
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [video.videoWidth, video.videoHeight];
  canvas.getContext("2d").drawImage(video, 0, 0);
  return new Promise((resolve) => canvas.toBlob((blob) => resolve(new File([blob], "camera.jpg", { type: "image/jpeg" })), "image/jpeg", 0.92));
}

// Return the photo as a file, or null if the visitor closes the dialog.
export async function takePhoto(dialog) {
  const video = dialog.querySelector("video");
  const stream = await openCamera();
  video.srcObject = stream;
  await video.play();
  dialog.showModal();
  try {
    return await new Promise((resolve) => {
      dialog.querySelector(".shoot").onclick = () => resolve(captureFrame(video));
      dialog.querySelector(".close").onclick = () => resolve(null);
      dialog.oncancel = () => resolve(null);
    });
  } finally {
    for (const track of stream.getTracks()) track.stop();
    video.srcObject = null;
    dialog.close();
  }
}
