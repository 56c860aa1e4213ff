// Compares a file on this device with the recorded fingerprints of a tender's documents. Nothing is uploaded.
const place = document.querySelector("[data-tr-check]");

async function check(input, verdict) {
  const file = input.files?.[0];
  if (!file) return;
  verdict.className = "sr-sm mt-2";
  verdict.textContent = place.dataset.busy;
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", await file.arrayBuffer()));
  const text = [...digest].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  const known = [...document.querySelectorAll("[data-tr-sha256]")].find((one) => one.dataset.trSha256 === text);
  verdict.classList.add("sr-medium", known ? "sr-good" : "sr-bad");
  verdict.textContent = known ? place.dataset.match.replace("{name}", known.dataset.trName) : `${place.dataset.differs} ${text}`;
}

// Outside a secure context the browser offers no digest; then there is nothing to offer either.
if (place && globalThis.crypto?.subtle) {
  place.hidden = false;
  const input = place.querySelector("input");
  input.addEventListener("change", () => check(input, place.querySelector("[data-tr-verdict]")));
}
