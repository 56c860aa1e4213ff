/* Base64 in both spellings, to and from bytes. */

export function fromBase64(text) {
  const plain = text.replaceAll("-", "+").replaceAll("_", "/");
  return Uint8Array.from(atob(plain), (letter) => letter.charCodeAt(0));
}

export function toBase64(buffer) {
  let text = "";
  for (const byte of new Uint8Array(buffer)) text += String.fromCharCode(byte);
  return btoa(text);
}

export function toBase64Url(buffer) {
  return toBase64(buffer).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

/** Posts JSON as the signed-in person; throws an Error with `problem` when the server says no. */
export async function post(url, body) {
  const response = await fetch(url, {
    method: "POST",
    credentials: "same-origin",
    headers: {
      Accept: "application/json",
      "Content-Type": "application/json",
      "X-CSRFToken": document.querySelector('meta[name="csrf-token"]').content,
    },
    body: JSON.stringify(body ?? {}),
  });
  const answer = await response.json();
  if (!response.ok) {
    const error = new Error(answer.title || response.statusText);
    error.problem = answer;
    throw error;
  }
  return answer;
}

export function tell(place, error) {
  if (!place) return;
  const problem = error && error.problem;
  place.textContent = problem ? problem.detail || problem.title : place.dataset.failed;
  place.hidden = false;
}
