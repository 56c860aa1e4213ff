/*
 * Signs a document before its form is sent.
 *
 * <form data-sign="{{ sign_request|tojson|forceescape }}"> … <input type="hidden" name="signature"> … with a
 * <p data-sign-trouble data-failed="…" hidden>. The request comes from kernel.identity.signing.sign_request; the
 * field gets the signature object of the protocol (sealing §2) as JSON text.
 */
import { fromBase64, tell, toBase64 } from "./bytes.js";
import { findKey, signWith } from "./vault.js";

async function byPasskey(request, keys) {
  const credential = await navigator.credentials.get({
    publicKey: {
      challenge: fromBase64(request.challenge),
      rpId: request.rp_id,
      userVerification: "required",
      allowCredentials: keys.map((key) => ({
        type: "public-key",
        id: fromBase64(key.credential_id),
        transports: key.transports,
      })),
    },
  });
  const id = toBase64(credential.rawId);
  const { response } = credential;
  return {
    alg: "webauthn",
    kid: keys.find((key) => key.credential_id === id).kid,
    sig: toBase64(response.signature),
    authenticator_data: toBase64(response.authenticatorData),
    client_data_json: toBase64(response.clientDataJSON),
  };
}

/** The signature object over what a sign request names: by a key of this browser if it has one, else by passkey. */
export async function sign(request) {
  for (const { kid, kind } of request.keys) {
    const key = kind === "software" ? await findKey(kid) : undefined;
    if (key) return { alg: "es256", kid, sig: toBase64(await signWith(key, fromBase64(request.message))) };
  }
  return byPasskey(request, request.keys.filter((key) => key.kind === "passkey"));
}

for (const form of document.querySelectorAll("form[data-sign]")) {
  form.addEventListener("submit", async (event) => {
    const field = form.elements.namedItem("signature");
    if (field.value) return;
    event.preventDefault();
    const { submitter } = event;
    try {
      field.value = JSON.stringify(await sign(JSON.parse(form.dataset.sign)));
      form.requestSubmit(submitter);
    } catch (error) {
      tell(form.querySelector("[data-sign-trouble]"), error);
    }
  });
}
