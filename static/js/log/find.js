// Search by a file: its SHA-256, or the bid number inside a receipt, is found on this device.
import { hex } from "./proof.js";

const box = document.querySelector("[data-log-file]");

async function number(file) {
  if (box.dataset.logFile === "receipt") {
    const receipt = JSON.parse(await file.text());
    const bid = receipt?.record?.body?.bid;
    if (typeof bid !== "string" || !/^[0-9a-f]{32}$/.test(bid)) throw new SyntaxError("no receipt");
    return bid;
  }
  return hex(new Uint8Array(await crypto.subtle.digest("SHA-256", await file.arrayBuffer())));
}

if (box && globalThis.crypto?.subtle) {
  box.hidden = false;
  const state = box.querySelector("[data-log-file-state]");
  box.querySelector("input").addEventListener("change", async (event) => {
    const [file] = event.target.files;
    if (!file) return;
    state.textContent = box.dataset.reading;
    try {
      const query = new URLSearchParams({ by: box.dataset.logFile, q: await number(file) });
      location.assign(`${box.dataset.address}?${query}`);
    } catch {
      state.textContent = box.dataset.wrong;
    }
  });
}
