/* Adding a signing key: a passkey, a key made in this browser, or the public half of one made elsewhere. */
import { fromBase64, post, tell, toBase64Url } from "./bytes.js";
import { makeKey } from "./vault.js";

async function addPasskey(form, name) {
  const options = await post(form.dataset.options);
  const credential = await navigator.credentials.create({
    publicKey: {
      ...options,
      challenge: fromBase64(options.challenge),
      user: { ...options.user, id: fromBase64(options.user.id) },
      excludeCredentials: (options.excludeCredentials || []).map((one) => ({ ...one, id: fromBase64(one.id) })),
    },
  });
  const { response } = credential;
  await post(`${form.dataset.passkeyUrl}?name=${encodeURIComponent(name)}`, {
    id: credential.id,
    rawId: credential.id,
    type: credential.type,
    clientExtensionResults: credential.getClientExtensionResults(),
    response: {
      attestationObject: toBase64Url(response.attestationObject),
      clientDataJSON: toBase64Url(response.clientDataJSON),
      transports: response.getTransports ? response.getTransports() : [],
    },
  });
}

async function addBrowserKey(form, name) {
  const key = await makeKey();
  const { kid } = await post(form.dataset.browserUrl, { name, spki: key.spki });
  await key.keep(kid);
}

/** A key whose private half was made, and stays, elsewhere. */
async function addOutsideKey(form, name) {
  await post(form.dataset.browserUrl, { name, spki: form.elements.namedItem("spki").value.replaceAll(/\s/g, "") });
}

const ADDERS = { passkey: addPasskey, browser: addBrowserKey, outside: addOutsideKey };

for (const form of document.querySelectorAll("[data-key-form]")) {
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const trouble = form.querySelector("[data-passkey-trouble]");
    trouble.hidden = true;
    const name = form.elements.namedItem("name").value.trim();
    try {
      await (ADDERS[event.submitter?.value] ?? addPasskey)(form, name);
      window.location.reload();
    } catch (error) {
      if (error.problem && error.problem.code === "step_up_needed") window.location.assign(form.dataset.stepUp);
      else tell(trouble, error);
    }
  });
}
