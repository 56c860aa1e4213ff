/** The platform's calls from a page: canonical JSON, the session's cookie, problems as errors with their `problem`. */
import * as jcs from "../seal/jcs.js";

const token = () => document.querySelector('meta[name="csrf-token"]').content;
const TRIES = 6;

/** What the page brought for its script. */
export const pageData = (id = "page-data") => JSON.parse(document.getElementById(id).textContent);

async function answered(response) {
  if (response.ok) return response;
  const problem = await response.json().catch(() => ({ status: response.status, title: response.statusText }));
  throw Object.assign(new Error(problem.title), { problem });
}

export async function get(path) {
  return answered(await fetch(path, { headers: { Accept: "application/json" }, cache: "no-store" }));
}

export async function post(path, body) {
  const response = await fetch(path, {
    method: "POST",
    headers: { "Accept": "application/json", "Content-Type": "application/json", "X-CSRFToken": token() },
    body: jcs.encode(body),
  });
  return (await answered(response)).json();
}

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** One group of blocks; connection trouble and 5xx are tried again, a refusal is final. */
async function putGroup(path, data, { onRetry, held }) {
  for (let attempt = 1; ; attempt += 1) {
    await held();
    try {
      const response = await fetch(path, {
        method: "PUT",
        headers: { "Accept": "application/json", "Content-Type": "application/octet-stream", "X-CSRFToken": token() },
        body: data,
      });
      if (response.status < 500) return await answered(response);
    } catch (problem) {
      if (problem.problem) throw problem;
    }
    if (attempt >= TRIES) throw Object.assign(new Error("upload"), { problem: { code: "upload_interrupted" } });
    onRetry(attempt);
    await pause(Math.min(500 * 2 ** attempt, 15_000));
  }
}

const GROUP = 8;
const IN_FLIGHT = 3;

/**
 * Upload one sealed part in groups of about 8 MiB, three at a time; groups that are there already cost nothing.
 * @param {{base: string, part: string, blob: Blob, headerBytes: number, blocks: number, missing?: number[],
 *   onProgress: (bytes: number) => void, onRetry: (attempt: number) => void, held: () => Promise<void>}} job
 */
export async function upload(job) {
  const { base, part, blob, headerBytes, blocks, missing, onProgress, onRetry, held } = job;
  const start = (number) => (number === 0 ? 0 : headerBytes + (number - 1) * ((1 << 20) + 16));
  const groups = [];
  for (let first = 0; first < blocks; first += GROUP) {
    const last = Math.min(first + GROUP, blocks) - 1;
    if (!missing || missing.some((number) => number >= first && number <= last)) groups.push([first, last]);
    else onProgress(Math.min(start(last + 1), blob.size) - start(first));
  }
  const worker = async () => {
    for (let group = groups.shift(); group; group = groups.shift()) {
      const [first, last] = group;
      const piece = blob.slice(start(first), Math.min(start(last + 1), blob.size));
      await putGroup(`${base}/${encodeURIComponent(part)}/blocks/${first}-${last}`, piece, { onRetry, held });
      onProgress(piece.size);
    }
  };
  await Promise.all(Array.from({ length: IN_FLIGHT }, worker));
}

/** The stored bytes of one part again, for a rehearsal. */
export async function download(base, part, blocks, onProgress) {
  const pieces = [];
  for (let first = 0; first < blocks; first += GROUP) {
    const last = Math.min(first + GROUP, blocks) - 1;
    const response = await get(`${base}/${encodeURIComponent(part)}/blocks/${first}-${last}`);
    const blob = await response.blob();
    pieces.push(blob);
    onProgress(blob.size);
  }
  return new Blob(pieces);
}

/** Offer bytes as a file. */
export function save(name, bytes, media = "application/json") {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([bytes], { type: media }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

export { submissionOf } from "../seal/index.js";

/** A sentence for a refusal of the platform or of the protocol; `words` maps our own codes. */
export function sentence(error, words) {
  const problem = error.problem;
  if (problem?.detail || (problem?.title && !words[problem.code])) return [problem.title, problem.detail].filter(Boolean).join(" — ");
  const code = problem?.code ?? error.code;
  return words[code] ?? (code ? `${words.failed} (${code})` : words.failed);
}
