/* Signing in, or proving presence again, with a passkey. */
import { fromBase64, post, tell, toBase64Url } from "./bytes.js";

async function answer(options) {
  const credential = await navigator.credentials.get({
    publicKey: {
      ...options,
      challenge: fromBase64(options.challenge),
      allowCredentials: (options.allowCredentials || []).map((one) => ({ ...one, id: fromBase64(one.id) })),
    },
  });
  const { response } = credential;
  return {
    id: credential.id,
    rawId: credential.id,
    type: credential.type,
    clientExtensionResults: credential.getClientExtensionResults(),
    response: {
      authenticatorData: toBase64Url(response.authenticatorData),
      clientDataJSON: toBase64Url(response.clientDataJSON),
      signature: toBase64Url(response.signature),
      userHandle: response.userHandle ? toBase64Url(response.userHandle) : null,
    },
  };
}

for (const button of document.querySelectorAll("[data-passkey]")) {
  if (!window.PublicKeyCredential) continue;
  button.hidden = false;
  button.addEventListener("click", async () => {
    const trouble = document.querySelector("[data-passkey-trouble]");
    if (trouble) trouble.hidden = true;
    button.disabled = true;
    try {
      const credential = await answer(await post(button.dataset.passkey));
      const { next } = await post(button.dataset.then, credential);
      window.location.assign(next);
    } catch (error) {
      tell(trouble, error);
    } finally {
      button.disabled = false;
    }
  });
}
